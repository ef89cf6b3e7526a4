"""The segments of a network in order of execution: blocks, residual streams, layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.joined_layers import goes_on
from infoplane.hooks.choice.kinds import inside, is_leaf, is_recurrent, is_weighted
from infoplane.hooks.choice.segment_layers import Segment, add_layer
from infoplane.hooks.choice.sums import Stream, input_of

_MANY_CALLS = 24
"""A module that runs more often in one forward is not captured at every call."""


def find_segments(
    network: Network, blocks: set[str], streams: Sequence[Stream]
) -> tuple[list[Segment], list[str]]:
    """Return the segments in order, and sentences about what was left out.

    Args:
        network: what may be chosen.
        blocks: names of the modules that are taken as a whole.
        streams: the sums that are taken, in order.
    """
    walk = _Walk(network, blocks, streams)
    for candidate in network.candidates:
        walk.meet(candidate)
    ahead = [Segment.of_stream(stream) for stream in walk.waiting]
    return walk.segments + ahead, walk.left_out


class _Walk:
    """A walk through the calls of a network, in order.

    Args:
        network: what may be chosen.
        blocks: names of the modules that are taken as a whole.
        streams: the sums that are taken, in order.

    Attributes:
        segments: found so far.
        left_out: sentences for the user.
        waiting: streams that lie ahead.
    """

    def __init__(self, network: Network, blocks: set[str], streams: Sequence[Stream]) -> None:
        self.segments: list[Segment] = []
        self.left_out: list[str] = []
        self.waiting: list[Stream] = []
        self._network, self._blocks = network, blocks
        self._often = _called_often(network)
        self._covered: set[Node] = set()
        for stream in streams:
            self._covered |= stream.covered | {stream.node}
            if stream.pick is not None and stream.pick.module not in self._often:
                self.waiting.append(stream)
        self._repeated = ""  # a module without state that ran often right before

    def meet(self, candidate: Candidate) -> None:
        """Let the next call open a segment, take over the last one, or pass by."""
        node = self._network.node(candidate)
        while self.waiting and node is not None and node > self.waiting[0].node:
            self.segments.append(Segment.of_stream(self.waiting.pop(0)))
        if node in self._covered:
            return
        if not self._is_whole(candidate):
            self._replace_layer_by_its_module(candidate)
        elif not self._is_left_to_another(candidate):
            self._add(candidate)

    def _is_whole(self, candidate: Candidate) -> bool:
        """Whether it is a block, or a layer of its own outside of every block."""
        if candidate.name in self._blocks:
            return True
        if not is_leaf(candidate.name, self._network.modules):
            return False
        return not self._network.runs_within(candidate, self._blocks)

    def _replace_layer_by_its_module(self, candidate: Candidate) -> None:
        """Take a module of one layer that goes on with functions of its own, not the layer."""
        last = self.segments[-1] if self.segments else None
        if last is None or last.at is None or last.is_whole:
            return
        if self._network.runs_within(candidate, self._blocks):
            return
        if inside(last.at.name, candidate.name) and goes_on(candidate, last.at, self._network):
            last.at = candidate
            last.why = f"layer with functions behind it ({type(candidate.module).__name__})"

    def _is_left_to_another(self, candidate: Candidate) -> bool:
        """Whether a module runs too often, and its last call or the next layer is captured."""
        count = self._often.get(candidate.name)
        if count is None:
            return False
        recurrent = is_recurrent(candidate.module)
        if recurrent and candidate.call + 1 == count:
            return False
        self._repeated = "" if recurrent else candidate.name
        return True

    def _add(self, candidate: Candidate) -> None:
        """Add a block or a layer, behind what the calls of a module before it lead to."""
        name, module = candidate.name, candidate.module
        if name in self._often:
            self.left_out.append(f"{name!r} runs {self._often[name]} times: the last call is taken")
        is_block = name in self._blocks
        if self._repeated and (is_block or is_weighted(module)):
            why = f"what {self._often[self._repeated]} calls of {self._repeated} lead to"
            stream = input_of(candidate, self._network, why)
            if stream is not None:
                self.segments.append(Segment.of_stream(stream))
            self._repeated = ""
        if is_block:
            self.segments.append(Segment("block", candidate, f"block ({type(module).__name__})"))
        else:
            add_layer(self.segments, candidate, self._network, self._blocks)


def _called_often(network: Network) -> Mapping[str, int]:
    """Modules that run again and again, as an ODE solver runs its slope, and how often."""
    counts = Counter(candidate.name for candidate in network.candidates)
    return {name: count for name, count in counts.items() if count > _MANY_CALLS}
