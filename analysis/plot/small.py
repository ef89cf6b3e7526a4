"""Small planes for many panels.

Trajectories in a colour per layer, without the marks and words of `plot_plane`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D

from infoplane.analysis.plot import style
from infoplane.analysis.plot.labels import named, short_names
from infoplane.plane import Plane

_ENTRY = 11.5
"""Points that an entry of a legend takes."""


def layer_tones(layers: Sequence[str]) -> dict[str, style.Tone]:
    """Return a colour per layer, dark to light with depth."""
    return dict(
        zip(layers, map(tuple, style.colour_map()(np.linspace(0, 1, len(layers)))), strict=True)
    )


def small_plane(ax: Axes, plane: Plane, spec: str) -> None:
    """Draw one line per layer, its own shape at the last checkpoint."""
    tones = layer_tones(plane.layers)
    for k, layer in enumerate(plane.layers):
        xs, ys = (dict(zip(*plane.series(layer, q, spec), strict=True)) for q in ("i_xz", "i_zy"))
        steps = [s for s in xs if s in ys]
        if not steps:
            continue
        ax.plot(
            [xs[s].bits for s in steps],
            [ys[s].bits for s in steps],
            "-",
            lw=0.9,
            color=tones[layer],
            gid=f"path-{k}",
        )
        last = (xs[steps[-1]].bits, ys[steps[-1]].bits)
        ax.plot(
            *last,
            marker=style.marker(k),
            ms=4,
            color=tones[layer],
            mec="black",
            mew=0.4,
            ls="none",
            gid=f"last-{k}",
        )


def layer_handles(ax: Axes, layers: Sequence[str], *, marks: bool = True) -> list[Artist]:
    """Legend entries of `layer_tones`, with the layers' shapes where panels draw them."""
    names = [style.drawable(n) for n in short_names(layers)]
    tones = layer_tones(layers)
    shapes = [style.marker(k) if marks else None for k in range(len(layers))]
    return [
        ax.plot(
            [], [], "-", color=tones[layer], marker=shape, ms=4, mec="black", mew=0.4, label=name
        )[0]
        for layer, name, shape in zip(layers, names, shapes, strict=True)
    ]


def plain_legend(
    target: Axes | FigureBase, handles: Sequence[Artist], **where: Any
) -> None:  # Any: of matplotlib's legend
    """A legend whose texts are drawn as they stand.

    A ``$`` or ``_`` in a layer's name means nothing. Beside a figure it has as many entries as fit.
    """
    shown = list(handles)
    if not str(where.get("loc", "")).startswith(("outside lower", "upper")):
        figure = target if isinstance(target, FigureBase) else style.figure_of(target)
        fits = max(2, int(figure.bbox.height / figure.dpi * 72 / _ENTRY) - 1)  # type: ignore[attr-defined]  # of every figure
        shown = [handles[k] for k in named(len(handles), fits)]
    if len(shown) < len(handles):
        shown.append(Line2D([], [], ls="none", label=f"{len(shown)} of {len(handles)} named"))
    box = target.legend(handles=shown, labels=[str(h.get_label()) for h in shown], **where)
    for text in box.get_texts():
        text.set_parse_math(False)
