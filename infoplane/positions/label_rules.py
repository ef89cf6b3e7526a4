"""Labels made from the tokens of a probe; a new kind is a function and a line in `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from infoplane.errors import InputError
from infoplane.positions.masks import Sequences, are_ids
from infoplane.types.arrays import Array, Ids, Mask

Labels = tuple[Array, Mask]
"""Labels, and which positions have one: shapes ``(n, T)``."""


def made_labels(rule: str, sequences: Sequences | None) -> Labels:
    """Return the labels that a rule makes.

    Args:
        rule: a key of `RULES`, with its number in the place of ``k``.
        sequences: the tokens of the probe.

    Raises:
        InputError: no such rule, or no tokens that it could be made from.
    """
    if not is_rule(rule):
        raise InputError(f"no labels {rule!r}: give an array, or one of {tuple(RULES)}")
    if sequences is None:
        raise InputError(
            f"labels {rule!r} are made from the tokens of the probe, which has none: give an array"
        )
    family, number = _parts(rule)
    tokens = sequences.tokens
    if rule != "position" and not are_ids(tokens):
        raise InputError(
            f"labels {rule!r} need integer tokens (n, T), and {sequences.key!r} is {tokens.dtype} "
            f"of shape {tokens.shape}: give an array"
        )
    return RULES[family](sequences, number)


def is_rule(text: str) -> bool:
    """Return whether a text names labels that are made from tokens.

    Example:
        >>> is_rule("next-token"), is_rule("ngram:2"), is_rule("labels.npy")
        (True, True, False)
    """
    family, number = _parts(text)
    return family in RULES and (number > 0) == family.endswith(":k")


def _parts(text: str) -> tuple[str, int]:
    """The key of `RULES`, and the number in the text; 0 where it has none."""
    family, _, number = text.partition(":")
    return (f"{family}:k", int(number)) if number.isdecimal() else (text, 0)


def rules_in(y: object) -> list[str]:
    """Return the rules among labels: one text, or a mapping of names to texts and arrays."""
    given = list(y.values()) if isinstance(y, Mapping) else [y]
    return [text for text in given if isinstance(text, str) and is_rule(text)]


def ranks(sequences: Sequences) -> Ids:
    """Return the place of every real position in its sequence, from 0, shape ``(n, T)``."""
    rank = np.zeros(sequences.valid.shape, np.int64)
    for sample, real in enumerate(sequences.valid):
        places = np.flatnonzero(real)
        segment = sequences.segment[sample, places]
        _, first, which = np.unique(segment, return_index=True, return_inverse=True)
        rank[sample, places] = np.arange(len(places)) - first[which]
    return rank


def _positions(sequences: Sequences, _k: int) -> Labels:
    return ranks(sequences), sequences.valid


def _tokens(sequences: Sequences, _k: int) -> Labels:
    return sequences.tokens.astype(np.int64), sequences.valid


def _next_tokens(sequences: Sequences, _k: int) -> Labels:
    values = np.zeros(sequences.valid.shape, np.int64)
    present = np.zeros(sequences.valid.shape, np.bool_)
    for sample, real in enumerate(sequences.valid):
        places = np.flatnonzero(real)
        here, after = places[:-1], places[1:]
        values[sample, here] = sequences.tokens[sample, after]
        present[sample, here] = sequences.segment[sample, here] == sequences.segment[sample, after]
    return values, present


def _ngrams(sequences: Sequences, k: int) -> Labels:
    """Codes of the last k tokens; missing where a sequence has fewer so far."""
    present = sequences.valid & (ranks(sequences) >= k - 1)
    windows = np.zeros((*sequences.valid.shape, k), np.int64)
    for sample, real in enumerate(sequences.valid):
        places = np.flatnonzero(real)
        for back in range(min(k, len(places))):
            earlier = places[: len(places) - back]
            windows[sample, places[back:], back] = sequences.tokens[sample, earlier]
    codes = np.zeros(sequences.valid.shape, np.int64)
    if present.any():
        numbers = np.unique(windows[present], axis=0, return_inverse=True)[1]
        codes[present] = numbers.reshape(-1)
    return codes, present


RULES: dict[str, Callable[[Sequences, int], Labels]] = {
    "token": _tokens,
    "next-token": _next_tokens,
    "position": _positions,
    "ngram:k": _ngrams,
}
"""Functions that make labels, by their name in `y=`; ``k`` is a number of the user."""
