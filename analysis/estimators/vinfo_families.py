"""Predictive families of V-information.

Each fits on the training part of a fold, tunes on its inner split and returns a predictor.

A classifier returns natural-log probabilities of shape ``(n, classes)``; a regressor returns means
of shape ``(n, targets)``. No family ever sees the test fold. numpy and scipy only, so that probing
a layer needs no torch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from infoplane.types.arrays import Array, Floats, Ids

Predictor = Callable[[Floats], Floats]
FAMILIES = ("linear", "mlp", "knn", "gaussian")
PENALTIES = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-5)
_SIGNIFICANT = 2.5
_SURE = 4.0
_NEIGHBOURS = (2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class Split:
    """One fold's training rows, already standardised.

    A part to fit on and an inner part to tune on.

    Attributes:
        z, zi: predictors of the fitted and the inner rows, shape ``(n, dim)``.
        y, yi: targets; integer codes ``(n,)`` for a classifier, floats ``(n, targets)`` for a
            regressor.
        base: natural-log class probabilities ``(classes,)`` or target means ``(targets,)`` of the
            fold's training rows: the answer without input.
        discrete: whether the targets are classes.
    """

    z: Floats
    y: Array
    zi: Floats
    yi: Array
    base: Floats
    discrete: bool

    def inner_losses(self, out: Floats) -> Floats:
        """Return the loss of every inner row: nats of a label, or half the squared error."""
        if self.discrete:
            return -log_softmax(out)[np.arange(len(out)), self.yi]
        return 0.5 * np.sum((out - self.yi) ** 2, axis=1)

    def inner_loss(self, out: Floats) -> float:
        """Return the mean of `inner_losses`."""
        return float(self.inner_losses(out).mean())


def log_softmax(logits: Floats) -> Floats:
    """Return natural-log probabilities from logits of shape ``(n, classes)``."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def fit_family(
    family: str, split: Callable[[int], Split], rng: Generator, hidden: int
) -> Predictor:
    """Return a predictor of the named family, tuned and calibrated on inner rows.

    Those of ``split(0)``. The base rates where it learnt nothing: no gain over them above 2.5
    standard errors. The choice among tuned predictors, a winner's curse, would cost small negative
    bits on independent data. Where the inner rows leave it open (a gain above 0 and below 4
    standard errors) fits on ``split(1)`` and ``split(2)``, whose inner rows are others, are asked,
    too: one split alone, at 1.5, threw away a true 0.16 bit in every tenth fold of 600 rows.

    Args:
        family: one of `FAMILIES`.
        split: from 0, 1, 2 to the training rows with other inner rows.
        rng: of the start of ``mlp``.
        hidden: units of ``mlp``.
    """
    predictor, gains = fit_calibrated(family, split(0), rng, hidden)
    for number in (1, 2):
        if 0 < significance_of(gains) < _SURE:
            more = fit_calibrated(family, split(number), rng, hidden)[1]
            gains = np.concatenate([gains, more])
    if significance_of(gains) <= _SIGNIFICANT:
        base = split(0).base
        return lambda z: np.repeat(base[None], len(z), axis=0)
    return predictor


def significance_of(gains: Floats) -> float:
    """Return the mean of gains, ``(n,)``, in standard errors."""
    spread = float(gains.std())
    return float(gains.mean()) / spread * np.sqrt(len(gains)) if spread > 0 else 0.0


def fit_calibrated(
    family: str, split: Split, rng: Generator, hidden: int
) -> tuple[Predictor, Floats]:
    """Return a predictor shrunk as the inner rows like best, and its gain on each of them.

    Shrunk towards the answer without input; the gain is over that answer. The factor is an inverse
    temperature; 0 is among them.

    Args:
        family: one of `FAMILIES`.
        split: the training rows.
        rng: of the start of ``mlp``.
        hidden: units of ``mlp``.
    """
    raw = fit_raw(family, split, rng, hidden)
    step = raw(split.zi) - split.base
    factors = np.concatenate([[0.0], np.geomspace(0.05, 2.0, 24)])
    losses = [split.inner_loss(split.base + factor * step) for factor in factors]
    best = float(factors[int(np.argmin(losses))])
    without = split.inner_losses(split.base + 0.0 * step)
    gains = without - split.inner_losses(split.base + best * step)
    return (lambda z: split.base + best * (raw(z) - split.base)), gains


