"""The relations of all layers, and what follows for layers between two that were exchanged.

Along a line every layer is a function of the one before it. Seen from one layer j behind the line,
the relations of the line are therefore in order: first those that cut X from j (a layer before one
that cuts, cuts too), then those that are bypassed, then those without a path to j. Between two
layers that relate to j alike, all do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from infoplane.hooks.certificates.lines import Lines
from infoplane.types import Relation

Row = dict[str, Relation]
"""How one layer relates to all, by name."""


class Relations:
    """What is known of every pair.

    Args:
        names: of the layers, in order.
        lines: which follow from each other; None where that was not looked for.

    Attributes:
        tested: rows of the layers that were exchanged.
    """

    def __init__(self, names: Sequence[str], lines: Lines | None) -> None:
        self._names, self._lines = names, lines
        self._place = {name: place for place, name in enumerate(names)}
        self.tested: dict[str, Row] = {}

    def row(self, name: str) -> Row:
        """Return what is known of one layer; the other layers are missing."""
        if name in self.tested:
            return self.tested[name]
        if self._lines is None:
            return {name: "cut"}
        row = self._lines.known(name, self._place)
        before, after = self._neighbours(name)
        for down in self._names:
            relation = _between(before.get(down), after.get(down))
            if down not in row and relation is not None:
                row[down] = relation
        return row

    def is_open(self, name: str) -> bool:
        """Whether some relation of a layer is not known."""
        return len(self.row(name)) < len(self._names)

    def open(self) -> list[str]:
        """Return the layers of which some relation is not known."""
        return [name for name in self._names if self.is_open(name)]

    def matrix(self) -> tuple[tuple[Relation, ...], ...]:
        """Return all relations, ``unknown`` where nothing is known."""
        rows = [self.row(name) for name in self._names]
        return tuple(tuple(row.get(down, "unknown") for down in self._names) for row in rows)

    def _neighbours(self, name: str) -> tuple[Row, Row]:
        """The rows of the nearest exchanged layers before and behind one in its line."""
        line = self._lines.line_of(name) if self._lines is not None else ()
        place = line.index(name) if line else 0
        before = [self.tested[other] for other in line[:place] if other in self.tested]
        after = [self.tested[other] for other in line[place + 1 :] if other in self.tested]
        return before[-1] if before else {}, after[0] if after else {}

    def settle(self, exchange: Callable[[str], object]) -> None:
        """Exchange layers until all relations are known: ends of lines first, then halves.

        Args:
            exchange: exchanges a layer, and enters its row into ``tested`` where that is possible.
        """
        lines: tuple[tuple[str, ...], ...] = tuple((name,) for name in self._names)
        if self._lines is not None:
            lines = self._lines.lines
        for name in (*(line[-1] for line in lines), *(line[0] for line in lines)):
            if self.is_open(name):
                exchange(name)
        parts = deque((line, 0, len(line) - 1) for line in lines)
        while parts:
            line, first, last = parts.popleft()
            middle = (first + last) // 2
            if middle in (first, last) or not self.is_open(line[middle]):
                continue  # all between two that were exchanged are as open as one of them
            exchange(line[middle])
            parts += [(line, first, middle), (line, middle, last)]


def _between(before: Relation | None, after: Relation | None) -> Relation | None:
    """How a layer relates to another, given the nearest ones in its line that were exchanged."""
    if after == "cut":
        return "cut"
    if before == "no-path":
        return "no-path"
    return before if before == after and before != "unknown" else None
