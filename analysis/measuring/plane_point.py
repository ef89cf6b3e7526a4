"""One cell of the plane: every estimator on one layer at one checkpoint.

A failing estimator becomes a recorded failure, never a number.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.measuring.large_layers import (
    StoredRows,
    is_large,
    pays_in_blocks,
    require_memory,
)
from infoplane.analysis.measuring.validity import (
    noise_seen,
    possible,
    refuse_lone_symbols,
    whole_layer_note,
)
from infoplane.contract import (
    Estimator,
    HasFrozenRange,
    HoldsCopies,
    ReadsBlocks,
    ReadsRowByRow,
    SharesLayer,
    SharesPlanePoint,
)
from infoplane.errors import EstimatorError, InputError
from infoplane.memo import remembered
from infoplane.patterns import did_you_mean
from infoplane.plane import Failure, Point
from infoplane.types import Estimate, Kind, Quantity, Variable, continuous, discrete

if TYPE_CHECKING:
    from infoplane.archive import Archive

Record = dict[str, Any]  # Any: JSON, as a result line stores it


RESULTS = "6"
"""Of results in a run's log: a change of what estimators give changes it, and results of before are
measured again.
"""


def cell_rng(seed: int, step: int, layer: str, spec: str) -> np.random.Generator:
    """Return the generator of one estimator in one cell.

    The same whatever the order of work or the number of workers.
    """
    return np.random.default_rng(
        [seed, step, zlib.crc32(layer.encode()), zlib.crc32(spec.encode())]
    )


def result_key(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    seed: int,
    *,
    any_step: bool = False,
) -> str:
    """Name one result of a run: equal inputs have equal keys.

    Args:
        archive: the run.
        step, layer: where its activation lies.
        estimator: with the range over which its edges are frozen, if any.
        seed: of its random numbers.
        any_step: name the result of this very activation at whatever step it appears.
    """
    frozen = estimator.frozen_range if isinstance(estimator, HasFrozenRange) else (None, None)
    place = (layer,) if any_step else (step, layer)
    content = archive.content_key(step, layer)
    parts = (RESULTS, archive.identity, *place, content, estimator, repr(estimator), frozen, seed)
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]


def layer_variable(archive: Archive, step: int, layer: str, estimator: Estimator) -> Variable:
    """Return Z as this estimator wants it.

    Its values, or its exact row digests where those are all it needs.

    Raises:
        InputError: NaN or infinity in the layer, which digests would take for one more symbol.
    """
    if estimator.traits.wants == "row hashes":
        if bad := archive.n_nonfinite(step, layer):
            raise InputError(
                f"{layer}: {bad} values are NaN or infinity; find the step where they appear "
                "before measuring"
            )
        return discrete(archive.row_digests(step, layer), layer)
    return layer_values(archive, step, layer)


def layer_values(archive: Archive, step: int, layer: str) -> Variable:
    """Return the stored values of a layer: amounts, or symbols where it holds the network's own."""
    z = archive.z(step, layer)
    return discrete(z, layer) if holds_symbols(archive, layer) else continuous(z, layer)


def holds_symbols(archive: Archive, layer: str) -> bool:
    """Return whether a layer holds symbols of the network, such as token ids."""
    stored = archive.layer_info(layer).store_dtype
    return archive.x_kind == "discrete" and np.dtype(stored).kind in "iu"


def input_variable(archive: Archive, estimator: Estimator) -> Variable | None:
    """Return X as this estimator takes it, row ids or values; None when neither is possible.

    Inputs that are symbols (token ids) are never values: their numbers are names, and equal rows
    are one symbol.
    """
    values = archive.x if archive.x_kind == "continuous" else None
    as_values = estimator.traits.x_as == "values" and values is not None
    if not as_values and estimator.supports("discrete", "continuous"):
        return remembered(archive, "x as row ids", lambda: discrete(archive.row_ids, "x"))
    if estimator.supports("continuous", "continuous") and values is not None:
        return remembered(archive, "x as values", lambda: continuous(values, "x"))
    return None


def label_variable(archive: Archive, estimator: Estimator | None = None) -> Variable | None:
    """Return Y as this estimator takes it (see `label_bins`), None without labels."""
    values = archive.y
    if values is None:
        return None
    if archive.y_kind == "discrete":
        return remembered(archive, "y", lambda: discrete(values, "y"))
    amounts = remembered(archive, "y", lambda: continuous(values, "y"))
    return amounts if estimator is None else labels_seen_by(estimator, amounts)


