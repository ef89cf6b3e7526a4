"""`import_run`: a run from files of activations."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from infoplane.archive import Archive
from infoplane.archive.label_array import label_array
from infoplane.display.terminal import say
from infoplane.errors import InputError
from infoplane.kinds import ignored_rows
from infoplane.positions.label_rules import rules_in
from infoplane.positions.row_request import X_NAMES
from infoplane.sources.arrays import ArrayOptions, from_arrays, inputs_of
from infoplane.sources.bridges import layers_of
from infoplane.sources.chains import Declared, declared_chain, describe_chain
from infoplane.sources.formats import READERS, WHOLE, is_array_file, natural, open_arrays
from infoplane.sources.plan import Import, plan_import, refuse_steps_in_names
from infoplane.types import Kind
from infoplane.types.arrays import Array, to_numpy
from infoplane.user_path import path_of

Given = ArrayLike | str | Path | None
"""An array, a file, or the name of an array in the file that is imported."""


_ORDERED = {".npz", ".pt", ".pth"}
"""Endings of files that keep the order in which their arrays were written."""
_LABELS = ("labels", "label", "targets", "y")


@dataclass(frozen=True)
class _Place:
    """An array in a file, with the step and layer that the pattern reads from its name."""

    file: Path
    key: str
    step: int
    layer: str


def import_run(
    path: str | Path,
    *,
    to: str | Path,
    pattern: str | None = None,
    y: Given | Mapping[str, Given] = None,
    x: Given | Mapping[str, Given] = None,
    rows: str = "sample",
    inputs: Given | Mapping[str, Given] = None,
    mask: Given = None,
    row_ids: Given = None,
    split: Given = None,
    layers: Sequence[str] | None = None,
    step: int = 0,
    **options: Unpack[ArrayOptions],
) -> Archive:
    """Store activations that lie in files as a run: ``.npy .npz .pt .safetensors .h5 .zarr``.

    Args:
        path: a folder, or a file with several arrays.
        to: directory of the run.
        pattern: how paths inside the folder (or names inside the file) are read, with ``{step}``
            and ``{layer}``, e.g. ``"step{step}/{layer}.npy"``. Without ``{layer}`` every file holds
            the layers of a step by name; without ``{step}`` everything is of ``step``.
        y, x, inputs, mask, row_ids, split: arrays, files (in the folder or from here), or names of
            arrays in the file; also as for `infoplane.from_arrays` (``y="next-token"``,
            ``x="prefix"``).
        rows: ``sample``, ``token``, ``pixel`` or ``node``, as for `infoplane.from_arrays`.
        layers: names or globs in order of execution. Without them files are taken by name, numbers
            in order, which need not be the order of execution.
        step: where the pattern has none.
        **options: ``skip_first max_rows ignore_index seed y_kind x_kind chain metrics nonfinite
            verify_with tags progress overwrite resume``, as for `infoplane.from_arrays`.

    Raises:
        InputError: nothing matches, a layer is missing at a step, objects, pickles, and what
            `infoplane.from_arrays` refuses.
        MissingExtra: the format needs a package that is not installed.

    Example:
        >>> import tempfile, numpy as np
        >>> folder = tempfile.mkdtemp()
        >>> np.save(folder + "/fc1.npy", np.eye(4)), np.save(folder + "/labels.npy", np.arange(4))
        (None, None)
        >>> import_run(folder, to=folder + "/run", y="labels.npy").layers
        ('fc1',)
    """
    with ExitStack() as stack:
        files = _Files(path_of(path), stack)
        kind = rows.partition(":")[0]
        shown_x = files.read(x, "x", X_NAMES.get(kind, ()))
        shown_inputs = files.read(inputs, "inputs")
        given = inputs_of(rows, shown_x, shown_inputs)[1]
        names = list(given) if isinstance(given, Mapping) else ()
        of_samples = {
            "y": files.read(y, "y", () if kind == "sample" else rules_in(y)),
            "mask": files.read(mask, "mask", names),
            "row_ids": files.array(row_ids, "row_ids"),
            "split": files.array(split, "split"),
        }
        found = plan_files(files, pattern, step=step, layers=layers)
        chain = options.get("chain")
        if chain == "sequential":
            line = describe_chain(list(found.first), chain, by_name=found.by_name)
            say(line, file=sys.stderr)
        return from_arrays(
            found, to=to, x=shown_x, inputs=shown_inputs, rows=rows, **of_samples, **options
        )


def preview_import(
    path: str | Path,
    *,
    pattern: str | None = None,
    y: Given = None,
    x: Given = None,
    rows: str = "sample",
    mask: Given = None,
    row_ids: Given = None,
    layers: Sequence[str] | None = None,
    step: int = 0,
    y_kind: str | None = None,
    chain: Declared = None,
) -> str:
    """Return what `import_run` would store, in words; nothing is written.

    Args:
        path, pattern, y, x, rows, mask, row_ids: as for `import_run`.
        layers, step, y_kind, chain: as for `import_run`.

    Raises:
        InputError: files, labels or a chain that `import_run` would refuse.
    """
    with ExitStack() as stack:
        files = _Files(path_of(path), stack)
        rules = () if rows == "sample" else rules_in(y)
        of_samples = {
            "y": files.read(y, "y", rules),
            "x": files.array(x, "x"),
            "mask": files.array(mask, "mask"),
            "row_ids": files.array(row_ids, "row_ids"),
        }
        found = plan_files(files, pattern, step=step, layers=layers)
        names = list(found.first)
        declared_chain(names, chain)
        kind = rows.partition(":")[0]
        unit = f"samples, whose {kind}s are rows" if kind in ("token", "pixel") else "rows"
        lines = [found.describe(unit)]
        for name, array in of_samples.items():
            if isinstance(array, str):
                lines.append(f"  {name}: {array}, made from the tokens")
            elif array is not None:
                labels = ""
                if name == "y" and kind == "sample":
                    labels = f", {_kind_of_labels(array, y_kind)} labels"
                lines.append(f"  {name}: {array.dtype} of shape {array.shape}{labels}")
        if chain is not None:
            lines.append(f"  {describe_chain(names, chain, by_name=found.by_name)}")
        return "\n".join(lines)


def _kind_of_labels(labels: Array, y_kind: str | None) -> Kind:
    return label_array("y", labels[~ignored_rows(labels)], y_kind).kind


class _Files:
    """The folder or file that is imported; keeps track of arrays that are no layers.

    Attributes:
        used: their files, or their names in the file.
        shared: files of several arrays of which some are none.
        samples: the arrays, by file in the folder (empty for the file) and name in the file.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        if (path / "run.json").is_file():
            raise InputError(f"{path}: is a run of infoplane: open it by infoplane.open_archive")
        self.path, self.stack = path, stack
        self.inside = open_arrays(path, stack) if is_array_file(path) else None
        self.used: set[Path | str] = set()
        self.shared: set[Path] = set()
        self.samples: dict[tuple[str, str], Array] = {}
        if self.inside is None and not path.is_dir():
            raise InputError(f"{path}: expected a folder or a file of arrays")

    def array(self, given: Given, name: str) -> Any:  # Any: an array
        """Return an array as it is given, or read from its file."""
        if not isinstance(given, (str, Path)):
            return None if given is None else to_numpy(given)
        if self.inside is not None and str(given) in self.inside:
            self.used.add(str(given))
            return self._read("", str(given), self.inside[str(given)])
        file, member = self._find(str(given)), None
        if file is None and ":" in str(given):
            path, _, member = str(given).rpartition(":")
            file = self._find(path)
        if file is None:
            names = "" if self.inside is None else f", and {self.path} has {list(self.inside)[:12]}"
            raise InputError(f"{name}={str(given)!r}: no such file{names}")
        arrays = open_arrays(file, self.stack)
        (self.used if member is None else self.shared).add(file.resolve())
        relative = os.path.relpath(file, self.path)
        if member is None and len(arrays) == 1:
            return self._read(relative, "", next(iter(arrays.values())))
        if member is None or member not in arrays:
            example = f"{file.name}:{next(iter(arrays), 'NAME')}"
            raise InputError(
                f"{name}={str(given)!r}: expected one array, got {list(arrays)[:12]}; name the "
                f"array behind a colon, such as {example!r}"
            )
        return self._read(relative, member, arrays[member])

    def _read(self, file: str, name: str, array: Any) -> Array:  # Any: an array of any library
        self.samples[file, name] = to_numpy(array[0 : array.shape[0]])
        return self.samples[file, name]

    def _find(self, given: str) -> Path | None:
        """The file of this name in the folder that is imported, or else at this path."""
        candidates = [Path(given)] if self.inside is not None else [self.path / given, Path(given)]
        return next((candidate for candidate in candidates if candidate.exists()), None)

    def read(
        self, given: Any, name: str, words: Collection[str] = ()
    ) -> Any:  # Any: see `import_run`
        """Return one array, or one for each name of a mapping; a word is returned as it is."""
        if isinstance(given, Mapping):
            return {str(key): self.read(value, str(key), words) for key, value in given.items()}
        if isinstance(given, str) and given in words:
            return given
        return self.array(given, name)

    def listed(self, pattern: str | None) -> list[tuple[str, Path]]:
        """Return the files of arrays that are no labels and in no run, by their path.

        A file that holds labels beside layers counts where the pattern means such files.
        """
        beside = pattern is not None and "{layer}" not in pattern
        no_layers = self.used if beside else self.used | self.shared
        found = []
        runs = {file.parent for file in self.path.rglob("run.json")}
        for file in self.path.rglob("*"):
            inside = file.relative_to(self.path)
            in_zarr = any(folder.suffix == ".zarr" for folder in inside.parents)
            used = file.resolve() in no_layers or not runs.isdisjoint(file.parents)
            hidden = any(part.startswith(".") for part in inside.parts)
            if is_array_file(file) and not in_zarr and not used and not hidden:
                found.append((inside.as_posix(), file))
        return sorted(found, key=lambda item: natural(item[0]))


