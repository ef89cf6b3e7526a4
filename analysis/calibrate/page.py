"""A calibration as one self-contained page: scores by family, picture, cases, partings.

No script, nothing loaded from elsewhere.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infoplane.analysis.calibrate.result import Calibration, Parting, Score

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: .6rem 0 1.6rem; font-size: 13px; }
th, td { padding: .22rem .7rem; border-bottom: 1px solid #ddd; text-align: right;
  white-space: nowrap; }
th { border-bottom: 2px solid #999; } td.t, th.t { text-align: left; }
td.bad { color: #b2182b; font-weight: 600; }
img { width: 100%; } .scroll { overflow-x: auto; } p.small { color: #555; font-size: 13px; }
@media (prefers-color-scheme: dark) {
  body { background: #1b1b1b; color: #ddd; }
  th, td { border-color: #444; } img { background: white; } }
"""


def html_of(found: Calibration) -> str:
    """Return the page as text."""
    draws = len({(trial.case, trial.seed) for trial in found.trials})
    rows = sorted({trial.n for trial in found.trials})
    parts = [
        "<h1>Calibration of estimators against known information</h1>",
        f"<p>{len(found.estimators)} estimators, {len(found.cases)} cases, {draws} draws of n = "
        f"{', '.join(map(str, rows))} rows. All numbers in bits. Error: mean absolute difference "
        "from the truth, ± its standard error over draws. Coverage: share of 95 % intervals that "
        "hold the truth, on low-dimensional cases; 90 to 99 % is nominal.</p>",
        "<h2>By family of cases</h2>",
        _scores(found.scores(), "family"),
        _picture(found),
        "<h2>Where estimators part</h2>",
        "<p>The lowest and the highest of several estimates of one information, where they differ "
        "by more than 0.1 bit and three standard errors: at least one of the two is wrong "
        "there.</p>",
        _partings(found.partings()),
        "<h2>By case</h2>",
        _scores(found.by_case(), "case"),
        _refusals(found),
    ]
    title = "infoplane: calibration"
    return (
        '<!doctype html><html lang="en"><meta '
        f'charset="utf-8"><title>{title}</title><style>{_STYLE}</style><body>{"".join(parts)}</body></html>'
    )


def _picture(found: Calibration) -> str:
    from infoplane.analysis.plot.calibration import draw_calibration
    from infoplane.errors import InputError

    buffer = io.BytesIO()
    try:
        draw_calibration(found).savefig(buffer, format="png", dpi=160)
    except InputError as error:
        return f"<p>{escape(str(error))}</p>"
    return (
        '<img alt="errors and coverage" '
        f'src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
    )


def shown(value: float | None, form: str) -> str:
    """Return a number in this format, ``-`` for none."""
    return "-" if value is None else format(value, form)


def _partings(partings: Iterable[Parting]) -> str:
    rows = [parting.texts for parting in partings]
    return _table(("case", "truth", "lowest", "bits", "highest", "bits"), rows)


def _scores(scores: Iterable[Score], what: str) -> str:
    rows = []
    for score in scores:
        coverage = "-"
        if score.coverage is not None:
            coverage = f"{score.coverage:.1%} of {score.intervals}"
        rows.append(
            (
                score.where,
                score.estimator,
                shown(score.error, ".4f")
                + ("" if score.stderr is None else f" ± {score.stderr:.4f}"),
                shown(score.bias, "+.4f"),
                coverage,
                f"{score.refused}/{score.trials}",
                f"{1000 * score.seconds:.0f} ms",
            )
        )
    return _table((what, "estimator", "error", "bias", "coverage", "refused", "time"), rows)


def _refusals(found: Calibration) -> str:
    rows = dict.fromkeys(
        (trial.estimator, trial.case, trial.refusal[:200])
        for trial in found.trials
        if trial.refusal
    )
    if not rows:
        return ""
    return "<h2>Refusals</h2>" + _table(("estimator", "case", "reason"), list(rows))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns of text are on the left, as the first row says."""
    if not rows:
        return "<p>none</p>"
    text = [not cell.lstrip("+-")[:1].isdigit() and cell != "-" for cell in rows[0]]
    body = "".join(_row("td", row, text) for row in rows)
    table = f"<table>{_row('th', head, text)}{body}</table>"
    return f'<div class="scroll">{table}</div>'


def _row(tag: str, cells: Sequence[str], text: Sequence[bool]) -> str:
    written = ""
    for cell, left in zip(cells, text, strict=True):
        written += f"<{tag}{' class=t' if left else ''}>{escape(cell)}</{tag}>"
    return f"<tr>{written}</tr>"
