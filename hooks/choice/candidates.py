"""What may be chosen.

Every call of every module that gives a usable tensor, and what is known of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from infoplane.hooks.choice.dataflow import Dataflow, Node, Visit
from infoplane.types.arrays import Shape


@dataclass(frozen=True, eq=False)
class Candidate:
    """One call of one module.

    Attributes:
        name: of the module.
        module: the module.
        call: which call of the forward, from 0.
        shape: of one row.
        itemsize: bytes of one number.
        guessed: whether its structure of several tensors leaves open which is meant.
        part: which tensor of the output it stands for, by place or key; None for the output itself.
    """

    name: str
    module: nn.Module
    call: int
    shape: Shape
    itemsize: int = 4
    part: object = None
    guessed: bool = False


@dataclass(frozen=True, eq=False)
class Pick:
    """A candidate that was chosen, or the input of one.

    Attributes:
        name: as ``layers=`` takes it: a module, ``name:input``.
        call: which call; None where all are the same.
        why: for the user.
        selector: which argument, where the input is one of several.
    """

    name: str
    call: int
    why: str
    selector: int | str | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """A network as the choice sees it.

    Attributes:
        modules: by name; the root too.
        candidates: in order of their outputs.
        flow: what flows where; None where that could not be found out.
    """

    modules: Mapping[str, nn.Module]
    candidates: Sequence[Candidate]
    flow: Dataflow | None = None

    @cached_property
    def _visits(self) -> dict[tuple[int, int], Visit]:
        visits = [] if self.flow is None else self.flow.visits
        return {(visit.module, visit.call): visit for visit in visits}

    def visit(self, candidate: Candidate) -> Visit | None:
        """Return what the trace saw of this call."""
        return self._visits.get((id(candidate.module), candidate.call))

    def node(self, candidate: Candidate) -> Node | None:
        """Return the node of the tensor it stands for."""
        visit = self.visit(candidate)
        if visit is None or not visit.gives:
            return None
        if isinstance(candidate.part, (int, str)):
            return visit.parts.get(candidate.part, visit.gives[0])
        return visit.gives[0]

    @property
    def names(self) -> list[str]:
        """Names of the candidates, once each."""
        return list(dict.fromkeys(c.name for c in self.candidates))

    @property
    def root(self) -> str:
        """Name of the network itself among its modules."""
        return next(iter(self.modules))
