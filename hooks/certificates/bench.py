"""The network on a few rows, run with values put into its layers.

What the interchange test is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from infoplane.hooks.certificates.comparing import TOLERANCE, same
from infoplane.hooks.certificates.exchanged_part import Focus
from infoplane.hooks.certificates.layer_values import LayerValues
from infoplane.hooks.network.isolate import device_of, seed_all
from infoplane.hooks.network.network_state import NetworkState
from infoplane.hooks.network.outputs import parts, put
from infoplane.hooks.network.sites import Site, attached, tensor_of
from infoplane.hooks.probing.probe import Forward, Probe, call

Patch = Callable[[Tensor], Tensor]
"""What becomes of a layer's value, rows first; it is not to be written into."""
BEFORE, OTHER, AFTER, AFTER_OTHER = 11, 12, 13, 14
"""Seeds: from the start and another one, from the patched layer on and another one."""


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
        self._weights = {tensor.untyped_storage().data_ptr() for tensor in tensors}

    def run(
        self,
        rows: Probe,
        seed: int = BEFORE,
        patches: Mapping[str, Patch] | None = None,
        *,
        see: Callable[[str, Tensor], object],
        after: int | None = None,
        carry: bool = False,
    ) -> None:
        """Run the network on some rows, and show every layer as it arrives, before its patch.

        Args:
            rows: the inputs.
            seed: of the noise.
            patches: by layer, what is to become of its value.
            see: is shown the name and the value of every layer, ``(rows, ...)``.
            after: seed from which the noise goes on at every patched layer.
            carry: go on from the state that the run before left, as the second batch of a pass
                does.
        """
        wanted = patches or {}
        count = rows.n
        repeated = torch.arange(count if self.batch is None else self.batch) % count

        def visit(site: Site, value: Any) -> Any:  # Any: layer output
            tensor = tensor_of(site, value)
            here = self.focus.look(site, tensor.detach(), count)[:count]
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
        shown = rows if self.batch is None else rows.take(repeated.numpy())
        with attached(self.sites, visit, first=True) as next_forward:
            _, inputs = next(
                shown.batches(shown.n, self.device)
            )  # copies: a network may write there
            call(self.model, inputs, self.forward)
            next_forward()
        self._count(shown.n)

    def values(self, rows: Probe, seed: int = BEFORE, **options: Any) -> LayerValues:
        """Return what every layer gives; options are further ones of `run`."""
        arrived = LayerValues()
        self.run(rows, seed, see=arrived.add, **options)
        return arrived

    def differing(
        self,
        reference: LayerValues,
        rows: Probe,
        seed: int = BEFORE,
        patches: Mapping[str, Patch] | None = None,
        *,
        places: Places = EVERYWHERE,
        tolerance: Callable[[str], float] = lambda layer: TOLERANCE,
        **options: Any,  # Any: of `run`
    ) -> set[str]:
        """Return the layers that give something else than a reference, compared as they arrive.

        Args:
            reference: by layer.
            rows, seed, patches: as of `run`.
            places: which of the rows are compared, and with which of the reference.
            tolerance: of a layer, see `same`.
            options: further ones of `run`.
        """
        found: set[str] = set()

        def compare(name: str, value: Tensor) -> None:
            wanted = reference[name][places.wanted]
            if not same(value[places.shown], wanted, tolerance(name)):
                found.add(name)

        self.run(rows, seed, patches, see=compare, **options)
        return found

    # Any: layer output, here and below
    def _replace(self, site: Site, value: Any, tensor: Tensor, new: Tensor) -> Any:
        """Put ``new`` there.

        What a module reads is overwritten: everything that reads the tensor later does too.
        """
        if site.end == "input" and self._overwritable(site, value, tensor):
            tensor.copy_(new)
            return None
        back = new.movedim(0, site.axis) if site.axis else new
        return put(value, site.select, back.clone())  # a clone: the network may overwrite it

    def _overwritable(self, site: Site, value: Any, tensor: Tensor) -> bool:
        if site.select is None:
            whole = value
        else:
            whole = None if callable(site.select) else parts(value).get(site.select)
        if not isinstance(whole, Tensor) or whole.is_nested or whole.is_quantized:
            return False
        steps = zip(tensor.shape, tensor.stride(), strict=True)
        repeated = any(size > 1 and step == 0 for size, step in steps)
        return not repeated and tensor.untyped_storage().data_ptr() not in self._weights
