"""One pass over all pairs of rows.

Gaussian kernel sums for any number of variances, in total and within groups. No N x N in memory.

Tiles come from BLAS, the exponentials from a compiled loop over a tile in cache; only the upper
half is visited. Sums are float64.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infoplane.analysis.kernels.blocks import (
    LOOK_ROWS,
    Held,
    mean_of,
    squared_norms,
    starting,
)
from infoplane.analysis.kernels.device import chosen_device
from infoplane.analysis.kernels.pair_pass import (
    all_pairs,
    in_unit,
    rates_of,
    scales_of,
    within_floats,
)
from infoplane.analysis.kernels.threads import in_order, single_blas
from infoplane.analysis.kernels.tiles import TILE, Classes, Side
from infoplane.contract import Rows
from infoplane.types.arrays import Codes, Floats, Values


def gaussian_sums(
    z: Values, variances: Floats, classes: Codes | None = None
) -> tuple[Floats, Floats]:
    """Sum ``exp(-|z_i - z_j|^2 / (2 m s2))`` over all j and over i's class, for m = 4 and 1.

    Over all rows, and over the rows of i's class, i = j included.

    Args:
        z: shape ``(n, dim)``, float32 or float64.
        variances: the s2, shape ``(v,)``, positive.
        classes: shape ``(n,)``; None for one class.

    Returns:
        Two arrays of shape ``(n, v, 2)``: totals and own-class sums; the last axis is (8 s2, 2 s2)
            in the exponent's denominator.
    """
    found = grouped_sums(z, variances, [] if classes is None else [classes])
    return found[0], found[-1]


def grouped_sums(z: Values | Rows, variances: Floats, groupings: Sequence[Codes]) -> list[Floats]:
    """Return the sums of `gaussian_sums` for several groupings of the rows, from one pass.

    Half-samples are groupings, permuted labels are, classes are. The first should be the one of
    fewest groups: the rows are sorted by it. ``z`` may be `Rows` that do not fit into memory: they
    are centred into a temporary file and read back in blocks of 128 MiB. They are made on the torch
    device of `chosen_device`, or by this compiled pass (``cpu``).

    Args:
        z: shape ``(n, dim)``.
        variances: the s2, shape ``(v,)``, positive.
        groupings: codes of all rows, shape ``(n,)`` each.

    Returns:
        Arrays of shape ``(n, v, 2)``: one over all rows, then one per grouping.

    Errors: exponentials are float32 (relative error below 4e-7, sums of positive terms). Squared
    distances are: up to 10 dimensions, sums of differences in the dtype of ``z``; above, products
    of centred rows, in float32 only where their error ``2 eps max|z_c|^2 / (2 min s2)`` stays below
    7e-6 nats (1e-5 bit), else in float64. Results do not depend on the number of threads, nor on
    the other variances.
    """
    if len(variances) > 1 and not within_floats(variances):
        each = [grouped_sums(z, s2[None], groupings) for s2 in variances]
        return [np.concatenate(sums, axis=1) for sums in zip(*each, strict=True)]
    z, variances = in_unit(z, variances)
    where = chosen_device()
    if where != "cpu":
        from infoplane.analysis.kernels import pairwise_torch

        rows = Held(z) if isinstance(z, np.ndarray) else z
        return pairwise_torch.grouped_sums(rows, variances, groupings, where)
    order, first, last = _by_class(z.shape[0], groupings[0] if groupings else None)
    groups = _stacked(groupings[1:], z.shape[0])[:, order]
    total = all_pairs(z, variances, order, Classes(first, last, np.ascontiguousarray(groups)))
    total += 1.0  # every row with itself
    total[..., order] = total.copy()
    return [_rows_first(total[:, k]) for k in range(1 + len(groupings))]


def anchored_sums(
    z: Values | Rows, anchors: Codes, variances: Floats, groupings: Sequence[Codes]
) -> list[Floats]:
    """Return the sums of `grouped_sums` for the rows ``anchors`` alone against all rows.

    ``len(anchors) * n`` pairs, two looks at each block of ``z``.

    Args:
        z: shape ``(n, dim)``.
        anchors: places of A rows, shape ``(A,)``.
        variances: the s2, shape ``(v,)``, positive.
        groupings: codes of all rows, each of shape ``(n,)``.

    Returns:
        Arrays of shape ``(A, v, 2)``: one over all rows, then one per grouping; float64 products,
        exponentials in float32.
    """
    from infoplane.analysis.kernels.pairwise_compiled import rectangle

    z, variances = in_unit(z, variances)
    rows = Held(z) if isinstance(z, np.ndarray) else z
    mean = mean_of(rows)
    groups = _stacked(groupings, rows.shape[0])  # (M, n)
    own = _rows_at(rows, anchors) - mean  # (A, dim)
    side = Side(squared_norms(own), groups[:, anchors])
    scales = scales_of(rates_of(variances))
    shape = (len(scales), 1 + len(groups), 2, len(anchors))

    def sums_with(start_and_block: tuple[int, Values]) -> Floats:
        start, block = start_and_block
        centred = block - mean
        columns = Side(squared_norms(centred), groups[:, start : start + len(block)])
        sums = np.zeros(shape)
        for row in range(0, len(own), TILE):
            strip = slice(row, row + TILE)
            here = Side(side.norms[strip], side.groups[:, strip])
            rectangle(own[strip] @ centred.T, here, columns, scales, sums[..., strip])
        return sums

    total = np.zeros(shape)
    with single_blas():
        for sums in in_order(sums_with, starting(rows.blocks(TILE))):
            total += sums
    return [_rows_first(total[:, k]) for k in range(1 + len(groups))]


def _rows_at(rows: Rows, places: Codes) -> Floats:
    """Return some rows, shape ``(places, dim)``, in one look at all of them."""
    found = np.empty((len(places), rows.shape[1]))
    for start, block in starting(rows.blocks(LOOK_ROWS)):
        here = np.flatnonzero((places >= start) & (places < start + len(block)))
        found[here] = block[places[here] - start]
    return found


def _stacked(groupings: Sequence[Codes], n: int) -> Codes:
    """Return codes of shape ``(groupings, n)``, of no grouping too."""
    return np.array(groupings, np.int64).reshape(-1, n)


def _rows_first(sums: Floats) -> Floats:
    """Return sums of shape ``(V, 2, rows)`` as ``(rows, V, 2)``."""
    return np.ascontiguousarray(sums.transpose(2, 0, 1))


def _by_class(n: int, classes: Codes | None) -> tuple[Codes, Codes, Codes]:
    """Return rows sorted by class, and for each sorted row where its class begins and ends."""
    if classes is None:
        return np.arange(n), np.zeros(n, np.int64), np.full(n, n, np.int64)
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    first = np.searchsorted(ordered, ordered, "left")
    return order, first, np.searchsorted(ordered, ordered, "right")
