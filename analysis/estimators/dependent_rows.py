"""Rows that are positions of samples: those of one sample are no independent evidence.

All tokens of a text know the text. A label of the text is then known to each of them, whether
the label means anything or not, and a predictor that was fitted on some tokens of the text has
seen the answer for the others. So held-out rows, halves of the rows and shuffled labels go by
whole samples.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.copies import copy_groups, first_of_every, groups_of_repeats
from infoplane.analysis.estimators.upsampled import upsampled_groups
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Codes, Floats, Ids

DEPENDENT = (
    "rows of one sample are no independent evidence: no error but that of halves of samples "
    "(errorbars=)"
)
"""A note."""
_MOST_TIMES = 8
"""Times that a row comes at most, to be one that was repeated."""
FEWEST_SAMPLES = 8
"""Samples that two halves need: fewer say nothing of how much samples differ."""


def samples_of(*variables: Variable | None) -> Codes | None:
    """Return dense codes of the sample that each row is a position of, shape ``(n,)``.

    None where rows are samples, where every sample has one row only, and of a single sample.

    Args:
        variables: paired rows; None where there is none.
    """
    for variable in variables:
        if variable is not None and variable.samples is not None:
            return dense_samples(variable.samples)
    return None


def dense_samples(numbers: Ids) -> Codes | None:
    """Return dense codes of samples, ``(n,)``; None of one, or where each has one row only.

    Args:
        numbers: the sample that each row is a position of, shape ``(n,)``.
    """
    codes = np.unique(numbers, return_inverse=True)[1].reshape(-1)
    return codes if 1 < count_of(codes) < len(codes) else None


def count_of(samples: Codes) -> int:
    """Return how many samples there are, by their dense codes."""
    return int(samples.max()) + 1


def without_error_of_rows(estimate: Estimate, *variables: Variable) -> Estimate:
    """Return an estimate without the error that counts each row, where rows of a sample depend.

    Args:
        estimate: of these variables.
        variables: paired rows.
    """
    if estimate.stderr is None or samples_of(*variables) is None:
        return estimate
    notes = (*estimate.notes, DEPENDENT)
    return replace(estimate, stderr=None, low=None, high=None, notes=notes)


def label_of_sample(y: Variable) -> bool:
    """Return whether all positions of a sample have the label of the sample."""
    samples = samples_of(y)
    if samples is None:
        return False
    labels = codes_of(y)
    return bool((labels == labels[first_of_every(samples)][samples]).all())


def groups_in_halves(*variables: Variable | None) -> Codes | None:
    """Return which rows fall in one half of the rows, shape ``(n,)``.

    Positions of one sample, else copies of one row. None where each row falls
    by itself, which positions of fewer than `FEWEST_SAMPLES` samples also do.

    Args:
        variables: the layer first, then inputs and labels; None where there is none.
    """
    there = [variable for variable in variables if variable is not None]
    samples = samples_of(*there)
    if samples is not None and count_of(samples) >= FEWEST_SAMPLES:
        return samples
    return _copies(*there)


def groups_of_one_label(z: Variable, y: Variable) -> Codes | None:
    """Return which rows keep one label when labels are shuffled, shape ``(n,)``.

    Positions of one sample where the label is the sample's, else copies of one row.

    Args:
        z: the layer, n rows.
        y: the labels, n rows.
    """
    if label_of_sample(y):
        return samples_of(y)
    return _copies(z, y)


def _copies(layer: Variable, *others: Variable) -> Codes | None:
    """Return which rows are copies of one another, shape ``(n,)``.

    All come equally often, or some come again, as in a bootstrap sample or with texts that a
    corpus repeats.

    Args:
        layer: n rows.
        others: inputs and labels, n rows each.
    """
    groups = copy_groups(layer, *others)
    if groups is None and others:
        groups = groups_of_repeats(layer, others[-1], fewest_in_atom=_MOST_TIMES)
    if groups is None and others and (layer.kind, others[-1].kind) == ("continuous", "discrete"):
        groups = upsampled_groups(layer, others[-1])
    return groups


def copies_as_samples(a: Variable, b: Variable) -> tuple[Variable, Variable, list[str]]:
    """Return variables whose copies of a row are positions of one sample, and a note.

    What is fitted on one copy has seen the others: they are held out together. Variables without
    copies, or that have samples, are returned as they are.

    Args:
        a: n rows.
        b: n rows.
    """
    if a.samples is not None or b.samples is not None:
        return a, b, []
    groups = _copies(a, b) if a.kind == "continuous" else _copies(b, a)
    if groups is None:
        return a, b, []
    note = f"some rows come several times: copies of {count_of(groups)} rows are held out together"
    return replace(a, samples=groups), replace(b, samples=groups), [note]


def sample_by_sample(rows: Ids, samples: Codes | None, rng: Generator) -> Ids:
    """Return the rows with those of one sample next to each other, samples in random order.

    Args:
        rows: in random order, shape ``(m,)``.
        samples: of all rows, shape ``(n,)``; None leaves the rows as they are.
        rng: of the order of samples.
    """
    if samples is None:
        return rows
    rank = rng.permutation(count_of(samples))
    return rows[np.argsort(rank[samples[rows]], kind="stable")]


def first_half(rows: Ids, samples: Codes) -> int:
    """Return how many rows make a first half that ends with a whole sample.

    Args:
        rows: sample by sample, shape ``(m,)``.
        samples: of all rows, shape ``(n,)``.
    """
    half = len(rows) // 2
    ends = np.flatnonzero(np.diff(samples[rows])) + 1
    return int(ends[np.argmin(np.abs(ends - half))]) if len(ends) else half


def stderr_of_mean(values: Floats, samples: Codes) -> float:
    """Return the standard error of a mean of rows that depend within their sample.

    ``sqrt(S / (S - 1) sum_s (sum_(i in s) (v_i - mean))^2) / n`` over S samples (Liang & Zeger
    1986): with equal rows in every sample it is that of S rows, not of n.

    Args:
        values: shape ``(n,)``.
        samples: dense codes, shape ``(n,)``, of at least 2 samples.
    """
    kinds = count_of(samples)
    sums = np.bincount(samples, weights=values - values.mean(), minlength=kinds)
    return float(np.sqrt(kinds / (kinds - 1) * (sums**2).sum()) / len(values))
