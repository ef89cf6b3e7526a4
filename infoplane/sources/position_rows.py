"""Which positions inside the samples of an import are rows: tokens, pixels, nodes."""

from __future__ import annotations

from collections import Counter

import numpy as np

from infoplane.errors import InputError
from infoplane.positions import ChosenRows, WantedRows, choose_rows
from infoplane.positions.masks import Sequences, key_of, sequences_of, warn_of_padding
from infoplane.sources.rows import Layers
from infoplane.sources.samples import Samples
from infoplane.types.arrays import Array, Ids, Shape, to_numpy


def choose_positions(wanted: WantedRows, layers: Layers, samples: Samples) -> ChosenRows:
    """Choose which positions are rows, with X and labels.

    Args:
        wanted: which rows the user wants.
        layers: arrays of one step, samples first.
        samples: their inputs and identities.

    Raises:
        InputError: rows that layers and inputs cannot give.
    """
    if samples.ids is not None and samples.inputs:
        raise InputError("row_ids= replace inputs: leave one of the two out")
    ids = samples.codes() if samples.inputs else _given_ids(wanted, samples.ids)
    if wanted.kind == "node":
        return _nodes(wanted, samples)
    if wanted.kind == "pixel":
        return _pixels(wanted, layers, samples, ids)
    key = key_of(samples.inputs, wanted.key)
    sequences = None if key is None else sequences_of(samples.inputs, key, wanted.mask)
    if sequences is not None:
        warn_of_padding(sequences, f"rows='token': input {key!r}")
    shape = _token_shape(wanted, layers, samples.n, sequences)
    _require_grid(layers, shape[1:], 1, "(samples, positions, units)")
    if sequences is None and isinstance(wanted.mask, str):
        raise InputError(f"mask={wanted.mask!r} names an input, and none is given: give inputs=")
    causal = wanted.x == "prefix"
    return choose_rows(wanted, shape, sequences=sequences, samples=ids, causal=causal)


def _given_ids(wanted: WantedRows, ids: Array | None) -> Ids | None:
    """The row ids that were given, shape ``(n,)``."""
    if ids is None:
        return None
    if wanted.kind == "node":
        raise InputError(
            "row_ids= belong to samples: the rows of one graph are nodes, leave it out"
        )
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(
            f"row_ids: expected integers of shape ({len(ids)},), got {ids.dtype} of shape "
            f"{ids.shape}"
        )
    return ids.astype(np.int64)


def _token_shape(wanted: WantedRows, layers: Layers, n: int, sequences: Sequences | None) -> Shape:
    """Samples and positions ``(n, T)``: of the tokens, of the mask, else of most layers."""
    if sequences is not None:
        return sequences.valid.shape
    if wanted.mask is not None and not isinstance(wanted.mask, str):
        mask = to_numpy(wanted.mask)
        if mask.ndim != 2 or len(mask) != n:
            raise InputError(f"mask: expected shape ({n}, positions), got {mask.shape}")
        return mask.shape
    lengths = Counter(rows.shape[1] for rows in layers.values() if len(rows.shape) > 2)
    if not lengths:
        raise InputError(
            f"rows='token' needs layers of shape (samples, positions, units), got {_shapes(layers)}"
        )
    return n, lengths.most_common(1)[0][0]


def _shapes(layers: Layers) -> dict[str, Shape]:
    """The shapes of some layers, for messages."""
    return {name: rows.shape for name, rows in list(layers.items())[:8]}


def _require_grid(layers: Layers, grid: Shape, axis: int, form: str) -> None:
    """Refuse layers that do not have the positions, by name."""
    lacking = []
    for name, rows in layers.items():
        if rows.shape[axis : axis + len(grid)] != grid:
            lacking.append(f"{name!r} {rows.shape}")
    if lacking:
        size = "x".join(map(str, grid))
        raise InputError(
            f"{', '.join(lacking[:8])}: expected {form} with {size} positions; choose the layers "
            "that have them by layers=[...], and store the others with one row per sample"
        )


def _pixels(wanted: WantedRows, layers: Layers, samples: Samples, ids: Ids | None) -> ChosenRows:
    images = [array for array in samples.inputs.values() if array.ndim == 4]
    own = images[0].shape[2:] if images else ()
    grids = Counter(rows.shape[2:] for rows in layers.values() if len(rows.shape) == 4)
    form = "(samples, channels, height, width)"
    if not grids:
        raise InputError(f"rows='pixel' needs layers of shape {form}, got {_shapes(layers)}")
    grid = own if own in grids else grids.most_common(1)[0][0]
    _require_grid(layers, grid, 2, form)
    features = np.moveaxis(images[0], 1, -1) if own == grid else None
    return choose_rows(wanted, (samples.n, *grid), samples=ids, features=features)


def _nodes(wanted: WantedRows, samples: Samples) -> ChosenRows:
    nodes = samples.n
    first = next(iter(samples.inputs.values()), None)
    features = None if first is None else first.reshape(nodes, -1)
    ids = np.arange(nodes, dtype=np.int64)
    return choose_rows(wanted, (nodes,), samples=ids, features=features)
