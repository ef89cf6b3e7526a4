"""Further sections of a page as JSON-ready data.

Phases, sensitivity, mechanism, several runs. Each number once, in columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infoplane.analysis.plot.names import short_names
from infoplane.analysis.plot.trajectory import trajectories
from infoplane.analysis.studies.mechanism import PANELS
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.studies.compare import Pooled
    from infoplane.analysis.studies.mechanism import Mechanism
    from infoplane.analysis.studies.phases import Phases
    from infoplane.analysis.studies.sensitivity import Sensitivity

Json = Any
"""A JSON value."""


@dataclass(frozen=True)
class Judged:
    """What was judged about a run beyond the plane and its DPI check.

    Every part may be left out.

    Attributes:
        phases: from `infoplane.phases`.
        sensitivity: from `infoplane.sensitivity`.
        mechanism: from `infoplane.mechanism`.
        pooled: from `infoplane.analysis.studies.compare.pool`: this run among others.
    """

    phases: Phases | None = None
    sensitivity: Sensitivity | None = None
    mechanism: Sequence[Mechanism] = ()
    pooled: Sequence[Pooled] = ()

    def sentences(self) -> list[str]:
        """Return what these parts show, in plain words."""
        said = [] if self.phases is None else _phase_sentences(self.phases)
        if self.sensitivity is not None:
            split = [
                p.layer
                for p in self.sensitivity.phases.layers
                if 0 < len(self.sensitivity.compressing(p.layer)) < len(p.curves)
            ]
            about = (
                f"whether {_listed(split)} compress depends on the convention"
                if split
                else "every convention gives the same answer"
            )
            said.append(
                f"Sensitivity over {len(self.sensitivity.plane.estimators)} conventions: {about}; "
                "the table below has the falls."
            )
        return said


def _phase_sentences(phases: Phases) -> list[str]:
    """One sentence per verdict, with the layers' largest falls."""
    said = []
    for verdict in ("exact", "robust", "estimator-dependent"):
        found = [p for p in phases.layers if p.verdict == verdict]
        if found:
            names = short_names([p.layer for p in found], 40)
            falls = [
                max(
                    (c for c in p.curves if c.compresses), key=lambda c: c.drop, default=p.curves[0]
                )
                for p in found
            ]
            each = ", ".join(
                f"{name} ({c.drop:.2f} bits, {c.estimator})"
                for name, c in zip(names[:6], falls, strict=False)
            )
            said.append(
                f"Phases: {verdict} compression in "
                f"{each}{f' and {len(found) - 6} more' if len(found) > 6 else ''}."
            )
    if quiet := [p.layer for p in phases.layers if p.verdict == "none"]:
        said.append(f"Phases: no fall beyond chance under any estimator in {_listed(quiet)}.")
    return said


def _listed(layers: Sequence[str]) -> str:
    names = short_names(layers, 40)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def number(value: float | None, digits: int = 6) -> float | None:
    """A finite number with ``digits`` significant digits, None otherwise (JSON has no NaN)."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.{digits}g}")


def sections_data(judged: Judged) -> dict[str, Json]:
    """Return the parts that are there, by the names the page knows."""
    data: dict[str, Json] = {}
    if judged.phases is not None:
        data["phases"] = _phases(judged.phases)
    if judged.sensitivity is not None:
        data["sensitivity"] = _sensitivity(judged.sensitivity.plane, judged.sensitivity.phases) | {
            "verdict": judged.sensitivity.verdict
        }
    if judged.mechanism:
        data["mechanism"] = _mechanism(judged.mechanism)
    if judged.pooled:
        data["pooled"] = _pooled(judged.pooled)
    return data


def _phases(phases: Phases) -> list[dict[str, Json]]:
    return [
        {
            "layer": phase.layer,
            "verdict": phase.verdict,
            "why": phase.explanation,
            "curves": [
                {
                    "e": c.estimator,
                    "d": number(c.drop, 4),
                    "lo": number(c.low, 4),
                    "hi": number(c.high, 4),
                    "at": c.onset,
                    "from": c.onset_low,
                    "to": c.onset_high,
                    "fit": c.fitting_end,
                    "yes": c.compresses,
                }
                for c in phase.curves
            ],
        }
        for phase in phases.layers
    ]


def _sensitivity(plane: Plane, phases: Phases) -> dict[str, Json]:
    """One small plane per convention, and the table of falls."""
    place = {name: k for k, name in enumerate(plane.layers)}
    return {
        "layers": short_names(plane.layers),
        "planes": [
            {
                "e": spec,
                "paths": [
                    {
                        "l": place[p.layer],
                        "x": [number(v, 4) for v in p.x],
                        "y": [number(v, 4) for v in p.y],
                    }
                    for p in trajectories(plane, spec)
                ],
            }
            for spec in plane.estimators
        ],
        "falls": [
            {"e": c.estimator, "layer": phase.layer, "d": number(c.drop, 3), "yes": c.compresses}
            for phase in phases.layers
            for c in phase.curves
        ],
    }


def _mechanism(found: Sequence[Mechanism]) -> dict[str, Json]:
    layers = list(dict.fromkeys(m.layer for m in found))
    by_layer: Mapping[str, list[Mechanism]] = {
        name: [m for m in found if m.layer == name] for name in layers
    }
    return {
        "panels": [{"key": key, "title": title} for key, title in PANELS.items()],
        "layers": [
            {"name": name, "steps": [m.step for m in mine]}
            | {key: [number(getattr(m, key), 4) for m in mine] for key in PANELS}
            for name, mine in by_layer.items()
        ],
    }


def _pooled(pooled: Sequence[Pooled]) -> dict[str, Json]:
    layers = list(dict.fromkeys(p.layer for p in pooled))
    return {
        "runs": list(pooled[0].names),
        "estimator": pooled[0].estimator,
        "layers": short_names(layers),
        "curves": [
            {
                "l": layers.index(p.layer),
                "q": p.quantity,
                "steps": list(p.steps),
                "runs": [[number(v, 5) for v in row] for row in p.values],
                "mid": [number(float(v), 5) for v in p.median],
            }
            for p in pooled
        ],
    }
