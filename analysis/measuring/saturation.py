"""Warn of layers that are saturated whatever they know, before an hour is spent on them."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infoplane.contract import Traits
from infoplane.display.saturation import saturation_sentence
from infoplane.display.terminal import say

if TYPE_CHECKING:
    from infoplane.archive import Archive

LARGE = 10_000_000
"""Numbers in a layer from which on measuring it takes long enough to be warned of."""


def say_saturation(archive: Archive, traits: Sequence[Traits], layers: Sequence[str]) -> None:
    """Say on stderr which large layers have no fewer units than the run has rows.

    Args:
        archive: the run.
        traits: of the estimators; exact codes and usable information mean something at such layers
            too.
        layers: that are measured.
    """
    if all(one.measures == "usable" or one.family == "exact codes" for one in traits):
        return
    rows = archive.n_rows
    infos = [archive.layer_info(layer) for layer in layers]
    large = any(math.prod(info.shape) >= max(rows, LARGE / rows) for info in infos)
    text = saturation_sentence(infos, rows) if large else ""
    if text:
        say(text, file=sys.stderr)
