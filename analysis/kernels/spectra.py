"""Eigenvalues of symmetric matrices: of several side by side, of large ones by torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from infoplane.analysis.kernels.threads import in_order, single_blas, with_one_torch_thread
from infoplane.types.arrays import Floats

LARGE = 1024
"""Rows from which on torch's LAPACK takes, on one thread, at most what numpy's takes on two;
smaller matrices are not worth importing torch.
"""


def eigenvalues(a: Floats) -> Floats:
    """Return the eigenvalues of one symmetric matrix, ascending.

    The library depends on the size alone, so that the numbers do too.
    """
    if len(a) < LARGE:
        return np.asarray(np.linalg.eigvalsh(a), np.float64)
    import torch

    matrix = torch.from_numpy(np.ascontiguousarray(a))
    return with_one_torch_thread(lambda: torch.linalg.eigvalsh(matrix).numpy())


def spectra(matrices: Sequence[Callable[[], Floats]]) -> list[Floats]:
    """Return `eigenvalues` of every matrix, each made when its turn comes, on `threads` threads.

    Give the largest first.
    """
    with single_blas():
        return list(in_order(lambda matrix: eigenvalues(matrix()), matrices))


def centre(k: Floats) -> Floats:
    """Return doubly centred kernel matrix ``H K H``, shape ``(n, n)``."""
    rows = k.mean(axis=0, keepdims=True)
    return k - rows - rows.T + k.mean()
