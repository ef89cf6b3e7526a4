"""Wide layers that were written down before two layers were read in blocks of clusters.

A convolutional network on digits, other classes of the packaged encoder's sentences, letters of
these sentences counted without any network, sentences against digits, and pixels of digits against
a layer that was trained on them. Half of them are hard on purpose: classes that are no clusters of
a layer, or sixty of them. Each is to be read within 0.1 bit, or refused.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from infoplane.analysis.calibrate.sentences import SUBJECTS, TIMES, encoded_sentences, sentences
from infoplane.analysis.calibrate.wide_cases import LAYERS, Layer, LayerPair
from infoplane.types.arrays import Codes, Floats, Ids

_EPOCHS = 30
_BATCH = 64
_TRIGRAMS = 1024
_CANVAS = 40
"""Pixels of a side on which digits are drawn."""


@cache
def convolved_digits() -> tuple[Floats, Floats, Codes]:
    """Return two layers of a small convolutional network trained on scikit-learn's digits.

    Returns:
        Its second convolution, shape ``(1797, 512)``, the layer behind it, shape ``(1797, 384)``,
        and the digits, shape ``(1797,)``.
    """
    import torch
    from sklearn.datasets import load_digits
    from torch import nn

    digits = load_digits()
    images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
    classes = torch.tensor(digits.target, dtype=torch.int64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        convolutions = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        hidden = nn.Sequential(nn.Linear(512, 384), nn.ReLU())
        network = nn.Sequential(convolutions, hidden, nn.Linear(384, 10))
        optimizer = torch.optim.Adam(network.parameters(), 1e-3)
        for _ in range(_EPOCHS):
            order = torch.randperm(len(images))
            for start in range(0, len(images), _BATCH):
                batch = order[start : start + _BATCH]
                loss = nn.functional.cross_entropy(network(images[batch]), classes[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
                optimizer.step()
    with torch.no_grad():
        maps = convolutions(images)
        units = hidden(maps)
    return maps.double().numpy(), units.double().numpy(), np.asarray(digits.target, np.int64)


def _convolution() -> tuple[Floats, Codes]:
    maps, _, classes = convolved_digits()
    return maps, classes


def _behind_it() -> tuple[Floats, Codes]:
    _, units, classes = convolved_digits()
    return units, classes


def _even_or_odd() -> tuple[Floats, Codes]:
    maps, _, classes = convolved_digits()
    return maps, classes % 2


def _times() -> tuple[Floats, Codes]:
    """Return the encoder's layer and the last words of the sentences, seven of them."""
    layer, _ = encoded_sentences()
    return layer, np.arange(len(layer)) % len(TIMES)


def _actors() -> tuple[Floats, Codes]:
    """Return the encoder's layer and who acts in the sentences, sixty of them."""
    layer, _ = encoded_sentences()
    actors, deeds = next(iter(SUBJECTS.values()))
    count = len(SUBJECTS) * len(actors)
    return layer, np.repeat(np.arange(count), len(deeds) * len(TIMES))


@cache
def _trigrams() -> tuple[Floats, Ids]:
    """Return counts of three letters of the sentences, hashed, and their subjects."""
    from sklearn.feature_extraction.text import HashingVectorizer

    texts, subjects = sentences()
    counted = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 3), n_features=_TRIGRAMS)
    return np.asarray(counted.transform(texts).toarray(), np.float64), subjects


@cache
def _pixels() -> tuple[Floats, Codes]:
    """Return digits drawn four times as large, at random places, ``(1797, 1600)``."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(0)
    images = np.zeros((len(digits.images), _CANVAS, _CANVAS))
    for image, small in zip(images, digits.images, strict=True):
        large = np.kron(small, np.ones((4, 4)))  # (32, 32)
        top, left = rng.integers(0, _CANVAS - 32 + 1, 2)
        image[top : top + 32, left : left + 32] = large
    return images.reshape(len(images), -1), np.asarray(digits.target, np.int64)


_CONVOLUTION = Layer("digits in a convolution, 512 units", _convolution)
_BEHIND = Layer("digits in the layer behind it, 384 units", _behind_it)
_PARITY = Layer("even or odd digits in a convolution, 512 units", _even_or_odd)
_LAST_WORDS = Layer("last words of sentences by MiniLM, 384 units", _times)
_ACTORS = Layer("actors of sentences by MiniLM, 384 units", _actors)
_LETTERS = Layer("letters of sentences, 1024 units", _trigrams)
_PIXELS = Layer("digits at random places, 1600 pixels", _pixels)
_SENTENCES, _DIGITS = LAYERS

PAIRS = (
    LayerPair(_CONVOLUTION, _CONVOLUTION),
    LayerPair(_BEHIND, _BEHIND),
    LayerPair(_CONVOLUTION, _BEHIND),
    LayerPair(_PARITY, _PARITY, 2),
    LayerPair(_LAST_WORDS, _LAST_WORDS, 7),
    LayerPair(_ACTORS, _ACTORS, 60),
    LayerPair(_LETTERS, _LETTERS),
    LayerPair(_SENTENCES, _DIGITS),
    LayerPair(_PIXELS, _DIGITS),
)
CASES = tuple(case for pair in PAIRS for case in pair.cases().values())
