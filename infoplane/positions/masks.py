"""Which positions of a padded batch are real.

Masks by their names, and padding that no mask explains.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.types.arrays import Array, Ids, Mask, to_numpy

_REAL_IS_TRUE = ("attention_mask", "decoder_attention_mask", "encoder_attention_mask")
_PADDING_IS_TRUE = "key_padding_mask"
_NO_CONTENT = ("position_ids", "attention_mask", "key_padding_mask")
"""Ends of the names of inputs that say where a token is, and not which."""
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
        tokens: shape ``(n, T)`` or ``(n, T, ...)``: what stands at each position.
        content: codes of all that stands at a position, shape ``(n, T)``: tokens, types, whatever
            the probe has.
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
        ids = array.ndim == 2 and array.dtype.kind in "iu" and not _is_binary(array)
        if ids or (array.ndim == 3 and array.dtype.kind == "f"):
            found.append(name)
    if not found:  # two kinds of token are tokens, where nothing else is
        found = [k for k, a in arrays.items() if a.ndim == 2 and a.dtype.kind in "iu"]
        found = [k for k in found if not k.endswith(_NO_CONTENT)][:1]
    return found


def key_of(arrays: Arrays, asked: str | None) -> str | None:
    """Return the input whose positions are the rows; None where no input has positions.

    Args:
        arrays: the probe's inputs by name, samples first.
        asked: name of the input, where the user gave one.

    Raises:
        InputError: no such input, or sequences of an encoder and of a decoder.
    """
    if asked is not None:
        if asked not in arrays or arrays[asked].ndim < 2:
            raise InputError(
                f"rows='token:{asked}': no such input (n, T) in the probe; it has {list(arrays)}"
            )
        return asked
    keys = sequence_inputs(arrays)
    if len({side(k) for k in keys}) > 1:
        choices = " or ".join(f"rows='token:{k}' {arrays[k].shape}" for k in keys)
        raise InputError(
            "the probe has sequences of an encoder and of a decoder; say whose tokens are the "
            f"rows: {choices}"
        )
    return keys[0] if keys else None


def sequences_of(arrays: Arrays, key: str, mask: object = None) -> Sequences:
    """Return the positions of input ``key``, with the mask of the probe.

    Args:
        arrays: the probe's inputs by name, samples first.
        mask: a name, an array ``(n, T)`` (true where real), or None to look for a mask by its name.

    Raises:
        InputError: no such input, or a mask that does not fit.
    """
    from infoplane.rows import row_codes

    if key not in arrays:
        raise InputError(f"no input {key!r} in the probe; it has {list(arrays)}")
    tokens = arrays[key]
    n, positions = tokens.shape[:2]
    members = tuple(name for name, a in arrays.items() if _belongs(name, a, key, positions))
    name, valid = _mask_of(arrays, key, (n, positions), mask)
    content = [
        arrays[m].reshape(n * positions, -1)
        for m in members
        if not m.endswith(_NO_CONTENT) and m != name
    ]
    codes = row_codes(np.concatenate([_as_bytes(c) for c in content], axis=1))
    others = [
        _as_bytes(a.reshape(n, -1))
        for m, a in arrays.items()
        if m not in members and m != name and a.size
    ]
    context = row_codes(np.concatenate(others, axis=1)) if others else np.zeros(n, np.int64)
    segment = _segments(arrays, members, valid)
    sign = _sign_of_padding(arrays, key, members) if valid.all() else None
    return Sequences(
        key, tokens, codes.reshape(n, positions), members, valid, segment, name, context, sign
    )


def _as_bytes(a: Array) -> NDArray[np.uint8]:
    return np.ascontiguousarray(a + np.zeros((), a.dtype) if a.dtype.kind == "f" else a).view(
        np.uint8
    )


def _belongs(name: str, a: Array, key: str, positions: int) -> bool:
    """Whether an input runs over the same positions.

    Same length, and of the same side of an encoder-decoder.
    """
    if name == key:
        return True
    return a.ndim >= 2 and a.shape[1] == positions and side(name) == side(key)


def side(name: str) -> str:
    """``decoder`` for inputs of a decoder beside an encoder, else ``encoder``."""
    return "decoder" if name.startswith(("decoder_", "tgt")) else "encoder"


def _is_binary(a: Array) -> bool:
    return a.dtype.kind in "iubf" and bool(((a == 0) | (a == 1)).all())


def _mask_of(
    arrays: Arrays, key: str, shape: tuple[int, int], mask: object
) -> tuple[str | None, Mask]:
    if isinstance(mask, str):
        if mask not in arrays:
            raise InputError(f"mask={mask!r} is no input of the probe; it has {list(arrays)}")
        return mask, _as_mask(arrays[mask], mask, shape, padding=mask.endswith(_PADDING_IS_TRUE))
    if mask is not None:
        return "mask", _as_mask(to_numpy(mask), "mask", shape)
    for name, array in arrays.items():
        if side(name) != side(key) or name.startswith("encoder_"):
            continue
        padding = name.endswith(_PADDING_IS_TRUE) and not name.startswith("memory")
        if padding or name in _REAL_IS_TRUE:
            return name, _as_mask(array, name, shape, padding=padding)
    return None, np.ones(shape, np.bool_)


def _as_mask(a: Array, name: str, shape: tuple[int, int], *, padding: bool = False) -> Mask:
    if a.shape != shape or not bool(((a == 0) | (a == 1)).all()):
        raise InputError(
            f"{name}: expected zeros and ones of shape {shape}, one for each position, got "
            f"{a.dtype} of shape {a.shape}; give mask= an array that is true where a position is "
            "real (with a cache of earlier positions, show the whole sequence instead)"
        )
    real: Mask = (a == 0) if padding else (a != 0)
    return real


def _segments(arrays: Arrays, members: tuple[str, ...], valid: Mask) -> Ids:
    """Sequences packed into one sample: position_ids that do not go on rising begin another one."""
    segment = np.zeros(valid.shape, np.int64)
    name = next((m for m in members if m.endswith("position_ids")), None)
    if name is None or arrays[name].shape != valid.shape:
        return segment
    for i, real in enumerate(valid):
        where = np.flatnonzero(real)
        segment[i, where[1:]] = np.cumsum(np.diff(arrays[name][i, where].astype(np.int64)) <= 0)
    return segment


def warn_of_padding(sequences: Sequences, what: str) -> None:
    """Warn where padding is likely and no mask explains it.

    There is none, or it is true everywhere.

    Args:
        sequences: the positions.
        what: is read from them, for the message.
    """
    if sequences.sign is None:
        return
    said = "no mask says so" if sequences.mask is None else f"{sequences.mask} is true everywhere"
    warnings.warn(
        f"{what} looks padded ({sequences.sign}), and {said}: every position counts as real. Give "
        "attention_mask in the probe, or mask= (an array, or the name of an input, true where a "
        "position is real)",
        RuntimeWarning,
        stacklevel=6,
    )


def _sign_of_padding(arrays: Arrays, key: str, members: tuple[str, ...]) -> str | None:
    """What looks like padding: in the ids or vectors, or in an input that looks like a mask."""
    if (sign := likely_padding(arrays[key])) is not None:
        return sign
    for name in members:
        is_mask = name != key and _is_binary(arrays[name]) and not name.endswith(_TWO_TEXTS)
        if is_mask and (sign := likely_padding(arrays[name].astype(np.uint8))) is not None:
            return f"by the input {name!r}: {sign}"
    return None


def likely_padding(tokens: Array) -> str | None:
    """Say what looks like padding in ids ``(n, T)`` or vectors ``(n, T, units)``.

    Padding is one id, or vectors of zeros, that fill the end (or the start) of samples to different
    lengths and hardly occur elsewhere. None where nothing does.
    """
    if tokens.ndim == 3 and tokens.dtype.kind == "f":
        tokens = tokens.any(axis=2).astype(np.uint8)
    if tokens.ndim != 2 or tokens.dtype.kind not in "iu" or min(tokens.shape) < 2:
        return None
    for where, ids in (("end", tokens), ("start", tokens[:, ::-1])):
        edge, counts = np.unique(ids[:, -1], return_counts=True)
        pad = edge[counts.argmax()]
        runs = np.where(
            (ids == pad).all(axis=1), ids.shape[1], (ids[:, ::-1] != pad).argmax(axis=1)
        )
        padded = runs >= 2
        inside = np.arange(ids.shape[1])[None] < (ids.shape[1] - runs)[:, None]
        elsewhere = float((ids[inside] == pad).mean()) if inside.any() else 1.0
        several = len(set(runs[padded].tolist())) > 1
        if padded.sum() >= max(2, _LIKELY * len(ids)) and several and elsewhere < _LIKELY:
            return (
                f"{int((runs > 0).sum())} of {len(ids)} samples {where} with {pad} "
                f"({int(runs.sum())} positions) and {pad} hardly occurs elsewhere"
            )
    return None
