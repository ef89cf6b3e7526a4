"""Wide layers with known information: rows of classes that a symmetric channel links.

Two rows of one class share exactly H(class) where a row tells its class and nothing else; a
channel between the two classes tunes it to any value below (Lee and Rhee 2024, arXiv 2410.07000).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.random import Generator

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.discrete_cases import symmetric
from infoplane.analysis.calibrate.sentences import encoded_sentences
from infoplane.analysis.vocabulary import mutual_information
from infoplane.types import continuous, discrete
from infoplane.types.arrays import Codes, Floats

_BITS = (0.0, 0.5, 1.0, 2.0, math.log2(10))
_UNITS = 512


def channel_bits(classes: int, flip: float) -> float:
    """Return I of a uniform class and what a symmetric channel makes of it.

    Args:
        classes: how many there are.
        flip: probability of another class, all others equally likely.
    """
    return mutual_information(symmetric(classes, flip))


def flip_of(classes: int, bits: float) -> float:
    """Return the probability of another class that leaves so many bits."""
    from scipy.optimize import brentq

    most = 1 - 1 / classes
    if bits <= 0:
        return most
    if bits >= math.log2(classes):
        return 0.0
    return float(brentq(lambda flip: channel_bits(classes, flip) - bits, 1e-15, most))


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of rows whose class is known.

    Attributes:
        name: of the layer.
        rows: computes activations, shape ``(N, d)``, and classes from 0, shape ``(N,)``.
    """

    name: str
    rows: Callable[[], tuple[Floats, Codes]]

    def case(self, bits: float, *, labels: bool, other: Layer | None = None) -> Case:
        """Build a pair of rows, or a row and a label, whose classes share so many bits.

        Args:
            bits: of the channel between the classes.
            labels: whether the second of the pair is the label and not a row.
            other: layer of the second row, with the same classes; this one by default.
        """
        opposite = self if other is None else other

        def draw(n: int, rng: Generator) -> Sample:
            activations, classes = self.rows()
            count = int(classes.max()) + 1
            sent = rng.integers(0, count, n)
            changed = (sent + rng.integers(1, count, n)) % count
            got = np.where(rng.random(n) < flip_of(count, bits), changed, sent)
            first = continuous(activations[_rows_of(sent, classes, rng)], "a")
            if labels:
                return Sample(first, discrete(got, "b"))
            received, classes = opposite.rows()
            return Sample(first, continuous(received[_rows_of(got, classes, rng)], "b"))

        kind = "label" if labels else "pair"
        beside = "" if opposite is self else f" and {opposite.name}"
        return Case(
            f"{self.name}{beside}: {kind}, {bits:.2f} bits",
            "label" if labels else "high-dimensional",
            draw,
            lambda: bits,
            "symmetric channel between the classes of rows",
            False,
        )


def _rows_of(wanted: Codes, classes: Codes, rng: Generator) -> Codes:
    """Draw a row of each wanted class; none of them again before all of its class were drawn."""
    rows = np.empty(len(wanted), np.int64)
    for label in np.unique(wanted):
        places = np.flatnonzero(wanted == label)
        members = np.flatnonzero(classes == label)
        rounds = -(-len(places) // len(members))
        drawn = np.concatenate([rng.permutation(members) for _ in range(rounds)])
        rows[places] = drawn[: len(places)]
    return rows


@cache
def trained_digits() -> tuple[Floats, Codes]:
    """Return the hidden layer of a network trained on scikit-learn's digits, ``(1797, 512)``."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    digits = load_digits()
    pixels = digits.data / 16
    network = MLPClassifier((_UNITS,), alpha=1e-3, max_iter=400, tol=1e-3, random_state=0)
    network.fit(pixels, digits.target)
    hidden = np.maximum(pixels @ network.coefs_[0] + network.intercepts_[0], 0)
    return np.asarray(hidden, np.float64), np.asarray(digits.target, np.int64)


@dataclass(frozen=True, eq=False)
class LayerPair:
    """Two layers whose rows a channel between their classes links.

    Attributes:
        first: of the pair.
        second: with the same classes.
        classes: how many there are.
    """

    first: Layer
    second: Layer
    classes: int = 10

    def cases(self) -> dict[float, Case]:
        """Return a case for every number of bits that the classes can share."""
        most = math.log2(self.classes)
        found = {}
        for bits in _BITS:
            if bits <= most:
                found[bits] = self.first.case(bits, labels=False, other=self.second)
        return found


LAYERS = (
    Layer("sentences by MiniLM, 384 units", encoded_sentences),
    Layer("digits in a trained layer, 512 units", trained_digits),
)
PAIRS = tuple(LayerPair(layer, layer) for layer in LAYERS)

CASES = tuple(
    layer.case(bits, labels=labels) for layer, labels, bits in product(LAYERS, (True, False), _BITS)
)
