"""Checkpoints that a training has left behind: which there are, and of which step each is."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import SupportsIndex

import torch
from torch import Tensor

from infoplane.errors import InputError
from infoplane.hooks.checkpoints.formats import SUPPORTED, format_of, is_of_training
from infoplane.hooks.network.saved_values import can_be_copied

StateDict = Mapping[str, Tensor]
Stored = str | Path | StateDict
StepFrom = str | Callable[[Path], int]
Checkpoints = (
    str | Path | Sequence[str | Path] | Mapping[int, Stored] | Iterable[tuple[int, Stored]]
)

_NUMBER = r"\d+(?:(?:\.\d+)?(?:e\d+|[kmb](?![a-z0-9])))?"
"""A whole number, or one that is written as 10k, 1.5M or 1e5."""
_NAMED_STEP = re.compile(rf"(?<![a-z])(?:global[_-]?)?steps?[=_. -]*({_NUMBER})", re.IGNORECASE)
_MOST = 10**18


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One stored state of a network.

    Attributes:
        step: training step.
        source: a file, a folder, or the state dict itself.
    """

    step: int
    source: Path | StateDict

    @property
    def name(self) -> str:
        """How to call it in messages."""
        if isinstance(self.source, Path):
            return str(self.source)
        return f"the state dict of step {self.step}"

    def stamp(self) -> dict[str, object]:
        """Name, size and time of change of its files: the same while nobody has touched them.

        Of a state dict in memory, a digest of its tensors.
        """
        if not isinstance(self.source, Path):
            return {"name": "state dict", "digest": _digest(self.source)}
        files = [self.source]
        if self.source.is_dir():
            files = [path for path in self.source.rglob("*") if path.is_file()]
        states = [file.stat() for file in files if file.exists()]  # a broken link has no state
        return {
            "name": _shown(self.source),
            "bytes": sum(state.st_size for state in states),
            "modified": max((state.st_mtime_ns for state in states), default=0),
        }


