"""A chain that somebody declares.

Stored arrays cannot be intervened on, so the word of their owner stands for the test.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal

from infoplane.errors import InputError
from infoplane.types import Chain, Relation

Declared = Literal["sequential"] | Iterable[tuple[str, str]] | Chain | None


def declared_chain(layers: Sequence[str], chain: Declared) -> Chain | None:
    """Return the certificate of a declaration.

    Args:
        layers: in order of execution.
        chain: ``"sequential"``: each layer is computed from the one before alone; or pairs
            ``(first, second)``: all that the second gets of the input comes through the first,
            from which further pairs follow; or a `Chain`, as the interchange test gives it.

    Raises:
        InputError: an unknown layer, or a pair against the order of the layers.
    """
    if chain is None or isinstance(chain, Chain):
        return chain
    if isinstance(chain, str):
        if chain != "sequential":
            raise InputError(
                f"chain= expects 'sequential', pairs of layers or a Chain, got {chain!r}"
            )
        chain = list(itertools.pairwise(layers))
    below = _reached(layers, [_checked(layers, pair) for pair in chain])
    matrix = [tuple(_relation(a, b, below) for b in layers) for a in layers]
    return Chain(tuple(layers), tuple(matrix), tolerance=0.0)


def _checked(layers: Sequence[str], pair: object) -> tuple[str, str]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise InputError(f"chain= expects pairs of layers (first, second), got {pair!r}")
    first, second = pair
    if unknown := [name for name in pair if name not in layers]:
        raise InputError(f"chain=: no such layers {unknown}; there are {list(layers)[:12]}")
    if layers.index(first) >= layers.index(second):
        raise InputError(
            f"chain=: {first!r} comes before {second!r}, but not in the order of the layers; "
            "give them in order of execution (layers=[...])"
        )
    return first, second


def _reached(layers: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, set[str]]:
    """Per layer those that get all they know of the input through it.

    The order makes one sweep enough.
    """
    below: dict[str, set[str]] = {name: set() for name in layers}
    for name in reversed(layers):
        for first, second in pairs:
            if first == name:
                below[name] |= {second} | below[second]
    return below


def _relation(first: str, second: str, below: dict[str, set[str]]) -> Relation:
    if first == second:
        return "cut"
    return "declared" if second in below[first] else "unknown"