def cells_of(
    archive: Archive, layers: Sequence[str] | None, steps: Sequence[int] | None
) -> Iterator[tuple[int, str]]:
    """Yield every (step, layer) that was captured, in the order of time and of the network.

    All of them, or those asked for.

    Raises:
        InputError: an unknown layer or step.
    """
    for what, wanted, known in (
        ("layers", layers, archive.layers),
        ("steps", steps, archive.steps),
    ):
        if unknown := [w for w in wanted or () if w not in known]:
            raise InputError(
                f"no such {what}: {unknown}; the archive has {list(known)}"
                f"{did_you_mean(str(unknown[0]), list(map(str, known)))}"
            )
    for step in archive.steps if steps is None else sorted(steps):
        for name in archive.layers:
            if (layers is None or name in layers) and archive.has(step, name):
                yield step, name


def points_of(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    rng: np.random.Generator,
    z: Variable | None = None,
) -> list[tuple[Quantity, Estimate]]:
    """Return I(X;Z) and I(Z;Y) of one cell by one estimator, as far as it supports their kinds.

    ``z`` where it has been read already.

    Raises:
        EstimatorError: it supports neither.
    """
    z = layer_variable(archive, step, layer, estimator) if z is None else z
    x, y = input_variable(archive, estimator), label_variable(archive, estimator)
    notes: tuple[str, ...] = ()
    if estimator.traits.wants == "row hashes":
        notes = whole_layer_note(archive, layer)
        if noise := noise_seen(archive, step, layer):
            if y is None:
                raise EstimatorError(f"{estimator.name}: no I(X;Z): {noise}")
            x, notes = None, (*notes, f"no I(X;Z): {noise}")
    found = _with_notes(plane_points(estimator, x, z, y, rng), None, notes)
    if not found:
        raise EstimatorError(
            f"{estimator.name} supports neither I(X;Z) nor I(Z;Y) of this archive: Z is {z.kind}, "
            f"X {archive.x_kind}, Y {archive.y_kind}; choose exact or bin for symbols"
        )
    return found


def plane_points(
    estimator: Estimator,
    x: Variable | None,
    z: Variable,
    y: Variable | None,
    rng: np.random.Generator,
) -> list[tuple[Quantity, Estimate]]:
    """Estimate I(x;z) and I(z;y) as far as their kinds are supported.

    In one pass where there is one.

    Where one of the two is refused, the other says so in its notes.

    Raises:
        EstimatorError: all that is supported was refused.
    """
    if isinstance(estimator, SharesPlanePoint) and _of_both(estimator, x, z, y):
        return _with_notes(estimator.estimate_plane_point(x, z, y, rng=rng), y, ())
    found: list[tuple[Quantity, Estimate]] = []
    refused: list[tuple[str, EstimatorError]] = []
    pairs: list[tuple[Quantity, str, Variable | None, Variable | None]] = [
        ("i_xz", "I(X;Z)", x, z),
        ("i_zy", "I(Z;Y)", z, y),
    ]
    for quantity, words, a, b in pairs:
        if a is not None and b is not None and estimator.supports(a.kind, b.kind):
            try:
                if a is x and estimator.traits.x_as == "values":
                    refuse_lone_symbols(a, estimator)
                found.append((quantity, possible(estimator, a, b, rng)))
            except EstimatorError as error:  # an infinite I(X;Z) must not cost I(Z;Y)
                refused.append((words, error))
    if refused and not found:
        raise refused[0][1]
    notes = tuple(f"no {words}: {error}" for words, error in refused)
    return _with_notes(found, y, notes)


def _with_notes(
    found: list[tuple[Quantity, Estimate]], y: Variable | None, every: tuple[str, ...]
) -> list[tuple[Quantity, Estimate]]:
    """Return the points with these notes, those of I(Z;Y) also with what must be said of Y."""
    of_labels = (*(() if y is None else y.notes), *every)

    def noted(quantity: Quantity, e: Estimate) -> Estimate:
        more = of_labels if quantity == "i_zy" else every
        return replace(e, notes=tuple(dict.fromkeys((*e.notes, *more)))) if more else e

    return [(quantity, noted(quantity, e)) for quantity, e in found]


def _of_both(
    estimator: Estimator, x: Variable | None, z: Variable | StoredRows, y: Variable | None
) -> bool:
    """Return whether a pass for I(x;z) and I(z;y) at once has both to say."""
    kind: Kind = z.kind if isinstance(z, Variable) else "continuous"
    return x is not None and y is not None and estimator.supports(kind, y.kind)


