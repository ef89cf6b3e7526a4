"""Held-out surprise of a variable, with and without a predictor, in bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from infoplane.analysis.estimators.vinfo_columns import standardised
from infoplane.analysis.estimators.vinfo_families import (
    Split,
    fit_family,
    log_softmax,
)
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of
from infoplane.types import Variable, require_same_rows
from infoplane.types.arrays import Floats, Ids, Values

if TYPE_CHECKING:
    from infoplane.analysis.estimators.vinfo import VInformation

LN2 = float(np.log(2.0))


_INNER = 0.15


def generator_of(rng: Generator | None) -> Generator:
    return np.random.default_rng(0) if rng is None else rng


def _predictor_columns(v: Variable) -> Values:
    """Return columns of predictors without a copy of a layer, see `standardised`."""
    return v.values if v.kind == "continuous" else target_columns(v)


def target_columns(v: Variable) -> Floats:
    """Return columns of predictors: continuous values, or indicators of symbols."""
    if v.kind == "continuous":
        return v.values.astype(np.float64)
    codes = codes_of(v)
    if codes.max() + 1 > v.n / 2:
        raise EstimatorError(
            f"{v.name}: {int(codes.max()) + 1} different symbols in {v.n} rows; a predictor cannot "
            "be fitted on symbols that do not repeat, pass it as continuous"
        )
    return np.eye(int(codes.max()) + 1)[codes]


def folds_of(b: Variable, e: VInformation, rng: Generator) -> Ids:
    """Return fold of every row, stratified: rows are dealt out class by class, in random order."""
    if b.n < 4 * e.folds:
        raise EstimatorError(
            f"expected at least {4 * e.folds} rows for {e.folds} folds, got {b.n}; use fewer folds "
            "or more probe rows"
        )
    order = rng.permutation(b.n)
    if b.kind == "discrete":
        order = order[np.argsort(codes_of(b)[order], kind="stable")]
    else:
        order = order[np.argsort(b.values[order, 0], kind="stable")]
    fold = np.empty(b.n, dtype=np.int64)
    starts = np.arange(b.n) // e.folds * e.folds
    dealt = rng.random(b.n)
    fold[order] = np.argsort(np.lexsort((dealt, starts)), kind="stable") % e.folds
    return fold


def conditional_surprise(
    b: Variable, a: Variable | None, e: VInformation, *, rng: Generator | None = None
) -> Floats:
    """Return the held-out surprise ``-log2 p(b|a)`` of every row, shape ``(n,)``.

    It is that of a density where ``b`` is continuous. ``a=None`` predicts from nothing.
    """
    if a is not None:
        require_same_rows(a, b)
    base, used = both_surprises(a, b, e, generator_of(rng))
    return base if a is None else used


def both_surprises(
    a: Variable | None, b: Variable, e: VInformation, rng: Generator
) -> tuple[Floats, Floats]:
    """Return surprises without and with the predictor, on the same folds."""
    fold = folds_of(b, e, rng)
    z = np.zeros((b.n, 0)) if a is None else _predictor_columns(a)
    y: NDArray[np.generic] = codes_of(b) if b.kind == "discrete" else b.values.astype(np.float64)
    base = np.empty(b.n)
    used = np.empty(b.n)
    for k in range(e.folds):
        train = np.flatnonzero(fold != k)
        test = np.flatnonzero(fold == k)
        base[test], used[test] = _one_fold(
            z, y, rng.permutation(train), test, e, b.kind == "discrete", rng
        )
    return base, used


def _one_fold(
    z: Values,
    y: NDArray[np.generic],
    train: Ids,
    test: Ids,
    e: VInformation,
    discrete: bool,
    rng: Generator,
) -> tuple[Floats, Floats]:
    if discrete:
        return surprise_of_symbols(z, y, train, test, e, rng)
    return surprise_of_amounts(z, y, train, test, e, rng)


def _inner(train: Ids, held: int, k: int) -> tuple[Ids, Ids]:
    """Return the k-th block of training rows to tune on, and the others to fit on."""
    block = slice(k * held, (k + 1) * held)
    return train[block], np.delete(train, block)


def surprise_of_symbols(
    z: Values,
    y: NDArray[np.generic],
    train: Ids,
    test: Ids,
    e: VInformation,
    rng: Generator,
) -> tuple[Floats, Floats]:
    classes = int(y.max()) + 1  # type: ignore[call-overload]  # integer codes
    counts = np.bincount(y[train], minlength=classes) + 0.5  # type: ignore[arg-type]  # integer codes; half a count: no class is impossible
    prior = np.log(counts / counts.sum())
    base = -prior[y[test]] / LN2  # type: ignore[index]  # integer codes
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
    return base, -logp[np.arange(len(test)), y[test]] / LN2  # type: ignore[index]  # integer codes


def surprise_of_amounts(
    z: Values,
    y: NDArray[np.generic],
    train: Ids,
    test: Ids,
    e: VInformation,
    rng: Generator,
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

    predict = fit_family(e.family, split, rng, e.hidden)
    inner = train[:held]
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
    return nats / LN2
