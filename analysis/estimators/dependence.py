"""HSIC and CKA: how alike the row geometries of two variables are.

Dimensionless dependence, not bits, not mutual information.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.gram import gram, median_width
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.kernels.spectra import centre
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Estimate, Kind, Variable, require_same_rows
from infoplane.types.arrays import Floats

Kernel = Literal["linear", "rbf"]


def kernel_matrix(v: Variable, kernel: Kernel, width: float | None = None) -> Floats:
    """Return kernel matrix ``(n, n)``.

    Inner products, a Gaussian of the median width (or the one given), or equality for symbols.
    """
    if v.kind == "discrete":
        return gram(v, 1.0) * v.n
    if kernel == "linear":
        z = v.values.astype(np.float64)
        z = z - z.mean(axis=0)
        return z @ z.T
    w = median_width(v.values) if width is None else width
    return np.ones((v.n, v.n)) if w == 0 else gram(v, w) * v.n


def hsic(a: Variable, b: Variable, *, kernel: Kernel = "rbf", unbiased: bool = True) -> float:
    """Return Hilbert-Schmidt independence criterion (Gretton 2005; unbiased: Song 2012, eq. 5).

    Zero in expectation on independent data when unbiased.
    """
    require_same_rows(a, b)
    return _hsic(kernel_matrix(a, kernel), kernel_matrix(b, kernel), unbiased)


def _hsic(k: Floats, m: Floats, unbiased: bool) -> float:
    n = len(k)
    if not unbiased:
        return float(np.sum(centre(k) * centre(m))) / (n - 1) ** 2
    if n < 4:
        raise EstimatorError(f"unbiased HSIC needs at least 4 rows, got {n}")
    k = k - np.diag(np.diag(k))
    m = m - np.diag(np.diag(m))
    kr = k.sum(axis=0)
    mr = m.sum(axis=0)
    total = (
        float(np.sum(k * m))
        + kr.sum() * mr.sum() / ((n - 1) * (n - 2))
        - 2.0 * float(kr @ mr) / (n - 2)
    )
    return float(total / (n * (n - 3)))


def cka(a: Variable, b: Variable, *, kernel: Kernel = "linear", unbiased: bool = False) -> float:
    """Return centred kernel alignment in [0, 1] (Kornblith et al. 2019, arXiv 1905.00414).

    HSIC over the root of the two self-HSICs.

    Invariant to rotation and to one scale per variable. The biased form tends to 1 for more units
    than rows; ``unbiased=True`` corrects it.

    Example:
        >>> from infoplane.types import continuous
        >>> z = np.random.default_rng(0).normal(size=(50, 3))
        >>> rotation = np.linalg.qr(np.ones((3, 3)) + np.eye(3))[0]
        >>> round(cka(continuous(z), continuous(z @ rotation)), 9)
        1.0

    Raises:
        EstimatorError: a variable is constant.
    """
    require_same_rows(a, b)
    k = _of_unit_size(kernel_matrix(a, kernel))
    m = _of_unit_size(kernel_matrix(b, kernel))
    norm = _hsic(k, k, unbiased) * _hsic(m, m, unbiased)
    if not norm > 0:
        raise EstimatorError(
            f"CKA of {a.name} and {b.name} is undefined: one of them is constant over the rows"
        )
    return _hsic(k, m, unbiased) / float(np.sqrt(norm))


def _of_unit_size(k: Floats) -> Floats:
    """Return the kernel over its largest entry.

    No scale of a layer overflows, and alignment does not see scales.
    """
    largest = float(np.abs(k).max())
    return k / largest if largest else k


def cka_matrix(zs: list[Variable], *, kernel: Kernel = "linear", unbiased: bool = True) -> Floats:
    """Return CKA of every pair of layers, shape ``(L, L)``."""
    grams = [_of_unit_size(kernel_matrix(z, kernel)) for z in zs]
    own = [_hsic(k, k, unbiased) for k in grams]
    out = np.eye(len(zs))
    for i in range(len(zs)):
        for j in range(i):
            if not (own[i] > 0 and own[j] > 0):
                raise EstimatorError(
                    f"CKA of {zs[i].name} and {zs[j].name} is undefined: one of them is constant "
                    "over the rows"
                )
            out[i, j] = out[j, i] = _hsic(grams[i], grams[j], unbiased) / np.sqrt(own[i] * own[j])
    return out


@dataclass(frozen=True)
class _Dependence(SpecString):
    kernel: Kernel = "rbf"
    unbiased: bool = True

    _FIRST = "kernel"
    _ALWAYS = ("kernel",)
    traits = Traits(
        family="geometry",
        unit="none",
        measures="other",
        x_as="values",  # rows that are told apart by their identity alone resemble nothing
        bound="none; dimensionless, not bits",
    )

    def __post_init__(self) -> None:
        if self.kernel not in ("linear", "rbf"):
            raise InputError(f"kernel must be linear or rbf, got {self.kernel!r}")

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept any two kinds; symbols have the equality kernel."""
        return a in ("continuous", "discrete") and b in ("continuous", "discrete")


@dataclass(frozen=True)
class HSIC(_Dependence):
    """HSIC as a plane coordinate. The field ``bits`` holds a dimensionless dependence.

    The notes and the axis say so.
    """

    _PREFIX = "hsic"
    traits = replace(
        _Dependence.traits,
        target="Hilbert-Schmidt dependence of two kernels (not bits)",
        validity="depends on the kernel; comparable only between variables on one scale",
    )

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text: not bits."""
        return (
            f"HSIC({'Z,Y' if quantity == 'i_zy' else 'X,Z'}), {self.kernel} kernel "
            f"(dimensionless), N={n}"
        )

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate HSIC of a and b; draws nothing."""
        return Estimate(
            hsic(a, b, kernel=self.kernel, unbiased=self.unbiased),
            a.n,
            str(self),
            notes=("dimensionless, not bits",),
            unit="none",
        )


@dataclass(frozen=True)
class CKA(_Dependence):
    """CKA as a plane coordinate, between 0 and 1.

    The field ``bits`` holds a dimensionless similarity: the notes and the axis say so.
    """

    kernel: Kernel = "linear"

    _PREFIX = "cka"
    traits = replace(
        _Dependence.traits,
        target="similarity of two row geometries, 0 to 1 (not bits)",
        validity="the biased form tends to 1 for more units than rows",
    )

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text: not bits."""
        return (
            f"CKA({'Z,Y' if quantity == 'i_zy' else 'X,Z'}), {self.kernel} kernel (dimensionless), "
            f"N={n}"
        )

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate CKA of a and b; draws nothing."""
        return Estimate(
            cka(a, b, kernel=self.kernel, unbiased=self.unbiased),
            a.n,
            str(self),
            notes=("dimensionless, not bits",),
            unit="none",
        )
