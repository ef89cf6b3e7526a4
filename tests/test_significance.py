"""Chance of an excess: half samples and permutations."""

from __future__ import annotations

import math
from dataclasses import astuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from builders import one_step
from scipy import stats

import infoplane as ip
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import Resampler, plug_in_bias
from infoplane.analysis.estimators import parse
from infoplane.analysis.measuring.plane_point import plane_points
from infoplane.analysis.measuring.variables import input_variable, label_variable
from infoplane.analysis.resampling.half_samples import rows_of_halves
from infoplane.archive import RunWriter
from infoplane.types import LayerInfo, continuous


def test_an_excess_that_never_varies_is_no_chance_and_one_of_codes_is_not_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    codes: dict[str, Any] = {"up": None, "down": None}
    evidence = SimpleNamespace(
        archive=SimpleNamespace(n_rows=8, y=None, y_kind=None, path=Path("none")),
        plane=SimpleNamespace(file=None),
        codes=lambda step, layer, spec: codes[layer],
        has_codes=lambda spec: False,
    )
    tester = Resampler(evidence, DPISettings(permutations=9, splits=2, seed=0))  # type: ignore[arg-type]  # what it asks of an archive
    halves = {"up": np.array([1.0, 1.0, 1.0, 1.0]), "down": np.array([1.5, 1.5, 1.5, 1.5])}
    monkeypatch.setattr(tester, "half_values", lambda cell: {("i_xz", "point"): halves[cell[1]]})
    steady = tester.test(0, "kde", "i_xz", "point", "up", "down", 0.5)
    assert steady is not None and (steady.p, steady.stderr, steady.half_bits) == (0.0, 0.0, 0.5)
    halves["down"] = np.array([1.0, 2.0, 1.0, 2.0])
    moving = tester.test(0, "kde", "i_xz", "point", "up", "down", 0.5)
    se = float(np.std([0, 1, 0, 1], ddof=1))
    assert (
        moving is not None
        and moving.stderr == pytest.approx(se)
        and moving.p == pytest.approx(float(stats.norm.sf(0.5 / se)))
    )
    codes["up"] = np.arange(8)
    counted = tester.test(0, "bin", "i_xz", "point", "up", "down", 0.5)
    assert counted is not None and (counted.p, counted.stderr) == (0.0, None)
    assert tester.test(0, "kde", "i_zy", "point", "up", "down", 0.5) is None


def test_halves_are_disjoint_whole_and_drawn_anew_for_every_split(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    archive = one_step(tmp_path / "run", a=("Linear", rng.normal(size=(11, 2)).astype(np.float32)))
    resampler = Resampler(
        Evidence(ip.measure(archive, "bin:szt"), archive),
        DPISettings(permutations=9, splits=4, seed=0),
    )
    halves, again, later = (
        [h.tolist() for h in rows_of_halves(resampler.splits_of(step, 11))] for step in (0, 0, 1)
    )
    assert halves == again != later
    assert len({tuple(h) for h in halves}) == 8 and all(h == sorted(h) for h in halves)
    assert all(
        sorted(a + b) == list(range(11)) and len(a) == 5
        for a, b in zip(halves[::2], halves[1::2], strict=True)
    )


def test_copies_of_a_row_fall_in_one_half_of_every_split(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    x = np.tile(rng.normal(size=(40, 2)), (2, 1))
    path = tmp_path / "run"
    layers = [LayerInfo("a", 0, "Linear", (2,))]
    with RunWriter.create(path, layers=layers, x=x, y=np.arange(80) % 4) as run, run.step(0) as s:
        s.append("a", 2 * x)
    archive = ip.open_archive(path)
    resampler = Resampler(
        Evidence(ip.measure(archive, "bin:szt"), archive),
        DPISettings(permutations=9, splits=4, seed=0),
    )
    for first in resampler.splits_of(0, 80):
        assert first.sum() == 40 and (first[:40] == first[40:]).all()


def test_copies_of_a_row_make_no_excess_significant(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    """Labels that 60 rows tell by chance are told by their copies too."""
    x, y = rng.normal(size=(60, 1)), rng.integers(0, 2, 60)
    found = []
    for times in (1, 4):
        path = tmp_path / f"run{times}"
        layers = [LayerInfo(name, k, "Linear", (1,)) for k, name in enumerate("ab")]
        rows = np.tile(np.arange(60), times)
        with RunWriter.create(path, layers=layers, x=x[rows], y=y[rows]) as run, run.step(0) as s:
            s.append("a", np.sign(x[rows]))
            s.append("b", np.round(2 * x[rows]))
        archive = ip.open_archive(path)
        tester = Resampler(
            Evidence(ip.measure(archive, "bin:saxe"), archive),
            DPISettings(permutations=199, splits=4, seed=0),
        )
        chance = tester.test(0, "bin:saxe", "i_zy", "point", "a", "b", 0.05)
        assert chance is not None
        found.append(astuple(chance))
    assert found[1] == pytest.approx(found[0])


@pytest.mark.parametrize(
    "spec", ["kde:variance=0.1", "kde:relative=0.3", "bin:saxe,width=2,correction=mm", "renyi"]
)
def test_values_without_codes_are_resampled_on_the_rows_of_each_half(
    rng: np.random.Generator, tmp_path: Path, spec: str
) -> None:
    z = rng.normal(size=(90, 3)).astype(np.float32)
    archive = one_step(tmp_path / "run", a=("Linear", z), b=("Linear", np.tanh(z)))
    evidence = Evidence(ip.measure(archive, spec), archive)
    resampler = Resampler(evidence, DPISettings(permutations=9, splits=3, seed=4))
    assert len(list(resampler.prepare([[(0, "a", spec), (0, "b", spec), (0, "a", spec)]]))) == 1
    sense = evidence.plane.points[0].sense
    assert resampler.test(0, spec, "i_xz", sense, "b", "a", 0.1) is not None
    for layer in "ab":
        found = resampler.half_values((0, layer, spec))
        assert found is not None
        estimator = evidence.fitted(spec, layer)
        x, whole, y = (
            input_variable(archive, estimator),
            continuous(archive.z(0, layer)),
            label_variable(archive),
        )
        if spec == "kde:relative=0.3":  # at the noise of the whole layer
            estimator = parse(f"kde:variance={estimator.variance_of(whole)}")
        halves = [
            [v.take(rows) for v in (x, whole, y)]
            for rows in rows_of_halves(resampler.splits_of(0, 90))
        ]
        expected = [
            {
                (q, e.sense): e.bits
                for q, e in plane_points(estimator, *half, np.random.default_rng(0))
            }
            for half in halves
        ]
        assert found.keys() == expected[0].keys()
        for key, bits in found.items():
            np.testing.assert_allclose(bits, [half[key] for half in expected], atol=1e-5)


def test_the_bias_of_a_plug_in_is_that_of_its_cells() -> None:
    t, y = np.repeat(np.arange(4), 50), np.tile(np.arange(2), 100)
    assert plug_in_bias(t, y) == pytest.approx(
        (8 - 4 - 2 + 1) / (400 * math.log(2))
    )  # (|T| - 1)(|Y| - 1) / (2 N ln 2)
