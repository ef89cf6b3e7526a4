"""The information plane and, beside it, the information that a predictor can use (V-information), layer by layer."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.plot import style
from infoplane.analysis.plot.frame import draw_step_scale
from infoplane.analysis.plot.labels import (
    axis_label,
    choose_estimator,
    named,
    short_names,
    wrap_label,
)
from infoplane.analysis.plot.plane import plot_plane
from infoplane.analysis.plot.small import plain_legend
from infoplane.errors import InputError
from infoplane.plane import Plane


@style.styled
def plot_profile(
    plane: Plane,
    *,
    estimator: str | None = None,
    sense: str | None = None,
    ax: Axes | None = None,
    log: bool | None = None,
) -> Axes:
    """I(Z;Y) of an estimator along the layers, one line per checkpoint, coloured by step; intervals at the last checkpoint, H(Y) dashed.

    Made for V-information (Xu et al. 2020), which may rise with depth: the network makes information usable that was there all along.

    Raises:
        InputError: an unknown estimator, or one without I(Z;Y).
    """
    spec = choose_estimator(plane, estimator)
    series = {
        k: dict(zip(*plane.series(layer, "i_zy", spec, sense), strict=True))
        for k, layer in enumerate(plane.layers)
    }
    steps = sorted({s for found in series.values() for s in found})
    if not steps:
        raise InputError(f"the plane has no i_zy from {spec!r}")
    ax = style.new_axes(ax, style.COLUMN, style.COLUMN * 0.8)
    norm, colours = style.step_norm(steps, log), style.colour_map()
    for step in steps:
        places = [k for k, found in series.items() if step in found]
        ax.plot(
            places,
            [series[k][step].bits for k in places],
            color=colours(norm(step)),
            lw=0.9,
            alpha=0.85,
            gid=f"profile-{step}",
        )
    last = [(k, found[steps[-1]]) for k, found in series.items() if steps[-1] in found]
    for k, e in last:
        error = None if e.stderr is None else 1.96 * e.stderr
        ax.errorbar(
            k,
            e.bits,
            yerr=error,
            marker=style.marker(k),
            ms=6,
            mfc=colours(norm(steps[-1])),
            mec="black",
            mew=0.8,
            ecolor="#444444",
            elinewidth=0.9,
            capsize=2,
        )
    if plane.h_y_bits is not None:
        ax.axhline(plane.h_y_bits, color="#555555", lw=0.8, ls="--", zorder=0, gid="hy")
    names = [style.drawable(n) for n in short_names(plane.layers, 14)]
    chosen = named(len(names), max(2, int(style.width_points(ax) / 9)))
    ax.set_xticks(
        chosen,
        [f"{k + 1} {names[k]}" for k in chosen],
        rotation=60,
        ha="right",
        rotation_mode="anchor",
        parse_math=False,
        fontsize=6.5,
    )
    ax.set_ylabel(
        style.drawable(
            wrap_label(axis_label("i_zy", spec, plane.n, last[0][1].sense, plane.row_info), 34)
        ),
        parse_math=False,
    )
    return ax


@style.styled
def draw_usable(plane: Plane, *, shannon: str | None = None, usable: str | None = None) -> Figure:
    """The Shannon plane of one estimator on the left, usable information (``vinfo``) along the layers on the right, steps in the same colours.

    Args:
        plane: measured with both, e.g. ``measure(run, ["bin:szt", "vinfo:family=linear"])``.
        shannon, usable: specs; None takes the first that fits.

    Raises:
        InputError: the plane holds no estimator of either kind.
    """
    kinds = {spec: traits_of(spec).measures == "usable" for spec in plane.estimators}
    usable = usable or next((s for s, is_v in kinds.items() if is_v), None)
    shannon = shannon or next((s for s, is_v in kinds.items() if not is_v), None)
    if usable is None or shannon is None:
        raise InputError(
            f"expected a Shannon estimator and a vinfo one, the plane has {list(plane.estimators)}; measure with -e bin:szt -e vinfo:family=linear"
        )
    figure = style.new_figure(style.PAGE, style.PAGE * 0.5)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    plot_plane(plane, estimator=shannon, ax=left, colour_bar=False)
    plot_profile(plane, estimator=usable, ax=right)
    bar = next(c for c in left.collections if str(c.get_gid()).startswith("path-"))
    draw_step_scale(right, bar, list(plane.select(estimator=shannon).steps), None)  # type: ignore[arg-type]  # a LineCollection
    box = left.get_legend()
    handles = list(box.legend_handles)
    box.remove()
    plain_legend(figure, handles, loc="outside lower center", ncols=4)
    left.set_title(
        "information about X and Y in the layer", loc="left", fontsize=8
    ) if not left.get_title(loc="left") else None
    right.set_title("information that a predictor can use", loc="left", fontsize=8)
    return figure
