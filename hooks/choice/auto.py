"""The automatic choice of layers, from the module tree and what flows where.

The rule, so that a reader can predict it; each part has a file of its own:

1. **Blocks** (`blocks`). The output of every block is taken and nothing inside of it. A block is a
   composite module: a layer of ``nn.Transformer``, an item of a ``ModuleList``, of a class that
   occurs at least three times, one run on its own output again, or one that adds its input to what
   it made of it. A row of blocks that fold positions into the rows of the batch is one block.
   A stack (`stacks`) is no block: it holds composites of one class in a row, or a single one where
   other stacks hold a row of these. One of three of a class that run parts one after the other and
   go on with functions of their own is no stack.
2. **Sums** outside of blocks. Of a residual sum (`sums`, `branches`), ``x = x + attention(x)``, the
   sum is taken and not the branch. So is the sum of a block and of what layers bring from another
   block to its shape (`exchanges`). A sum is captured as the output of the module that returns it,
   else as the input of the module that reads it. A branch follows from the stream and keeps the
   positions of the sum; where it holds a row of blocks, or blocks lie on both sides of the sum, the
   branch is what lies behind the last of them.
3. **Segments** (`segments`, `segment_layers`). Elsewhere every layer with weights (linear,
   convolution, embedding, recurrent, attention) opens a segment that runs until the next one. For a
   segment its last activation is captured, else its last normalisation, else the layer itself, or
   the module of this one layer that goes on with functions of its own. An activation or a
   normalisation takes over only a layer that leads nowhere else, and all layers that are added
   before it; behind layers that are joined it opens a segment of its own. Dropout, pooling,
   flattening and identities are never captured. Of embeddings that are added, the first that
   differs between rows counts. An activation that alone reads a block is captured for it; a
   normalisation behind the blocks is taken too.
4. **Around blocks** (`around_blocks`, `ways`). What the first block reads is taken where nothing
   before it can be. A normalisation between blocks is left to the one layer that reads it. What
   only leads from a block to the next of its kind at another shape is left out.
5. **The output** of the network (`network_output`) comes last, as the module that gives it.
6. **Left out** (`left_out`): what does not follow from the input (position tables), what never
   reaches the output (a pooler nobody reads), and a head over a vocabulary that would be most of
   the bytes. Of a recurrent cell that runs more than 24 times the last call is taken, of another
   module what its calls lead to: the input of the next layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from infoplane.hooks.choice.around_blocks import (
    before_first_block,
    without_norms_of_layers,
)
from infoplane.hooks.choice.blocks import find_blocks
from infoplane.hooks.choice.candidates import Network, Pick
from infoplane.hooks.choice.exchanges import find_exchanges
from infoplane.hooks.choice.kinds import is_leaf
from infoplane.hooks.choice.left_out import without_dead_ends, without_large_head
from infoplane.hooks.choice.network_output import output_segment
from infoplane.hooks.choice.segment_layers import Segment
from infoplane.hooks.choice.segments import find_segments
from infoplane.hooks.choice.sums import find_streams
from infoplane.hooks.choice.ways import without_ways


@dataclass(frozen=True, eq=False)
class Choice:
    """What was chosen.

    Attributes:
        picks: in order of execution.
        left_out: sentences for the user.
    """

    picks: tuple[Pick, ...]
    left_out: tuple[str, ...] = ()


def choose_layers(network: Network) -> Choice:
    """Choose the layers to capture, with the reason for each, and say what was left out."""
    blocks = find_blocks(network)
    residual = find_streams(network, blocks)
    streams = residual + find_exchanges(network, blocks, residual)
    streams.sort(key=lambda stream: stream.node)
    segments, repeated = find_segments(network, blocks, streams)
    segments = before_first_block(segments, network, blocks) + segments
    segments = without_norms_of_layers(segments, network)
    segments = without_ways(segments, network)
    segments, dead = without_dead_ends(segments, network)
    segments += output_segment(segments, network)
    segments, heads = without_large_head(segments, network)
    picks = {}
    for segment in segments or _every_leaf(network):
        if segment.pick is not None:
            picks[segment.pick.name, segment.pick.call] = segment.pick
    return Choice(tuple(picks.values()), tuple(dict.fromkeys([*repeated, *dead, *heads])))


def _every_leaf(network: Network) -> list[Segment]:
    """Where no layer has weights: every layer, or the network itself."""
    every = network.candidates
    leaves = [layer for layer in every if is_leaf(layer.name, network.modules)] or every[-1:]
    return [Segment("layer", leaf, f"layer ({type(leaf.module).__name__})") for leaf in leaves]
