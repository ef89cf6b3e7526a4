"""A layer against labels, and mixtures of atoms and densities, as ReLU units make them."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from scipy.special import ndtr

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.draws import correlated, pair, polar, with_labels
from infoplane.analysis.calibrate.truths import classes_bits, lines_around, normal, step_of
from infoplane.types import continuous
from infoplane.types.arrays import Codes, Floats


def line_classes(name: str, centres: Floats, sds: Floats, weights: Floats | None = None) -> Case:
    """Build scalar Gaussian classes of their own centres and spreads.

    Args:
        name: of the case.
        centres: shape ``(C,)``.
        sds: standard deviations, shape ``(C,)``.
        weights: of the classes, shape ``(C,)``; equal when left out.
    """
    shares = np.full(len(centres), 1 / len(centres)) if weights is None else weights

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.choice(len(shares), size=n, p=shares)
        return with_labels(centres[y] + sds[y] * rng.normal(size=n), y)

    def truth() -> float:
        line = np.linspace((centres - 9 * sds).min(), (centres + 9 * sds).max(), 20001)
        densities = normal(line[None], centres[:, None], sds[:, None])  # (C, points)
        return classes_bits(densities, shares, step_of(line))

    return Case(name, "label", draw, truth, "h(Z) - sum p_y h(Z|y) by quadrature")


def plane_classes(name: str, centres: Floats, labels: Codes, sd: float) -> Case:
    """Build Gaussian blobs in the plane, several of which may share a label.

    Args:
        name: of the case.
        centres: of K blobs, shape ``(K, 2)``.
        labels: of the blobs, shape ``(K,)``.
        sd: of each coordinate within a blob.
    """

    def draw(n: int, rng: Generator) -> Sample:
        blob = rng.integers(0, len(centres), n)
        return with_labels(centres[blob] + sd * rng.normal(size=(n, 2)), labels[blob])

    def truth() -> float:
        along_x, along_y = lines_around(centres, sd, 401)
        of_x = normal(along_x, centres[:, :1], sd)  # (K, points)
        of_y = normal(along_y, centres[:, 1:], sd)
        blobs = (of_x[:, :, None] * of_y[:, None, :]).reshape(len(centres), -1)
        counts = np.bincount(labels)
        densities = [blobs[labels == label].mean(axis=0) for label in range(len(counts))]
        cell = step_of(along_x) * step_of(along_y)
        return classes_bits(np.stack(densities), counts / len(labels), cell)

    return Case(name, "label", draw, truth, "h(Z) - sum p_y h(Z|y) on a grid")


def overlap(share: float) -> Case:
    """Build two uniform classes that overlap.

    I = 1 - share, since the overlap tells nothing and the rest everything.
    """

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.integers(0, 2, n)
        return with_labels(rng.random(n) + (1 - share) * y, y)

    name = f"two uniforms that overlap by {share:g}"
    return Case(name, "label", draw, lambda: 1 - share, "1 - overlap")


def gao(symbols: int) -> Case:
    """Build X uniform on {0..m-1}, Z uniform on [X, X+2].

    I = log2 m - (m-1)/m (Gao et al. 2017, section 5).
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.integers(0, symbols, n)
        return Sample(continuous(x.astype(np.float64), "x"), continuous(x + 2 * rng.random(n), "z"))

    def truth() -> float:
        return math.log2(symbols) - (symbols - 1) / symbols

    name = f"steps with uniform noise, {symbols} symbols"
    return Case(name, "mixed", draw, truth, "log2 m - (m-1)/m")


def censored(name: str, gap: float, cut: float) -> Case:
    """Build a ReLU unit max(z, cut) of two normal classes: an atom and a tail.

    Args:
        name: of the case.
        gap: between the means of the classes.
        cut: below which the unit is off.
    """

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.integers(0, 2, n)
        return with_labels(np.maximum(gap * y + rng.normal(size=n), cut), y)

    def truth() -> float:
        atoms = np.array([ndtr(cut), ndtr(cut - gap)])
        line = np.linspace(cut, max(cut, gap) + 10, 40001)
        densities = np.stack([normal(line), normal(line, gap)])  # (2, points)
        ratio = np.maximum(densities, 1e-300) / densities.mean(axis=0)
        terms = (0.5 * densities * np.log2(ratio)).sum(axis=0)
        tail = float((terms[1:] + terms[:-1]).sum() / 2 * step_of(line))
        return float((0.5 * atoms * np.log2(atoms / atoms.mean())).sum()) + tail

    return Case(name, "mixed", draw, truth, "atom + tail by quadrature")


