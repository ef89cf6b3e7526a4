"""The formats in which checkpoints lie on disk.

Each read without running anything that is stored in it.
"""

from __future__ import annotations

import json
import numbers
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infoplane.errors import DamagedCheckpoint, InputError, MissingExtra
from infoplane.hooks.checkpoints.state_dicts import is_extra_state, match_keys
from infoplane.user_warning import warn_user

TORCH_SUFFIXES = (".pt", ".pth", ".pth.tar", ".bin", ".ckpt")
SUPPORTED = (
    ".pt .pth .pth.tar .bin .ckpt or .safetensors files, a sharded index, checkpoint-N folders, "
    "distributed checkpoints or adapters"
)
HUGGING_FACE = "Hugging Face checkpoint"
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_OF_TRAINING = ("optimizer", "scheduler", "scaler", "rng_state", "training_args")
_PIECE = 1 << 20
_NO_METRICS = ("step", "global_step", "epoch", "total_flos")


@dataclass(frozen=True, eq=False)
class StoredState:
    """What a checkpoint holds.

    Attributes:
        format: name of the format, as `FORMATS` has it.
        entries: state dicts by where they lie in the file; ``""`` for the file itself.
        metrics: numbers that the training has stored with it.
        adapter: folder of an adapter, which goes onto a base model; None for whole weights.
    """

    format: str
    entries: Mapping[str, Mapping[str, Tensor]]
    metrics: Mapping[str, float] = field(default_factory=dict)
    adapter: Path | None = None


@dataclass(frozen=True)
class Format:
    """One way in which checkpoints are stored.

    Attributes:
        name: for messages and the archive.
        fits: whether a path looks like one.
        read: its content; the second argument are the keys of the model, for formats that need not
            read everything.
    """

    name: str
    fits: Callable[[Path], bool]
    read: Callable[[Path, Collection[str]], StoredState]


def is_of_training(path: Path) -> bool:
    """Whether a file holds the state of an optimiser or of random numbers, and no network."""
    return path.name.startswith(_OF_TRAINING)


def format_of(path: Path) -> Format | None:
    """Return the format of a checkpoint; None of what is none."""
    return next((known for known in FORMATS if known.fits(path)), None)


def read_checkpoint(path: Path, model_keys: Collection[str]) -> StoredState:
    """Read one checkpoint into host memory.

    Raises:
        DamagedCheckpoint: it is torn, truncated or not a checkpoint.
        InputError: an unknown format, or a file that holds objects of Python.
        MissingExtra: its format needs a package that is not installed.
    """
    if not path.exists():
        raise DamagedCheckpoint(f"{path}: no such file or folder, or a link to one that is gone")
    chosen = format_of(path)
    if chosen is None:
        raise InputError(f"{path}: not a checkpoint that is known; expected {SUPPORTED}")
    try:
        return chosen.read(path, model_keys)
    except (InputError, DamagedCheckpoint, MissingExtra, MemoryError):
        raise
    except Exception as error:  # libraries raise many kinds for a torn file
        raise DamagedCheckpoint(
            f"{path}: not a readable {chosen.name}: {type(error).__name__}: "
            + str(error).split("\n")[0].split(". ")[0][:160]
        ) from error


# ---- torch and Lightning files -----------------------------------------------------------------


def _torch(path: Path, model_keys: Collection[str]) -> StoredState:
    content = load_tensors(path)
    if not isinstance(content, Mapping):
        raise DamagedCheckpoint(f"{path}: expected a dictionary, got {type(content).__name__}")
    entries = dict(_entries(content))
    if not entries:
        raise DamagedCheckpoint(
            f"{path}: holds no state dict; its keys are {[str(key) for key in content][:8]}"
        )
    if "pytorch-lightning_version" in content:
        return StoredState("Lightning checkpoint", entries, _monitored(content))
    given = content.get("metrics")
    found = {**content, **(given if isinstance(given, Mapping) else {})}
    return StoredState("torch file", entries, _numbers(found))


def load_tensors(path: Path) -> Any:  # Any: whatever of tensors and plain values the file holds
    """Return the content of a torch file, read with ``weights_only=True``: it runs nothing.

    Raises:
        InputError: it holds other objects than tensors and plain values.
    """
    _check_sums(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"(?:GLOBAL|class) ([\w.]+)", str(error))
        if named is None:
            raise
        raise InputError(
            f"{path}: not a file of weights alone: it holds objects of Python ({named[1]}), and "
            "loading them could run code. Store model.state_dict() alone, or allow the class where "
            "you trust the file: torch.serialization.add_safe_globals([...])"
        ) from error


