"""Information versus training step, one curve per layer, and the loss and accuracy beside it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import (
    QUANTITIES,
    axis_of,
    choose_estimator,
    layer_labels,
    named,
    short_names,
    wrap_label,
)
from infoplane.analysis.plot.place import spread
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import Estimate, Quantity

DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
"""Line styles in turn, so that neighbouring layers differ without colour."""
_SMALLEST = 5.5
"""Points of the smallest names of layers."""


@style.styled
def plot_curves(
    plane: Plane,
    *,
    quantity: Quantity = "i_xz",
    estimator: str | None = None,
    sense: str | None = None,
    layers: Collection[str] | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
) -> Axes:
    """One quantity versus training step, one curve per layer (colour by depth, name at the curve's end).

    A band shows the 95 % interval, or the space between the lower and the upper bound where the estimator gives a pair; hollow marks are saturated.

    Args:
        plane: what was measured.
        quantity: ``i_xz`` or ``i_zy``.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        layers: layer names to draw; None draws all.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step axis; None decides from the steps.

    Returns:
        The Axes.

    Raises:
        InputError: empty plane, unknown estimator or layer, or nothing to draw.
    """
    spec = choose_estimator(plane, estimator, in_bits=False)
    shown = (
        plane.select(layer=layers, estimator=spec, quantity=quantity)
        if layers is not None
        else plane.select(estimator=spec, quantity=quantity)
    )
    curves = [(name, *shown.series(name, quantity, spec, sense)) for name in shown.layers]
    curves = [c for c in curves if c[1]]
    if not curves:
        raise InputError(f"the plane has no {quantity} from {spec!r}")
    ax = style.new_axes(ax, height=style.PAGE * 0.4)
    colours = style.colour_map()
    tones = [colours(k / max(len(curves) - 1, 1)) for k in range(len(curves))]
    for k, (name, steps, estimates) in enumerate(curves):
        bits = [e.bits for e in estimates]
        ax.plot(
            steps,
            bits,
            color=tones[k],
            ls=DASHES[k % len(DASHES)],
            lw=1.3,
            gid=f"curve-{k}",
            zorder=3,
        )
        hollow = [(s, e.bits) for s, e in zip(steps, estimates) if e.saturated]
        if hollow:
            ax.plot(
                *zip(*hollow),
                marker="o",
                ms=2.6,
                mfc="white",
                mec=tones[k],
                mew=0.6,
                ls="none",
                zorder=4,
                gid=f"saturated-{k}",
            )
        if band := _band(shown, name, quantity, spec, sense):
            ax.fill_between(
                *band,
                color=tones[k],
                alpha=0.13 * min(1.0, 4 / len(curves)),
                lw=0,
                zorder=1,
                gid=f"band-{k}",
            )
        _draw_null(ax, k, steps, estimates, tones[k])
    style.step_axis(ax, shown.steps, log)
    _reference(ax, shown, quantity, max(e.bits for c in curves for e in c[2]))
    room = int(style.height_points(ax) / 4.4)
    ax.set_ylabel(
        style.drawable(wrap_label(axis_of(shown, quantity, spec, curves[0][2][0].sense), room)),
        parse_math=False,
        fontsize=7.5,
    )
    _end_names(ax, plane, [(c[0], c[1][-1], c[2][-1].bits) for c in curves], tones)
    return ax


def _band(
    plane: Plane, layer: str, quantity: Quantity, spec: str, sense: str | None
) -> tuple[list[int], list[float], list[float]] | None:
    """Steps, lower and upper edge of a layer's band; None where there is neither an interval nor a pair of bounds."""
    steps, estimates = plane.series(layer, quantity, spec, sense)
    kept = [
        (s, e.low, e.high)
        for s, e in zip(steps, estimates)
        if e.low is not None and e.high is not None
    ]
    if kept:
        return [s for s, _, _ in kept], [low for _, low, _ in kept], [high for _, _, high in kept]
    lower, upper = (
        dict(zip(*plane.series(layer, quantity, spec, "lower"))),
        dict(zip(*plane.series(layer, quantity, spec, "upper"))),
    )
    both = [s for s in lower if s in upper]
    if (
        quantity == "i_zy" or sense is not None or not both
    ):  # the Y values are differences of bounds: the space between them bounds nothing
        return None
    return both, [lower[s].bits for s in both], [upper[s].bits for s in both]


Tone = tuple[float, float, float, float]


def _draw_null(ax: Axes, k: int, steps: list[int], estimates: list[Estimate], tone: Tone) -> None:
    """The band of shuffled labels under a curve, where they were drawn: in grey between lines of its colour."""
    drawn = [(s, e.null) for s, e in zip(steps, estimates, strict=True) if e.null is not None]
    if not drawn:
        return
    at = [s for s, _ in drawn]
    low, high = [null.low for _, null in drawn], [null.high for _, null in drawn]
    ax.fill_between(
        at, low, high, color="#8a8a8a", alpha=0.3, lw=0.8, ec=tone, zorder=0.5, gid=f"null-{k}"
    )


def _reference(ax: Axes, plane: Plane, quantity: Quantity, highest: float) -> None:
    text, level = plane.ceilings[quantity]
    if level is not None:
        ax.axhline(level, color="#555555", lw=0.8, ls="--", zorder=0, gid="reference")
        ax.annotate(
            f"{text} = {level:.4g}",
            (0.01, level),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=6.5,
            color="#444444",
            parse_math=False,
        )
    top = max(highest, level or 0.0)
    ax.set_ylim(min(0.0, ax.get_ylim()[0]), top * 1.1 if top > 0 else None)


def _end_names(
    ax: Axes,
    plane: Plane,
    ends: list[tuple[str, int, float]],
    tones: list[tuple[float, float, float, float]],
) -> None:
    """Names in a column at the right of the axes, spread so that none covers another, each joined to its curve; of many layers, as many as fit."""
    low, high = ax.get_ylim()
    height = style.height_points(ax)
    chosen = named(len(ends), max(2, int(height / (1.25 * _SMALLEST))))
    if len(chosen) < len(ends):
        words = f"{len(chosen)} of {len(ends)} layers named"
        ax.annotate(
            words,
            (0.99, 0.02),
            xycoords="axes fraction",
            ha="right",
            fontsize=6.5,
            color="#444444",
            gid="named",
        )
    names = [style.drawable(n) for n in layer_labels(plane, [name for name, _, _ in ends], 22)]
    ends, tones, names = (
        [ends[k] for k in chosen],
        [tones[k] for k in chosen],
        [names[k] for k in chosen],
    )
    size = min(7.0, height / len(ends) / 1.25)
    wanted = [
        round((bits - low) / (high - low) / 0.03) * 0.03 for _, _, bits in ends
    ]  # curves that end together are listed in layer order
    slots = spread(wanted[::-1], 1.2 * size / height, 0.02, 0.98)[::-1]
    for name, (_, step, bits), slot, tone in zip(names, ends, slots, tones):
        dark = tuple(0.75 * c for c in tone[:3])
        ax.annotate(
            name,
            (step, bits),
            xytext=(1.035, slot),
            textcoords="axes fraction",
            fontsize=size,
            va="center",
            ha="left",
            color=dark,
            parse_math=False,
            annotation_clip=False,
            gid="name",
            arrowprops={
                "arrowstyle": "-",
                "lw": 0.5,
                "color": tone,
                "alpha": 0.7,
                "shrinkA": 1,
                "shrinkB": 1,
                "relpos": (0, 0.5),
            },
        )


@style.styled
def plot_metrics(
    plane: Plane,
    *,
    names: Collection[str] | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
) -> Axes:
    """What the training loop logged (loss, accuracy, ...) versus step. Accuracies (names with ``acc``) have their own axis from 0 to 1 on the right.

    Raises:
        InputError: no metrics in the plane, or a name that was never logged.
    """
    logged = list(
        dict.fromkeys(key for step in sorted(plane.metrics) for key in plane.metrics[step])
    )
    chosen = logged if names is None else list(names)
    if not chosen:
        raise InputError(
            "the plane has no metrics; pass them while recording: rec.step(step, loss=..., accuracy=...)"
        )
    if unknown := [n for n in chosen if n not in logged]:
        raise InputError(f"no such metrics: {unknown}; the plane has {logged}")
    ax = style.new_axes(ax, height=style.PAGE * 0.4)
    left = [n for n in chosen if "acc" not in n.lower()]
    axes = {n: ax for n in left}
    if right := [n for n in chosen if n not in left]:
        twin = ax.twinx() if left else ax
        twin.set_ylim(-0.02, 1.02)
        twin.set_ylabel("accuracy")
        if left:
            twin.spines["right"].set_visible(True)
            twin.grid(False)
        axes |= {n: twin for n in right}
    tones, handles = ("#333333", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"), []
    for k, name in enumerate(chosen):
        pairs = [
            (s, plane.metrics[s][name])
            for s in sorted(plane.metrics)
            if name in plane.metrics[s] and np.isfinite(plane.metrics[s][name])
        ]
        if pairs:
            handles += axes[name].plot(
                *zip(*pairs),
                color=tones[k % len(tones)],
                ls=DASHES[k % len(DASHES)],
                label=style.drawable(short_names([name])[0]),
                gid=f"metric-{k}",
            )
    style.step_axis(ax, sorted(plane.metrics), log)
    if left:
        ax.set_ylabel(style.drawable(", ".join(short_names(left[:3], 16))), parse_math=False)
    ax.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.1)
    return ax


@style.styled
def draw_curves(
    plane: Plane,
    *,
    estimator: str | None = None,
    sense: str | None = None,
    log: bool | None = None,
    width: float = style.PAGE,
) -> Figure:
    """A figure of ``width`` inches: I(X;Z) and I(Z;Y) versus step per layer and, where metrics were logged, loss and accuracy below on the same steps."""
    spec = choose_estimator(plane, estimator, in_bits=False)
    quantities: list[Quantity] = [
        q for q in QUANTITIES if any(p.quantity == q and p.estimator == spec for p in plane)
    ]
    rows = len(quantities) + bool(plane.metrics)
    figure = style.new_figure(width, (2.3 if width > 5 else 1.9) * rows)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    for ax, quantity in zip(axes, quantities):
        plot_curves(plane, quantity=quantity, estimator=spec, sense=sense, ax=ax, log=log)
    if plane.metrics:
        plot_metrics(plane, ax=axes[-1], log=log)
        axes[-1].set_xlim(axes[0].get_xlim())
    return figure
