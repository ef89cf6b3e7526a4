"""The stretches of a network in order of execution, each with the layer that stands for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.joined_layers import (
    are_added,
    differs_more,
    follows,
    goes_on,
    is_in_stream,
    reads_alone,
)
from infoplane.hooks.choice.kinds import (
    inside,
    is_active,
    is_leaf,
    is_norm,
    is_passive,
    is_recurrent,
    is_weighted,
)
from infoplane.hooks.choice.sums import Stream

MANY_CALLS = 24


@dataclass(eq=False)
class Segment:
    """One stretch, and what stands for it so far.

    Attributes:
        kind: ``block``, ``stream``, ``embedding``, ``layer``, ``active``, ``norm``,
            ``norm behind`` (a block or stream) or ``output``.
        at: the layer whose output is captured; None of a stream.
        why: for the user.
        stream: the residual stream that is captured instead.
    """

    kind: str
    at: Candidate | None
    why: str
    stream: Stream | None = None

    @classmethod
    def of_stream(cls, stream: Stream) -> Segment:
        """Return the stretch that a residual stream stands for."""
        return cls("stream", None, stream.pick.why, stream)

    @property
    def pick(self) -> Pick | None:
        """What is captured."""
        if self.stream is not None:
            return self.stream.pick
        return None if self.at is None else Pick(self.at.name, self.at.call, self.why)


def find_segments(
    network: Network, blocks: set[str], streams: Sequence[Stream]
) -> tuple[list[Segment], list[str]]:
    """Return the stretches in order, and sentences about what was left out.

    Args:
        network: what may be chosen.
        blocks: names of the modules that are taken as a whole.
        streams: the residual sums outside of blocks, in order.
    """
    walk = _Walk(network, blocks, streams)
    for candidate in network.candidates:
        walk.meet(candidate)
    return walk.segments + [Segment.of_stream(stream) for stream in walk.waiting], walk.left_out


class _Walk:
    """The way through the network, and the stretches up to here.

    Attributes:
        segments: found so far.
        left_out: sentences for the user.
        waiting: streams that lie ahead.
    """

    def __init__(self, network: Network, blocks: set[str], streams: Sequence[Stream]) -> None:
        self.segments: list[Segment] = []
        self.left_out: list[str] = []
        self._network, self._blocks = network, blocks
        self._often = _often(network)
        self._covered = frozenset[Node]().union(
            *(stream.covered | {stream.node} for stream in streams)
        )
        self.waiting = [
            stream
            for stream in streams
            if stream.pick.name.removesuffix(":input") not in self._often
        ]
        self._repeated = ""  # a module without state that ran again and again right before

    def meet(self, candidate: Candidate) -> None:
        """Let the next call of a module open a stretch, take over the last one, or pass by."""
        node = self._network.node(candidate)
        while self.waiting and node is not None and node > self.waiting[0].node:
            self.segments.append(Segment.of_stream(self.waiting.pop(0)))
        if node in self._covered:
            return
        if not self._is_whole(candidate.name):
            self._let_stand_for_its_layer(candidate)
            return
        if self._is_left_to_another(candidate):
            return
        name, module = candidate.name, candidate.module
        if name in self._often:
            self.left_out.append(f"{name!r} runs {self._often[name]} times: the last call is taken")
        is_block = name in self._blocks
        if self._repeated and (is_block or is_weighted(module)):
            count = self._often[self._repeated]
            self.segments += _behind(self._repeated, count, candidate, self._network)
            self._repeated = ""
        if is_block:
            self.segments.append(Segment("block", candidate, f"block ({type(module).__name__})"))
        else:
            _add(self.segments, candidate, self._network, self._blocks)

    def _let_stand_for_its_layer(self, candidate: Candidate) -> None:
        """Take a module of one layer that goes on with functions of its own, not the layer."""
        last = self.segments[-1] if self.segments else None
        within = any(inside(candidate.name, block) for block in self._blocks)
        if last is None or last.at is None or within or last.kind in ("block", "stream"):
            return
        if inside(last.at.name, candidate.name) and goes_on(candidate, last.at, self._network):
            last.at = candidate
            last.why = f"layer with functions behind it ({type(candidate.module).__name__})"

    def _is_whole(self, name: str) -> bool:
        """Whether it is a block, or a layer of its own outside of every block."""
        if name in self._blocks:
            return True
        within = any(inside(name, block) for block in self._blocks)
        return not within and is_leaf(name, self._network.modules)

    def _is_left_to_another(self, candidate: Candidate) -> bool:
        """Whether it runs too often, and its last call or the next layer stands for it."""
        count = self._often.get(candidate.name)
        if count is None:
            return False
        recurrent = is_recurrent(candidate.module)
        if recurrent and candidate.call + 1 == count:
            return False
        self._repeated = "" if recurrent else candidate.name
        return True


def _often(network: Network) -> Mapping[str, int]:
    """Modules that run again and again, as an ODE solver runs its slope, and how often."""
    counts = Counter(candidate.name for candidate in network.candidates)
    return {name: count for name, count in counts.items() if count > MANY_CALLS}


def _behind(name: str, count: int, reader: Candidate, network: Network) -> list[Segment]:
    """What a module that runs again and again leads to: what the next layer reads."""
    visit = network.visit(reader)
    if visit is None or not visit.lone or len(visit.reads) != 1:
        return []
    pick = Pick(f"{reader.name}:input", reader.call, f"what {count} calls of {name} lead to")
    return [Segment.of_stream(Stream(pick, next(iter(visit.reads.values())), frozenset()))]


def _add(segments: list[Segment], candidate: Candidate, network: Network, blocks: set[str]) -> None:
    """Let a layer of its own open a stretch, take over the one that it reads, or pass by."""
    if is_weighted(candidate.module):
        _add_weighted(segments, candidate, network)
    elif not is_passive(candidate.module):
        for segment in reversed(segments):
            if follows(candidate, segment.at, network):
                if segment.kind in ("block", "stream"):
                    _add_behind_block(segments, segment, candidate, network, blocks)
                else:
                    _take_over(segment, candidate)
                if segment.at is candidate:  # it comes in the order of what stands for it
                    segments.remove(segment)
                    segments.append(segment)
                return


def _add_weighted(segments: list[Segment], candidate: Candidate, network: Network) -> None:
    """A layer with weights opens a stretch; of embeddings in a row one is enough."""
    last = segments[-1] if segments else None
    is_embedding = isinstance(candidate.module, nn.Embedding)
    joins = last is not None and last.kind == "embedding" and is_embedding
    if last is None or not joins or not are_added(last.at, candidate, network):
        kind = "embedding" if is_embedding else "layer"
        segments.append(Segment(kind, candidate, f"{kind} ({type(candidate.module).__name__})"))
    elif differs_more(candidate, last.at, network):
        last.at = candidate


def _add_behind_block(
    segments: list[Segment],
    last: Segment,
    candidate: Candidate,
    network: Network,
    blocks: set[str],
) -> None:
    """A normalisation opens a stretch; an activation that alone reads a block stands for it."""
    kind = type(candidate.module).__name__
    stream = None if last.stream is None else last.stream.node
    if is_norm(candidate.module) and is_in_stream(candidate, stream, network, blocks):
        last.kind, last.at, last.stream = "norm", candidate, None
        last.why = f"normalised residual stream ({kind})"
    elif is_norm(candidate.module):
        why = f"normalisation behind a {last.kind} ({kind})"
        segments.append(Segment("norm behind", candidate, why))
    elif is_active(candidate.module) and reads_alone(candidate, last.at, network):
        last.at, last.why = candidate, f"activation behind a block ({kind})"


def _take_over(last: Segment, candidate: Candidate) -> None:
    """The last activation stands for a layer, else the last normalisation."""
    normalises = is_norm(candidate.module)
    if normalises and last.kind == "active":
        return
    last.at = candidate
    if last.kind != "embedding":
        last.kind = "norm" if normalises else "active"
    word = "normalisation" if normalises else "activation"
    last.why = f"{word} of a layer ({type(candidate.module).__name__})"
