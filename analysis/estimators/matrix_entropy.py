"""Entropies of trace-one Gram matrices: from spectra, from pairwise sums, by Lanczos steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.analysis.kernels.spectra import eigenvalues
from infoplane.types.arrays import Codes, Floats, Values

_PROBES = 10
"""Random vectors of a trace by Lanczos steps."""


def matrix_entropy(
    a: Floats, alpha: float, *, lanczos: int = 0, rng: Generator | None = None
) -> float:
    """Return entropy in bits of a trace-one Gram matrix.

    ``log2(sum lambda^alpha) / (1 - alpha)``.

    Alpha 1 is the von Neumann form; alpha 2 is ``-log2 |A|_F^2`` and needs no eigenvalues.

    Args:
        a: shape ``(n, n)``, symmetric, trace one.
        alpha: order.
        lanczos: 0 for the spectrum, else so many Lanczos steps from 10 random vectors (stochastic
            Lanczos quadrature, Ubaru, Chen & Saad 2017), for matrices too large for a spectrum.
        rng: of these vectors; seed 0 without.

    Example:
        >>> round(matrix_entropy(np.eye(4) / 4, 1.01), 9)
        2.0
    """
    if alpha == 2.0:
        return -float(np.log2(np.einsum("ij,ij->", a, a)))
    if lanczos:
        moment = _lanczos_trace(a, alpha, lanczos, rng or np.random.default_rng(0))
        return moment if alpha == 1.0 else float(np.log2(moment) / (1.0 - alpha))
    return spectrum_entropy(eigenvalues(a), alpha)


def spectrum_entropy(spectrum: Floats, alpha: float) -> float:
    """Return entropy in bits of eigenvalues, which are made to sum to one.

    Those that are rounding of zero are left out.
    """
    spectrum = spectrum[spectrum > 1e-14]
    spectrum = spectrum / spectrum.sum()
    if alpha == 1.0:
        return -float(spectrum @ np.log2(spectrum))
    return float(np.log2(np.sum(spectrum**alpha)) / (1.0 - alpha))


def class_blocks(a: Floats, codes: Codes) -> list[Callable[[], Floats]]:
    """Return what makes each block of ``a`` times the equality of ``codes``.

    Its entries between classes are zero, so that rows sorted by class make it block-diagonal: one
    small spectrum per class instead of a large one.

    Args:
        a: shape ``(n, n)``.
        codes: dense codes of the classes, shape ``(n,)``.
    """

    def block(code: int) -> Floats:
        rows = np.flatnonzero(codes == code)
        return a[np.ix_(rows, rows)]

    return [partial(block, code) for code in range(int(codes.max()) + 1)]


def pair_entropies(z: Values, width: float, codes: Codes | None) -> tuple[float, float]:
    """Return S_2 of a Gaussian kernel and of that kernel times the equality of ``codes``, in bits.

    From one pairwise pass, no N x N matrix. ``sum_ij K_ij^2`` is a kernel sum at half the squared
    width; its relative error of 4e-7 is 6e-7 bit.

    Args:
        z: shape ``(n, dim)``.
        width: of the kernel; 0 where all rows are equal.
        codes: shape ``(n,)``; None for one class.
    """
    if width == 0:
        z = np.zeros((len(z), 1), np.float64)
        width = 1.0
    total, own = gaussian_sums(z, np.array([width**2 / 2]), codes)
    of_pairs = 2 * np.log2(len(z))
    of_kernel = float(of_pairs - np.log2(total[:, 0, 1].sum()))
    return of_kernel, float(of_pairs - np.log2(own[:, 0, 1].sum()))


def _spectral_function(values: Floats, alpha: float) -> Floats:
    positive = np.maximum(values, 1e-300)
    return np.asarray(-positive * np.log2(positive) if alpha == 1.0 else positive**alpha)


def _lanczos_trace(a: Floats, alpha: float, steps: int, rng: Generator) -> float:
    """Return the trace of a function of a matrix, the mean over random vectors."""
    total = 0.0
    for _ in range(_PROBES):
        start = rng.choice(np.array([-1.0, 1.0]), size=len(a)) / np.sqrt(len(a))
        nodes, vectors = np.linalg.eigh(_tridiagonal(a, start, steps))
        total += len(a) * float(vectors[0] ** 2 @ _spectral_function(nodes, alpha))
    return total / _PROBES


def _tridiagonal(a: Floats, start: Floats, steps: int) -> Floats:
    """Return the matrix of Lanczos steps from a unit vector, shape ``(steps, steps)`` at most."""
    basis = [start]
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(steps, len(a))):
        step = a @ basis[-1]
        diagonal.append(float(step @ basis[-1]))
        so_far = np.array(basis)
        for _ in range(2):  # once leaves rounding that breeds false copies of eigenvalues
            step -= so_far.T @ (so_far @ step)
        norm = float(np.linalg.norm(step))
        if norm < 1e-12:
            break
        beside.append(norm)
        basis.append(step / norm)
    beside = beside[: len(diagonal) - 1]
    return np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
