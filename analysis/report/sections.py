"""Further sections of a page as JSON-ready data.

Phases, sensitivity, mechanism, several runs. Each number once, in columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infoplane.analysis.plot.names import short_names
from infoplane.analysis.plot.trajectory import trajectories
from infoplane.analysis.report.json_values import number, numbers
from infoplane.analysis.studies.mechanism import PANELS
from infoplane.plane import Plane
from infoplane.types.arrays import Json

if TYPE_CHECKING:
    from infoplane.analysis.studies.compare import Pooled
    from infoplane.analysis.studies.compression import Compression
    from infoplane.analysis.studies.mechanism import Mechanism
    from infoplane.analysis.studies.phases import LayerPhase, Phases
    from infoplane.analysis.studies.sensitivity import Sensitivity


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
        sentences = [] if self.phases is None else _phase_sentences(self.phases)
        if self.sensitivity is not None:
            sentences.append(_sensitivity_sentence(self.sensitivity))
        return sentences


def _sensitivity_sentence(sensitivity: Sensitivity) -> str:
    divided = []
    for phase in sensitivity.phases.layers:
        if 0 < len(sensitivity.compressing(phase.layer)) < len(phase.curves):
            divided.append(phase.layer)
    about = "every convention gives the same answer"
    if divided:
        about = f"whether {_listed(divided)} compress depends on the convention"
    return (
        f"Sensitivity over {len(sensitivity.plane.estimators)} conventions: {about}; "
        "the table below has the falls."
    )


def _phase_sentences(phases: Phases) -> list[str]:
    """Return one sentence per verdict, with the layers' largest falls."""
    sentences = []
    for verdict in ("exact", "robust", "estimator-dependent"):
        found = [phase for phase in phases.layers if phase.verdict == verdict]
        names = short_names([phase.layer for phase in found], 40)
        falls = []
        for name, phase in zip(names[:6], found, strict=False):
            fall = _largest_fall(phase)
            falls.append(f"{name} ({fall.drop:.2f} bits, {fall.estimator})")
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        if falls:
            sentences.append(f"Phases: {verdict} compression in layer {', '.join(falls)}{more}.")
    quiet = [phase.layer for phase in phases.layers if phase.verdict == "none"]
    if quiet:
        sentences.append(
            f"Phases: no fall beyond chance under any estimator in layer {_listed(quiet)}."
        )
    return sentences


def _largest_fall(phase: LayerPhase) -> Compression:
    """Return the largest fall that counts as compression; the first curve where none does."""
    falls = [curve for curve in phase.curves if curve.compresses]
    return max(falls, key=lambda curve: curve.drop, default=phase.curves[0])


def _listed(layers: Sequence[str]) -> str:
    names = short_names(layers, 40)
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def sections_data(judged: Judged) -> Json:
    """Return the parts that are there, by the names the page knows."""
    data: Json = {}
    if judged.phases is not None:
        data["phases"] = [_phase(phase) for phase in judged.phases.layers]
    if judged.sensitivity is not None:
        data["sensitivity"] = _sensitivity(judged.sensitivity)
    if judged.mechanism:
        data["mechanism"] = _mechanism(judged.mechanism)
    if judged.pooled:
        data["pooled"] = _pooled(judged.pooled)
    return data


def _phase(phase: LayerPhase) -> Json:
    return {
        "layer": phase.layer,
        "verdict": phase.verdict,
        "why": phase.explanation,
        "curves": [_fall(curve) for curve in phase.curves],
    }


def _fall(curve: Compression) -> Json:
    return {
        "e": curve.estimator,
        "d": number(curve.drop, 4),
        "lo": number(curve.low, 4),
        "hi": number(curve.high, 4),
        "flat": curve.is_flat,
        "at": curve.onset,
        "from": curve.onset_low,
        "to": curve.onset_high,
        "fit": curve.fitting_end,
        "yes": curve.compresses,
    }


def _sensitivity(sensitivity: Sensitivity) -> Json:
    """Return one small plane per convention, and the table of falls."""
    plane, falls = sensitivity.plane, []
    for phase in sensitivity.phases.layers:
        for curve in phase.curves:
            fall = {"e": curve.estimator, "layer": phase.layer, "yes": curve.compresses}
            falls.append(fall | {"d": number(curve.drop, 3)})
    return {
        "layers": short_names(plane.layers),
        "planes": [{"e": spec, "paths": _paths(plane, spec)} for spec in plane.estimators],
        "falls": falls,
        "verdict": sensitivity.verdict,
    }


def _paths(plane: Plane, spec: str) -> list[Json]:
    paths = []
    for path in trajectories(plane, spec):
        index = plane.layers.index(path.layer)
        paths.append({"l": index, "x": numbers(path.x, 4), "y": numbers(path.y, 4)})
    return paths


def _mechanism(found: Sequence[Mechanism]) -> Json:
    layers: dict[str, Json] = {}
    for result in found:
        empty = {"name": result.layer, "steps": []} | {key: [] for key in PANELS}
        columns = layers.setdefault(result.layer, empty)
        columns["steps"].append(result.step)
        for key in PANELS:
            columns[key].append(number(getattr(result, key), 4))
    panels = [{"key": key, "title": title} for key, title in PANELS.items()]
    return {"panels": panels, "layers": list(layers.values())}


def _pooled(pooled: Sequence[Pooled]) -> Json:
    layers = list(dict.fromkeys(curve.layer for curve in pooled))
    curves = []
    for curve in pooled:
        columns = {"l": layers.index(curve.layer), "q": curve.quantity, "steps": list(curve.steps)}
        runs = [numbers(run, 5) for run in curve.values]
        curves.append(columns | {"runs": runs, "mid": numbers(curve.median, 5)})
    return {
        "runs": list(pooled[0].names),
        "estimator": pooled[0].estimator,
        "layers": short_names(layers),
        "curves": curves,
    }
