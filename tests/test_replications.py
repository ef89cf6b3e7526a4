"""Replications: closed forms whole, trained networks in miniature."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

import infoplane as ip
from infoplane.analysis.estimators.gram import gram, silverman_width
from infoplane.analysis.plot.evidence import draw_lines, draw_numbers
from infoplane.cli import app
from infoplane.errors import InputError
from infoplane.hooks.quantise import FakeQuantise, quantised
from infoplane.replications import claims, replicate
from infoplane.replications.frame import Result, outcome_of
from infoplane.replications.goldfeld2019 import noisy_network
from infoplane.replications.hewitt2021 import pointer_task
from infoplane.replications.page import write_page
from infoplane.replications.power2022 import PRIME, addition
from infoplane.replications.saxe2018 import minimal_entropy
from infoplane.replications.saxe2018_linear import (
    Teacher,
    channel_bits,
    fall,
    lost_again,
    weights_of,
)
from infoplane.replications.yu2020 import per_channel, rises
from infoplane.replications.zhang2017 import beyond_chance

NAMED = {
    "szt2017",
    "saxe2018-relu",
    "saxe2018-range",
    "saxe2018-batch",
    "saxe2018-minimal",
    "goldfeld2019",
    "lorenzen2022",
    "chelombiev2019",
    "kolchinsky2019",
    "xu2020",
    "saxe2018-snr",
    "geiger2021",
    "linear",
    "bin-count",
    "activations",
    "small-sets",
    "subspace",
    "goldfeld2019-noisy",
    "random-labels",
    "voita2019",
    "voita2019-masked",
    "yu2020",
    "yu2019",
    "saxe2018-digits",
    "transformer",
    "grokking",
}


def test_every_headline_result_has_its_command() -> None:
    known = claims()
    assert set(known) >= NAMED
    for claim in known.values():
        assert (
            claim.statement
            and claim.setting
            and any(
                year in claim.reference for year in ("2017", "2018", "2019", "2020", "2021", "2022")
            )
        )


@pytest.mark.parametrize("name", ["saxe2018-minimal", "geiger2021"])
def test_closed_forms_replicate(name: str, tmp_path: Path) -> None:
    assert replicate([name], out=tmp_path, say=lambda text: None)[0].outcome == "replicated"


def test_the_minimal_model_against_sampling() -> None:
    h = np.tanh(2.0 * np.random.default_rng(0).normal(size=400_000))
    p = np.histogram(h, 30, (-1, 1))[0] / len(h)
    assert minimal_entropy(2.0) == pytest.approx(-(p[p > 0] * np.log2(p[p > 0])).sum(), abs=0.005)


def test_a_result_is_read_again_and_a_wrong_name_is_refused(tmp_path: Path) -> None:
    said: list[str] = []
    first = replicate(["geiger2021"], out=tmp_path, seeds=1, say=said.append)
    again = replicate(["geiger2021"], out=tmp_path, seeds=1, say=said.append)
    assert again == first and "cached" in said[-1]
    stored = tmp_path / "full" / "geiger2021.json"
    stored.write_text(
        stored.read_text().replace(first[0].source, "0badc0de")
    )  # judged by other code
    replicate(["geiger2021"], out=tmp_path, seeds=1, say=said.append)
    assert "cached" not in said[-1]
    stored.write_text("{}")
    assert (
        replicate(["geiger2021"], out=tmp_path, seeds=1, say=said.append)[0].outcome == "replicated"
    )
    with pytest.raises(InputError, match="no such replication"):
        replicate(["nobody1999"], out=tmp_path)
    with pytest.raises(InputError, match="at least one seed"):
        replicate(["geiger2021"], out=tmp_path, seeds=0)


def test_verdicts() -> None:
    assert outcome_of(True, 0, 3, quick=False) == "replicated"
    assert outcome_of(False, 3, 3, quick=False) == "not replicated"
    assert outcome_of(False, 1, 3, quick=False) == "undetermined"
    assert outcome_of(False, 3, 3, quick=True) == "undetermined"


def test_the_page_shows_every_seed(tmp_path: Path) -> None:
    result = Result(
        "szt2017",
        "not replicated",
        "drop > 2 bits",
        {"drop [bits]": [2.5, 0.1, 1.0]},
        [0, 1, 2],
        2,
        False,
        "note",
    )
    text = write_page([result], tmp_path / "results.md", tmp_path).read_text()
    assert (
        "| drop [bits] | 2.5, 0.1, 1 |" in text
        and "**not replicated**" in text
        and "Shwartz-Ziv" in text
    )


TINY = {
    "runs.EPOCHS": 12,
    "runs.CHECKPOINTS": 5,
    "lorenzen2022.EPOCHS": 12,
    "lorenzen2022.CHECKPOINTS": 5,
    "goldfeld2019.EPOCHS": 12,
    "saxe2018_linear.UPDATES": 30,
    "saxe2018_digits.EPOCHS": 3,
    "yu2019.EPOCHS": 2,
    "yu2020.EPOCHS": 2,
    "hewitt2021.EPOCHS": 2,
    "power2022.UPDATES": 30,
    "voita2019.UPDATES": 2,
    "voita2019.MASKED_UPDATES": 2,
    "voita2019.ROWS": 400,
}


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
def test_claims_run_in_miniature_and_leave_archive_plane_and_picture(
    half: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TINY.items():
        monkeypatch.setattr(f"infoplane.replications.{name}", {True: value, False: value})
    names = [n for n in claims() if n not in ("saxe2018-batch", "activations", "small-sets")][
        half::2
    ]  # those are the same code at other arguments
    results = replicate(names, out=tmp_path, seeds=1, quick=True, say=lambda text: None)
    assert len(results) >= 10
    for r in results:
        assert (
            r.claim not in ("goldfeld2019", "kolchinsky2019") or r.outcome == "replicated"
        )  # true at every epoch
        assert r.numbers.get("8-bit: violations and faults", [0.0]) == [0.0]
    assert all(
        r.outcome in ("replicated", "undetermined") for r in results
    )  # a quick run never says that a claim failed
    for r in results:
        kinds = {
            Path(f).suffix if f.startswith("planes") or f.endswith(".png") else "run"
            for f in r.files
        }
        assert all((tmp_path / "quick" / f).exists() for f in r.files)
        assert kinds >= {".png"} | ({"run"} if r.claim != "saxe2018-minimal" else set())
        assert ".h5" in kinds or r.claim == "saxe2018-minimal"  # a closed form
    page = write_page(results, tmp_path / "docs.md", tmp_path / "quick").read_text()
    assert page.count("Kept:") >= len(results) - 1 and page.count(".png)") >= 2 * len(results) - 4


@pytest.mark.slow
def test_the_main_claim_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        app(
            [
                "replicate",
                "szt2017",
                "saxe2018-range",
                "xu2020",
                "--quick",
                "--seeds",
                "1",
                "--out",
                str(tmp_path),
                "--markdown",
                str(tmp_path / "r.md"),
            ]
        )
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert said.count("replicated") >= 3 and "[bits]" in said and (tmp_path / "r.md").is_file()
    stored = json.loads((tmp_path / "quick" / "szt2017.json").read_text())
    assert stored["outcome"] == "replicated" and stored["numbers"]["drop of layer 5 [bits]"][0] > 2


def test_quantised_networks_are_exact_chains(tmp_path: Path) -> None:
    x, y = ip.data.szt.load()
    net = ip.data.szt.network("tanh", seed=0)
    view = quantised(net, 4)
    with ip.Recorder(
        view, probe=(x, y), to=tmp_path / "run", layers="q*", batch_size=len(x), verbose=False
    ):
        pass
    archive = ip.open_archive(tmp_path / "run")
    for layer in archive.layers:
        assert len(np.unique(archive.z(0, layer))) <= 16
    plane = ip.measure(archive, "exact")
    bits = [plane.series(layer, "i_xz", "exact")[1][0].bits for layer in archive.layers]
    assert bits == sorted(bits, reverse=True) and bits[-1] < 12
    assert ip.check_dpi(plane).passed
    assert next(view.parameters()) is next(net.parameters())


def test_the_quantiser_by_its_formula() -> None:
    t = torch.tensor([0.0, 0.1, 0.49, 0.51, 1.0])
    assert torch.allclose(FakeQuantise(1)(t), torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0]))
    assert torch.equal(FakeQuantise(3)(torch.ones(4)), torch.ones(4))
    with pytest.raises(InputError, match="between 1 and 16"):
        FakeQuantise(0)
    with pytest.raises(InputError, match=r"expected an nn\.Sequential"):
        quantised(torch.nn.Linear(2, 2), 8)  # type: ignore[arg-type]  # wrong on purpose


def test_the_gaussian_task_has_its_closed_form() -> None:
    gaussian = ip.data.gaussian
    x, y = gaussian.load(20_000)
    w = np.random.default_rng(1).normal(size=(2, 3))
    z = x @ w.T + np.random.default_rng(2).normal(size=(len(x), 2))
    truth = gaussian.information_bits(w)
    assert ip.estimators.Gaussian().estimate(
        ip.continuous(x), ip.continuous(z)
    ).bits == pytest.approx(truth, abs=0.02)
    assert 0.45 < y.mean() < 0.55
    assert gaussian.train(gaussian.network(seed=0), epochs=20, seed=0, lr=1e-2).test_accuracy > 0.9


def test_the_information_of_a_linear_layer_has_its_closed_form() -> None:
    teacher = Teacher(relevant=30, seed=0, noise=1.0)
    w = np.random.default_rng(0).normal(size=(100, 100))
    bits = channel_bits(w, teacher)
    assert bits["I(T;X)"] == pytest.approx(ip.data.gaussian.information_bits(w, 1.0), abs=1e-9)
    assert (
        bits["I(T;X relevant)"] + bits["I(T;X irrelevant)"] < bits["I(T;X)"]
    )  # independent inputs explain away
    blind = np.where(np.arange(100) < 30, w, 0.0)
    assert channel_bits(blind, teacher)["I(T;X irrelevant)"] == pytest.approx(0.0, abs=1e-9)
    # one unit that is the teacher's own signal of variance 1, noise 1 on both sides: correlation
    # 1/2, 1/2 log2 1/(1 - 1/4)
    assert channel_bits(teacher.weights, teacher)["I(T;Y)"] == pytest.approx(
        0.5 * np.log2(4 / 3), abs=1e-9
    )


def test_the_weights_of_a_linear_student_are_read_from_its_archive(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(100, 100, bias=False))
    x, y = Teacher(100, 0).draw(400, 3)
    with ip.Recorder(
        net, probe=(x, y), y_kind="continuous", to=tmp_path / "run", layers=["0"], verbose=False
    ):
        pass
    assert np.allclose(
        weights_of(ip.open_archive(tmp_path / "run"), 0), net[0].weight.detach().numpy(), atol=1e-4
    )


def test_what_a_curve_gained_and_lost() -> None:
    assert fall([0.0, 2.0, 1.5]) == 0.5
    assert (
        lost_again([0.0, 2.0, 1.5]) == 0.25
        and lost_again([0.0, 1.0, 2.0]) == 0.0
        and lost_again([1.0, 2.0, 0.0]) == 2.0
    )
    assert lost_again([1.0, 1.0]) == 0.0 and lost_again([2.0, 1.0]) == 1.0


def test_one_kernel_on_scaled_channels_is_the_product_of_the_channels_kernels() -> None:
    z = (
        np.random.default_rng(0).normal(size=(30, 3, 2, 2))
        * np.array([1.0, 5.0, 0.2])[:, None, None]
    )
    product = np.ones((30, 30))
    for c in range(3):
        channel = z[:, c].reshape(30, -1)
        product *= 30 * gram(ip.continuous(channel), silverman_width(channel, gamma=5.0))
    assert np.allclose(30 * gram(ip.continuous(per_channel(z)), 1.0), product, atol=1e-6)
    assert rises([[3.0, 3.0], [2.0, 2.5], [2.2, 1.0]]) == pytest.approx(0.2)


def test_small_tasks_are_what_they_say() -> None:
    x, y = pointer_task()
    assert len(np.unique(x, axis=0)) == 2048 and y.mean() == 0.5
    assert all(y[i] == x[i, x[i, 8] - 2] for i in (0, 7, 100, 2047))
    pairs, total = addition()
    assert (
        np.array_equal((pairs[:, :PRIME].argmax(1) + pairs[:, PRIME:].argmax(1)) % PRIME, total)
        and len(np.unique(pairs, axis=0)) == PRIME**2
    )


def test_a_noisy_network_is_captured_with_the_noise_of_the_layers_below(tmp_path: Path) -> None:
    x, y = ip.data.szt.load()
    with ip.Recorder(
        noisy_network(0),
        probe=(x[:64], y[:64]),
        to=tmp_path / "run",
        layers="act*",
        mode="train",
        draws=3,
        noise="independent",
        verbose=False,
    ):
        pass
    archive = ip.open_archive(tmp_path / "run")
    first, second = (archive.z(0, name).reshape(3, 64, -1) for name in ("act1", "act2"))
    assert np.array_equal(first[0], first[1])  # no noise below it
    assert np.abs(second[0] - second[1]).max() > 0.01  # the first layer's noise is in it
    plane = ip.measure(archive, "noisy:sigma=0.1,draws=2")
    bits = [
        plane.series(name, "i_xz", "noisy:sigma=0.1,draws=2")[1][0].bits for name in archive.layers
    ]
    assert plane.h_x_bits == pytest.approx(6.0) and 0 < bits[-1] < bits[0] <= 6.01


def test_memorised_labels_are_beyond_chance_where_they_were_seen(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    split = np.where(np.arange(400) < 200, "train", "test")
    layer = torch.nn.Sequential(OrderedDict(act5=torch.nn.Identity()))
    z = np.where(split == "train", y - 0.5, rng.random(400) - 0.5).astype(np.float32)[
        :, None
    ]  # the label where it was seen, noise elsewhere
    with ip.Recorder(
        layer, probe=(z, y), to=tmp_path / "run", layers=["act5"], split=split, verbose=False
    ):
        pass
    archive = ip.open_archive(tmp_path / "run")
    assert beyond_chance(archive, "train").p < 0.01 and beyond_chance(archive, "test").p > 0.05


def test_numbers_are_drawn_one_dot_per_seed_beside_their_limit() -> None:
    figure = draw_numbers(
        {"drop [bits]": [1.0, 2.0, 3.0], "ratio": [0.1, np.inf]}, {"drop [bits]": 1.5}
    )
    bits, ratio = figure.axes
    assert (
        bits.collections[0].get_offsets().tolist() == [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]
        and bits.get_xlabel() == "bits"
    )
    assert [line.get_xdata()[0] for line in bits.lines] == [2.0, 1.5]
    assert len(ratio.collections[0].get_offsets()) == 1
    lines = (
        draw_lines([0, 1, 2], {"a": [[0, 1, 2], [0, 3, 4], [0, 2, 9]]}, x_label="x", y_label="y")
        .axes[0]
        .lines
    )
    assert lines[-1].get_ydata().tolist() == [0.0, 2.0, 4.0] and len(lines) == 4


def test_the_docstrings_are_text_of_known_letters() -> None:
    from infoplane.data.docstrings import LETTERS, VOCABULARY, text, tokens, windows

    assert len(text()) > 200_000
    assert set(text()) <= set(LETTERS)
    codes = tokens()
    assert int(codes.min()) == 1
    assert int(codes.max()) < VOCABULARY
    assert windows(codes, 9, 4, np.random.default_rng(0)).shape == (4, 9)
