"""What a page shows, as JSON-ready data: every number once, in columns. No HTML, no plotly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from infoplane.analysis.caveats import bound_at_the_end
from infoplane.analysis.plot.caption import caption_of
from infoplane.analysis.plot.labels import axis_of, ceilings_of, choose_estimator, short_axis
from infoplane.analysis.plot.marks import MARKS
from infoplane.analysis.plot.names import layer_labels, layer_marks
from infoplane.analysis.report.findings import dpi_data, failures_data
from infoplane.analysis.report.json_values import number, numbers
from infoplane.analysis.report.sections import Judged, sections_data
from infoplane.analysis.report.summary import Sentence, sentences_of
from infoplane.analysis.units import carries_bits
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import DPIReport, Estimate
from infoplane.types.arrays import Json
from infoplane.types.estimate import saturation_width

Table = Mapping[str, Sequence[Mapping[str, object]]]
"""Extra tables of a page: title -> rows."""


def page_data(
    plane: Plane,
    report: DPIReport | None = None,
    *,
    title: str = "",
    tables: Table | None = None,
    judged: Judged | None = None,
    estimator: str | None = None,
) -> Json:
    """Return everything the page needs, JSON-ready (no NaN), each number once.

    Args:
        plane: what was measured; an empty plane gives a page that waits for points.
        report: the DPI check.
        title: heading; the archive's name when empty.
        tables: further results as rows, e.g. phases or sensitivity.
        judged: phases, sensitivity, mechanism and other runs.
        estimator: spec that the page shows first; None takes the plane's first whose numbers are
            bits.

    Raises:
        InputError: an estimator that the plane does not have.
    """
    steps = sorted({*plane.steps, *plane.metrics})
    places = {step: place for place, step in enumerate(steps)}
    judged = judged or Judged()
    ceiling = plane.ceilings["i_xz"].bits or 0.0
    proved = bound_at_the_end(plane) if plane.points else None
    shows, cannot = sentences_of(plane, report, tested=judged.phases is not None)
    shows += [Sentence(text) for text in judged.sentences()]
    marks = {key: {"text": mark.meaning, "symbol": mark.symbol} for key, mark in MARKS.items()}
    further = []
    for name, rows in (tables or {}).items():
        if rows:
            further.append({"title": name, "rows": list(map(_row, rows))})
    views = _views(plane, choose_estimator(plane, estimator, in_bits=False) if len(plane) else "")
    return {
        "title": title or str(plane.provenance.get("archive", "")) or "information plane",
        "steps": steps,
        "layers": _layers(plane),
        "marks": marks,
        "n": plane.n,
        "log2n": number(ceiling),
        "saturated": number(ceiling - saturation_width(ceiling)),
        "floor": 0.0 if proved is None else number(proved.bits),
        "xname": plane.ceilings["i_xz"].name,
        "views": views,
        "series": _series(plane, places),
        "metrics": _metrics(plane, places),
        "failures": failures_data(plane),
        "dpi": None if report is None else dpi_data(report, plane),
        "shows": list(map(_sentence, shows)),
        "cannot": list(map(_sentence, cannot)),
        "tables": further,
        "sections": sections_data(judged),
        "provenance": [[str(name), str(value)] for name, value in plane.provenance.items()],
    }


def _sentence(sentence: Sentence) -> Json:
    return {"text": sentence.text, "e": sentence.estimator}


def _row(row: Mapping[str, object]) -> Json:
    return {str(head): _cell(value) for head, value in row.items()}


def _cell(value: object) -> bool | int | float | str | None:
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    return number(value) if isinstance(value, float) else str(value)


def _layers(plane: Plane) -> list[Json]:
    """Names, short names, marks beside the points and reductions."""
    labels = layer_labels(plane, plane.layers)
    marks = layer_marks(plane.layers)
    layers = []
    for name, label, mark in zip(plane.layers, labels, marks, strict=True):
        reduction = plane.reductions.get(name, "none")
        layers.append({"name": name, "short": label, "mark": mark, "reduction": reduction})
    return layers


def _views(plane: Plane, first: str) -> list[Json]:
    """One view per (estimator, sense), ``first`` before the others.

    The symbols of its axes, and their definitions.
    """
    pairs = dict.fromkeys((point.estimator, point.sense) for point in plane)
    order = {"exact": 0, "point": 1, "upper": 2, "lower": 3}
    specs = [first, *(spec for spec in plane.estimators if spec != first)]
    ranked = sorted(pairs, key=lambda pair: (specs.index(pair[0]), order[pair[1]]))
    return [_view(plane, spec, sense) for spec, sense in ranked]


def _view(plane: Plane, spec: str, sense: str) -> Json:
    kind = "plane" if carries_bits(plane, spec) else "curves"
    ceiling = ceilings_of(plane, spec)["i_zy"]
    return {
        "spec": spec,
        "sense": sense,
        "x": axis_of(plane, "i_xz", spec, sense),
        "y": axis_of(plane, "i_zy", spec, sense),
        "sx": short_axis(plane, "i_xz", spec, sense),
        "sy": short_axis(plane, "i_zy", spec, sense),
        "yname": ceiling.name,
        "hy": number(ceiling.bits),
        "caption": caption_of(plane, kind=kind, estimator=spec, sense=sense, by_depth=False),
    }


def _series(plane: Plane, places: Mapping[int, int]) -> list[Json]:
    """Return the columns of every view, layer and quantity.

    Args:
        plane: whose points they are.
        places: from a step to its place among those of the page.

    Raises:
        InputError: points of layers that the plane does not list.
    """
    layers = {name: index for index, name in enumerate(plane.layers)}
    unknown = {point.layer for point in plane} - layers.keys()
    if unknown:
        raise InputError(
            f"the plane has points of layers that it does not list: {sorted(unknown)[:3]}; it "
            f"lists {list(layers)[:12]}"
        )
    curves: dict[tuple[str, str, str, str], list[tuple[int, Estimate]]] = {}
    for point in plane:
        key = (point.estimator, point.sense, point.layer, point.quantity)
        curves.setdefault(key, []).append((places[point.step], point.estimate))
    series = []
    for (spec, sense, layer, quantity), curve in curves.items():
        of_curve = {"e": spec, "s": sense, "l": layers[layer], "q": quantity}
        series.append(of_curve | _columns(curve))
    return series


OPTIONAL: dict[str, Callable[[Estimate], float | None]] = {
    "lo": lambda estimate: estimate.low,
    "hi": lambda estimate: estimate.high,
    "se": lambda estimate: estimate.stderr,
    "cov": lambda estimate: estimate.coverage,
    "nl": lambda estimate: None if estimate.null is None else estimate.null.low,
    "nh": lambda estimate: None if estimate.null is None else estimate.null.high,
}
"""Columns that a curve has where one of its estimates has the number."""


def _columns(curve: list[tuple[int, Estimate]]) -> Json:
    """Return the columns of one curve from places of steps and what was estimated there."""
    curve = sorted(curve, key=lambda point: point[0])
    estimates = [estimate for _, estimate in curve]
    columns: Json = {
        "i": [place for place, _ in curve],
        "b": numbers(estimate.bits for estimate in estimates),
    }
    for key, value_of in OPTIONAL.items():
        values = [value_of(estimate) for estimate in estimates]
        if any(value is not None for value in values):
            columns[key] = numbers(values, 4)
    saturated = [estimate.saturated for estimate in estimates]
    if any(saturated):
        columns["sat"] = "".join(str(int(is_full)) for is_full in saturated)
    ceilings = numbers(estimate.ceiling_bits for estimate in estimates)
    columns["t"] = estimates[0].target
    columns["n"] = estimates[0].n
    columns["c"] = ceilings[0] if len(set(ceilings)) == 1 else ceilings
    notes: dict[str, None] = {}
    for estimate in estimates:
        notes |= dict.fromkeys(estimate.notes)
    if notes:
        columns["notes"] = list(notes)[:5]
    return columns


def _metrics(plane: Plane, places: Mapping[int, int]) -> list[Json]:
    """Return the columns of what was logged, one entry for each name."""
    columns: dict[str, Json] = {}
    for step, metrics in sorted(plane.metrics.items()):
        for name, value in metrics.items():
            column = columns.setdefault(name, {"name": name, "i": [], "v": []})
            column["i"].append(places[step])
            column["v"].append(number(value))
    return list(columns.values())
