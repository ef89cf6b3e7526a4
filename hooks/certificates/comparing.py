"""Values of a layer held against each other, up to rounding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_PRECISE = (torch.float32, torch.float64)
"""Their differences are exact enough to be compared as they are."""
_LAST_BITS = 4.0
"""Rounding of a layer, in units of its last place."""
_SMALLEST = 1e-30
"""Scale of a layer that is zero everywhere."""


def same(first: Tensor, second: Tensor, tolerance: float) -> bool:
    """Whether two values are equal, up to ``tolerance`` times the largest finite magnitude.

    An infinity or NaN equals itself only.
    """
    alike = first.dtype == second.dtype
    if first is second or (alike and torch.equal(first, second)):
        return True
    if first.shape != second.shape or not first.numel():
        return first.shape == second.shape
    if not alike or first.dtype not in _PRECISE:
        first, second = first.double(), second.double()
    sizes = _largest(first), _largest(second)
    if all(map(math.isfinite, sizes)):
        return _largest(first - second) <= tolerance * max(*sizes, _SMALLEST)
    first, second = first.double(), second.double()
    apart = (first != second) & ~(first.isnan() & second.isnan())
    scale = max(_largest(_finite(first)), _largest(_finite(second)), _SMALLEST)
    return bool(((first[apart] - second[apart]).abs() <= tolerance * scale).all())


def constant(value: Tensor, tolerance: float) -> bool:
    """Whether a layer gives all rows the same."""
    return same(value, value[:1].expand_as(value), tolerance)


def relative_change(before: Tensor, after: Tensor) -> float:
    """Largest finite difference of two values, relative to the largest finite magnitude."""
    if not before.numel():
        return 0.0
    if before.dtype != after.dtype or before.dtype not in _PRECISE:
        before, after = before.double(), after.double()
    sizes = _largest(before), _largest(after)
    if not all(map(math.isfinite, sizes)):
        before, after = _finite(before), _finite(after)
    scale = _largest(before)
    return _largest(before - after) / scale if scale > 0 else 0.0


def rounded(value: Tensor, own: torch.Generator) -> Tensor:
    """Return the value with other last bits, as another order of summation would give it.

    Integers stay as they are.

    Args:
        value: of a layer.
        own: draws the signs, so that the noise of the network stays as it is.
    """
    if not value.is_floating_point():
        return value
    units = _LAST_BITS if value.dtype in _PRECISE else 1.0
    coins = torch.randint(0, 2, value.shape, generator=own, dtype=torch.int8)
    signs = coins.to(value) * 2 - 1
    return value * (1 + units * torch.finfo(value.dtype).eps * signs)


def _largest(value: Tensor) -> float:
    """Largest magnitude of floats, without a copy of them; NaN where there is one."""
    low, high = value.aminmax()
    return max(float(high), -float(low))


def _finite(value: Tensor) -> Tensor:
    """The same with 0 in place of NaN and infinities."""
    return value.nan_to_num(0.0, 0.0, 0.0)
