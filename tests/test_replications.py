"""The replications: closed forms whole, trained ones in miniature; `infoplane replicate --quick` is the middle size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import InputError
from infoplane.hooks.quantise import FakeQuantise, quantised
from infoplane.replications import claims, replicate
from infoplane.replications.frame import Result, outcome_of
from infoplane.replications.page import write_page
from infoplane.replications.saxe2018 import minimal_entropy

NAMED = {
    "szt2017", "saxe2018-relu", "saxe2018-range", "saxe2018-batch", "saxe2018-minimal", "goldfeld2019", "lorenzen2022", "chelombiev2019",
    "kolchinsky2019", "xu2020", "saxe2018-snr", "geiger2021",
}  # fmt: skip


def test_every_headline_result_has_its_command() -> None:
    known = claims()
    assert set(known) >= NAMED and len(known) >= 18
    for claim in known.values():
        assert (
            claim.statement and claim.setting and any(year in claim.reference for year in ("2017", "2018", "2019", "2020", "2021", "2022"))
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
    with pytest.raises(InputError, match="no such replication"):
        replicate(["nobody1999"], out=tmp_path)
    with pytest.raises(InputError, match="at least one seed"):
        replicate(["geiger2021"], out=tmp_path, seeds=0)


def test_verdicts() -> None:
    assert outcome_of(True, 0, [0, 1, 2], quick=False) == "replicated"
    assert outcome_of(False, 3, [0, 1, 2], quick=False) == "not replicated"
    assert outcome_of(False, 1, [0, 1, 2], quick=False) == "undetermined"
    assert outcome_of(False, 3, [0, 1, 2], quick=True) == "undetermined"


def test_the_page_shows_every_seed(tmp_path: Path) -> None:
    result = Result("szt2017", "not replicated", "drop > 2 bits", {"drop [bits]": [2.5, 0.1, 1.0]}, [0, 1, 2], 2, False, "note")
    text = write_page([result], tmp_path / "results.md").read_text()
    assert "| drop [bits] | 2.5, 0.1, 1 |" in text and "**not replicated**" in text and "Shwartz-Ziv" in text


@pytest.mark.slow
def test_trained_claims_run_in_miniature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infoplane.replications.runs.EPOCHS", {True: 12, False: 12})
    monkeypatch.setattr("infoplane.replications.lorenzen2022.EPOCHS", {True: 12, False: 12})
    names = [n for n in claims() if n not in ("saxe2018-batch",)]
    results = replicate(names, out=tmp_path, seeds=1, quick=True, say=lambda text: None)
    by_name = {r.claim: r for r in results}
    assert by_name["goldfeld2019"].outcome == by_name["kolchinsky2019"].outcome == "replicated"  # true at every epoch
    assert by_name["lorenzen2022"].numbers["8-bit: violations and faults"] == [0.0]
    assert all(np.isfinite(v) or k == "ratio" for r in results for k, values in r.numbers.items() for v in values)


@pytest.mark.slow
def test_the_main_claim_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    with ip.Recorder(view, probe=(x, y), to=tmp_path / "run", layers="q*", batch_size=len(x), verbose=False):
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
    assert ip.estimators.Gaussian().estimate(ip.continuous(x), ip.continuous(z)).bits == pytest.approx(truth, abs=0.02)
    assert 0.45 < y.mean() < 0.55
    assert gaussian.train(gaussian.network(seed=0), epochs=20, seed=0, lr=1e-2).test_accuracy > 0.9
