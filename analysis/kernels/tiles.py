"""What the compiled loops over pairs of rows are given.

Apart from the loops themselves, because numba takes a while to load.
"""

from __future__ import annotations

from typing import NamedTuple

from infoplane.types.arrays import Codes, Values

TILE = 512
"""Rows and columns of a tile: its row of distances stays in the first-level cache."""


class Classes(NamedTuple):
    """N rows that were sorted by class, and M further groupings of them.

    Attributes:
        first, last: where the class of each row begins and ends, shape ``(N,)``.
        groups: codes of the further groupings, shape ``(M, N)``.
    """

    first: Codes
    last: Codes
    groups: Codes


class Blocks(NamedTuple):
    """N rows that were sorted by block.

    Attributes:
        edges: block b is the rows ``edges[b]`` to ``edges[b + 1]``, shape ``(blocks + 1,)``.
        block_of: the block of each row, shape ``(N,)``.
    """

    edges: Codes
    block_of: Codes


class Points(NamedTuple):
    """N sorted rows, by whichever their distances are made of, and the exponents of V variances.

    Attributes:
        columns: coordinates, shape ``(dim, N)``, dim a multiple of the loops' stride; empty where
            distances are made of products.
        norms: squared norms, shape ``(N,)``; empty where distances are sums of differences.
        scales: what distances are multiplied by, shape ``(V,)``, float32.
    """

    columns: Values
    norms: Values
    scales: Values


class Tile(NamedTuple):
    """Some rows against some columns, which are rows too.

    Attributes:
        row, column: the first of each.
        height, width: how many of each.
        offset: where the sums of these columns begin.
    """

    row: int
    column: int
    height: int
    width: int
    offset: int


class Side(NamedTuple):
    """Rows that meet others.

    Attributes:
        norms: squared norms, shape ``(n,)``.
        groups: codes of M groupings, shape ``(M, n)``.
    """

    norms: Values
    groups: Codes
