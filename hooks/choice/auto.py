"""The automatic choice of layers, from the module tree and what flows where.

The rule, so that a reader can predict it:

1. **Blocks.** The output of every block is taken and nothing inside of it. A block is a composite
  module: a layer of ``nn.Transformer``, an
   item of a ``ModuleList``, of a class that occurs twice, one run on its own output again, or one
   that adds its input to what it made of it. What holds blocks in a row is no block, and neither is
   what adds the items of a list one after another.
2. **Residual stream.** Where the network adds outside of any block (``x = x + attention(x)``), the
  sum is taken and not the branch: as the output
   of the module that returns it, else as the input of the module that reads it.
3. **Segments.** Otherwise every layer with weights (linear, convolution, embedding, recurrent,
  attention) opens a segment that runs
   until the next one; the segment stands for itself by its last activation, else its last
   normalisation, else the layer itself. Dropout, pooling, flattening and identities never stand for
   a segment. Of embeddings in a row the first that differs between rows counts: positions and types
   are added to it. An activation that alone reads a block stands for it; a normalisation behind the
   blocks is taken too.
4. **The output** of the network comes last, as the module that gives it.
5. **Left out**: what does not follow from the input (position tables), what never reaches the
  output (a pooler nobody reads), and a
   head over a vocabulary that would be most of the bytes. Of a recurrent cell that runs more than
   24 times the last call is taken, of another module what its calls lead to: the input of the next
   layer.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from infoplane.hooks.choice.blocks import find_blocks
from infoplane.hooks.choice.candidates import Candidate, Network, Pick
from infoplane.hooks.choice.dataflow import Dataflow, Node
from infoplane.hooks.choice.kinds import (
    inside,
    is_active,
    is_leaf,
    is_norm,
    is_passive,
    is_recurrent,
    is_weighted,
)
from infoplane.hooks.choice.sums import Stream, find_streams

MANY_CALLS = 24
_LARGE_HEAD = 64 << 10
"""Bytes per row from which on a head over a vocabulary may be left out."""


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen.

    Attributes:
        picks: in order of execution.
        left_out: sentences for the user.
    """

    picks: tuple[Pick, ...]
    left_out: tuple[str, ...] = ()


@dataclass(eq=False)
class _Segment:
    """What stands for a stretch of the network so far."""

    kind: str
    at: Candidate | None
    why: str
    stream: Stream | None = None


def choose_layers(network: Network) -> Choice:
    """The layers to capture, with the reason for each, and what was left out."""
    blocks = find_blocks(network)
    found = find_streams(network, blocks)
    covered = frozenset[Node]().union(*(s.covered | {s.node} for s in found))
    often = _often(network)
    streams = [s for s in found if s.pick.name.removesuffix(":input") not in often]
    segments, left_out = _segments(network, blocks, streams, covered, often)
    segments, dead = _alive(segments, network)
    segments += _output(segments, network)
    segments, heads = _without_large_head(segments, network)
    if not any(s for s in segments):
        segments = _anything(network)
    picks = {(pick.name, pick.call): pick for pick in _picks(segments)}
    return Choice(tuple(picks.values()), tuple(dict.fromkeys([*left_out, *dead, *heads])))


def choose(modules: Mapping[str, nn.Module], executed: Sequence[str]) -> list[str]:
    """Names of the layers to capture where only the order of execution is known.

    Args:
        modules: every module by name.
        executed: names of the modules that ran and gave a usable tensor, in order of their (first)
            output.
    """
    candidates = [Candidate(name, modules[name], 0, ()) for name in executed]
    return [pick.name for pick in choose_layers(Network(modules, candidates)).picks]


def _often(network: Network) -> dict[str, int]:
    """Modules that run again and again, as an ODE solver runs its slope, and how often."""
    counts = Counter(c.name for c in network.candidates)
    return {name: count for name, count in counts.items() if count > MANY_CALLS}


