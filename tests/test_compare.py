"""Curves of several runs, pooled."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import plane_with, point

import infoplane as ip
from infoplane.analysis.plot import draw_compared
from infoplane.analysis.studies.compare import pool
from infoplane.errors import InputError


def test_pooled_curves_are_over_the_steps_layers_and_estimators_that_all_runs_share() -> None:
    one = plane_with(
        [point("a", "i_xz", float(s), s) for s in (0, 1, 2)]
        + [point("b", "i_xz", 9.0, 0)]
        + [point("a", "i_zy", 0.5, 7, "exact")]
    )
    two = plane_with(
        [point("a", "i_xz", 10.0 + s, s) for s in (1, 2, 3)]
        + [point("a", "i_xz", 0.0, 1, "kde:variance=1")],
        ("a",),
    )
    three = plane_with([point("a", "i_xz", 4.0 * s, s) for s in (2, 1)], ("a",))
    (found,) = pool({"one": one, "two": two, "three": three})
    assert (found.layer, found.quantity, found.estimator, found.names, found.steps) == (
        "a",
        "i_xz",
        "bin:szt",
        ("one", "two", "three"),
        (1, 2),
    )
    assert found.values.tolist() == [
        [1.0, 2.0],
        [11.0, 12.0],
        [4.0, 8.0],
    ] and found.median.tolist() == [4.0, 8.0]
    assert [edge.tolist() for edge in found.band()] == [[1.0, 2.0], [11.0, 12.0]]
    with pytest.raises(
        InputError, match=r"kde:variance=1 is not in all planes; they share \['bin:szt'\]"
    ):
        pool({"one": one, "two": two}, estimator="kde:variance=1")
    with pytest.raises(InputError, match="share no layer and step"):
        pool({"one": one, "other": plane_with([point("a", "i_xz", 1.0, 99)])})
    with pytest.raises(InputError, match="an estimator is not in all planes"):
        pool({"one": one, "other": plane_with([point("a", "i_xz", 1.0, 1, "ksg:k=5")])})


def test_pooled_runs_keep_every_run(szt_run: Path) -> None:
    plane = ip.measure(szt_run, ["bin:szt", "exact"])
    pooled = pool({"one": plane, "two": plane}, estimator="bin:szt")
    assert (
        len(pooled) == 6
        and pooled[0].values.shape == (2, len(plane.steps))
        and (pooled[0].median == pooled[0].values[0]).all()
    )
    assert draw_compared({"one": plane, "two": plane}, pooled)
    with pytest.raises(InputError, match="at least 2 planes"):
        pool({"one": plane})
    with pytest.raises(InputError, match="not in all planes"):
        pool({"one": plane, "two": plane}, estimator="kde:variance=1")
