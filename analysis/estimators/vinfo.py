"""V-information: the bits about Y that a predictive family can use from Z.

Cross-fitted on held-out rows.

``I_V(Z -> Y) = H_V(Y) - H_V(Y|Z)`` (Xu et al. 2020, arXiv 2002.10689). It may grow with depth:
processing can make information usable, so the data processing inequality does not apply to it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.shared_symbols import with_shared_symbols
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.estimators.vinfo_columns import standardised
from infoplane.analysis.estimators.vinfo_families import (
    FAMILIES,
    Floats,
    Split,
    fit_family,
    log_softmax,
)
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Estimate, Kind, Quantity, Variable, entropy_of_counts

_LN2 = float(np.log(2.0))
_INNER = 0.15
Reader = Literal["linear", "mlp", "knn", "gaussian"]
"""Kinds of predictors that read a layer."""


@dataclass(frozen=True)
class VInformation(SpecString):
    """Usable information ``I_V(a -> b)`` in bits: ``a`` is the predictor, ``b`` the target.

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

    def pointwise(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Floats:
        """Return pointwise V-information in bits, shape ``(n,)``.

        One held-out value per row, in the order of the rows.

        Raises:
            EstimatorError: too few rows, or symbols without repetition.
        """
        return conditional_surprise(b, None, self, rng=rng) - conditional_surprise(
            b, a, self, rng=rng
        )

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I_V(a -> b) in bits with the standard error of the mean over held-out rows.

        Without ``rng``, seed 0.
        """
        _check_pair(a, b)
        n = a.n
        a, b, copied = without_copies(a, b)
        a, b, alone = with_shared_symbols(a, b, of=b)
        base, used = _both_surprises(a, b, self, _generator(rng))
        found = summary_of(base - used, b, self, (*copied, *alone))
        return replace(found, n=n)

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: np.random.Generator | None = None
    ) -> list[tuple[Quantity, Estimate]]:
        """Estimate I_V(Z -> Y) alone: to predict Z from the row identity of X means nothing."""
        return [("i_zy", self.estimate(z, y, rng=rng))]


def _generator(rng: np.random.Generator | None) -> np.random.Generator:
    return np.random.default_rng(0) if rng is None else rng


def _check_pair(a: Variable, b: Variable) -> None:
    if a.n != b.n:
        raise InputError(
            f"expected the same rows on both sides, got {a.n} rows of {a.name} and {b.n} of "
            f"{b.name}"
        )


def summary_of(
    values: Floats, b: Variable, e: VInformation, extra: tuple[str, ...] = ()
) -> Estimate:
    n = len(values)
    symbols = len(np.unique(b.values, axis=0)) if b.kind == "discrete" else 2
    beyond = (symbols - 1) / (
        2 * (n * _LN2) ** 2
    )  # n rows cannot tell an information of order 1/n from none, also where no fold saw any
    bits, se = float(values.mean()), float(np.sqrt(values.var(ddof=1) / n + beyond))
    ceiling = None
    if b.kind == "discrete":
        ceiling = entropy_of_counts(np.unique(b.values, axis=0, return_counts=True)[1])
    notes = (
        extra
        if b.kind == "discrete"
        else (*extra, "Gaussian likelihood: the gain of that family, no bound")
    )
    if not values.any():
        notes = (*notes, "no fold beat the base rates")
    return Estimate(
        bits,
        n,
        str(e),
        "lower" if b.kind == "discrete" else "point",
        bits - 1.96 * se,
        bits + 1.96 * se,
        se,
        ceiling,
        "population",
        notes=notes,
    )


def _predictor_columns(v: Variable) -> NDArray[np.floating[Any]]:
    """Return columns of predictors without a copy of a layer, see `standardised`."""
    return v.values if v.kind == "continuous" else target_columns(v)


def target_columns(v: Variable) -> Floats:
    """Return columns of predictors: continuous values, or indicators of symbols."""
    if v.kind == "continuous":
        return v.values.astype(np.float64)
    codes = _symbols(v)
    if codes.max() + 1 > v.n / 2:
        raise EstimatorError(
            f"{v.name}: {int(codes.max()) + 1} different symbols in {v.n} rows; a predictor cannot "
            "be fitted on symbols that do not repeat, pass it as continuous"
        )
    return np.eye(int(codes.max()) + 1)[codes]


def _symbols(v: Variable) -> NDArray[np.int64]:
    return np.unique(v.values, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def folds_of(b: Variable, e: VInformation, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return fold of every row, stratified: rows are dealt out class by class, in random order."""
    if b.n < 4 * e.folds:
        raise EstimatorError(
            f"expected at least {4 * e.folds} rows for {e.folds} folds, got {b.n}; use fewer folds "
            "or more probe rows"
        )
    order = rng.permutation(b.n)
    if b.kind == "discrete":
        order = order[np.argsort(_symbols(b)[order], kind="stable")]
    else:
        order = order[np.argsort(b.values[order, 0], kind="stable")]
    fold = np.empty(b.n, dtype=np.int64)
    starts = np.arange(b.n) // e.folds * e.folds
    dealt = rng.random(b.n)
    fold[order] = np.argsort(np.lexsort((dealt, starts)), kind="stable") % e.folds
    return fold


def conditional_surprise(
    b: Variable, a: Variable | None, e: VInformation, *, rng: np.random.Generator | None = None
) -> Floats:
    """Return the held-out surprise ``-log2 p(b|a)`` of every row, shape ``(n,)``.

    Of a continuous ``b`` it is that of a density. ``a=None`` predicts from nothing.
    """
    if a is not None:
        _check_pair(a, b)
    base, used = _both_surprises(a, b, e, _generator(rng))
    return base if a is None else used


def _both_surprises(
    a: Variable | None, b: Variable, e: VInformation, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return surprises without and with the predictor, on the same folds."""
    fold = folds_of(b, e, rng)
    z = np.zeros((b.n, 0)) if a is None else _predictor_columns(a)
    y: NDArray[np.generic] = _symbols(b) if b.kind == "discrete" else b.values.astype(np.float64)
    base, used = np.empty(b.n), np.empty(b.n)
    for k in range(e.folds):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        base[test], used[test] = _one_fold(
            z, y, rng.permutation(train), test, e, b.kind == "discrete", rng
        )
    return base, used


def _one_fold(
    z: NDArray[np.floating[Any]],
    y: NDArray[np.generic],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    e: VInformation,
    discrete: bool,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    if discrete:
        return _one_fold_discrete(z, y, train, test, e, rng)
    return _one_fold_continuous(z, y, train, test, e, rng)


def _inner(
    train: NDArray[np.int64], held: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the k-th block of training rows to tune on, and the others to fit on."""
    block = slice(k * held, (k + 1) * held)
    return train[block], np.delete(train, block)


def _one_fold_discrete(
    z: NDArray[np.floating[Any]],
    y: NDArray[np.generic],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    e: VInformation,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    classes = int(y.max()) + 1  # type: ignore[call-overload]  # integer codes
    counts = np.bincount(y[train], minlength=classes) + 0.5  # type: ignore[arg-type]  # integer codes; half a count: no class is impossible
    prior = np.log(counts / counts.sum())
    base = -prior[y[test]] / _LN2  # type: ignore[index]  # integer codes
    zs = standardised(z, train)
    if zs.shape[1] == 0:
        return base, base
    held = max(1, round(_INNER * len(train)))

    def split(k: int) -> Split:
        inner, fit = _inner(train, held, k)
        return Split(zs[fit], y[fit], zs[inner], y[inner], prior, True)

    out = fit_family(e.family, split, rng, e.hidden)(zs[test])
    if np.array_equal(out, np.broadcast_to(prior, out.shape)):
        return base, base
    logp = log_softmax(out)
    return base, -logp[np.arange(len(test)), y[test]] / _LN2  # type: ignore[index]  # integer codes


def _one_fold_continuous(
    z: NDArray[np.floating[Any]],
    y: NDArray[np.generic],
    train: NDArray[np.int64],
    test: NDArray[np.int64],
    e: VInformation,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    mean, spread = y[train].mean(axis=0), y[train].std(axis=0)  # type: ignore[attr-defined]  # floats
    live = (y[train] != y[train[0]]).any(axis=0)  # a deviation of equal values may round to 1e-17
    if not live.any():
        raise EstimatorError(
            "the target is constant on a training fold: a density of it has no bits"
        )
    ys = (y[:, live] - mean[live]) / spread[live]  # type: ignore[operator]  # floats
    base = gaussian_surprise(ys[train], ys[test])
    zs = standardised(z, train)
    if zs.shape[1] == 0:
        return base, base
    held = max(2, round(_INNER * len(train)))

    def split(k: int) -> Split:
        inner, fit = _inner(train, held, k)
        return Split(zs[fit], ys[fit], zs[inner], ys[inner], np.zeros(ys.shape[1]), False)

    predict, inner = fit_family(e.family, split, rng, e.hidden), train[:held]
    return base, gaussian_surprise(ys[inner] - predict(zs[inner]), ys[test] - predict(zs[test]))


def gaussian_surprise(fitted: Floats, rows: Floats) -> Floats:
    """Return -log2 density of rows under the zero-mean Gaussian of the fitted residuals.

    A full covariance where the rows allow one.
    """
    n, d = fitted.shape
    cov = fitted.T @ fitted / n
    if d > n / 10:
        cov = np.diag(np.diag(cov))
    cov += 1e-9 * np.eye(d)
    factor = np.linalg.cholesky(cov)
    white = np.linalg.solve(factor, rows.T)
    nats = (
        0.5 * np.sum(white**2, axis=0) + np.log(np.diag(factor)).sum() + 0.5 * d * np.log(2 * np.pi)
    )
    return np.asarray(nats / _LN2)


def _usable(estimator: str | VInformation | None) -> VInformation:
    """Return the estimator of usable information that is meant.

    An estimator, a spec, or the default.

    Raises:
        InputError: another family.
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
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Estimate ``I_V(Z -> Y | C) = H_V(Y|C) - H_V(Y|Z,C)`` in bits: what Z adds to ``given``.

    Hewitt et al. 2021, arXiv 2109.09234.

    Both predictors see the same folds. ``given`` enters as columns beside those of ``z``.
    """
    e = _usable(estimator)
    _check_pair(z, y)
    _check_pair(given, y)
    seed = int(_generator(rng).integers(2**63))
    both = Variable(
        f"{z.name}+{given.name}",
        np.hstack([target_columns(z), target_columns(given)]),
        "continuous",
    )
    without = conditional_surprise(y, given, e, rng=np.random.default_rng(seed))
    with_z = conditional_surprise(y, both, e, rng=np.random.default_rng(seed))
    return summary_of(without - with_z, y, e, (f"conditional on {given.name}",))


@dataclass(frozen=True)
class CodeLength:
    """Length of an online code of the labels given Z.

    Voita & Titov 2020, arXiv 2003.12298, eq. 3.

    Attributes:
        bits: total code length of all labels in bits.
        uniform_bits: length under the uniform code, ``n log2 K``.
        blocks: number of rows up to which each block reaches.
        block_bits: code length of each block in bits.
    """

    bits: float
    uniform_bits: float
    blocks: tuple[int, ...]
    block_bits: tuple[float, ...]

    @property
    def compression(self) -> float:
        """How many times shorter than the uniform code."""
        return self.uniform_bits / self.bits


_SHARES = (0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0)


def mdl_online_code(
    z: Variable,
    y: Variable,
    *,
    estimator: str | VInformation | None = None,
    rng: np.random.Generator | None = None,
) -> CodeLength:
    """Count the bits to send the labels block by block, each coded by a probe of earlier ones.

    ``L = t_1 log2 K - sum_i log2 p_i(block i+1 | Z)``: a layer whose labels are easy to learn from
    few rows gets a short code, which plain accuracy cannot show. The row order is random (``rng``;
    seed 0 without).

    Raises:
        EstimatorError: continuous labels or fewer than 40 rows.
    """
    e, generator = _usable(estimator), _generator(rng)
    _check_pair(z, y)
    if y.kind != "discrete" or y.n < 40:
        raise EstimatorError(
            f"the online code needs discrete labels and at least 40 rows, got {y.kind} labels and "
            f"{y.n} rows"
        )
    codes, columns = _symbols(y), target_columns(z)
    classes, n = int(codes.max()) + 1, y.n
    order = generator.permutation(n)
    ends = sorted({max(32, round(share * n)) for share in _SHARES})
    lengths = [ends[0] * float(np.log2(classes))]
    for start, stop in itertools.pairwise(ends):
        used = _one_fold_discrete(columns, codes, order[:start], order[start:stop], e, generator)[1]
        lengths.append(float(used.sum()))
    return CodeLength(float(sum(lengths)), n * float(np.log2(classes)), tuple(ends), tuple(lengths))
