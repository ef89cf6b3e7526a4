"""What ``layers="auto"`` leaves out: what tells nothing of the rows, and most of the bytes."""

from __future__ import annotations

import math

from torch import nn

from infoplane.hooks.choice.candidates import Candidate, Network
from infoplane.hooks.choice.dataflow import Node
from infoplane.hooks.choice.segment_layers import Segment

_LARGE_HEAD = 64 << 10
"""Bytes per row from which on a head over a vocabulary may be left out."""


def without_dead_ends(segments: list[Segment], network: Network) -> tuple[list[Segment], list[str]]:
    """Leave out what does not follow from the input, and what does not reach the output."""
    used = network.flow.before(network.flow.outputs)
    alive, sentences = [], []
    for segment in segments:
        why = "" if segment.at is None else _why_dead(segment.at, network, used)
        if segment.at is not None and why:
            sentences.append(f"{segment.at.name!r} is left out: {why}")
        else:
            alive.append(segment)
    return alive, sentences


def _why_dead(candidate: Candidate, network: Network, used: set[Node]) -> str:
    """Why a layer tells nothing of the network on these rows; empty where it does.

    Args:
        candidate: the layer.
        network: the layer is of this one.
        used: nodes that reach the output.
    """
    node = network.node(candidate)
    if node is not None and node not in network.data:
        return "it does not depend on the rows"
    if _is_table(candidate, network):
        return "it gives the same for all rows"
    visit = network.visit(candidate)
    gives = set() if visit is None else set(visit.gives)
    if node is not None and used.isdisjoint(gives | {node}):
        return "nothing leads from it to the output"
    return ""


def _is_table(candidate: Candidate, network: Network) -> bool:
    """Whether it is an embedding of something that is the same in all rows."""
    visit = network.visit(candidate)
    return visit is not None and not visit.varies and "Embedding" in type(candidate.module).__name__


def without_large_head(
    segments: list[Segment], network: Network
) -> tuple[list[Segment], list[str]]:
    """Leave out the scores of a vocabulary where they would be most of the bytes."""
    if len(segments) < 2 or segments[-1].at is None:
        return segments, []
    head = segments[-1].at
    tables = [table for table in network.modules.values() if isinstance(table, nn.Embedding)]
    words = {table.num_embeddings for table in tables}
    own = _bytes(head)
    rest = sum(_bytes(segment.at) for segment in segments[:-1] if segment.at is not None)
    if not head.shape or head.shape[-1] not in words or own < _LARGE_HEAD or own <= rest:
        return segments, []
    share = f"{100 * own / (own + rest):.0f} %"
    return segments[:-1], [
        f"{head.name!r} is left out: scores of {head.shape[-1]} words are {share} of the bytes; "
        f'layers=["auto", {head.name!r}] takes them'
    ]


def _bytes(candidate: Candidate) -> int:
    return math.prod(candidate.shape) * candidate.itemsize
