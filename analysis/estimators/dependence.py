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


def kernel_matrix(v: Variable, kernel: Kernel) -> Floats:
    """Return the kernel matrix of a variable, shape ``(n, n)``.

    Args:
        v: n rows; symbols have the equality kernel whatever is asked.
        kernel: ``linear``, inner products of centred rows, or ``rbf``, a Gaussian of the median
            distance.
    """
    if v.kind == "discrete":
        return gram(v, 1.0) * v.n
    if kernel == "linear":
        centred = v.values.astype(np.float64)
        centred = centred - centred.mean(axis=0)
        return centred @ centred.T
    width = median_width(v.values)
    return np.ones((v.n, v.n)) if width == 0 else gram(v, width) * v.n


def hsic_of_kernels(first: Floats, second: Floats, unbiased: bool) -> float:
    """Return the Hilbert-Schmidt independence criterion (Gretton 2005; unbiased: Song 2012, eq. 5).

    Zero in expectation on independent data when unbiased.

    Args:
        first: kernel matrix, shape ``(n, n)``.
        second: likewise.
        unbiased: whether the diagonals are left out.

    Raises:
        EstimatorError: fewer than 4 rows.
    """
    n = len(first)
    if not unbiased:
        return float(np.sum(centre(first) * centre(second))) / (n - 1) ** 2
    if n < 4:
        raise EstimatorError(f"unbiased HSIC needs at least 4 rows, got {n}")
    first = first - np.diag(np.diag(first))
    second = second - np.diag(np.diag(second))
    of_first = first.sum(axis=0)
    of_second = second.sum(axis=0)
    total = (
        float(np.sum(first * second))
        + of_first.sum() * of_second.sum() / ((n - 1) * (n - 2))
        - 2.0 * float(of_first @ of_second) / (n - 2)
    )
    return float(total / (n * (n - 3)))


def _of_unit_size(kernel: Floats) -> Floats:
    """Return the kernel over its largest entry.

    No scale of a layer overflows, and alignment does not see scales.
    """
    largest = float(np.abs(kernel).max())
    return kernel / largest if largest else kernel


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

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text: not bits."""
        return (
            f"{self._PREFIX.upper()}({'Z,Y' if quantity == 'i_zy' else 'X,Z'}), {self.kernel} "
            f"kernel (dimensionless), N={n}"
        )

    def measure(self, a: Variable, b: Variable) -> float:
        """Return the dependence of a and b, n rows each."""
        raise NotImplementedError

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate the dependence of a and b, n rows each; ``rng`` is not used."""
        require_same_rows(a, b)
        return Estimate(
            self.measure(a, b), a.n, str(self), notes=("dimensionless, not bits",), unit="none"
        )


@dataclass(frozen=True)
class HSIC(_Dependence):
    """Measure dependence by HSIC as a plane coordinate (Gretton et al. 2005; Song et al. 2012).

    ``tr(K H L H) / (n - 1)^2``, or its unbiased form. The field ``bits`` holds this dimensionless
    number; the notes and the axis say so.

    Attributes:
        kernel: ``rbf`` of the median distance, or ``linear``.
        unbiased: whether the diagonals are left out: 0 in expectation at independence.

    When it lies: it is set by the kernel; compare only variables on one scale, never bits.
    """

    _PREFIX = "hsic"
    traits = replace(
        _Dependence.traits,
        target="Hilbert-Schmidt dependence of two kernels (not bits)",
        validity="depends on the kernel; comparable only between variables on one scale",
    )

    def measure(self, a: Variable, b: Variable) -> float:
        """Return HSIC of a and b, n rows each."""
        first, second = (kernel_matrix(v, self.kernel) for v in (a, b))
        return hsic_of_kernels(first, second, self.unbiased)


@dataclass(frozen=True)
class CKA(_Dependence):
    """Measure similarity by CKA as a plane coordinate, 0 to 1 (Kornblith et al. 2019).

    ``HSIC(K,L) / sqrt(HSIC(K,K) HSIC(L,L))``, arXiv 1905.00414. The field ``bits`` holds this
    dimensionless number; the notes and the axis say so.

    Attributes:
        kernel: ``linear``, or ``rbf`` of the median distance.
        unbiased: whether the diagonals are left out.

    Invariant to rotation and to one scale per variable.

    When it lies: the biased form tends to 1 for more units than rows, whatever they hold.

    Raises:
        EstimatorError: a variable is constant.

    Example:
        >>> from infoplane.types import continuous
        >>> z = np.random.default_rng(0).normal(size=(50, 3))
        >>> rotation = np.linalg.qr(np.ones((3, 3)) + np.eye(3))[0]
        >>> turned = continuous(z @ rotation)
        >>> round(CKA(unbiased=False).estimate(continuous(z), turned).bits, 9)
        1.0
    """

    kernel: Kernel = "linear"

    _PREFIX = "cka"
    traits = replace(
        _Dependence.traits,
        target="similarity of two row geometries, 0 to 1 (not bits)",
        validity="the biased form tends to 1 for more units than rows",
    )

    def measure(self, a: Variable, b: Variable) -> float:
        """Return CKA of a and b, n rows each."""
        first, second = (_of_unit_size(kernel_matrix(v, self.kernel)) for v in (a, b))
        own = [hsic_of_kernels(kernel, kernel, self.unbiased) for kernel in (first, second)]
        if not (own[0] > 0 and own[1] > 0):
            raise EstimatorError(
                f"CKA of {a.name} and {b.name} is undefined: one of them is constant over the rows"
            )
        return hsic_of_kernels(first, second, self.unbiased) / float(np.sqrt(own[0] * own[1]))
