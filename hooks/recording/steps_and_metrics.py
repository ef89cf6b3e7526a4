"""What a training loop hands over at a step: its count and metrics, of any type."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard, runtime_checkable

import torch
from torch import Tensor, nn

from infoplane.errors import InputError
from infoplane.hooks.network.saved_values import can_be_copied, version_of

LARGEST = 10**18
"""Steps are below this; the archive keeps them in 64 bits."""


@runtime_checkable
class NumberArray(Protocol):
    """An array or a tensor of any library."""

    @property
    def shape(self) -> Sequence[int]:
        """Lengths of its axes."""
        ...

    def item(self) -> Any:  # Any: a number of Python
        """Return its only element."""
        ...


def whole_step(step: object) -> int:
    """Return the count of a loop as an int.

    Whole numbers of every library and type, and tensors or arrays that hold one.

    Raises:
        InputError: it is not whole, not a number, below 0 or too large.

    Example:
        >>> whole_step(3.0)
        3
    """
    value = step.item() if holds_one(step) else step
    if (isinstance(value, numbers.Integral) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    ):
        whole = int(value)
    else:
        raise InputError(
            f"expected a whole number as step, got {_told(step)}: count epochs or optimiser steps"
        )
    if not 0 <= whole < LARGEST:
        raise InputError(f"expected a step of 0 or more (below 10**18), got {whole}")
    return whole


def holds_one(value: object) -> TypeGuard[NumberArray]:
    """Whether it is a tensor or an array of one element; a device is not waited for."""
    return isinstance(value, NumberArray) and math.prod(value.shape) == 1


def _told(value: object) -> str:
    if isinstance(value, NumberArray) and value.shape:
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    return f"{value!r} ({type(value).__name__})"


_MISSING = "it is None"


@dataclass(frozen=True)
class Metrics:
    """The metrics of a step.

    Attributes:
        values: those that are numbers.
        left_out: by name, why one is not recorded.
    """

    values: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Metrics:
        """Numbers, and tensors or arrays of one element, are taken; what is None is missing.

        Anything else is left out.
        """
        found = cls()
        for name, value in given.items():
            try:
                found.values[name] = _number(value)
            except InputError as error:
                found.left_out[name] = str(error)
        return found

    def require_numbers(self) -> None:
        """Refuse a metric that is no number; None is missing in any case.

        Raises:
            InputError: one is something else.
        """
        for name, why in self.left_out.items():
            if why != _MISSING:
                raise InputError(f"metric {name!r}: {why}")


def _number(value: object) -> float:
    if value is None:
        raise InputError(_MISSING)
    try:
        return float(value.item() if isinstance(value, NumberArray) else value)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise InputError(f"a metric must be one number, got {_told(value)}") from error


_SHOWN = 64
"""Values of a matrix by which weights of another start are told from trained ones."""


class Weights:
    """How often the parameters of a network were written, and some of their values.

    It tells weights that were loaded from weights that were trained.
    """

    def __init__(self, model: nn.Module) -> None:
        self._written = [(parameter, version_of(parameter)) for parameter in model.parameters()]
        self._values = _some_values(model)

    def _writes_since(self, now: Sequence[Tensor]) -> list[int | None]:
        """How often each parameter was written since; None for one that was replaced."""
        counts = []
        for parameter, (before, version) in zip(now, self._written, strict=False):
            counts.append(version_of(parameter) - version if parameter is before else None)
        return counts

    def moved(self, model: nn.Module) -> bool:
        """Whether any parameter was written, or replaced, since."""
        now = list(model.parameters())
        return len(now) != len(self._written) or any(
            count != 0 for count in self._writes_since(now)
        )

    def loaded(self, model: nn.Module, step: int) -> bool:
        """Whether they were loaded since, rather than trained for ``step`` units.

        Training writes every parameter at least once in each of several units; loading writes, or
        replaces, each just once. One update may be several units (samples, batches whose gradients
        are accumulated): it leaves the weights near where they were.
        """
        now = list(model.parameters())
        if step < 2 or not now or len(now) != len(self._written):
            return False
        counts = set(self._writes_since(now))
        unused = all(parameter.grad is None for parameter in now)
        return counts == {None} or (counts == {1} and unused and not self._near(model))

    def _near(self, model: nn.Module) -> bool:
        """Whether values moved, and have more in common with those before than another start."""
        before, now = self._values, _some_values(model)
        alike = before @ now > 0.5 * before.norm() * now.norm()
        return bool(alike) and not torch.equal(before, now)


def _some_values(model: nn.Module) -> Tensor:
    """Evenly spaced values of every matrix of the network, side by side on the host."""
    shown = []
    for parameter in model.parameters():
        if parameter.ndim > 1 and can_be_copied(parameter):
            flat = parameter.detach().reshape(-1)
            some = flat[:: max(1, len(flat) // _SHOWN)].cpu()
            shown.append((some.real if some.is_complex() else some).double())
    return torch.cat(shown) if shown else torch.zeros(0, dtype=torch.float64)
