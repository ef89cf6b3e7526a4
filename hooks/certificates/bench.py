"""The network on a few rows, run with values put into its layers.

What the interchange test is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from infoplane.hooks.certificates.focus import Focus
from infoplane.hooks.network.isolate import device_of, seed_all
from infoplane.hooks.network.network_state import NetworkState
from infoplane.hooks.network.outputs import parts, put
from infoplane.hooks.network.sites import Site, attached, tensor_of
from infoplane.hooks.probing.probe import Forward, Probe, call

Values = dict[str, Tensor]
Patch = Callable[[Tensor], Tensor]
"""What becomes of a layer's value, rows first."""
BEFORE, OTHER, AFTER, AFTER_OTHER = 11, 12, 13, 14
"""Seeds: from the start and another one, from the patched layer on and another one."""
_PRECISE = (torch.float32, torch.float64)
"""Their differences are exact enough to be compared as they are."""
_LAST_BITS = 4.0
"""Rounding of a layer, in units of its last place."""


class Places(NamedTuple):
    """Which rows of a run are compared, and with which rows of a reference."""

    shown: slice = slice(None)
    wanted: slice = slice(None)


EVERYWHERE = Places()


class Bench:
    """A network and the layers that are watched.

    Args:
        model: the bare network.
        sites: the layers.
        forward: as for the recorder.
        focus: what a row is.
        state: what the network holds; every run starts from it.
        batch: rows of a forward, where the network takes no other number: rows are repeated to so
            many.
        count: called with the rows of every forward.
    """

    def __init__(
        self,
        model: nn.Module,
        sites: Sequence[Site],
        forward: Forward | None,
        focus: Focus,
        *,
        state: NetworkState,
        batch: int | None = None,
        count: Callable[[int], object] = lambda rows: None,
    ) -> None:
        self.model, self.sites, self.forward, self.focus = model, sites, forward, focus
        self.network_state, self.batch, self._count = state, batch, count
        self.device = device_of(model)
        tensors = [*model.parameters(), *model.buffers()]
        self._kept = {tensor.untyped_storage().data_ptr() for tensor in tensors}

    def run(
        self,
        rows: Probe,
        seed: int = BEFORE,
        patches: Mapping[str, Patch] | None = None,
        *,
        after: int | None = None,
        carry: bool = False,
        see: Callable[[str, Tensor], object] | None = None,
    ) -> Values:
        """Values of every layer on ``rows`` as they arrive, before a patch is put in their place.

        Args:
            rows: the inputs.
            seed: of the noise.
            patches: by layer, what is to become of its value.
            after: seed from which the noise goes on at every patched layer.
            carry: go on from the state that the run before left, as the second batch of a pass
                does.
            see: looks at every value as it arrives; nothing is returned then, so that no layer is
                held.
        """
        arrived: Values = {}
        wanted = patches or {}
        count = rows.n
        repeated = torch.arange(count if self.batch is None else self.batch) % count

        def visit(site: Site, value: Any) -> Any:  # Any: layer output
            tensor = tensor_of(site, value)
            here = self.focus.look(site, tensor.detach(), count)[:count]
            if see is None:
                here = arrived[site.name] = here.clone()
            else:
                see(site.name, here)
            if site.name not in wanted:
                return None
            if after is not None:
                seed_all(after)
            rows_there = wanted[site.name](here)
            if self.batch is not None:
                rows_there = rows_there[repeated]
            new = self.focus.put(site, tensor.detach(), rows_there, count)
            return self._replace(site, value, tensor, new)

        if not carry:
            self.network_state.restore()
        seed_all(seed)
        shown = rows if self.batch is None else rows.take(repeated)
        with attached(self.sites, visit) as next_forward:
            inputs = next(shown.batches(shown.n, self.device))[
                1
            ]  # copies: a network may write there
            call(self.model, inputs, self.forward)
            next_forward()
        self._count(shown.n)
        return arrived

    def differing(
        self,
        reference: Values,
        tolerance: Callable[[str], float],
        rows: Probe,
        seed: int = BEFORE,
        patches: Mapping[str, Patch] | None = None,
        *,
        places: Places = EVERYWHERE,
        **options: Any,  # Any: of `run`
    ) -> set[str]:
        """Return the layers that give something else than a reference, compared as they arrive.

        Args:
            reference: by layer.
            tolerance: of a layer, see `same`.
            rows, seed, patches: as of `run`.
            places: which of the rows are compared, and with which of the reference.
            options: further ones of `run`.
        """
        found: set[str] = set()

        def compare(name: str, value: Tensor) -> None:
            wanted = reference[name][places.wanted]
            if not same(value[places.shown], wanted, tolerance(name)):
                found.add(name)

        self.run(rows, seed, patches, see=compare, **options)
        return found

    def _replace(
        self, site: Site, value: Any, tensor: Tensor, new: Tensor
    ) -> Any:  # Any: layer output
        """Put ``new`` there.

        What a module reads is overwritten: everything that reads the tensor later does too.
        """
        if site.end == "input" and self._overwritable(site, value, tensor):
            tensor.copy_(new)
            return None
        back = new.movedim(0, site.axis) if site.axis else new
        return put(value, site.select, back.clone())  # a clone: the network may overwrite it

    def _overwritable(self, site: Site, value: Any, tensor: Tensor) -> bool:  # Any: layer output
        whole = value if site.select is None else None
        if site.select is not None and not callable(site.select):
            whole = parts(value).get(site.select)
        if not isinstance(whole, Tensor) or whole.is_nested or whole.is_quantized:
            return False
        repeated = any(
            size > 1 and step == 0 for size, step in zip(tensor.shape, tensor.stride(), strict=True)
        )
        return not repeated and tensor.untyped_storage().data_ptr() not in self._kept


def same(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether two values are equal, up to ``tolerance`` times the largest finite magnitude.

    An infinity or NaN equals itself only.
    """
    if a is b or (a.dtype == b.dtype and torch.equal(a, b)):
        return True
    if a.shape != b.shape or not a.numel():
        return a.shape == b.shape
    if a.dtype != b.dtype or a.dtype not in _PRECISE:
        a, b = a.double(), b.double()
    sizes = _largest(a), _largest(b)
    if all(map(math.isfinite, sizes)):
        return _largest(a - b) <= tolerance * max(*sizes, 1e-30)
    a, b = a.double(), b.double()
    apart = (a != b) & ~(a.isnan() & b.isnan())
    scale = float(torch.stack([a, b]).nan_to_num(0.0, 0.0, 0.0).abs().max())
    return bool(((a[apart] - b[apart]).abs() <= tolerance * max(scale, 1e-30)).all())


def _largest(value: Tensor) -> float:
    """Largest magnitude of floats, without a copy of them; NaN where there is one."""
    low, high = value.aminmax()
    return max(-float(low), float(high))


def constant(value: Tensor, tolerance: float) -> bool:
    """Whether a layer gives all rows the same."""
    return same(value, value[:1].expand_as(value), tolerance)


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


def relative_change(a: Tensor, b: Tensor) -> float:
    """Largest finite difference of two values, relative to the largest finite magnitude."""
    if a.dtype == b.dtype and a.dtype in _PRECISE and a.numel():
        scale = _largest(a)
        if math.isfinite(scale) and math.isfinite(_largest(b)):
            return _largest(a - b) / scale if scale > 0 else 0.0
    first, second = (v.double().nan_to_num(0.0, 0.0, 0.0) for v in (a, b))
    scale = float(first.abs().max()) if first.numel() else 0.0
    return float((first - second).abs().max()) / scale if scale > 0 else 0.0
