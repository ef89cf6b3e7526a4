"""Read what two layers share as classes: codes of each, merged into blocks that the pairs support.

The ratio of densities is modelled as a sum over blocks, ``sum_jk p(j|x) p(k|z) R_jk / (p_j p_k)``.
Codes of a layer's leading scores never see a pair; blocks, the table R and the sharpness of the
posteriors are learnt on the training pairs. Held-out pairs read the ratio (Donsker and Varadhan).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.wide_blocks import merge_codes
from infoplane.analysis.estimators.wide_features import (
    Scores,
    canonical_directions,
    code_book,
)
from infoplane.analysis.estimators.wide_readings import Fold, Folds, Reading, cross_fit, split_inner
from infoplane.analysis.estimators.wide_smoothing import Smoother, smoother_of
from infoplane.types.arrays import Codes, Floats, Ids

BOOKS = (16, 32, 64)
"""How many codes a layer may have; the pairs decide."""
_ROUNDS = 2
"""How often the classes of training rows are corrected by their partners."""
_STEPS = 30
"""Steps of expectation-maximisation for the table of blocks."""
_SHARPNESS = (3.0, 5.0, 8.0, 12.0)
"""Factors of the smooth fit before it becomes probabilities."""
_DOUBTS = (0.005, 0.02, 0.06)
"""Shares of the mean that probabilities are mixed with."""
_VOTES = 0.5
"""Weight of the neighbours' votes beside the smooth fit."""
_CLEAR = 2.5
"""Standard errors by which agreeing directions must tell more to be taken."""
_MOST_TO_CODE = 3000
"""Rows on which the centres of codes are found."""
_MOST_TO_TUNE = 2000
"""Rows on which sharpness and doubt are chosen."""


@dataclass(frozen=True)
class Side:
    """One layer as it is coded.

    Attributes:
        features: shape ``(n, m)``.
        books: codes of every row, shape ``(n,)``, by the number of codes.
    """

    features: Floats
    books: dict[int, Codes]


@dataclass(frozen=True)
class Linked:
    """Two layers in blocks.

    Attributes:
        sides: features and codes of both.
        labels: blocks of all rows of both, shape ``(n,)`` each.
    """

    sides: tuple[Side, Side]
    labels: tuple[Codes, Codes]

    def classes(self) -> tuple[Floats, Floats]:
        """Return whether a row lies in a block, shapes ``(n, J)`` and ``(n, K)``."""
        first, second = (np.eye(int(labels.max()) + 1)[labels] for labels in self.labels)
        return first, second

    def gains(self, rows: Ids, inner: Ids) -> Floats:
        """Return bits of the inner rows by the table of blocks of the others, shape ``(i,)``."""
        first, second = self.labels
        expected = np.outer(np.bincount(first), np.bincount(second)) / len(first) ** 2
        table = _count(first, second, rows) + expected * expected.size / 2
        table = table / table.sum()
        ratio = table / np.outer(table.sum(axis=1), table.sum(axis=0))
        return np.log2(ratio[first[inner], second[inner]])


def side_of(features: Floats) -> Side:
    """Code a layer's rows by the nearest of 16, 32 and 64 centres, found on 3000 rows at most."""
    rows = np.random.default_rng(0).permutation(len(features))[:_MOST_TO_CODE]
    return Side(features, {codes: code_book(features, rows, codes) for codes in BOOKS})