def _segments(
    network: Network,
    blocks: set[str],
    streams: Sequence[Stream],
    covered: frozenset[Node],
    often: Mapping[str, int],
) -> tuple[list[_Segment], list[str]]:
    """The stretches of the network in order, each with what stands for it."""
    waiting = list(streams)
    segments: list[_Segment] = []
    left_out: list[str] = []
    repeated = ""
    for candidate in network.candidates:
        name, module, node = candidate.name, candidate.module, network.node(candidate)
        while waiting and node is not None and node > waiting[0].node:
            segments.append(_Segment("stream", None, waiting[0].pick.why, waiting.pop(0)))
        if name not in blocks and (
            any(inside(name, block) for block in blocks) or not is_leaf(name, network.modules)
        ):
            continue
        if name in often and not (is_recurrent(module) and candidate.call + 1 == often[name]):
            repeated = "" if is_recurrent(module) else name
            continue
        if node is not None and node in covered:
            continue
        if name in often:
            left_out.append(f"{name!r} runs {often[name]} times: the last call is taken")
        if repeated and (name in blocks or is_weighted(module)):
            segments += _behind(repeated, often[repeated], candidate, network)
            repeated = ""
        if name in blocks:
            segments.append(_Segment("block", candidate, f"block ({type(module).__name__})"))
        else:
            _add(segments, candidate, network)
    segments += [_Segment("stream", None, s.pick.why, s) for s in waiting]
    return segments, left_out


def _behind(name: str, count: int, reader: Candidate, network: Network) -> list[_Segment]:
    """What a module that runs again and again leads to: what the next layer reads."""
    visit = network.visit(reader)
    if visit is None or not visit.lone or len(visit.reads) != 1:
        return []
    why = f"what {count} calls of {name} lead to"
    pick = Pick(f"{reader.name}:input", reader.call, why)
    stream = Stream(pick, next(iter(visit.reads.values())), frozenset())
    return [_Segment("stream", None, why, stream)]


def _add(segments: list[_Segment], candidate: Candidate, network: Network) -> None:
    """A layer of its own opens a segment, takes over the last one, or is passed by."""
    module, last = candidate.module, segments[-1] if segments else None
    kind = type(module).__name__
    if is_weighted(module):
        if last is None or last.kind != "embedding" or not isinstance(module, nn.Embedding):
            new = "embedding" if isinstance(module, nn.Embedding) else "layer"
            segments.append(_Segment(new, candidate, f"{new} ({kind})"))
        elif _better(candidate, last, network):
            last.at = candidate
    elif is_passive(module) or last is None or not _follows(candidate, last.at, network):
        return
    elif last.kind in ("block", "stream"):
        if is_norm(module):
            segments.append(
                _Segment("norm", candidate, f"normalisation behind a {last.kind} ({kind})")
            )
        elif is_active(module) and last.at is not None and _reads(candidate, last.at, network):
            last.at, last.why = candidate, f"activation behind a block ({kind})"
    elif not (is_norm(module) and last.kind == "active"):
        last.at = candidate
        if last.kind != "embedding":
            last.kind = "norm" if is_norm(module) else "active"
        said = "normalisation" if is_norm(module) else "activation"
        last.why = f"{said} of a layer ({kind})"


def _follows(candidate: Candidate, last: Candidate | None, network: Network) -> bool:
    """Whether a layer follows from what stands for the segment.

    A table of positions beside it does not.
    """
    if network.flow is None or last is None:
        return True
    node, before = network.node(candidate), network.node(last)
    return node is None or before is None or before in network.flow.before([node])


def _better(candidate: Candidate, last: _Segment, network: Network) -> bool:
    """Whether an embedding differs between rows where the one before it does not."""
    if last.at is None or not isinstance(last.at.module, nn.Embedding):
        return False
    own, other = network.visit(candidate), network.visit(last.at)
    return own is not None and other is not None and own.varies and not other.varies


def _reads(candidate: Candidate, block: Candidate, network: Network) -> bool:
    """Whether an activation reads a block, and nothing else does."""
    if network.flow is None:
        return False
    node, visit = network.node(block), network.visit(candidate)
    readers = [v for v in network.flow.visits if node in v.reads.values()]
    return visit is not None and node in visit.reads.values() and len(readers) == 1


