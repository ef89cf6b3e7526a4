"""Which probe rows the interchange test looks at.

Rows that differ, and those that hold what few rows hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from infoplane.hooks.network.sites import Site
from infoplane.hooks.probing.probe import Probe, to_numpy

FEWEST, MOST = 8, 128
_FEWEST_WIDE = 4
"""Fewest rows where `FEWEST` would take more than `_BYTES`."""
_BYTES = 32 << 20
"""What the rows x may take in all layers, or in the widest output."""
_BYTES_AGAIN = 2 << 20
"""What a test may hold beside a capture."""
_COPIES = 6
"""Values of every layer that a test holds at once, of one of the two sets of rows."""
_PARAMETERS = 128_000_000
_LOOKED_AT, _BYTES_LOOKED_AT = 4096, 64 << 20
_COLUMNS = 256
Rows = NDArray[np.int64]


def how_many(
    model: nn.Module, probe: Probe, sites: Sequence[Site], *, widest_bytes: int = 0
) -> int:
    """Return the number of rows x: 4 to 8 of a large network, up to 128 of a small one.

    Args:
        model: the bare network.
        probe: rows to choose from.
        sites: the layers.
        widest_bytes: of one row of the widest output, which may be none of the layers.
    """
    parameters = sum(p.numel() for p in model.parameters())
    layers = _layer_bytes(sites)
    inner = 16 * _input_bytes(probe)  # what is computed between the layers
    by_memory = _BYTES // max(layers + inner, widest_bytes, 1)
    by_time = _PARAMETERS // max(parameters, 1)
    fewest = max(_FEWEST_WIDE, min(FEWEST, _BYTES // max(layers, widest_bytes, 1)))
    return min(max(fewest, min(by_memory, by_time)), MOST)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows x and the rows x' that run in their place.

    Attributes:
        x, other: numbers of samples of the probe, shape ``(k,)`` each.
    """

    x: Rows
    other: Rows

    def beside_a_capture(self, probe: Probe, sites: Sequence[Site]) -> Pairs:
        """Fewer rows, so that a test holds no more than a small batch while the network trains."""
        per_pair = _COPIES * _layer_bytes(sites) + 4 * _input_bytes(probe)
        count = min(len(self.x), max(FEWEST, _BYTES_AGAIN // max(per_pair, 1)))
        spread = evenly_spread(count, len(self.x))
        return Pairs(self.x[spread], self.other[spread])


def evenly_spread(count: int, rows: int) -> Rows:
    """Return up to ``count`` numbers of rows, evenly spread over all, each once."""
    return np.unique(np.linspace(0, rows - 1, min(count, rows)).astype(np.int64))


def _layer_bytes(sites: Sequence[Site]) -> int:
    """Bytes of one row of all layers."""
    return sum(site.row_bytes for site in sites)


def _input_bytes(probe: Probe) -> int:
    """Bytes of one row of all inputs."""
    return sum(tensor[:1].nbytes for tensor in probe.tensors().values())


def two_sets(probe: Probe, most: int) -> tuple[Rows, Rows]:
    """Return numbers of equally many rows that differ row by row in every input.

    Shape ``(k,)`` each; wherever the probe allows.
    """
    fitting = max(2 * most, _BYTES_LOOKED_AT // max(_input_bytes(probe), 1))
    looked_at = min(probe.n, _LOOKED_AT, fitting)
    among = evenly_spread(looked_at, probe.n)
    tensors = probe.take(among).tensors().values()
    tables = [to_numpy(tensor).reshape(len(among), -1) for tensor in tensors]
    codes = np.stack([_codes(table) for table in tables])  # (inputs, rows)
    _, distinct = np.unique(codes, axis=1, return_index=True)
    distinct = np.sort(distinct)
    if len(distinct) < 2:
        distinct = np.arange(len(among))
    pairs = max(1, min(most, len(distinct) // 2))
    chosen = distinct[_spread([table[distinct] for table in tables], 2 * pairs)]
    first, second = chosen[0::2], chosen[1::2]
    shifted = [np.roll(second, shift) for shift in range(pairs)]
    equal = [np.sum(codes[:, first] == codes[:, other]) for other in shifted]
    return among[first], among[shifted[int(np.argmin(equal))]]


def _codes(table: NDArray[np.generic]) -> Rows:
    """A number for every row, equal where rows have equal bytes."""
    known: dict[bytes, int] = {}
    digests = [hashlib.blake2b(row.tobytes()).digest() for row in table]
    return np.array([known.setdefault(digest, len(known)) for digest in digests], np.int64)


def _spread(tables: Sequence[NDArray[np.generic]], count: int) -> Rows:
    """``count`` rows, half of them with the largest or smallest value of a column.

    The rest lie evenly between.
    """
    holders = np.stack([_extremes(table) for table in tables], 1).reshape(-1)  # inputs in turn
    picked = np.array([*dict.fromkeys(holders.tolist())][: count // 2], np.int64)
    left = np.setdiff1d(np.arange(len(tables[0])), picked)
    even = left[evenly_spread(count - len(picked), len(left))]
    return np.concatenate([picked, even])


def _extremes(table: NDArray[np.generic]) -> Rows:
    """Rows that hold the largest or the smallest value of a column, or sum of columns, in turn."""
    columns = np.linspace(0, table.shape[1] - 1, _COLUMNS).astype(np.int64)
    values = np.nan_to_num(table[:, columns].astype(np.float64))
    total = (values / (2 * len(columns))).sum(1, keepdims=True)  # divided first: sums overflow
    values = np.concatenate([total, values], axis=1)
    return np.stack([values.argmax(0), values.argmin(0)], 1).reshape(-1)
