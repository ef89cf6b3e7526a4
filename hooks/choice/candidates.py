"""What may be chosen.

Every call of every module that gives a usable tensor, and what is known of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from torch import nn

from infoplane.hooks.choice.dataflow import Dataflow, Node, Visit
from infoplane.hooks.choice.kinds import inside, is_leaf, is_weighted
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

    @property
    def module(self) -> str:
        """Name of the module, without the end of it."""
        return self.name.removesuffix(":input")


@dataclass(frozen=True, eq=False)
class Network:
    """A network as the choice sees it.

    Attributes:
        modules: by name; the root too.
        candidates: in order of their outputs.
        flow: what flows where; empty where that could not be found out.
    """

    modules: Mapping[str, nn.Module]
    candidates: Sequence[Candidate]
    flow: Dataflow = field(default_factory=Dataflow)

    @cached_property
    def _visits(self) -> dict[tuple[int, int], Visit]:
        return {(visit.module, visit.call): visit for visit in self.flow.visits}

    def visit(self, candidate: Candidate | None) -> Visit | None:
        """Return what the trace saw of this call."""
        if candidate is None:
            return None
        return self._visits.get((id(candidate.module), candidate.call))

    def node(self, candidate: Candidate | None) -> Node | None:
        """Return the node of the tensor it stands for."""
        visit = self.visit(candidate)
        if candidate is None or visit is None or not visit.gives:
            return None
        if isinstance(candidate.part, (int, str)):
            return visit.parts.get(candidate.part, visit.gives[0])
        return visit.gives[0]

    def nodes(self, candidates: Iterable[Candidate]) -> set[Node]:
        """Return the nodes of those that have one."""
        return {node for node in map(self.node, candidates) if node is not None}

    def given_by(self, names: Iterable[str]) -> set[Node]:
        """Return the nodes of all that these modules give, also where it cannot be captured."""
        modules = {id(self.modules[name]) for name in names}
        found: set[Node] = set()
        for visit in self.flow.visits:
            if visit.module in modules:
                found.update(visit.gives)
        return found

    def is_layer(self, candidate: Candidate) -> bool:
        """Whether it is a layer of its own, with weights."""
        return is_weighted(candidate.module) and is_leaf(candidate.name, self.modules)

    @cached_property
    def layer_nodes(self) -> set[Node]:
        """Nodes of the layers of their own that have weights."""
        return self.nodes(filter(self.is_layer, self.candidates))

    @cached_property
    def data(self) -> set[Node]:
        """Nodes that follow from the inputs."""
        return self.flow.after(self.flow.inputs)

    def runs_within(self, candidate: Candidate, names: Collection[str]) -> bool:
        """Whether a call is a part of a call of one of these modules, by name or by time.

        A module that several blocks share has the name that it has outside of them.
        """
        if any(inside(candidate.name, name) for name in names):
            return True
        own = self.visit(candidate)
        if own is None:
            return False
        modules = {id(self.modules[name]) for name in names}
        for visit in self.flow.visits:
            if visit.module in modules and visit.entered < own.entered and own.left < visit.left:
                return True
        return False

    @property
    def names(self) -> list[str]:
        """Names of the candidates, once each."""
        return list(dict.fromkeys(candidate.name for candidate in self.candidates))

    @property
    def root(self) -> str:
        """Name of the network itself among its modules."""
        return next(iter(self.modules))
