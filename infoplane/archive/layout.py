"""The names and rules of archive version 1: every constant of docs/format.md in one place.

Imports no h5py.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from infoplane.archive.checksum import crc32 as crc32_of
from infoplane.errors import DamagedArchive, InputError, NotAnArchive, VersionError
from infoplane.types import LayerInfo
from infoplane.types.arrays import Array, Json

FORMAT_VERSION, PLANE_VERSION = "1.2", "2.1"
"""Of everything but planes, and of planes."""
RUN, PROBE, SHARD, PACKED, PLANE = (
    "infoplane.run",
    "infoplane.probe",
    "infoplane.shard",
    "infoplane.packed",
    "infoplane.plane",
)
RUN_FILE, PROBE_FILE, SHARD_DIR, PLANE_DIR = "run.json", "probe.h5", "ckpt", "planes"
CHAIN, CHAIN_FILE = "infoplane.chain", "chain.json"
META = "meta"
PLACES = {"crc32": "offset", "rows_crc32": "rows_offset"}
"""Per checksum of a shard's table, the key of the byte offset of what it covers; a hint that holds
in the file where it was written.
"""
TMP_PREFIX = ".tmp-"
MAX_JSON = 64 << 20
"""Largest JSON text that is read, in bytes: a header cannot claim more."""
MAX_WORLD = 9999
"""Most ranks a run can have: four digits in a shard's name."""
DType = Literal["<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8"]
"""Dtypes an array in a file may have."""
ARRAY_DTYPES = frozenset(get_args(DType))
SPLITS = ("", "train", "test")
"""Codes of the split column."""

_SHARD_NAME = re.compile(r"(\d{6,18})-s(\d{12,18})-r(\d{4})of(\d{4})-([0-9a-f]{8})\.h5", re.ASCII)


@dataclass(frozen=True, order=True)
class ShardName:
    """What a shard's file name says: ``<seq>-s<step>-r<rank>of<world>-<uuid8>.h5``."""

    seq: int
    step: int
    rank: int
    world: int
    uuid8: str

    def __str__(self) -> str:
        return (
            f"{self.seq:06d}-s{self.step:012d}-r{self.rank:04d}of{self.world:04d}-{self.uuid8}.h5"
        )

    @classmethod
    def parse(cls, text: str) -> ShardName | None:
        """Return the parsed name, or None when ``text`` is not the name of a shard."""
        match = _SHARD_NAME.fullmatch(text)
        if match is None:
            return None
        seq, step, rank, world = map(int, match.groups()[:4])
        return cls(seq, step, rank, world, match[5])


def call_index(layer: str) -> int:
    """Return which call of a reused module a layer name means: 2 for ``"fc#2"``, 0 for ``"fc"``."""
    call = layer.split(":", maxsplit=1)[0].rpartition("#")[2] if "#" in layer else ""
    return int(call) if call.isdecimal() and len(call) < 9 else 0


def layer_path(info: LayerInfo) -> str:
    """Return where the array of a layer lives inside a shard."""
    return f"layers/{info.ordinal:04d}/call/{call_index(info.name)}"


def rows_path(info: LayerInfo) -> str:
    """Return where the row digests of a layer live inside a shard."""
    return f"rows/{info.ordinal:04d}"


ARRAYS = {"crc32": layer_path, "rows_crc32": rows_path}
"""Where the arrays of a layer live inside a shard, by the key of their checksum."""


def crc32(array: Array) -> int:
    """Return the CRC-32 of the raw C-order little-endian bytes of an array."""
    return crc32_of(raw_bytes(array))


def raw_bytes(array: Array) -> memoryview:
    """Return the bytes of an array in C order, the array's own where it is contiguous."""
    flat: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(flat) if flat.size else memoryview(b"")


def storable(array: Array, what: str) -> Array:
    """Return the array, contiguous and little endian, in a dtype that the format allows.

    Booleans become uint8.

    Raises:
        InputError: a dtype the format does not hold (complex, objects, strings, extended
            precision).
    """
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    little = array.dtype.newbyteorder("<")
    if little.str not in ARRAY_DTYPES:
        raise InputError(
            f"{what}: expected real numbers of 1 to 8 bytes, got dtype {array.dtype}; convert it "
            "(bfloat16: to float32) before storing"
        )
    return np.ascontiguousarray(array, dtype=little) if array.ndim else array.astype(little)


def to_json(value: object) -> str:
    """Return strict JSON text of nested plain values and numpy scalars.

    NaN and infinities become ``{"$float": "nan"}``.

    Example:
        >>> to_json({"loss": float("inf")})
        '{"loss": {"$float": "inf"}}'
    """
    try:
        return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)
    except RecursionError as error:
        raise InputError("nested too deeply (or a cycle): cannot be stored as JSON") from error


