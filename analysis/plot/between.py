"""What layers know of one another: I(Z_i;Z_j) as a heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from infoplane.analysis.plot import style
from infoplane.analysis.plot.fonts import drawable_short_names
from infoplane.analysis.plot.layout import is_narrow, width_points
from infoplane.analysis.plot.matrix import name_cells, title_cells, write_cell
from infoplane.analysis.plot.tones import heat_map
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.studies.layer_information import LayerMatrix

MOST_NUMBERS = 12
"""Layers up to which every cell holds its number."""
_LEAST_CELL = 14.0
"""Points from which on a cell has room for its number."""


@style.styled
def plot_layer_information(matrix: LayerMatrix, *, ax: Axes | None = None) -> Axes:
    """Layer x layer heat map of I(Z_i;Z_j) in bits at one checkpoint.

    Cells without a number stay grey.

    The words above name estimator and step: between deterministic layers of a continuous input the
    true value is infinite wherever the map is injective, so only cells of one figure can be
    compared.

    Raises:
        InputError: no pair has a number.
    """
    values = matrix.bits()
    if values.count() == 0:
        raise InputError(f"no pair of layers has a number under {matrix.estimator}")
    side = min(style.PAGE, 2.2 + 0.34 * len(matrix.layers))
    ax = style.new_axes(ax, side, side * 0.82)
    low, high = min(0.0, float(values.min())), float(values.max())
    image = ax.imshow(
        values,
        cmap=heat_map("#dddddd"),
        vmin=low,
        vmax=high if high > low + 1e-9 else low + 1.0,
        gid="matrix",
    )
    bar = style.figure_of(ax).colorbar(image, ax=ax, pad=0.02, fraction=0.045)
    bar.set_label("[bits] (grey: no number)")
    letters = 13 if is_narrow(ax) else 18
    name_cells(ax, drawable_short_names(matrix.layers, letters))
    title_cells(ax, f"I(Z_i;Z_j), {matrix.estimator}, step {matrix.step}")
    cell = width_points(ax) / len(matrix.layers)
    if len(matrix.layers) <= MOST_NUMBERS and cell > _LEAST_CELL:
        middle = low + 0.55 * (high - low)
        for (row, column), bits in np.ndenumerate(np.ma.filled(values, np.nan)):
            if np.isfinite(bits):
                text = write_cell(ax, (row, column), f"{bits:.2f}", dark=bits > middle)
                text.set_fontsize(6)
    return ax