def plan_files(
    files: _Files, pattern: str | None, *, step: int, layers: Sequence[str] | None
) -> Import:
    """Find which file, or array in it, is which layer of which step.

    Args:
        files: the folder or file.
        pattern: of step and layer in a name.
        step: of files whose name has none.
        layers: names or globs of those to take.

    Raises:
        InputError: nothing fits, or a layer that nobody named looks like labels.
    """
    arrays: dict[Any, Any]  # Any: by step or by name; of any library
    if files.inside is None:
        listed = dict(files.listed(pattern))
        if not listed:
            raise InputError(f"{files.path}: holds no layers, in files of {' '.join(READERS)}")
        if pattern is None and layers is None:
            refuse_steps_in_names(listed)
        pattern = pattern or _usual(listed)
        places = _matched(listed, pattern, step)
        arrays = _by_step(_opened(place, files.stack) for place in places)
    else:
        arrays = {}
        for name, array in files.inside.items():
            if name not in files.used:
                arrays[name or files.path.stem] = array
        if pattern is not None:
            flat = layers_of(arrays)[0]
            places = _matched({name: files.path for name in flat}, pattern, step)
            arrays = _by_step((place, flat[place.key]) for place in places)
    if pattern is not None:
        _take_out_samples(arrays, files, pattern)
    found = plan_import(arrays, step=step, layers=layers)
    names = [name for name in found.first if name.rpartition("/")[2] in _LABELS]
    if names and layers is None:
        raise InputError(
            f"{names} look like labels and would be layers: give y={names[0]!r} (--labels "
            f"{names[0]}), or choose the layers by layers=[...]"
        )
    return replace(found, by_name=_is_by_name(files, pattern, list(found.first), layers))


