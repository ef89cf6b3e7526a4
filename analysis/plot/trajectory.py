"""The path of a layer through the plane, and the segments of its findings: the arithmetic of the picture. No matplotlib."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from infoplane.plane import Plane
from infoplane.types import VERDICTS, Finding, Verdict

COVERED = 0.95
"""Coverage below which a point is drawn hollow."""

Segment = tuple[tuple[float, float], tuple[float, float]]
"""Two points of the plane, in bits."""


@dataclass(frozen=True)
class Trajectory:
    """The path of one layer: steps and both coordinates in bits, only where both were measured, which points are saturated, which have a
    coverage below 0.95, and the label-permutation band of I(Z;Y) at the last checkpoint where one was drawn."""

    layer: str
    steps: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    saturated: tuple[bool, ...]
    senses: tuple[str, str] = ("point", "point")
    sparse: tuple[bool, ...] = ()
    null: tuple[float, float] | None = None

    def at(self, step: int) -> tuple[float, float] | None:
        """The point of one checkpoint, None where it was not measured."""
        return (
            (self.x[self.steps.index(step)], self.y[self.steps.index(step)])
            if step in self.steps
            else None
        )


def trajectories(plane: Plane, estimator: str, sense: str | None = None) -> list[Trajectory]:
    """The path of every layer that has both I(X;Z) and I(Z;Y) from ``estimator``, in layer order."""
    out = []
    for layer in plane.layers:
        xs = dict(zip(*plane.series(layer, "i_xz", estimator, sense)))
        ys = dict(zip(*plane.series(layer, "i_zy", estimator, sense)))
        steps = tuple(s for s in xs if s in ys)
        if steps:
            null = ys[steps[-1]].null
            out.append(
                Trajectory(
                    layer,
                    steps,
                    tuple(xs[s].bits for s in steps),
                    tuple(ys[s].bits for s in steps),
                    tuple(xs[s].saturated for s in steps),
                    (xs[steps[0]].sense, ys[steps[0]].sense),
                    tuple((c := xs[s].coverage) is not None and c < COVERED for s in steps),
                    None if null is None else (null.low, null.high),
                )
            )
    return out


def concerns(finding: Finding, estimator: str, sense: str) -> bool:
    """Whether a finding is about the numbers drawn: of their estimator and bound, or a fault of the pipeline, which is about all of them."""
    other_bound = finding.law.endswith((", lower", ", upper")) and not finding.law.endswith(
        f", {sense}"
    )
    return finding.verdict == "fault" or (finding.estimator in ("", estimator) and not other_bound)


def flag_segments(
    paths: Sequence[Trajectory], findings: Collection[Finding], verdicts: Collection[Verdict]
) -> dict[Verdict, list[Segment]]:
    """Per verdict, the segments from the upstream to the downstream point of each finding; one of no length for a law of a single layer."""
    known = {p.layer: p for p in paths}
    out: dict[Verdict, list[Segment]] = {}
    for f in findings:
        if f.verdict not in verdicts or f.upstream not in known or f.downstream not in known:
            continue
        a, b = known[f.upstream].at(f.step), known[f.downstream].at(f.step)
        if a is not None and b is not None:
            out.setdefault(f.verdict, []).append((a, b))
    return {v: out[v] for v in VERDICTS if v in out}
