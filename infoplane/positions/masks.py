"""Which positions of a padded batch are real: masks by their names, and likely padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.types.arrays import Array, Ids, Mask, to_numpy
from infoplane.user_warning import warn_user

_REAL_IS_TRUE = ("attention_mask", "decoder_attention_mask", "encoder_attention_mask")
_PADDING_IS_TRUE = "key_padding_mask"
_NO_CONTENT = ("position_ids", "attention_mask", "key_padding_mask")
"""Ends of the names of inputs that hold where a token is, and not which."""
_TWO_TEXTS = ("token_type_ids", "segment_ids")
"""Ends of the names of inputs that are zero in the first text of a sample and one in the second."""
_LIKELY = 0.05
"""Padding is likely where at least this share of the samples ends (or begins) with a run of one id.
"""

Arrays = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Sequences:
    """The positions of one input of a probe: n samples of T positions each.

    Attributes:
        key: name of the input.
        tokens: shape ``(n, T)`` or ``(n, T, ...)``: the value at each position.
        content: codes of all values at a position, shape ``(n, T)``: tokens, types and others.
        members: names of the inputs with these positions.
        valid: shape ``(n, T)``: whether a position is real.
        segment: shape ``(n, T)``: which of several packed sequences a position belongs to.
        mask: name of the mask that was used; None where every position counts.
        sign: what looks like padding though every position counts as real; None where nothing does.
        context: codes of the inputs that have other positions, shape ``(n,)``.
    """

    key: str
    tokens: Array
    content: Ids
    members: tuple[str, ...]
    valid: Mask
    segment: Ids
    mask: str | None
    context: Ids
    sign: str | None

    @property
    def packed(self) -> bool:
        """Whether one sample holds several sequences."""
        return bool(self.segment.any())


def sequence_inputs(arrays: Arrays) -> list[str]:
    """Return names of the inputs whose positions can be rows.

    Integer ids ``(n, T)``, or vectors ``(n, T, units)``.
    """
    found = []
    for name, array in arrays.items():
        if name.endswith(_NO_CONTENT) or name in ("token_type_ids", "mask", "labels"):
            continue
        ids = are_ids(array) and not zeros_and_ones(array)
        if ids or (array.ndim == 3 and array.dtype.kind == "f"):
            found.append(name)
    if not found:  # two kinds of token are tokens, where nothing else is
        for name, array in arrays.items():
            if are_ids(array) and not name.endswith(_NO_CONTENT):
                return [name]
    return found


def key_of(arrays: Arrays, named: str | None) -> str | None:
    """Return the input whose positions are the rows; None where no input has positions.

    Args:
        arrays: the probe's inputs by name, samples first.
        named: name of the input, where the user gives one.

    Raises:
        InputError: no such input, or sequences of an encoder and of a decoder.
    """
    if named is not None:
        if named not in arrays or arrays[named].ndim < 2:
            raise InputError(
                f"rows='token:{named}': no such input (n, T) in the probe; it has {list(arrays)}"
            )
        return named
    keys = sequence_inputs(arrays)
    if len(set(map(side, keys))) > 1:
        choices = " or ".join(f"rows='token:{key}' {arrays[key].shape}" for key in keys)
        raise InputError(
            "the probe has sequences of an encoder and of a decoder; say whose tokens are the "
            f"rows: {choices}"
        )
    return keys[0] if keys else None


def sequences_of(arrays: Arrays, key: str, mask: object) -> Sequences:
    """Return the positions of input ``key``, with the mask of the probe.

    Args:
        arrays: the probe's inputs by name, samples first.
        key: name of the input, see `key_of`.
        mask: a name, an array ``(n, T)`` (true where real), or None to look for a mask by its name.

    Raises:
        InputError: a mask that does not fit.
    """
    from infoplane.rows import row_codes

    tokens = arrays[key]
    n, positions = tokens.shape[:2]
    mask_name, valid = mask_of(arrays, key, (n, positions), mask)
    _refuse_mask_of_padding(tokens, valid, mask_name)
    members, content, others = [], [], []
    for name, array in arrays.items():
        same_length = array.ndim >= 2 and array.shape[1] == positions
        if same_length and side(name) == side(key):
            members.append(name)
            if name != mask_name and not name.endswith(_NO_CONTENT):
                content.append(_as_bytes(array.reshape(n * positions, -1)))
        elif name != mask_name and array.size:
            others.append(_as_bytes(array.reshape(n, -1)))
    codes = row_codes(np.concatenate(content, axis=1)).reshape(n, positions)
    context = row_codes(np.concatenate(others, axis=1)) if others else np.zeros(n, np.int64)
    segment = _segments(arrays, members, valid)
    sign = _sign_of_padding(arrays, key, members) if valid.all() else None
    return Sequences(key, tokens, codes, tuple(members), valid, segment, mask_name, context, sign)


def _as_bytes(array: Array) -> NDArray[np.uint8]:
    if array.dtype.kind == "f":
        array = array + np.zeros((), array.dtype)  # -0.0 becomes 0.0
    return np.ascontiguousarray(array).view(np.uint8)


def side(name: str) -> str:
    """Return ``decoder`` for the inputs of a decoder that has an encoder, else ``encoder``."""
    return "decoder" if name.startswith(("decoder_", "tgt")) else "encoder"


def are_ids(array: Array) -> bool:
    """Return whether an array holds a whole number at each position, ``(n, T)``."""
    return array.ndim == 2 and array.dtype.kind in "iu"


def _is_binary(array: Array) -> bool:
    return array.dtype.kind in "iubf" and zeros_and_ones(array)


def names_a_mask(name: str) -> bool:
    """Return whether an input of this name says which positions are real."""
    return name in _REAL_IS_TRUE or true_where_padding(name)


def true_where_padding(name: str) -> bool:
    """Return whether a mask of this name is true where a position is padding, as torch has it."""
    return name.endswith(_PADDING_IS_TRUE)


def zeros_and_ones(array: Any) -> bool:  # Any: an array or a tensor
    """Return whether an array holds nothing else."""
    return bool(((array == 0) | (array == 1)).all())


def mask_of(
    arrays: Arrays, key: str, shape: tuple[int, int], mask: object
) -> tuple[str | None, Mask]:
    """Return the name of the mask of an input, and which positions are real.

    Args:
        arrays: the probe's inputs by name, samples first.
        key: name of the input.
        shape: its samples and positions, ``(n, T)``.
        mask: a name, an array ``(n, T)`` (true where real), or None to look for a mask by its name.

    Raises:
        InputError: a mask that does not fit.
    """
    if isinstance(mask, str):
        if mask not in arrays:
            raise InputError(f"mask={mask!r} is no input of the probe; it has {list(arrays)}")
        return mask, _as_mask(arrays[mask], mask, shape, padding=true_where_padding(mask))
    if mask is not None:
        return "mask", _as_mask(to_numpy(mask), "mask", shape)
    for name, array in arrays.items():
        if side(name) != side(key) or name.startswith("encoder_"):
            continue
        if names_a_mask(name) and not name.startswith("memory"):
            return name, _as_mask(array, name, shape, padding=true_where_padding(name))
    return None, np.ones(shape, np.bool_)


def _as_mask(array: Array, name: str, shape: tuple[int, int], *, padding: bool = False) -> Mask:
    if array.shape != shape or not zeros_and_ones(array):
        raise InputError(
            f"{name}: expected zeros and ones of shape {shape}, one for each position, got "
            f"{array.dtype} of shape {array.shape}; give mask= an array that is true where a "
            "position is real (with a cache of earlier positions, show the whole sequence instead)"
        )
    real: Mask = (array == 0) if padding else (array != 0)
    return real


def _refuse_mask_of_padding(tokens: Array, valid: Mask, name: str | None) -> None:
    """Refuse a mask that is true where padding is: one id there, and several where it is false.

    Padding lies at one end of the samples, and is longer in some than in others. So masks that
    choose positions of one id, such as those that a model is to fill in, are taken.

    Args:
        tokens: shape ``(n, T)``; vectors are not looked at.
        valid: shape ``(n, T)``, what the mask says.
        name: of the mask.
    """
    if name is None or not are_ids(tokens) or len(np.unique(valid.sum(axis=1))) == 1:
        return
    changes = np.diff(valid.astype(np.int8), axis=1)
    at_one_end = (changes >= 0).all() or (changes <= 0).all()
    real, padding = np.unique(tokens[valid]), np.unique(tokens[~valid])
    if at_one_end and len(real) == 1 and len(padding) > 1:
        raise InputError(
            f"{name}: all positions that it calls real hold {real[0]}, and the others hold "
            f"{len(padding)} ids: expected a mask that is true where a position is real, and this "
            "one seems true where padding is; give mask= an array that is true where it is not"
        )


def _segments(arrays: Arrays, members: Sequence[str], valid: Mask) -> Ids:
    """Which of several packed sequences a position belongs to: one begins where ids do not rise."""
    segment = np.zeros(valid.shape, np.int64)
    name = next((name for name in members if name.endswith("position_ids")), None)
    if name is None or arrays[name].shape != valid.shape:
        return segment
    for sample, real in enumerate(valid):
        places = np.flatnonzero(real)
        position_ids = arrays[name][sample, places].astype(np.int64)
        segment[sample, places[1:]] = np.cumsum(np.diff(position_ids) <= 0)
    return segment


def warn_of_padding(sequences: Sequences, what: str) -> None:
    """Warn where padding is likely and there is no mask, or one that is true everywhere.

    Args:
        sequences: the positions.
        what: is read from them, for the message.
    """
    if sequences.sign is None:
        return
    mask = "no mask says so" if sequences.mask is None else f"{sequences.mask} is true everywhere"
    warn_user(
        f"{what} looks padded ({sequences.sign}), and {mask}: every position counts as real. Give "
        "attention_mask in the probe, or mask= (an array, or the name of an input, true where a "
        "position is real)",
        RuntimeWarning,
    )


def _sign_of_padding(arrays: Arrays, key: str, members: Sequence[str]) -> str | None:
    """What looks like padding: in the ids or vectors, or in an input that looks like a mask."""
    sign = likely_padding(arrays[key])
    if sign is not None:
        return sign
    for name in members:
        if name == key or name.endswith(_TWO_TEXTS) or not _is_binary(arrays[name]):
            continue
        sign = likely_padding(arrays[name].astype(np.uint8))
        if sign is not None:
            return f"by the input {name!r}: {sign}"
    return None


def likely_padding(tokens: Array) -> str | None:
    """Return a sentence about likely padding in ids ``(n, T)`` or vectors ``(n, T, units)``.

    Padding is one id, or vectors of zeros, that fill the end (or the start) of samples to different
    lengths and hardly occur elsewhere. None where there is none.
    """
    if tokens.ndim == 3 and tokens.dtype.kind == "f":
        tokens = np.any(tokens, axis=2).astype(np.uint8)
    if not are_ids(tokens) or min(tokens.shape) < 2:
        return None
    for verb, ids in (("end", tokens), ("start", tokens[:, ::-1])):
        values, counts = np.unique(ids[:, -1], return_counts=True)
        pad = values[counts.argmax()]
        alike = np.logical_and.accumulate(ids[:, ::-1] == pad, axis=1)
        runs = alike.sum(axis=1)  # (n,), length of the last run
        padded = runs >= 2
        inside = np.arange(ids.shape[1]) < (ids.shape[1] - runs)[:, None]  # (n, T)
        elsewhere = float((ids[inside] == pad).mean()) if inside.any() else 1.0
        lengths_differ = len(np.unique(runs[padded])) > 1
        if padded.sum() >= max(2, _LIKELY * len(ids)) and lengths_differ and elsewhere < _LIKELY:
            return (
                f"{int((runs > 0).sum())} of {len(ids)} samples {verb} with {pad} "
                f"({int(runs.sum())} positions) and {pad} hardly occurs elsewhere"
            )
    return None