def _is_by_name(
    files: _Files, pattern: str | None, names: Sequence[str], layers: Sequence[str] | None
) -> bool:
    """Whether nothing but the names of files or arrays gives the order of the layers.

    Args:
        files: the folder or file.
        pattern: of step and layer in a name.
        names: of the layers, in order.
        layers: as the user names them, one after another or by globs.
    """
    if layers is not None and set(names) <= set(layers):
        return False
    if files.inside is not None:
        endings = {files.path.suffix.lower()}
    elif pattern is None or "{layer}" in pattern:
        endings = set()  # every file is a layer
    else:
        endings = {file.suffix.lower() for _, file in files.listed(pattern)}
    return not endings & _ORDERED and list(names) == sorted(names, key=natural)


def _take_out_samples(by_step: dict[int, dict[str, Any]], files: _Files, pattern: str) -> None:
    """Take labels and inputs, which the user named at one step, out of the layers of every step.

    Args:
        by_step: layers by name; changed in place.
        files: knows which arrays were named.
        pattern: of step and layer in a name.

    Raises:
        InputError: they are others at another step: its rows are in another order.
    """
    for (file, member), array in files.samples.items():
        match = _expression(pattern).fullmatch(file or member)
        named = "" if match is None else match.groupdict().get("layer", "")
        if match is None or (file and member and named):
            continue  # it lies elsewhere than the layers
        name = named or member
        for step, layers in by_step.items():
            other = layers.pop(name, None)
            if other is not None and not _are_equal(to_numpy(other[:]), array):
                raise InputError(
                    f"step {step}: its {name!r} differs from that of {(file or member)!r}, so its "
                    "rows are others or in another order: every step needs the same rows in one "
                    "order"
                )


