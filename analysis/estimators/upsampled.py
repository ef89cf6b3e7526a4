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
"""Times that rows of one label come oftener than rows of another, and that those come at most."""
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
    strata = 2 * codes + _in_several_labels(codes_of(layer), codes)
    first = first_of_every(groups)  # one row of each group
    first = first[np.argsort(row_digests(layer.values[first])[:, 0])]  # whatever their order was
    counts = np.bincount(strata)
    distinct = np.bincount(strata[first], minlength=len(counts))
    present = np.flatnonzero(counts)
    rarest = present[np.argmin(distinct[present] / counts[present])]
    taken = counts * distinct[rarest] // counts[rarest]
    parts = [first[strata[first] == stratum][:size] for stratum, size in enumerate(taken)]
    rows = np.sort(np.concatenate(parts))
    note = (
        f"rows of some labels come several times (upsampled): {len(rows)} distinct rows taken, "
        "labels in the shares that they have"
    )
    return a.take(rows), b.take(rows), [note]


def upsampled_groups(layer: Variable, labels: Variable) -> Codes | None:
    """Return which rows are one row that came again, shape ``(n,)``; None where no label does so.

    Rows of one label come oftener than rows of another, of which few come again; the layer is not
    rounded; and within each label rows come as evenly as draws of equal chance, so that embedded
    tokens, atoms and units that saturate for one label are left as they are. Rows whose value has
    several labels, such as those of a dead layer, fall by themselves.

    Args:
        layer: shape ``(n, dim)``.
        labels: of its rows.
    """
    codes = codes_of(layer)
    of_rows = codes_of(labels)
    shared = _in_several_labels(codes, of_rows)
    if not (counts_of(codes)[codes] > 1)[~shared].any():
        return None
    values = np.unique(codes[~shared], return_counts=True)
    of_values = of_rows[first_of_every(codes)][values[0]]
    distinct = np.bincount(of_values, minlength=int(of_rows.max()) + 1)
    if distinct.min() < _FEWEST:
        return None
    times = np.bincount(of_rows[~shared]) / distinct
    if times.min() > _OFTENER or times.max() < _OFTENER * times.min():
        return None
    if any(is_rounded(column) for column in layer.values.T):
        return None
    if not _as_evenly_as_draws(values[1], of_values).all():
        return None
    alone = int(codes.max()) + 1 + np.arange(layer.n)
    return np.unique(np.where(shared, alone, codes), return_inverse=True)[1].reshape(-1)


def _in_several_labels(codes: Codes, labels: Codes) -> Mask:
    """Return which rows have a value that rows of other labels have too, shape ``(n,)``."""
    least = np.full(int(codes.max()) + 1, labels.max())
    largest = np.zeros_like(least)
    np.minimum.at(least, codes, labels)
    np.maximum.at(largest, codes, labels)
    return np.asarray((least < largest)[codes])


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
