"""Runs from activations that other tools captured: arrays in memory, files, caches.

Imports no torch of itself.

| a new line about | goes to |
|---|---|
| a tool whose caches are known | `bridges` |
| a file format; which arrays of a file | `formats`; `files` |
| which array is which layer of which step | `plan` |
| which rows a run has | `probe_rows`, `samples`, `position_rows` |
| a layer block by block; which rows of it are stored | `rows`; `probe_rows` |
| a stated chain | `chains` |
| writing | `storing` |
"""

from infoplane.sources.arrays import from_arrays
from infoplane.sources.files import import_run

__all__ = ["from_arrays", "import_run"]
