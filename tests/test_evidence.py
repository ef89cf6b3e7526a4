"""What a verdict is computed from: edges of bins, codes, and rounding."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import one_step, plane_with, point, run_of

import infoplane as ip
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.excess import judge_excess
from infoplane.types import Chain


def test_ranges_behind_a_verdict_are_those_of_finite_checkpoints(tmp_path: Path) -> None:
    good = np.linspace(-1, 3, 12, dtype=np.float32).reshape(6, 2)
    bad = np.full_like(good, np.nan)
    archive = run_of(tmp_path / "run", [{"a": good, "b": good}, {"a": bad, "b": good}])
    plane = ip.measure(archive, "bin:range,scope=layer")
    assert plane.steps == (0, 1)
    found = Evidence(plane, archive).fitted("bin:range,scope=layer", "a")
    assert (found.frozen_low, found.frozen_high) == ((-1.0,), (3.0,))


def test_a_rounding_that_parts_rows_is_no_fault_and_a_leak_is(tmp_path: Path) -> None:
    up = np.repeat(np.arange(4.0), 2).astype(np.float32)[:, None]
    rounded = np.where(
        np.arange(8)[:, None] % 2, np.nextafter(up + 1, np.float32(9)), up + 1
    ).astype(np.float32)
    for down, verdict, words in (
        (rounded, "ok", "4 rows differ by rounding only"),
        (np.arange(8, dtype=np.float32)[:, None], "fault", "do not follow"),
    ):
        archive = one_step(tmp_path / verdict, a=("Linear", up), b=("Linear", down))
        plane = ip.measure(archive, "exact")
        points = {p.layer: p for p in plane if p.quantity == "i_xz"}
        evidence = Evidence(
            replace(
                plane, chain=Chain(("a", "b"), (("no-path", "cut"), ("no-path", "no-path")), rows=8)
            ),
            archive,
        )
        finding = judge_excess(evidence, points["a"], points["b"])
        assert finding.verdict == verdict and re.search(words, finding.explanation)


@pytest.fixture
def of_two_steps(tmp_path: Path) -> Evidence:
    """Layer a rises from 0 to 8 over two steps, layer b falls from 0 to -71."""
    z = np.arange(8.0).reshape(4, 2)
    archive = run_of(tmp_path / "run", [{"a": z + s, "b": -10 * z - s} for s in (0, 1)], x=None)
    points = [point(name, "i_xz", 1.0, step) for name in "ab" for step in (0, 1)]
    return Evidence(replace(plane_with(points), n=4), archive)


@pytest.mark.parametrize(
    ("spec", "layer", "low", "high"),
    [
        ("bin:range", "a", (-71.0,), (8.0,)),
        ("bin:range", "b", (-71.0,), (8.0,)),
        ("bin:range,scope=layer", "a", (0.0,), (8.0,)),
        ("bin:range,scope=layer", "b", (-71.0,), (0.0,)),
        ("bin:range,scope=unit", "b", (-61.0, -71.0), (0.0, -10.0)),
    ],
)
def test_edges_are_frozen_over_the_run_or_the_layer_where_the_rule_asks_for_it(
    of_two_steps: Evidence, spec: str, layer: str, low: tuple[float, ...], high: tuple[float, ...]
) -> None:
    fitted = of_two_steps.fitted(spec, layer)
    assert (fitted.frozen_low, fitted.frozen_high) == (low, high) and str(fitted) == spec
    assert of_two_steps.fitted(spec, layer) is fitted


def test_a_rule_without_ranges_freezes_none(of_two_steps: Evidence) -> None:
    assert of_two_steps.fitted("bin:szt", "a").frozen_low is None


def test_without_an_archive_nothing_can_be_frozen(of_two_steps: Evidence) -> None:
    assert Evidence(of_two_steps.plane, None).fitted("bin:range", "a") is None
