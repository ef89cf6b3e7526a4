"""A small transformer that reads characters: causal, or seeing both sides for masked ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.data.docstrings import MASK, VOCABULARY, windows
from infoplane.kinds import IGNORED
from infoplane.types.arrays import Ids


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to the stream after a normalisation."""

    def __init__(self, units: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm1 = nn.LayerNorm(units)
        self.qkv = nn.Linear(units, 3 * units)
        self.out = nn.Linear(units, units)
        self.norm2 = nn.LayerNorm(units)
        self.up = nn.Linear(units, 4 * units)
        self.down = nn.Linear(4 * units, units)

    def forward(self, stream: Tensor) -> Tensor:
        by_head = self.qkv(self.norm1(stream)).unflatten(2, (3, self.heads, -1))
        query, key, value = by_head.permute(2, 0, 3, 1, 4)  # (n, heads, length, units of a head)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        stream = stream + self.out(mixed.transpose(1, 2).flatten(2))
        return stream + self.down(nn.functional.gelu(self.up(self.norm2(stream))))


class Reader(nn.Module):
    """Token and position embeddings, blocks, a normalisation, and logits of every character.

    Args:
        causal: whether a position sees only what is before it.
        depth: number of blocks.
        units, heads: width of the stream, and attention heads.
        length: most positions.
    """

    def __init__(
        self,
        *,
        causal: bool = True,
        depth: int = 6,
        units: int = 48,
        heads: int = 4,
        length: int = 32,
    ) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, units)
        self.places = nn.Embedding(length, units)
        self.blocks = nn.ModuleList(Block(units, heads, causal=causal) for _ in range(depth))
        self.norm = nn.LayerNorm(units)
        self.head = nn.Linear(units, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        stream = self.tokens(ids) + self.places(places)
        for block in self.blocks:
            stream = block(stream)
        return self.head(self.norm(stream))  # type: ignore[no-any-return]  # a tensor


Batch = tuple[Ids, Ids]


def next_characters(pieces: Ids, rng: np.random.Generator) -> Batch:
    """Return inputs and the next characters, ``(n, length - 1)``, of pieces ``(n, length)``."""
    return pieces[:, :-1], pieces[:, 1:]


def masked_characters(pieces: Ids, rng: np.random.Generator) -> Batch:
    """Return inputs and the characters to predict, at 15 % of the positions.

    Of these positions 80 % show a mask and 10 % another character.
    """
    inputs = pieces[:, :-1]
    chosen = rng.random(inputs.shape) < 0.15
    draw = rng.random(inputs.shape)
    shown = np.where(chosen & (draw < 0.8), MASK, inputs)
    shown = np.where(chosen & (draw >= 0.9), rng.integers(1, VOCABULARY, inputs.shape), shown)
    return shown, np.where(chosen, inputs, IGNORED)


def train_reader(
    net: Reader,
    source: Ids,
    batch: Callable[[Ids, np.random.Generator], Batch],
    *,
    updates: int,
    length: int,
    size: int = 32,
    lr: float = 3e-3,
    seed: int = 0,
    on_update: Callable[[int, float], object] = lambda step, loss: None,
) -> None:
    """Train by AdamW with a one-cycle rate on random pieces of a text.

    Args:
        net: trained in place.
        source: the text as tokens, shape ``(characters,)``.
        batch: makes inputs and targets of pieces, `next_characters` or `masked_characters`.
        updates: how many steps.
        length, size: of a piece, and pieces in an update.
        lr: the largest learning rate.
        seed: of the pieces.
        on_update: called with every update and its loss in nats.
    """
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=updates)
    for step in range(1, updates + 1):
        pieces = windows(source, length + 1, size, rng)
        shown, targets = map(torch.from_numpy, batch(pieces, rng))
        logits = net(shown).flatten(0, 1)
        loss = nn.functional.cross_entropy(logits, targets.flatten(), ignore_index=IGNORED)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        rate.step()
        on_update(step, loss.item())
