"""Which stored tensor belongs to which parameter.

Wrappers and prefixes are taken off, and said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from infoplane.errors import CheckpointMismatch, InputError
from infoplane.hooks.network.isolate import clean

_SHOWN = 10


@dataclass(frozen=True)
class KeyMatch:
    """How the keys of a stored state dict fit those of a model.

    Attributes:
        removed: prefix that the stored keys have and the model's have not, e.g. ``module.``.
        added: prefix that the model's keys have and the stored ones have not.
        pairs: stored key by model key.
        missing: keys of the model that are not stored.
        unexpected: stored keys that the model does not have.
    """

    removed: str
    added: str
    pairs: Mapping[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """What was done about a prefix; empty where nothing was."""
        if self.removed:
            return taken_off(self.removed)
        return f"prefix {self.added!r} added" if self.added else ""


def taken_off(prefix: str) -> str:
    """Return how the archive says that a prefix of the stored keys was taken off."""
    return f"prefix {prefix!r} taken off" if prefix else ""


def is_extra_state(key: str) -> bool:
    """Whether a key is what ``Module.get_extra_state`` gave, of whatever type."""
    return key.rpartition(".")[2] == "_extra_state"


def match_keys(
    stored: Collection[str], model_keys: Collection[str], *, prefix: str | None = None
) -> KeyMatch:
    """Find the prefix under which stored keys are those of a model.

    Parts that compiling, checkpointing and sharding wrappers add (``_orig_mod``) never count.

    Args:
        stored: keys of a state dict.
        model_keys: keys of the model's own.
        prefix: of the stored keys; found when left out.

    Raises:
        InputError: the model fits under several prefixes.
    """
    if prefix is not None:
        return _under(stored, model_keys, prefix, "")
    plain = _under(stored, model_keys, "", "")
    if not plain.missing:
        return plain
    removed = [_under(stored, model_keys, prefix, "") for prefix in _prefixes(stored, model_keys)]
    added = [_under(stored, model_keys, "", prefix) for prefix in _prefixes(model_keys, stored)]
    whole = [match for match in removed if not match.missing]
    if len(whole) > 1:
        raise InputError(
            f"the model fits under several prefixes: {[match.removed for match in whole]}; choose "
            "by prefix="
        )
    return whole[0] if whole else max([plain, *removed, *added], key=lambda m: len(m.pairs))


def _prefixes(long: Collection[str], short: Collection[str]) -> list[str]:
    """Prefixes that turn some key of ``short`` into one of ``long``."""
    names = [clean(key) for key in short]
    ends = set(names[:: max(1, len(names) // 8)])
    found: dict[str, None] = {}
    for key in map(clean, long):
        for end in ends:
            if key.endswith("." + end):
                found[key.removesuffix(end)] = None
    return list(found)


def _under(
    stored: Collection[str], model_keys: Collection[str], removed: str, added: str
) -> KeyMatch:
    by_name = {}
    for key in stored:
        name = clean(key)
        if name.startswith(removed):
            by_name[added + name.removeprefix(removed)] = key
    pairs = {key: by_name[clean(key)] for key in model_keys if clean(key) in by_name}
    used = set(pairs.values())
    return KeyMatch(
        removed,
        added,
        pairs,
        tuple(key for key in model_keys if key not in pairs),
        tuple(key for key in stored if key not in used),
    )


def choose_entry(
    entries: Mapping[str, Mapping[str, Tensor]],
    model_keys: Collection[str],
    *,
    prefix: str | None,
    entry: str | None,
    where: str,
) -> tuple[str, KeyMatch]:
    """Choose the state dict of a file that is the model's.

    Args:
        entries: state dicts by where they lie in the file.
        model_keys: keys of the model.
        prefix, entry: what the user said about it, or None.
        where: the file, for messages.

    Raises:
        InputError: no such entry, or several fit.
    """
    if entry is not None and entry not in entries:
        raise InputError(f"{where}: no entry {entry!r}; it has {list(entries)[:10]}")
    names = [entry] if entry is not None else list(entries)
    matches = {name: match_keys(entries[name], model_keys, prefix=prefix) for name in names}
    whole = [name for name, match in matches.items() if not match.missing]
    if len(whole) > 1:
        raise InputError(f"{where}: several state dicts fit the model: {whole}; choose by entry=")
    best = whole[0] if whole else max(matches, key=lambda name: len(matches[name].pairs))
    return best, matches[best]


def fill_model(
    model: nn.Module, state: Mapping[str, Tensor], match: KeyMatch, *, strict: bool, where: str
) -> tuple[str, ...]:
    """Load stored tensors into a model; returns the keys left out, none where ``strict``.

    Args:
        model: filled in place.
        state: stored tensors by name.
        match: which of them goes where, see `match_keys`.
        strict: refuse what does not fit, in place of leaving it out.
        where: the file, for messages.

    Raises:
        CheckpointMismatch: keys are missing or unexpected, shapes differ, stored numbers are of
            another kind than the parameters, or tensors that the model shares differ.
    """
    own = model.state_dict()
    tied = _tied(own, match.pairs)
    missing = [key for key in match.missing if key not in tied]
    shapes = []
    for key, stored in match.pairs.items():
        if is_extra_state(key):  # of whatever shape
            continue
        have, want = tuple(state[stored].shape), tuple(own[key].shape)
        if have != want:
            shapes.append(f"{key}: {have} instead of {want}")
    if not match.pairs:
        raise CheckpointMismatch(
            f"{where}: no key of the model is in it: {_differ(missing, match)}"
        )
    if shapes:
        raise CheckpointMismatch(
            f"{where}: {len(shapes)} tensors have another shape than the model's: {shapes[:_SHOWN]}"
        )
    if strict and (missing or match.unexpected):
        raise CheckpointMismatch(
            f"{where}: does not fit the model: {_differ(missing, match)}; "
            "strict=False loads what fits, and the archive says so"
        )
    empty = [key for key in match.pairs if getattr(own[key], "is_meta", False)]
    if empty:
        raise CheckpointMismatch(
            f"{where}: the model has no memory for {empty[:_SHOWN]} (meta device: offloaded, or "
            "never loaded), so that nothing can be loaded into it; build it whole on one device, "
            "or call model.to_empty(device='cpu') first"
        )
    _check_kinds(model, state, match, where)
    _check_ties(own, state, match, where)
    try:
        model.load_state_dict({key: state[name] for key, name in match.pairs.items()}, strict=False)
    except RuntimeError as error:
        raise CheckpointMismatch(f"{where}: does not fit the model: {error}") from error
    return (*missing, *match.unexpected)


def _check_kinds(
    model: nn.Module, state: Mapping[str, Tensor], match: KeyMatch, where: str
) -> None:
    """Refuse integers and complex numbers for real parameters: they are no weights as they stand.

    Integers are quantised weights, whose scales lie elsewhere.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    wrong = [
        f"{key}: {state[stored].dtype}"
        for key, stored in match.pairs.items()
        if key in parameters
        and parameters[key].is_floating_point()
        and not state[stored].is_floating_point()
    ]
    if wrong:
        raise CheckpointMismatch(
            f"{where}: expected floating-point weights, got {wrong[:_SHOWN]}: quantised weights "
            "need the network that was quantised, with its scales; or store them dequantised"
        )


