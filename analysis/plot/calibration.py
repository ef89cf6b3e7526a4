"""A calibration as a picture: errors per case and estimator, coverage of intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.calibrate.result import Calibration, Score

_LIMIT = 0.5


def draw_calibration(found: Calibration) -> Figure:
    """Left: mean of estimate - truth with the spread over draws, a row per case; right: coverage of 95 % intervals per estimator.

    Errors beyond half a bit are drawn at the edge as arrows, with their value.

    Raises:
        InputError: no trial has an error.
    """
    scores = [s for s in found.by_case() if s.bias is not None]
    if not scores:
        raise InputError(
            "nothing to draw: no trial has a finite truth and an estimate of Shannon information"
        )
    with style.context():
        return _draw(found, scores)


def _draw(found: Calibration, scores: list[Score]) -> Figure:
    cases = [c for c in found.cases if any(s.where == c for s in scores)]
    names = [e for e in found.estimators if any(s.estimator == e for s in scores)]
    covered = [(e, pooled) for e in names if (pooled := _pooled(found, e))[1]]
    height = 1.0 + 0.19 * len(cases) + 0.12 * len(names)
    figure = style.new_figure(style.PAGE, height)
    axes = figure.subplots(
        1, 2 if covered else 1, width_ratios=[3, 1] if covered else [1], squeeze=False
    )[0]
    left = axes[0]
    colours = [
        style.colour_map("viridis", 0.0, 0.85)(k / max(1, len(names) - 1))
        for k in range(len(names))
    ]
    place = {c: k for k, c in enumerate(cases)}
    for k, name in enumerate(names):
        mine = [s for s in scores if s.estimator == name]
        shift = 0.5 * ((k + 0.5) / len(names) - 0.5)
        y = np.array([place[s.where] + shift for s in mine])
        bias = np.array([s.bias for s in mine], float)
        left.plot(
            np.clip(bias, -_LIMIT, _LIMIT),
            y,
            style.MARKERS[k % len(style.MARKERS)],
            color=colours[k],
            ms=4,
            label=name,
            ls="none",
            gid=f"errors {name}",
        )
        for b, at in zip(bias, y, strict=True):
            if abs(b) > _LIMIT:
                side = np.sign(b)
                left.annotate(
                    f"{b:+.1f}",
                    (side * _LIMIT, at),
                    (-side * 9, 0),
                    textcoords="offset points",
                    fontsize=5.5,
                    va="center",
                    ha="center",
                    color="0.25",
                )
    left.axvline(0, color="0.3", lw=0.8)
    left.set_yticks(range(len(cases)), [_labelled(found, c) for c in cases], fontsize=6)
    left.set_ylim(len(cases) - 0.5, -0.5)
    left.set_title("case (truth in bits)", loc="right", x=-0.01, fontsize=6.5, color="0.3")
    left.set_xlim(-1.1 * _LIMIT, 1.1 * _LIMIT)
    left.set_xlabel("mean of estimate - truth [bits] (beyond ±0.5: at the edge, with its value)")
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(3, len(names)),
        fontsize=6.5,
    )
    if covered:
        _coverage(axes[1], covered)
    return figure


def _pooled(found: Calibration, estimator: str) -> tuple[float, int]:
    held = [
        t.covered
        for t in found.trials
        if t.estimator == estimator and t.low_dimensional and t.covered is not None
    ]
    return (float(np.mean(held)) if held else 0.0), len(held)


def _coverage(ax: object, covered: list[tuple[str, tuple[float, int]]]) -> None:
    from matplotlib.axes import Axes

    assert isinstance(ax, Axes)
    y = np.arange(len(covered))
    rates = np.array([rate for _, (rate, _) in covered])
    spread = np.array([1.96 * np.sqrt(max(r * (1 - r), 1e-4) / n) for _, (r, n) in covered])
    ax.axvspan(0.90, 0.99, color="0.92")
    ax.axvline(0.95, color="0.5", lw=0.8)
    ax.errorbar(rates, y, xerr=spread, fmt="o", ms=4, color="0.2", gid="coverage")
    ax.set_yticks(y, [name for name, _ in covered], fontsize=6)
    ax.set_ylim(len(covered) - 0.5, -0.5)
    ax.set_xlim(min(0.85, float(rates.min()) - 0.05), 1.01)
    ax.set_xlabel("coverage of 95 %\nintervals, low-\ndimensional cases")


def _labelled(found: Calibration, case: str) -> str:
    t = next(t for t in found.trials if t.case == case)
    return f"{case} ({t.truth_bits + 0.0:.2f})"
