"""Which estimators see a layer compress."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import run_of

import infoplane as ip
from infoplane.analysis.plot import draw_sensitivity
from infoplane.analysis.studies import phases
from infoplane.analysis.studies.compression import Compression
from infoplane.analysis.studies.sensitivity import Sensitivity, sensitivity
from infoplane.errors import InputError


def test_compressing_is_asked_of_one_layer() -> None:
    def curve(layer: str, drop: float) -> Compression:
        return Compression(layer, "bin:szt", drop, drop, drop, 0, 0, 0, drop, True, None, 0.05)

    judged = phases.Phases(
        tuple(
            phases.LayerPhase(name, "none", "", (curve(name, drop),))
            for name, drop in (("a", 0.0), ("b", 1.0))
        )
    )
    found = Sensitivity(ip.Plane((), ("a", "b"), 8, None), judged)
    assert (found.compressing("a"), found.compressing("b")) == ((), ("bin:szt",))
    with pytest.raises(InputError, match="no such layer: 'c'"):
        found.compressing("c")


def test_convention_that_refuses_a_layer_has_a_dash_in_the_table() -> None:
    def curve(layer: str, estimator: str, drop: float) -> Compression:
        return Compression(layer, estimator, drop, drop, drop, 0, 0, 0, drop, True, None, 0.05)

    judged = phases.Phases(
        (
            phases.LayerPhase(
                "a", "none", "", (curve("a", "bin:szt", 0.5), curve("a", "exact", 0.0))
            ),
            phases.LayerPhase("b", "none", "", (curve("b", "exact", 0.25),)),
        )
    )
    table = str(Sensitivity(ip.Plane((), ("a", "b"), 8, None), judged))
    cells = [line.split() for line in table.splitlines()[2:4]]
    assert cells == [["bin:szt", "0.50*", "-"], ["exact", "0.00", "0.25*"]]


def test_sensitivity_says_under_how_many_conventions(szt_run: Path) -> None:
    found = sensitivity(
        szt_run, ["bin:szt", "bin:range,n=30,scope=run", "kde:relative=0.1", "exact"]
    )
    assert "of 4 conventions" in found.verdict and "No layer merges rows" in found.verdict
    assert set(found.compressing("act5")) <= set(found.plane.estimators)
    assert len(draw_sensitivity(found.plane).axes) == 4
    with pytest.raises(InputError, match="give at least 2"):
        sensitivity(szt_run, ["exact"])


def test_without_exact_codes_nothing_is_said_of_merged_rows(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(64, 2))
    run = run_of(tmp_path / "run", [{"z": rows * scale} for scale in (1.0, 0.5, 0.1)])
    found = sensitivity(run, ["bin:szt", "kde:variance=0.1"])
    assert "Whether rows merge is not known" in found.verdict
