"""Labels of positions.

Given per position or per sample, or made from the tokens of the probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.positions.masks import Sequences
from infoplane.types.arrays import to_numpy

RULES = ("token", "next-token", "position", "ngram:k")
Values = NDArray[Any]  # Any: integers, floats or strings


@dataclass(frozen=True, eq=False)
class LabelSet:
    """One label for every position.

    Attributes:
        name: what axes and legends call it.
        values: shape ``(n, T)``, or ``(n, T, k)`` of a regression target.
        present: shape ``(n, T)``: whether the position has a label.
    """

    name: str
    values: Values
    present: NDArray[np.bool_]


def is_rule(text: str) -> bool:
    """Whether a text names labels that are made from tokens.

    Example:
        >>> is_rule("next-token"), is_rule("ngram:2"), is_rule("labels.npy")
        (True, True, False)
    """
    family, _, size = text.partition(":")
    return text in RULES[:3] or (family == "ngram" and size.isdigit() and int(size) > 0)


def rules_in(y: object) -> list[str]:
    """The rules among labels as they were asked for.

    One text, or a mapping of names to texts and arrays.
    """
    given = list(y.values()) if isinstance(y, Mapping) else [y]
    return [text for text in given if isinstance(text, str) and is_rule(text)]


def label_sets(
    y: object, given: object, shape: tuple[int, int], sequences: Sequences | None, ignore_index: int
) -> list[LabelSet]:
    """The label sets that ``y=`` asks for.

    Those of the probe (``given``) where it asks for none.

    Args:
        shape: samples and positions ``(n, T)``.
        sequences: the tokens, where the rows are tokens.

    Raises:
        InputError: an unknown rule, or labels that pair with neither samples nor positions.
    """
    wanted: dict[str, object]
    if isinstance(y, Mapping):
        wanted = {str(name): value for name, value in y.items()}
    elif y is not None:
        wanted = {y if isinstance(y, str) else "y": y}
    else:
        wanted = {} if given is None else {"y": given}
    return [
        _label_set(name, value, shape, sequences, ignore_index) for name, value in wanted.items()
    ]


def _label_set(
    name: str, value: object, shape: tuple[int, int], sequences: Sequences | None, ignore_index: int
) -> LabelSet:
    if isinstance(value, str):
        return _made(name, value, sequences)
    values = to_numpy(value)
    if values.shape[:1] == shape[:1] and (values.ndim == 1 or values.shape[1:] == (1,)):
        values = np.repeat(values.reshape(-1, 1), shape[1], axis=1)  # one label per sample
    elif values.ndim > 2 and values.shape[:1] == shape[:1] and values[0].size == shape[1]:
        values = values.reshape(shape)  # one label per pixel of a grid
    if values.shape[:2] != shape:
        raise InputError(
            f"labels {name!r} of shape {values.shape} pair with neither the {shape[0]} samples nor "
            f"their {shape[1]} positions each"
        )
    return LabelSet(name, values, is_present(values, ignore_index))


def is_present(values: Values, ignore_index: int = -100) -> NDArray[np.bool_]:
    """Which positions have a label, shape ``(n, T)``: not ``ignore_index``, not NaN, not None."""
    if values.dtype.kind == "f":
        there = ~np.isnan(values) & (values != ignore_index)
    elif values.dtype.kind in "iu":
        there = values != ignore_index
    elif values.dtype.kind == "O":
        flat = [value is not None for value in values.reshape(-1)]
        there = np.array(flat, np.bool_).reshape(values.shape)
    else:
        there = np.ones(values.shape, np.bool_)
    found: NDArray[np.bool_] = there.reshape(*values.shape[:2], -1).all(axis=2)
    return found


def _made(name: str, rule: str, sequences: Sequences | None) -> LabelSet:
    if not is_rule(rule):
        raise InputError(f"no labels {rule!r}: give an array, or one of {RULES}")
    if sequences is None:
        raise InputError(
            f"labels {rule!r} are made from the tokens of the probe, which has none: give an array"
        )
    rank = ranks(sequences)
    if rule == "position":
        return LabelSet(name, rank, sequences.valid)
    tokens = sequences.tokens
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
        raise InputError(
            f"labels {rule!r} need integer tokens (n, T), and {sequences.key!r} is {tokens.dtype} "
            f"of shape {tokens.shape}: give an array"
        )
    if rule == "token":
        return LabelSet(name, tokens.astype(np.int64), sequences.valid)
    if rule == "next-token":
        return LabelSet(name, *_next(sequences))
    return LabelSet(name, *_ngrams(sequences, rank, int(rule.partition(":")[2])))


def ranks(s: Sequences) -> NDArray[np.int64]:
    """The place of every real position in its sequence, from 0, shape ``(n, T)``."""
    rank = np.zeros(s.valid.shape, np.int64)
    for i, real in enumerate(s.valid):
        where = np.flatnonzero(real)
        _, first, which = np.unique(s.segment[i, where], return_index=True, return_inverse=True)
        rank[i, where] = np.arange(len(where)) - first[which]
    return rank


def _next(s: Sequences) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    values = np.zeros(s.valid.shape, np.int64)
    present = np.zeros(s.valid.shape, np.bool_)
    for i, real in enumerate(s.valid):
        where = np.flatnonzero(real)
        here, after = where[:-1], where[1:]
        values[i, here] = s.tokens[i, after]
        present[i, here] = s.segment[i, here] == s.segment[i, after]
    return values, present


def _ngrams(
    s: Sequences, rank: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Codes of the last k tokens; missing where a sequence has fewer so far."""
    present = s.valid & (rank >= k - 1)
    windows = np.zeros((*s.valid.shape, k), np.int64)
    for i, real in enumerate(s.valid):
        where = np.flatnonzero(real)
        for back in range(min(k, len(where))):
            windows[i, where[back:], back] = s.tokens[i, where[: len(where) - back]]
    codes = np.full(s.valid.shape, 0, np.int64)
    if present.any():
        codes[present] = np.unique(windows[present], axis=0, return_inverse=True)[1].reshape(-1)
    return codes, present
