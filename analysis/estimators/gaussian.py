"""Information of a Gaussian fit, plain or of normal scores (the Gaussian copula)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.dependent_rows import without_error_of_rows
from infoplane.analysis.estimators.entropies import (
    LN2,
    counts_of,
    entropy_bits,
    stderr_of_ratios,
)
from infoplane.analysis.estimators.gaussian_fit import (
    misfit,
    paired_correlations,
    square_lengths,
    whitened,
)
from infoplane.analysis.estimators.limits import require_possible
from infoplane.analysis.estimators.live_units import live_units
from infoplane.analysis.estimators.of_vectors import OfVectors
from infoplane.analysis.estimators.rank_scores import rank_scores, standard_columns
from infoplane.analysis.estimators.upsampled import without_upsampling
from infoplane.contract import Traits
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Floats

_ROWS = 4
"""Rows that a covariance wants for each of its dimensions; with labels, of the smallest class."""
_SMALLEST = 1e-12
_ERROR_IN_DOUBT = 0.02
_ONE = 1 - 1e-9
_STRONGEST = 8.0
_MOST_UNITS = 5000
_SURROGATE_ROWS = 1000
_SURROGATE_VALUES = 200_000


class Blur(NamedTuple):
    """What ranks do to Fisher's ``arctanh r``.

    Attributes:
        short: how far normal scores fall short of it.
        down: how many times as far they scatter down.
        up: how many times as far they scatter up.
    """

    short: float
    down: float
    up: float


@cache
def ranks_blur(z: float, n: int) -> Blur:
    """Return what ranks do to Fisher's ``arctanh r = z`` of n rows.

    Ranks cannot tell by how much neighbouring rows differ: short by 0.2 and 1.25 times as far at r
    = 0.99 and n = 60, 0.03 and 1.04 at n = 600. From surrogates of a fixed seed, each read with and
    without ranks so that most chance cancels; of at most 1000 rows, since all fall as 1/n. By
    quantiles: ranks that agree wholly have no end.
    """
    rng = np.random.default_rng(0)
    rows = min(n, _SURROGATE_ROWS)
    r = np.tanh(z)
    x, noise = rng.normal(size=(2, rows, _SURROGATE_VALUES // rows))
    y = r * x + np.sqrt(1 - r * r) * noise
    both = (
        paired_correlations(x, y),
        paired_correlations(rank_scores(x), rank_scores(y)),
    )
    read = np.arctanh(np.minimum(both, _ONE))  # (values and ranks, surrogates)
    low, middle, high = np.quantile(read, (0.16, 0.5, 0.84), axis=1)
    share = rows / n

    def wider(reach: Floats) -> float:
        return max(1.0, 1.0 + (float(reach[1] / reach[0]) - 1.0) * share)

    short = max(0.0, float(middle[0] - middle[1])) * share
    return Blur(short, wider(middle - low), wider(high - middle))


@dataclass(frozen=True)
class Gaussian(OfVectors):
    """Estimate ``1/2 log2(det S_a det S_b / det S_ab)``, the information of a Gaussian fit.

    The three log-determinants have their small-sample correction, E log det of a Wishart matrix.

    With labels: ``h(Z) - sum_y p_y h(Z|y)``, a Gaussian for every class and one for all (Ince et
    al. 2017 for the copula form). Fewer than 4 rows per joint dimension (with labels, of the
    smallest class) are refused; one unit of a class of 3 rows is not corrected, and the notes say
    so. Constant units are left out. The notes also say what the rows show against the fit: tails,
    skewness, dependence beyond correlation (`infoplane.analysis.estimators.gaussian_fit`).

    Attributes:
        copula: rank-Gaussianise every coordinate first. A lower bound for two scalars only; for
            vectors errors from -2.1 to +0.8 bits were seen on channels Y = f(T) + noise.

    When it lies: it knows second moments only: 0 for dependence without correlation, up to +5.4
    bits on heavy tails without ``copula``.

    Raises:
        EstimatorError: a singular covariance (duplicated units), too few rows, two discrete
            variables, a number outside [0, H(Y)] or [0, log2 N] by more than its error.

    Example:
        >>> from infoplane.types import continuous
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=4000)
        >>> noisy = continuous(2 * x + rng.normal(size=4000))
        >>> abs(Gaussian().estimate(continuous(x), noisy).bits - 1.160964) < 0.05
        True
    """

    copula: bool = False

    _FIRST = "copula"
    _PREFIX = "gauss"
    _AXIS = "I({pair}) [bits], {self.fitted}, N={n}"
    traits = Traits(
        family="gaussian",
        x_as="values",
        target="MI of a Gaussian (copula) fit to the population",
        bound="none (copula: lower for two scalars)",
        validity=(
            "second moments only; the copula is no lower bound for vectors; infinite for "
            "deterministic layers"
        ),
    )

    @property
    def fitted(self) -> str:
        """What is fitted, for axes."""
        return "Gaussian copula" if self.copula else "Gaussian"

    def bias_exponent(self, a: Variable, b: Variable) -> float:
        """Return 1: the bias of covariances falls as 1/n."""
        return 1.0

    def _prepared(self, v: Variable) -> Floats:
        return rank_scores(v.values) if self.copula else standard_columns(v.values)

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I(a;b) in bits.

        ``rng`` is not used. Constant units are left out, with a note.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``; at least one of them is continuous.
            rng: not used.
        """
        self.require_supported(a, b)
        n = a.n
        a, b, copied = without_copies(a, b)
        a, b, upsampled = without_upsampling(a, b)
        (first, dead), (second, more) = live_units(a), live_units(b)
        left_out = (*copied, *upsampled, *dead, *more)
        if first is None or second is None:
            return Estimate(0.0, n, self.name, target="population", notes=left_out)
        if a.kind == b.kind:
            found = self._vectors(first, second)
        elif a.kind == "continuous":
            found = self._labels(first, second)
        else:
            found = self._labels(second, first)
        found = replace(found, n=n, notes=(*left_out, *found.notes))
        return without_error_of_rows(found, a, b)

    def _vectors(self, a: Variable, b: Variable) -> Estimate:
        x = self._prepared(a)
        z = self._prepared(b)
        units = x.shape[1]
        joint = np.concatenate([x, z], axis=1)
        together = f"{a.name} with {b.name}"
        self._require_rows(joint.shape[1], a.n, together, least=2)
        covariance = self._covariance(joint, together)
        of_x = covariance[:units, :units]
        of_z = covariance[units:, units:]
        log_ratio = (
            self._log_det(of_x, a.n, a.name)
            + self._log_det(of_z, a.n, b.name)
            - self._log_det(covariance, a.n, together)
        )
        white = whitened(joint, covariance)
        doubts = misfit(white, (white[:, :units], white[:, units:]))
        notes = (f"not Gaussian: {doubts}; the number may be off by bits, compare knn",)
        found = self._result(0.5 * log_ratio / LN2, a, b, notes if doubts else ())
        if a.dim == b.dim == 1:
            found = self._with_interval(found, float(paired_correlations(x, z)[0]))
        rows = square_lengths(white[:, :units]) + square_lengths(whitened(z, of_z))
        spread = 0.5 * (rows - square_lengths(white)) / LN2
        return require_possible(
            found,
            ceiling=float(np.log2(a.n)),
            ceiling_words="log2 N",
            remedy="a deterministic layer of a continuous X has infinite information, of which N "
            "rows show no more; use exact or bin, or compare layers at one N",
            stderr=stderr_of_ratios(spread, units * z.shape[1]),
        )

    def _require_rows(self, dims: int, rows: int, name: str, *, least: int) -> None:
        """Refuse a covariance from too few rows; ``least`` dimensions are never too many.

        Raises:
            EstimatorError: fewer than `_ROWS` rows for each dimension.
        """
        if dims > max(rows / _ROWS, least):
            raise EstimatorError(
                f"{self.name}: {dims} dimensions of {name} from {rows} rows; the fit wants at "
                f"least {_ROWS} rows per dimension: take more rows, or reduce the layer, "
                "e.g. reduce='pca:8'"
            )

    def _with_interval(self, found: Estimate, correlation: float) -> Estimate:
        """Return an estimate of two scalars with its error and 95 % interval.

        The error by the delta method: dI/dr = r / (1 - r^2), sd(r) = (1 - r^2) / sqrt(n); and the
        next order, chi-squared / 2n where r vanishes. The interval is what Fisher's
        ``arctanh r -+ 1.96 / sqrt(n - 3)`` becomes in bits: from 0 where that holds no correlation.
        A copula's ends are the correlations whose ranks, blurred as `ranks_blur` says, would just
        not give r.
        """
        n = found.n
        r = min(abs(correlation), _ONE)
        seen = float(np.arctanh(r))
        chance = 1.96 / float(np.sqrt(max(n - 3, 1)))
        low, _ = self._end(seen, -chance, n)
        high, wider = self._end(seen, chance, n)
        stderr = wider * float(np.sqrt(max(0.0, r * r - 1 / n) / n + 1 / (2 * n**2))) / LN2
        bits = found.bits
        return replace(found, stderr=stderr, low=min(bits, low), high=max(bits, high))

    def _end(self, seen: float, chance: float, n: int) -> tuple[float, float]:
        """Return one end of an interval, and how many times as far ranks scatter towards r there.

        Args:
            seen: ``arctanh r``.
            chance: how far values reach from it, negative for the lower end.
            n: rows.

        Returns:
            The end in bits, ``-log2(1 - tanh^2) / 2``; the factor.
        """
        end = seen + chance
        wider = 1.0
        for _ in range(4 if self.copula else 0):
            blur = ranks_blur(round(min(max(0.0, end), _STRONGEST), 1), n)
            wider = blur.down if chance > 0 else blur.up
            end = seen + blur.short + wider * chance
        return float(np.log2(np.cosh(max(0.0, end)))), wider

    def _labels(self, z: Variable, y: Variable) -> Estimate:
        values = self._prepared(z)  # (n, dim)
        codes = codes_of(y)  # (n,)
        counts = counts_of(codes)
        smallest = int(counts.min())
        self._require_class_rows(z, smallest)
        corrected = z.dim <= smallest / _ROWS
        white, log_det = self._fit(values, z.name, corrected)
        nats = 0.5 * log_det
        spread = square_lengths(white)  # (n,)
        of_classes = np.empty_like(values)
        for code, members in enumerate(counts):
            rows = np.flatnonzero(codes == code)
            inside, log_det = self._fit(values[rows], f"class {code} of {z.name}", corrected)
            nats -= members / z.n * 0.5 * log_det
            of_classes[rows] = inside
            spread[rows] -= square_lengths(inside) + log_det
        doubts = _against_classes(white, of_classes)
        ceiling = entropy_bits(counts)
        notes = ("one Gaussian per class", *doubts)
        if not corrected:
            notes = ("a class of 3 rows: variances are not corrected for few rows", *notes)
        found = self._result(float(nats) / LN2, z, y, notes, ceiling)
        free = z.dim * (z.dim + 3) // 2 * (len(counts) - 1)
        # The error of a model that does not hold says nothing about how far the number is off.
        most = _ERROR_IN_DOUBT if doubts else np.inf
        return require_possible(
            found,
            ceiling=ceiling,
            ceiling_words=f"H({y.name})",
            remedy=f"{z.name} is no Gaussian: choose knn, ross or a usable-information family",
            stderr=min(stderr_of_ratios(0.5 * spread / LN2, free), most),
        )

    def _require_class_rows(self, z: Variable, smallest: int) -> None:
        """Refuse a layer whose smallest class has too few rows for its covariance.

        Raises:
            EstimatorError: fewer than 3 rows, or than `_ROWS` for each unit.
        """
        if smallest < 3:
            raise EstimatorError(
                f"{self.name}: a class of {smallest} rows has no covariance; leave classes below 3 "
                "rows out"
            )
        self._require_rows(z.dim, smallest, f"{z.name} within the smallest class", least=1)

    def _fit(self, values: Floats, name: str, corrected: bool) -> tuple[Floats, float]:
        """Fit a Gaussian to rows, ``(n, dim)``; see `_log_det` for the rest.

        Returns:
            The rows, centred and scaled to a covariance of identity, shape ``(n, dim)``; the
            log-determinant in nats.
        """
        covariance = self._covariance(values, name, corrected=corrected)
        log_det = self._log_det(covariance, len(values), name, corrected=corrected)
        return whitened(values, covariance), log_det

    def _covariance(self, values: Floats, name: str, *, corrected: bool = True) -> Floats:
        """Return the covariance of rows, shape ``(dim, dim)``; of one unit where not corrected.

        Args:
            values: shape ``(n, dim)``.
            name: of the rows, for errors.
            corrected: for few rows; one unit of three is not.
        """
        rows, units = values.shape
        if units > _MOST_UNITS:
            raise EstimatorError(
                f"{self.name}: the covariance of {units} units of {name} is too large (at most "
                f"{_MOST_UNITS}); reduce the layer first, e.g. reduce='pca:64'"
            )
        if rows < 3:
            raise EstimatorError(f"{self.name}: expected at least 3 rows of {name}, got {rows}")
        if corrected:
            return np.atleast_2d(np.cov(values, rowvar=False))
        return np.atleast_2d(((values - values.mean(axis=0)) ** 2).mean())

    def _log_det(
        self, covariance: Floats, rows: int, name: str, *, corrected: bool = True
    ) -> float:
        """Return the log-determinant in nats, unbiased where corrected for few rows.

        The correction is E log det of a Wishart matrix.

        Args:
            covariance: shape ``(dim, dim)``.
            rows: that it was made of.
            name: of the rows, for errors.
            corrected: as in `_covariance`.
        """
        scale = np.sqrt(np.diag(covariance))
        if not (scale > 0).all():
            constant = int((scale == 0).sum())
            raise EstimatorError(
                f"{self.name}: {constant} units of {name} are constant; leave them out"
            )
        eigenvalues = np.linalg.eigvalsh(covariance / np.outer(scale, scale))
        if eigenvalues[0] < _SMALLEST * eigenvalues[-1]:
            raise EstimatorError(
                f"{self.name}: the covariance of {name} is singular (condition "
                f"{eigenvalues[-1] / max(eigenvalues[0], 1e-300):.1e}): one unit is a linear "
                "function of others, the information is infinite or a unit is duplicated; drop "
                "units or reduce"
            )
        log_det = float(np.log(eigenvalues).sum() + 2 * np.log(scale).sum())
        if not corrected:
            return log_det
        units = len(covariance)
        free = rows - 1
        terms = digamma((free + 1 - np.arange(1, units + 1)) / 2)
        return log_det - float(terms.sum() + units * np.log(2.0 / free))

    def _result(
        self,
        bits: float,
        a: Variable,
        b: Variable,
        notes: tuple[str, ...],
        ceiling: float | None = None,
    ) -> Estimate:
        if self.copula and max(a.dim, b.dim) > 1:
            notes = (*notes, "copula of vectors: no lower bound")
        return Estimate(
            bits, a.n, self.name, ceiling_bits=ceiling, target="population", notes=notes
        )


def _against_classes(of_all: Floats, of_classes: Floats) -> tuple[str, ...]:
    """Return what the rows say against one Gaussian per class, or one of all together.

    Args:
        of_all: rows whitened together, shape ``(n, dim)``.
        of_classes: rows whitened class by class, shape ``(n, dim)``.
    """
    doubts = misfit(of_classes)
    if doubts:
        note = f"classes are not Gaussian: {doubts}; the number may be off by bits, compare knn"
        return (note,)
    doubts = misfit(of_all)
    if doubts:
        return (f"all classes together are not one Gaussian: {doubts}; the number is too high",)
    return ()
