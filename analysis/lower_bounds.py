"""What a network's own predictions prove about its layers.

Lower bounds of I(Z;Y) for every layer that separates X from the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.archive import Archive
from infoplane.types import entropy_of_counts
from infoplane.types.arrays import Codes, Floats


@dataclass(frozen=True)
class LowerBound:
    """Lower bounds of I(Z;Y) in bits at one checkpoint.

    Attributes:
        output: the layer whose logits were read.
        error: its error rate on the rows used.
        rows: how many (held-out ones where the split says).
        fano_bits: ``H(Y) - h(Pe) - Pe log2(K - 1)``.
        cross_entropy_bits: ``H(Y) - CE``, CE in bits.
    """

    output: str
    error: float
    rows: int
    fano_bits: float
    cross_entropy_bits: float

    @property
    def bits(self) -> float:
        """The larger of the two, at least 0."""
        return max(self.fano_bits, self.cross_entropy_bits, 0.0)


def fano_bits(h_y: float, error: float, classes: int) -> float:
    """Return Fano's bound ``H(Y) - h(Pe) - Pe log2(K - 1)`` in bits for a predictor of error Pe.

    Args:
        h_y: H(Y) in bits.
        error: Pe, the share of rows that it predicts wrongly.
        classes: K.

    Example:
        >>> fano_bits(1.0, 0.0, 2), round(fano_bits(1.0, 0.5, 2), 9)
        (1.0, 0.0)
    """
    of_errors = 0.0  # h(Pe)
    if error not in (0.0, 1.0):
        of_errors = -(error * np.log2(error) + (1 - error) * np.log2(1 - error))
    return float(h_y - of_errors - error * np.log2(max(classes - 1, 1)))


def lower_bound_of(archive: Archive, step: int) -> LowerBound | None:
    """Return the bound from the last captured layer, where it holds logits; None otherwise.

    Held-out rows are used where the archive knows the split; else all rows, which bounds I(Z;Y) on
    the probe set.
    """
    output = archive.infos[-1]
    if archive.y is None or archive.y_kind != "discrete" or not archive.has(step, output.name):
        return None
    if archive.y.ndim > 1 or output.cls not in ("Linear", "LazyLinear", "Identity"):
        return None
    logits = np.asarray(archive.z(step, output.name), np.float64).reshape(archive.n_rows, -1)
    labels = np.unique(np.asarray(archive.y), return_inverse=True)[1].reshape(-1)
    if logits.shape[1] != int(labels.max()) + 1:
        return None
    rows = np.asarray(archive.split) == "test"
    if archive.split is None or not rows.any():
        rows = np.ones(len(labels), bool)
    return _bound(output.name, logits[rows], labels[rows])


def _bound(name: str, logits: Floats, y: Codes) -> LowerBound:
    top = logits - logits.max(axis=1, keepdims=True)
    nats = np.log(np.exp(top).sum(axis=1)) - top[np.arange(len(y)), y]
    h_y = entropy_of_counts(np.unique(y, return_counts=True)[1])
    error = float((logits.argmax(axis=1) != y).mean())
    return LowerBound(
        name,
        error,
        len(y),
        fano_bits(h_y, error, logits.shape[1]),
        h_y - float(nats.mean()) / float(np.log(2)),
    )
