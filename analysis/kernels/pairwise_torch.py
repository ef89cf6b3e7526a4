"""The pairwise pass on an accelerator: the same sums from torch tiles.

On processors the compiled pass is several times faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations_with_replacement

import numpy as np
import torch

from infoplane.analysis.kernels.blocks import (
    LOOK_ROWS,
    fits_float32,
    mean_of,
    rows_per_block,
    squared_norms,
    starting,
)
from infoplane.analysis.kernels.pair_pass import rates_of
from infoplane.contract import Rows
from infoplane.types.arrays import Codes, Floats, Mask

TILE = 4096
_LEAST_EXPONENT = -80.0  # below, the sums do not notice, and exp of denormal results is slow


def grouped_sums(
    rows: Rows, variances: Floats, groupings: Sequence[Codes], device: str
) -> list[Floats]:
    """Return the sums of `infoplane.analysis.kernels.pairwise.grouped_sums`, on a torch device.

    The device holds the centred rows.

    Args:
        rows: shape ``(n, dim)``.
        variances: the s2, shape ``(v,)``, positive.
        groupings: codes of all rows, shape ``(n,)`` each.
        device: of torch.

    float32 where the rounding of squared distances stays below 7e-6 nats, float64 elsewhere (a
    device without it, such as ``mps``, raises torch's own error); products never use
    reduced-precision formats. Sums of a tile are made in its dtype, between tiles in float64.
    """
    n = rows.shape[0]
    rates = rates_of(variances)
    groups = [torch.as_tensor(np.array(codes), device=device) for codes in groupings]
    total = np.zeros((1 + len(groups), n, len(rates), 2))
    tiles = [slice(start, min(start + TILE, n)) for start in range(0, n, TILE)]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        for some, centred in _passes(rows, rates, device):
            norms = (centred * centred).sum(1)
            for left, right in combinations_with_replacement(tiles, 2):
                products = centred[left] @ centred[right].T
                squares = (norms[left, None] + norms[None, right] - 2 * products).clamp_(min=0)
                if left == right:
                    squares.fill_diagonal_(0)
                for variance in np.flatnonzero(some):
                    low = torch.exp((squares * -rates[variance]).clamp_(min=_LEAST_EXPONENT))
                    _add(total[:, :, variance, 0], low, groups, left, right)
                    _add(total[:, :, variance, 1], low**4, groups, left, right)
    finally:
        torch.set_float32_matmul_precision(before)
    return list(total)


def _add(
    total: Floats, kernel: torch.Tensor, groups: list[torch.Tensor], left: slice, right: slice
) -> None:
    """Add a tile of kernels to the sums of its rows and of its columns, in all and by group.

    Args:
        total: of G groupings and all rows, shape ``(1 + G, n)``.
        kernel: shape ``(rows, columns)``.
        groups: codes of all rows, shape ``(n,)`` each.
        left: the rows.
        right: the columns; the same rows on the diagonal, where they are added once.
    """
    own_groups = (kernel * (codes[left, None] == codes[None, right]) for codes in groups)
    for sums, part in zip(total, chain([kernel], own_groups), strict=True):
        sums[left] += part.sum(1).double().cpu().numpy()
        if left != right:
            sums[right] += part.sum(0).double().cpu().numpy()


def _passes(rows: Rows, rates: Floats, device: str) -> Iterator[tuple[Mask, torch.Tensor]]:
    """Yield the centred rows in the narrowest dtype whose rounding the tolerance allows.

    With them come the rates for which it does.
    """
    mean = mean_of(rows)
    norms = (squared_norms(block - mean) for block in rows.blocks(LOOK_ROWS))
    largest = max(float(of_block.max()) for of_block in norms)
    narrow = fits_float32(largest, rates) & (rows.dtype != np.float64)
    for some, dtype in ((narrow, torch.float32), (~narrow, torch.float64)):
        if some.any():
            centred = torch.empty(rows.shape, dtype=dtype, device=device)
            for start, block in starting(rows.blocks(rows_per_block(rows.shape[1], 8))):
                part = torch.as_tensor(block - mean).to(dtype)
                centred[start : start + len(block)] = part.to(device)
            yield some, centred
