"""Values of every layer on a few rows; those of a large network lie in a temporary file."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from dataclasses import dataclass

import torch
from torch import Tensor

from infoplane.types.arrays import Shape

IN_MEMORY_BYTES = 4 << 20
"""What the layers of one forward take in memory; those that do not fit go into the file."""
_PIECE = 1 << 19
"""Bytes of one write: some file systems are slow with larger ones."""


@dataclass(frozen=True)
class _InFile:
    """Where in the file the values of a layer lie, and what makes a tensor of them."""

    start: int
    dtype: torch.dtype
    device: torch.device
    shape: Shape
    stride: Shape


class LayerValues:
    """What every layer gave in one forward, by name.

    The interchange test compares and exchanges one layer after another, so that of a large network
    only one has to be in memory. The file has no name, lies in the folder that
    `tempfile.gettempdir` gives (``TMPDIR``), and is gone with this object. Layers that the disk
    does not take stay in memory.

    Example:
        >>> values = LayerValues()
        >>> values.add("fc1", torch.tensor([[1.0], [2.0]]))
        >>> values["fc1"].tolist()
        [[1.0], [2.0]]
    """

    def __init__(self) -> None:
        self._in_memory: dict[str, Tensor] = {}
        self._in_file: dict[str, _InFile] = {}
        self._room, self._end = IN_MEMORY_BYTES, 0
        self._file: io.FileIO | None = None

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, name: str, value: Tensor) -> None:
        """Copy what a layer gave, shape ``(rows, ...)``."""
        if value.nbytes > self._room:
            with contextlib.suppress(OSError):  # no folder to write to, or no room on the disk
                self._in_file[name] = self._write(value)
                return
        self._in_memory[name] = value.clone()
        self._room -= value.nbytes

    @property
    def names(self) -> list[str]:
        """Names of the layers."""
        return [*self._in_memory, *self._in_file]

    def __getitem__(self, name: str) -> Tensor:
        """Return what a layer gave, as it lay in memory; it is not to be written into."""
        if name in self._in_memory:
            return self._in_memory[name]
        return self._read(self._in_file[name])

    def _write(self, value: Tensor) -> _InFile:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="infoplane-test-", buffering=0)  # noqa: SIM115  # open as long as its values are read
        dense = value if value.is_contiguous() else value.clone()  # a clone has no gaps
        written = _InFile(self._end, value.dtype, value.device, dense.shape, dense.stride())
        flat = dense.as_strided((dense.numel(),), (1,), dense.storage_offset())
        content = flat.cpu().view(torch.uint8).numpy().data
        self._file.seek(self._end)
        done = 0
        try:
            while done < len(content):
                done += self._file.write(content[done : done + _PIECE])
        except OSError:  # whatever room there is on the disk is for the training
            self._file.truncate(self._end)
            raise
        self._end += done
        return written

    def _read(self, written: _InFile) -> Tensor:
        assert self._file is not None
        flat = torch.empty(math.prod(written.shape), dtype=written.dtype, device="cpu")
        content = flat.view(torch.uint8).numpy().data
        self._file.seek(written.start)
        done = 0
        while done < len(content):
            done += self._file.readinto(content[done:])
        return flat.as_strided(written.shape, written.stride).to(written.device)