def read_blocks(first: Scores, second: Scores, folds: Folds) -> Reading:
    """Read the information of two layers' blocks on held-out rows.

    What half of the rows lose is the mean of two losses: with blocks of their own, and with the
    blocks of all training rows. The first shrinks faster than one over the rows, since blocks that
    are found once are lost no more; the second shrinks more slowly.

    Args:
        first: leading scores of a layer, n rows.
        second: of the other.
        folds: of the rows.
    """
    largest = largest_sides(first, second)
    of_largest = smoothers_of(largest)

    def read(fold: Fold) -> tuple[Floats, Floats]:
        linked = link(first, second, largest, fold.train)
        smoothers = of_largest if linked.sides is largest else smoothers_of(linked.sides)
        by_halves = []
        for half in np.array_split(fold.train, [len(fold.train) // 2]):
            own = link(first, second, largest, half)
            of_own = of_largest if own.sides is largest else smoothers_of(own.sides)
            by_halves.append(_gains(own, of_own, half, fold.tested))
            by_halves.append(_gains(linked, smoothers, half, fold.tested))
        half_bits = np.mean(by_halves, axis=0)
        return half_bits, _gains(linked, smoothers, fold.train, fold.tested)

    return cross_fit("blocks of codes", read, folds)


def largest_sides(first: Scores, second: Scores) -> tuple[Side, Side]:
    """Code both layers in their leading scores, whichever rows are paired."""
    return side_of(first.weighted), side_of(second.weighted)


def smoothers_of(sides: tuple[Side, Side]) -> tuple[Smoother, Smoother]:
    """Prepare the smoothers of both layers."""
    return smoother_of(sides[0].features), smoother_of(sides[1].features)


def link(first: Scores, second: Scores, largest: tuple[Side, Side], train: Ids) -> Linked:
    """Put two layers into blocks.

    The codes are those of the leading scores, or of the directions in which the layers agree where
    these clearly tell more of a quarter of the training rows.

    Args:
        first: leading scores of a layer, n rows.
        second: of the other.
        largest: codes of the leading scores.
        train: rows whose pairs are seen, in random order.
    """
    inner, rows = split_inner(train)
    gains = _linked(largest, rows).gains(rows, inner)
    agreed = _linked(_agreeing_sides(first, second, rows), rows).gains(rows, inner)
    more = agreed - gains
    if more.mean() > _CLEAR * more.std() / np.sqrt(len(more)):
        return _linked(_agreeing_sides(first, second, train), train)
    return _linked(largest, train)


def _agreeing_sides(first: Scores, second: Scores, train: Ids) -> tuple[Side, Side]:
    found = canonical_directions(first.white[train], second.white[train])
    return (
        side_of(first.white @ (found.first * found.correlations)),
        side_of(second.white @ (found.second * found.correlations)),
    )


def _linked(sides: tuple[Side, Side], rows: Ids) -> Linked:
    """Merge codes into blocks, of as many codes as the pairs of these rows support best."""
    first, second = sides
    tables = {codes: _count(first.books[codes], second.books[codes], rows) for codes in BOOKS}
    merged = {codes: merge_codes(table) for codes, table in tables.items()}
    best = max(BOOKS, key=lambda codes: merged[codes].evidence)
    labels = merged[best].first[first.books[best]], merged[best].second[second.books[best]]
    return Linked(sides, labels)


def _count(first: Codes, second: Codes, rows: Ids) -> Codes:
    """Return how often the codes came together in some rows, ``(K, L)``."""
    table = np.zeros((int(first.max()) + 1, int(second.max()) + 1), np.int64)
    np.add.at(table, (first[rows], second[rows]), 1)
    return table


def _gains(linked: Linked, smoothers: tuple[Smoother, Smoother], train: Ids, tested: Ids) -> Floats:
    """Return bits of the tested pairs, shape ``(t,)``.

    Classes of rows are smoothed and the table is fitted; then the classes of training rows are
    corrected by their partners, and both is done again.

    Args:
        linked: both layers in blocks.
        smoothers: of both layers.
        train: pairs to learn from.
        tested: pairs held out.
    """
    first, second = linked.classes()
    if first.shape[1] == 1 or second.shape[1] == 1:
        return np.zeros(len(tested))
    for _ in range(_ROUNDS):
        ratio, first, second = _fit(first, second, smoothers, train)
        by_partner = second[train] @ ratio.T, first[train] @ ratio
        first, second = (
            _corrected(first, train, by_partner[0]),
            _corrected(second, train, by_partner[1]),
        )
    ratio, first, second = _fit(first, second, smoothers, train)
    by_chance = float(first.mean(axis=0) @ ratio @ second.mean(axis=0))
    return np.log2(_of_pairs(first[tested], ratio, second[tested]) / by_chance)


def _fit(
    first: Floats, second: Floats, smoothers: tuple[Smoother, Smoother], train: Ids
) -> tuple[Floats, Floats, Floats]:
    """Return the ratio of blocks ``(J, K)`` and posteriors as sharp as suits the pairs."""
    from scipy.special import softmax

    fits = smoothers[0].fit(first), smoothers[1].fit(second)
    votes = smoothers[0].vote(first), smoothers[1].vote(second)
    some = train[:_MOST_TO_TUNE]
    best, most = (first, second), -np.inf
    for sharpness in _SHARPNESS:
        plain = [
            _VOTES * vote + (1 - _VOTES) * softmax(sharpness * fit, axis=1)
            for fit, vote in zip(fits, votes, strict=True)
        ]
        for doubt in _DOUBTS:
            one, other = ((1 - doubt) * shares + doubt * shares.mean(axis=0) for shares in plain)
            ratio = _ratio_of_blocks(one, other, some)
            gain = float(np.log(_of_pairs(one[some], ratio, other[some])).mean())
            if gain > most:
                best, most = (one, other), gain
    return _ratio_of_blocks(*best, train), *best


def _ratio_of_blocks(first: Floats, second: Floats, train: Ids) -> Floats:
    """Return joint over product of the blocks' probabilities, by expectation-maximisation."""
    one, other = first[train], second[train]
    product = np.outer(first.mean(axis=0), second.mean(axis=0))
    joint: Floats = (product + one.T @ other / len(train)) / 2
    for _ in range(_STEPS):
        ratio = joint / product
        weights = 1 / _of_pairs(one, ratio, other)
        counted = ratio * ((one * weights[:, None]).T @ other)
        drawn = counted + product * product.size / 2
        joint = drawn / drawn.sum()
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    return joint / product


def _of_pairs(first: Floats, ratio: Floats, second: Floats) -> Floats:
    return ((first @ ratio) * second).sum(axis=1)


def _corrected(classes: Floats, train: Ids, by_partner: Floats) -> Floats:
    """Return the classes with those of training rows weighed by what their partners say."""
    corrected = classes.copy()
    weighed = classes[train] * by_partner
    corrected[train] = weighed / weighed.sum(axis=1, keepdims=True)
    return corrected
