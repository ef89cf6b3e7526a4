"""Continuous labels as symbols.

Quantile bins of the labels' own, for estimators that count cells.
"""

from __future__ import annotations

import numpy as np

from infoplane.contract import BinsLabels, Estimator
from infoplane.errors import SpecError
from infoplane.types import Variable
from infoplane.types.arrays import Codes, Values

LABEL_BINS = 15
"""Bins per label column. An odd number: the middle bin maps to itself when labels change sign."""
BINNED_LABELS = f"Y in {LABEL_BINS} quantile bins of its own"


def labels_seen_by(estimator: Estimator, y: Variable) -> Variable:
    """Return the labels as this estimator takes them.

    In bins where it counts cells, else as they are.
    """
    return estimator.labels_of(y) if isinstance(estimator, BinsLabels) else y


def counts_cells(spec: str) -> bool:
    """Return whether the estimator of this spec takes continuous labels in bins.

    False for one that is not installed.
    """
    from infoplane.analysis.estimators.spec import parse

    try:
        return isinstance(parse(spec), BinsLabels)
    except SpecError:
        return False


def quantile_labels(y: Variable, bins: int = LABEL_BINS) -> Variable:
    """Return continuous labels, shape ``(n, dim)``, as symbols.

    The quantile bin of every column.

    A row's bin follows from its rank alone, so that I(Z;Y) is the same for y and a y + b, whatever
    the layer's bins are. Equal labels share a bin. At most log2 ``bins`` bits per column can be
    seen.

    Example:
        >>> from infoplane.types import continuous
        >>> quantile_labels(continuous([0.1, 0.2, 7.0]), bins=3).values.ravel().tolist()
        [0, 1, 2]
    """
    if y.kind == "discrete":
        return y
    columns = [_bins_of_ranks(column, bins) for column in y.values.T]
    symbols = np.stack(columns, axis=1)
    return Variable(y.name, symbols, "discrete", (*y.notes, BINNED_LABELS), y.samples)


def _bins_of_ranks(column: Values, bins: int) -> Codes:
    ordered = np.sort(column)
    below = np.searchsorted(ordered, column, "left")
    up_to = np.searchsorted(ordered, column, "right")
    doubled = (below + up_to) * bins  # mid-ranks from 0 to n, times 2 bins: compared exactly
    last, left = np.divmod(doubled, 2 * len(column))
    # An edge belongs to the bin nearer the middle.
    on_edge_beyond_middle = (left == 0) & (2 * last > bins)
    return last - on_edge_beyond_middle
