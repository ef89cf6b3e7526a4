"""Parameters that are copied when an operation is about to write into them, and not before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode  # documented under this name

from infoplane.archive.checksum import crc32
from infoplane.hooks.network.outputs import parts
from infoplane.hooks.network.saved_values import SavedTensor, same_storage

_BLOCK = 1 << 22
"""Values of which a checksum is taken at a time."""


class SavedParameter:
    """A parameter: its storage and a checksum; its values from the first write on.

    Args:
        live: the parameter.
        name: how a change is named.
    """

    def __init__(self, live: Tensor, name: str) -> None:
        self.name, self._live = name, live
        self._alias = live.detach()  # the same storage
        self._checksum = _checksum(self._alias)
        self._copy: SavedTensor | None = None

    @property
    def storage(self) -> int:
        """Where its values lie."""
        return self._alias.untyped_storage().data_ptr()

    def copy(self) -> None:
        """Copy the values, which are about to be written into."""
        if self._copy is None:
            self._copy = SavedTensor(self._alias, self.name)

    def put_back(self) -> list[str]:
        moved = not same_storage(self._live, self._alias)
        if moved:
            self._live.data = self._alias
        written = self._copy is not None and bool(self._copy.put_back())
        return [self.name] if moved or written else []

    @property
    def lost(self) -> bool:
        """Whether something else than an operation of torch wrote into it: there is no copy."""
        return self._copy is None and _checksum(self._alias) != self._checksum


class CopyBeforeWrite(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch
    """Sees every operation before it runs, and has parameters copied that it writes into.

    What writes into memory without torch (an array that shares it, an extension) is not seen.
    """

    supports_higher_order_operators = True  # `torch.cond`, `flex_attention`: run as they are

    def __init__(self, parameters: Sequence[SavedParameter]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch
        self._by_storage: dict[int, list[SavedParameter]] = {}
        for parameter in parameters:
            self._by_storage.setdefault(parameter.storage, []).append(parameter)

    def __torch_dispatch__(
        self,
        func: Any,  # Any: an operation, its arguments and what it gives
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Copy what the operation writes into, and run it."""
        given = dict(kwargs or {})
        name, _, overload = func.__name__.partition(".")
        if name.endswith("_"):
            self._copy_all(args)
        if "out" in overload:
            self._copy_all(list(given.values()))
        return func(*args, **given)

    def _copy_all(self, values: Sequence[object]) -> None:
        for value in values:
            several = [value] if isinstance(value, Tensor) else parts(value).values()
            for tensor in several:
                if isinstance(tensor, Tensor) and tensor.layout == torch.strided:
                    self._copy(tensor)

    def _copy(self, tensor: Tensor) -> None:
        try:
            storage = tensor.untyped_storage().data_ptr()
        except RuntimeError:  # a tensor that holds other ones has no storage
            return
        for parameter in self._by_storage.get(storage, ()):
            parameter.copy()


def _checksum(tensor: Tensor) -> int:
    """Of the values, block by block."""
    checksum = 0
    for block in torch.split(tensor.reshape(-1), _BLOCK):
        checksum = crc32(block.cpu().view(torch.uint8).numpy().data, checksum)
    return checksum
