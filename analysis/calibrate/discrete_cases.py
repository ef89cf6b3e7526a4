"""Tables: rows sampled from a joint distribution of symbols.

They go from well covered to two symbols per row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.vocabulary import mutual_information
from infoplane.types import discrete
from infoplane.types.arrays import Codes, Floats

TABLES: dict[str, Callable[[], Floats]] = {}
"""The joint probabilities behind every table of the bank and of the judges, by name."""


def table_case(name: str, table: Callable[[], Floats], how: str = "sum over the table") -> Case:
    """Return rows sampled from ``p[a, b]``; the truth is the table's."""

    def draw(n: int, rng: np.random.Generator) -> Sample:
        shares = table()
        cells = np.searchsorted(np.cumsum(shares.ravel()), rng.random(n), side="right")
        a, b = np.unravel_index(np.minimum(cells, shares.size - 1), shares.shape)
        return Sample(discrete(a, "a"), discrete(b, "b"))

    TABLES[name] = table
    small = table().size <= 256
    return Case(name, "discrete", draw, lambda: mutual_information(table()), how, small)


def channel(inputs: Floats, rows: Floats) -> Floats:
    """Return the joint table of inputs, ``(A,)``, and a channel ``p(b|a)``, shape ``(A, B)``."""
    return inputs[:, None] * rows


def symmetric(symbols: int, flip: float) -> Floats:
    """Return a uniform symbol that becomes one of the others with probability ``flip``."""
    rows = np.full((symbols, symbols), flip / (symbols - 1))
    np.fill_diagonal(rows, 1 - flip)
    return channel(np.full(symbols, 1 / symbols), rows)


def labelled(inputs: Floats, flip: float, rule: Callable[[Codes], Codes]) -> Floats:
    """Return a binary rule of the symbol, flipped with a probability."""
    label = rule(np.arange(len(inputs)))
    rows = np.where(np.arange(2)[None, :] == label[:, None], 1 - flip, flip)
    return channel(inputs, rows)


def zipf(symbols: int) -> Floats:
    """Return probabilities proportional to 1/rank."""
    shares = 1 / np.arange(1, symbols + 1)
    return shares / shares.sum()


def random_table(seed: int, a: int, b: int, shape: float) -> Floats:
    """Gamma-distributed cells, normalised: Dirichlet."""
    cells = np.random.default_rng(seed).gamma(shape, size=(a, b))
    return cells / cells.sum()


def popcount(k: Codes) -> Codes:
    """Return the number of set bits."""
    return np.asarray([int(v).bit_count() for v in k])


def erasure(inputs: Floats, lost: float) -> Floats:
    """Return the symbol itself, or a blank with probability ``lost``: I = (1 - lost) H."""
    symbols = len(inputs)
    kept = (1 - lost) * np.eye(symbols)
    return channel(inputs, np.hstack([kept, np.full((symbols, 1), lost)]))


def uniform(symbols: int) -> Floats:
    """Return equal probabilities."""
    return np.full(symbols, 1 / symbols)


CASES = (
    table_case("two fair coins, independent", lambda: np.full((2, 2), 0.25), "0"),
    table_case("binary symmetric channel, flip 0.1", lambda: symmetric(2, 0.1), "1 - h(0.1)"),
    table_case(
        "symmetric channel, 4 symbols, flip 0.2",
        lambda: symmetric(4, 0.2),
        "log2 K - h(f) - f log2(K-1)",
    ),
    table_case("16 x 16 symbols, independent", lambda: np.full((16, 16), 1 / 256), "0"),
    table_case("random table 8 x 8", lambda: random_table(1, 8, 8, 0.5)),
    table_case("random table 32 x 32", lambda: random_table(2, 32, 32, 0.3)),
    table_case(
        "Zipf, 64 symbols, odd or even, flip 0.1", lambda: labelled(zipf(64), 0.1, lambda k: k % 2)
    ),
    table_case(
        "symmetric channel, 32 symbols, flip 0.5",
        lambda: symmetric(32, 0.5),
        "log2 K - h(f) - f log2(K-1)",
    ),
    table_case(
        "256 symbols, odd or even, flip 0.1",
        lambda: labelled(uniform(256), 0.1, lambda k: k % 2),
        "1 - h(0.1)",
    ),
    table_case("Zipf, 100 symbols, erased 0.3", lambda: erasure(zipf(100), 0.3), "0.7 H"),
    table_case(
        "1024 symbols, odd or even, flip 0.2",
        lambda: labelled(uniform(1024), 0.2, lambda k: k % 2),
        "1 - h(0.2)",
    ),
    table_case(
        "4096 symbols, popcount above 6",
        lambda: labelled(uniform(4096), 0.0, lambda k: (popcount(k) > 6).astype(np.int64)),
        "H(Y)",
    ),
)

JUDGES = (
    table_case(
        "Z-channel, 0.3",
        lambda: channel(np.array([0.5, 0.5]), np.array([[1.0, 0.0], [0.3, 0.7]])),
        "h(0.35) - h(0.3)/2",
    ),
    table_case(
        "symmetric channel, 7 symbols, flip 0.35",
        lambda: symmetric(7, 0.35),
        "log2 K - h(f) - f log2(K-1)",
    ),
    table_case("random table 20 x 5", lambda: random_table(11, 20, 5, 0.4)),
    table_case(
        "Zipf, 300 symbols, popcount of the rank odd, flip 0.15",
        lambda: labelled(zipf(300), 0.15, lambda k: popcount(k) % 2),
    ),
    table_case("512 symbols, erased 0.5", lambda: erasure(uniform(512), 0.5), "4.5"),
)
