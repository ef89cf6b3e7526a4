"""Information versus training step, one curve per layer, with loss and accuracy beside it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.frame import draw_ceiling_up, draw_heading, with_margins
from infoplane.analysis.plot.labels import (
    QUANTITIES,
    choose_estimator,
    layer_labels,
    named,
    short_axis,
    wrap_label,
)
from infoplane.analysis.plot.legend import draw_marks
from infoplane.analysis.plot.marks import MARKS, NULL
from infoplane.analysis.plot.metrics import logged_metrics, plot_metrics
from infoplane.analysis.plot.place import spread
from infoplane.analysis.plot.style import DASHES
from infoplane.analysis.plot.trajectory import Interval, interval_of, is_sparse
from infoplane.analysis.plot.view import View
from infoplane.errors import InputError
from infoplane.plane import Ceiling, Plane
from infoplane.types import Estimate, Quantity

_SMALLEST = 5.5
"""Points of the smallest names of layers."""


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
        for estimate in self.estimates:
            if estimate.null is not None:
                used.add("null")
            if estimate.saturated:
                used.add("saturated")
            elif is_sparse(estimate):
                used.add("sparse")
        return used


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
    ax, view = style.new_axes(ax, height=style.PAGE * 0.4), view or View()
    tones = [style.colour_map()(k / max(len(curves) - 1, 1)) for k in range(len(curves))]
    for index, (curve, tone) in enumerate(zip(curves, tones, strict=True)):
        _draw_curve(ax, curve, tone, index, alpha=0.13 * min(1.0, 4 / len(curves)))
    style.step_axis(ax, shown.steps, log)
    _set_limits(ax, shown.ceilings[quantity], curves, view)
    text = view.text(short_axis(shown, quantity, spec, curves[0].estimates[0].sense))
    room = int(style.height_points(ax) / 4.4)
    ax.set_ylabel(style.drawable(wrap_label(text, room)), parse_math=False, fontsize=7.5)
    used = set.union(*(curve.marks() for curve in curves))
    draw_marks(ax, [key for key in MARKS if key in used])
    draw_heading(ax, view.title, (), style.width_points(ax))
    _end_names(ax, plane, curves, tones)
    return ax


def curves_of(plane: Plane, quantity: Quantity, spec: str, sense: str | None) -> list[Curve]:
    """Return the curve of every layer that has the quantity, in layer order."""
    curves = []
    for layer in plane.layers:
        steps, estimates = plane.series(layer, quantity, spec, sense)
        if not steps:
            continue
        intervals = zip(steps, map(interval_of, estimates), strict=True)
        band, mark = {s: found for s, found in intervals if found is not None}, "interval band"
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


def _draw_curve(ax: Axes, curve: Curve, tone: style.Tone, index: int, *, alpha: float) -> None:
    """Draw a curve, its band (``alpha`` of its colour) and its hollow marks."""
    bits = [estimate.bits for estimate in curve.estimates]
    dashes = DASHES[index % len(DASHES)]
    ax.plot(curve.steps, bits, color=tone, ls=dashes, lw=1.3, gid=f"curve-{index}", zorder=3)
    if curve.band:
        low, high = zip(*curve.band.values(), strict=True)
        ax.fill_between(
            list(curve.band),
            low,
            high,
            color=tone,
            alpha=alpha,
            lw=0,
            zorder=1,
            gid=f"band-{index}",
        )
    points = list(zip(curve.steps, curve.estimates, strict=True))
    _draw_null(ax, curve, tone, index)
    full = [(step, e.bits) for step, e in points if e.saturated]
    thin = [(step, e.bits) for step, e in points if is_sparse(e) and not e.saturated]
    for name, shape, kept in (("saturated", "X", full), ("sparse", "o", thin)):
        if kept:
            ax.plot(
                *zip(*kept, strict=True),
                marker=shape,
                ms=3.2,
                mfc="white",
                mec=tone,
                mew=0.6,
                ls="none",
                zorder=4,
                gid=f"{name}-{index}",
            )


def _draw_null(ax: Axes, curve: Curve, tone: style.Tone, index: int) -> None:
    """Draw the band of shuffled labels under a curve, where they were drawn.

    In grey between lines of its colour.
    """
    bands = {}
    for step, estimate in zip(curve.steps, curve.estimates, strict=True):
        if estimate.null is not None:
            bands[step] = (estimate.null.low, estimate.null.high)
    if not bands:
        return
    low, high = zip(*bands.values(), strict=True)
    shaded = ax.fill_between(list(bands), low, high, color=NULL, alpha=0.3, lw=0.8, zorder=0.5)
    shaded.set(edgecolor=tone, gid=f"null-{index}")


def _set_limits(ax: Axes, ceiling: Ceiling, curves: Sequence[Curve], view: View) -> None:
    """Draw the ceiling as a line and set the limits.

    From 0 to it or to the highest value, or as asked for.
    """
    highest = max(max(e.bits for e in curve.estimates) for curve in curves)
    if ceiling.bits is not None:
        draw_ceiling_up(ax, ceiling, view, gid="reference")
    if view.fit:
        _fit(ax, curves)
    else:
        top = max(highest, ceiling.bits or 0.0)
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), top * 1.1 if top > 0 else None)
    view.set_limits(ax, steps_across=True)
    view.set_ticks(ax.yaxis)


def _fit(ax: Axes, curves: Sequence[Curve]) -> None:
    values: list[float] = []
    for curve in curves:
        values += [estimate.bits for estimate in curve.estimates]
        for ends in curve.band.values():
            values += ends
    ax.set_ylim(with_margins(values, 0.05, 0.08))


def _end_names(
    ax: Axes,
    plane: Plane,
    curves: Sequence[Curve],
    tones: Sequence[style.Tone],
) -> None:
    """Return names in a column at the right of the axes, spread so that none covers another.

    Each joined to its curve; of many layers, as many as fit.
    """
    height = style.height_points(ax)
    chosen = named(len(curves), max(2, int(height / (1.25 * _SMALLEST))))
    if len(chosen) < len(curves):
        _write_share(ax, len(chosen), len(curves))
    labels = [style.drawable(n) for n in layer_labels(plane, [c.layer for c in curves], 22)]
    size = min(7.0, height / len(chosen) / 1.25)
    wanted = [_height_of_end(ax, curves[k]) for k in chosen]
    slots = spread(wanted[::-1], 1.2 * size / height, 0.02, 0.98)[::-1]
    for k, slot in zip(chosen, slots, strict=True):
        _write_name(ax, labels[k], curves[k], tones[k], slot, size)


def _write_share(ax: Axes, named_count: int, count: int) -> None:
    ax.annotate(
        f"{named_count} of {count} layers named",
        (0.99, 0.02),
        xycoords="axes fraction",
        ha="right",
        fontsize=6.5,
        color="#444444",
        gid="named",
    )


def _height_of_end(ax: Axes, curve: Curve) -> float:
    """Return where a curve ends, as a share of the Axes.

    Rounded, so that curves that end together are listed in layer order.
    """
    low, high = ax.get_ylim()
    return round((curve.estimates[-1].bits - low) / (high - low) / 0.03) * 0.03


def _write_name(
    ax: Axes, name: str, curve: Curve, tone: style.Tone, slot: float, size: float
) -> None:
    """Write a layer's name right of the Axes, joined to the end of its curve.

    The name stands at the height ``slot``.
    """
    line = {"arrowstyle": "-", "lw": 0.5, "color": tone, "alpha": 0.7, "shrinkA": 1, "shrinkB": 1}
    ax.annotate(
        name,
        (curve.steps[-1], curve.estimates[-1].bits),
        xytext=(1.035, slot),
        textcoords="axes fraction",
        fontsize=size,
        va="center",
        ha="left",
        color=tuple(0.75 * channel for channel in tone[:3]),
        parse_math=False,
        annotation_clip=False,
        gid="name",
        arrowprops=line | {"relpos": (0, 0.5)},
    )


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
    measured = {p.quantity for p in plane if p.estimator == spec}
    quantities = [quantity for quantity in QUANTITIES if quantity in measured]
    has_metrics = bool(logged_metrics(plane))
    rows = len(quantities) + has_metrics
    figure = style.new_figure(width, (2.3 if width > 5 else 1.9) * rows)
    if view.title:
        figure.suptitle(style.drawable(view.title), fontsize=9, parse_math=False)
    axes = figure.subplots(rows, 1, squeeze=False)[:, 0]
    below = replace(view, title="")
    for ax, quantity in zip(axes, quantities, strict=False):
        plot_curves(
            plane, quantity=quantity, estimator=spec, sense=sense, ax=ax, log=log, view=below
        )
    if has_metrics:
        plot_metrics(plane, ax=axes[-1], log=log)
        axes[-1].set_xlim(axes[0].get_xlim())
    return figure
