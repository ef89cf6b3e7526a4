"""Which layer is captured for a segment: every layer opens one, takes one over, or is passed by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torch import nn

from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.joined_layers import (
    are_added,
    differs_more,
    follows,
    is_in_stream,
    joins_others,
    leads_elsewhere,
    reads_alone,
    summands_of,
)
from infoplane.hooks.choice.kinds import is_active, is_norm, is_passive, is_weighted
from infoplane.hooks.choice.sums import Stream


@dataclass(eq=False)
class Segment:
    """One segment, and what is captured for it so far.

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
        """Return the segment for which a residual stream is captured."""
        why = "" if stream.pick is None else stream.pick.why
        return cls("stream", None, why, stream)

    @property
    def pick(self) -> Pick | None:
        """What is captured."""
        if self.stream is not None:
            return self.stream.pick
        return None if self.at is None else Pick(self.at.name, self.at.call, self.why)

    @property
    def is_whole(self) -> bool:
        """Whether it is a block or a residual stream, which no layer behind it takes over."""
        return self.kind in ("block", "stream")

    def take_over(self, candidate: Candidate) -> None:
        """Let the last activation be captured for a layer, else the last normalisation."""
        normalises = is_norm(candidate.module)
        if normalises and self.kind == "active":
            return
        self.at = candidate
        if self.kind != "embedding":
            self.kind = "norm" if normalises else "active"
        word = "normalisation" if normalises else "activation"
        self.why = f"{word} of a layer ({type(candidate.module).__name__})"


def add_layer(
    segments: list[Segment], candidate: Candidate, network: Network, blocks: Collection[str]
) -> None:
    """Let a layer open a segment, take over the one that it follows from, or pass it by.

    Args:
        segments: found so far, in order; changed.
        candidate: a layer of its own, outside of blocks.
        network: of all of these.
        blocks: names of its blocks.
    """
    if is_weighted(candidate.module):
        _add_weighted(segments, candidate, network)
        return
    behind = (other for other in reversed(segments) if follows(candidate, other.at, network))
    last = None if is_passive(candidate.module) else next(behind, None)
    if last is None:
        return
    if last.is_whole:
        _add_behind_block(segments, last, candidate, network, blocks)
    elif joins_others(last.at, candidate, network):
        kind = "norm" if is_norm(candidate.module) else "active"
        why = f"{'normalisation' if kind == 'norm' else 'activation'} of joined layers"
        segments.append(Segment(kind, candidate, f"{why} ({type(candidate.module).__name__})"))
    elif not leads_elsewhere(last.at, candidate, network):
        _leave_out_summands(segments, last, candidate, network)
        last.take_over(candidate)
    if last.at is candidate:  # a segment comes in the order of the layer that is captured
        segments.remove(last)
        segments.append(last)


def _add_weighted(segments: list[Segment], candidate: Candidate, network: Network) -> None:
    """A layer with weights opens a segment; of embeddings that are added one is enough."""
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
    blocks: Collection[str],
) -> None:
    """A normalisation opens a segment; an activation that alone reads a block is captured for it.

    Args:
        segments: found so far, in order; changed.
        last: the block or stream.
        candidate: the layer behind it.
        network: of all of these.
        blocks: names of its blocks.
    """
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


def _leave_out_summands(
    segments: list[Segment], last: Segment, candidate: Candidate, network: Network
) -> None:
    """Remove layers that are added to the last one: what reads the sum is captured for all.

    Args:
        segments: found so far, in order; changed.
        last: the segment that is taken over.
        candidate: the layer that takes it over.
        network: of all of these.
    """
    summands = summands_of(candidate, network)
    if not summands - network.nodes([last.at] if last.at else []):
        return
    for other in list(segments):
        if other is last or other.is_whole or network.node(other.at) not in summands:
            continue
        if not leads_elsewhere(other.at, candidate, network):
            segments.remove(other)