def fit_raw(family: str, split: Split, rng: Generator, hidden: int) -> Predictor:
    """Return a predictor of the named family as it comes out of its fit.

    Args:
        family: one of `FAMILIES`.
        split: the training rows.
        rng: of the start of ``mlp``.
        hidden: units of ``mlp``.
    """
    if family == "mlp":
        return _fit_mlp(split, rng, hidden)
    if family == "knn":
        return fit_knn(split)
    if family == "gaussian" and split.discrete:
        return fit_gaussian(split)
    return fit_linear(split)[0]


def loss_and_slope(out: Floats, split: Split) -> tuple[float, Floats]:
    """Return the mean training loss and its gradient with respect to the outputs ``(n, k)``."""
    n = len(out)
    if not split.discrete:
        gap = out - split.y
        return float(0.5 * np.sum(gap**2) / n), gap / n
    log_shares = log_softmax(out)
    rows = np.arange(n)
    slope = np.exp(log_shares)
    slope[rows, split.y] -= 1.0
    return -float(log_shares[rows, split.y].mean()), slope / n


def fit_linear(split: Split) -> tuple[Predictor, Floats]:
    """Return logistic or ridge regression, and its weights, shape ``(d + 1, k)``.

    The L2 penalty is chosen on the inner rows along a warm-started path, strongest first.
    """
    weights = np.vstack([np.zeros((split.z.shape[1], len(split.base))), split.base[None]])
    best = weights
    best_loss = split.inner_loss(np.repeat(split.base[None], len(split.zi), axis=0))
    worse = 0
    for penalty in PENALTIES:
        weights = linear_at(split, penalty, weights)
        loss = split.inner_loss(split.zi @ weights[:-1] + weights[-1])
        worse = worse + 1 if loss >= best_loss else 0
        if loss < best_loss:
            best = weights
            best_loss = loss
        if worse == 3:
            break
    return (lambda z: z @ best[:-1] + best[-1]), best


def linear_at(split: Split, penalty: float, start: Floats) -> Floats:
    """Return the weights at one penalty, shape ``(d + 1, k)``; those of the offset are the last.

    Args:
        split: the training rows.
        penalty: of half the squared weights.
        start: weights to start from, shape ``(d + 1, k)``.
    """
    if not split.discrete:
        return _ridge(split, penalty)

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(start.shape)
        loss, slope = loss_and_slope(split.z @ weights[:-1] + weights[-1], split)
        of_weights = split.z.T @ slope + penalty * weights[:-1]
        gradient = np.vstack([of_weights, slope.sum(axis=0)[None]])
        return loss + 0.5 * penalty * float(np.sum(weights[:-1] ** 2)), gradient.ravel()

    from scipy.optimize import minimize

    found = minimize(
        objective,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 60, "ftol": 1e-7, "gtol": 1e-5, "maxcor": 10},
    )
    return found.x.reshape(start.shape)


def _ridge(split: Split, penalty: float) -> Floats:
    mean_z = split.z.mean(axis=0)
    mean_y = split.y.mean(axis=0)
    centred = split.z - mean_z
    gram = centred.T @ centred / len(centred) + penalty * np.eye(split.z.shape[1])
    weights = np.linalg.solve(gram, centred.T @ (split.y - mean_y) / len(centred))
    return np.vstack([weights, (mean_y - mean_z @ weights)[None]])


