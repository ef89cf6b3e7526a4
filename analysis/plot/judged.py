"""Figures of what was judged beyond the plane: phases, invariance, sensitivity, mechanism, gradients, several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.errors import InputError
from infoplane.plane import Plane

if TYPE_CHECKING:
    from infoplane.analysis.compare import Pooled
    from infoplane.analysis.invariance import Invariance
    from infoplane.analysis.mechanism import Mechanism
    from infoplane.analysis.phases import Phases

_TONES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7f7f7f", "#8c6d31", "#6a3d9a")


@style.styled
def plot_phases(phases: Phases, *, ax: Axes | None = None) -> Axes:
    """Fall of I(X;Z) from its split-half peak with 95 % intervals, one row per layer and estimator; filled where it counts as compression."""
    curves = [(phase, c) for phase in phases.layers for c in phase.curves]
    ax = style.new_axes(ax, style.PAGE * 0.8, max(1.8, 0.17 * len(curves) + 0.9))
    specs = list(dict.fromkeys(c.estimator for _, c in curves))
    y, ticks, names = 0.0, [], []
    for phase in phases.layers:
        top = y
        for c in phase.curves:
            tone = _TONES[specs.index(c.estimator) % len(_TONES)]
            ax.plot([c.low, c.high], [y, y], color=tone, lw=1.4, solid_capstyle="butt")
            ax.plot(c.drop, y, "o", ms=5, color=tone, mfc=tone if c.compresses else "white")
            y += 1
        ticks.append((top + y - 1) / 2)
        names.append(f"{style.drawable(phase.layer)}\n{phase.verdict}")
        y += 0.8
    ax.axvline(0, color="#555555", lw=0.8)
    ax.set_yticks(ticks, names)
    ax.set_ylim(y - 0.3, -1.0)
    ax.grid(False, axis="y")
    ax.set_xlabel("fall of I(X;Z) from its split-half peak [bits], 95 %")
    marks = [ax.plot([], [], "o-", color=_TONES[k % len(_TONES)], label=spec)[0] for k, spec in enumerate(specs)]
    marks.append(ax.plot([], [], "o", color="#555555", mfc="white", label="hollow: no compression")[0])
    ax.legend(handles=marks, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax


@style.styled
def plot_invariance(found: Sequence[Invariance], *, ax: Axes | None = None) -> Axes:
    """Invariance error (what notation moves) beside sensitivity (what losing half of the units moves), per layer and estimator."""
    if not found:
        raise InputError("nothing to draw: the battery gave no result")
    ax = style.new_axes(ax, style.PAGE * 0.85, max(1.8, 0.2 * len(found) + 0.9))
    y = np.arange(len(found), dtype=float)
    ax.barh(y - 0.18, [f.error for f in found], 0.34, color="#d55e00", label="invariance error: largest change under invertible maps")
    ax.barh(y + 0.18, [f.sensitivity for f in found], 0.34, color="#0072b2", label="sensitivity: loss when half of the units go")
    high = max(max(f.error, f.sensitivity) for f in found)
    for k, f in enumerate(found):
        ax.text(max(f.error, f.sensitivity, 0) + 0.01 * high, k, f"{f.discriminability:.2f}", va="center", fontsize=6.5)
    ax.set_yticks(y, [f"{style.drawable(f.layer)}  {f.estimator}" for f in found])
    ax.invert_yaxis()
    ax.grid(False, axis="y")
    ax.set_xlabel(f"{'I(Z;Y)' if found[0].quantity == 'i_zy' else 'I(X;Z)'} as each estimator defines it [bits]; number: discriminability")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1)
    return ax


@style.styled
def draw_sensitivity(plane: Plane, *, columns: int = 4) -> Figure:
    """Small multiples: the same run's plane under every estimator of ``plane``, on equal axes."""
    specs = plane.estimators
    rows = -(-len(specs) // columns)
    figure = style.new_figure(style.PAGE * 1.25, 1.75 * rows + 0.5)
    axes = np.atleast_1d(figure.subplots(rows, min(columns, len(specs)), sharex=True, sharey=True, squeeze=False)).ravel()
    tones = style.colour_map()(np.linspace(0, 1, len(plane.layers)))
    for ax, spec in zip(axes, specs, strict=False):
        for layer, tone in zip(plane.layers, tones, strict=True):
            xs, ys = (dict(zip(*plane.series(layer, q, spec), strict=True)) for q in ("i_xz", "i_zy"))
            steps = [s for s in xs if s in ys]
            ax.plot([xs[s].bits for s in steps], [ys[s].bits for s in steps], "-", lw=0.9, color=tone)
            if steps:
                ax.plot(xs[steps[-1]].bits, ys[steps[-1]].bits, "o", ms=3.5, color=tone, mec="black", mew=0.4)
        ax.set_title(spec, fontsize=7.5)
    for ax in axes[len(specs) :]:
        ax.set_axis_off()
    for ax in axes[max(0, len(specs) - columns) : len(specs)]:  # the lowest of each column, also above an empty place
        ax.tick_params(labelbottom=True)
    figure.supxlabel("I(X;Z) as each estimator defines it [bits]", fontsize=8)
    figure.supylabel("I(Z;Y) as each estimator defines it [bits]", fontsize=8)
    handles = [
        axes[0].plot([], [], "-", color=tone, label=style.drawable(layer))[0] for layer, tone in zip(plane.layers, tones, strict=True)
    ]
    handles.append(axes[0].plot([], [], "o", ms=3.5, color="white", mec="black", label="last step")[0])
    figure.legend(handles=handles, loc="outside right center")
    return figure


@style.styled
def draw_mechanism(found: Sequence[Mechanism]) -> Figure:
    """Saturated values, exact zeros, duplicate rows, used cells, clipped values and spread versus step, one line per layer."""
    if not found:
        raise InputError("nothing to draw: no captured steps")
    layers = list(dict.fromkeys(m.layer for m in found))
    panels = {
        "saturated": "values near a bound",
        "zeros": "exact zeros",
        "duplicates": "rows equal to another",
        "used_cells": "occupied cells / rows",
        "clipped": "values outside the bins",
        "spread": "RMS distance of rows",
    }
    figure = style.new_figure(style.PAGE, style.PAGE * 0.55)
    axes = figure.subplots(2, 3, sharex=True).ravel()
    tones = style.colour_map()(np.linspace(0, 1, len(layers)))
    steps = sorted({m.step for m in found})
    for ax, (key, title) in zip(axes, panels.items(), strict=True):
        for layer, tone in zip(layers, tones, strict=True):
            mine = [m for m in found if m.layer == layer]
            ax.plot([m.step for m in mine], [getattr(m, key) for m in mine], color=tone, label=style.drawable(layer))
        ax.set_title(title, fontsize=8)
        if key != "spread":
            ax.set_ylim(-0.03, 1.03)
        style.step_axis(ax, steps)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


@style.styled
def draw_gradients(statistics: Mapping[int, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Norm of the mean gradient, its standard deviation over batches (both over the weight norm), SNR and noise scale versus step, per parameter."""
    if not statistics:
        raise InputError("no gradient statistics in this run: record with Recorder(..., gradients=loss_fn)")
    steps = sorted(statistics)
    names = list(statistics[steps[0]])
    panels = {
        "mean": "|mean gradient| / |W|",
        "sd": "sqrt(tr Cov) / |W|",
        "snr": "SNR = |mean| / sqrt(tr Cov)",
        "noise_scale": "noise scale [rows]",
    }
    figure = style.new_figure(style.PAGE, style.PAGE * 0.55)
    axes = figure.subplots(2, 2, sharex=True).ravel()
    tones = style.colour_map()(np.linspace(0, 1, len(names)))
    for ax, (key, title) in zip(axes, panels.items(), strict=True):
        for name, tone in zip(names, tones, strict=True):
            ax.plot(steps, [statistics[s][name][key] for s in steps], color=tone, label=style.drawable(name))
        ax.set_title(title, fontsize=8)
        ax.set_yscale("log")
        style.step_axis(ax, steps)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    return figure


@style.styled
def draw_compared(planes: Mapping[str, Plane], pooled: Sequence[Pooled]) -> Figure:
    """Planes side by side on top, and below I(X;Z) and I(Z;Y) versus step pooled over runs: every run thin, the median thick, the range shaded."""
    shown = list(planes.items())[:4]
    figure = style.new_figure(style.PAGE * 1.2, style.PAGE * 0.95)
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=[1.1, 1]), dtype=object)
    axes = np.atleast_1d(top.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)).ravel()
    spec = pooled[0].estimator
    for ax, (name, plane) in zip(axes, shown, strict=True):
        _small_plane(ax, plane, spec)
        ax.set_title(style.drawable(name), fontsize=8)
    axes[0].set_ylabel("I(Z;Y) [bits]")
    top.supxlabel(f"I(X;Z) under {spec} [bits]" + (f" (4 of {len(planes)} runs)" if len(planes) > 4 else ""), fontsize=8)
    layers = list(dict.fromkeys(p.layer for p in pooled))
    tones = dict(zip(layers, style.colour_map()(np.linspace(0, 1, len(layers))), strict=True))
    for ax, quantity, title in zip(bottom.subplots(1, 2), ("i_xz", "i_zy"), ("I(X;Z)", "I(Z;Y)"), strict=True):
        for p in (p for p in pooled if p.quantity == quantity):
            low, high = p.band()
            ax.fill_between(p.steps, low, high, color=tones[p.layer], alpha=0.15, lw=0)
            ax.plot(p.steps, p.values.T, color=tones[p.layer], lw=0.4, alpha=0.6)
            ax.plot(p.steps, p.median, color=tones[p.layer], lw=1.6, label=style.drawable(p.layer))
        ax.set_title(f"{title}, {len(planes)} runs: median, every run, range", fontsize=8)
        ax.set_ylabel("[bits]")
        style.step_axis(ax, sorted({s for p in pooled for s in p.steps}))
    bottom.legend(*ax.get_legend_handles_labels(), loc="outside right center")
    return figure


def _small_plane(ax: Axes, plane: Plane, spec: str) -> None:
    tones = style.colour_map()(np.linspace(0, 1, len(plane.layers)))
    for layer, tone in zip(plane.layers, tones, strict=True):
        xs, ys = (dict(zip(*plane.series(layer, q, spec), strict=True)) for q in ("i_xz", "i_zy"))
        steps = [s for s in xs if s in ys]
        ax.plot([xs[s].bits for s in steps], [ys[s].bits for s in steps], "-", lw=0.9, color=tone)
        if steps:
            ax.plot(xs[steps[-1]].bits, ys[steps[-1]].bits, "o", ms=3.5, color=tone, mec="black", mew=0.4)
