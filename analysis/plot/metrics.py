"""What the training loop logged, and numbers of every layer, over the steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_short_names, wrap_label
from infoplane.analysis.plot.small import layer_tones, plain_legend
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import dashes, marker
from infoplane.errors import InputError
from infoplane.plane import Plane

TONES = ("#333333", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")


def logged_metrics(plane: Plane) -> list[str]:
    """Return the names of what was logged, in order of first appearance.

    Empty where nothing was.
    """
    names: dict[str, None] = {}
    for step in sorted(plane.metrics):
        names |= dict.fromkeys(plane.metrics[step])
    return list(names)


@style.styled
def plot_metrics(
    plane: Plane,
    *,
    names: Collection[str] | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
) -> Axes:
    """Draw what the training loop logged (loss, accuracy, ...) versus step.

    Accuracies (names with ``acc``) have their own axis from 0 to 1 on the right.

    Args:
        plane: with metrics.
        names: what to draw; None draws all that was logged.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step axis; None decides from the steps.

    Raises:
        InputError: no metrics in the plane, or a name that was never logged.
    """
    logged = logged_metrics(plane)
    chosen = logged if names is None else list(names)
    if not chosen:
        raise InputError(
            "the plane has no metrics; pass them while recording: rec.step(step, loss=..., "
            "accuracy=...)"
        )
    unknown = [name for name in chosen if name not in logged]
    if unknown:
        raise InputError(f"no such metrics: {unknown}; the plane has {logged}")
    ax = style.new_axes(ax, height=style.PAGE * 0.4)
    axes = _axes_of(ax, chosen)
    handles: list[Artist] = []
    for index, name in enumerate(chosen):
        handles += _draw_metric(axes[name], plane, name, index)
    step_axis(ax, sorted(plane.metrics), log)
    left = [name for name in chosen if not _is_accuracy(name)]
    if left:
        ax.set_ylabel(", ".join(drawable_short_names(left[:3], 16)), parse_math=False)
    plain_legend(ax, handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.1)
    return ax


def _is_accuracy(name: str) -> bool:
    return "acc" in name.lower()


def _axes_of(ax: Axes, names: Collection[str]) -> dict[str, Axes]:
    """Return the Axes of each metric.

    An accuracy has one from 0 to 1, on the right where there are others.
    """
    shares = [name for name in names if _is_accuracy(name)]
    others = [name for name in names if not _is_accuracy(name)]
    axes = dict.fromkeys(names, ax)
    if not shares:
        return axes
    right = ax.twinx() if others else ax
    right.set_ylim(-0.02, 1.02)
    right.set_ylabel("accuracy")
    if others:
        right.spines["right"].set_visible(True)
        right.grid(False)
    return axes | dict.fromkeys(shares, right)


def _draw_metric(ax: Axes, plane: Plane, name: str, index: int) -> list[Artist]:
    """Draw the finite values of a metric; returns nothing where there are none."""
    logged = {step: plane.metrics[step].get(name, np.nan) for step in sorted(plane.metrics)}
    finite = {step: value for step, value in logged.items() if np.isfinite(value)}
    if not finite:
        return []
    shape = marker(index) if len(finite) == 1 else ""
    return list(
        ax.plot(
            list(finite),
            list(finite.values()),
            color=TONES[index % len(TONES)],
            ls=dashes(index),
            marker=shape,
            ms=4,
            label=drawable_short_names([name])[0],
            gid=f"metric-{index}",
        )
    )


@style.styled
def draw_over_steps(label: str, rows: Sequence[tuple[str, str, int, float]]) -> Figure:
    """Draw one line per layer and kind of number.

    Args:
        label: of the vertical axis, with the unit.
        rows: layer, kind, step and value, in the order of the layers.
    """
    figure = style.new_figure(style.PAGE, style.PAGE * 0.5)
    ax = figure.add_subplot()
    lines: dict[str, list[tuple[int, float]]] = {}
    layers = list(dict.fromkeys(row[0] for row in rows))
    shorts = dict(zip(layers, drawable_short_names(layers), strict=True))
    for layer, kind, step, value in rows:
        lines.setdefault(f"{shorts[layer]} {kind}".strip(), []).append((step, value))
    tones = layer_tones(list(lines))
    for index, (name, points) in enumerate(lines.items()):
        steps, values = zip(*sorted(points), strict=True)
        ax.plot(
            steps,
            values,
            color=tones[name],
            ls=dashes(index),
            lw=1.1,
            marker=marker(index),
            ms=4,
            label=name,
        )
    step_axis(ax, [step for _, _, step, _ in rows])
    ax.set_ylabel(wrap_label(label, 40), parse_math=False)
    plain_legend(figure, ax.get_lines())
    return figure
