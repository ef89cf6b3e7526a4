"""The forty tasks of "Beyond normal" (Czyz and others 2023, arXiv 2306.11078).

They are made by their definitions there.
The names are those of the paper, so that a table here can be laid beside the published one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from infoplane.analysis.calibrate.case import Case, Family, Sample
from infoplane.analysis.calibrate.continuous_cases import half_cube
from infoplane.analysis.calibrate.draws import (
    Map,
    pair,
    roll_of_uniform,
    turned_by_radius,
    two_peaks,
    unchanged,
    wiggly_first,
    wiggly_second,
)
from infoplane.analysis.calibrate.truths import student_bits
from infoplane.analysis.vocabulary import gaussian_information
from infoplane.types.arrays import Floats

_LN2 = math.log(2)


def dense_covariance(dim: int) -> Floats:
    """Return the covariance of 2 dim units of variance 1, each pair of correlation 1/2."""
    return np.full((2 * dim, 2 * dim), 0.5) + 0.5 * np.eye(2 * dim)


def paired_covariance(correlation: float, pairs: int, dim: int) -> Floats:
    """Return unit variances, where the first units of both sides are correlated in pairs.

    Args:
        correlation: of the units of one pair.
        pairs: how many of the ``dim`` units of one side have a partner in the other.
        dim: units of one side.

    Returns:
        Shape ``(2 dim, 2 dim)``.
    """
    covariance = np.eye(2 * dim)
    for unit in range(pairs):
        covariance[unit, dim + unit] = covariance[dim + unit, unit] = correlation
    return covariance


def normal_case(
    name: str,
    family: Family,
    covariance: Floats,
    *,
    x_map: Map = unchanged,
    y_map: Map = unchanged,
) -> Case:
    """Build jointly normal halves, each then mapped invertibly.

    Args:
        name: of the case.
        family: of the case.
        covariance: shape ``(2 dim, 2 dim)``, positive definite.
        x_map: of the first half, ``(n, dim)`` to ``(n, any)``.
        y_map: of the second half.
    """
    dim = len(covariance) // 2
    root = np.linalg.cholesky(covariance)

    def draw(n: int, rng: Generator) -> Sample:
        rows = rng.normal(size=(n, 2 * dim)) @ root.T
        return pair(x_map(rows[:, :dim]), y_map(rows[:, dim:]))

    return Case(
        name,
        family,
        draw,
        lambda: gaussian_information(covariance, dim),
        "1/2 log2 det S_x det S_y / det S",
        dim == 1 and x_map is not _roll,
    )


def student_case(name: str, dim: int, dof: int, both: Map = unchanged) -> Case:
    """Build two vectors of independent normals over one chi, each then mapped.

    Args:
        name: of the case.
        dim: coordinates of a vector.
        dof: degrees of freedom of the chi.
        both: map of all coordinates.
    """

    def draw(n: int, rng: Generator) -> Sample:
        normals = rng.normal(size=(n, 2 * dim))
        rows = both(normals / np.sqrt(rng.chisquare(dof, size=(n, 1)) / dof))
        return pair(rows[:, :dim], rows[:, dim:])

    return Case(
        name,
        "heavy-tailed",
        draw,
        lambda: student_bits(0.0, dof, dim),
        "entropies of Student vectors",
        dim == 1,
    )


def _additive_case(half_width: float) -> Case:
    """Build Y = X + U, X uniform on [0, 1], U uniform on [-half_width, half_width]."""

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.random(n)
        return pair(x, x + rng.uniform(-half_width, half_width, n))

    def truth() -> float:
        if half_width > 0.5:
            return 0.25 / half_width / _LN2
        return (half_width - math.log(2 * half_width)) / _LN2

    return Case(
        f"Uniform 1 × 1 (additive noise={half_width:g})",
        "1-D",
        draw,
        truth,
        "e - ln 2e nats (e <= 1/2), 1/(4e) nats (e > 1/2)",
    )


def _roll(x: Floats) -> Floats:
    """Roll a standard normal up through its rank."""
    return roll_of_uniform(ndtr(x))


def _one_dimensional_tasks() -> list[Case]:
    covariance = paired_covariance(0.75, 1, 1)
    return [
        normal_case("Bivariate normal 1 × 1", "1-D", covariance),
        normal_case(
            "Normal CDF @ Bivariate normal 1 × 1", "1-D", covariance, x_map=ndtr, y_map=ndtr
        ),
        _additive_case(0.1),
        _additive_case(0.75),
        normal_case(
            "Bimodal 1 × 1",
            "1-D",
            covariance,
            x_map=two_peaks(0.3, 0.0, 5.0),
            y_map=two_peaks(0.5, -1.0, 3.0),
        ),
        normal_case(
            "Wiggly @ Bivariate normal 1 × 1",
            "1-D",
            covariance,
            x_map=wiggly_first,
            y_map=wiggly_second,
        ),
        normal_case(
            "Half-cube @ Bivariate normal 1 × 1",
            "1-D",
            covariance,
            x_map=half_cube,
            y_map=half_cube,
        ),
        student_case("Student-t 1 × 1 (dof=1)", 1, 1),
        student_case("Asinh @ Student-t 1 × 1 (dof=1)", 1, 1, np.arcsinh),
        normal_case("Swiss roll 2 × 1", "warped", covariance, x_map=_roll, y_map=ndtr),
    ]


def _family(dim: int) -> Family:
    return "vector" if dim <= 3 else "high-dimensional"


def _normal_tasks() -> list[Case]:
    dense = [
        normal_case(f"Multinormal {dim} × {dim} (dense)", _family(dim), dense_covariance(dim))
        for dim in (2, 3, 5, 25, 50)
    ]
    paired = [
        normal_case(
            f"Multinormal {dim} × {dim} (2-pair)", _family(dim), paired_covariance(0.8, 2, dim)
        )
        for dim in (2, 3, 5, 25)
    ]
    return dense + paired


def _student_tasks() -> list[Case]:
    sizes = ((2, 1), (2, 2), (3, 2), (3, 3), (5, 2), (5, 3))
    return [student_case(f"Student-t {dim} × {dim} (dof={dof})", dim, dof) for dim, dof in sizes]


def _transformed_tasks() -> list[Case]:
    tasks = []
    for dim in (3, 5, 25):
        covariance = paired_covariance(0.8, 2, dim)
        base = f"Multinormal {dim} × {dim} (2-pair)"
        x_spiral = turned_by_radius(0, 1, 1 / dim)
        y_spiral = turned_by_radius(1, 2, 1 / dim)
        maps: dict[str, tuple[Map, Map]] = {
            f"Normal CDF @ {base}": (ndtr, ndtr),
            f"Half-cube @ {base}": (half_cube, half_cube),
            f"Spiral @ {base}": (x_spiral, y_spiral),
            f"Spiral @ Normal CDF @ {base}": (_after_ranks(x_spiral), _after_ranks(y_spiral)),
        }
        for name, (x_map, y_map) in maps.items():
            tasks.append(normal_case(name, "warped", covariance, x_map=x_map, y_map=y_map))
    for dim, dof in ((2, 1), (3, 2), (5, 2)):
        name = f"Asinh @ Student-t {dim} × {dim} (dof={dof})"
        tasks.append(student_case(name, dim, dof, np.arcsinh))
    return tasks


def _after_ranks(spiral: Map) -> Map:
    """Take the spiral of the normal ranks of every unit."""
    return lambda rows: spiral(ndtr(rows))


CASES = (
    *_one_dimensional_tasks(),
    *_normal_tasks(),
    *_student_tasks(),
    *_transformed_tasks(),
)
