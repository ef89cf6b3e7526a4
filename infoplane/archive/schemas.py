"""The schema of each JSON header: types are checked here, and nowhere else.

A schema names what readers use; newer minor versions may add other keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from infoplane.archive import layout
from infoplane.errors import DamagedArchive
from infoplane.types import Bound, Kind, Null, Quantity, Sense, Target, Unit
from infoplane.types.arrays import Json

Size = Annotated[int, msgspec.Meta(ge=0, lt=1 << 60)]
Step = Annotated[int, msgspec.Meta(ge=-(1 << 60), lt=1 << 60)]
NumberType = Annotated[str, msgspec.Meta(pattern=r"^(bool|u?int(8|16|32|64)|float(16|32|64))$")]


Axes = Annotated[list[Size], msgspec.Meta(max_length=16)]


class StoredArray(msgspec.Struct):
    """An array of a file."""

    shape: Axes
    dtype: layout.DType
    crc32: Size


class LayerRow(msgspec.Struct):
    """A row of the layer table of a run, see `infoplane.types.LayerInfo`."""

    name: str
    ordinal: Annotated[int, msgspec.Meta(ge=0, le=10**6)]
    cls: str = ""
    shape: list[Size] = []
    raw_shape: list[Size] = []
    dtype: str = "float32"
    store_dtype: NumberType = "float32"
    reduction: str = "none"
    site: Literal["output", "input"] = "output"
    aliases: list[str] = []


class RunHeader(msgspec.Struct):
    """``run.json``."""

    run_uuid: str
    n_rows: Size
    world_size: Annotated[int, msgspec.Meta(ge=1, le=layout.MAX_WORLD)]
    probe_sha256: str
    layers: list[LayerRow]
    config: Json | None = None
    writer: Json | None = None
    created_utc: str | None = None


class LabelRow(msgspec.Struct):
    """A further label set of a probe."""

    name: str
    kind: Kind
    class_names: list[Any] | None = None  # Any: what a class is called


class ProbeHeader(msgspec.Struct):
    """``/meta`` of a probe."""

    run_uuid: str
    n_rows: Size
    probe_sha256: str
    arrays: dict[str, StoredArray]
    y_kind: Kind | None
    x_kind: Kind | None = None
    rows: Json | None = None
    labels: list[LabelRow] = []
    chain: Json | None = None


class ShardRow(StoredArray, kw_only=True):
    """A row of the table of a shard: one array."""

    name: str
    ordinal: Size
    rows_crc32: Size
    torch_dtype: str = "float32"
    n_nonfinite: Size = 0


class ShardHeader(msgspec.Struct):
    """``/meta`` of a shard."""

    run_uuid: str
    seq: Size
    step: Size
    rank: Size
    world_size: Size
    row_start: Size
    row_stop: Size
    n_rows: Size
    probe_sha256: str
    metrics: dict[str, float]
    layers: list[ShardRow]
    meta: Json
    extras: dict[str, Json]


class FailureRow(msgspec.Struct):
    """A cell of a plane without a number."""

    step: Step
    layer: str
    estimator: str
    message: str


class PointColumns(msgspec.Struct):
    """The points of a plane as columns."""

    arrays: dict[str, StoredArray]
    texts: dict[str, list[Any]]  # Any: texts, or lists of texts


class PlaneHeader(msgspec.Struct):
    """``/meta`` of a plane."""

    n: Size
    layers: list[str]
    h_y_bits: float | None
    h_x_bits: float | None
    chain: Json | None
    metrics: dict[str, dict[str, float]]
    reductions: dict[str, str]
    failures: list[FailureRow]
    provenance: dict[str, str]
    points: PointColumns | list[Any]  # Any: rows of a plane of format 1
    rows: Json | None = None


class PointRow(msgspec.Struct, forbid_unknown_fields=True):
    """A number in a result line, see `infoplane.types.Estimate`."""

    quantity: Quantity
    bits: float
    n: Size
    estimator: str
    sense: Sense = "point"
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    ceiling_bits: float | None = None
    target: Target = "probe-set"
    coverage: float | None = None
    notes: tuple[str, ...] = ()
    bound: Bound | None = None
    unit: Unit = "bits"
    null: Null | None = None


class ResultRecord(msgspec.Struct):
    """A result line: the points of one cell, or why it has none."""

    step: Step
    layer: str
    estimator: str
    points: list[PointRow] = []
    error: str | None = None


class PackedHeader(msgspec.Struct):
    """``/meta`` of a packed run."""

    run: str
    shards: list[str]


SCHEMAS: dict[str, type[msgspec.Struct]] = {
    layout.RUN: RunHeader,
    layout.PROBE: ProbeHeader,
    layout.SHARD: ShardHeader,
    layout.PLANE: PlaneHeader,
    layout.PACKED: PackedHeader,
}
"""By the ``format`` that a header states."""


def checked_header(text: str | bytes, kind: str, where: str) -> Json:
    """Return a sealed header, see `layout.unsealed`, with its types checked.

    Args:
        text: of the header.
        kind: the format that it should have.
        where: the file, for messages.

    Raises:
        NotAnArchive, VersionError, DamagedArchive: naming the file and the place in the header.
    """
    body = layout.unsealed(text, kind, where)
    try:
        msgspec.convert(body, SCHEMAS[kind])
    except msgspec.ValidationError as error:
        word = "probe header" if kind == layout.PROBE else "header"
        raise DamagedArchive(f"{where}: malformed {word}: {error}") from error
    return body


def is_result_record(record: Mapping[str, Any]) -> bool:  # Any: JSON
    """Return whether every value of a stored result has the type that its readers rely on."""
    try:
        msgspec.convert(record, ResultRecord)
    except msgspec.ValidationError:
        return False
    return True
