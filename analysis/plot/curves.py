"""Information versus training step, one curve per layer, with loss and accuracy beside it."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.end_names import name_ends
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.frame import draw_ceiling_up, draw_heading, label_up, with_margins
from infoplane.analysis.plot.labels import QUANTITIES, ceilings_of, choose_estimator, short_axis
from infoplane.analysis.plot.layout import settle
from infoplane.analysis.plot.legend import draw_marks
from infoplane.analysis.plot.marks import MARKS, NULL
from infoplane.analysis.plot.metrics import logged_metrics, plot_metrics
from infoplane.analysis.plot.small import layer_tones
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import Tone, dashes, marker
from infoplane.analysis.plot.trajectory import Interval, interval_of, is_sparse
from infoplane.analysis.plot.view import View
from infoplane.errors import InputError
from infoplane.plane import Ceiling, Plane
from infoplane.types import Estimate, Quantity


@dataclass(frozen=True)
class Curve:
    """One layer's quantity over the steps.

    Attributes:
        layer: its name.
        steps: checkpoints, ascending.
        estimates: one for each.
        band: lower and upper edge in bits at some of the steps; empty where there is none.
        band_mark: key of the band in `MARKS`.
    """

    layer: str
    steps: Sequence[int]
    estimates: Sequence[Estimate]
    band: Mapping[int, Interval]
    band_mark: str = ""

    def marks(self) -> set[str]:
        """Return keys of the marks that its picture holds."""
        used = {self.band_mark} if self.band else set()
        if self.shuffled():
            used.add("null")
        return used | self.hollow().keys()

    def shuffled(self) -> dict[int, Interval]:
        """Return the bands of shuffled labels by step, where they were drawn."""
        bands = {}
        for step, estimate in zip(self.steps, self.estimates, strict=True):
            if estimate.null is not None:
                bands[step] = (estimate.null.low, estimate.null.high)
        return bands

    def hollow(self) -> dict[str, list[tuple[int, float]]]:
        """Return steps and bits of points that are no full ones, by the key of their mark."""
        points: dict[str, list[tuple[int, float]]] = {}
        for step, estimate in zip(self.steps, self.estimates, strict=True):
            if estimate.saturated:
                points.setdefault("saturated", []).append((step, estimate.bits))
            elif is_sparse(estimate):
                points.setdefault("sparse", []).append((step, estimate.bits))
        return points


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
    view: View | None = None,
) -> Axes:
    """Draw one quantity versus training step, one curve per layer.

    Colour by depth, name at the curve's end.

    A band shows the 95 % interval, or the space between the lower and the upper bound where the
    estimator gives a pair. Hollow marks have a coverage below 0.95, hollow and crossed ones are
    saturated.

    Args:
        plane: what was measured.
        quantity: ``i_xz`` or ``i_zy``.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        layers: layer names to draw; None draws all.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step axis; None decides from the steps.
        view: title, unit and limits; ``xlim`` is in steps here.

    Returns:
        The Axes.

    Raises:
        InputError: empty plane, unknown estimator or layer, or nothing to draw.
    """
    spec = choose_estimator(plane, estimator, in_bits=False)
    shown = plane.select(layer=layers, estimator=spec, quantity=quantity)
    curves = curves_of(shown, quantity, spec, sense)
    if not curves:
        raise InputError(f"the plane has no {quantity} from {spec!r}")
    ax = style.new_axes(ax, height=style.PAGE * 0.4)
    _draw_panel(ax, shown, quantity, curves, log, view or View())
    settle(style.figure_of(ax))
    name_ends(ax, plane, curves)
    return ax


def _draw_panel(
    ax: Axes,
    plane: Plane,
    quantity: Quantity,
    curves: Sequence[Curve],
    log: bool | None,
    view: View,
) -> None:
    """Draw the curves of a plane of one estimator and quantity, without their names."""
    (spec,) = plane.estimators
    tones = layer_tones([curve.layer for curve in curves])
    for index, curve in enumerate(curves):
        tone = tones[curve.layer]
        _draw_curve(ax, curve, tone, index, alpha=0.13 * min(1.0, 4 / len(curves)))
    step_axis(ax, plane.steps, log)
    _set_limits(ax, ceilings_of(plane, spec)[quantity], curves, view)
    label_up(ax, view.text(short_axis(plane, quantity, spec, curves[0].estimates[0].sense)))
    used = set.union(*(curve.marks() for curve in curves))
    draw_marks(ax, [key for key in MARKS if key in used])
    draw_heading(ax, view.title)


def curves_of(plane: Plane, quantity: Quantity, spec: str, sense: str | None) -> list[Curve]:
    """Return the curve of every layer that has the quantity, in layer order.

    Args:
        plane: what was measured.
        quantity: ``i_xz`` or ``i_zy``.
        spec: of the estimator.
        sense: exact, point, upper or lower; None takes the first that is present.
    """
    curves = []
    for layer in plane.layers:
        steps, estimates = plane.series(layer, quantity, spec, sense)
        if not steps:
            continue
        intervals = zip(steps, map(interval_of, estimates), strict=True)
        band = {step: interval for step, interval in intervals if interval is not None}
        mark = "interval band"
        if not band and quantity == "i_xz" and sense is None:
            # of I(Z;Y) the values are differences of bounds: the space between them bounds nothing
            band, mark = _bounds(plane, layer, spec), "bounds"
        curves.append(Curve(layer, steps, estimates, band, mark))
    return curves


def _bounds(plane: Plane, layer: str, spec: str) -> dict[int, Interval]:
    """Return the lower and the upper bound of I(X;Z) at the steps that have both."""
    lower = dict(zip(*plane.series(layer, "i_xz", spec, "lower"), strict=True))
    upper = dict(zip(*plane.series(layer, "i_xz", spec, "upper"), strict=True))
    return {step: (lower[step].bits, upper[step].bits) for step in lower if step in upper}


def _draw_curve(ax: Axes, curve: Curve, tone: Tone, index: int, *, alpha: float) -> None:
    """Draw a curve, its bands (``alpha`` of its colour) and its marks.

    The line of a single checkpoint would not be seen: it has the layer's shape.
    """
    bits = [estimate.bits for estimate in curve.estimates]
    shape = marker(index) if len(bits) == 1 else ""
    ax.plot(
        curve.steps,
        bits,
        color=tone,
        lw=1.3,
        ls=dashes(index),
        marker=shape,
        ms=4,
        zorder=3,
        gid=f"curve-{index}",
    )
    _shade(ax, curve.band, color=tone, alpha=alpha, lw=0, zorder=1, gid=f"band-{index}")
    _shade(
        ax,
        curve.shuffled(),
        facecolor=NULL,
        edgecolor=tone,
        alpha=0.3,
        lw=0.8,
        zorder=0.5,
        gid=f"null-{index}",
    )
    for key, points in curve.hollow().items():
        look = {**MARKS[key].look, "ms": 3.2, "mec": tone, "mew": 0.6}
        ax.plot(*zip(*points, strict=True), zorder=4, gid=f"{key}-{index}", **look)


def _shade(ax: Axes, bands: Mapping[int, Interval], **look: Any) -> None:
    """Shade what lies between the edges at the steps. Any: keywords of a polygon."""
    if bands:
        low, high = zip(*bands.values(), strict=True)
        ax.fill_between(list(bands), low, high, **look)


def _set_limits(ax: Axes, ceiling: Ceiling, curves: Sequence[Curve], view: View) -> None:
    """Draw the ceiling as a line and set the limits.

    From 0 to it or to the highest value, or as asked for.
    """
    values: list[float] = []
    for curve in curves:
        values += [estimate.bits for estimate in curve.estimates]
    draw_ceiling_up(ax, ceiling, view, gid="reference")
    if view.fit:
        for curve in curves:
            values += itertools.chain(*curve.band.values())
        ax.set_ylim(with_margins(values, 0.05, 0.08))
    else:
        top = max(*values, ceiling.bits or 0.0)
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), top * 1.1 if top > 0 else None)
    view.set_limits(ax, steps_across=True)
    view.set_ticks(ax.yaxis)


@style.styled
def draw_curves(
    plane: Plane,
    *,
    estimator: str | None = None,
    sense: str | None = None,
    log: bool | None = None,
    width: float = style.PAGE,
    view: View | None = None,
) -> Figure:
    """Draw I(X;Z) and I(Z;Y) versus step per layer.

    Where metrics were logged, loss and accuracy stand below on the same steps.

    Args:
        plane: what was measured.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        log: logarithmic step axis; None decides from the steps.
        width: of the figure in inches.
        view: title of the figure, unit and limits; ``xlim`` is in steps here.
    """
    spec = choose_estimator(plane, estimator, in_bits=False)
    view = view or View()
    by_quantity = {quantity: curves_of(plane, quantity, spec, sense) for quantity in QUANTITIES}
    panels = {quantity: curves for quantity, curves in by_quantity.items() if curves}
    has_metrics = bool(logged_metrics(plane))
    rows = len(panels) + has_metrics
    figure = style.new_figure(width, (2.3 if width > 5 else 1.9) * rows)
    if view.title:
        figure.suptitle(drawable(view.title), fontsize=9, parse_math=False)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    below = replace(view, title="")
    for ax, (quantity, curves) in zip(axes, panels.items(), strict=False):
        shown = plane.select(estimator=spec, quantity=quantity)
        _draw_panel(ax, shown, quantity, curves, log, below)
    if has_metrics:
        plot_metrics(plane, ax=axes[-1], log=log)
        axes[-1].set_xlim(axes[0].get_xlim())
    settle(figure)
    for ax, curves in zip(axes, panels.values(), strict=False):
        name_ends(ax, plane, curves)
    return figure