def measure_cell(
    archive: Archive,
    step: int,
    layer: str,
    estimators: Sequence[Estimator],
    seed: int,
    read: dict[bool, Variable] | None = None,
) -> list[Record]:
    """Return one JSON-ready record per estimator: its points, or the error that it raised.

    Args:
        read: the activation by whether it is digests, where it was read already; filled otherwise.
            One read serves every estimator.

    A record whose estimator drew no random number has a key ``same``, see `result_key`.
    """
    records = []
    read = {} if read is None else read
    in_blocks = read_in_blocks(archive, step, layer, estimators)
    together = _together(archive, step, layer, estimators, read, in_blocks=in_blocks)
    for estimator in estimators:
        record: Record = {
            "step": step,
            "layer": layer,
            "estimator": estimator.name,
            "key": result_key(archive, step, layer, estimator, seed),
        }
        try:
            rng = cell_rng(seed, step, layer, estimator.name)
            untouched = _state(rng)
            found = together.get(id(estimator)) or _points(
                archive, step, layer, estimator, rng, read, in_blocks=in_blocks
            )
            record["points"] = [
                {"quantity": quantity, **estimate.to_dict()} for quantity, estimate in found
            ]
            if _state(rng) == untouched:
                record["same"] = result_key(archive, step, layer, estimator, seed, any_step=True)
        except (
            Exception
        ) as error:  # a poison cell costs itself only; the message travels with the plane
            record["error"] = f"{type(error).__name__}: {error}"
        records.append(record)
    return records


def read_in_blocks(
    archive: Archive, step: int, layer: str, estimators: Sequence[Estimator]
) -> bool:
    """Return whether a layer is read in blocks of rows by those of its estimators that can.

    It is too large, or all of them that want its values take it row by row, so that blocks give the
    numbers of the whole.
    """
    if is_large(archive, layer):
        return True
    of_values = [e for e in estimators if e.traits.wants == "values"]
    return (
        all(isinstance(e, ReadsRowByRow) and e.row_by_row for e in of_values)
        and np.dtype(archive.layer_info(layer).store_dtype).kind == "f"
        and pays_in_blocks(archive, layer)
        and archive.n_nonfinite(step, layer) == 0
    )


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

    Of none where that fails: each alone will say why.
    """
    by_class: dict[type[SharesLayer], list[Estimator]] = {}
    for estimator in estimators:
        if isinstance(estimator, SharesLayer) and estimator.shares_layer:
            by_class.setdefault(type(estimator), []).append(estimator)
    found: dict[int, list[tuple[Quantity, Estimate]]] = {}
    for one_class, several in by_class.items():
        if len(several) < 2:
            continue
        try:
            x, z, y = (
                input_variable(archive, several[0]),
                _z(archive, step, layer, several[0], read, in_blocks=in_blocks),
                label_variable(archive, several[0]),
            )
            if isinstance(z, StoredRows) or _of_both(several[0], x, z, y):
                found |= zip(
                    map(id, several), one_class.estimate_together(several, x, z, y), strict=True
                )
        except Exception:  # as said
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
        return _with_notes(found, y, ())
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
    by_blocks = isinstance(estimator, ReadsBlocks) and not digests
    if by_blocks and digests not in read and in_blocks:
        return StoredRows(archive, step, layer)
    if isinstance(estimator, HoldsCopies):
        require_memory(archive, layer, estimator)
    if digests not in read:
        read[digests] = layer_variable(archive, step, layer, estimator)
    return read[digests]


def points_from(record: Mapping[str, Any]) -> tuple[list[Point], list[Failure]]:  # Any: JSON
    """Return the points or the failure that a record holds."""
    step, layer = int(record["step"]), str(record["layer"])
    if "error" in record:
        return [], [Failure(step, layer, str(record["estimator"]), str(record["error"]))]
    points = []
    for row in record["points"]:
        fields = {k: v for k, v in row.items() if k != "quantity"}
        points.append(
            Point(
                step,
                layer,
                row["quantity"],
                Estimate.from_dict(fields),
            )
        )
    return points, []


def is_result(record: Mapping[str, Any]) -> bool:  # Any: JSON
    """Return whether a stored line is a result at all.

    A run may come from anyone, and a line that is none is measured again.
    """
    from infoplane.archive.schemas import is_result_record

    if not is_result_record(record):
        return False
    try:
        points_from(record)
    except (KeyError, TypeError, InputError):  # no points, or a value that no estimate has
        return False
    return True
