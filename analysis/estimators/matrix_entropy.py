"""Entropies of trace-one Gram matrices: from spectra, from pairwise sums, by Lanczos steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator

from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.analysis.kernels.spectra import eigenvalues
from infoplane.types.arrays import Codes, Floats, Values


def matrix_entropy(
    a: Floats, alpha: float, *, lanczos: int = 0, rng: Generator | None = None
) -> float:
    """Return entropy in bits of a trace-one Gram matrix.

    ``log2(sum lambda^alpha) / (1 - alpha)``.

    Alpha 1 is the von Neumann form.

    alpha 2 is ``-log2 |A|_F^2`` and needs no eigenvalues. With ``lanczos`` > 0 the trace of the
    power is estimated from that many Lanczos steps and 10 random vectors (stochastic Lanczos
    quadrature, Ubaru, Chen & Saad 2017), for matrices too large for a spectrum.

    Example:
        >>> round(matrix_entropy(np.eye(4) / 4, 1.01), 9)
        2.0
    """
    if alpha == 2.0:
        return -float(np.log2(np.einsum("ij,ij->", a, a)))
    if lanczos:
        moment = _lanczos_trace(a, alpha, lanczos, np.random.default_rng(0) if rng is None else rng)
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
    """

    def block(c: int) -> Floats:
        rows = np.flatnonzero(codes == c)
        return a[np.ix_(rows, rows)]

    return [partial(block, c) for c in range(int(codes.max()) + 1)]


def pair_entropies(z: Values, width: float, codes: Codes | None) -> tuple[float, float]:
    """Return S_2 of a Gaussian kernel and of that kernel times the equality of ``codes``.

    In bits.

    From one pairwise pass, no N x N matrix.

    ``sum_ij K_ij^2`` is a kernel sum at half the squared width; its relative error of 4e-7 is 6e-7
    bit.
    """
    n = len(z)
    if width == 0:
        z = np.zeros((n, 1), np.float64)
        width = 1.0
    total, own = gaussian_sums(z, np.array([width**2 / 2]), codes)
    return float(2 * np.log2(n) - np.log2(total[:, 0, 1].sum())), float(
        2 * np.log2(n) - np.log2(own[:, 0, 1].sum())
    )


def _spectral_function(values: Floats, alpha: float) -> Floats:
    positive = np.maximum(values, 1e-300)
    return np.asarray(-positive * np.log2(positive) if alpha == 1.0 else positive**alpha)


def _lanczos_trace(a: Floats, alpha: float, steps: int, rng: Generator, probes: int = 10) -> float:
    n = len(a)
    total = 0.0
    for _ in range(probes):
        v = rng.choice(np.array([-1.0, 1.0]), size=n) / np.sqrt(n)
        basis = [v]
        diagonal = []
        off = []
        for _ in range(min(steps, n)):
            w = a @ basis[-1]
            diagonal.append(float(w @ basis[-1]))
            q = np.array(basis)
            w -= q.T @ (q @ w)
            w -= q.T @ (
                q @ w
            )  # twice: once leaves rounding that breeds false copies of eigenvalues
            norm = float(np.linalg.norm(w))
            if norm < 1e-12:
                break
            off.append(norm)
            basis.append(w / norm)
        m = len(diagonal)
        tri = np.diag(diagonal) + np.diag(off[: m - 1], 1) + np.diag(off[: m - 1], -1)
        nodes, vectors = np.linalg.eigh(tri)
        total += n * float(vectors[0] ** 2 @ _spectral_function(nodes, alpha))
    return total / probes
