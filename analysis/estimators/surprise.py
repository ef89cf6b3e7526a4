"""Held-out surprise of a variable, with and without a predictor, in bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.copies import first_of_every
from infoplane.analysis.estimators.dependent_rows import count_of, sample_by_sample, samples_of
from infoplane.analysis.estimators.entropies import LN2
from infoplane.analysis.estimators.vinfo_columns import standardised
from infoplane.analysis.estimators.vinfo_families import (
    Split,
    fit_family,
    log_softmax,
)
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of
from infoplane.types import Variable, require_same_rows
from infoplane.types.arrays import Array, Codes, Floats, Ids, Values

if TYPE_CHECKING:
    from infoplane.analysis.estimators.vinfo import VInformation

_INNER = 0.15
"""Share of the training rows to tune on."""


def generator_of(rng: Generator | None) -> Generator:
    """Return the generator, or one of seed 0."""
    return rng or np.random.default_rng(0)


def predictor_columns(v: Variable) -> Values:
    """Return columns of predictors: continuous values as they are, or indicators of symbols."""
    if v.kind == "continuous":
        return v.values
    codes = codes_of(v)
    different = int(codes.max()) + 1
    if different > v.n / 2:
        raise EstimatorError(
            f"{v.name}: {different} different symbols in {v.n} rows; a predictor cannot be fitted "
            "on symbols that do not repeat, pass it as continuous"
        )
    return np.eye(different)[codes]


def folds_of(b: Variable, estimator: VInformation, rng: Generator) -> Ids:
    """Return the fold of every row, shape ``(n,)``, dealt out class by class in random order.

    Positions of one sample share a fold: what is fitted on some has seen the others. Of fewer
    samples than folds the rows are dealt out one by one.

    Args:
        b: the target, n rows; those of continuous ones are dealt out by size.
        estimator: has as many folds as are made.
        rng: of the order.

    Raises:
        EstimatorError: fewer than four rows a fold.
    """
    if b.n < 4 * estimator.folds:
        raise EstimatorError(
            f"expected at least {4 * estimator.folds} rows for {estimator.folds} folds, got "
            f"{b.n}; use fewer folds or more probe rows"
        )
    samples = samples_in_folds(b, estimator)
    if samples is None:
        return _dealt_out(b, estimator.folds, rng)
    return _dealt_out(b.take(first_of_every(samples)), estimator.folds, rng)[samples]


def samples_in_folds(b: Variable, estimator: VInformation) -> Codes | None:
    """Return the sample of every row where folds take whole samples, shape ``(n,)``, else None."""
    samples = samples_of(b)
    return None if samples is None or count_of(samples) < estimator.folds else samples


def _dealt_out(b: Variable, folds: int, rng: Generator) -> Ids:
    """Return the fold of every row of a target, shape ``(n,)``, dealt out class by class."""
    order = rng.permutation(b.n)
    sorted_by = codes_of(b) if b.kind == "discrete" else b.values[:, 0]
    order = order[np.argsort(sorted_by[order], kind="stable")]
    fold = np.empty(b.n, dtype=np.int64)
    starts = np.arange(b.n) // folds * folds
    dealt = rng.random(b.n)
    fold[order] = np.argsort(np.lexsort((dealt, starts)), kind="stable") % folds
    return fold


def both_surprises(
    a: Variable, b: Variable, estimator: VInformation, rng: Generator
) -> tuple[Floats, Floats]:
    """Return held-out surprises without and with the predictor, on the same folds, ``(n,)`` each.

    A surprise is ``-log2 p(b)`` or ``-log2 p(b|a)``, of a density where ``b`` is continuous.

    Args:
        a: the predictor, n rows.
        b: the target, n rows.
        estimator: its family and folds.
        rng: of folds and fits.
    """
    require_same_rows(a, b)
    fold, samples = folds_of(b, estimator, rng), samples_in_folds(b, estimator)
    z = predictor_columns(a)
    discrete = b.kind == "discrete"
    surprise_of = surprise_of_symbols if discrete else surprise_of_amounts
    y = codes_of(b) if discrete else b.values.astype(np.float64)
    base = np.empty(b.n)
    used = np.empty(b.n)
    for number in range(estimator.folds):
        train = rng.permutation(np.flatnonzero(fold != number))
        train = sample_by_sample(train, samples, rng)  # those that are tuned on come first
        test = np.flatnonzero(fold == number)
        base[test], used[test] = surprise_of(z, y, train, test, estimator, rng)
    return base, used


def _inner(train: Ids, held: int, number: int) -> tuple[Ids, Ids]:
    """Return one block of training rows to tune on, and the others to fit on."""
    block = slice(number * held, (number + 1) * held)
    return train[block], np.delete(train, block)


def surprise_of_symbols(
    z: Values, y: Array, train: Ids, test: Ids, estimator: VInformation, rng: Generator
) -> tuple[Floats, Floats]:
    """Return surprises in bits of test rows, without and with the predictor, ``(tests,)`` each.

    Args:
        z: predictors of all rows, shape ``(n, dim)``.
        y: dense codes, shape ``(n,)``.
        train: rows to fit on.
        test: rows to be predicted.
        estimator: its family.
        rng: of the fit.
    """
    classes = int(y.max()) + 1
    # Half a count: no class is impossible.
    counts = np.bincount(y[train], minlength=classes) + 0.5
    prior = np.log(counts / counts.sum())
    base = -prior[y[test]] / LN2
    columns = standardised(z, train)
    if columns.shape[1] == 0:
        return base, base
    held = max(1, round(_INNER * len(train)))

    def split(number: int) -> Split:
        inner, fit = _inner(train, held, number)
        return Split(columns[fit], y[fit], columns[inner], y[inner], prior, True)

    out = fit_family(estimator.family, split, rng, estimator.hidden)(columns[test])
    if np.array_equal(out, np.broadcast_to(prior, out.shape)):
        return base, base
    return base, -log_softmax(out)[np.arange(len(test)), y[test]] / LN2


def surprise_of_amounts(
    z: Values, y: Array, train: Ids, test: Ids, estimator: VInformation, rng: Generator
) -> tuple[Floats, Floats]:
    """Return what `surprise_of_symbols` does, by Gaussian densities of continuous targets.

    Args:
        z: predictors of all rows, shape ``(n, dim)``.
        y: targets, shape ``(n, targets)``.
        train: rows to fit on.
        test: rows to be predicted.
        estimator: its family.
        rng: of the fit.

    Raises:
        EstimatorError: a target that is constant on the training rows.
    """
    live = (y[train] != y[train[0]]).any(axis=0)  # a deviation of equal values may round to 1e-17
    if not live.any():
        raise EstimatorError(
            "the target is constant on a training fold: a density of it has no bits"
        )
    mean = y[train].mean(axis=0)
    spread = y[train].std(axis=0)
    targets = (y[:, live] - mean[live]) / spread[live]
    base = gaussian_surprise(targets[train], targets[test])
    columns = standardised(z, train)
    if columns.shape[1] == 0:
        return base, base
    held = max(2, round(_INNER * len(train)))
    nothing = np.zeros(targets.shape[1])

    def split(number: int) -> Split:
        inner, fit = _inner(train, held, number)
        return Split(columns[fit], targets[fit], columns[inner], targets[inner], nothing, False)

    predict = fit_family(estimator.family, split, rng, estimator.hidden)
    inner = train[:held]
    left = targets[inner] - predict(columns[inner])
    return base, gaussian_surprise(left, targets[test] - predict(columns[test]))


def gaussian_surprise(fitted: Floats, rows: Floats) -> Floats:
    """Return -log2 density of rows under the zero-mean Gaussian of the fitted residuals.

    A full covariance where the rows allow one.

    Args:
        fitted: shape ``(n, d)``.
        rows: shape ``(m, d)``.
    """
    n, d = fitted.shape
    covariance = fitted.T @ fitted / n
    if d > n / 10:
        covariance = np.diag(np.diag(covariance))
    covariance += 1e-9 * np.eye(d)
    factor = np.linalg.cholesky(covariance)
    white = np.linalg.solve(factor, rows.T)
    log_volume = np.log(np.diag(factor)).sum()
    nats = 0.5 * np.sum(white**2, axis=0) + log_volume + 0.5 * d * np.log(2 * np.pi)
    return nats / LN2