def rectified_pair(r: float) -> Case:
    """Build (max(x,0), max(z,0)) of a Gaussian pair: atom-atom, two atom-tail, tail-tail."""

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=n)
        return pair(np.maximum(x, 0), np.maximum(correlated(x, r, rng), 0))

    return Case(
        f"rectified Gaussian pair, r={r:g}",
        "mixed",
        draw,
        lambda: _rectified_bits(r),
        "atom-atom, atom-tail and tail-tail terms",
    )


def _rectified_bits(r: float) -> float:
    spread = math.sqrt(1 - r * r)
    line = np.linspace(0, 9, 3001)
    weights = np.full(len(line), step_of(line))
    weights[0] = weights[-1] = step_of(line) / 2
    dead = 0.25 + math.asin(r) / (2 * math.pi)  # both below 0 (Sheppard)
    both = dead * math.log2(4 * dead)
    density = normal(line)
    alone = density * ndtr(-r * line / spread)  # of x = line while z is at 0
    ratio = np.maximum(2 * alone / density, 1e-300)
    one = 2 * float((weights * alone * np.log2(ratio)).sum())
    joint = density[:, None] * normal(line[None, :], r * line[:, None], spread)
    independent = density[:, None] * density[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log2(joint / independent), 0.0)
    return both + one + float(weights @ terms @ weights)


def noisy_or_dead(dead: float, r: float) -> Case:
    """Build a Gaussian pair whose units are switched off together with a probability.

    I = h(dead) + (1 - dead) I(pair).
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=n)
        z = correlated(x, r, rng)
        on = rng.random(n) >= dead
        return pair(np.where(on, x, 0.0), np.where(on, z, 0.0))

    def truth() -> float:
        of_dead = -(dead * math.log2(dead) + (1 - dead) * math.log2(1 - dead))
        return of_dead - (1 - dead) / 2 * math.log2(1 - r * r)

    name = f"a pair off together, {dead:g}, r={r:g}"
    return Case(name, "mixed", draw, truth, "h(dead) + (1 - dead) I")


_RING = polar(np.arange(8) * math.pi / 4)
_SQUARE = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
_TWO = np.array([0.0, 1.0])

CASES = (
    line_classes("two normals, no gap", np.zeros(2), np.ones(2)),
    line_classes("two normals, gap 1", _TWO, np.ones(2)),
    line_classes("two normals, gap 3", 3 * _TWO, np.ones(2)),
    line_classes("two spreads, 1 and 3", np.zeros(2), np.array([1.0, 3.0])),
    line_classes(
        "five normals, gap 2, unequal",
        np.array([0.0, 2.0, 4.0, 6.0, 8.0]),
        np.ones(5),
        np.array([0.1, 0.15, 0.2, 0.25, 0.3]),
    ),
    plane_classes("four blobs", 1.5 * _SQUARE, np.arange(4), 1.0),
    plane_classes("exclusive or", 1.5 * _SQUARE, np.array([0, 0, 1, 1]), 0.8),
    plane_classes("eight blobs on a ring", 2.5 * _RING, np.arange(8), 0.8),
    gao(4),
    gao(16),
    censored("a rectified unit of two normals", 2.0, 1.0),
    censored("a nearly dead unit of two normals", 2.0, 2.5),
    rectified_pair(0.8),
    noisy_or_dead(0.4, 0.7),
)

JUDGES = (
    overlap(0.4),
    line_classes(
        "three normals of three spreads", np.array([0.0, 1.5, 4.0]), np.array([0.5, 1.0, 1.5])
    ),
    plane_classes(
        "ring against centre",
        np.vstack([2.2 * _RING, np.zeros((2, 2))]),
        np.array([0] * 8 + [1] * 2),
        0.6,
    ),
    gao(7),
    rectified_pair(0.5),
)
