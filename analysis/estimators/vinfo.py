"""V-information: the bits about Y that a predictive family can use from Z.

Cross-fitted on held-out rows.

``I_V(Z -> Y) = H_V(Y) - H_V(Y|Z)`` (Xu et al. 2020, arXiv 2002.10689). It may grow with depth:
processing can make information usable, so the data processing inequality does not apply to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.dependent_rows import (
    copies_as_samples,
    count_of,
    samples_of,
    stderr_of_mean,
)
from infoplane.analysis.estimators.entropies import LN2
from infoplane.analysis.estimators.shared_symbols import with_shared_symbols
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.estimators.surprise import (
    both_surprises,
    generator_of,
    predictor_columns,
    samples_in_folds,
)
from infoplane.analysis.estimators.vinfo_families import (
    FAMILIES,
)
from infoplane.contract import Points, Traits
from infoplane.errors import InputError
from infoplane.types import Estimate, Kind, Variable, entropy_of_counts, require_same_rows
from infoplane.types.arrays import Floats

Reader = Literal["linear", "mlp", "knn", "gaussian"]
"""Kinds of predictors that read a layer."""


@dataclass(frozen=True)
class VInformation(SpecString):
    """Estimate usable information ``I_V(a -> b)`` in bits: ``a`` predicts the target ``b``.

    ``H_V(b) - H_V(b|a)`` (Xu et al. 2020, arXiv 2002.10689).

    Every row is predicted by a model that never saw it (stratified folds, standardised on the
    training fold; early stopping, penalties and the temperature on an inner 15 % of the training
    fold). The estimate is the mean over rows of the pointwise value ``log2 p(y|z) - log2 p(y)`` and
    its standard error; both terms are held out. In expectation it is at most I(Z;Y) for a discrete
    ``b``: a poor fit can only lose. What is estimated, and what the interval is of, are the
    expected held-out bits of predictors fitted on so many rows: less than the family could use
    given more. For a continuous ``b`` both likelihoods are Gaussian and the number is the gain of
    that family, no bound.

    Attributes:
        family: ``linear`` (logistic or ridge, L2), ``mlp`` (one tanh layer beside the linear
            answer), ``knn``, ``gaussian`` (quadratic discriminant; the same as ``linear`` for a
            continuous target).
        folds: number of cross-fitting folds.
        hidden: hidden units of ``mlp``.

    Rows that all come equally often are taken once. Rows whose symbol of ``b`` no other row has are
    left out: no predictor can have seen it.

    When it lies: some rows that are copies of others put the same input into training and test
    folds; families that cannot express the rule report less than I(Z;Y); a few hundred rows leave
    an MLP far below what it would use given more.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 2, 400)
        >>> from infoplane.types import continuous, discrete
        >>> z = continuous(y + 0.01 * rng.normal(size=400))
        >>> e = VInformation("linear").estimate(z, discrete(y), rng=rng)
        >>> 0.98 < e.bits <= 1.01
        True
    """

    family: Reader = "linear"
    folds: int = 5
    hidden: int = 64

    _FIRST = "family"
    traits = Traits(
        family="usable",
        measures="usable",
        dpi_exempt=True,
        target="information about Y that the family can use from Z (population, held out)",
        bound="I_V <= I in expectation for discrete Y",
        validity=(
            "held-out rows; may grow with depth, the DPI does not apply; duplicated rows leak "
            "between folds"
        ),
    )

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError(
                f"no such family: {self.family!r}; choose one of {', '.join(FAMILIES)}"
            )
        if self.folds < 2 or self.hidden < 1:
            raise InputError(
                f"expected folds >= 2 and hidden >= 1, got folds={self.folds}, hidden={self.hidden}"
            )

    def __str__(self) -> str:
        extra = f",folds={self.folds}" if self.folds != 5 else ""
        extra += f",hidden={self.hidden}" if self.hidden != 64 and self.family == "mlp" else ""
        return f"vinfo:family={self.family}{extra}"

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text that says which family and that rows are held out."""
        ends = "Z->Y" if quantity == "i_zy" else "X->Z"
        return f"I_V({ends}) [bits], {self.family}, held out, N={n}"

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept any predictor (symbols become indicator columns) and any target."""
        return a in ("continuous", "discrete") and b in ("continuous", "discrete")

    def bytes_needed(self, rows: int, units: int) -> int:
        """Return what an estimate of a layer holds beside it, see `infoplane.contract.HoldsCopies`.

        A fold's standardised columns (no more than rows) and the parts of them that are fitted and
        tuned on.
        """
        copies = 4 if self.family == "gaussian" else 3
        return copies * rows * min(units, rows) * 8

    def pointwise(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Floats:
        """Return pointwise V-information in bits, shape ``(n,)``.

        One held-out value per row, in the order of the rows.

        Args:
            a: the predictor, n rows.
            b: the target, n rows.
            rng: of folds and fits; seed 0 without.

        Raises:
            EstimatorError: too few rows, or symbols without repetition.
        """
        base, used = both_surprises(a, b, self, generator_of(rng))
        return base - used

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I_V(a -> b) in bits with the standard error of the mean over held-out rows.

        Args:
            a: the predictor, shape ``(n, da)``.
            b: the target, shape ``(n, db)``.
            rng: of folds and fits; seed 0 without.

        Raises:
            EstimatorError: unpaired or too few rows, symbols without repetition, a constant target.
        """
        require_same_rows(a, b)
        n = a.n
        a, b, copied = without_copies(a, b)
        a, b, alone = with_shared_symbols(a, b, of=b)
        a, b, upsampled = copies_as_samples(a, b)
        base, used = both_surprises(a, b, self, generator_of(rng))
        found = summary_of(base - used, b, self, (*copied, *alone, *upsampled))
        return replace(found, n=n)

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: Generator | None = None
    ) -> Points:
        """Estimate I_V(Z -> Y) alone: to predict Z from the row identity of X means nothing.

        Args:
            x: discrete row identities, shape ``(n, 1)``.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows.
            rng: of folds and fits; seed 0 without.
        """
        return [("i_zy", self.estimate(z, y, rng=rng))]


