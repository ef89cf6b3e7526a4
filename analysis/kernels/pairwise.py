"""One pass over all pairs of rows.

Gaussian kernel sums for any number of variances, in total and within groups. No N x N in memory.

Tiles come from BLAS, the exponentials from a compiled loop over a tile in cache; only the upper
half is visited. Sums are float64.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.kernels.blocks import (
    Centred,
    Held,
    Spilled,
    fits_float32,
    mean_of,
    rows_per_block,
    starting,
)
from infoplane.analysis.kernels.threads import device_here, in_order, single_blas
from infoplane.contract import Rows
from infoplane.errors import InputError

TILE = 512
_DIRECT_DIM = 10
Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Values = NDArray[np.floating[Any]]


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


def grouped_sums(
    z: Values | Rows, variances: Floats, groupings: Sequence[Codes], *, device: str | None = None
) -> list[Floats]:
    """Return the sums of `gaussian_sums` for several groupings of the rows, from one pass.

    Half-samples are groupings, permuted labels are, classes are. The first should be the one of
    fewest groups: the rows are sorted by it. ``z`` may be `Rows` that do not fit into memory: they
    are centred into a temporary file and read back in blocks of 128 MiB. ``device`` names a torch
    device; left out it is ``INFOPLANE_DEVICE``, or an NVIDIA card where there is one, or this
    compiled pass (``cpu``).

    Returns:
        Arrays of shape ``(n, v, 2)``: one over all rows, then one per grouping.

    Errors: exponentials are float32 (relative error below 4e-7, sums of positive terms). Squared
    distances are: up to 10 dimensions, sums of differences in the dtype of ``z``; above, products
    of centred rows, in float32 only where their error ``2 eps max|z_c|^2 / (2 min s2)`` stays below
    7e-6 nats (1e-5 bit), else in float64. Results do not depend on the number of threads, nor on
    the other variances.
    """
    n, dim = z.shape
    if len(variances) > 1 and not _within_floats(variances):
        each = [
            grouped_sums(z, variances[k : k + 1], groupings, device=device)
            for k in range(len(variances))
        ]
        return [np.concatenate(of, axis=1) for of in zip(*each, strict=True)]
    z, variances = _in_unit(z, variances)
    where = chosen_device(device)
    if where != "cpu":
        from infoplane.analysis.kernels import pairwise_torch

        return pairwise_torch.grouped_sums(
            Held(z) if isinstance(z, np.ndarray) else z, variances, groupings, where
        )
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    order, first, last = _by_class(n, groupings[0] if groupings else None)
    groups = np.array([np.asarray(g)[order] for g in groupings[1:]], np.int64).reshape(-1, n)
    scales = (-rates * math.log2(math.e)).astype(np.float32)
    total = np.zeros((len(rates), 2 + len(groups), 2, n))
    with single_blas():
        if dim <= _DIRECT_DIM:
            columns = _columns(z, order)
            norms = np.empty(0, columns.dtype)
            _by_differences(_Pass(first, last, groups, scales, total, norms, columns))
        else:
            for some, rows in _passes(z, order, rates):
                part = np.zeros((int(some.sum()), *total.shape[1:]))
                none = np.empty((1, 0), rows.norms.dtype)
                shared = _Pass(first, last, groups, scales[some], part, rows.norms, none)
                _by_products(rows, shared)
                total[some] = part
    total += 1.0  # every row with itself
    back = np.empty(n, np.int64)
    back[order] = np.arange(n)
    return [
        np.ascontiguousarray(total[:, k][:, :, back].transpose(2, 0, 1))
        for k in range(1 + len(groupings))
    ]


def block_sums(z: Values, variances: Floats, blocks: Codes, count: int) -> tuple[Floats, Codes]:
    """Return the sums of `grouped_sums` by blocks of rows; those of unions of blocks follow.

    On the processor, of values in memory: ``16 v count n`` bytes. Errors as there.

    Args:
        blocks: shape ``(n,)``, of ``count`` blocks.

    Returns:
        Sums of shape ``(v, 2, count, n)`` and the order of their rows, shape ``(n,)``: sorted by
        block.
    """
    n = len(z)
    z, variances = _in_unit(z, variances)  # type: ignore[assignment]  # values stay values
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    scales = (-rates * math.log2(math.e)).astype(np.float32)
    order = np.argsort(blocks, kind="stable")
    block_of = np.asarray(blocks, np.int64)[order]  # (n,)
    total = np.zeros((len(rates), 2, count, n))
    strip = _strip_of_blocks(z, order, rates, scales, block_of, count)
    starts = range(0, n, TILE)
    with single_blas():
        for i, (sums, below) in zip(starts, in_order(strip, starts), strict=True):
            total[:, :, block_of[i] : block_of[i] + below.shape[2], i:] += below
            total[..., i : i + TILE] += sums
    total[:, :, block_of, np.arange(n)] += 1.0  # every row with itself
    return total, order


def _strip_of_blocks(
    z: Values, order: Codes, rates: Floats, scales: Values, block_of: Codes, count: int
) -> Callable[[int], tuple[Floats, Floats]]:
    """Return what makes the sums of the rows from i on, and those of the columns from i on.

    The strip's own sums have shape ``(v, 2, count, rows)``; those of the columns have ``(v, 2, b, n
    - i)``, for the b blocks that the strip's rows lie in.
    """
    from infoplane.analysis.kernels.pairwise_compiled import tile_of_blocks

    n, dim = z.shape
    edges = np.searchsorted(block_of, np.arange(count + 1))
    rows = None
    if dim > _DIRECT_DIM:
        rows = next(_passes(z, order, rates.max(keepdims=True)))[1]  # in memory: nothing to close
    values = _columns(z, order) if rows is None else rows.rows(0, n)
    norms = np.empty(0, values.dtype) if rows is None else rows.norms
    nothing = np.empty((0, 0), values.dtype)

    def strip(i: int) -> tuple[Floats, Floats]:
        height = min(TILE, n - i)
        own_blocks = block_of[i + height - 1] - block_of[i] + 1
        sums = np.zeros((len(rates), 2, count, height))
        below = np.zeros((len(rates), 2, own_blocks, n - i))
        for j in range(i, n, TILE):
            width = min(TILE, n - j)
            products, columns = nothing, values
            if rows is not None:
                products, columns = values[i : i + height] @ values[j : j + width].T, nothing
            tile_of_blocks(
                products, columns, norms, edges, block_of, i, j, height, width, scales, sums, below
            )
        return sums, below

    return strip


def _within_floats(variances: Floats) -> bool:
    return bool(np.min(variances) > 1e-30 and np.max(variances) < 1e30)


def _in_unit(z: Values | Rows, variances: Floats) -> tuple[Values | Rows, Floats]:
    """Return values and variances of an extreme scale in a power-of-two unit.

    That is exact, and float32 exponents hold them.
    """
    if not isinstance(z, np.ndarray) or _within_floats(variances):
        return z, variances
    unit = 2.0 ** -round(0.5 * float(np.log2(variances[0])))
    with np.errstate(over="ignore", invalid="ignore"):  # who asked refuses what is not finite
        return z * np.asarray(unit).astype(z.dtype), variances * unit * unit


def chosen_device(device: str | None) -> str:
    """Return a torch device, or ``cpu``.

    What is asked for, here or by `on_device`, else ``INFOPLANE_DEVICE``, else an NVIDIA card that
    torch can use. Torch is not loaded to see none.
    """
    asked = device or device_here() or os.environ.get("INFOPLANE_DEVICE", "").strip()
    if asked or not os.path.exists("/dev/nvidia0"):
        return asked or "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def require_device(device: str) -> None:
    """Refuse a device that torch cannot use here.

    Raises:
        InputError: with torch's reason.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"device {device!r}: torch cannot use it here ({error}); leave it out, or give 'cpu'"
        ) from error


