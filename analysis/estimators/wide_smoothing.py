"""What the rows around a row say of its class: a smooth fit and a vote, never by the row itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.types.arrays import Floats, Ids

_LANDMARKS = 500
"""Rows at which the kernels of the smooth fit stand."""
_RIDGE = 0.01
"""Penalty of the smooth fit."""
_NEIGHBOURS = 8
"""Rows that vote."""


@dataclass(frozen=True)
class Smoother:
    """Predict a row's class from the classes of other rows.

    Attributes:
        basis: of a ridge regression on Gaussian kernels, shape ``(n, m)``; its columns are scaled
            so that the fit is ``basis @ (basis.T @ classes)``.
        leverage: weight of a row in its own fit, shape ``(n,)``.
        neighbours: the nearest other rows, shape ``(n, 8)``.
    """

    basis: Floats
    leverage: Floats
    neighbours: Ids

    def fit(self, classes: Floats) -> Floats:
        """Return the ridge fit of shares, ``(n, J)``, each row by the others alone."""
        fitted = self.basis @ (self.basis.T @ classes)
        return (fitted - self.leverage[:, None] * classes) / (1 - self.leverage)[:, None]

    def vote(self, classes: Floats) -> Floats:
        """Return the mean of the neighbours' shares, ``(n, J)``."""
        return classes[self.neighbours].mean(axis=1)


def smoother_of(features: Floats) -> Smoother:
    """Prepare a smoother of rows.

    Args:
        features: shape ``(n, m)``; scaled here to a mean square length of 1.
    """
    from sklearn.neighbors import NearestNeighbors

    features = features / np.sqrt((features**2).sum(axis=1).mean())
    n = len(features)
    chosen = np.random.default_rng(0).permutation(n)[:_LANDMARKS]
    landmarks = features[chosen]
    values, vectors = np.linalg.eigh(_kernel(landmarks, landmarks))
    clear = values > 1e-9 * values[-1]
    columns = _kernel(features, landmarks) @ (vectors[:, clear] / np.sqrt(values[clear]))
    inner, axes = np.linalg.eigh(columns.T @ columns)
    basis = columns @ (axes / np.sqrt(np.maximum(inner, 0) + _RIDGE))
    leverage = np.minimum((basis**2).sum(axis=1), 0.99)
    search = NearestNeighbors(n_neighbors=_NEIGHBOURS, algorithm="brute").fit(features)
    return Smoother(basis, leverage, search.kneighbors(return_distance=False))


def _kernel(a: Floats, b: Floats) -> Floats:
    """Return the Gaussian kernel of width 1 of ``(p, m)`` and ``(q, m)``, shape ``(p, q)``."""
    exponents = a @ b.T
    exponents -= (a**2).sum(axis=1)[:, None] / 2
    exponents -= (b**2).sum(axis=1) / 2
    return np.exp(exponents, out=exponents)
