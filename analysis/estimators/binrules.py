"""Bin rules, named after their source.

From values of shape (n, d) to integer cells of the same shape. No estimator here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.cells import largest_of, refuse_unnumbered
from infoplane.errors import EstimatorError
from infoplane.types.arrays import Codes, Floats, Values

Cells = NDArray[np.int32]


SZT_EDGES = 30
"""Edges of Shwartz-Ziv & Tishby's code."""


def szt_edges() -> NDArray[np.float32]:
    """Return the 30 edges of Shwartz-Ziv & Tishby's code, evenly on [-1, 1] in float32."""
    return np.linspace(-1, 1, SZT_EDGES).astype(np.float32)


def szt_cells(z: Values) -> Cells:
    """Return cells 0..28 on [-1, 1), 29 for values >= 1 and -1 for values below -1.

    The original wraps values below -1 into the top cell.
    """
    cells = np.searchsorted(szt_edges(), z, side="right") - 1
    return cells.astype(np.int32)


def saxe_cells(z: Values, width: float) -> Codes:
    """Return ``floor(z / width)`` in the dtype of ``z``, unbounded.

    Zero is a cell edge (Saxe et al.'s code).

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    refuse_unnumbered(largest_of(z), width)
    return np.floor(z / z.dtype.type(width)).astype(np.int64)


def equal_cells(z: Values, low: Floats | float, high: Floats | float, n: int) -> Cells:
    """Return ``n`` equal cells 0..n-1 on [low, high].

    ``high`` belongs to the last cell, -1 lies below and n above; a constant range is one cell.

    Args:
        z: shape ``(rows, dim)``.
        low: of the range, for all units or for each, shape ``(dim,)``.
        high: likewise.
        n: number of cells.

    Raises:
        EstimatorError: a range that no float64 can hold.
    """
    low = np.asarray(low, np.float64)
    high = np.asarray(high, np.float64)
    half = high / 2 - low / 2
    if not np.isfinite(half).all() or np.any(half > np.finfo(float).max / 2):
        raise EstimatorError(
            "bins on a range: the values span more than a float64 can hold; take bin:quantile"
        )
    span = high - low
    safe = np.where(span > 0, span, 1.0)
    # Clipped first: a far value has no integer.
    cells = np.clip(np.floor((z - low) / safe * n), -1, n).astype(np.int64)
    cells = np.where((cells == n) & (z <= high), n - 1, cells)
    return np.where(span > 0, cells, 0).astype(np.int32)


def quantile_cells(z: Values, n: int, *, per_unit: bool = True) -> Cells:
    """Return cells between the sample quantiles k/n, per unit or over the layer.

    Equal values never part.
    """
    levels = np.arange(1, n) / n
    columns = z if per_unit else z.reshape(-1, 1)
    cells = np.empty(columns.shape, np.int32)
    for unit, values in enumerate(columns.T):
        cells[:, unit] = np.searchsorted(_quantiles(values, levels), values, side="right")
    return cells.reshape(z.shape)


def _quantiles(values: Values, levels: Floats) -> Values:
    """Return order statistics, not interpolations, of ``(m,)`` at levels ``(L,)``.

    Invariant under every increasing map of the values.
    """
    ordered = np.sort(values)
    places = np.ceil(levels * len(ordered)).astype(int)
    return ordered[places.clip(0, len(ordered) - 1)]


def ebab_edges(z: Values, n: int) -> Floats:
    """Return entropy-based adaptive edges (Chelombiev et al. 2019's code).

    ``[low] + [u[int(k len(u)/n)], k < n] + [u[-1]]``.

    ``u`` are the sorted unique values above ``low``: 0 where nothing is negative (ReLU, softplus),
    -1.000001 where nothing is below -1 (tanh, ELU), just below the minimum elsewhere.
    """
    smallest = float(z.min())
    if smallest >= 0:
        low = 0.0
    elif smallest >= -1:
        low = -1.000001
    else:
        low = float(np.nextafter(z.min(), z.dtype.type(-np.inf)))
    above = np.unique(z)
    above = above[above > low].astype(np.float64)
    if not len(above):
        return np.array([low])
    inner = [above[int(k * len(above) / n)] for k in range(n)]
    return np.array([low, *inner, above[-1]])


def ebab_cells(z: Values, n: int) -> Cells:
    """Return cells of `ebab_edges`: the lowest edge is in the first, the maximum the last."""
    edges = ebab_edges(z, n)
    cells = np.searchsorted(edges, z.ravel().astype(np.float64), side="right") - 1
    return cells.reshape(z.shape).astype(np.int32)
