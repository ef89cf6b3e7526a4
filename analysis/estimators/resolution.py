"""Whether neighbours are near enough to see how two variables depend.

If they are not, no interval is honest: it knows chance, and the bias that fewer neighbours or fewer
rows show. A dependence finer than the ball of k neighbours shows in neither: of a plane turned by
its radius two thirds of the information are missed, and nothing in the estimate tells.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.estimators.gaussian_fit import (
    excess_kurtosis,
    largest_leftover,
    largest_mixed,
    largest_skewness,
    square_lengths,
)
from infoplane.analysis.estimators.neighbour_rows import Pair
from infoplane.analysis.estimators.rank_scores import rank_scores
from infoplane.analysis.estimators.residuals import whiten
from infoplane.analysis.kernels.neighbours import kth_distances
from infoplane.types.arrays import Codes, Floats

_UNITS_SEEN = 2
_REACH = 0.15
_THIN_DEVIATIONS = 3.0
_LEAST_ROWS_PER_UNIT = 8
_MOST_IN_PAIRS = 0.05
"""Share of rows in classes of 2, of which halves keep one or both, that chance may rest on."""
_DOUBT = 0.1  # share of Gaussian rows that some moment speaks against


def unresolved(pair: Pair, k: int, *, ranked: bool) -> str | None:
    """Return why no interval can be honest, one clause; None where one can.

    One can

    - of at most two units, where at most a twentieth of the rows are in classes of 2;
    - of two vectors that nothing speaks against being Gaussian: there the reach of the neighbours
      is their whole bias, which fewer rows show;
    - where k neighbours of a class reach at most 0.15 of the scale of the rows:
      ``(k 2^H(Y) / n)^(1/d)``, d the intrinsic dimension;
    - of classes that nothing speaks against being Gaussian, where k neighbours reach at most three
      deviations of the thinnest direction: there fewer rows show the bias, too.

    Args:
        pair: rows made ready for neighbours.
        k: neighbours.
        ranked: whether the estimate reads ranks, so that these have to be Gaussian, not the values.
    """
    vectors = [side.values for side in (pair.a, pair.b) if side.values is not None]
    if len(vectors) == 1:
        sizes = counts_of(pair.vector_and_symbols()[1])
        in_pairs = 2 * float((sizes == 2).sum()) / pair.n
        if in_pairs > _MOST_IN_PAIRS:
            return (
                f"no interval: halves of classes of 2 rows, {in_pairs:.0%} of all, show no chance"
            )
    units = sum(values.shape[1] for values in vectors)
    if units <= _UNITS_SEEN or pair.constant:
        return None
    in_class = float(pair.n)
    if len(vectors) == 1:
        _, symbols = pair.vector_and_symbols()
        in_class = pair.n / 2 ** entropy_bits(counts_of(symbols))
    reach = (k / in_class) ** (1 / max(intrinsic_dimension(vectors, k), 1.0))
    if reach <= _REACH:
        return None
    too_few = (
        f"no interval: {pair.n} rows are too few to see how {units} units depend "
        f"(neighbours reach {reach:.2f} of the scale)"
    )
    if len(vectors) == 1:
        return _unresolved_classes(*pair.vector_and_symbols(), k, too_few)
    if _gaussian(*(rank_scores(v) if ranked else v for v in vectors)):
        return None
    return f"{too_few} and the rows are not Gaussian"


def _unresolved_classes(z: Floats, codes: Codes, k: int, too_few: str) -> str | None:
    """Return why no interval is honest of a vector and symbols, None where one is.

    Args:
        z: shape ``(n, dim)``.
        codes: dense codes of the classes, shape ``(n,)``.
        k: neighbours.
        too_few: the reason why a reach that is small does not settle it.
    """
    sizes = counts_of(codes)
    if sizes.min() < max(_LEAST_ROWS_PER_UNIT * z.shape[1], k + 1):
        return too_few
    classes = [z[codes == code] for code in range(len(sizes))]
    if max(_reach_of_class(rows, k) for rows in classes) > _THIN_DEVIATIONS:
        return f"{too_few}, beyond three deviations of the thinnest direction of a class"
    if not _gaussian_classes([whiten(rows).rows for rows in classes]):
        return f"{too_few} and the classes are not Gaussian"
    return None


def _reach_of_class(rows: Floats, k: int) -> float:
    """Return how far k neighbours lie, in deviations of the thinnest direction of ``(n, dim)``."""
    (near,) = kth_distances([rows], (k,))
    thinnest = float(np.sqrt(max(np.linalg.eigvalsh(np.cov(rows.T))[0], 0.0)))
    return float(np.median(near)) / thinnest if thinnest > 0 else np.inf


def _gaussian_classes(classes: list[Floats]) -> bool:
    """Return whether no moment of whitened classes, ``(n_c, dim)``, speaks against Gaussians."""
    units = classes[0].shape[1]
    if any(rows.shape[1] < units for rows in classes):
        return False
    moments = []
    for rows in classes:
        moments += [excess_kurtosis(rows), largest_skewness(rows), largest_mixed(rows)]
    tests = len(classes) * (1 + units + 2 * units * (units - 1))
    return max(abs(moment) for moment in moments) < _clear_of_doubt(tests)


def intrinsic_dimension(vectors: list[Floats], k: int) -> float:
    """Return how fast rows fill a growing ball: ``log 2 / mean log(r_2k / r_k)``.

    Args:
        vectors: of shape ``(n, dim)`` each; the norm is the largest of theirs.
        k: neighbours.
    """
    last = len(vectors[0]) - 1
    near, far = kth_distances(vectors, (min(k, last), min(2 * k, last)))
    apart = (near > 0) & (far > near)
    if not apart.any():
        return 1.0
    return float(np.log(2) / np.log(far[apart] / near[apart]).mean())


def _gaussian(x: Floats, z: Floats) -> bool:
    """Return whether no moment speaks against two vectors being Gaussian.

    Shapes ``(n, dx)``, ``(n, dz)``.
    """
    first = whiten(x).rows
    second = whiten(z).rows
    rows = len(first)
    columns = first.shape[1] + second.shape[1]
    if columns > rows / _LEAST_ROWS_PER_UNIT:
        return False
    left = whiten(second - first @ (first.T @ second) / rows).rows
    correlation = np.corrcoef(square_lengths(first), square_lengths(left))[0, 1]
    lengths = float(correlation * np.sqrt(rows))
    both = np.hstack([first, left])
    moments = (
        excess_kurtosis(both),
        largest_skewness(both),
        lengths,
        largest_leftover(first, left),
    )
    tests = 2 + columns + 5 * first.shape[1] * left.shape[1]
    return max(abs(moment) for moment in moments) < _clear_of_doubt(tests)


def _clear_of_doubt(tests: int) -> float:
    """Return the standard errors that one of so many moments exceeds in a tenth of draws."""
    return float(ndtri(1 - _DOUBT / (2 * tests)))
