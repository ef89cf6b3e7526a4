"""X, Z and Y of a run, as an estimator takes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infoplane.analysis.estimators.copies import groups_of_codes
from infoplane.analysis.estimators.dependent_rows import (
    FEWEST_SAMPLES,
    count_of,
    dense_samples,
    label_of_sample,
    samples_of,
)
from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.estimators.spec import FAMILIES, prefix_of
from infoplane.archive import Archive
from infoplane.contract import Estimator
from infoplane.errors import InputError
from infoplane.memo import remembered
from infoplane.rows import codes_of, row_codes
from infoplane.types import Variable, continuous, discrete, entropy_of_counts
from infoplane.types.arrays import Array, Ids


def layer_variable(archive: Archive, step: int, layer: str, estimator: Estimator) -> Variable:
    """Return Z as this estimator wants it.

    Its values, or its exact row digests where those are all it needs.

    Args:
        archive: the run.
        step, layer: where.
        estimator: that will take it.

    Raises:
        InputError: NaN or infinity in the layer, which digests would take for one more symbol.
    """
    if estimator.traits.wants == "row hashes":
        bad = archive.n_nonfinite(step, layer)
        if bad:
            raise InputError(
                f"{layer}: {bad} values are NaN or infinity; find the step where they appear "
                "before measuring"
            )
        return discrete(archive.row_digests(step, layer), layer)
    return layer_values(archive, step, layer)


def layer_values(archive: Archive, step: int, layer: str) -> Variable:
    """Return the stored values of a layer: amounts, or symbols where it holds the network's own.

    Args:
        archive: the run.
        step, layer: where.
    """
    values = archive.z(step, layer)
    return discrete(values, layer) if holds_symbols(archive, layer) else continuous(values, layer)


def holds_symbols(archive: Archive, layer: str) -> bool:
    """Return whether a layer holds symbols of the network, such as token ids."""
    stored = archive.layer_info(layer).store_dtype
    return archive.x_kind == "discrete" and np.dtype(stored).kind in "iu"


def input_variable(archive: Archive, estimator: Estimator) -> Variable | None:
    """Return X as this estimator takes it, row ids or values; None when neither is possible.

    Inputs that are symbols (token ids) are never values: their numbers are names, and equal rows
    are one symbol.
    """
    values = archive.x if archive.x_kind == "continuous" else None
    as_values = estimator.traits.x_as == "values" and values is not None
    if not as_values and estimator.supports("discrete", "continuous"):
        ids = remembered(
            archive, "x as row ids", lambda: _positioned(archive, discrete(archive.row_ids, "x"))
        )
        return seen_by(estimator, ids)
    if estimator.supports("continuous", "continuous") and values is not None:
        amounts = remembered(
            archive, "x as values", lambda: _positioned(archive, continuous(values, "x"))
        )
        return seen_by(estimator, amounts)
    return None


def label_variable(archive: Archive, estimator: Estimator | None = None) -> Variable | None:
    """Return Y as this estimator takes it, None without labels.

    Amounts go in bins to one that counts cells (see `label_bins`), as symbols to one that takes
    exact values for symbols.
    """
    values = archive.y
    if values is None:
        return None
    make = discrete if archive.y_kind == "discrete" else continuous
    labels = remembered(archive, "y", lambda: _labels(archive, make(values, "y")))
    if estimator is None:
        return labels
    if labels.kind == "discrete":
        return seen_by(estimator, labels)
    if estimator.traits.wants == "row hashes" and estimator.supports("discrete", "discrete"):
        return seen_by(estimator, remembered(labels, "as symbols", lambda: _symbols(labels)))
    return seen_by(estimator, labels_seen_by(estimator, labels))


def _symbols(amounts: Variable) -> Variable:
    """Return amounts as symbols: equal rows share one."""
    return replace(amounts, values=codes_of(amounts)[:, None], kind="discrete")


def seen_by(estimator: Estimator, variable: Variable) -> Variable:
    """Return the variable as it is given to an estimator: read only to one of somebody else's.

    One variable serves several estimators, and all checkpoints. A plug-in that writes into it (such
    as ``z -= z.mean(axis=0)``) fails instead of changing the numbers of the others.
    """
    if prefix_of(estimator.name) in FAMILIES:
        return variable
    return remembered(variable, "read only", lambda: _read_only(variable))


def _read_only(variable: Variable) -> Variable:
    values = variable.values.view()
    values.flags.writeable = False
    return replace(variable, values=values)


def _positioned(archive: Archive, variable: Variable) -> Variable:
    """Return the variable with the sample of every row, where rows are positions of samples."""
    positions = archive.positions
    return variable if positions is None else replace(variable, samples=positions[:, 0])


def _labels(archive: Archive, variable: Variable) -> Variable:
    """Return the labels with their samples, and a note where they are labels of samples."""
    labels = _positioned(archive, variable)
    samples = samples_of(labels)
    if samples is None or not label_of_sample(labels):
        return labels
    note = (
        f"one label for all {archive.row_info.kind}s of each of {count_of(samples)} samples: a "
        "layer that tells samples apart knows the label, whether it means anything or not; null= "
        "shuffles the labels of whole samples"
    )
    return replace(labels, notes=(*labels.notes, note))


def samples_in_probe(archive: Archive) -> Ids | None:
    """Return the sample that each row is a position of, shape ``(n,)``.

    None where rows are samples, and of samples too few for halves.
    """
    positions = archive.positions
    samples = None if positions is None else dense_samples(positions[:, 0])
    enough = samples is not None and count_of(samples) >= FEWEST_SAMPLES
    return samples if enough else None


def groups_in_probe(archive: Archive) -> Ids | None:
    """Return which rows fall in one half of the rows, shape ``(n,)``.

    Positions of one sample, else copies of one row: one input with one label, see
    `groups_of_codes`. None where each row falls by itself.
    """
    samples = samples_in_probe(archive)
    return copies_in_probe(archive) if samples is None else samples


def copies_in_probe(archive: Archive) -> Ids | None:
    """Return which rows are one input with one label, shape ``(n,)``; see `groups_of_codes`."""
    labels = label_variable(archive)
    columns = [archive.row_ids] if labels is None else [archive.row_ids, codes_of(labels)]
    return groups_of_codes(row_codes(np.column_stack(columns)))


def entropy_of_rows(symbols: Array) -> float:
    """Return the plug-in entropy in bits of symbols, shape ``(n,)`` or ``(n, columns)``."""
    axis = 0 if symbols.ndim > 1 else None  # a row of several columns is one symbol
    return entropy_of_counts(np.unique(symbols, return_counts=True, axis=axis)[1])
