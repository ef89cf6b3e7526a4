"""Rows of some labels that come oftener than those of others: upsampled, or drawn by weights."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.copies import first_of_every
from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.quantisation import is_rounded
from infoplane.rows import codes_of, row_digests
from infoplane.types import Variable
from infoplane.types.arrays import Codes, Mask

_FEWEST = 20
"""Distinct rows of each label, below which values that come again may be symbols."""
_OFTENER = 1.5
"""Times that rows of one label come oftener than rows of another."""
_CLEAR = 4.0
"""Standard deviations from which counts are no draws of equal chance."""


def without_upsampling(a: Variable, b: Variable) -> tuple[Variable, Variable, list[str]]:
    """Return rows that come once, labels in the shares that they had, and a note; else all rows.

    A class that was upsampled, or drawn oftener by a weighted sampler, says no more than its
    distinct rows, but neighbours take its copies for knowledge of the label. So many distinct rows
    of each label are taken as keep the shares of the labels.

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``; labels are one of the two, else nothing is done.
    """
    if a.kind == b.kind:
        return a, b, []
    layer, labels = (a, b) if b.kind == "discrete" else (b, a)
    groups = upsampled_groups(layer, labels)
    if groups is None:
        return a, b, []
    codes = codes_of(labels)
    first = first_of_every(groups)  # one row of each group
    first = first[np.argsort(row_digests(layer.values[first])[:, 0])]  # whatever their order was
    distinct = np.bincount(codes[first])
    counts = counts_of(codes)
    taken = np.floor(counts * (distinct / counts).min()).astype(np.int64)
    rows = np.concatenate([first[codes[first] == label][:size] for label, size in enumerate(taken)])
    rows = np.sort(rows)
    note = (
        f"rows of some labels come several times (upsampled): {len(rows)} distinct rows taken, "
        "labels in the shares that they have"
    )
    return a.take(rows), b.take(rows), [note]


def upsampled_groups(layer: Variable, labels: Variable) -> Codes | None:
    """Return which rows are one row that came again, shape ``(n,)``; None where no label does so.

    Rows of one label come oftener than rows of another; each value has one label; the layer is not
    rounded; and within each label rows come as evenly as draws of equal chance, so that embedded
    tokens, atoms and units that saturate for one label are left as they are.

    Args:
        layer: shape ``(n, dim)``.
        labels: of its rows.
    """
    codes = codes_of(layer)
    of_rows = codes_of(labels)
    times = counts_of(codes)
    if times.max() == 1:
        return None
    of_values = of_rows[first_of_every(codes)]
    if (of_rows != of_values[codes]).any():
        return None
    distinct = np.bincount(of_values)
    mean_times = counts_of(of_rows) / distinct
    if distinct.min() < _FEWEST or mean_times.max() < _OFTENER * mean_times.min():
        return None
    if any(is_rounded(column) for column in layer.values.T):
        return None
    return codes if _as_evenly_as_draws(times, of_values).all() else None


def _as_evenly_as_draws(times: Codes, labels: Codes) -> Mask:
    """Return for which labels rows come as evenly as a Poisson law allows, shape ``(K,)``.

    A Poisson law of mean m has m^2 ordered pairs and m^3 triples of draws for each row.

    Args:
        times: how often each distinct row comes, shape ``(m,)``.
        labels: of these, shape ``(m,)``.
    """
    rows = np.bincount(labels, weights=times)
    pairs = np.bincount(labels, weights=times * (times - 1))
    triples = np.bincount(labels, weights=times * (times - 1) * (times - 2))
    expected = pairs**2 / rows
    return np.asarray(triples <= expected + _CLEAR * np.sqrt(6 * expected + 6))
