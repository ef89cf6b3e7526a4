"""HDF5 files of other programs, read as arrays by name.

Runs of infoplane are read by `open_archive`.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import h5py

from infoplane.archive import layout
from infoplane.errors import InputError


def open_h5(path: Path, stack: ExitStack) -> dict[str, h5py.Dataset]:
    """Return every numeric dataset of a file by its path; links to other files are not followed.

    Raises:
        InputError: a packed run or a plane of infoplane, or no dataset.
    """
    file = stack.enter_context(h5py.File(path, "r"))
    if str(file.attrs.get("format", "")).startswith("infoplane.") or layout.META in file:
        raise InputError(f"{path}: was written by infoplane: open it by infoplane.open_archive")
    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "fiub":
            found[name] = node

    file.visititems(visit)
    if not found:
        raise InputError(f"{path}: holds no dataset of numbers")
    return found