def anchored_sums(
    z: Values | Rows, anchors: Codes, variances: Floats, groupings: Sequence[Codes]
) -> list[Floats]:
    """As `grouped_sums`, for the rows ``anchors`` alone against all rows.

    ``len(anchors) * n`` pairs, two looks at each block of ``z``.

    Returns:
        Arrays of shape ``(len(anchors), v, 2)``: one over all rows, then one per grouping; float64
            products, exponentials in float32.
    """
    from infoplane.analysis.kernels.pairwise_compiled import rectangle

    n, dim = z.shape
    z, variances = _in_unit(z, variances)
    rows = Held(z) if isinstance(z, np.ndarray) else z
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    scales = (-rates * math.log2(math.e)).astype(np.float32)
    mean, a = mean_of(rows), np.empty((len(anchors), dim))
    for start, block in starting(rows.blocks(4096)):
        here = np.flatnonzero((anchors >= start) & (anchors < start + len(block)))
        a[here] = block[anchors[here] - start] - mean
    norms = np.einsum("ij,ij->i", a, a)
    groups = np.array(groupings, np.int64).reshape(-1, n)
    total = np.zeros((len(rates), 1 + len(groups), 2, len(anchors)))

    def part(job: tuple[int, Values]) -> Floats:
        start, block = job
        c = block - mean
        sums, there = np.zeros_like(total), np.einsum("ij,ij->i", c, c)
        others = groups[:, start : start + len(c)]
        for i in range(0, len(a), TILE):
            strip = slice(i, i + TILE)
            rectangle(
                a[strip] @ c.T,
                norms[strip],
                there,
                groups[:, anchors[strip]],
                others,
                scales,
                sums[..., strip],
            )
        return sums

    with single_blas():
        for sums in in_order(part, starting(rows.blocks(TILE))):
            total += sums
    return [np.ascontiguousarray(total[:, k].transpose(2, 0, 1)) for k in range(1 + len(groups))]