def _are_equal(one: Array, other: Array) -> bool:
    """Whether two arrays are equal; NaN, a missing value, is equal to NaN."""
    floats = one.dtype.kind == "f" and other.dtype.kind == "f"
    return np.array_equal(one, other, equal_nan=floats)


def _usual(listed: Mapping[str, Path]) -> str:
    """The pattern of a folder without one: its files are the layers, or the steps."""
    endings = {file.suffix for file in listed.values()}
    if all("/" not in name for name in listed) and len(endings) == 1:
        return "{layer}" + endings.pop()
    raise InputError(
        f"give step and layer in the file names as pattern=, e.g. 'step{{step}}/{{layer}}.npy'; "
        f"there are {list(listed)[:8]}"
    )


def _matched(names: Mapping[str, Path], pattern: str, step: int) -> list[_Place]:
    expression = _expression(pattern)
    places: list[_Place] = []
    for name, file in names.items():
        match = expression.fullmatch(name)
        if match is not None:
            groups = match.groupdict()
            number = int(groups["step"]) if "step" in groups else step
            places.append(_Place(file, name, number, groups.get("layer", "")))
    if not places:
        raise InputError(f"pattern={pattern!r} matches no file; there are {list(names)[:12]}")
    return places


def _expression(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{step\}|\{layer\}|\*)", pattern)
    if pattern.count("{step}") > 1 or pattern.count("{layer}") > 1 or "{" in "".join(parts[::2]):
        raise InputError(
            f"pattern={pattern!r}: expected {{step}} and {{layer}} at most once each, and no others"
        )
    known = {"{step}": r"(?P<step>\d+)", "{layer}": r"(?P<layer>.+?)", "*": r"[^/]*"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def _opened(place: _Place, stack: ExitStack) -> tuple[_Place, Any]:
    """A file as a layer, or as the layers of a step where the pattern names none."""
    arrays = open_arrays(place.file, stack)
    if not place.layer:
        if WHOLE in arrays:
            raise InputError(
                f"{place.file}: holds one array without a name: the pattern needs {{layer}}"
            )
        return place, arrays
    if len(arrays) != 1:
        raise InputError(
            f"{place.file}: expected one array, got {list(arrays)[:12]}; leave {{layer}} out of "
            "the pattern where every file holds the layers by name"
        )
    return place, next(iter(arrays.values()))


def _by_step(found: Any) -> dict[int, dict[str, Any]]:  # Any: places and arrays
    steps: dict[int, dict[str, Any]] = {}
    for place, array in found:
        layers = steps.setdefault(place.step, {})
        new = {place.layer: array} if place.layer else dict(array)
        twice = sorted(set(new) & set(layers))
        if twice:
            raise InputError(
                f"step {place.step}: the pattern matches several files for the layers {twice[:8]}"
            )
        layers |= new
    return steps
