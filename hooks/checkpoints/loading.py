"""Put one checkpoint after the other into one network, and take off what was put on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from infoplane.errors import CheckpointMismatch, InputError, MissingExtra
from infoplane.hooks.checkpoints.formats import HUGGING_FACE, StoredState, read_checkpoint
from infoplane.hooks.checkpoints.listing import Checkpoint
from infoplane.hooks.checkpoints.own_class import read_by_own_class
from infoplane.hooks.checkpoints.state_dicts import (
    choose_entry,
    fill_model,
    is_extra_state,
    match_keys,
    taken_off,
)
from infoplane.hooks.network.isolate import unwrap

_SCALING = ("peft_type", "r", "lora_alpha", "alpha", "use_rslora", "use_dora", "alpha_pattern")
"""What of an adapter's configuration its tensors do not show."""
_PLACES = ("target_modules", "bias", "rank_pattern", "layers_to_transform")
"""What says where it lies, often in another form: ``all-linear``, an expression, names."""


@dataclass(frozen=True)
class Loaded:
    """What a network was given.

    Attributes:
        format: of the checkpoint.
        entry: where the state dict lay in the file; empty for the file itself.
        prefix: what was done about a prefix; empty where nothing was.
        left_out: keys that are missing or unexpected, none unless ``strict=False``.
        metrics: numbers that the training stored with the checkpoint.
    """

    format: str
    entry: str = ""
    prefix: str = ""
    left_out: tuple[str, ...] = ()
    metrics: Mapping[str, float] | None = None

    def describe(self) -> str:
        """Return one line for a person."""
        parts = [self.format, self.entry and f"entry {self.entry!r}", self.prefix]
        if self.left_out:
            parts.append(f"{len(self.left_out)} keys left out")
        parts += [f"{name} {value:.4g}" for name, value in (self.metrics or {}).items()]
        return ", ".join(part for part in parts if part)

    def record(self) -> dict[str, object]:
        """Return the part that the archive keeps with the step."""
        said = {"format": self.format, "entry": self.entry, "prefix": self.prefix}
        kept: dict[str, object] = {key: value for key, value in said.items() if value}
        if self.left_out:
            kept |= {"strict": False, "left_out": len(self.left_out), "first": self.left_out[:10]}
        return kept


class Loader:
    """Puts checkpoints into a network, one at a time, so that one set of weights is in memory.

    Args:
        model: the network, whose wrappers are taken off; the weights it has are replaced.
        strict: refuse a checkpoint with missing or unexpected keys.
        prefix: of the stored keys; found when left out.
        entry: where the state dict lies in a file of several, e.g. ``"ema"``.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        strict: bool = True,
        prefix: str | None = None,
        entry: str | None = None,
    ) -> None:
        self.model = unwrap(model)
        self._strict, self._prefix, self._entry = strict, prefix, entry
        self._keys = list(self.model.state_dict())
        self._adapted: Any = None  # Any: the PeftModel around the network
        self._config: dict[str, str] = {}  # of the first adapter

    def load(self, checkpoint: Checkpoint) -> Loaded:
        """Give the network the weights of a checkpoint.

        Raises:
            DamagedCheckpoint: it cannot be read.
            CheckpointMismatch: it does not fit the network.
        """
        where = checkpoint.name
        if not isinstance(checkpoint.source, Path):
            stored = StoredState("state dict", {"": _tensors(checkpoint.source, where)})
        else:
            stored = read_checkpoint(checkpoint.source, self._keys)
        if stored.adapter is not None:
            self._load_adapter(stored.adapter)
            return Loaded(stored.format, metrics=stored.metrics)
        entry, match = choose_entry(
            stored.entries, self._keys, prefix=self._prefix, entry=self._entry, where=where
        )
        state = stored.entries[entry]
        differ = match.missing and match.unexpected
        if isinstance(checkpoint.source, Path) and stored.format == HUGGING_FACE and differ:
            renamed = read_by_own_class(self.model, checkpoint.source)
            if renamed is not None:
                state, match = renamed, match_keys(renamed, self._keys)
        left_out = fill_model(self.model, state, match, strict=self._strict, where=where)
        return Loaded(stored.format, entry, match.prefix, left_out, stored.metrics)

    def would_read(self, record: Mapping[str, object]) -> bool:
        """Return whether a step of this record was read from the entry and prefix asked for.

        Args:
            record: of `Loaded.record`.
        """
        entry = self._entry is None or record.get("entry", "") == self._entry
        prefix = self._prefix is None or record.get("prefix", "") == taken_off(self._prefix)
        return entry and prefix

    def _load_adapter(self, folder: Path) -> None:
        try:
            import peft
        except ImportError as error:
            raise MissingExtra("peft", "transformers") from error
        config = _plain_config(peft.PeftConfig.from_pretrained(str(folder)), _SCALING + _PLACES)
        target: Any = self.model if isinstance(self.model, peft.PeftModel) else self._adapted
        if isinstance(target, peft.PeftModel) and not self._config:
            self._config = _plain_config(target.active_peft_config, _SCALING)
        differences = _differences(self._config, config)
        if differences:
            raise CheckpointMismatch(
                f"{folder}: its adapter is of another kind than that of the first checkpoint or of "
                f"the model: {differences}; capture them in runs of their own"
            )
        try:
            if target is None:
                target = self._adapted = peft.PeftModel.from_pretrained(self.model, str(folder))
                self._config = config
            state = peft.load_peft_weights(str(folder), device="cpu")
            found: Any = peft.set_peft_model_state_dict(target, state)
        except (ValueError, RuntimeError, KeyError) as error:
            raise CheckpointMismatch(f"{folder}: does not fit the model: {error}") from error
        absent = sorted(set(peft.get_peft_model_state_dict(target)) - set(state))
        if self._strict and (absent or found.unexpected_keys):
            raise CheckpointMismatch(
                f"{folder}: does not fit the model: {len(absent)} keys missing, the first "
                f"{absent[:10]}; {len(found.unexpected_keys)} unexpected, the first "
                f"{list(found.unexpected_keys)[:10]}"
            )

    def close(self) -> None:
        """Take off the adapter that was put on."""
        if self._adapted is not None:
            self._adapted.unload()
            self._adapted = None


def _differences(expected: Mapping[str, str], given: Mapping[str, str]) -> str:
    """What of the expected configuration is another in the given one; empty for nothing."""
    differing = [key for key in expected if expected[key] != given[key]]
    return ", ".join(f"{key} {given[key]} instead of {expected[key]}" for key in differing)


def _plain_config(config: Any, keys: Sequence[str]) -> dict[str, str]:  # Any: a PeftConfig
    """Some of an adapter's configuration, in a form that a file does not change."""
    given = config.to_dict()
    found = {}
    for key in keys:
        value = given.get(key)
        found[key] = str(sorted(value) if isinstance(value, (set, list, tuple)) else value)
    return found


def _tensors(state: Mapping[str, Any], where: str) -> dict[str, Tensor]:  # Any: checked here
    found = {
        key: value
        for key, value in state.items()
        if isinstance(value, Tensor) or is_extra_state(key)
    }
    if not found:
        raise InputError(f"{where}: holds no tensors; its keys are {list(state)[:8]}")
    return found
