"""Capture: attaches to a live model and copies activations into an archive.

It computes no information quantity.

Names are loaded on first use, so that schedules and the command line need no torch.
"""

from __future__ import annotations

from infoplane.lazy_names import lazy_names

_PUBLIC = {
    "CaptureOptions": "infoplane.hooks.options",
    "Recorder": "infoplane.hooks.recorder",
    "Schedule": "infoplane.hooks.schedule",
    "at": "infoplane.hooks.schedule",
    "every": "infoplane.hooks.schedule",
    "interchange": "infoplane.hooks.chain",
    "log_spaced": "infoplane.hooks.schedule",
    "reduction": "infoplane.hooks.reduce",
    "replay": "infoplane.hooks.replay",
}

__all__ = list(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
