"""Arguments as people give them in Python: what was expected, what came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import run_of

import infoplane as ip
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.measuring.arguments import estimators_of
from infoplane.analysis.resampling.permutation_null import permutation_null
from infoplane.analysis.studies.compare import pool
from infoplane.analysis.studies.compression import compression
from infoplane.analysis.studies.histograms import histograms
from infoplane.archive import Archive
from infoplane.errors import InfoplaneError, InputError
from infoplane.plane import Plane


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(40, 2)).astype(np.float32)
    steps = [{"a": rows * (1 + step), "b": np.tanh(rows)} for step in range(3)]
    split = np.array(["train", "test"] * 20)
    return run_of(tmp_path_factory.mktemp("arguments") / "run", steps, split=split)


Wrong = tuple[Callable[[Archive], object], str]
WRONG: dict[str, Wrong] = {
    "a number for a run": (lambda run: ip.measure(3), "the path of a run, got int"),  # type: ignore[arg-type]
    "a plane for a run": (lambda run: ip.phases(ip.measure(run, "exact")), "got Plane"),  # type: ignore[arg-type]
    "a word for layers": (lambda run: ip.measure(run, "exact", layers="a"), "list of layers"),
    "no layers": (lambda run: ip.measure(run, "exact", layers=[]), r"\['a', 'b'\], got \[\]"),
    "a number for steps": (lambda run: ip.drift(run, steps=1), "list of steps"),  # type: ignore[arg-type]
    "words for steps": (lambda run: ip.measure(run, "exact", steps=["1"]), r"\['1'\]; the .*2\]$"),  # type: ignore[list-item]
    "no workers": (lambda run: ip.measure(run, "exact", workers=0), "workers: .*from 1 up, got 0"),
    "a negative seed": (lambda run: ip.measure(run, "exact", seed=-1), "seed: expected a whole"),
    "a word for a seed": (lambda run: ip.train_and_held_out(run, seed="a"), "seed: .* got 'a'"),  # type: ignore[arg-type]
    "one split": (lambda run: ip.measure(run, "exact", errorbars=1), "at least 2 half-sample"),
    "half a split": (lambda run: ip.measure(run, "exact", errorbars=2.5), "errorbars: .*2.5"),  # type: ignore[arg-type]
    "fewer than no draws": (lambda run: ip.measure(run, "exact", null=-3), "null: .* got -3"),
    "no scheduler": (lambda run: ip.measure(run, "exact", dask="nowhere"), "no scheduler answers"),
    "no plane to check": (lambda run: ip.check_dpi(None), "got NoneType"),  # type: ignore[arg-type]
    "a level for settings": (lambda run: ip.check_dpi(run, 0.05), "expected DPISettings"),  # type: ignore[arg-type]
    "a word for a level": (lambda run: DPISettings(alpha="x"), "between 0 and 1, got 'x'"),  # type: ignore[arg-type]
    "half a permutation": (lambda run: DPISettings(permutations=1.5), "permutations: .*1.5"),  # type: ignore[arg-type]
    "a word for splits": (lambda run: ip.phases(run, "exact", splits="a"), "splits: .* got 'a'"),  # type: ignore[arg-type]
    "fewer divisions than none": (lambda run: ip.train_and_held_out(run, divisions=-1), "got -1"),
    "a class for an estimator": (lambda run: ip.measure(run, ip.estimators.KSG), r"give KSG\(\)"),  # type: ignore[arg-type]
    "no estimator": (lambda run: ip.phases(run, []), "at least one estimator"),
    "a word for bins": (lambda run: histograms(run, "a", bins="x"), "bins: .* got 'x'"),  # type: ignore[arg-type]
    "a width of NaN": (lambda run: ip.width_sweep(run, "a", widths=[np.nan]), "positive widths"),
    "words for widths": (lambda run: ip.width_sweep(run, "a", widths=["x"]), "positive widths"),  # type: ignore[list-item]
    "an unknown quantity": (lambda run: ip.invariance(run, quantity="x"), "i_xz or i_zy, got 'x'"),  # type: ignore[arg-type]
    "planes without names": (lambda run: pool([ip.measure(run, "exact")] * 2), "by the name of"),  # type: ignore[arg-type]
    "a number for a file": (lambda run: ip.measure(run, "exact").save(3), "path .* got 3"),  # type: ignore[arg-type]
    "a number for an archive": (lambda run: ip.open_archive(3), "path of a file or folder, got 3"),  # type: ignore[arg-type]
    "a word for a step": (lambda run: ip.measure(run, "exact").select(step="a"), "whole .* 'a'"),  # type: ignore[arg-type]
    "a word for progress": (lambda run: ip.measure(run, "exact", progress="yes"), "got 'yes'"),  # type: ignore[arg-type]
    "empty planes": (lambda run: pool(dict.fromkeys("ab", Plane((), ("a",), 9))), "plane is empty"),
    "arrays for variables": (
        lambda run: ip.conditional_information("exact", *np.zeros((3, 4))),  # type: ignore[arg-type]
        "expected variables, made by ip.discrete or ip.continuous, got ndarray",
    ),
    "arrays for a null": (
        lambda run: permutation_null("exact", *np.zeros((2, 4)), rng=np.random.default_rng(0)),  # type: ignore[arg-type]
        "got ndarray",
    ),
    "a curve of NaN": (
        lambda run: compression(range(3), [(np.full(3, np.nan), np.zeros(3))] * 2, np.zeros(3)),
        "a finite number for each of 3 steps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_refused_by_what_was_expected(run: Archive, name: str) -> None:
    call, words = WRONG[name]
    with pytest.raises(InfoplaneError, match=words):
        call(run)


def test_one_estimator_stands_for_a_list_of_one_and_is_taken_once(run: Archive) -> None:
    assert [one.name for one in estimators_of("exact")] == ["exact"]
    assert len(ip.measure(run, ("exact", "exact"))) == len(ip.measure(run, "exact"))


def test_a_plane_is_not_checked_with_another_run(run: Archive, tmp_path: Path) -> None:
    other = run_of(tmp_path / "other", [{"a": np.eye(4, dtype=np.float32)}])
    plane = ip.measure(run, "exact", layers=["a"])
    file = plane.save(tmp_path / "plane.h5")
    with pytest.raises(InputError, match="other is another run than the one that the plane"):
        ip.check_dpi(plane, archive=other)
    with pytest.raises(InputError, match="other is another run than the one that the plane"):
        ip.check_dpi(Plane.load(file, run=other.path))
    assert ip.check_dpi(plane, archive=run.path).checked == ip.check_dpi(plane).checked
