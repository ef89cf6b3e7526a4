"""What a page shows, as JSON-ready data: every number once, in columns. No HTML, no plotly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infoplane.analysis.plot.labels import axis_of, layer_labels
from infoplane.analysis.report.sections import Judged, number, sections_data
from infoplane.analysis.report.summary import summarise
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import VERDICTS, DPIReport, Estimate, Finding

Json = Any
"""A JSON value."""

MOST_FINDINGS = 1000
"""Findings embedded at most, the worst first; the page says how many it leaves out."""

Table = Mapping[str, Sequence[Mapping[str, object]]]
"""Extra tables of a page: title -> rows."""


def page_data(
    plane: Plane,
    report: DPIReport | None = None,
    *,
    title: str = "",
    tables: Table | None = None,
    judged: Judged | None = None,
) -> dict[str, Json]:
    """Everything the page needs, JSON-ready (no NaN), each number once.

    Args:
        plane: what was measured; an empty plane gives a page that waits for points.
        report: the DPI check.
        title: heading; the archive's name when empty.
        judged: phases, sensitivity, mechanism and other runs.
        tables: further results as rows, e.g. phases or sensitivity.
    """
    steps = sorted({*plane.steps, *plane.metrics})
    place = {step: i for i, step in enumerate(steps)}
    judged = judged or Judged()
    shows, cannot = summarise(plane, report, tested=judged.phases is not None)
    return {
        "title": title or str(plane.provenance.get("archive", "")) or "information plane",
        "steps": steps,
        "layers": [
            {"name": name, "short": short, "reduction": plane.reductions.get(name, "none")}
            for name, short in zip(
                plane.layers, layer_labels(plane, plane.layers) if plane.layers else [], strict=True
            )
        ],
        "n": plane.n,
        "log2n": number(plane.ceilings["i_xz"].bits),
        "xname": plane.ceilings["i_xz"].name,
        "yname": plane.ceilings["i_zy"].name,
        "hy": number(plane.h_y_bits),
        "views": _views(plane),
        "series": _series(plane, place),
        "metrics": _metrics(plane, place),
        "failures": [
            {"step": f.step, "layer": f.layer, "estimator": f.estimator, "message": f.message}
            for f in plane.failures[:MOST_FINDINGS]
        ],
        "dpi": None if report is None else _dpi(report, plane),
        "shows": shows + judged.sentences(),
        "cannot": cannot,
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


def _views(plane: Plane) -> list[dict[str, Json]]:
    """One view per (estimator, sense), with the axis labels that state the convention."""
    pairs = dict.fromkeys((p.estimator, p.sense) for p in plane)
    order = {"exact": 0, "point": 1, "upper": 2, "lower": 3}
    ranked = sorted(pairs, key=lambda pair: (plane.estimators.index(pair[0]), order[pair[1]]))
    return [
        {
            "spec": spec,
            "sense": sense,
            "x": axis_of(plane, "i_xz", spec, sense),
            "y": axis_of(plane, "i_zy", spec, sense),
        }
        for spec, sense in ranked
    ]


def _series(plane: Plane, place: Mapping[int, int]) -> list[dict[str, Json]]:
    """Columns of one (view, layer, quantity) each."""
    groups: dict[tuple[str, str, str, str], list[tuple[int, Estimate]]] = {}
    for p in plane:
        groups.setdefault((p.estimator, p.sense, p.layer, p.quantity), []).append(
            (place[p.step], p.estimate)
        )
    layers = {name: i for i, name in enumerate(plane.layers)}
    if unknown := {p.layer for p in plane} - layers.keys():
        raise InputError(
            f"the plane has points of layers that it does not list: {sorted(unknown)[:3]}; it lists {list(layers)[:12]}"
        )
    out = []
    for (spec, sense, layer, quantity), pairs in groups.items():
        pairs.sort(key=lambda pair: pair[0])
        estimates = [e for _, e in pairs]
        column: dict[str, Json] = {
            "e": spec,
            "s": sense,
            "l": layers[layer],
            "q": quantity,
            "i": [i for i, _ in pairs],
            "b": [number(e.bits) for e in estimates],
        }
        for key, values in (
            ("lo", [e.low for e in estimates]),
            ("hi", [e.high for e in estimates]),
            ("se", [e.stderr for e in estimates]),
            ("cov", [e.coverage for e in estimates]),
        ):
            if any(v is not None for v in values):
                column[key] = [number(v, 4) for v in values]
        if any(e.saturated for e in estimates):
            column["sat"] = "".join("1" if e.saturated else "0" for e in estimates)
        column["t"] = estimates[0].target
        column["n"] = estimates[0].n
        ceilings = [number(e.ceiling_bits) for e in estimates]
        column["c"] = ceilings[0] if len(set(ceilings)) == 1 else ceilings
        notes = list(dict.fromkeys(note for e in estimates for note in e.notes))
        if notes:
            column["notes"] = notes[:5]
        out.append(column)
    return out


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


def _dpi(report: DPIReport, plane: Plane) -> dict[str, Json]:
    """Tally, episodes and the worst findings; explanations are stored once each."""
    worst: list[Finding] = sorted(
        report.findings, key=lambda f: (VERDICTS.index(f.verdict), -f.excess_bits)
    )[:MOST_FINDINGS]
    texts = list(dict.fromkeys(f.explanation for f in worst))
    where = {text: i for i, text in enumerate(texts)}
    layers = {name: i for i, name in enumerate(plane.layers)}
    return {
        "passed": report.passed,
        "checked": report.checked,
        "counts": {v: report.counts[v] for v in VERDICTS if report.counts.get(v)},
        "limits": list(report.limits),
        "texts": texts,
        "omitted": len(report.findings) - len(worst),
        "episodes": [
            {
                "law": e.law,
                "up": e.upstream,
                "down": e.downstream,
                "v": e.verdict,
                "first": e.first_step,
                "last": e.last_step,
                "k": e.checkpoints,
                "x": number(e.worst_bits, 4),
                "e": e.estimator,
            }
            for e in report.episodes[:MOST_FINDINGS]
        ],
        "findings": [
            {
                "law": f.law,
                "step": f.step,
                "u": layers.get(f.upstream, f.upstream),
                "d": layers.get(f.downstream, f.downstream),
                "x": number(f.excess_bits, 4),
                "v": f.verdict,
                "t": where[f.explanation],
                "e": f.estimator,
            }
            | ({"p": number(f.p, 3)} if f.p is not None else {})
            | (
                {"g": number(f.gain_bits, 4), "o": number(f.loss_bits, 4)}
                if f.gain_bits is not None
                else {}
            )
            for f in worst
        ],
    }
