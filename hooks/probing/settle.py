"""The probe of a recording, and the options that fit its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import nn
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from infoplane.errors import InputError
from infoplane.hooks.network.isolate import dtype_of
from infoplane.hooks.options import Options
from infoplane.hooks.probing.labels import as_labels, warn_of_other_labels
from infoplane.hooks.probing.probe import Probe, made, make_probe
from infoplane.kinds import IGNORED, rows_without_label
from infoplane.positions.samples import named_labels
from infoplane.types.arrays import Ids
from infoplane.user_warning import warn_user

_SHUFFLING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def settle_probe(model: nn.Module, given: object, options: Options) -> tuple[Probe, Options]:
    """Return the samples with a label, and the options of these.

    Args:
        model: the bare network, whose dtype floating-point inputs take.
        given: as the recorder takes it.
        options: of the recording.

    Raises:
        InputError: no probe, or labels that do not pair with it; arrays beside a loader that
            shuffles.
    """
    given = made(given)
    _refuse_arrays_of_shuffled_rows(given, options)
    fixed = tuple(map(str, options.fixed))
    probe = make_probe(given, fixed, dtype=dtype_of(model))
    if options.rows.kind == "sample":  # labels of positions are named anyway
        warn_of_other_labels(probe.y, options.rows.y)
    probe, options = without_ignored_rows(probe, options)
    options.check_labels(probe)
    return probe, options


def without_ignored_rows(probe: Probe, options: Options) -> tuple[Probe, Options]:
    """Return probe and options of the rows with a label, and warn of how many were left out.

    Left out are those with the label -100, torch's ``ignore_index``, among classes, see
    `infoplane.kinds.ignored_rows`, unless the labels are amounts (``y_kind="continuous"``). Of
    several label sets one such label is enough. Row ids and splits are those of the rows that stay.
    """
    if options.rows.kind != "sample":
        return probe, options  # positions without a label are left out one by one
    named = options.rows.y
    if named is not None and not isinstance(named, (str, Mapping)):
        probe = replace(probe, y=as_labels(named))
        options = replace(options, rows=replace(options.rows, y=None))
    if options.y_kind == "continuous":
        return probe, options
    given = named_labels(named, probe.y).values()
    sets = [as_labels(labels) for labels in given if not isinstance(labels, str)]
    if not sets or any(len(labels) != probe.n for labels in sets):
        return probe, options  # another length is refused by `Options.check_labels`
    ignored = rows_without_label(sets)
    if ignored is None:
        return probe, options
    note = (
        f"{int(ignored.sum())} of {probe.n} probe rows have the label {IGNORED}, which losses "
        "ignore: left out"
    )
    warn_user(note)
    rows = np.flatnonzero(~ignored)
    options = replace(options, notes=(*options.notes, note))
    return probe.take(rows), _of_rows(rows, options)


def _of_rows(rows: Ids, options: Options) -> Options:
    """The options of some rows of the probe."""
    return replace(
        options,
        row_ids=None if options.row_ids is None else np.asarray(options.row_ids)[rows],
        split=None if options.split is None else np.asarray(options.split)[rows],
        rows=options.rows.of_samples(rows),
    )


def _is_given_by_row(value: object) -> bool:
    """Whether an option is an array of rows, and not a name."""
    return value is not None and not isinstance(value, str)


def _refuse_arrays_of_shuffled_rows(given: object, options: Options) -> None:
    """Refuse one value for each row beside a loader that gives the rows in an order of its own.

    Raises:
        InputError: with the names of the options.
    """
    if not isinstance(given, DataLoader):
        return
    samplers = (given.sampler, getattr(given.batch_sampler, "sampler", None))  # of anybody's class
    if not any(map(_shuffles, samplers)):
        return
    labels = options.rows.y
    several = labels.values() if isinstance(labels, Mapping) else (labels,)
    of_rows = {
        "split": (options.split,),
        "row_ids": (options.row_ids,),
        "mask": (options.rows.mask,),
        "y": several,
    }
    named = [name for name, values in of_rows.items() if any(map(_is_given_by_row, values))]
    if named:
        raise InputError(
            f"{named}: expected rows in the order of these arrays, and the loader shuffles: give "
            "its data set (loader.dataset) as the probe, or a loader with shuffle=False"
        )


def _shuffles(sampler: object) -> bool:
    by_choice = isinstance(sampler, DistributedSampler) and sampler.shuffle
    return by_choice or isinstance(sampler, _SHUFFLING)
