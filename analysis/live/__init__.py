"""The live page of a running training.

A small read-only server on this machine, and the run it follows.
"""

from __future__ import annotations

from infoplane.lazy_names import lazy_names

_PUBLIC = {
    "RunSource": "infoplane.analysis.live.follow",
    "measure_beside": "infoplane.analysis.live.follow",
    "application": "infoplane.analysis.live.server",
    "serve": "infoplane.analysis.live.server",
}

__all__ = list(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