def summary_of(
    values: Floats, b: Variable, estimator: VInformation, extra: tuple[str, ...] = ()
) -> Estimate:
    """Return the estimate of pointwise values, their mean, with its error and interval.

    Args:
        values: in bits, shape ``(n,)``.
        b: the target.
        estimator: that made them.
        extra: notes that come first.
    """
    n = len(values)
    symbols = 2
    ceiling = None
    notes = extra
    if b.kind == "discrete":
        counts = np.unique(b.values, axis=0, return_counts=True)[1]
        symbols = len(counts)
        ceiling = entropy_of_counts(counts)
    else:
        notes = (*extra, "Gaussian likelihood: the gain of that family, no bound")
    if not values.any():
        notes = (*notes, "no fold beat the base rates")
    # n rows cannot tell an information of order 1/n from none, also where no fold saw any.
    beyond = (symbols - 1) / (2 * (n * LN2) ** 2)
    samples = samples_of(b)
    if samples is not None and samples_in_folds(b, estimator) is None:
        few = f"{count_of(samples)} samples are fewer than the folds"
        notes = (*notes, f"{few}: what is held out is of samples that were fitted on")
    variance = values.var(ddof=1) / n
    if samples is not None:
        variance = stderr_of_mean(values, samples) ** 2
    found = Estimate(
        float(values.mean()),
        n,
        str(estimator),
        "lower" if b.kind == "discrete" else "point",
        ceiling_bits=ceiling,
        target="population",
        notes=notes,
    )
    return found.with_error(float(np.sqrt(variance + beyond)))


def usable_estimator(estimator: str | VInformation | None) -> VInformation:
    """Return the estimator of usable information that is meant; the default one for None.

    Raises:
        InputError: a spec or an estimator of another family.
    """
    from infoplane.analysis.estimators.spec import parse

    found = VInformation() if estimator is None else parse(estimator)
    if not isinstance(found, VInformation):
        raise InputError(f"expected a spec of vinfo, such as 'vinfo:family=mlp', got {found.name}")
    return found


def conditional_vinformation(
    z: Variable,
    y: Variable,
    given: Variable,
    *,
    estimator: str | VInformation | None = None,
    rng: Generator | None = None,
) -> Estimate:
    """Estimate ``I_V(Z -> Y | C) = H_V(Y|C) - H_V(Y|Z,C)`` in bits: what Z adds to ``given``.

    Hewitt et al. 2021, arXiv 2109.09234.

    Both predictors see the same folds.

    Args:
        z: the layer, shape ``(n, dim)``.
        y: the target, n rows.
        given: what is known already, n rows; enters as columns beside those of ``z``.
        estimator: a spec of vinfo or its estimator; the linear family by default.
        rng: of folds and fits; seed 0 without.
    """
    usable = usable_estimator(estimator)
    require_same_rows(z, y)
    require_same_rows(given, y)
    seed = int(generator_of(rng).integers(2**63))
    z, y, copied = copies_as_samples(z, y)
    columns = np.hstack([predictor_columns(z), predictor_columns(given)])
    both = Variable(f"{z.name}+{given.name}", columns, "continuous")
    _, without = both_surprises(given, y, usable, np.random.default_rng(seed))
    _, with_z = both_surprises(both, y, usable, np.random.default_rng(seed))
    return summary_of(without - with_z, y, usable, (f"conditional on {given.name}", *copied))
