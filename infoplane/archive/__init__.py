"""The archive: a run of captured activations as HDF5 files.

The only part of infoplane that imports h5py. docs/format.md specifies the files.

| a new line about | goes to |
|---|---|
| a key or a constant of the format; what a header must have | `layout`; `schemas` |
| what a run says of its rows; of its activations | `stored_rows`; `reader`, `shard_part` |
| where the files lie; their headers | `store` |
| what a user gives as inputs and labels | `make_probe`, `label_array` |
| the probe as a file | `probe_file` |
| starting and going on with a run; its folder | `writer`, `run_header`; `run_folder` |
| one step as it is written; one layer of it | `shard_writer`; `layer_array` |
| a file that an enemy may have written | `guarded_file`, `guarded_read`, `guard` |
| a file that is whole or not there | `publish` |
| planes and results | `planes`, `columns`; `result_log` |
| one file of many | `pack` |
"""

from infoplane.archive.pack import merge, pack
from infoplane.archive.planes import load_plane, save_plane
from infoplane.archive.reader import Archive, open_archive
from infoplane.archive.result_log import ResultLog
from infoplane.archive.shard_writer import ShardWriter
from infoplane.archive.verify import verify
from infoplane.archive.writer import RunWriter

__all__ = [
    "Archive",
    "ResultLog",
    "RunWriter",
    "ShardWriter",
    "load_plane",
    "merge",
    "open_archive",
    "pack",
    "save_plane",
    "verify",
]