def _digest(state: StateDict) -> str:
    """A digest of the names and values of a state dict."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in state.items():
        digest.update(name.encode())
        if isinstance(tensor, Tensor) and can_be_copied(tensor) and not tensor.is_quantized:
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def find_checkpoints(
    given: Checkpoints, step_from: StepFrom | None = None
) -> Sequence[Checkpoint] | Iterator[Checkpoint]:
    """List the checkpoints that are meant, by ascending step.

    An iterator is passed on as it comes.

    Args:
        given: a glob, a folder, a file, a list of these files, ``{step: path or state dict}``, or
            an iterator of ``(step, path or state dict)``.
        step_from: how the step is read from a path: a regular expression whose group (or whole
            match) is the number, or a function of the path; by the number in the name when left
            out.

    Raises:
        InputError: nothing is there, a step cannot be read, or two checkpoints have the same step.
    """
    if isinstance(given, (str, Path)):
        return _with_steps(_paths(given), step_from)
    if isinstance(given, Mapping):
        if given and all(isinstance(value, Tensor) for value in given.values()):
            raise InputError(
                "checkpoints= got one state dict: load it into the model and leave checkpoints= "
                "out, or give {step: state dict}"
            )
        return sorted((_made(*item) for item in given.items()), key=lambda c: c.step)
    if (
        isinstance(given, Sequence)
        and given
        and all(isinstance(path, (str, Path)) for path in given)
    ):
        return _with_steps([_existing(Path(str(path))) for path in given], step_from)
    if isinstance(given, Iterable):
        pairs = _ascending(given)
        return list(pairs) if isinstance(given, Sequence) and given else pairs
    raise InputError(
        "checkpoints= expects a glob, a folder, {step: path or state dict} or an iterator of "
        f"(step, state dict), got {type(given).__name__}"
    )


def _ascending(given: Iterable[object]) -> Iterator[Checkpoint]:
    last = -1
    for item in given:
        if not isinstance(item, tuple) or len(item) != 2:
            raise InputError(
                f"checkpoints= expects pairs (step, state dict), got {type(item).__name__}"
            )
        checkpoint = _made(*item)
        if checkpoint.step <= last:
            raise InputError(
                f"checkpoints must come by ascending step: {checkpoint.step} comes after {last}"
            )
        last = checkpoint.step
        yield checkpoint


def _made(step: object, source: object) -> Checkpoint:
    if isinstance(source, (str, Path)):
        return Checkpoint(_checked(step, f"of {source}"), _existing(Path(source)))
    if isinstance(source, Mapping) and source:
        return Checkpoint(_checked(step, "of a state dict"), source)
    raise InputError(
        f"checkpoint of step {step!r}: expected a path or a state dict, got {type(source).__name__}"
    )


def _checked(step: object, what: str) -> int:
    if isinstance(step, bool) or not isinstance(step, SupportsIndex) or not 0 <= int(step) < _MOST:
        raise InputError(f"the step {what} must be a whole number of 0 or more, got {step!r}")
    return int(step)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path}: no such checkpoint")
    return path


def _paths(given: str | Path) -> list[Path]:
    path = Path(given).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.exists():
        return [path]
    matches = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]
    if not matches:
        raise InputError(f"{given}: no checkpoint there, and nothing matches it as a glob")
    return _without_links([path for path in matches if not is_of_training(path)] or matches)


def _in_folder(folder: Path) -> list[Path]:
    """The checkpoints in a folder, or the folder itself where it is one.

    Parts of a network in folders of their own, such as `2_Dense`, are no checkpoints of steps.
    """
    content = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if format_of(folder) is None:
        found = [path for path in content if format_of(path) and not is_of_training(path)]
        if not found:
            names = [path.name for path in content][:8]
            raise InputError(f"{folder}: holds no checkpoint; it has {names}, expected {SUPPORTED}")
        return _without_links(found)
    inside = []
    for path in content:
        if path.is_dir() and path.name[-1].isdigit() and format_of(path) is not None:
            inside.append(path.name)
    if inside:
        glob_of_those = folder / f"{inside[0].rstrip('0123456789')}*"
        raise InputError(
            f"{folder}: is a checkpoint and holds others ({inside[:3]}): expected one or the "
            f"other; give {str(glob_of_those)!r} for those inside, or {{step: path}}"
        )
    return [folder]


def _without_links(paths: list[Path]) -> list[Path]:
    """Leave out links to others of the paths, such as ``last.ckpt``."""
    real = {path.resolve() for path in paths if not path.is_symlink()}
    return [path for path in paths if not path.is_symlink() or path.resolve() not in real]


def _with_steps(paths: list[Path], step_from: StepFrom | None) -> list[Checkpoint]:
    if step_from is None:
        names = _names(paths)
        if len(paths) == 1 and _tells_no_step(paths[0], names[0]):
            return [Checkpoint(0, paths[0])]
        steps = [_step_of(name) for name in names]
    else:
        steps = [_asked(path, step_from) for path in paths]
    by_step: dict[int, list[Path]] = {}
    unclear: list[str] = []
    for path, step in zip(paths, steps, strict=True):
        if isinstance(step, str):
            unclear.append(f"  {_shown(path)}: {step}")
        else:
            by_step.setdefault(step, []).append(path)
    _refuse_unclear(unclear)
    _refuse_twice(by_step)
    return [Checkpoint(step, same[0]) for step, same in sorted(by_step.items())]


def _tells_no_step(path: Path, name: str) -> bool:
    """Return whether the one checkpoint has no number, or is the folder of a model (opt-1.3b)."""
    read = step_in_name(name)
    return read == [] or (path.is_dir() and isinstance(read, list))


def _refuse_unclear(lines: list[str]) -> None:
    if not lines:
        return
    more = f"\n  ... and {len(lines) - 12} more" if len(lines) > 12 else ""
    raise InputError(
        "the step of each checkpoint must be read from its name, and is not clear here:\n"
        + "\n".join(lines[:12])
        + more
        + "\nsay where it is by step_from=, a regular expression with one group such as "
        r"r'ckpt(\d+)' or a function of the path, or give {step: path}"
    )


def _refuse_twice(by_step: Mapping[int, list[Path]]) -> None:
    twice = {step: list(map(_shown, same)) for step, same in by_step.items() if len(same) > 1}
    if twice:
        raise InputError(
            f"several checkpoints have the same step: {dict(list(twice.items())[:5])}; "
            "tell them apart by a narrower glob, by step_from=, or give {step: path}"
        )


def _shown(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _names(paths: list[Path]) -> list[str]:
    """The names that tell steps: of files, or of folders where only these have numbers."""
    own = [path.name if path.is_dir() else _stem(path) for path in paths]
    folders = [path.absolute().parent.name for path in paths]
    if any(step_in_name(name) != [] for name in own):
        return own
    apart = len(set(folders)) == len(paths) > 1
    return folders if apart or _NAMED_STEP.search(folders[0]) else own


def _step_of(name: str) -> int | str:
    """The step in a name, or a text that says what was read instead."""
    found = step_in_name(name)
    if isinstance(found, int):
        return found
    return f"read the numbers {found} in {name!r}" if found else "no number in the name"


def _asked(path: Path, step_from: StepFrom) -> int | str:
    """The step as the user says where it is, or a text that says what was read instead."""
    if callable(step_from):
        return _checked(step_from(path), f"that step_from gives for {path}")
    try:
        match = re.search(step_from, str(path))
    except re.error as error:
        raise InputError(f"step_from={step_from!r} is no regular expression: {error}") from error
    if match is None:
        return f"step_from={step_from!r} matches nothing"
    text = match[1] if match.re.groups else match[0]
    return int(text) if text and text.isdecimal() else f"step_from read {text!r}, no whole number"


def _stem(path: Path) -> str:
    """A file name without its endings; a dot between digits stays."""
    name = path.name.removesuffix(".index.json")
    return name.removesuffix(Path(name).suffix)


def step_in_name(name: str) -> int | list[str]:
    """Read the step in a name: the number after the word step, else the only number there is.

    Returns:
        The step; or the numbers that were read where it is not clear, an empty list where there is
        none.

    Example:
        >>> tuple(map(step_in_name, ("ckpt_000123", "epoch=3-step=400", "run1_ckpt2", "ckpt_10k")))
        (123, 400, ['1', '2'], ['10k'])
    """
    named = _NAMED_STEP.findall(name)
    numbers = named or re.findall(_NUMBER, name, re.IGNORECASE)
    clear = len(numbers) == 1 and numbers[0].isdecimal()
    return int(numbers[0]) if clear else numbers
