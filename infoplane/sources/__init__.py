"""Runs from activations that other tools captured: arrays in memory, files, caches.

Imports no torch of itself.
"""

from infoplane.sources.arrays import from_arrays
from infoplane.sources.files import import_run

__all__ = ["from_arrays", "import_run"]
