"""A calibration as a picture: errors per case and estimator, coverage of intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.tones import colour_map, marker
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.calibrate.result import Calibration, Coverage, Score

_LIMIT = 0.5
"""Bits of error beyond which a mark stands at the edge, with its value beside it."""


@style.styled
def draw_calibration(found: Calibration) -> Figure:
    """Left: mean of estimate - truth, a row per case.

    Right: coverage of 95 % intervals per estimator.

    Errors beyond half a bit are drawn at the edge, with their value.

    Raises:
        InputError: no trial has an error.
    """
    scores = [score for score in found.by_case() if score.bias is not None]
    if not scores:
        raise InputError(
            "nothing to draw: no trial has a finite truth and an estimate of Shannon information"
        )
    scored_cases = {score.where for score in scores}
    scored_names = {score.estimator for score in scores}
    cases = [case for case in found.cases if case in scored_cases]
    names = [name for name in found.estimators if name in scored_names]
    coverage = {}
    for name in names:
        if (held := found.coverage(name)) is not None:
            coverage[name] = held
    figure = style.new_figure(style.PAGE, 1.0 + 0.19 * len(cases) + 0.12 * len(names))
    widths = [3, 1] if coverage else [1]
    axes = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    _draw_errors(axes[0], scores, cases, names)
    labels = [f"{case} ({found.truth_bits(case) + 0.0:.2f})" for case in cases]
    axes[0].set_yticks(range(len(cases)), labels, fontsize=6)
    axes[0].set_ylim(len(cases) - 0.5, -0.5)
    axes[0].set_title("case (truth in bits)", loc="right", x=-0.01, fontsize=6.5, color="0.3")
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(3, len(names)),
        fontsize=6.5,
    )
    if coverage:
        _draw_coverage(axes[1], coverage)
    return figure


def _draw_errors(
    ax: Axes, scores: Sequence[Score], cases: Sequence[str], names: Sequence[str]
) -> None:
    """Draw one mark per case and estimator; the estimators of a case stand one above the other."""
    colours = colour_map("viridis", 0.0, 0.85)
    for index, name in enumerate(names):
        shift = 0.5 * ((index + 0.5) / len(names) - 0.5)
        errors = {}
        for score in scores:
            if score.estimator == name and score.bias is not None:
                errors[cases.index(score.where) + shift] = score.bias
        shown = np.clip(list(errors.values()), -_LIMIT, _LIMIT)
        tone = colours(index / max(1, len(names) - 1))
        ax.plot(
            shown,
            list(errors),
            marker(index),
            color=tone,
            ms=4,
            label=name,
            gid=f"errors {name}",
        )
        for place, bias in errors.items():
            if abs(bias) <= _LIMIT:
                continue
            side = float(np.sign(bias))
            ax.annotate(
                f"{bias:+.1f}",
                (side * _LIMIT, place),
                (-side * 9, 0),
                textcoords="offset points",
                fontsize=5.5,
                va="center",
                ha="center",
                color="0.25",
            )
    ax.axvline(0, color="0.3", lw=0.8)
    ax.set_xlim(-1.1 * _LIMIT, 1.1 * _LIMIT)
    ax.set_xlabel("mean of estimate - truth [bits] (beyond ±0.5: at the edge, with its value)")


def _draw_coverage(ax: Axes, coverage: Mapping[str, Coverage]) -> None:
    """Draw the share of intervals that hold the truth.

    Each has its own 95 % interval, per estimator.
    """
    places = np.arange(len(coverage))
    rates = np.array([held.rate for held in coverage.values()])
    reach = np.array([held.half_width for held in coverage.values()])
    ax.axvspan(0.90, 0.99, color="0.92")
    ax.axvline(0.95, color="0.5", lw=0.8)
    ax.errorbar(rates, places, xerr=reach, fmt="o", ms=4, color="0.2", gid="coverage")
    ax.set_yticks(places, list(coverage), fontsize=6)
    ax.set_ylim(len(coverage) - 0.5, -0.5)
    ax.set_xlim(min(0.85, float(rates.min()) - 0.05), 1.01)
    ax.set_xlabel("coverage of 95 %\nintervals, low-\ndimensional cases")
