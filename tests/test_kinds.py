"""Kinds of variables: renumbered symbols, rescaled labels, labels that mean none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import run_of
from hypothesis import given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.analysis.estimators.label_bins import LABEL_BINS, quantile_labels
from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.kinds import ignored_rows, kind_of_inputs, stray_label
from infoplane.types import continuous

SPECS = [
    "exact",
    "knn",
    "mixed",
    "ksg",
    "gauss",
    "gauss:copula=true",
    "bin:szt",
    "bin:range",
    "kde:variance=0.1",
    "renyi",
    "hsic",
]


def archive_of(
    path: Path, x: np.ndarray, z: np.ndarray, y: np.ndarray, **options: object
) -> ip.Archive:
    return run_of(path, [{"z": z}], classes={"z": "Tanh"}, x=x, y=y, **options)


def numbers(archive: ip.Archive, quantity: str) -> dict[str, float]:
    plane = ip.measure(archive, SPECS, resume=False)
    return {f"{p.estimator} {p.sense}": p.bits for p in plane.select(quantity=quantity)}


@pytest.mark.parametrize("copies", [1, 12])
def test_renumbering_a_vocabulary_changes_no_information_about_the_input(
    tmp_path: Path, copies: int
) -> None:
    rng = np.random.default_rng(copies)
    ids = np.repeat(rng.integers(0, 40, (300 // copies, 2)), copies, axis=0)
    z = np.tanh(rng.normal(size=(40, 2))[ids].sum(axis=1)) + 0.1 * rng.normal(size=(len(ids), 2))
    renumbered = rng.permutation(40)[ids]
    y = ids[:, 0] % 2
    one, other = (
        numbers(archive_of(tmp_path / name, x, z, y), "i_xz")
        for name, x in (("a", ids), ("b", renumbered))
    )
    assert one and one == pytest.approx(other, abs=1e-9)


def test_integers_stated_as_amounts_are_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (400, 1))
    z = x / 256 + 0.05 * rng.normal(size=(400, 1))
    archive = archive_of(tmp_path / "a", x, z, x[:, 0] % 2, x_kind="continuous")
    assert archive.x_kind == "continuous" and numbers(archive, "i_xz")["gauss point"] > 1


def test_symbols_alone_with_their_row_are_refused_with_the_remedy(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = np.arange(200)[:, None]
    archive = archive_of(tmp_path / "a", x, rng.normal(size=(200, 2)), x[:, 0] % 2)
    plane = ip.measure(archive, ["knn"], resume=False)
    assert [p.quantity for p in plane] == ["i_zy"]
    assert any("x_kind='continuous'" in note for note in plane.points[0].estimate.notes)


def test_a_layer_that_holds_token_ids_is_symbols_too(tmp_path: Path) -> None:
    ids = torch.randint(0, 20, (200, 2), generator=torch.Generator().manual_seed(0))
    net = torch.nn.Sequential(torch.nn.Embedding(20, 2), torch.nn.Flatten(), torch.nn.Linear(4, 2))
    found = []
    for name, x in (("a", ids), ("b", 19 - ids)):
        with ip.Recorder(
            net, probe=(x, ids[:, 0] % 3), to=tmp_path / name, layers=["0:input"], verbose=False
        ):
            pass
        plane = ip.measure(tmp_path / name, ["bin:szt", "bin:range", "exact"])
        found.append([p.bits for p in plane])
    assert found[0] == found[1]


@settings(max_examples=6, deadline=None)
@given(
    scale=st.sampled_from([1e-3, 0.01, 3.0, 1000.0, -1.0, -0.5]),
    shift=st.sampled_from([-1.0, 0.0, 2.0]),
    seed=st.integers(0, 1000),
)
def test_quantile_bins_of_labels_do_not_know_their_scale(
    scale: float, shift: float, seed: int
) -> None:
    y = np.random.default_rng(seed).integers(-50, 50, (97, 2)) / 8
    here, there = (quantile_labels(continuous(v)).values for v in (y, scale * y + shift))
    assert ((there if scale > 0 else LABEL_BINS - 1 - there) == here).all()


@pytest.mark.parametrize("spec", ["bin:szt", "bin:saxe,width=0.5", "bin:range", "bin:quantile,n=8"])
def test_bins_say_the_same_of_continuous_labels_in_any_unit(tmp_path: Path, spec: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2))
    found = []
    for k, scale in enumerate((1.0, 0.01, 1000.0, -2.0)):
        y = x[:, 0] * scale + 1
        archive = archive_of(tmp_path / str(k), x, np.tanh(x), y, y_kind="continuous")
        (point,) = ip.measure(archive, spec).select(quantity="i_zy")
        assert "quantile bins of its own" in " ".join(point.estimate.notes)
        found.append(point.bits)
    assert found == pytest.approx([found[0]] * 4, abs=1e-12)


def test_old_runs_read_integers_as_symbols_and_floats_as_amounts() -> None:
    assert [kind_of_inputs([k]) for k in "iubf"] == ["discrete"] * 3 + ["continuous"]


def test_rows_with_the_ignored_label_are_left_out_and_counted(tmp_path: Path) -> None:
    y = torch.arange(120) % 3
    y[::4] = -100
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())
    x, ids = torch.randn(120, 4), np.arange(120)
    with pytest.warns(UserWarning, match=r"30 of 120 probe rows have the label -100"):
        recorder = ip.Recorder(net, probe=(x, y), to=tmp_path / "r", row_ids=ids, verbose=False)
    with recorder:
        pass
    archive = ip.open_archive(tmp_path / "r")
    assert archive.n_rows == 90 and sorted(np.unique(archive.y)) == [0, 1, 2]
    assert (archive.row_ids == ids[y.numpy() != -100]).all()
    assert any("-100" in str(note) for note in archive.config["notes"])


def test_rows_that_one_of_several_label_sets_ignores_are_left_out_of_all(tmp_path: Path) -> None:
    kind, colour = torch.arange(120) % 3, torch.arange(120) % 2
    kind[::4] = -100
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh())
    sets = {"kind": kind, "colour": colour}
    with pytest.warns(UserWarning, match=r"30 of 120 probe rows have the label -100"):
        recorder = ip.Recorder(
            net, probe=torch.randn(120, 4), y=sets, to=tmp_path / "r", verbose=False
        )
    with recorder:
        pass
    archive = ip.open_archive(tmp_path / "r")
    assert (archive.with_label("kind").y == kind[kind >= 0].numpy()).all()
    assert (archive.with_label("colour").y == colour[kind >= 0].numpy()).all()


@pytest.mark.parametrize(
    ("y", "ignored"),
    [
        ([0, -100, 2], 1),
        ([0.0, -100.0, 2.0], 1),
        ([[0], [-100], [2]], 1),
        ([0.5, -100.0, 2.0], 0),
        ([0.0, float("nan"), -100.0], 0),
        ([-100, -3, 2], 0),
        ([0, 1, 2], 0),
        ([[0, -100], [1, 2]], 0),
    ],
)
def test_only_a_lone_negative_label_is_the_ignored_one(y: list[int], ignored: int) -> None:
    assert int(ignored_rows(np.array(y)).sum()) == ignored


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.array([0, 1, -100, 1] * 5), "leave these rows out"),
        (np.array([0.5, np.nan] * 10), "NaN or infinity in 10 of 20 rows"),
        (np.array([0.0, 1.0] * 10), "2 different whole numbers"),
    ],
)
def test_labels_that_mean_none_are_refused_by_the_archive(
    tmp_path: Path, y: np.ndarray, words: str
) -> None:
    kind = {"y_kind": "continuous"} if np.isnan(y).any() else {}
    with pytest.raises(InputError, match=words):
        archive_of(tmp_path / "a", np.zeros((20, 1)), np.zeros((20, 1)), y, **kind)


def test_float_labels_that_are_classes_are_named_by_the_recorder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 different whole numbers"):
        ip.Recorder(
            torch.nn.Linear(2, 2),
            probe=(torch.randn(20, 2), torch.arange(20).float() % 2),
            to=tmp_path / "r",
        )


@pytest.mark.parametrize("first", [[0, 1] * 10, [0, -100] * 10])
def test_a_label_set_of_another_length_is_refused_by_its_name(
    tmp_path: Path, first: list[int]
) -> None:
    with pytest.raises(InputError, match="labels 'short': expected one for each of 20 samples"):
        ip.Recorder(
            torch.nn.Linear(2, 2),
            probe=torch.randn(20, 2),
            y={"first": first, "short": [0, 1]},
            to=tmp_path / "r",
        )


def _recorded(y: Mapping[str, np.ndarray], to: Path) -> Archive:
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    with ip.Recorder(net, probe=torch.randn(12, 3), y=y, to=to, layers=["1"], verbose=False):
        pass
    return ip.open_archive(to)


def _imported(y: Mapping[str, np.ndarray], to: Path) -> Archive:
    return ip.from_arrays({"1": np.random.default_rng(0).normal(size=(12, 2))}, y=y, to=to)


@pytest.mark.filterwarnings("ignore:.*which losses ignore")
@pytest.mark.parametrize("make", [_recorded, _imported])
def test_a_row_that_one_of_several_label_sets_ignores_is_left_out(
    make: Callable[[Mapping[str, np.ndarray], Path], Archive], tmp_path: Path
) -> None:
    few, many = np.arange(12) % 2, np.arange(12) % 3
    run = make(
        {"few": np.r_[-100, few[1:]], "many": np.r_[many[:-2], -100, -100]}, tmp_path / "run"
    )
    assert run.n_rows == 9
    assert np.array_equal(run.with_label("few").y, few[1:-2])
    assert np.array_equal(run.with_label("many").y, many[1:-2])


@pytest.mark.filterwarnings("ignore:.*which losses ignore")
@pytest.mark.parametrize("make", [_recorded, _imported])
def test_a_label_set_that_ignores_every_row_is_refused(
    make: Callable[[Mapping[str, np.ndarray], Path], Archive], tmp_path: Path
) -> None:
    y = {"none": np.full(12, -100), "some": np.r_[-100, np.arange(11) % 2]}
    with pytest.raises(InputError, match="11 of 11 labels are -100"):
        make(y, tmp_path / "run")


def test_other_labels_than_those_of_the_probe_are_warned_of(tmp_path: Path) -> None:
    x, y = torch.randn(12, 3), torch.arange(12) % 3
    net = torch.nn.Linear(3, 2)
    ip.Recorder(net, probe=(x, y), y=y.numpy(), to=tmp_path / "same")
    ip.Recorder(net, probe=(x, y), y={"given": y, "halves": y % 2}, to=tmp_path / "both")
    ids, rule = torch.arange(36).reshape(12, 3), {"first": "token", "where": "position"}
    ip.Recorder(net, probe=(ids, y), rows="token", y=rule, to=tmp_path / "tokens")
    with pytest.warns(RuntimeWarning, match="takes the place of the labels of the probe"):
        ip.Recorder(net, probe=(x, y), y=y % 2, to=tmp_path / "other")


@pytest.mark.parametrize(
    ("labels", "stray"),
    [
        ([0, 1, 2, -1], -1),
        ([0, 1, 255], 255),
        (list(range(19)) + [255] * 3, 255),
        ([-1, 1], None),
        ([-1, 0, 1], None),
        ([-1, 0, 2, 3], None),
        ([-2, -1, 0, 1, 2], None),
        (list(range(256)), None),
        ([0, 1, 2], None),
    ],
)
def test_a_label_that_may_mean_none_stands_beside_whole_classes(
    labels: list[int], stray: int | None
) -> None:
    assert stray_label(np.array(labels)) == stray


@pytest.mark.parametrize("none", [-1, 255, ""])
def test_labels_that_may_mean_none_are_counted_with_a_word(tmp_path: Path, none: object) -> None:
    y = [none if row % 4 == 0 else row % 3 for row in range(40)]
    if none == "":
        y = [str(label) for label in y]
    with pytest.warns(UserWarning, match="10 of 40 labels are"):
        run = ip.from_arrays(
            {"l": np.eye(40)[:, :3]}, x=np.arange(40), y=np.array(y), to=tmp_path / "run"
        )
    assert run.n_rows == 40
