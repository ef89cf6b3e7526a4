"""One cell of a run: every estimator on one layer at one checkpoint, and what they share.

A failing estimator becomes a recorded failure, never a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

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
from infoplane.archive import Archive
from infoplane.contract import (
    Estimator,
    HoldsCopies,
    Points,
    ReadsBlocks,
    ReadsRowByRow,
    SharesLayer,
)
from infoplane.types import Variable


def measure_cell(
    archive: Archive,
    step: int,
    layer: str,
    tasks: Sequence[Task],
    seed: int,
    read: dict[bool, Variable],
) -> list[Record]:
    """Return one JSON-ready record per task: its points, or the error that its estimator raised.

    Args:
        archive: the run.
        step, layer: where the activation lies.
        tasks: what to measure of it.
        seed: of every random number.
        read: the activation by whether it is digests, filled as it is read: one read serves every
            estimator.

    A record whose estimator drew no random number has a key ``same``, see `Task`.
    """
    records = []
    estimators = [task.estimator for task in tasks]
    in_blocks = _read_in_blocks(archive, step, layer, estimators)
    cell = _Cell(archive, step, layer, read, in_blocks)
    together = cell.points_together(estimators)
    for task in tasks:
        estimator, name = task.estimator, task.estimator.name
        record: Record = {"step": step, "layer": layer, "estimator": name, "key": task.key}
        try:
            rng = cell_rng(seed, step, layer, name)
            untouched = _state(rng)
            found = together.get(id(estimator)) or cell.points(estimator, rng)
            require_own(found, estimator, archive.n_rows)
            found = with_notes(found, draws_note(archive, layer, estimator.traits), ())
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


@dataclass(frozen=True)
class _Cell:
    """The activation of one layer at one step.

    Attributes:
        archive: the run.
        step, layer: where the activation lies.
        read: the activation by whether it is digests, where it was read already.
        in_blocks: whether it is read in blocks by those estimators that can.
    """

    archive: Archive
    step: int
    layer: str
    read: dict[bool, Variable]
    in_blocks: bool

    def points_together(self, estimators: Sequence[Estimator]) -> dict[int, Points]:
        """Return the points of estimators that can share a pass over the layer, by their identity.

        There are none where that fails: each alone will say why.
        """
        by_class: dict[type[SharesLayer], list[Estimator]] = {}
        for estimator in estimators:
            if isinstance(estimator, SharesLayer) and estimator.shares_layer:
                by_class.setdefault(type(estimator), []).append(estimator)
        found: dict[int, Points] = {}
        for one_class, several in by_class.items():
            if len(several) < 2:
                continue
            first = several[0]
            try:
                x, y = input_variable(self.archive, first), label_variable(self.archive, first)
                z = self._z(first)
                if isinstance(z, StoredRows) or takes_both(first, x, z, y):
                    points = one_class.estimate_together(several, x, z, y)
                    found |= zip(map(id, several), points, strict=True)
            except Exception:  # each alone will say why
                continue
        return found

    def points(self, estimator: Estimator, rng: Generator) -> Points:
        """Return the points of one estimator."""
        z = self._z(estimator)
        if isinstance(z, StoredRows):
            assert isinstance(estimator, ReadsBlocks)  # as `_z` saw
            x, y = input_variable(self.archive, estimator), label_variable(self.archive, estimator)
            of_labels = () if y is None else y.notes
            return with_notes(estimator.estimate_rows(x, z, y, rng=rng), (), of_labels)
        return points_of(self.archive, self.step, self.layer, estimator, rng, z)

    def _z(self, estimator: Estimator) -> Variable | StoredRows:
        """Return the activation as this estimator wants it.

        Read once for all, or in blocks where it can work so.
        """
        digests = estimator.traits.wants == "row hashes"
        unread = digests not in self.read
        if self.in_blocks and unread and not digests and isinstance(estimator, ReadsBlocks):
            return StoredRows(self.archive, self.step, self.layer)
        if isinstance(estimator, HoldsCopies):
            require_memory(self.archive, self.layer, estimator)
        if unread:
            self.read[digests] = layer_variable(self.archive, self.step, self.layer, estimator)
        return seen_by(estimator, self.read[digests])


def _read_in_blocks(
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


def _state(rng: Generator) -> tuple[str, int]:
    seeds = rng.bit_generator.seed_seq
    return str(rng.bit_generator.state), getattr(seeds, "n_children_spawned", 0)
