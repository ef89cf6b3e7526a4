"""Open HDF5 files of strangers: hard links only, own storage only, no claim beyond the file."""

from __future__ import annotations

import math
from typing import Any

import h5py

from infoplane.archive.guarded_file import Window, naming
from infoplane.archive.layout import ARRAY_DTYPES
from infoplane.errors import DamagedArchive, MissingExtra
from infoplane.types.arrays import Shape

MAX_RATIO = {h5py.h5z.FILTER_DEFLATE: 1100, 32015: 40_000}
"""Largest honest expansion of each allowed compressor (deflate cannot exceed 1032); a larger claim
is a bomb.
"""
MAX_CHUNK = 256 << 20
_PLAIN_FILTERS = {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def node(group: h5py.Group, path: str, where: str) -> Any:  # Any: group or dataset
    """Return the group or dataset at ``path``, walked one hard link at a time.

    Soft and external links are refused.

    Args:
        group: where the walk begins.
        path: names, with slashes between.
        where: the file, for messages.

    Raises:
        DamagedArchive: missing, or a link that is not hard.
    """
    here: Any = group  # Any: group or dataset
    with naming(f"{where}: key '{path}'"):
        for part in path.split("/"):
            key = part.encode()
            if not isinstance(here, h5py.Group) or key not in here.id:
                raise DamagedArchive(f"{where}: key '{path}' is missing")
            refuse_soft_link(here.id, key, f"{where}: key '{path}'")
            here = here[part]
    return here


def refuse_soft_link(group: Any, key: bytes, at: str) -> None:  # Any: h5py's id of a group or file
    if group.links.get_info(key).type != h5py.h5l.TYPE_HARD:
        raise DamagedArchive(f"{at} passes through a link; links are not followed")


def require_own_storage(
    dataset: Any, window: Window, nbytes: int, where: str
) -> None:  # Any: h5py's id of a dataset
    """Refuse virtual and external storage, unknown filters, and claims beyond what is stored.

    Args:
        dataset: its id in h5py.
        window: the guarded file.
        nbytes: that its shape claims.
        where: file and key, for messages.
    """
    plist = dataset.get_create_plist()
    kind = plist.get_layout()
    if kind == h5py.h5d.VIRTUAL or plist.get_external_count():
        raise DamagedArchive(
            f"{where}: stored in another file (virtual or external); such data is not followed"
        )
    stored = dataset.get_storage_size()
    ratio = 1
    if kind == h5py.h5d.CHUNKED:
        ratio = _expansion(dataset, plist, where)
    if stored > window.size:
        raise DamagedArchive(
            f"{where}: claims {stored} stored bytes in a file of {window.size}; truncated or forged"
        )
    if nbytes > stored * ratio or (kind != h5py.h5d.CHUNKED and nbytes != stored):
        raise DamagedArchive(
            f"{where}: claims {nbytes} bytes but stores {stored}; truncated or forged"
        )
    offset = dataset.get_offset()
    beyond = offset is None or offset + nbytes > window.size
    if kind == h5py.h5d.CONTIGUOUS and nbytes and beyond:
        raise DamagedArchive(
            f"{where}: its data lies beyond the end of the file; truncated or forged"
        )


def _expansion(dataset: Any, plist: Any, where: str) -> int:  # Any: h5py objects
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    packers = [code for code in filters if code not in _PLAIN_FILTERS]
    if len(packers) > 1 or len(filters) > 3 or not MAX_RATIO.keys() >= set(packers):
        raise DamagedArchive(
            f"{where}: uses HDF5 filters {filters}; allowed are shuffle, fletcher32 and one of "
            "deflate, zstd"
        )
    if 32015 in packers and not h5py.h5z.filter_avail(32015):
        raise MissingExtra("hdf5plugin", "zstd")
    if math.prod(map(int, plist.get_chunk())) * dataset.get_type().get_size() > MAX_CHUNK:
        raise DamagedArchive(
            f"{where}: claims chunks of shape {plist.get_chunk()}; a chunk may have {MAX_CHUNK} "
            "bytes"
        )
    return MAX_RATIO[packers[0]] if packers else 1


def checked_array(
    group: h5py.Group, path: str, window: Window, shape: Shape, dtype: str, where: str
) -> Any:  # Any: h5py dataset
    """Return the dataset at ``path``, checked.

    It is an array of this shape and dtype with storage of its own.

    Args:
        group, path: where it lies.
        window: the guarded file.
        shape, dtype: as the header states them.
        where: the file, for messages.

    Raises:
        DamagedArchive: anything else.
    """
    dataset = node(group, path, where)
    at = f"{where}: key '{path}'"
    with naming(at):
        if not isinstance(dataset, h5py.Dataset) or dataset.dtype.str not in ARRAY_DTYPES:
            raise DamagedArchive(f"{at}: expected an array of real numbers")
        if dataset.shape != shape or dataset.dtype.str != dtype:
            raise DamagedArchive(
                f"{at}: expected shape {shape} {dtype}, got {dataset.shape} {dataset.dtype.str}"
            )
        require_own_storage(dataset.id, window, math.prod(shape) * dataset.dtype.itemsize, at)
    return dataset
