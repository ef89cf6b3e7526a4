"""The automatic choice of layers, from the module tree and what flows where.

The rule, so that a reader can predict it; each part has a file of its own:

1. **Blocks** (`blocks`). The output of every block is taken and nothing inside of it. A block is a
   composite module: a layer of ``nn.Transformer``, an item of a ``ModuleList``, of a class that
   occurs twice, one run on its own output again, or one that adds its input to what it made of it.
   What holds a row of blocks that fold positions into the rows of the batch is one block.
   What holds other blocks in a row is no block, neither is a stage of one block beside such
   stages, nor what adds the items of a list one after another.
2. **Residual stream** (`sums`, `branches`). Where the network adds outside of any block
   (``x = x + attention(x)``), the sum is taken and not the branch: as the output of the module
   that returns it, else as the input of the module that reads it. A normalisation that the stream
   goes through stands for it. What leaves the positions of the sum is no branch; of a row of
   blocks the branch is what lies behind the last of them.
3. **Segments** (`segments`, `joined_layers`). Otherwise every layer with weights (linear,
   convolution, embedding, recurrent, attention) opens a segment that runs until the next one; it
   stands for itself by its last activation, else its last normalisation, else the layer itself,
   or by the module of this one layer that goes on with functions of its own. Dropout, pooling,
   flattening and identities never stand for a segment. Of embeddings that are added the first that
   differs between rows counts. An activation that alone reads a block stands for it; a
   normalisation behind the blocks is taken too. What the first block reads is taken where nothing
   before it can be, a normalisation between blocks is left to the one layer that reads it,
   and what only leads from a block to the next of its kind at another shape is left out
   (`around_blocks`).
4. **The output** of the network (`network_output`) comes last, as the module that gives it.
5. **Left out** (`left_out`): what does not follow from the input (position tables), what never
   reaches the output (a pooler nobody reads), and a head over a vocabulary that would be most of
   the bytes. Of a recurrent cell that runs more than 24 times the last call is taken, of another
   module what its calls lead to: the input of the next layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from infoplane.hooks.choice.blocks import find_blocks
from infoplane.hooks.choice.candidates import Network, Pick
from infoplane.hooks.choice.kinds import is_leaf
from infoplane.hooks.choice.left_out import without_dead_ends, without_large_head
from infoplane.hooks.choice.network_output import output_segment
from infoplane.hooks.choice.segments import Segment, find_segments
from infoplane.hooks.choice.stem_and_transitions import (
    before_first_block,
    without_norms_of_layers,
    without_ways_between_blocks,
)
from infoplane.hooks.choice.sums import find_streams


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
    segments, repeated = find_segments(network, blocks, find_streams(network, blocks))
    segments = before_first_block(segments, network, blocks) + segments
    segments = without_norms_of_layers(segments, network)
    segments = without_ways_between_blocks(segments, network)
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
