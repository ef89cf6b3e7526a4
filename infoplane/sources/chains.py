"""Chains that a user declares, since the interchange test cannot run on stored arrays."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from infoplane.archive import open_archive
from infoplane.errors import InputError
from infoplane.types import Chain, Relation

Declared = str | Iterable[tuple[str, str]] | Chain | None


def chain_of_words(words: Sequence[str]) -> Declared:
    """Return the chain that a user of the shell declares.

    Args:
        words: ``sequential``; or per word layers in a row, ``fc1,fc2,fc3``, each computed from the
            one before alone; or the path of a run, whose certificate is taken.

    Raises:
        InputError: none of these, or a run without a certificate.
        NotAnArchive: no run at a path.

    Example:
        >>> chain_of_words(["fc1,fc2,fc3", "fc1,skip"])
        [('fc1', 'fc2'), ('fc2', 'fc3'), ('fc1', 'skip')]
    """
    if not words:
        return None
    if list(words) == ["sequential"]:
        return "sequential"
    if len(words) == 1 and Path(words[0]).exists():
        return _certificate(Path(words[0]))
    if "sequential" in words:
        raise InputError("--chain sequential declares every layer: leave the other --chain out")
    pairs: list[tuple[str, str]] = []
    for word in words:
        pairs += _pairs_in_a_row(word)
    return pairs


def _pairs_in_a_row(word: str) -> list[tuple[str, str]]:
    """The pairs of ``fc1,fc2,fc3``, each layer computed from the one before alone."""
    names = [name.strip() for name in word.split(",")]
    if len(names) < 2 or not all(names):
        raise InputError(
            f"chain {word!r}: expected sequential, names of layers in a row (fc1,fc2,fc3), or the "
            "folder of a run whose network was tested"
        )
    return list(itertools.pairwise(names))


def _certificate(run: Path) -> Chain:
    chain = open_archive(run).chain
    if chain is None:
        raise InputError(
            f"--chain {run}: this run has no certificate of its layers; make one by infoplane "
            f"certify {run} --model module:factory"
        )
    return chain


def declared_chain(layers: Sequence[str], chain: Declared) -> Chain | None:
    """Return the certificate of a declaration.

    Args:
        layers: in order of execution.
        chain: ``"sequential"``: each layer is computed from the one before alone; the same for
            some layers, ``"fc1,fc2,fc3"``; or pairs
            ``(first, second)``: all that the second gets of the input comes through the first,
            from which further pairs follow; or a `Chain`, as the interchange test gives it.

    Raises:
        InputError: an unknown layer, a pair against the order of the layers, or a certificate of
            other layers.
    """
    if isinstance(chain, Chain) and set(chain.layers).isdisjoint(layers):
        raise InputError(
            f"chain=: the certificate is of other layers ({', '.join(chain.layers[:8])}) than the "
            f"arrays ({', '.join(layers[:8])}); give the arrays the names of the network's layers"
        )
    if chain is None or isinstance(chain, Chain):
        return chain
    if chain == "sequential":
        chain = list(itertools.pairwise(layers))
    elif isinstance(chain, str) and "," in chain:
        chain = _pairs_in_a_row(chain)
    if isinstance(chain, str) or not isinstance(chain, Iterable):
        raise InputError(
            "chain= expects 'sequential', names in a row ('fc1,fc2'), pairs of layers [(first, "
            f"second), ...], or the chain of a run (ip.open_archive(RUN).chain), got {chain!r}"
        )
    below = _reached(layers, [_checked(layers, pair) for pair in chain])
    matrix = []
    for first in layers:
        matrix.append(tuple(_relation(first, second, below) for second in layers))
    return Chain(tuple(layers), tuple(matrix), tolerance=0.0)


def describe_chain(layers: Sequence[str], chain: Declared, *, by_name: bool) -> str:
    """Return a line that names the layers of a declaration in its order.

    Args:
        layers: in order of execution.
        chain: as `declared_chain` takes it; not None.
        by_name: whether the order is that of names alone, which need not be that of execution.

    Example:
        >>> describe_chain(["fc1", "fc2", "fc3"], "sequential", by_name=False)
        'chain: fc1 > fc2 > fc3, each computed from the one before alone'
    """
    if isinstance(chain, Chain):
        return f"chain: as tested in a run, of {' > '.join(chain.layers)}"
    if chain != "sequential":
        pairs = _pairs_in_a_row(chain) if isinstance(chain, str) else list(chain or ())
        return f"chain: {', '.join(f'{first} > {second}' for first, second in pairs)}"
    line = f"chain: {' > '.join(layers)}, each computed from the one before alone"
    if by_name and len(layers) > 1:
        line += (
            ". This order is that of the names alone, and need not be that of execution: give it "
            "by layers=[...] (in a shell one --layer NAME for each, in order)"
        )
    return line


def _checked(layers: Sequence[str], pair: object) -> tuple[str, str]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise InputError(f"chain= expects pairs of layers (first, second), got {pair!r}")
    first, second = pair
    unknown = [name for name in pair if name not in layers]
    if unknown:
        raise InputError(f"chain=: no such layers {unknown}; there are {list(layers)[:12]}")
    if layers.index(first) >= layers.index(second):
        raise InputError(
            f"chain=: {first!r} comes before {second!r}, but not in the order of the layers; "
            "give them in order of execution (layers=[...])"
        )
    return first, second


def _reached(layers: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, set[str]]:
    """For each layer, those that get all they know about the input through it."""
    below: dict[str, set[str]] = {name: set() for name in layers}
    for name in reversed(layers):  # in this order one sweep is enough
        for first, second in pairs:
            if first == name:
                below[name] |= {second} | below[second]
    return below


def _relation(first: str, second: str, below: dict[str, set[str]]) -> Relation:
    if first == second:
        return "cut"
    return "declared" if second in below[first] else "unknown"