def unpack_weights(flat: Floats, units: int, hidden: int, outputs: int) -> list[Floats]:
    """Return the weights into and out of the hidden units, around them, and both offsets.

    Args:
        flat: all of them, shape ``(weights,)``.
        units: of the input, d.
        hidden: units, h.
        outputs: k.

    Returns:
        Shapes ``(d, h)``, ``(h,)``, ``(h, k)``, ``(d, k)`` and ``(k,)``.
    """
    parts = []
    start = 0
    skip = (units, outputs)
    for shape in ((units, hidden), (hidden,), (hidden, outputs), skip, (outputs,)):
        stop = start + math.prod(shape)
        parts.append(flat[start:stop].reshape(shape))
        start = stop
    return parts


def _fit_mlp(split: Split, rng: Generator, hidden: int) -> Predictor:
    """Fit one tanh layer beside a linear skip that starts at the linear family's answer.

    Trained by L-BFGS under two weight penalties; the iterate with the smallest inner loss is kept
    (early stopping).
    """
    runs = [train_mlp(split, rng, hidden, penalty) for penalty in (1e-2, 1e-4)]
    weights = min(runs, key=lambda run: run[0])[1]
    units = split.z.shape[1]
    return lambda z: mlp_forward(weights, z, units, hidden, len(split.base))[1]


def mlp_forward(
    flat: Floats, z: Floats, units: int, hidden: int, outputs: int
) -> tuple[Floats, Floats]:
    """Return the hidden units, ``(n, h)``, and the outputs, ``(n, k)``, of rows.

    Args:
        flat: the weights, see `unpack_weights`.
        z: shape ``(n, d)``.
        units: d.
        hidden: h.
        outputs: k.
    """
    inward, bias, outward, skip, offset = unpack_weights(flat, units, hidden, outputs)
    active = np.tanh(z @ inward + bias)
    return active, active @ outward + z @ skip + offset


def mlp_objective(flat: Floats, split: Split, hidden: int, penalty: float) -> tuple[float, Floats]:
    """Return the loss on the fitted rows with the penalty of the weights, and its gradient.

    Args:
        flat: the weights, see `unpack_weights`.
        split: the training rows.
        hidden: units.
        penalty: of half the squared weights.
    """
    units = split.z.shape[1]
    outputs = len(split.base)
    inward, _, outward, skip, _ = unpack_weights(flat, units, hidden, outputs)
    active, out = mlp_forward(flat, split.z, units, hidden, outputs)
    loss, slope = loss_and_slope(out, split)
    back = (slope @ outward.T) * (1.0 - active * active)
    gradients = (
        split.z.T @ back + penalty * inward,
        back.sum(axis=0),
        active.T @ slope + penalty * outward,
        split.z.T @ slope + penalty * skip,
        slope.sum(axis=0),
    )
    decay = 0.5 * penalty * float((inward**2).sum() + (outward**2).sum() + (skip**2).sum())
    return loss + decay, np.concatenate([part.ravel() for part in gradients])


def train_mlp(split: Split, rng: Generator, hidden: int, penalty: float) -> tuple[float, Floats]:
    """Return the smallest inner loss of a training, and the weights that had it.

    Args:
        split: the training rows.
        rng: of the start.
        hidden: units.
        penalty: of half the squared weights.
    """
    from scipy.optimize import minimize

    units = split.z.shape[1]
    outputs = len(split.base)
    linear = fit_linear(split)[1]
    start = [
        rng.normal(size=units * hidden) / np.sqrt(units),
        0.5 * rng.normal(size=hidden),
        0.01 * rng.normal(size=hidden * outputs),
        linear[:-1].ravel(),
        linear[-1],
    ]
    best = np.concatenate(start)
    least = np.inf
    waited = 0  # iterations since the best

    def look(flat: Floats) -> None:
        """Keep an iterate that is better; stop after 20 that are not."""
        nonlocal best, least, waited
        loss = split.inner_loss(mlp_forward(flat, split.zi, units, hidden, outputs)[1])
        waited += 1
        if loss < least - 1e-6:
            best = flat.copy()
            least = loss
            waited = 0
        if waited > 20:
            raise StopIteration

    look(best)
    minimize(
        mlp_objective,
        best,
        (split, hidden, penalty),
        jac=True,
        method="L-BFGS-B",
        callback=look,
        options={"maxiter": 200, "maxcor": 20, "ftol": 0.0, "gtol": 1e-7},
    )
    return least, best


