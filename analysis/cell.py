"""One cell of the plane: every estimator on one layer at one checkpoint. A failing estimator becomes a recorded failure, never a number."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from infoplane.errors import EstimatorError, InputError
from infoplane.plane import Failure, Point
from infoplane.types import Estimate, Estimator, Quantity, Variable, continuous, discrete

if TYPE_CHECKING:
    from infoplane.archive import Archive

Record = dict[str, Any]  # Any: JSON, as a result line stores it


def cell_rng(seed: int, step: int, layer: str, spec: str) -> np.random.Generator:
    """The generator of one estimator in one cell: the same whatever the order of work or the number of workers."""
    return np.random.default_rng([seed, step, zlib.crc32(layer.encode()), zlib.crc32(spec.encode())])


def cell_key(archive: Archive, step: int, layer: str, estimator: Estimator, seed: int) -> str:
    """Names one result: same run, activation, estimator (with any frozen range) and seed, same key."""
    frozen = (getattr(estimator, "frozen_low", None), getattr(estimator, "frozen_high", None))
    text = "|".join(map(str, (archive.run_uuid, step, layer, archive.content_key(step, layer), estimator, repr(estimator), frozen, seed)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def layer_variable(archive: Archive, step: int, layer: str, estimator: Estimator) -> Variable:
    """Z as this estimator wants it: its values, or its exact row digests where those are all it needs.

    Raises:
        InputError: NaN or infinity in the layer, which digests would take for one more symbol.
    """
    if getattr(estimator, "uses_digests", False):
        if bad := archive.n_nonfinite(step, layer):
            raise InputError(f"{layer}: {bad} values are NaN or infinity; find the step where they appear before measuring")
        return discrete(archive.row_digests(step, layer), layer)
    return continuous(archive.z(step, layer), layer)


def input_variable(archive: Archive, estimator: Estimator) -> Variable | None:
    """X as row identities where the estimator takes symbols, as values where it needs a continuous X; None when neither is possible."""
    as_values = getattr(estimator, "x_as_values", False) and archive.x is not None
    if not as_values and estimator.supports("discrete", "continuous"):
        return discrete(archive.row_ids, "x")
    if estimator.supports("continuous", "continuous") and archive.x is not None:
        return continuous(archive.x, "x")
    return None


def label_variable(archive: Archive) -> Variable | None:
    """Y with its stated kind, None without labels."""
    if archive.y is None:
        return None
    return discrete(archive.y, "y") if archive.y_kind == "discrete" else continuous(archive.y, "y")


def points_of(
    archive: Archive, step: int, layer: str, estimator: Estimator, seed: int, z: Variable | None = None
) -> list[tuple[Quantity, Estimate]]:
    """I(X;Z) and I(Z;Y) of one cell by one estimator, as far as it supports their kinds. ``z`` where it has been read already.

    Raises:
        EstimatorError: it supports neither.
    """
    z = layer_variable(archive, step, layer, estimator) if z is None else z
    x, y = input_variable(archive, estimator), label_variable(archive)
    found = plane_points(estimator, x, z, y, cell_rng(seed, step, layer, estimator.name))
    if not found:
        raise EstimatorError(f"{estimator.name} supports neither I(X;Z) nor I(Z;Y) of this archive: Z is continuous, Y is {archive.y_kind}")
    return found


def plane_points(
    estimator: Estimator, x: Variable | None, z: Variable, y: Variable | None, rng: np.random.Generator
) -> list[tuple[Quantity, Estimate]]:
    """I(x;z) and I(z;y) as far as the estimator supports their kinds, by its shared pass where it has one."""
    shared: Callable[..., list[tuple[Quantity, Estimate]]] | None = getattr(estimator, "estimate_plane_point", None)
    if shared is not None and x is not None and y is not None and estimator.supports("continuous", y.kind):
        return shared(x, z, y, rng=rng)
    found: list[tuple[Quantity, Estimate]] = []
    if x is not None and estimator.supports(x.kind, z.kind):
        found.append(("i_xz", estimator.estimate(x, z, rng=rng)))
    if y is not None and estimator.supports(z.kind, y.kind):
        found.append(("i_zy", estimator.estimate(z, y, rng=rng)))
    return found


def measure_cell(archive: Archive, step: int, layer: str, estimators: Sequence[Estimator], seed: int) -> list[Record]:
    """One JSON-ready record per estimator: its points, or the error that it raised."""
    records = []
    read: dict[bool, Variable] = {}  # one read of the activation serves every estimator
    for estimator in estimators:
        record: Record = {"step": step, "layer": layer, "estimator": estimator.name, "key": cell_key(archive, step, layer, estimator, seed)}
        try:
            digests = bool(getattr(estimator, "uses_digests", False))
            if digests not in read:
                read[digests] = layer_variable(archive, step, layer, estimator)
            found = points_of(archive, step, layer, estimator, seed, read[digests])
            record["points"] = [{"quantity": quantity, **asdict(estimate)} for quantity, estimate in found]
        except Exception as error:  # a poison cell costs itself only; the message travels with the plane
            record["error"] = f"{type(error).__name__}: {error}"
        records.append(record)
    return records


def points_from(record: Mapping[str, Any]) -> tuple[list[Point], list[Failure]]:  # Any: JSON
    """The points or the failure that a record holds."""
    step, layer = int(record["step"]), str(record["layer"])
    if "error" in record:
        return [], [Failure(step, layer, str(record["estimator"]), str(record["error"]))]
    points = []
    for row in record["points"]:
        fields = {k: v for k, v in row.items() if k != "quantity"}
        points.append(Point(step, layer, row["quantity"], Estimate(**{**fields, "notes": tuple(fields.get("notes", ()))})))
    return points, []