def _check_sums(path: Path) -> None:
    """Compare a torch file with the checksums in it, which torch does not look at.

    Raises:
        DamagedCheckpoint: a part has changed since it was written, is compressed or claims more
            bytes than the file has: torch writes neither, and reading them could fill the memory.
    """
    if not zipfile.is_zipfile(path):
        return
    size = path.stat().st_size
    with zipfile.ZipFile(path) as parts:
        if any(name.endswith("/constants.pkl") for name in parts.namelist()):
            return  # TorchScript, which `torch.load` refuses unread
        claimed = sum(part.file_size for part in parts.infolist())
        inflated = any(part.compress_type != zipfile.ZIP_STORED for part in parts.infolist())
        if inflated or claimed > size:
            raise DamagedCheckpoint(
                f"{path}: claims {claimed} bytes in a file of {size}, or compresses them; weights "
                "are stored as they are"
            )
        for part in parts.infolist():
            if part.CRC == 0:  # torch was told to store none
                continue
            try:
                with parts.open(part) as stream:
                    while stream.read(_PIECE):
                        pass
            except zipfile.BadZipFile as error:
                raise DamagedCheckpoint(f"{path}: damaged after it was written: {error}") from error


def _entries(content: Mapping[Any, Any], path: str = "") -> list[tuple[str, dict[str, Tensor]]]:
    """Every dictionary of tensors by names, however deep; optimisers number theirs."""
    tensors = {
        key: value
        for key, value in content.items()
        if isinstance(key, str) and (isinstance(value, Tensor) or is_extra_state(key))
    }
    found = [(path, tensors)] if tensors else []
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, Mapping) and path.count(".") < 3:
            found += _entries(value, f"{path}.{key}" if path else key)
    return found


def _numbers(content: Mapping[Any, Any]) -> dict[str, float]:
    found = {}
    for name, value in content.items():
        single = isinstance(value, Tensor) and value.numel() == 1 and "." not in str(name)
        if (single or isinstance(value, numbers.Real)) and not isinstance(value, bool):
            found[str(name)] = float(value)
    return {name: value for name, value in found.items() if name not in _NO_METRICS}


def _monitored(content: Mapping[str, Any]) -> dict[str, float]:
    """What the checkpoint callbacks of Lightning watch, at this checkpoint."""
    callbacks = content.get("callbacks")
    found = {}
    for state in callbacks.values() if isinstance(callbacks, Mapping) else ():
        if isinstance(state, Mapping) and state.get("current_score") is not None:
            found[str(state.get("monitor"))] = state["current_score"]
    return _numbers(found)


# ---- safetensors and Hugging Face folders ------------------------------------------------------


def _safetensors(path: Path, model_keys: Collection[str]) -> StoredState:
    return StoredState("safetensors file", {"": _load_safetensors(path)})


def _load_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtra("safetensors", "transformers") from error
    return load_file(path)


def _index(path: Path, model_keys: Collection[str]) -> StoredState:
    shards = json.loads(path.read_text("utf-8"))["weight_map"]
    state: dict[str, Tensor] = {}
    for name in sorted(set(shards.values())):
        shard = path.parent / name
        if shard.parent != path.parent:
            raise DamagedCheckpoint(f"{path}: names a shard outside its folder: {name!r}")
        if not shard.is_file():
            raise DamagedCheckpoint(f"{path}: the shard {name} is missing")
        state |= _load_safetensors(shard) if shard.suffix == ".safetensors" else load_tensors(shard)
    absent = sorted(set(shards) - set(state))
    if absent:
        raise DamagedCheckpoint(f"{path}: the shards lack {absent[:10]}")
    return StoredState("sharded index", {"": state})


def _folder(path: Path, model_keys: Collection[str]) -> StoredState:
    file = next(path / name for name in (*_WHOLE, *_INDEXES) if (path / name).is_file())
    entries = dict(read_checkpoint(file, model_keys).entries)
    for other in sorted(path.glob(f"{file.stem}_[0-9]{file.suffix}")):  # of a second network
        for name, state in read_checkpoint(other, model_keys).entries.items():
            entries[f"{other.stem}.{name}" if name else other.stem] = state
    return StoredState(HUGGING_FACE, entries, _logged(path))


