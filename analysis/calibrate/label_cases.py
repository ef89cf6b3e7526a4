"""A layer against labels, and mixtures of atoms and densities, as ReLU units make them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.truths import classes_bits, normal
from infoplane.types import continuous, discrete
from infoplane.types.arrays import Codes, Floats


def line_classes(name: str, centres: Floats, sds: Floats, weights: Floats | None = None) -> Case:
    """Scalar Gaussian classes of their own centres and spreads."""
    w = np.full(len(centres), 1 / len(centres)) if weights is None else weights

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.choice(len(w), size=n, p=w)
        return Sample(continuous(centres[y] + sds[y] * rng.normal(size=n), "z"), discrete(y, "y"))

    def truth() -> float:
        t = np.linspace((centres - 9 * sds).min(), (centres + 9 * sds).max(), 20001)
        return classes_bits(normal(t[None], centres[:, None], sds[:, None]), w, float(t[1] - t[0]))

    return Case(name, "label", draw, truth, "h(Z) - sum p_y h(Z|y) by quadrature")


def plane_classes(name: str, centres: Floats, labels: Codes, sd: float, extra: int = 0) -> Case:
    """Gaussian blobs in the plane, several of which may share a label.

    ``extra`` units of noise beside them.
    """

    def draw(n: int, rng: Generator) -> Sample:
        k = rng.integers(0, len(centres), n)
        z = np.hstack([centres[k] + sd * rng.normal(size=(n, 2)), rng.normal(size=(n, extra))])
        return Sample(continuous(z, "z"), discrete(labels[k], "y"))

    def truth() -> float:
        lines = [
            np.linspace(centres[:, i].min() - 7 * sd, centres[:, i].max() + 7 * sd, 401)
            for i in (0, 1)
        ]
        blobs = np.stack(
            [np.outer(normal(lines[0], u, sd), normal(lines[1], v, sd)).ravel() for u, v in centres]
        )
        classes = int(labels.max()) + 1
        w = np.bincount(labels) / len(labels)
        densities = np.stack([blobs[labels == c].mean(axis=0) for c in range(classes)])
        return classes_bits(
            densities, w, float((lines[0][1] - lines[0][0]) * (lines[1][1] - lines[1][0]))
        )

    return Case(name, "label", draw, truth, "h(Z) - sum p_y h(Z|y) on a grid", extra == 0)


def overlap(share: float) -> Case:
    """Return two uniform classes that overlap.

    I = 1 - share, since the overlap tells nothing and the rest everything.
    """

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.integers(0, 2, n)
        return Sample(continuous(rng.random(n) + (1 - share) * y, "z"), discrete(y, "y"))

    return Case(
        f"two uniforms that overlap by {share:g}", "label", draw, lambda: 1 - share, "1 - overlap"
    )


def gao(symbols: int) -> Case:
    """X uniform on {0..m-1}, Z uniform on [X, X+2].

    I = log2 m - (m-1)/m (Gao et al. 2017, section 5).
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.integers(0, symbols, n)
        return Sample(continuous(x.astype(np.float64), "x"), continuous(x + 2 * rng.random(n), "z"))

    truth: Callable[[], float] = lambda: math.log2(symbols) - (symbols - 1) / symbols  # noqa: E731
    return Case(
        f"steps with uniform noise, {symbols} symbols", "mixed", draw, truth, "log2 m - (m-1)/m"
    )


def censored(name: str, gap: float, cut: float) -> Case:
    """Return a ReLU unit max(z, cut) of two normal classes ``gap`` apart.

    An atom and a tail, each against the label.
    """

    def draw(n: int, rng: Generator) -> Sample:
        y = rng.integers(0, 2, n)
        return Sample(
            continuous(np.maximum(gap * y + rng.normal(size=n), cut), "z"), discrete(y, "y")
        )

    def truth() -> float:
        from scipy.special import ndtr

        atoms = np.array([ndtr(cut), ndtr(cut - gap)])
        t = np.linspace(cut, max(cut, gap) + 10, 40001)
        f = np.stack([normal(t), normal(t, gap)])
        terms = 0.5 * f * np.log2(np.maximum(f, 1e-300) / f.mean(axis=0))
        step = float(t[1] - t[0])
        tail = float((terms.sum(axis=0)[1:] + terms.sum(axis=0)[:-1]).sum() / 2 * step)
        return float((0.5 * atoms * np.log2(atoms / atoms.mean())).sum()) + tail

    return Case(name, "mixed", draw, truth, "atom + tail by quadrature")


def rectified_pair(r: float) -> Case:
    """(max(x,0), max(z,0)) of a Gaussian pair: four pieces, atom-atom, two atom-tail, tail-tail."""

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=n)
        z = r * x + math.sqrt(1 - r * r) * rng.normal(size=n)
        return Sample(continuous(np.maximum(x, 0), "a"), continuous(np.maximum(z, 0), "b"))

    def truth() -> float:
        from scipy.special import ndtr

        s = math.sqrt(1 - r * r)
        t = np.linspace(0, 9, 3001)
        step = float(t[1] - t[0])
        weights = np.full(len(t), step)
        weights[0] = weights[-1] = step / 2
        dead = 0.25 + math.asin(r) / (2 * math.pi)  # both below 0 (Sheppard)
        f = normal(t)
        alone = f * ndtr(-r * t / s)  # density of x = t while z is at 0
        joint = f[:, None] * normal(t[None, :], r * t[:, None], s)
        both = dead * math.log2(4 * dead)
        one = 2 * float((weights * alone * np.log2(np.maximum(2 * alone / f, 1e-300))).sum())
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(joint > 0, joint * np.log2(joint / (f[:, None] * f[None, :])), 0.0)
        return both + one + float(weights @ terms @ weights)

    return Case(
        f"rectified Gaussian pair, r={r:g}",
        "mixed",
        draw,
        truth,
        "atom-atom, atom-tail and tail-tail terms",
    )


def noisy_or_dead(dead: float, r: float) -> Case:
    """Both units of a Gaussian pair are switched off together with a probability.

    I = h(dead) + (1 - dead) I(pair).
    """

    def draw(n: int, rng: Generator) -> Sample:
        x = rng.normal(size=n)
        z = r * x + math.sqrt(1 - r * r) * rng.normal(size=n)
        on = rng.random(n) >= dead
        return Sample(continuous(np.where(on, x, 0.0), "a"), continuous(np.where(on, z, 0.0), "b"))

    def truth() -> float:
        h = -(dead * math.log2(dead) + (1 - dead) * math.log2(1 - dead))
        return h - (1 - dead) / 2 * math.log2(1 - r * r)

    return Case(
        f"a pair off together, {dead:g}, r={r:g}", "mixed", draw, truth, "h(dead) + (1 - dead) I"
    )


_RING = np.stack([np.cos(np.arange(8) * math.pi / 4), np.sin(np.arange(8) * math.pi / 4)], axis=1)
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
