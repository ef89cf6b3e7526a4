"""The archive: a run of captured activations as HDF5 files.

The only part of infoplane that imports h5py. docs/format.md specifies the files.
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
