"""Which arrays are which layers of which step, and whether they fit together."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeGuard

from infoplane.errors import InputError
from infoplane.patterns import did_you_mean, fits
from infoplane.sources.bridges import layers_of
from infoplane.sources.rows import Rows, as_rows, warn_of_one_memory
from infoplane.types import counted

_STEP_IN_NAME = re.compile(
    r"(?<![a-z])(global[_-]?)?(step|epoch|iter|ckpt|checkpoint)s?[=_. -]*\d+", re.I
)


@dataclass(frozen=True)
class Import:
    """The arrays of an import: for every step the same layers, in order.

    Attributes:
        steps: layers by name, by ascending step.
        left_out: other arrays of a tool that are not stored, with the reason.
        by_name: whether the order of the layers is that of the names of files or arrays.
    """

    steps: Mapping[int, Mapping[str, Rows]]
    left_out: tuple[str, ...] = ()
    by_name: bool = False

    @property
    def first(self) -> Mapping[str, Rows]:
        """The layers of the first step."""
        return next(iter(self.steps.values()))

    @property
    def n(self) -> int:
        """Length of the first axis: rows, or samples whose positions are rows."""
        return next(iter(self.first.values())).shape[0]

    def describe(self, unit: str) -> str:
        """Return a summary to print; ``unit`` is what the first axis counts."""
        steps = list(self.steps)
        shown = steps if len(steps) < 9 else [*steps[:4], "...", steps[-1]]
        layers = counted(len(self.first), "layer")
        lines = [f"{counted(len(steps), 'step')} {shown}, {layers}, {self.n} {unit}"]
        for name, rows in self.first.items():
            shape = "x".join(map(str, rows.shape[1:])) or "scalar"
            lines.append(f"  {name}: {shape} {rows.own_dtype}, stored as {rows.store_dtype.name}")
        return "\n".join(lines + [f"  left out: {text}" for text in self.left_out])


def plan_import(arrays: Any, *, step: int, layers: Sequence[str] | None) -> Import:
    """Find which arrays are which layers of which step, and check that they fit together.

    Args:
        arrays: as `from_arrays` takes them.
        step: of ``{layer: array}``.
        layers: names or globs of those to take.

    Raises:
        InputError: see `from_arrays`.
    """
    by_step = _by_step(arrays, step)
    if layers is None and isinstance(arrays, Mapping) and not any(map(_is_whole, arrays)):
        refuse_steps_in_names(arrays)
    steps: dict[int, dict[str, Rows]] = {}
    left_out: dict[str, None] = {}
    for number, source in by_step.items():
        found, by_tool = layers_of(source)
        chosen = _chosen(found, layers)
        if by_tool:
            chosen, others = _of_common_rows(chosen)
            left_out |= dict.fromkeys(others)
        where = f"step {number}, " if len(by_step) > 1 else ""
        steps[number] = {
            name: as_rows(array, f"{where}layer {name!r}") for name, array in chosen.items()
        }
    warn_of_one_memory(steps)
    _check_pairing(steps)
    return Import(steps, tuple(left_out))


def _by_step(arrays: Any, step: int) -> dict[int, Any]:
    if not isinstance(arrays, Mapping) or not arrays:
        return {_step(step): arrays}
    whole = [_is_whole(key) for key in arrays]
    if not any(whole):
        _check_no_steps(arrays)
        return {_step(step): arrays}
    if not all(whole):
        raise InputError("expected steps or layers as keys, got both; give {step: {layer: array}}")
    return {_step(key): arrays[key] for key in sorted(arrays, key=int)}


def _check_no_steps(layers: Mapping[Any, Any]) -> None:
    """Refuse names of nested layers that are meant as steps, which would become layers.

    Args:
        layers: by name; the keys are no whole numbers.
    """
    nested = [value for value in layers.values() if isinstance(value, Mapping)]
    if not nested or len(nested) < len(layers):
        return
    if all(_is_step_name(key) for key in layers):
        raise InputError(
            f"the keys {list(layers)[:4]} look like steps: expected whole numbers, "
            "{1: {layer: array}, 2: {layer: array}}; layers need names, such as 'block1'"
        )
    inner = [list(value) for value in nested]
    if all(map(_is_whole, inner[0])) and all(keys == inner[0] for keys in inner):
        raise InputError(
            f"expected {{step: {{layer: array}}}}, got the steps {inner[0][:4]} inside the layers "
            f"{list(layers)[:4]}: turn the two around"
        )


def refuse_steps_in_names(layers: Collection[Any]) -> None:
    """Refuse names of which several differ in the number of a step alone, as in ``step1/fc1``.

    Raises:
        InputError: with how steps are given.
    """
    names = [str(layer) for layer in layers]
    if not all(map(_STEP_IN_NAME.search, names)):
        return
    without = [_STEP_IN_NAME.sub("", name) for name in names]
    if all(without) and len(set(without)) < len(names):
        raise InputError(
            f"the names {names[:4]} look like layers of several steps: give {{1: {{layer: array}}, "
            "2: {layer: array}}, for files pattern= (such as 'step{step}/{layer}.npy'), or "
            "layers=[...] where these are the layers"
        )


def _is_step_name(key: object) -> bool:
    name = str(key)
    return isinstance(key, float) or name.isdecimal() or bool(_STEP_IN_NAME.fullmatch(name))


def _step(step: object) -> int:
    if not _is_whole(step) or int(step) < 0:
        raise InputError(f"expected steps that are whole numbers from 0 up, got {step!r}")
    return int(step)


def _is_whole(value: object) -> TypeGuard[SupportsIndex]:
    """Return whether a value is an integer of any library."""
    return isinstance(value, SupportsIndex) and not isinstance(value, bool)


def _chosen(found: dict[str, Any], layers: Sequence[str] | None) -> dict[str, Any]:
    """The layers that the user names, in that order."""
    if layers is None:
        return found
    names: dict[str, None] = {}
    for pattern in [layers] if isinstance(layers, str) else layers:
        matches = [name for name in found if name == pattern or fits(name, pattern)]
        if not matches:
            raise InputError(
                f"no layer {pattern!r}; there are {list(found)[:20]}{did_you_mean(pattern, found)}"
            )
        names |= dict.fromkeys(matches)
    return {name: found[name] for name in names}


def _of_common_rows(found: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arrays of as many rows as most have: caches of tools also hold masks and positions."""
    sizes = [array.shape[0] for array in found.values() if len(array.shape) > 1]
    if not sizes:
        raise InputError("expected arrays of shape (rows, units), got none")
    most = max(set(sizes), key=sizes.count)
    layers, others = {}, []
    for name, array in found.items():
        if len(array.shape) > 1 and array.shape[0] == most:
            layers[name] = array
        else:
            others.append(f"{name} of shape {tuple(array.shape)}")
    return layers, others


def _check_pairing(steps: Mapping[int, Mapping[str, Rows]]) -> None:
    first_step, first = next(iter(steps.items()))
    sizes = {name: rows.shape[0] for name, rows in first.items()}
    if len(set(sizes.values())) != 1:
        raise InputError(
            f"expected layers of the same rows, got {dict(list(sizes.items())[:8])}; choose by "
            "layers=[...]"
        )
    for step, layers in steps.items():
        absent = sorted(set(first) ^ set(layers))
        if absent:
            raise InputError(
                f"step {step} and step {first_step} do not hold the same layers: {absent[:8]} is "
                "only in one of them; choose by layers=[...]"
            )
        for name, rows in layers.items():
            if rows.shape != first[name].shape or rows.store_dtype != first[name].store_dtype:
                raise InputError(
                    f"layer {name!r} is {rows.shape} {rows.own_dtype} at step {step} and "
                    f"{first[name].shape} {first[name].own_dtype} at step {first_step}; give the "
                    "same rows and units at every step"
                )