def _alive(segments: list[_Segment], network: Network) -> tuple[list[_Segment], list[str]]:
    """Without what does not follow from the input, and what does not reach the output."""
    flow = network.flow
    if flow is None:
        return segments, []
    data, used = flow.after(flow.inputs), flow.before(flow.outputs)
    kept, sentences = [], []
    for segment in segments:
        node = network.node(segment.at) if segment.at is not None else None
        name = segment.at.name if segment.at is not None else ""
        if node is not None and node not in data:
            sentences.append(f"{name!r} is left out: it does not depend on the rows")
        elif segment.at is not None and _is_table(segment.at, network):
            sentences.append(f"{name!r} is left out: it gives the same for all rows")
        elif node is not None and node not in used:
            sentences.append(f"{name!r} is left out: nothing leads from it to the output")
        else:
            kept.append(segment)
    return kept, sentences


def _is_table(candidate: Candidate, network: Network) -> bool:
    """Whether it is an embedding of something that is the same in all rows."""
    visit = network.visit(candidate)
    return visit is not None and not visit.varies and "Embedding" in type(candidate.module).__name__


def _output(segments: Sequence[_Segment], network: Network) -> list[_Segment]:
    """The module that gives the output of the network, where nothing chosen is that already."""
    flow = network.flow
    if flow is None or not flow.answer:
        return []
    chosen = {network.node(s.at) for s in segments if s.at is not None}
    chosen |= {s.stream.node for s in segments if s.stream is not None}
    if any(_follows_alone(node, chosen, flow) for node in flow.answer):
        return []
    giving = [c for c in network.candidates if network.node(c) in flow.answer and not c.guessed]
    if not giving:
        return []
    outer = [c for c in giving if c.name != network.root] or giving
    best = min(outer, key=lambda c: c.name.count("."))
    return [_Segment("output", best, f"output of the network ({type(best.module).__name__})")]


def _follows_alone(node: Node, chosen: set[Node | None], flow: Dataflow) -> bool:
    """Whether what is chosen gives a node, up to functions of it alone: a scale, a softmax."""
    data = flow.after(flow.inputs)
    while node not in chosen:
        parents = flow.parents[node] & data
        if len(parents) != 1:
            return False
        node = next(iter(parents))
        if any(node in visit.gives for visit in flow.visits) and node not in chosen:
            return False
    return True


def _without_large_head(
    segments: list[_Segment], network: Network
) -> tuple[list[_Segment], list[str]]:
    """Leave out the scores of a vocabulary where they would be most of the bytes."""
    if len(segments) < 2 or segments[-1].at is None:
        return segments, []
    head = segments[-1].at
    words = {m.num_embeddings for m in network.modules.values() if isinstance(m, nn.Embedding)}
    own = _bytes(head)
    rest = sum(_bytes(s.at) for s in segments[:-1] if s.at is not None)
    if not head.shape or head.shape[-1] not in words or own < _LARGE_HEAD or own <= rest:
        return segments, []
    share = f"{100 * own / (own + rest):.0f} %"
    return segments[:-1], [
        f"{head.name!r} is left out: scores of {head.shape[-1]} words are {share} of the bytes; "
        f'layers=["auto", {head.name!r}] takes them'
    ]


def _bytes(candidate: Candidate) -> int:
    return math.prod(candidate.shape) * candidate.itemsize


def _anything(network: Network) -> list[_Segment]:
    """Where no layer has weights: every layer, or the network itself."""
    leaves = [c for c in network.candidates if is_leaf(c.name, network.modules)]
    found = leaves or list(network.candidates[-1:])
    return [_Segment("layer", c, f"layer ({type(c.module).__name__})") for c in found]


def _picks(segments: Sequence[_Segment]) -> Iterator[Pick]:
    for segment in segments:
        if segment.stream is not None:
            yield segment.stream.pick
        elif segment.at is not None:
            yield Pick(segment.at.name, segment.at.call, segment.why)