def _logged(folder: Path) -> dict[str, float]:
    """The last value of everything that a Trainer had logged up to this checkpoint."""
    file = folder / "trainer_state.json"
    if not file.is_file():
        return {}
    found: dict[str, float] = {}
    try:
        state = json.loads(file.read_text("utf-8"))
        for line in state.get("log_history", ()):
            if line.get("step", 0) <= state.get("global_step", 0):
                found |= _numbers(line)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        warn_user(
            f"{file}: expected the log of a Trainer, got {type(error).__name__}: {error}; the "
            "weights are captured without metrics",
            RuntimeWarning,
        )
        return {}
    return found


def _weight_files(folder: Path) -> list[Path]:
    """The files of weights in a folder, no hidden ones; one of them in ``step1000/model.pt``."""
    suffixes = (*TORCH_SUFFIXES, ".safetensors")
    return [
        path
        for path in folder.glob("[!.]*")
        if path.name.endswith(suffixes) and not is_of_training(path)
    ]


def _holds_one(path: Path) -> bool:
    """A folder named by a step, with one file of weights whose own name tells no step."""
    if not path.is_dir() or re.search(r"\d", path.name) is None:
        return False
    files = _weight_files(path)
    return len(files) == 1 and re.search(r"\d", files[0].stem) is None


def _inside(path: Path, model_keys: Collection[str]) -> StoredState:
    return read_checkpoint(_weight_files(path)[0], model_keys)


# ---- torch.distributed.checkpoint --------------------------------------------------------------


class _PlainMetadata(pickle.Unpickler):
    """Reads the index of a distributed checkpoint, and nothing else that a pickle could hold."""

    def find_class(self, module: str, name: str) -> Any:  # Any: a class of torch
        of_torch = module.startswith("torch.distributed.checkpoint") or (
            module == "torch" and isinstance(getattr(torch, name, None), (type, torch.dtype))
        )
        plain = (module, name) in {
            ("torch.serialization", "_get_layout"),
            ("pathlib", "PosixPath"),
            ("pathlib", "PurePosixPath"),
            ("pathlib._local", "PosixPath"),
            ("collections", "OrderedDict"),
            ("builtins", "set"),
        }
        if of_torch or plain or (module.startswith("torch.") and name == "_MEM_FORMAT_ENCODING"):
            return super().find_class(module, name)
        raise InputError(
            f"the .metadata of a distributed checkpoint names {module}.{name}, which is no part of "
            "one"
        )


def _distributed(path: Path, model_keys: Collection[str]) -> StoredState:
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    with open(path / ".metadata", "rb") as file:
        stored = _PlainMetadata(file).load().state_dict_metadata
    arrays = {
        name: entry for name, entry in stored.items() if isinstance(entry, TensorStorageMetadata)
    }
    pairs = match_keys(arrays, model_keys).pairs
    state = {
        name: torch.empty(arrays[name].size, dtype=arrays[name].properties.dtype)
        for name in dict.fromkeys(pairs.values())
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no process group is there is meant so
            dcp.load(state, checkpoint_id=path)  # type: ignore[attr-defined]  # torch exports it so
    except dcp.CheckpointException as error:  # type: ignore[attr-defined]  # no Exception of Python
        cause = next(iter(error.failures.values()))[0]
        raise DamagedCheckpoint(
            f"{path}: not a readable distributed checkpoint: {type(cause).__name__} "
            + str(cause).split("\n")[0][:160]
        ) from error
    return StoredState("distributed checkpoint", {"": state})


def _adapter(path: Path, model_keys: Collection[str]) -> StoredState:
    return StoredState("adapter", {}, _logged(path), adapter=path)


def _has(*names: str) -> Callable[[Path], bool]:
    return lambda path: path.is_dir() and any((path / name).is_file() for name in names)


def _ends(*suffixes: str) -> Callable[[Path], bool]:
    return lambda path: path.is_file() and path.name.lower().endswith(suffixes)


FORMATS = (
    Format("adapter", _has("adapter_config.json"), _adapter),
    Format("distributed checkpoint", _has(".metadata"), _distributed),
    Format(HUGGING_FACE, _has(*_WHOLE, *_INDEXES), _folder),
    Format("sharded index", _ends(".safetensors.index.json", ".bin.index.json"), _index),
    Format("safetensors file", _ends(".safetensors"), _safetensors),
    Format("torch file", _ends(*TORCH_SUFFIXES), _torch),
    Format("folder of one file", _holds_one, _inside),
)
"""Every format, the first that fits is taken; a new one is a line here."""
