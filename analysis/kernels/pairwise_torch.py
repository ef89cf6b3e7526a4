"""The pairwise pass on an accelerator: the same sums from torch tiles.

On processors the compiled pass is several times faster.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

import numpy as np
import torch
from numpy.typing import NDArray

from infoplane.analysis.kernels.blocks import fits_float32, mean_of, rows_per_block, starting
from infoplane.contract import Rows

TILE = 4096
_LEAST_EXPONENT = -80.0  # below, the sums do not notice, and exp of denormal results is slow
Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def grouped_sums(
    rows: Rows, variances: Floats, groupings: Sequence[Codes], device: str
) -> list[Floats]:
    """As `infoplane.analysis.kernels.pairwise.grouped_sums`, on a torch device.

    The device holds the centred rows.

    float32 where the rounding of squared distances stays below 7e-6 nats, float64 elsewhere (a
    device without it, such as ``mps``, raises torch's own error); products never use
    reduced-precision formats. Sums of a tile are made in its dtype, between tiles in float64.
    """
    n = rows.shape[0]
    rates = 1.0 / (8.0 * np.asarray(variances, np.float64))
    groups = [torch.as_tensor(np.array(g), device=device) for g in groupings]
    total = np.zeros((1 + len(groups), n, len(rates), 2))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        for some, c in _passes(rows, rates, device):
            norms = (c * c).sum(1)
            for i, j in combinations_with_replacement(range(0, n, TILE), 2):
                a, b = slice(i, min(i + TILE, n)), slice(j, min(j + TILE, n))
                d = (norms[a, None] + norms[None, b] - 2 * (c[a] @ c[b].T)).clamp_(min=0)
                if i == j:
                    d.fill_diagonal_(0)
                for v in np.flatnonzero(some):
                    low = torch.exp((d * -rates[v]).clamp_(min=_LEAST_EXPONENT))
                    for bound, kernel in enumerate((low, low**4)):
                        _add(total[:, :, v, bound], kernel, groups, a, b, both=i != j)
    finally:
        torch.set_float32_matmul_precision(before)
    return list(total)


def _add(
    total: Floats,
    kernel: torch.Tensor,
    groups: list[torch.Tensor],
    a: slice,
    b: slice,
    *,
    both: bool,
) -> None:
    for k in range(1 + len(groups)):
        part = kernel if k == 0 else kernel * (groups[k - 1][a, None] == groups[k - 1][None, b])
        total[k, a] += part.sum(1).double().cpu().numpy()
        if both:
            total[k, b] += part.sum(0).double().cpu().numpy()


def _passes(
    rows: Rows, rates: Floats, device: str
) -> Iterator[tuple[NDArray[np.bool_], torch.Tensor]]:
    """Yield the centred rows in the narrowest dtype whose rounding the tolerance allows.

    With them come the rates for which it does.
    """
    mean, largest = mean_of(rows), 0.0
    for _, block in starting(rows.blocks(4096)):
        centred = block - mean
        largest = max(largest, float(np.einsum("ij,ij->i", centred, centred).max()))
    narrow = fits_float32(largest, rates) & (rows.dtype != np.float64)
    for some, dtype in ((narrow, torch.float32), (~narrow, torch.float64)):
        if some.any():
            c = torch.empty(rows.shape, dtype=dtype, device=device)
            for start, block in starting(rows.blocks(rows_per_block(rows.shape[1], 8))):
                c[start : start + len(block)] = torch.as_tensor(block - mean).to(dtype).to(device)
            yield some, c
