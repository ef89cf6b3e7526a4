"""The probe (probe.h5): inputs, labels and row identities, the same at every step of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from infoplane.archive.label_array import LabelArray
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Kind
from infoplane.types.arrays import Array, Ids


@dataclass(frozen=True, eq=False)
class Probe:
    """What probe.h5 holds; `make_probe` builds it from what a user gives.

    Attributes:
        x: shape ``(n, ...)`` or None when not stored.
        y: discrete: int64; continuous: float; shape ``(n,)`` or ``(n, k)``; None without labels.
        y_kind: ``discrete``, ``continuous`` or None.
        row_ids: shape ``(n,)``, equal inputs have equal ids.
        split: shape ``(n,)``, codes into `layout.SPLITS`, or None.
        sha256: digest of all of it, of ``x`` also when it is not stored.
        class_names: the strings behind discrete labels that came as strings.
        x_kind: ``discrete`` (symbols: token ids, categories), ``continuous`` (amounts), or None
            without x.
        labels: further label sets of the same rows.
        rows: what a row is; `RowInfo.label` names ``y``.
        positions: shape ``(n, 2)``: sample and position of every row; None where rows are samples.
    """

    x: Array | None
    y: Array | None
    y_kind: Kind | None
    row_ids: Ids
    split: NDArray[np.uint8] | None
    chain: Chain | None
    sha256: str
    class_names: tuple[str, ...] | None = None
    x_kind: Kind | None = None
    labels: tuple[LabelArray, ...] = ()
    rows: RowInfo = field(default_factory=RowInfo)
    positions: Ids | None = None

    @property
    def n(self) -> int:
        """Number of probe rows."""
        return len(self.row_ids)
