"""Layers too large for memory, or for their number of rows.

The former are read from the archive in blocks, by estimators that can work that way; of the latter
a warning says before an hour is spent on them that they are saturated whatever they know.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.archive import Archive
from infoplane.contract import HoldsCopies, Traits
from infoplane.display.saturation import saturation_sentence
from infoplane.display.sizes import size_text
from infoplane.display.terminal import say
from infoplane.errors import EstimatorError, InputError
from infoplane.types import continuous

LARGE = 10_000_000
"""Numbers in a layer from which on measuring it takes long enough to be warned of."""
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def memory_bytes() -> int:
    """Return largest activation that is read whole.

    ``INFOPLANE_MEMORY`` (bytes, or with K, M, G, T), a quarter of the machine's memory otherwise.

    Raises:
        InputError: a setting that is no size.
    """
    text = os.environ.get("INFOPLANE_MEMORY", "").strip().upper().removesuffix("B")
    if not text:
        return (
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
            if hasattr(os, "sysconf")
            else 2**31
        )
    unit = text[-1] if text[-1] in _UNITS else ""
    try:
        return int(float(text.removesuffix(unit)) * _UNITS[unit])
    except ValueError as error:
        raise InputError(
            f"INFOPLANE_MEMORY: expected a size such as 2G, got {os.environ['INFOPLANE_MEMORY']!r}"
        ) from error


_SMALL_BYTES = 8 << 20
"""Up to which a layer is read whole by everybody."""


def layer_bytes(archive: Archive, layer: str) -> int:
    """Return the size of a layer's activation."""
    info = archive.layer_info(layer)
    return archive.n_rows * prod(info.shape) * np.dtype(info.store_dtype).itemsize


def is_large(archive: Archive, layer: str) -> bool:
    """Return whether a layer's activation should not be read whole."""
    return layer_bytes(archive, layer) > memory_bytes()


def pays_in_blocks(archive: Archive, layer: str) -> bool:
    """Return whether a layer is read in blocks by estimators to which that is the same."""
    return layer_bytes(archive, layer) > min(_SMALL_BYTES, memory_bytes())


def require_memory(archive: Archive, layer: str, estimator: HoldsCopies) -> None:
    """Refuse to estimate what would not fit into memory.

    Args:
        archive: the run.
        layer: to be read whole.
        estimator: knows how much it holds in addition to the layer.

    Raises:
        EstimatorError: the layer, or what the estimator holds in addition, is larger than
            `memory_bytes`.
    """
    info, most = archive.layer_info(layer), memory_bytes()
    rows, units = archive.n_rows, prod(info.shape)
    own = rows * units * np.dtype(info.store_dtype).itemsize
    extra = estimator.bytes_needed(rows, units)
    if not extra or max(own, extra) <= most:
        return
    raise EstimatorError(
        f"layer {layer!r} has {rows} rows of {units} units: {size_text(own)}, and "
        f"{size_text(extra)} beside it, more than INFOPLANE_MEMORY={size_text(most)} allows: take "
        "fewer probe rows or units (reduce=, max_rows=), or raise INFOPLANE_MEMORY"
    )


class StoredRows:
    """Rows of a stored activation, shape ``(n, units)``, in blocks.

    Checked for what the whole would be checked for.

    Attributes:
        shape: rows and units. dtype: float32 or float64.
    """

    def __init__(self, archive: Archive, step: int, layer: str) -> None:
        self._archive, self._step, self._layer = archive, step, layer
        info = archive.layer_info(layer)
        self.shape: tuple[int, int] = (archive.n_rows, prod(info.shape))
        self.dtype: np.dtype[Any] = np.dtype(
            np.float64 if info.store_dtype == "float64" else np.float32
        )

    def blocks(self, rows: int) -> Iterator[NDArray[np.floating[Any]]]:
        """Yield all rows in order, at most so many at a time.

        The checksum is checked after the last.
        """
        for block in self._archive.chunks(self._step, self._layer, rows):
            yield continuous(block, self._layer).values.astype(self.dtype, copy=False)


def say_saturation(archive: Archive, traits: Sequence[Traits], layers: Sequence[str]) -> None:
    """Say on stderr which large layers have no fewer units than the run has rows.

    Args:
        archive: the run.
        traits: of the estimators; exact codes and usable information mean something at such layers
            too.
        layers: that are measured.
    """
    if all(one.measures == "usable" or one.family == "exact codes" for one in traits):
        return
    rows = archive.n_rows
    infos = [archive.layer_info(layer) for layer in layers]
    large = any(prod(info.shape) >= max(rows, LARGE / rows) for info in infos)
    text = saturation_sentence(infos, rows) if large else ""
    if text:
        say(text, file=sys.stderr)