def _plain(value: object) -> object:
    kind = type(value)  # what nearly everything is, first
    if kind is str and value.isascii():  # type: ignore[attr-defined]  # a str
        return value
    if kind is int or kind is bool or value is None or (kind is float and math.isfinite(value)):  # type: ignore[arg-type]  # a float
        return value
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": str(value)}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        # lone surrogates have no UTF-8
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {str(_plain(str(key))): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    raise InputError(
        f"cannot be stored as JSON: {type(value).__name__}; give numbers, strings, lists and "
        "dictionaries"
    )


def revive(value: Json) -> Any:  # Any: JSON
    if value.keys() == {"$float"} and value["$float"] in ("nan", "inf", "-inf"):
        return float(value["$float"])
    return value


def parse_json(text: str | bytes) -> Any:  # Any: JSON
    """Return the value of a JSON text as `to_json` writes it, NaN and infinities included."""
    return json.loads(text, object_hook=None if _as_written(text) else revive)


def from_json(text: str | bytes, where: str) -> Json:
    """Return the object in a JSON text; the inverse of `to_json`.

    Raises:
        DamagedArchive: not JSON, not an object, or nested beyond reason.
    """
    try:
        value = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise DamagedArchive(
            f"{where}: expected a JSON object, got {type(error).__name__}: {str(error)[:200]}"
        ) from error
    if not isinstance(value, dict):
        raise DamagedArchive(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def sealed(body: Json) -> str:
    """Return JSON text with a ``crc32`` of the rest added; `unsealed` checks it.

    Raises:
        InputError: as `readable`.
    """
    plain = json.loads(to_json(body))
    plain["crc32"] = crc32_of(_canonical(plain))
    return readable(json.dumps(plain, ensure_ascii=False, allow_nan=False))


def readable(text: str) -> str:
    """Return the JSON text of a header, or of a part of one.

    Raises:
        InputError: longer than what is read.
    """
    size = len(text)
    if size > MAX_JSON // 4:  # a letter has up to four bytes
        size = len(text.encode("utf-8"))
    if size > MAX_JSON:
        raise InputError(
            f"a header of {size} bytes of JSON: expected at most {MAX_JSON}; attach less to it"
        )
    return text


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def _canonical(body: Json) -> bytes:
    return _CANONICAL.encode(body).encode()


def unsealed(text: str | bytes, kind: str, where: str) -> Json:
    """Return the body of a sealed JSON text of the given ``format``.

    Format, version and checksum are checked.

    Args:
        text: as `sealed` made it.
        kind: the format that it should have.
        where: the file, for messages.

    Raises:
        NotAnArchive: the format is not ``kind``.
        VersionError: a major version this reader does not know.
        DamagedArchive: not JSON or the checksum does not match.
    """
    body = from_json(text, where)
    if body.get("format") != kind:
        raise NotAnArchive(
            f"{where}: expected format {kind!r}, got {str(body.get('format'))[:80]!r}"
        )
    ours = PLANE_VERSION if kind == PLANE else FORMAT_VERSION
    check_version(body.get("format_version"), where, ours)
    raw = json.loads(text)
    claimed = raw.pop("crc32", None)
    if claimed != crc32_of(_canonical(raw)):
        raise DamagedArchive(
            f"{where}: key 'crc32' does not match the text: it was damaged or edited by hand"
        )
    return body


def _as_written(text: str | bytes) -> bool:
    """Return whether no part of a JSON text can mean NaN or infinity."""
    marks = ("$float", "\\u") if isinstance(text, str) else (b"$float", b"\\u")
    return not any(mark in text for mark in marks)  # type: ignore[operator]  # of its own kind


def check_version(version: object, where: str, ours: str = FORMAT_VERSION) -> None:
    """Refuse a major version that is newer than ``ours``, or 0.

    A newer minor only adds what may be ignored.

    Args:
        version: as a header states it.
        where: the file, for messages.
        ours: the newest that is known.

    Raises:
        VersionError: naming the version found and what to do.
    """
    text = str(version)[:40]
    if not re.fullmatch(r"\d{1,9}\.\d{1,9}", text, re.ASCII):
        raise VersionError(
            f"{where}: expected format_version like {FORMAT_VERSION!r}, got {text!r}"
        )
    newest = int(ours.split(".", maxsplit=1)[0])
    if not 1 <= int(text.split(".")[0]) <= newest:
        raise VersionError(
            f"{where}: written in format {text}, this infoplane reads {newest}.x; install a newer "
            "infoplane to read it"
        )


def follow_on(spans: Iterable[tuple[int, int]], n: int) -> bool:
    """Return whether spans of rows, in order, reach from 0 to n without a gap."""
    end = 0
    for start, stop in spans:
        if start != end:
            return False
        end = stop
    return end == n