def fit_knn(split: Split) -> Predictor:
    """Fit class frequencies, or a mean, over the k nearest rows; k is chosen on the inner rows."""
    from sklearn.neighbors import NearestNeighbors

    most = min(_NEIGHBOURS[-1], len(split.z))
    search = NearestNeighbors(n_neighbors=most).fit(split.z)
    sizes = [k for k in _NEIGHBOURS if k <= most] or [most]
    classes = np.arange(len(split.base))

    def answer(near: Ids, k: int) -> Floats:
        targets = split.y[near[:, :k]]
        if not split.discrete:
            return targets.mean(axis=1)
        counts = np.stack([(targets == code).sum(axis=1) for code in classes], axis=1)
        return np.log((counts + np.exp(split.base)) / (k + 1.0))

    inner = search.kneighbors(split.zi, return_distance=False)
    best = min(sizes, key=lambda k: split.inner_loss(answer(inner, k)))
    return lambda z: answer(search.kneighbors(z, n_neighbors=best, return_distance=False), best)


def fit_gaussian(split: Split) -> Predictor:
    """Fit quadratic discriminants.

    One Gaussian per class, its covariance shrunk as the inner rows like best.
    """
    means, covariances, pooled = _moments_of_classes(split)
    eye = np.eye(len(pooled))

    def predictor(own_share: float, diagonal: float) -> Predictor:
        """Return log probabilities of classes by shrunk covariances.

        Args:
            own_share: of the class's own covariance; the rest is the pooled one.
            diagonal: share of the diagonal alone.
        """
        whitening: dict[int, tuple[Floats, float]] = {}
        for code, own in covariances.items():
            full = own_share * own + (1.0 - own_share) * pooled
            alone = np.diag(np.diag(full)) + 1e-3 * eye
            factor = np.linalg.cholesky((1.0 - diagonal) * full + diagonal * alone + 1e-9 * eye)
            whitening[code] = np.linalg.inv(factor), float(np.log(np.diag(factor)).sum())

        def log_probabilities(z: Floats) -> Floats:
            out = np.repeat((split.base - 50.0)[None], len(z), axis=0)  # of absent classes
            for code, (whiten, log_det) in whitening.items():
                distance = np.sum(((z - means[code]) @ whiten.T) ** 2, axis=1)
                out[:, code] = split.base[code] - 0.5 * distance - log_det
            return log_softmax(out)

        return log_probabilities

    def loss(shrinkage: tuple[float, float]) -> float:
        return split.inner_loss(predictor(*shrinkage)(split.zi))

    return predictor(*min(itertools.product((1.0, 0.9, 0.5, 0.0), (0.01, 0.1, 0.5)), key=loss))


def _moments_of_classes(split: Split) -> tuple[dict[int, Floats], dict[int, Floats], Floats]:
    """Return means ``(d,)`` and covariances ``(d, d)`` of classes, and the one within all of them.

    Classes of a single row have none.
    """
    dim = split.z.shape[1]
    rows = {}
    for code in range(len(split.base)):
        inside = split.z[split.y == code]
        if len(inside) > 1:
            rows[code] = inside
    means = {code: z.mean(axis=0) for code, z in rows.items()}
    covariances = {code: np.cov(z.T, bias=True).reshape(dim, dim) for code, z in rows.items()}
    centred = [z - means[code] for code, z in rows.items()]
    within = np.concatenate(centred) if centred else split.z
    return means, covariances, within.T @ within / len(within) + 1e-6 * np.eye(dim)
