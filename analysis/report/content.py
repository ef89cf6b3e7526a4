"""What a page shows, as JSON-ready data: every number once, in columns. No HTML, no plotly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infoplane.analysis.plot.caption import caption_of
from infoplane.analysis.plot.labels import axis_of, choose_estimator, short_axis
from infoplane.analysis.plot.marks import MARKS
from infoplane.analysis.plot.names import layer_labels, layer_marks
from infoplane.analysis.report.findings import MOST_FINDINGS, dpi_data, failures_data
from infoplane.analysis.report.sections import Judged, number, sections_data
from infoplane.analysis.report.summary import Sentence, sentences_of
from infoplane.analysis.units import carries_bits
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import DPIReport, Estimate

__all__ = ["MOST_FINDINGS", "page_data"]

Json = Any
"""A JSON value."""

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
) -> dict[str, Json]:
    """Return everything the page needs, JSON-ready (no NaN), each number once.

    Args:
        plane: what was measured; an empty plane gives a page that waits for points.
        report: the DPI check.
        title: heading; the archive's name when empty.
        judged: phases, sensitivity, mechanism and other runs.
        tables: further results as rows, e.g. phases or sensitivity.
        estimator: spec that the page shows first; None takes the plane's first whose numbers are
            bits.

    Raises:
        InputError: an estimator that the plane does not have.
    """
    steps = sorted({*plane.steps, *plane.metrics})
    place = {step: i for i, step in enumerate(steps)}
    judged = judged or Judged()
    shows, cannot = sentences_of(plane, report, tested=judged.phases is not None)
    shows += [Sentence(text) for text in judged.sentences()]
    views = _views(plane, choose_estimator(plane, estimator, in_bits=False) if len(plane) else "")
    return {
        "title": title or str(plane.provenance.get("archive", "")) or "information plane",
        "steps": steps,
        "layers": _layers(plane),
        "marks": {key: {"text": m.meaning, "symbol": m.symbol} for key, m in MARKS.items()},
        "n": plane.n,
        "log2n": number(plane.ceilings["i_xz"].bits),
        "xname": plane.ceilings["i_xz"].name,
        "yname": plane.ceilings["i_zy"].name,
        "hy": number(plane.h_y_bits),
        "views": views,
        "series": _series(plane, place),
        "metrics": _metrics(plane, place),
        "failures": failures_data(plane),
        "dpi": None if report is None else dpi_data(report, plane),
        "shows": [{"text": said.text, "e": said.estimator} for said in shows],
        "cannot": [{"text": said.text, "e": said.estimator} for said in cannot],
        "tables": [
            {"title": name, "rows": [{str(k): _cell(v) for k, v in row.items()} for row in rows]}
            for name, rows in (tables or {}).items()
            if rows
        ],
        "sections": sections_data(judged),
        "provenance": [[str(k), str(v)] for k, v in plane.provenance.items()],
    }


def _cell(value: object) -> Json:
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    return number(value) if isinstance(value, float) else str(value)


def _layers(plane: Plane) -> list[dict[str, Json]]:
    """Names, short names, marks beside the points and reductions."""
    labels = layer_labels(plane, plane.layers) if plane.layers else []
    return [
        {
            "name": name,
            "short": label,
            "mark": mark,
            "reduction": plane.reductions.get(name, "none"),
        }
        for name, label, mark in zip(plane.layers, labels, layer_marks(plane.layers), strict=True)
    ]


def _views(plane: Plane, first: str) -> list[dict[str, Json]]:
    """One view per (estimator, sense), ``first`` before the others.

    The symbols of its axes, and their definitions.
    """
    pairs = dict.fromkeys((p.estimator, p.sense) for p in plane)
    order = {"exact": 0, "point": 1, "upper": 2, "lower": 3}
    specs = [first, *(spec for spec in plane.estimators if spec != first)]
    ranked = sorted(pairs, key=lambda pair: (specs.index(pair[0]), order[pair[1]]))
    return [_view(plane, spec, sense) for spec, sense in ranked]


def _view(plane: Plane, spec: str, sense: str) -> dict[str, Json]:
    kind = "plane" if carries_bits(plane, spec) else "curves"
    return {
        "spec": spec,
        "sense": sense,
        "x": axis_of(plane, "i_xz", spec, sense),
        "y": axis_of(plane, "i_zy", spec, sense),
        "sx": short_axis(plane, "i_xz", spec, sense),
        "sy": short_axis(plane, "i_zy", spec, sense),
        "caption": caption_of(plane, kind=kind, estimator=spec, sense=sense, by_depth=False),
    }


def _series(plane: Plane, place: Mapping[int, int]) -> list[dict[str, Json]]:
    """Return the columns of every view, layer and quantity.

    Args:
        plane: whose points they are.
        place: from a step to its place among those of the page.

    Raises:
        InputError: points of layers that the plane does not list.
    """
    layers = {name: i for i, name in enumerate(plane.layers)}
    if unknown := {p.layer for p in plane} - layers.keys():
        raise InputError(
            f"the plane has points of layers that it does not list: {sorted(unknown)[:3]}; it "
            f"lists {list(layers)[:12]}"
        )
    curves: dict[tuple[str, str, str, str], list[tuple[int, Estimate]]] = {}
    for p in plane:
        curve = curves.setdefault((p.estimator, p.sense, p.layer, p.quantity), [])
        curve.append((place[p.step], p.estimate))
    return [
        {"e": spec, "s": sense, "l": layers[layer], "q": quantity, **_columns(curve)}
        for (spec, sense, layer, quantity), curve in curves.items()
    ]


OPTIONAL: dict[str, Callable[[Estimate], float | None]] = {
    "lo": lambda e: e.low,
    "hi": lambda e: e.high,
    "se": lambda e: e.stderr,
    "cov": lambda e: e.coverage,
    "nl": lambda e: None if e.null is None else e.null.low,
    "nh": lambda e: None if e.null is None else e.null.high,
}
"""Columns that a curve has where one of its estimates has the number."""


def _columns(curve: list[tuple[int, Estimate]]) -> dict[str, Json]:
    """Return the columns of one curve from places of steps and what was estimated there."""
    curve = sorted(curve, key=lambda point: point[0])
    estimates = [estimate for _, estimate in curve]
    columns: dict[str, Json] = {
        "i": [i for i, _ in curve],
        "b": [number(e.bits) for e in estimates],
    }
    for key, value_of in OPTIONAL.items():
        values = [value_of(e) for e in estimates]
        if any(value is not None for value in values):
            columns[key] = [number(value, 4) for value in values]
    if any(e.saturated for e in estimates):
        columns["sat"] = "".join("1" if e.saturated else "0" for e in estimates)
    ceilings = [number(e.ceiling_bits) for e in estimates]
    columns["t"] = estimates[0].target
    columns["n"] = estimates[0].n
    columns["c"] = ceilings[0] if len(set(ceilings)) == 1 else ceilings
    notes = list(dict.fromkeys(note for e in estimates for note in e.notes))
    return columns | ({"notes": notes[:5]} if notes else {})


def _metrics(plane: Plane, place: Mapping[int, int]) -> list[dict[str, Json]]:
    names = dict.fromkeys(name for step in sorted(plane.metrics) for name in plane.metrics[step])
    return [
        {
            "name": name,
            "i": [place[s] for s in sorted(plane.metrics) if name in plane.metrics[s]],
            "v": [
                number(plane.metrics[s][name])
                for s in sorted(plane.metrics)
                if name in plane.metrics[s]
            ],
        }
        for name in names
    ]
