"""The path of a layer through the plane, and the segments of its findings.

The arithmetic of the picture. No matplotlib.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import FLAGS, VERDICTS, DPIReport, Estimate, Finding, Verdict

COVERED = 0.95
"""Coverage below which a point is drawn hollow."""

Segment = tuple[tuple[float, float], tuple[float, float]]
"""Two points of the plane, in bits."""


Interval = tuple[float, float]
"""Lower and upper end of a 95 % interval, in bits."""


def interval_of(estimate: Estimate) -> Interval | None:
    """Return the 95 % interval of an estimate, from its standard error where it has no other.

    None without either.
    """
    if estimate.low is not None and estimate.high is not None:
        return estimate.low, estimate.high
    if estimate.stderr is not None:
        half = 1.96 * estimate.stderr
        return estimate.bits - half, estimate.bits + half
    return None


@dataclass(frozen=True)
class Trajectory:
    """The path of one layer through the plane, only where both quantities were measured.

    Attributes:
        layer: its name.
        steps: checkpoints, ascending; the tuples below have one entry for each.
        x, y: I(X;Z) and I(Z;Y) in bits.
        saturated: whether the value across is saturated.
        senses: which bound is drawn across and up.
        sparse: whether the coverage is below 0.95.
        null: the band of shuffled labels of I(Z;Y) at the last checkpoint, where one was drawn.
        x_bars, y_bars: intervals of either value; None where there is none. Empty when there are
            none at all.
        runs: of a path pooled over runs, for every checkpoint the points of the runs.
        place: of the layer among those of the picture, which is its number and shape.
        refused: checkpoints that were not measured; the line has a gap there.
    """

    layer: str
    steps: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    saturated: tuple[bool, ...]
    senses: tuple[str, str] = ("point", "point")
    sparse: tuple[bool, ...] = ()
    null: Interval | None = None
    x_bars: tuple[Interval | None, ...] = ()
    y_bars: tuple[Interval | None, ...] = ()
    runs: tuple[tuple[tuple[float, float], ...], ...] = ()
    place: int = 0
    refused: tuple[int, ...] = ()

    @property
    def end(self) -> tuple[float, float]:
        """Where the path ends."""
        return self.x[-1], self.y[-1]

    def at(self, step: int) -> tuple[float, float] | None:
        """Return the point of one checkpoint, None where it was not measured."""
        if step not in self.steps:
            return None
        index = self.steps.index(step)
        return self.x[index], self.y[index]

    def extent(self) -> tuple[list[float], list[float]]:
        """Return all values across and up that the axes must hold, those of bars and bands too."""
        across, up = list(self.x), list(self.y)
        for points in self.runs:
            across += [x for x, _ in points]
            up += [y for _, y in points]
        for bar in self.x_bars:
            across += bar or ()
        for bar in (*self.y_bars, self.null):
            up += bar or ()
        return across, up


def trajectories(plane: Plane, estimator: str, sense: str | None = None) -> list[Trajectory]:
    """Return the path of every layer that has both I(X;Z) and I(Z;Y) from ``estimator``.

    In layer order.

    Args:
        plane: what was measured.
        estimator: its spec.
        sense: exact, point, upper or lower; None takes the first that is present.
    """
    paths = []
    lost = defaultdict[str, set[int]](set)
    for failure in plane.failures:
        if failure.estimator == estimator:
            lost[failure.layer].add(failure.step)
    for place, layer in enumerate(plane.layers):
        across = dict(zip(*plane.series(layer, "i_xz", estimator, sense), strict=True))
        up = dict(zip(*plane.series(layer, "i_zy", estimator, sense), strict=True))
        steps = tuple(step for step in across if step in up)
        if not steps:
            continue
        of_x, of_y = [across[step] for step in steps], [up[step] for step in steps]
        null = of_y[-1].null
        path = Trajectory(
            layer,
            steps,
            tuple(estimate.bits for estimate in of_x),
            tuple(estimate.bits for estimate in of_y),
            tuple(estimate.saturated for estimate in of_x),
            (of_x[0].sense, of_y[0].sense),
            tuple(map(is_sparse, of_x)),
            None if null is None else (null.low, null.high),
            tuple(map(interval_of, of_x)),
            tuple(map(interval_of, of_y)),
            place=place,
            refused=tuple(sorted({*across, *up, *lost[layer]}.difference(steps))),
        )
        paths.append(path)
    return paths


def not_drawn(plane: Plane, estimator: str, paths: Sequence[Trajectory]) -> dict[str, str]:
    """Return what keeps layers of a plane from having a path: ``no I(X;Z)``, by layer.

    Args:
        plane: what was measured.
        estimator: the spec that is drawn.
        paths: of the layers that have one.
    """
    drawn = {path.layer for path in paths}
    given = {(point.layer, point.quantity) for point in plane if point.estimator == estimator}
    reasons = {}
    for layer in plane.layers:
        if layer in drawn:
            continue
        reasons[layer] = "not measured"
        if (layer, "i_zy") in given:
            reasons[layer] = "no I(X;Z)"
        elif (layer, "i_xz") in given:
            reasons[layer] = plane.row_info.name("no I(Z;Y)")
    return reasons


def require_paths(plane: Plane, estimator: str, sense: str | None) -> list[Trajectory]:
    """Return `trajectories`; refuse to draw none.

    Args:
        plane: what was measured.
        estimator: its spec.
        sense: exact, point, upper or lower; None takes the first that is present.

    Raises:
        InputError: no layer has both quantities; with the first failure and what can be drawn.
    """
    paths = trajectories(plane, estimator, sense)
    if paths:
        return paths
    reason = next((lost.message for lost in plane.failures if lost.estimator == estimator), "")
    drawable = [spec for spec in plane.estimators if trajectories(plane, spec)]
    raise InputError(
        f"no layer has both I(X;Z) and I(Z;Y) from {estimator!r}{reason and f' ({reason})'}; "
        f"estimators with both: {drawable or 'none'}; plot_curves draws a single quantity"
    )


def steps_of(paths: Sequence[Trajectory]) -> list[int]:
    """Return all checkpoints of some paths, ascending."""
    return sorted(set[int]().union(*(path.steps for path in paths)))


def is_sparse(estimate: Estimate) -> bool:
    """Return whether more than a twentieth of the rows are alone in their cell."""
    return estimate.coverage is not None and estimate.coverage < COVERED


def _concerns(finding: Finding, estimator: str, sense: str) -> bool:
    """Return whether a finding is about the numbers drawn.

    It is of their estimator and bound, or a fault of the pipeline, which is about all of them.

    Args:
        finding: of the DPI check.
        estimator: the spec that is drawn.
        sense: the bound that is drawn across.
    """
    other_bound = finding.law.endswith((", lower", ", upper")) and not finding.law.endswith(
        f", {sense}"
    )
    return finding.verdict == "fault" or (finding.estimator in ("", estimator) and not other_bound)


def flag_segments(
    paths: Sequence[Trajectory],
    report: DPIReport | None,
    estimator: str,
    verdicts: Collection[Verdict] = FLAGS,
) -> dict[Verdict, list[Segment]]:
    """Per verdict, the segments from the upstream to the downstream point of each finding.

    One of no length for a law of a single layer; none without a report.

    Args:
        paths: of the layers.
        report: the DPI check.
        estimator: the spec that is drawn.
        verdicts: that are drawn.
    """
    known = {path.layer: path for path in paths}
    segments: dict[Verdict, list[Segment]] = {}
    for finding in () if report is None else report.findings:
        above, below = known.get(finding.upstream), known.get(finding.downstream)
        if finding.verdict not in verdicts or above is None or below is None:
            continue
        if not _concerns(finding, estimator, above.senses[0]):
            continue
        start, end = above.at(finding.step), below.at(finding.step)
        if start is not None and end is not None:
            segments.setdefault(finding.verdict, []).append((start, end))
    return {verdict: segments[verdict] for verdict in VERDICTS if verdict in segments}
