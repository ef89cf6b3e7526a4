"""A warning of layers too wide for the rows of a probe, before anything is measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

from infoplane.types import LayerInfo


def saturation_sentence(layers: Sequence[LayerInfo], rows: int) -> str:
    """Return what wide layers will show, and what would help; empty where no layer is wide.

    Args:
        layers: what is stored of each.
        rows: stored rows per checkpoint.

    Example:
        >>> saturation_sentence([LayerInfo("conv", 0, shape=(512, 14, 14))], 256)[:75]
        'saturation: 1 of 1 layers has no fewer units than there are rows (100,352 u'
    """
    wide = [info for info in layers if math.prod(info.shape) >= rows]
    if not wide or rows < 2:
        return ""
    widest = max(math.prod(info.shape) for info in wide)
    have = "has" if len(wide) == 1 else "have"
    return (
        f"saturation: {len(wide)} of {len(layers)} layers {have} no fewer units than there are "
        f"rows ({widest:,} units, {rows:,} rows): hardly two rows are alike there, and bins, "
        f"kernels and neighbours show the number of rows, log2 {rows:,} = {math.log2(rows):.1f} "
        "bits, whatever the layer knows. What helps: reduce= (gap, pca:8), rows='token' or "
        "'pixel', more rows, or usable information (vinfo)"
    )
