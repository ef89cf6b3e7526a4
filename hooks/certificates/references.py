"""What the layers of a network give when nothing is put into them: noise, company, rounding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from infoplane.errors import UnsupportedOutput
from infoplane.hooks.certificates.bench import (
    BEFORE,
    OTHER,
    Bench,
    Patch,
    Places,
    Values,
    relative_change,
    rounded,
    same,
)
from infoplane.hooks.probing.probe import Probe
from infoplane.types import ROUNDING_MARGIN

REFERENCE_FORWARDS = 3
"""Forwards of a network without noise."""


AT_THEIR_PLACES = Places(slice(None, None, 2), slice(None, None, 2))
"""The rows of x in ``mixed``, and in x itself."""
IN_TURNS = Places(slice(1, None, 2))
"""The rows of x in ``both``, and in x itself."""


class TestRows:
    """The rows of one interchange test.

    Args:
        probe: the rows that ``x`` and ``other`` number.
        x: numbers of the rows whose values are put back, shape ``(k,)``.
        other: numbers of the rows that run meanwhile, shape ``(k,)``.

    Attributes:
        count: k.
        x, other, both: probes of k, k and 2 k rows; in ``both`` other and x take turns.
        mixed: every second row of x at its place, between rows of the other set.
    """

    __test__ = False  # no test case, whatever the name says to pytest

    def __init__(self, probe: Probe, x: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        self.count = len(x)
        self.x, self.other = probe.take(x), probe.take(other)
        self.both = probe.take(np.stack([other, x], 1).reshape(-1))
        self.mixed = probe.take(np.where(np.arange(len(x)) % 2, other, x))


@dataclass(frozen=True)
class References:
    """What the layers give when nothing is put into them.

    Attributes:
        rounding: by layer, the relative change by other last bits.
        plain: values of every layer on the rows x.
        both: values of every layer on both sets of rows, other and x in turns; None where layers
            are unsteady.
        random: layers that other noise changes.
        coupled: layers whose rows the other rows of the batch change.
        carried: layers that what the batch before left in the network changes.
    """

    rounding: dict[str, float]
    plain: Values
    both: Values | None = None
    random: frozenset[str] = frozenset()
    coupled: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()

    @property
    def unsteady(self) -> frozenset[str]:
        """Layers that are no function of their own row of the input."""
        return self.random | self.coupled | self.carried


def find_references(
    bench: Bench, rows: TestRows, tolerance: float, advance: Callable[[], object]
) -> References:
    """Run the network as it is, with other last bits, and with all else that may change a row.

    One forward changes the noise, the company and what the batch before left, all at once. Only
    where a layer differs each of them is tried alone.

    Args:
        bench: the network and its layers.
        rows: of the test.
        tolerance: relative, see `certify`.
        advance: called after each forward.
    """
    plain = bench.run(rows.x)
    advance()
    rounding = _rounding(bench, rows, plain, carry=True)
    steady = rounding is not None and all(c <= tolerance for c in rounding.values())
    advance()
    both: Values | None = None
    if bench.focus.separate:
        both = bench.run(rows.both, OTHER, carry=True)
        steady &= all(same(both[name][1::2], plain[name], tolerance) for name in plain)
        advance()
        if steady and rounding is not None:
            return References(rounding=rounding, plain=plain, both=both)
    rounding = _rounding(bench, rows, plain)  # without what the first batch left
    found = _unsteady(bench, rows, tolerance, plain, rounding or {})
    return found if found.unsteady else replace(found, both=both)


def _unsteady(
    bench: Bench, rows: TestRows, tolerance: float, plain: Values, rounding: dict[str, float]
) -> References:
    """Try other noise, other company and what a batch leaves one after another."""

    def alike(_name: str) -> float:
        return tolerance

    def alike_but_for_rounding(name: str) -> float:
        return max(tolerance, ROUNDING_MARGIN * rounding.get(name, 0.0))

    random = bench.differing(plain, alike, rows.x, OTHER, carry=True)
    carried = set[str]()
    if random:  # by noise, or by what the batch before left?
        carried = bench.differing(plain, alike, rows.x, carry=True)
        random = bench.differing(plain, alike, rows.x, OTHER)
    coupled = set[str]()
    if bench.focus.separate and random:  # noise has its place in the batch
        coupled = bench.differing(plain, alike_but_for_rounding, rows.mixed, places=AT_THEIR_PLACES)
    elif bench.focus.separate:
        coupled = bench.differing(plain, alike_but_for_rounding, rows.both, places=IN_TURNS)
    return References(
        rounding,
        plain,
        random=frozenset(random),
        coupled=frozenset(coupled),
        carried=frozenset(carried),
    )


def _rounding(
    bench: Bench, rows: TestRows, plain: Values, *, carry: bool = False
) -> dict[str, float] | None:
    """Change the last bits of every layer at once; None where nothing can be put into one."""
    other_bits = partial(rounded, own=torch.Generator().manual_seed(BEFORE))
    patches: dict[str, Patch] = {s.name: other_bits for s in bench.sites if not callable(s.select)}
    changes: dict[str, float] = {}

    def compare(name: str, value: Tensor) -> None:
        change = relative_change(plain[name], value)
        if change > 0:
            changes[name] = change

    try:
        bench.run(rows.x, patches=patches, carry=carry, see=compare)
    except UnsupportedOutput:
        return None
    return changes
