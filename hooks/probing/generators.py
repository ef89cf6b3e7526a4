"""What a loader draws from, put back as it was: the training may read the same loader."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader


@contextlib.contextmanager
def generators_kept(given: object) -> Iterator[None]:
    """Restore the generators of a loader and of its samplers on exit; others have none."""
    states = [(generator, generator.get_state()) for generator in _generators_of(given)]
    try:
        yield
    finally:
        for generator, state in states:
            generator.set_state(state)


def _generators_of(given: object) -> list[torch.Generator]:
    """The generators that were given to a loader, to its sampler, and to that of its batches."""
    if not isinstance(given, DataLoader):
        return []
    batches = given.batch_sampler
    owners = (given, given.sampler, batches, getattr(batches, "sampler", None))
    # samplers are anybody's classes
    found = [getattr(owner, "generator", None) for owner in owners]
    return [generator for generator in found if isinstance(generator, torch.Generator)]
