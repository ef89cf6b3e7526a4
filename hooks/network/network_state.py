"""What a forward changes in a network besides its output, and how all of it is put back.

Networks keep state in other places than buffers: a recurrent state or a membrane potential in an
attribute, a counter, a cached graph, a random generator of their own, parameters that are rescaled
for evaluation. A probe that leaves any of it changed makes the training end elsewhere. So what a
module holds is remembered before a probe, and put back after it.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn

from infoplane.hooks.network.held_values import Holdings, keeps_state_elsewhere
from infoplane.hooks.network.saved_values import (
    SavedTensor,
    SavedValue,
    can_be_copied,
    version_of,
)
from infoplane.hooks.network.writes import CopyBeforeWrite, SavedParameter

COPY_BYTES = 2**26
"""When attaching, parameters are copied where all of them together take at most this; larger ones
when an operation is about to write into them, see `NetworkState.watching`.
"""
ATTRIBUTE_BYTES = 2**30
"""When attaching, so much is copied of the tensors in attributes."""
SMALL_BYTES = 2**20
"""Of tensors in attributes this much is copied at every capture, whether or not they were seen to
change.
"""


class NetworkState:
    """Everything that the modules of a network hold, as it is now.

    Parameters, buffers, hooks, attributes of every module, and what the attributes hold: tensors,
    arrays, lists, dicts, sets, random generators, and objects that consist of such values alone. An
    object that holds anything else (a module, an optimiser, a lock, a file) belongs to the program
    around the network: the attribute is put back, not what it holds.

    Args:
        model: the network.
        written: names of the parameters, and of the large tensors in attributes, that forwards
            write into: only these are copied. None when attaching, while nobody knows.

    Attributes:
        changed: names of what a forward changed and `restore` put back.
        lost: names of what a forward changed though there is no copy: nothing puts it back.

    Example:
        >>> counter = nn.Identity()
        >>> counter.calls = [1]
        >>> state = NetworkState(counter)
        >>> counter.calls.append(2)
        >>> state.restore()
        >>> counter.calls, state.changed
        ([1], ['calls'])
    """

    def __init__(self, model: nn.Module, written: Collection[str] | None = None) -> None:
        self.changed: list[str] = []
        self.lost: list[str] = []
        self._things: list[SavedValue] = []
        self._watched: list[tuple[str, Tensor, int]] = []
        self._uncopied: list[SavedParameter] = []
        self._compared = False
        seen = {id(module) for module in model.modules()}
        self._add_parameters(model, seen, written)
        for name, buffer in model.named_buffers():
            seen.add(id(buffer))
            if can_be_copied(buffer):
                self._things.append(SavedTensor(buffer, name))
        room = ATTRIBUTE_BYTES if written is None else SMALL_BYTES
        for path, module in model.named_modules():
            if not keeps_state_elsewhere(module):
                walk = Holdings(seen, room, written or ())
                walk.module(f"{path}." if path else "", module)
                self._things += walk.things
                self._watched += walk.watched
                room = walk.room

    def watching(self) -> AbstractContextManager[object]:
        """Surround forwards when attaching: large parameters are copied before a write."""
        return CopyBeforeWrite(self._uncopied) if self._uncopied else nullcontext()

    def restore(self) -> None:
        """Put back what differs; repeating it changes nothing."""
        for thing in self._things:
            _note(self.changed, thing.put_back())
        _note(
            self.lost,
            [name for name, tensor, version in self._watched if version_of(tensor) != version],
        )
        if not self._compared:  # the checksums of all large parameters, once
            _note(self.lost, [parameter.name for parameter in self._uncopied if parameter.lost])
            self._compared = True

    def _add_parameters(
        self, model: nn.Module, seen: set[int], written: Collection[str] | None
    ) -> None:
        named = [
            (name, parameter)
            for name, parameter in model.named_parameters()
            if can_be_copied(parameter)
        ]
        large = sum(parameter.nbytes for _, parameter in named) > COPY_BYTES
        for name, parameter in named:
            seen.add(id(parameter))
            if written is None and large:
                self._uncopied.append(SavedParameter(parameter, name))
            elif written is None or name in written:
                self._things.append(SavedTensor(parameter, name))
            else:
                self._watched.append((name, parameter, version_of(parameter)))
        self._things += self._uncopied


def _note(names: list[str], more: list[str]) -> None:
    for name in more:
        if name not in names:
            names.append(name)
