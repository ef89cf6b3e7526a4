"""The information plane, and beside it what a predictor can use, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable
from infoplane.analysis.plot.frame import (
    draw_ceiling_up,
    draw_step_scale,
    label_up,
    place_ceiling_name,
)
from infoplane.analysis.plot.labels import ceilings_of, choose_estimator, short_axis
from infoplane.analysis.plot.layout import width_points
from infoplane.analysis.plot.marks import GREY
from infoplane.analysis.plot.names import named, numbered_names, short_names
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.side_by_side import draw_shared_legend
from infoplane.analysis.plot.step_axis import step_norm
from infoplane.analysis.plot.tones import Tone, colour_map, marker
from infoplane.analysis.plot.trajectory import interval_of
from infoplane.analysis.plot.view import View
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import Estimate


@style.styled
def plot_profile(
    plane: Plane,
    *,
    estimator: str | None = None,
    sense: str | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
    colour_bar: bool = True,
) -> Axes:
    """Draw I(Z;Y) of an estimator along the layers, one line per checkpoint, coloured by step.

    The last checkpoint has 95 % intervals; H(Y) is dashed. Made for V-information (Xu et al. 2020),
    which may rise with depth: the network makes information usable that was there all along.

    Args:
        plane: what was measured.
        estimator: spec to draw; None takes the plane's first.
        sense: exact, point, upper or lower; None takes the first that is present.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step colours; None decides from the steps.
        colour_bar: whether to add the step scale.

    Raises:
        InputError: an unknown estimator, or one without I(Z;Y).
    """
    spec = choose_estimator(plane, estimator)
    estimates = _by_step(plane, spec, sense)
    if not estimates:
        raise InputError(f"the plane has no i_zy from {spec!r}")
    ax = style.new_axes(ax, style.COLUMN, style.COLUMN * 0.8)
    norm, colours = step_norm(list(estimates), log), colour_map()
    dot = "o" if len(plane.layers) == 1 else ""  # a line through one layer would not be seen
    for step, of_layers in estimates.items():
        ax.plot(
            list(of_layers),
            [estimate.bits for estimate in of_layers.values()],
            color=colours(norm(step)),
            lw=0.9,
            marker=dot,
            ms=3,
            alpha=0.85,
            gid=f"profile-{step}",
        )
    last = max(estimates)
    for index, estimate in estimates[last].items():
        _draw_last(ax, index, estimate, colours(norm(last)))
    draw_ceiling_up(ax, ceilings_of(plane, spec)["i_zy"], View())
    if colour_bar and len(estimates) > 1:
        draw_step_scale(ax, list(estimates), log)
    _name_layers(ax, plane.layers)
    shown_sense = next(iter(estimates[last].values())).sense
    label_up(ax, short_axis(plane, "i_zy", spec, shown_sense))
    place_ceiling_name(ax)
    return ax


def _by_step(plane: Plane, spec: str, sense: str | None) -> dict[int, dict[int, Estimate]]:
    """Return I(Z;Y) by step, ascending, and by the layer's place."""
    found: dict[int, dict[int, Estimate]] = {}
    for index, layer in enumerate(plane.layers):
        steps, estimates = plane.series(layer, "i_zy", spec, sense)
        for step, estimate in zip(steps, estimates, strict=True):
            found.setdefault(step, {})[index] = estimate
    return dict(sorted(found.items()))


def _draw_last(ax: Axes, index: int, estimate: Estimate, tone: Tone) -> None:
    """Draw the layer's own shape with its 95 % interval."""
    bar = interval_of(estimate)
    reach = None if bar is None else [[estimate.bits - bar[0]], [bar[1] - estimate.bits]]
    ax.errorbar(
        index,
        estimate.bits,
        yerr=reach,
        marker=marker(index),
        ms=6,
        mfc=tone,
        mec="black",
        mew=0.8,
        ecolor=GREY,
        elinewidth=0.9,
        capsize=2,
    )


def _name_layers(ax: Axes, layers: Sequence[str]) -> None:
    """Write the layers along the flat axis; of many, as many as fit."""
    labels = [drawable(text) for text in numbered_names(layers, short_names(layers, 14))]
    places = named(len(labels), max(2, int(width_points(ax) / 9)))
    shown = [labels[place] for place in places]
    look: style.Look = {"parse_math": False, "fontsize": 6.5}
    if 3.9 * max(map(len, shown)) * len(shown) > width_points(ax):
        look |= {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(places, shown, **look)
    ax.set_xlabel("layer")


@style.styled
def draw_usable(plane: Plane, *, shannon: str | None = None, usable: str | None = None) -> Figure:
    """Draw the Shannon plane on the left, usable information along the layers on the right.

    They are of one estimator and of ``vinfo``, steps in the same colours.

    Args:
        plane: measured with both, e.g. ``measure(run, ["bin:szt", "vinfo:family=linear"])``.
        shannon, usable: specs; None takes the first that fits.

    Raises:
        InputError: the plane holds no estimator of either kind.
    """
    of_kind: dict[bool, str] = {}
    for spec in plane.estimators:
        of_kind.setdefault(traits_of(spec).measures == "usable", spec)
    usable, shannon = usable or of_kind.get(True), shannon or of_kind.get(False)
    if usable is None or shannon is None:
        raise InputError(
            "expected a Shannon estimator and a vinfo one, the plane has "
            f"{list(plane.estimators)}; measure with -e bin:szt -e vinfo:family=linear"
        )
    figure = style.new_figure(style.PAGE, style.PAGE * 0.5)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    plot_plane(plane, estimator=shannon, ax=left, colour_bar=False, legend=False)
    plot_profile(plane, estimator=usable, ax=right)
    draw_shared_legend(figure, [plane], shannon)
    if not left.get_title(loc="left"):
        left.set_title("information about X and Y in the layer", loc="left", fontsize=8)
    right.set_title("information that a predictor can use", loc="left", fontsize=8)
    return figure
