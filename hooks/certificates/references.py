"""What the layers of a network give when nothing is put into them: noise, company, rounding."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
)
from infoplane.hooks.certificates.comparing import TOLERANCE, relative_change, rounded, same
from infoplane.hooks.certificates.layer_values import LayerValues
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
    plain: LayerValues
    both: LayerValues | None = None
    random: frozenset[str] = frozenset()
    coupled: frozenset[str] = frozenset()
    carried: frozenset[str] = frozenset()

    @property
    def unsteady(self) -> frozenset[str]:
        """Layers that are no function of their own row of the input."""
        return self.random | self.coupled | self.carried

    def but_for_rounding(self, layer: str) -> float:
        """Return the tolerance of a layer that other last bits may move."""
        return max(TOLERANCE, ROUNDING_MARGIN * self.rounding.get(layer, 0.0))

    def moved_by_company(self, tolerance: Callable[[str], float]) -> set[str]:
        """Return the layers of which the rows x in ``both`` are not as in ``plain``."""
        assert self.both is not None
        rows_x = IN_TURNS.shown
        return {
            name
            for name in self.plain.names
            if not same(self.both[name][rows_x], self.plain[name], tolerance(name))
        }


def find_references(bench: Bench, rows: TestRows, advance: Callable[[], object]) -> References:
    """Run the network as it is, with other last bits, and with all else that may change a row.

    Noise, the other rows of the batch, and what the batch before left change at once, in one
    forward. Only where a layer differs then, each is tried alone.

    Args:
        bench: the network and its layers.
        rows: of the test.
        advance: called after each forward.
    """
    plain = bench.values(rows.x)
    advance()
    rounding = _rounding(bench, rows, plain, carry=True)
    advance()
    small = rounding is not None and all(change <= TOLERANCE for change in rounding.values())
    if not small or not bench.focus.separate:
        # The same rows, so that rounding changes nothing: what moves is noise or the first batch.
        moved = bench.differing(plain, rows.x, OTHER, carry=True)
        if moved:
            rounding = _rounding(bench, rows, plain)
            return _tell_apart(bench, rows, References(rounding or {}, plain), moved)
    found = References(rounding or {}, plain)
    if not bench.focus.separate:
        return found
    both = bench.values(rows.both, OTHER, carry=True)
    advance()
    steady = replace(found, both=both)
    if small and not steady.moved_by_company(lambda _: TOLERANCE):
        return steady
    moved = steady.moved_by_company(found.but_for_rounding)
    if small:
        found = _tell_apart(bench, rows, found, moved)
    else:  # noise and the first batch were tried above and moved nothing
        found = replace(found, coupled=frozenset(moved))
    return found if found.unsteady else steady


def _tell_apart(
    bench: Bench, rows: TestRows, found: References, moved: Collection[str]
) -> References:
    """Try noise, what a batch leaves, and company one after another.

    Args:
        bench: the network and its layers.
        rows: of the test.
        found: the layers as they are, and their rounding.
        moved: layers that one of these changed; random where none alone does it again.
    """
    random = bench.differing(found.plain, rows.x, OTHER)
    carried = bench.differing(found.plain, rows.x, carry=True)
    coupled = set[str]()
    if bench.focus.separate:  # noise has its place in the batch
        shown, places = (rows.mixed, AT_THEIR_PLACES) if random else (rows.both, IN_TURNS)
        coupled = bench.differing(
            found.plain, shown, places=places, tolerance=found.but_for_rounding
        )
    random |= set(moved) - random - carried - coupled
    return replace(
        found,
        random=frozenset(random),
        coupled=frozenset(coupled),
        carried=frozenset(carried),
    )


def _rounding(
    bench: Bench, rows: TestRows, plain: LayerValues, *, carry: bool = False
) -> dict[str, float] | None:
    """Change the last bits of every layer at once; None where nothing can be put into one."""
    other_bits = partial(rounded, own=torch.Generator().manual_seed(BEFORE))
    patches: dict[str, Patch] = {
        site.name: other_bits for site in bench.sites if not callable(site.select)
    }
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
