"""Layers of a network of blocks by their depth.

What stands before the blocks, block by block, what stands behind. No matplotlib.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from infoplane.analysis.plot.names import named
from infoplane.plane import Plane

_NUMBER = re.compile(r"(?<![^./_ ])\d+(?![^./_ #:])")
"""A number that stands alone in a name: ``h.3.attn``, ``block 3``; not that of ``fc3``."""
_LETTERS = 9
"""Of a name that stands beside a mark."""


@dataclass(frozen=True)
class Place:
    """Where a layer stands.

    Attributes:
        part: what it is of its block, as a name with ``k`` for the number: ``blocks.k.attn``; the
            layer's own name where it is in no block.
        block: number of its block; None in no block.
        whole: whether its name ends with that number, so that it is the block itself.
    """

    part: str
    block: int | None = None
    whole: bool = False

    @property
    def mark(self) -> str:
        """What stands beside its last mark.

        The number of its block, or the last part of its name where that is short.
        """
        if self.block is not None:
            return str(self.block)
        word = re.split(r"[./]", self.part)[-1]
        return word if len(word) <= _LETTERS else ""


@dataclass(frozen=True)
class Depth:
    """The layers of a picture by their depth.

    Attributes:
        places: one for each layer, in order.
    """

    places: Sequence[Place]

    @property
    def parts(self) -> list[str]:
        """What layers are, in order of first appearance; each has a shape of its own."""
        return list(dict.fromkeys(place.part for place in self.places))

    @property
    def blocks(self) -> list[int]:
        """Numbers of the blocks."""
        return sorted({place.block for place in self.places if place.block is not None})

    def shape(self, index: int) -> int:
        """Return the shape of a layer, shared by the same part of every block."""
        return self.parts.index(self.places[index].part)

    def marked(self, most: int) -> list[int]:
        """Places of the layers that have a mark: all, or those of every second or third block."""
        inside = [place.part for place in self.places if place.block is not None]
        outside = len(self.places) - len(inside)
        room = max(2, (most - outside) // max(1, len(set(inside))))
        chosen = {None, *(self.blocks[index] for index in named(len(self.blocks), room))}
        places = enumerate(self.places)
        return [index for index, place in places if place.mark and place.block in chosen]

    def stream(self) -> list[int]:
        """Return places of what every block gives as a whole, with the layers around the blocks.

        The path through the network.

        Empty where blocks are in the picture by their parts only.
        """
        if len({place.part for place in self.places if place.whole}) != 1:
            return []
        places = enumerate(self.places)
        return [index for index, place in places if place.block is None or place.whole]

    def describe(self) -> str:
        """The layers in words: ``tokens, blocks.k.attn, blocks.k for k from 0 to 5, head``."""
        inside = [place.part for place in self.places if place.block is not None]
        inner = list(dict.fromkeys(inside))
        places = [self.parts.index(part) for part in inner]
        before = self.parts[: min(places)]
        behind = [part for part in self.parts[min(places) :] if part not in inner]
        blocks = f"{', '.join(inner)} for k from {self.blocks[0]} to {self.blocks[-1]}"
        return ", ".join([*before, blocks, *behind])


def depth_of(plane: Plane, layers: Sequence[str]) -> Depth | None:
    """Return the layers by depth where rows are tokens; None for fewer than two blocks.

    Example:
        >>> from infoplane.row_info import RowInfo
        >>> names = ("wte", "h.0.attn", "h.0", "h.1.attn", "h.1", "head")
        >>> tokens = Plane((), names, 64, row_info=RowInfo("token", "prefix", "next"))
        >>> depth = depth_of(tokens, names)
        >>> depth.parts, [place.mark for place in depth.places]
        (['wte', 'h.k.attn', 'h.k', 'head'], ['wte', '0', '0', '1', '1', 'head'])
        >>> depth.describe(), depth.stream()
        ('wte, h.k.attn, h.k for k from 0 to 1, head', [0, 2, 4, 5])
    """
    if plane.row_info.kind != "token":
        return None
    found = [_NUMBER.search(name) for name in layers]
    numbers: dict[str, set[str]] = {}
    for name, match in zip(layers, found, strict=True):
        if match is not None:
            numbers.setdefault(name[: match.start()], set()).add(match[0])
    places = []
    for name, match in zip(layers, found, strict=True):
        if match is None or len(numbers[name[: match.start()]]) < 2:
            places.append(Place(name))
        else:
            part = f"{name[: match.start()]}k{name[match.end() :]}"
            places.append(Place(part, int(match[0]), whole=match.end() == len(name)))
    depth = Depth(places)
    return depth if depth.blocks else None
