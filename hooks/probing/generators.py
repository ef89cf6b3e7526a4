"""A loader, and what it draws from, put back as it was: the training may read the same loader."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Iterator
from types import ModuleType

from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from infoplane.hooks.network.saved_values import SavedTable, SavedValue
from infoplane.hooks.network.streams import STREAMS, SavedStream

_DEEPEST = 5
"""Objects inside objects that are searched for generators: a transform in a list in a data set."""
_LONGEST = 1000
"""A longer list is data."""


@contextlib.contextmanager
def loader_kept(given: object) -> Iterator[None]:
    """Restore a loader, its samplers and data sets, and all generators that they hold, on exit."""
    saved: list[SavedValue] = []
    _save(given, saved, set(), depth=0)
    try:
        yield
    finally:
        for value in saved:
            value.put_back()


def read_apart(given: object) -> object:
    """Return a loader to read in place of one whose workers go on from epoch to epoch.

    These may be in the middle of an epoch of the training.
    """
    if not isinstance(given, DataLoader) or not given.persistent_workers:
        return given
    apart = copy.copy(given)
    vars(apart)["persistent_workers"] = False  # a loader refuses to have it set
    return apart


def _save(value: object, saved: list[SavedValue], seen: set[int], *, depth: int) -> None:
    """Save what of a value is read on by the training.

    Args:
        value: a loader, or something that it holds.
        saved: is added to.
        seen: ids of what was met already.
        depth: how many objects the value lies in.
    """
    if depth > _DEEPEST or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, STREAMS):
        saved.append(SavedStream(value, ""))
        return
    if isinstance(value, (DataLoader, Dataset, Sampler)):
        saved.append(SavedTable(vars(value), ""))  # a count of epochs, workers that go on
    for part in _parts(value):
        if not isinstance(part, (int, float, str)):  # of which a data set may hold millions
            _save(part, saved, seen, depth=depth + 1)


def _parts(value: object) -> Collection[object]:
    """What a list, a mapping or an object holds; nothing of data and of networks."""
    if isinstance(value, dict):
        return value.values() if len(value) <= _LONGEST else ()
    if isinstance(value, (list, tuple)):
        return value if len(value) <= _LONGEST else ()
    if isinstance(value, (type, ModuleType, nn.Module)) or not hasattr(value, "__dict__"):
        return ()
    return list(vars(value).values())
