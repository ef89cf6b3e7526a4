"""Information of a Gaussian fit, plain or of normal scores (the Gaussian copula)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.special import digamma

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.estimators.gaussian_fit import misfit, square_lengths, whitened
from infoplane.analysis.estimators.ksg import normal_scores, standardised
from infoplane.analysis.estimators.live_units import live_units
from infoplane.analysis.estimators.possible import require_possible
from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.contract import Traits
from infoplane.errors import EstimatorError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Kind, Variable
from infoplane.types.arrays import Floats

_ROWS = 4
"""Rows that a covariance wants for each of its dimensions; with labels, of the smallest class."""
_LN2 = float(np.log(2.0))
_SMALLEST = 1e-12
_ERROR_IN_DOUBT = 0.02
_ONE = 1 - 1e-9
_STRONGEST = 8.0
_MOST_UNITS = 5000
_SURROGATE_ROWS = 1000
_SURROGATE_VALUES = 200_000
Error = tuple[float, float, float]


def _correlations(x: Floats, y: Floats) -> Floats:
    """Of every column of x with that of y."""
    u, v = (w - w.mean(axis=0) for w in (x, y))
    return np.asarray((u * v).sum(axis=0) / np.sqrt((u * u).sum(axis=0) * (v * v).sum(axis=0)))


def _stderr(spread: Floats, free: int) -> float:
    """Return standard error in bits of a mean of n log density ratios.

    It has their spread, and chi-squared of ``free`` parameters.
    """
    n = len(spread)
    return float(np.sqrt(spread.var() / n + free / (2 * n * n * _LN2**2)))


@cache
def ranks_blur(z: float, n: int) -> tuple[float, float, float]:
    """Return what ranks do to Fisher's ``arctanh r = z`` of n rows: its bias and its spread.

    The bias is how far normal scores fall short of it, the spread how many times as far they
    scatter down and up.

    Ranks cannot tell by how much neighbouring rows differ: short by 0.2 and 1.25 times as far at r
    = 0.99 and n = 60, 0.03 and 1.04 at n = 600. From surrogates of a fixed seed, each read with and
    without ranks so that most chance cancels; of at most 1000 rows, since all fall as 1/n. By
    quantiles: ranks that agree wholly have no end.
    """
    rng = np.random.default_rng(0)
    m = min(n, _SURROGATE_ROWS)
    r = np.tanh(z)
    x, noise = rng.normal(size=(2, m, _SURROGATE_VALUES // m))
    y = r * x + np.sqrt(1 - r * r) * noise
    read = [
        np.arctanh(np.minimum(_correlations(u, v), _ONE))
        for u, v in ((x, y), (rank_scores(x), rank_scores(y)))
    ]
    low, middle, high = np.quantile(read, (0.16, 0.5, 0.84), axis=1)
    share = m / n
    down, up = (
        max(1.0, 1.0 + (float(d[1] / d[0]) - 1.0) * share) for d in (middle - low, high - middle)
    )
    return max(0.0, float(middle[0] - middle[1])) * share, down, up


@dataclass(frozen=True)
class Gaussian(SpecString):
    """``1/2 log2(det S_a det S_b / det S_ab)`` of a Gaussian fit.

    The three log-determinants have their small-sample correction.

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

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text."""
        return (
            f"I({'Z;Y' if quantity == 'i_zy' else 'X;Z'}) [bits], "
            f"Gaussian{' copula' if self.copula else ''}, N={n}"
        )

    def bias_exponent(self, a: Variable, b: Variable) -> float:
        """Return 1: the bias of covariances falls as 1/n."""
        return 1.0

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept at least one continuous variable."""
        return "continuous" in (a, b)

    def _prepared(self, v: Variable) -> Floats:
        return normal_scores(v) if self.copula else standardised(v)

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I(a;b) in bits.

        ``rng`` is not used. Constant units are left out, with a note.
        """
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: {a.name} and {b.name} are both discrete; use plugin"
            )
        same_rows(a, b, self.name)
        n = a.n
        a, b, copied = without_copies(a, b)
        (first, dead), (second, more) = live_units(a), live_units(b)
        left_out = (*copied, *dead, *more)
        if first is None or second is None:
            return Estimate(0.0, n, self.name, target="population", notes=left_out)
        if a.kind == b.kind:
            found = self._vectors(first, second)
        elif a.kind == "continuous":
            found = self._labels(first, second)
        else:
            found = self._labels(second, first)
        return replace(found, n=n, notes=(*left_out, *found.notes))

    def _vectors(self, a: Variable, b: Variable) -> Estimate:
        x = self._prepared(a)
        z = self._prepared(b)
        joint = np.concatenate([x, z], axis=1)
        together = f"{a.name} with {b.name}"
        self._require_rows(joint.shape[1], a.n, together, per_dimension=_ROWS, least=2)
        cov, notes = self._covariance(joint, False, together)
        d = x.shape[1]
        parts = (cov[:d, :d], cov[d:, d:], cov)
        h = [
            self._log_det(s, a.n, True, name)
            for s, name in zip(parts, (a.name, b.name, together), strict=True)
        ]
        bits = 0.5 * (h[0] + h[1] - h[2]) / _LN2
        scalars = a.dim == b.dim == 1
        error = self._error(bits, float(_correlations(x, z)[0]), a.n) if scalars else None
        white = whitened(joint, cov)
        rows = square_lengths(white[:, :d]) + square_lengths(whitened(z, parts[1]))
        spread = 0.5 * (rows - square_lengths(white)) / _LN2
        found = self._result(bits, a, b, (*notes, *self._against(white, d)), error)
        return require_possible(
            found,
            ceiling=float(np.log2(a.n)),
            ceiling_words="log2 N",
            remedy="a deterministic layer of a continuous X has infinite information, of which N "
            "rows show no more; use exact or bin, or compare layers at one N",
            stderr=_stderr(spread, x.shape[1] * z.shape[1]),
        )

    def _against(self, white: Floats, d: int) -> tuple[str, ...]:
        """Return what the rows say against one Gaussian of both variables.

        The first variable has d units.
        """
        doubts = misfit(white, (white[:, :d], white[:, d:]))
        return (
            (f"not Gaussian: {doubts}; the number may be off by bits, compare knn",)
            if doubts
            else ()
        )

    def _require_rows(
        self, dims: int, rows: int, name: str, *, per_dimension: int, least: int
    ) -> None:
        """Refuse a covariance from too few rows; ``least`` dimensions are never too many.

        Raises:
            EstimatorError: fewer than ``per_dimension`` rows for each dimension.
        """
        if dims > max(rows / per_dimension, least):
            raise EstimatorError(
                f"{self.name}: {dims} dimensions of {name} from {rows} rows; the fit wants at "
                f"least {per_dimension} rows per dimension: take more rows, or reduce the layer, "
                "e.g. reduce='pca:8'"
            )

    def _error(self, bits: float, r: float, n: int) -> Error:
        """Return standard error and 95 % interval for two scalars of correlation r. Delta method.

        DI/dr = r / (1 - r^2), sd(r) = (1 - r^2) / sqrt(n); and the next order,
        chi-squared / 2n where r vanishes. The interval is what Fisher's ``arctanh r -+ 1.96 /
        sqrt(n - 3)`` becomes in bits: from 0 where that holds no correlation. A copula's ends are
        the correlations whose ranks, blurred as `ranks_blur` says, would just not give r."""
        r = min(abs(r), _ONE)
        seen = float(np.arctanh(r))
        chance = 1.96 / float(np.sqrt(max(n - 3, 1)))
        ends = []
        wider = 1.0
        for sign in (-1, 1):
            end = seen + sign * chance
            for _ in range(4 if self.copula else 0):
                short, *widths = ranks_blur(round(min(max(0.0, end), _STRONGEST), 1), n)
                wider = widths[
                    sign < 0
                ]  # from the upper end the ranks' own scatter down, from the lower their scatter up
                end = seen + short + sign * wider * chance
            ends.append(float(np.log2(np.cosh(max(0.0, end)))))  # -log2(1 - tanh^2) / 2
        se = wider * float(np.sqrt(max(0.0, r * r - 1 / n) / n + 1 / (2 * n**2))) / _LN2
        return se, min(bits, ends[0]), max(bits, ends[1])

    def _labels(self, z: Variable, y: Variable) -> Estimate:
        values = self._prepared(z)
        codes = row_codes(y.values)
        counts = counts_of(codes)
        smallest = int(counts.min())
        if smallest < 3:
            raise EstimatorError(
                f"{self.name}: a class of {smallest} rows has no covariance; leave classes below 3 "
                "rows out"
            )
        within = f"{z.name} within the smallest class"
        self._require_rows(z.dim, smallest, within, per_dimension=_ROWS, least=1)
        shrink = z.dim > smallest / _ROWS
        whole, notes = self._covariance(values, shrink, z.name)
        bits = 0.5 * self._log_det(whole, z.n, not shrink, z.name)
        of_all = whitened(values, whole)
        of_classes = np.empty_like(values)
        spread = square_lengths(of_all)
        for c, members in enumerate(counts):
            rows = np.flatnonzero(codes == c)
            name = f"class {c} of {z.name}"
            inside, _ = self._covariance(values[rows], shrink, name)
            log_det = self._log_det(inside, int(members), not shrink, name)
            bits -= members / z.n * 0.5 * log_det
            of_classes[rows] = whitened(values[rows], inside)
            spread[rows] -= square_lengths(of_classes[rows]) + log_det
        doubts = self._against_classes(of_all, of_classes)
        all_notes = (*notes, "one Gaussian per class", *doubts)
        ceiling = entropy_bits(counts)
        found = self._result(float(bits) / _LN2, z, y, all_notes, None, ceiling)
        free = z.dim * (z.dim + 3) // 2 * (len(counts) - 1)
        return require_possible(
            found,
            ceiling=ceiling,
            ceiling_words=f"H({y.name})",
            remedy=f"{z.name} is no Gaussian: choose knn, ross or a usable-information family",
            # The error of a model that does not hold says nothing about how far the number is off.
            stderr=min(_stderr(0.5 * spread / _LN2, free), _ERROR_IN_DOUBT if doubts else np.inf),
        )

    def _against_classes(self, of_all: Floats, of_classes: Floats) -> tuple[str, ...]:
        """Return what the rows say against one Gaussian per class, or one of all together."""
        if doubts := misfit(of_classes):
            return (
                f"classes are not Gaussian: {doubts}; the number may be off by bits, compare knn",
            )
        if doubts := misfit(of_all):
            return (f"all classes together are not one Gaussian: {doubts}; the number is too high",)
        return ()

    def _covariance(self, v: Floats, shrink: bool, name: str) -> tuple[Floats, tuple[str, ...]]:
        if v.shape[1] > _MOST_UNITS:
            raise EstimatorError(
                f"{self.name}: the covariance of {v.shape[1]} units of {name} is too large (at "
                f"most {_MOST_UNITS}); reduce the layer first, e.g. reduce='pca:64'"
            )
        if len(v) < 3:
            raise EstimatorError(f"{self.name}: expected at least 3 rows of {name}, got {len(v)}")
        if not shrink:
            return np.atleast_2d(np.cov(v, rowvar=False)), ()
        from sklearn.covariance import ledoit_wolf

        cov, amount = ledoit_wolf(v)
        return np.atleast_2d(cov), (
            f"more than n/10 dimensions: covariance shrunk by {amount:.3f} (Ledoit-Wolf)",
        )

    def _log_det(self, s: Floats, n: int, correct: bool, name: str) -> float:
        scale = np.sqrt(np.diag(s))
        if not (scale > 0).all():
            raise EstimatorError(
                f"{self.name}: {int((scale == 0).sum())} units of {name} are constant; leave them "
                "out"
            )
        eigenvalues = np.linalg.eigvalsh(s / np.outer(scale, scale))
        if eigenvalues[0] < _SMALLEST * eigenvalues[-1]:
            raise EstimatorError(
                f"{self.name}: the covariance of {name} is singular (condition "
                f"{eigenvalues[-1] / max(eigenvalues[0], 1e-300):.1e}): one unit is a linear "
                "function of others, the information is infinite or a unit is duplicated; drop "
                "units or reduce"
            )
        value = float(np.log(eigenvalues).sum() + 2 * np.log(scale).sum())
        if not correct:
            return value
        d, m = (
            len(s),
            n - 1,
        )  # E log det of a Wishart matrix, so that the estimate of log det is unbiased
        return value - float(digamma((m + 1 - np.arange(1, d + 1)) / 2).sum() + d * np.log(2.0 / m))

    def _result(
        self,
        bits: float,
        a: Variable,
        b: Variable,
        notes: tuple[str, ...],
        error: Error | None,
        ceiling: float | None = None,
    ) -> Estimate:
        if self.copula and max(a.dim, b.dim) > 1:
            notes = (*notes, "copula of vectors: no lower bound")
        se, low, high = error or (None, None, None)
        return Estimate(
            bits,
            a.n,
            self.name,
            low=low,
            high=high,
            stderr=se,
            ceiling_bits=ceiling,
            target="population",
            notes=notes,
        )