Products = Callable[[int, int], Values]
"""From the first of some columns and their number to the products of a strip of rows with them."""


@dataclass(frozen=True)
class _Pass:
    """What all tiles of one pass share.

    N rows sorted by class, V variances, M further groupings.

    Attributes:
        first, last: where the class of each row begins and ends, shape ``(N,)``.
        groups: codes of the further groupings, shape ``(M, N)``.
        scales: of the exponents, shape ``(V,)``.
        total: sums over all rows, the own class and the own groups, shape ``(V, 2 + M, 2, N)``; 8
            s2, then 2 s2.
        norms: squared norms of the rows, shape ``(N,)``; empty where distances are sums of
            differences.
        columns: coordinates of the rows, shape ``(dim, N)``; empty where distances are made of
            products.
    """

    first: Codes
    last: Codes
    groups: Codes
    scales: Values
    total: Floats
    norms: Values
    columns: Values

    def strip(
        self, i: int, rows: int, start: int, stop: int, products: Products
    ) -> tuple[Floats, Floats]:
        """Return what pairs of rows and columns add to both.

        Of ``rows`` rows from i on, and the columns from start to stop.
        """
        from infoplane.analysis.kernels.pairwise_compiled import tile

        sums = np.zeros((*self.total.shape[:3], rows))
        below = np.zeros((*self.total.shape[:3], stop - start))
        for j in range(start, stop, TILE):
            width = min(TILE, stop - j)
            tile(
                products(j, width),
                self.columns,
                self.norms,
                self.first,
                self.last,
                self.groups,
                i,
                j,
                rows,
                width,
                self.scales,
                sums,
                below,
                j - start,
            )
        return sums, below

    def add(
        self, strips: range, begin: int, stop: int, strip: Callable[[int], tuple[Floats, Floats]]
    ) -> None:
        """Add strips of rows, made on all threads, in their order.

        The sums do not depend on the threads.

        Args:
            strips: first rows.
            begin, stop: the columns they were held against; those before a strip itself are left
                out.
            strip: makes what the strip of such a first row adds.
        """
        for i, (sums, below) in zip(strips, in_order(strip, strips), strict=True):
            self.total[..., max(i, begin) : stop] += below
            self.total[..., i : i + sums.shape[-1]] += sums


