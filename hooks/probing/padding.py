"""Batches of different lengths come to one by the mask among their inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from infoplane.errors import InputError
from infoplane.hooks.probing.inputs import has_rows, ragged
from infoplane.positions.masks import names_a_mask, true_where_padding, zeros_and_ones


@dataclass(frozen=True, eq=False)
class Padding:
    """How batches of different lengths come to one.

    Attributes:
        masks: of every part, shape ``(rows, length)``, true where a position is real; none where no
            mask tells what padding is.
        left: whether rows are padded on their left.
    """

    masks: tuple[Tensor, ...]
    left: bool

    @classmethod
    def of(cls, tables: Sequence[dict[str, Any]]) -> Padding:
        """Return the padding that the masks among the inputs describe."""
        for name in sorted(tables[0], key=names_a_mask, reverse=True):
            first = tables[0][name]
            if "mask" not in name or not has_rows(first) or first.ndim != 2:
                continue
            masks = [table[name] for table in tables]
            if all(map(zeros_and_ones, masks)):
                real = tuple(mask != int(true_where_padding(name)) for mask in masks)
                return cls(real, _pads_on_the_left(real))
        return cls((), False)

    def notes(self, what: str) -> tuple[str, ...]:
        lengths = sorted({mask.shape[1] for mask in self.masks})
        if len(lengths) < 2:
            return ()
        several = "batches" if what == "batch" else f"{what}s"
        return (
            f"{several} of {lengths[0]} to {lengths[-1]} positions were padded to {lengths[-1]} by "
            "their mask",
        )

    def join(self, name: str, tensors: Sequence[Tensor]) -> Tensor:
        """Return one tensor of all rows.

        Raises:
            InputError: lengths differ, and no mask of these lengths says what padding is.
        """
        shapes = sorted({tuple(tensor.shape[1:]) for tensor in tensors})
        if len(shapes) == 1:
            return torch.cat(list(tensors))
        rest = {shape[1:] for shape in shapes}
        lengths = [tensor.shape[:2] for tensor in tensors]
        if len(rest) != 1 or lengths != [mask.shape for mask in self.masks]:
            raise InputError(ragged(name, shapes))
        length = max(shape[0] for shape in shapes)
        value = self._value(tensors, float(true_where_padding(name)))
        return torch.cat([self._padded(tensor, length, value) for tensor in tensors])

    def _value(self, tensors: Sequence[Tensor], otherwise: float) -> float:
        """What the parts themselves hold at padding; ``otherwise`` where they have none."""
        for tensor, real in zip(tensors, self.masks, strict=True):
            masked = tensor[~real]
            if len(masked):
                return float(masked.reshape(-1)[0])
        return otherwise

    def _padded(self, tensor: Tensor, length: int, value: float) -> Tensor:
        rows, own, *rest = tensor.shape
        more = tensor.new_full((rows, length - own, *rest), value)
        return torch.cat([more, tensor] if self.left else [tensor, more], dim=1)


def _pads_on_the_left(masks: Sequence[Tensor]) -> bool:
    """Whether some rows begin with padding, and all rows end with a real position."""
    filled = [mask for mask in masks if mask.shape[1]]
    begins_masked = any(bool((~mask[:, 0]).any()) for mask in filled)
    return begins_masked and all(bool(mask[:, -1].all()) for mask in filled)
