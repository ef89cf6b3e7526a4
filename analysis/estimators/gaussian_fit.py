"""A Gaussian fit of rows, and what the rows say against it: moments that a Gaussian fixes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infoplane.types.arrays import Floats

CLEAR = 4.0
"""Standard errors from which a moment speaks against the fit; a Gaussian sample reaches them once
in a thousand.
"""


def whitened(rows: Floats, covariance: Floats) -> Floats:
    """Return the rows, ``(n, d)``, centred and scaled to a covariance of identity."""
    from scipy.linalg import solve_triangular

    factor = np.linalg.cholesky(covariance)
    return solve_triangular(factor, (rows - rows.mean(axis=0)).T, lower=True).T


def square_lengths(white: Floats) -> Floats:
    """Return the squared length of every whitened row, shape ``(n,)``.

    Chi-squared of d degrees for a Gaussian.
    """
    return (white * white).sum(axis=1)


def excess_kurtosis(white: Floats) -> float:
    """Return Mardia's kurtosis of whitened rows, in standard errors from a Gaussian's.

    Mardia 1970.

    ``(mean |w|^4 - d (d + 2) (n - 1) / (n + 1)) / sqrt(8 d (d + 2) / n)``.
    """
    n, d = white.shape
    mean = float((square_lengths(white) ** 2).mean())
    expected = d * (d + 2) * (n - 1) / (n + 1)
    return float((mean - expected) / np.sqrt(8 * d * (d + 2) / n))


def largest_skewness(white: Floats) -> float:
    """Return the largest third moment of a whitened column, in its standard errors.

    ``sqrt(n / 6) |mean w^3|``.
    """
    thirds = np.abs((white**3).mean(axis=0))
    return float(np.sqrt(len(white) / 6) * thirds.max())


def largest_leftover(a: Floats, b: Floats) -> float:
    """Return the largest dependence in standard errors that second moments do not see.

    Squares and cubes against values, squares against squares: 0 for every Gaussian pair, large for
    z = x^2, a circle, a step.

    Args:
        a: one side, shape ``(n, d)``.
        b: what a linear fit leaves of the other, shape ``(n, e)``.
    """
    # Hermite: uncorrelated with the values.
    cubes_a = a**3 - 3 * a
    cubes_b = b**3 - 3 * b
    pairs = ((a * a, b), (a, b * b), (a * a, b * b), (cubes_a, b), (a, cubes_b))
    largest = max(float(np.abs(_correlations(left, right)).max()) for left, right in pairs)
    return largest * float(np.sqrt(len(a)))


def largest_mixed(white: Floats) -> float:
    """Return the largest moment of two columns that a Gaussian does not have, in standard errors.

    Squares of one whitened column, of ``(n, d)``, against another and against its square; 0 of a
    single column.
    """
    squares = white * white
    mixed = [np.abs(_correlations(squares, other)) for other in (white, squares)]
    apart = ~np.eye(white.shape[1], dtype=bool)
    found = np.concatenate([moment[apart] for moment in mixed])
    return float(found.max(initial=0.0)) * float(np.sqrt(len(white)))


def _correlations(x: Floats, y: Floats) -> Floats:
    """Return the correlation of every column of x with every one of y, ``(n, d)`` to ``(d, e)``."""
    x = x - x.mean(axis=0)
    y = y - y.mean(axis=0)
    scale = np.sqrt(np.outer((x * x).sum(axis=0), (y * y).sum(axis=0)))
    return (x.T @ y) / np.where(scale > 0, scale, 1.0)


def paired_correlations(x: Floats, y: Floats) -> Floats:
    """Return the correlation of every column of x with that of y, ``(n, d)`` to ``(d,)``."""
    x = x - x.mean(axis=0)
    y = y - y.mean(axis=0)
    scale = np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
    return (x * y).sum(axis=0) / np.where(scale > 0, scale, 1.0)


def misfit(white: Floats, sides: Sequence[Floats] = ()) -> str:
    """Return what speaks against a Gaussian fit of whitened rows, one clause.

    Empty where nothing does.

    Args:
        white: the rows that were fitted, whitened, shape ``(n, d)``.
        sides: the first variable and the residual of the second, both whitened, where there are
            two.
    """
    columns = white.shape[1]
    if sides:
        columns += sides[0].shape[1] * sides[1].shape[1]
    clear = max(CLEAR, float(np.sqrt(2 * np.log(1000.0 * (columns + 1)))))
    kurtosis = excess_kurtosis(white)
    skewness = largest_skewness(white)
    if abs(kurtosis) > clear:
        tails = "heavier" if kurtosis > 0 else "lighter"
        return f"tails {tails} than a Gaussian's by {abs(kurtosis):.0f} standard errors"
    if skewness > clear:
        return f"skewed by {skewness:.0f} standard errors"
    leftover = largest_leftover(*sides) if sides else 0.0
    if leftover > clear:
        return f"dependence beyond correlation by {leftover:.0f} standard errors"
    return ""