def _check_ties(
    own: Mapping[str, object], state: Mapping[str, Tensor], match: KeyMatch, where: str
) -> None:
    """Refuse tensors that are one in the model and differ in the file: one of them would be lost.

    Args:
        own: the state dict of the model.
        state, match, where: as for `fill_model`.
    """
    first: dict[object, str] = {}
    for key, stored in match.pairs.items():
        if is_extra_state(key):
            continue
        other = first.setdefault(_place(own[key]), key)
        if other != key and not equal_values(state[match.pairs[other]], state[stored]):
            raise CheckpointMismatch(
                f"{where}: {other!r} and {key!r} are one tensor in the model and differ in the "
                "checkpoint: build the model without sharing them (tie_word_embeddings=False)"
            )


def equal_values(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same numbers; NaN is equal to NaN."""
    if one.shape != other.shape:
        return False
    wide = torch.promote_types(one.dtype, other.dtype)
    first, second = one.to(other.device, wide), other.to(wide)
    if torch.equal(first, second):  # takes no memory
        return True
    return bool(torch.isclose(first, second, rtol=0, atol=0, equal_nan=True).all())


def _place(value: object) -> object:
    """What two names of one tensor have in common; tensors without data are none alike."""
    if isinstance(value, Tensor) and value.data_ptr():
        return value.data_ptr(), tuple(value.shape)
    return id(value)


def _differ(missing: Collection[str], match: KeyMatch) -> str:
    parts = []
    for what, keys in (("missing", missing), ("unexpected", match.unexpected)):
        if keys:
            parts.append(f"{len(keys)} keys {what}, the first {list(keys)[:_SHOWN]}")
    return "; ".join(parts) + (f" ({match.prefix})" if match.prefix else "")


def _tied(own: Mapping[str, object], present: Mapping[str, str]) -> set[str]:
    """Keys of tensors that are the same memory as one that is stored, as tied embeddings are."""
    places = {_place(own[key]) for key in present if isinstance(own[key], Tensor)}
    return {
        key for key, value in own.items() if isinstance(value, Tensor) and _place(value) in places
    }