def _by_differences(shared: _Pass) -> None:
    """Rows of few units: distances are sums of differences."""
    n = shared.columns.shape[1]
    nothing = np.empty((0, 0), shared.columns.dtype)

    def strip(i: int) -> tuple[Floats, Floats]:
        return shared.strip(i, min(TILE, n - i), i, n, lambda j, width: nothing)

    shared.add(range(0, n, TILE), 0, n, strip)


def _by_products(rows: Centred | Spilled, shared: _Pass) -> None:
    """Blocks of rows against blocks of rows; within them strips of tiles, shared among threads."""
    n = shared.total.shape[-1]
    for a in range(0, n, rows.size):
        left = rows.rows(a, a + rows.size)
        for b in range(a, n, rows.size):
            right = left if a == b else rows.rows(b, b + rows.size)
            _add_block(shared, left, a, right, b)


def _add_block(shared: _Pass, left: Values, a: int, right: Values, b: int) -> None:
    """Add the pairs of rows ``left``, from row a on, and ``right``, from row b on."""
    stop = b + len(right)

    def strip(i: int) -> tuple[Floats, Floats]:
        own = left[i - a : i - a + TILE]  # (rows, dim)
        room = np.empty(len(own) * TILE, own.dtype)

        def products(j: int, width: int) -> Values:
            out = room[: len(own) * width].reshape(len(own), width)
            return np.matmul(own, right[j - b : j - b + width].T, out=out)

        return shared.strip(i, len(own), max(i, b), stop, products)

    shared.add(range(a, a + len(left), TILE), b, stop, strip)


def _by_class(n: int, classes: Codes | None) -> tuple[Codes, Codes, Codes]:
    """Return rows sorted by class, and for each sorted row where its class begins and ends."""
    if classes is None:
        return np.arange(n), np.zeros(n, np.int64), np.full(n, n, np.int64)
    order = np.argsort(classes, kind="stable")
    ordered = np.asarray(classes)[order]
    return (
        order,
        np.searchsorted(ordered, ordered, "left"),
        np.searchsorted(ordered, ordered, "right"),
    )


def _columns(z: Values | Rows, order: Codes) -> Values:
    """Return coordinates of the sorted rows, few enough to fit into memory.

    Shape (dim rounded up to a multiple of the loops' stride, n).
    """
    from infoplane.analysis.kernels.pairwise_compiled import UNROLL

    n, dim = z.shape
    values = (
        z if isinstance(z, np.ndarray) else np.concatenate(list(z.blocks(rows_per_block(dim, 8))))
    )
    columns = np.zeros((-(-dim // UNROLL) * UNROLL, n), z.dtype)
    columns[:dim] = values[order].T
    return columns


def _passes(
    z: Values | Rows, order: Codes, rates: Floats
) -> Iterator[tuple[NDArray[np.bool_], Centred | Spilled]]:
    """Sorted rows with the mean taken off.

    In the narrowest dtype whose rounding the tolerance allows, and which rates it allows that for;
    closed after use.
    """
    kind, rows = (Centred, Held(z)) if isinstance(z, np.ndarray) else (Spilled, z)
    left = np.ones(len(rates), bool)
    if rows.dtype != np.float64:
        with closing(kind(rows, order, np.float32)) as narrow:
            left = ~fits_float32(narrow.largest, rates)
            if not left.all():
                yield ~left, narrow
    if left.any():
        with closing(kind(rows, order, np.float64)) as wide:
            yield left, wide
