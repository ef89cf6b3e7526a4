"""One cell of a run: every estimator on one layer at one checkpoint, and what they share.

A failing estimator becomes a recorded failure, never a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from infoplane.analysis.measuring.large_layers import (
    StoredRows,
    is_large,
    pays_in_blocks,
    require_memory,
)
from infoplane.analysis.measuring.plane_point import cell_rng, points_of, takes_both, with_notes
from infoplane.analysis.measuring.records import Record, Task
from infoplane.analysis.measuring.validity import draws_note, require_own
from infoplane.analysis.measuring.variables import (
    input_variable,
    label_variable,
    layer_variable,
    seen_by,
)
from infoplane.contract import (
    Estimator,
    HoldsCopies,
    Points,
    ReadsBlocks,
    ReadsRowByRow,
    SharesLayer,
)
from infoplane.types import Estimate, Quantity, Variable

if TYPE_CHECKING:
    from infoplane.archive import Archive


def measure_cell(
    archive: Archive,
    step: int,
    layer: str,
    tasks: Sequence[Task],
    seed: int,
    read: dict[bool, Variable] | None = None,
) -> list[Record]:
    """Return one JSON-ready record per task: its points, or the error that its estimator raised.

    Args:
        archive: the run.
        step, layer: where the activation lies.
        tasks: what to measure of it.
        seed: of every random number.
        read: the activation by whether it is digests, where it was read already; filled otherwise.
            One read serves every estimator.

    A record whose estimator drew no random number has a key ``same``, see `Task`.
    """
    records = []
    read = {} if read is None else read
    estimators = [task.estimator for task in tasks]
    in_blocks = read_in_blocks(archive, step, layer, estimators)
    together = _together(archive, step, layer, estimators, read, in_blocks=in_blocks)
    for task in tasks:
        estimator, name = task.estimator, task.estimator.name
        record: Record = {"step": step, "layer": layer, "estimator": name, "key": task.key}
        try:
            rng = cell_rng(seed, step, layer, name)
            untouched = _state(rng)
            found = together.get(id(estimator)) or _points(
                archive, step, layer, estimator, rng, read, in_blocks=in_blocks
            )
            require_own(found, estimator, archive.n_rows)
            found = _with_draws(found, draws_note(archive, layer, estimator.traits))
            record["points"] = [
                {"quantity": quantity, **estimate.to_dict()} for quantity, estimate in found
            ]
            if _state(rng) == untouched:
                record["same"] = task.same
        # a cell that fails costs itself only; the message travels with the plane
        except Exception as error:
            record["error"] = f"{type(error).__name__}: {error}"
        records.append(record)
    return records


def _with_draws(found: Points, note: tuple[str, ...]) -> Points:
    """Return the points, those of I(X;Z) with the note on the noise of the layer."""
    points: Points = []
    for quantity, estimate in found:
        notes = (*estimate.notes, *(note if quantity == "i_xz" else ()))
        points.append((quantity, replace(estimate, notes=notes)))
    return points


def read_in_blocks(
    archive: Archive, step: int, layer: str, estimators: Sequence[Estimator]
) -> bool:
    """Return whether a layer is read in blocks of rows by those of its estimators that can.

    It is too large, or all of them that want its values take it row by row, so that blocks give the
    numbers of the whole.

    Args:
        archive: the run.
        step, layer: where the activation lies.
        estimators: that measure it.
    """
    if is_large(archive, layer):
        return True
    if not pays_in_blocks(archive, layer) or archive.n_nonfinite(step, layer):
        return False
    if np.dtype(archive.layer_info(layer).store_dtype).kind != "f":
        return False
    for estimator in estimators:
        by_row = isinstance(estimator, ReadsRowByRow) and estimator.row_by_row
        if estimator.traits.wants == "values" and not by_row:
            return False
    return True


def _state(rng: np.random.Generator) -> tuple[str, int]:
    seeds = rng.bit_generator.seed_seq
    return str(rng.bit_generator.state), getattr(seeds, "n_children_spawned", 0)


def _together(
    archive: Archive,
    step: int,
    layer: str,
    estimators: Sequence[Estimator],
    read: dict[bool, Variable],
    *,
    in_blocks: bool,
) -> dict[int, list[tuple[Quantity, Estimate]]]:
    """Return the points of estimators that can share a pass over the layer, by their identity.

    There are none where that fails: each alone will say why.
    """
    if len(estimators) < 2:
        return {}
    count = Counter(map(type, estimators))
    by_class: dict[type[SharesLayer], list[Estimator]] = {}
    for estimator in estimators:
        if count[type(estimator)] < 2:
            continue
        if isinstance(estimator, SharesLayer) and estimator.shares_layer:
            by_class.setdefault(type(estimator), []).append(estimator)
    found: dict[int, list[tuple[Quantity, Estimate]]] = {}
    for one_class, several in by_class.items():
        if len(several) < 2:
            continue
        try:
            x, y = input_variable(archive, several[0]), label_variable(archive, several[0])
            z = _z(archive, step, layer, several[0], read, in_blocks=in_blocks)
            if isinstance(z, StoredRows) or takes_both(several[0], x, z, y):
                points = one_class.estimate_together(several, x, z, y)
                found |= zip(map(id, several), points, strict=True)
        except Exception:  # each alone will say why
            continue
    return found


def _points(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    rng: np.random.Generator,
    read: dict[bool, Variable],
    *,
    in_blocks: bool,
) -> list[tuple[Quantity, Estimate]]:
    z = _z(archive, step, layer, estimator, read, in_blocks=in_blocks)
    if isinstance(z, StoredRows):
        assert isinstance(estimator, ReadsBlocks)  # as `_z` saw
        y = label_variable(archive, estimator)
        found = estimator.estimate_rows(input_variable(archive, estimator), z, y, rng=rng)
        return with_notes(found, y, ())
    return points_of(archive, step, layer, estimator, rng, z)


def _z(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    read: dict[bool, Variable],
    *,
    in_blocks: bool,
) -> Variable | StoredRows:
    """Return the activation as this estimator wants it.

    Read once for all, or in blocks where it can work so.
    """
    digests = estimator.traits.wants == "row hashes"
    unread = digests not in read
    if in_blocks and unread and not digests and isinstance(estimator, ReadsBlocks):
        return StoredRows(archive, step, layer)
    if isinstance(estimator, HoldsCopies):
        require_memory(archive, layer, estimator)
    if unread:
        read[digests] = layer_variable(archive, step, layer, estimator)
    return seen_by(estimator, read[digests])
