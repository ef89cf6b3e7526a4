"""Values of a layer held against each other, up to rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

TOLERANCE = 1e-5
"""Of the interchange test: relative to the largest magnitude of a layer."""
_PRECISE = (torch.float32, torch.float64)
"""Their differences are exact enough to be compared as they are."""
_LAST_BITS = 4.0
"""Rounding of a layer, in units of its last place."""
_SMALLEST = 1e-30
"""Scale of a layer that is zero everywhere."""
_BLOCK = 1 << 20
"""Values that are compared at a time."""


def same(first: Tensor, second: Tensor, tolerance: float = TOLERANCE) -> bool:
    """Whether two values are equal, up to ``tolerance`` times the largest finite magnitude.

    An infinity or NaN equals itself only.
    """
    if first is second or (first.dtype == second.dtype and torch.equal(first, second)):
        return True
    if first.shape != second.shape or not first.numel():
        return first.shape == second.shape
    dtype = _common_dtype(first, second)
    largest = max(_largest_finite(first, dtype), _largest_finite(second, dtype), _SMALLEST)
    blocks = zip(_blocks(first, dtype), _blocks(second, dtype), strict=True)
    return all(_alike(one, other, tolerance * largest) for one, other in blocks)


def constant(value: Tensor) -> bool:
    """Whether a layer gives all rows the same."""
    return same(value, value[:1].expand_as(value))


def relative_change(before: Tensor, after: Tensor) -> float:
    """Largest finite difference of two values, relative to the largest finite magnitude."""
    if not before.numel():
        return 0.0
    dtype = _common_dtype(before, after)
    scale = _largest_finite(before, dtype)
    if scale == 0:
        return 0.0
    blocks = zip(_blocks(before, dtype), _blocks(after, dtype), strict=True)
    return max(_largest(_finite(one) - _finite(other)) for one, other in blocks) / scale


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
    signs = coins.to(value).mul_(2).sub_(1)
    factors = signs.mul_(units * torch.finfo(value.dtype).eps).add_(1)
    return value * factors


def _alike(first: Tensor, second: Tensor, most: float) -> bool:
    """Whether no difference is larger than ``most``; an infinity or NaN equals itself only."""
    largest = _largest(first - second)
    if math.isfinite(largest):
        return largest <= most
    apart = (first != second) & ~(first.isnan() & second.isnan())
    differences = first[apart].double() - second[apart].double()
    return bool((differences.abs() <= most).all())


def _common_dtype(first: Tensor, second: Tensor) -> torch.dtype:
    """Floats of which differences are exact enough."""
    if first.dtype == second.dtype and first.dtype in _PRECISE:
        return first.dtype
    return torch.float64


def _blocks(value: Tensor, dtype: torch.dtype) -> Iterator[Tensor]:
    """The value by a few rows at a time, so that nothing as large as itself is made of it."""
    rows = max(1, _BLOCK // value[:1].numel())
    for block in torch.split(value, rows):
        yield block.to(dtype)


def _largest_finite(value: Tensor, dtype: torch.dtype) -> float:
    """Largest finite magnitude."""
    largest = 0.0
    for block in _blocks(value, dtype):
        here = _largest(block)
        largest = max(largest, here if math.isfinite(here) else _largest(_finite(block)))
    return largest


def _largest(value: Tensor) -> float:
    """Largest magnitude of floats, without a copy of them; NaN where there is one."""
    low, high = value.aminmax()
    return max(float(high), -float(low))


def _finite(value: Tensor) -> Tensor:
    """The same with 0 in place of NaN and infinities."""
    return value.nan_to_num(0.0, 0.0, 0.0)
