"""The layers of a network, and which of them screen the input off from which."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np

from infoplane.errors import InputError
from infoplane.types.arrays import Shape

Relation = Literal["cut", "declared", "partial", "no-path", "unknown"]
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class LayerInfo:
    """One captured site of the network, as the archive's layer table stores it.

    Attributes:
        name: dotted module name, with ``#k`` for the k-th call of a reused module and ``:input``
            for a module's input.
        ordinal: position in the archive (execution order).
        cls: class name of the module.
        shape: feature shape of what is stored, without the row axis.
        raw_shape: feature shape before the reduction.
        dtype: torch dtype in which the layer computed, e.g. ``float32``.
        store_dtype: numpy dtype in the file.
        reduction: ``none`` or the reduction's spec, e.g. ``gap``, ``pca:16``.
        aliases: other names of the same module.
    """

    name: str
    ordinal: int
    cls: str = ""
    shape: Shape = ()
    raw_shape: Shape = ()
    dtype: str = "float32"
    store_dtype: str = "float32"
    reduction: str = "none"
    site: Literal["output", "input"] = "output"
    aliases: tuple[str, ...] = ()

    @property
    def bytes_per_row(self) -> int:
        """Bytes that one row of this layer takes in the archive at every step.

        What is stored of it, and its digest of 16 bytes.
        """
        return math.prod(self.shape) * np.dtype(self.store_dtype).itemsize + 16


ROUNDING_MARGIN = 16.0
"""By how much rounding may be larger on all rows than on those of the interchange test."""


@dataclass(frozen=True)
class Chain:
    """Which layers screen the input off from which.

    The result of the interchange test, see docs/verdicts.md.

    Attributes:
        layers: layer names, in order.
        matrix: ``matrix[i][j]`` relates layer i to layer j: ``cut`` (i separates X from j, tested),
            ``declared`` (the same, declared by the user and not tested), ``partial`` (bypassed),
            ``no-path`` or ``unknown``.
        tolerance: relative tolerance of the comparison.
        rows: probe rows the test ran on.
        shared_noise: pairs of layers that were found to share noise.
        reason: why (part of) the test could not run; empty when it ran.
        noisy: layers that two forwards of the same rows do not repeat (they draw noise, or see the
            other rows of the batch).
        fresh_noise: pairs of layers between which noise is drawn.
        rounding: by layer, the largest change that rounding in the last bits of every layer makes,
            relative to its largest value.
        through: the last checkpoint whose weights were tested, -1 where none was; None: the
            relations hold whatever the weights.
        noise: ``independent`` where the user declared that layers share no noise.
        coupled: the noisy layers that draw nothing: they see the other rows of the batch, and
            repeat in the same company.
        untested: layers that were not exchanged, since the test had spent its budget; what does not
            follow from others is ``unknown``.
    """

    layers: tuple[str, ...]
    matrix: tuple[tuple[Relation, ...], ...]
    tolerance: float = 1e-5
    rows: int = 0
    shared_noise: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    noisy: tuple[str, ...] = ()
    fresh_noise: tuple[tuple[str, str], ...] = ()
    rounding: Mapping[str, float] = field(default_factory=dict)
    through: int | None = None
    noise: str = "undeclared"
    coupled: tuple[str, ...] = ()
    untested: tuple[str, ...] = ()

    @property
    def drawn(self) -> tuple[str, ...]:
        """Layers that draw noise: the same rows in the same company come out different."""
        return tuple(name for name in self.noisy if name not in self.coupled)

    def relation(self, upstream: str, downstream: str) -> Relation:
        """Return how ``upstream`` relates to ``downstream``.

        ``unknown`` for a layer the test did not see.
        """
        row, column = self._places.get(upstream), self._places.get(downstream)
        return "unknown" if row is None or column is None else self.matrix[row][column]

    def separates(self, upstream: str, downstream: str) -> bool:
        """Return whether ``upstream`` separates X from ``downstream``, tested or declared."""
        return self.relation(upstream, downstream) in ("cut", "declared")

    def random_behind(self, upstream: str, downstream: str) -> bool:
        """Return whether noise may come in between two layers.

        Noise that was seen between the first and a third layer goes on into all that the third
        leads to, whether or not the few rows of the test showed it there.
        """
        seen = {*self.fresh_noise, *self.shared_noise}
        return any(
            (upstream, name) in seen and self.relation(name, downstream) != "no-path"
            for name in (*self.noisy, downstream)
        )

    def may_be_random(self, layer: str) -> bool:
        """Return whether a layer is noisy, or anything noisy leads to it."""
        return any(self.relation(name, layer) != "no-path" for name in self.noisy)

    @cached_property
    def declared(self) -> bool:
        """Whether any relation rests on a declaration and not on a test."""
        return any("declared" in row for row in self.matrix)

    def count(self, relation: str) -> int:
        """Return how many pairs of two layers have a relation, read in both directions."""
        pairs = sum(row.count(relation) for row in self.matrix)
        return pairs - sum(row[place] == relation for place, row in enumerate(self.matrix))

    def covers(self, step: int) -> bool:
        """Return whether the test ran on the weights of this checkpoint, or on later ones."""
        return self.through is None or step <= self.through

    def joined(self, newer: Chain) -> Chain:
        """Return the worst of two certificates of one network.

        A path that was seen once stays, and so does every noise.

        Example:
            >>> closed = Chain(("a", "b"), (("cut", "cut"), ("no-path", "cut")), through=0)
            >>> opened = Chain(("a", "b"), (("cut", "partial"), ("no-path", "cut")), through=8)
            >>> closed.joined(opened).relation("a", "b"), closed.joined(opened).through
            ('partial', 8)
        """
        matrix = []
        for name, old_row, new_row in zip(self.layers, self.matrix, newer.matrix, strict=True):
            join = _both_untested if name in newer.untested else _both
            matrix.append(tuple(map(join, old_row, new_row)))
        rounding = dict(self.rounding)
        for name, change in newer.rounding.items():
            rounding[name] = max(change, rounding.get(name, 0.0))
        noisy = _union(self.noisy, newer.noisy)
        drawn = {*self.drawn, *newer.drawn}
        return replace(
            newer,
            matrix=tuple(matrix),
            rounding=rounding,
            noisy=noisy,
            coupled=tuple(name for name in noisy if name not in drawn),
            fresh_noise=_union(self.fresh_noise, newer.fresh_noise),
            shared_noise=_union(self.shared_noise, newer.shared_noise),
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.layers)}

    def to_dict(self) -> dict[str, object]:
        """Return a JSON-ready form; `Chain.from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Chain:  # Any: JSON
        """Return a chain from `to_dict`'s form.

        Raises:
            InputError: a key is missing, a value has another type, or the matrix does not fit the
                layers.
        """
        import msgspec

        try:
            chain = msgspec.convert(stored, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"not a chain certificate: {error}") from error
        width = len(chain.layers)
        if len(chain.matrix) != width or any(len(row) != width for row in chain.matrix):
            raise InputError(f"chain matrix does not fit its {width} layers")
        return chain


def _both(old: Relation, new: Relation) -> Relation:
    """Return what holds where either was seen; ``unknown`` saw nothing."""
    if new in (old, "unknown"):
        return old
    return new if old == "unknown" else "partial"


def _both_untested(old: Relation, new: Relation) -> Relation:
    """Return what holds where the newer test left the layer out.

    A path stays, and nothing else is known of the newer weights.
    """
    if new != "unknown":
        return _both(old, new)
    return old if old in ("partial", "declared") else "unknown"


def _union(first: Iterable[_Item], second: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys([*first, *second]))
