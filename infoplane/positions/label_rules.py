"""Labels made from the tokens of a probe; a new kind is a function and a line in `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from infoplane.errors import InputError
from infoplane.positions.masks import Sequences
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
    tokens, (family, number) = sequences.tokens, _parts(rule)
    if rule != "position" and (tokens.ndim != 2 or tokens.dtype.kind not in "iu"):
        raise InputError(
            f"labels {rule!r} need integer tokens (n, T), and {sequences.key!r} is {tokens.dtype} "
            f"of shape {tokens.shape}: give an array"
        )
    return RULES[family](sequences, number)


def is_rule(text: str) -> bool:
    """Whether a text names labels that are made from tokens.

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


def ranks(s: Sequences) -> Ids:
    """Return the place of every real position in its sequence, from 0, shape ``(n, T)``."""
    rank = np.zeros(s.valid.shape, np.int64)
    for i, real in enumerate(s.valid):
        where = np.flatnonzero(real)
        _, first, which = np.unique(s.segment[i, where], return_index=True, return_inverse=True)
        rank[i, where] = np.arange(len(where)) - first[which]
    return rank


def _positions(s: Sequences, _k: int) -> Labels:
    return ranks(s), s.valid


def _tokens(s: Sequences, _k: int) -> Labels:
    return s.tokens.astype(np.int64), s.valid


def _next_tokens(s: Sequences, _k: int) -> Labels:
    values = np.zeros(s.valid.shape, np.int64)
    present = np.zeros(s.valid.shape, np.bool_)
    for i, real in enumerate(s.valid):
        where = np.flatnonzero(real)
        here, after = where[:-1], where[1:]
        values[i, here] = s.tokens[i, after]
        present[i, here] = s.segment[i, here] == s.segment[i, after]
    return values, present


def _ngrams(s: Sequences, k: int) -> Labels:
    """Codes of the last k tokens; missing where a sequence has fewer so far."""
    present = s.valid & (ranks(s) >= k - 1)
    windows = np.zeros((*s.valid.shape, k), np.int64)
    for i, real in enumerate(s.valid):
        where = np.flatnonzero(real)
        for back in range(min(k, len(where))):
            windows[i, where[back:], back] = s.tokens[i, where[: len(where) - back]]
    codes = np.full(s.valid.shape, 0, np.int64)
    if present.any():
        codes[present] = np.unique(windows[present], axis=0, return_inverse=True)[1].reshape(-1)
    return codes, present


RULES: dict[str, Callable[[Sequences, int], Labels]] = {
    "token": _tokens,
    "next-token": _next_tokens,
    "position": _positions,
    "ngram:k": _ngrams,
}
"""What makes labels, by the word that asks for it; ``k`` stands for a number of the user."""
