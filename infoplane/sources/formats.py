"""Files of arrays as mappings of names to arrays that are read when sliced; `.pt` needs torch."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError, MissingExtra
from infoplane.types.arrays import Array, Shape

Arrays = Mapping[str, Any]  # Any: an array of any library
WHOLE = ""
"""Key of the array of a file that holds one without a name."""


def open_arrays(path: Path, stack: ExitStack) -> Arrays:
    """Return the arrays in a file, by name; ``stack`` closes it.

    Raises:
        InputError: an unknown ending, pickled objects, or a damaged file.
        MissingExtra: the format needs a package that is not installed.
    """
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{path}: expected a file of {' '.join(READERS)}, got {path.suffix!r}")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    try:
        return read(path, stack)
    except (InputError, MissingExtra, MemoryError):
        raise
    except Exception as error:  # libraries raise many kinds for a damaged file
        raise InputError(
            f"{path}: cannot be read as {path.suffix}: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key by which ``fc10`` comes after ``fc9``."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def by_name(arrays: Arrays) -> Arrays:
    """Return the arrays in the order of their names, where the file keeps no other."""
    return {name: arrays[name] for name in sorted(arrays, key=natural)}


def is_array_file(path: Path) -> bool:
    """Return whether a path is a file (or a folder of zarr) of arrays."""
    folder = path.suffix.lower() == ".zarr"
    return path.suffix.lower() in READERS and (path.is_dir() if folder else path.is_file())


def _npy(path: Path, stack: ExitStack) -> Arrays:
    with open(path, "rb") as file:
        _, _, dtype = _npy_header(file)
    if dtype.hasobject:
        raise InputError(
            f"{path}: holds pickled objects; loading them could run code, so they are not loaded. "
            "Save an array of numbers: rows of different lengths cannot be stored"
        )
    return {WHOLE: np.load(path, mmap_mode="r", allow_pickle=False)}


def _npy_header(file: Any) -> tuple[Shape, bool, np.dtype[Any]]:
    """Shape, whether columns come first, and dtype; the file is then at the values."""
    version = np.lib.format.read_magic(file)
    if version > (1, 0):
        return np.lib.format.read_array_header_2_0(file)
    return np.lib.format.read_array_header_1_0(file)


class _Streamed:
    """One array of an ``.npz``, unpacked while it is read in order; reading back starts over."""

    def __init__(self, path: Path, member: str) -> None:
        self._path, self._member = path, member
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            self.shape, self._fortran, self.dtype = _npy_header(file)
        if self.dtype.hasobject:
            raise InputError(
                f"{path}: {member} holds pickled objects, which are not loaded: they could run code"
            )
        self._file: Any = None  # Any: a stream of a zip file, while some rows are read
        self._first = 0

    def __getitem__(self, rows: slice) -> Array:
        if self._fortran or not self.shape:
            with np.load(self._path, allow_pickle=False) as whole:
                return np.asarray(whole[self._member.removesuffix(".npy")][rows])
        start, stop, _ = rows.indices(self.shape[0])
        if self._file is None:
            with zipfile.ZipFile(self._path) as archive:
                self._file = archive.open(self._member)  # stays open behind the archive
            _npy_header(self._file)
            self._first = self._file.tell()
        width = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        self._file.seek(self._first + start * width)
        raw = self._file.read((stop - start) * width)
        if len(raw) != (stop - start) * width:
            raise EOFError(f"{self._member} ends before its last row")
        if stop == self.shape[0]:
            self.close()
        return np.frombuffer(raw, self.dtype).reshape(stop - start, *self.shape[1:])

    def close(self) -> None:
        """Close the stream."""
        if self._file is not None:
            self._file.close()
        self._file = None


def _npz(path: Path, stack: ExitStack) -> Arrays:
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]
    found = {name.removesuffix(".npy"): _Streamed(path, name) for name in members}
    for array in found.values():
        stack.callback(array.close)
    return found


_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}


class _BFloat16:
    """A memory map of bfloat16, whose slices are float32 of the same values."""

    dtype = "bfloat16"

    def __init__(self, bits: NDArray[np.uint16]) -> None:
        self._bits = bits
        self.shape = bits.shape

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        return (self._bits[rows].astype(np.uint32) << 16).view(np.float32)


def _safetensors(path: Path, stack: ExitStack) -> Arrays:
    """The layout of safetensors: the length of a JSON header, the header, the values."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > size - 8:
            raise InputError(f"{path}: it is truncated (in its header); copy it again")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        found[name] = _mapped(path, name, entry, 8 + length, size)
    return by_name(found)


def _mapped(path: Path, name: str, entry: dict[str, Any], base: int, size: int) -> Any:
    dtype = "<u2" if entry["dtype"] == "BF16" else _SAFETENSORS.get(entry["dtype"])
    if dtype is None:
        raise InputError(
            f"{path}: {name}: expected a dtype of {' '.join(_SAFETENSORS)} BF16, got "
            f"{entry['dtype']}"
        )
    start, stop = (base + int(offset) for offset in entry["data_offsets"])
    shape = tuple(map(int, entry["shape"]))
    expected = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if stop - start != expected or stop > size:
        raise InputError(f"{path}: it is truncated (in {name}); copy it again")
    if start == stop:
        return np.zeros(shape, dtype)
    mapped = np.memmap(path, dtype, "r", start, shape)
    return _BFloat16(mapped) if entry["dtype"] == "BF16" else mapped


def _torch(path: Path, stack: ExitStack) -> Arrays:
    from infoplane.hooks.checkpoints.formats import load_tensors

    content = load_tensors(path)
    return content if isinstance(content, Mapping) else {WHOLE: content}


def _h5(path: Path, stack: ExitStack) -> Arrays:
    from infoplane.archive.foreign import open_h5

    return by_name(open_h5(path, stack))


def _zarr(path: Path, stack: ExitStack) -> Arrays:
    try:
        import zarr
    except ImportError as error:
        raise MissingExtra("zarr", "zarr") from error
    opened = zarr.open(str(path), mode="r")
    if isinstance(opened, zarr.Array):
        return {WHOLE: opened}
    return by_name(dict(_zarr_arrays(opened, "")))


def _zarr_arrays(group: Any, path: str) -> Iterator[tuple[str, Any]]:  # Any: of zarr
    for name, member in group.members():
        if hasattr(member, "members"):
            yield from _zarr_arrays(member, f"{path}{name}/")
        else:
            yield path + name, member


READERS: dict[str, Callable[[Path, ExitStack], Arrays]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".pt": _torch,
    ".pth": _torch,
    ".safetensors": _safetensors,
    ".h5": _h5,
    ".hdf5": _h5,
    ".zarr": _zarr,
}
"""Readers by the ending of the file; another format is a line here."""
