"""A small transformer that reads characters: causal, or seeing both sides for masked ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infoplane.data.docstrings import MASK, VOCABULARY, windows
from infoplane.kinds import IGNORED


class Block(nn.Module):
    """Attention and a two-layer perceptron, each added to the stream after a normalisation."""

    def __init__(self, units: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.norm1, self.qkv, self.out = (
            nn.LayerNorm(units),
            nn.Linear(units, 3 * units),
            nn.Linear(units, units),
        )
        self.norm2, self.up, self.down = (
            nn.LayerNorm(units),
            nn.Linear(units, 4 * units),
            nn.Linear(4 * units, units),
        )

    def forward(self, x: Tensor) -> Tensor:
        n, length, units = x.shape
        split = self.qkv(self.norm1(x)).view(n, length, 3, self.heads, units // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, length, units))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


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
        self.tokens, self.places = nn.Embedding(VOCABULARY, units), nn.Embedding(length, units)
        self.blocks = nn.ModuleList(Block(units, heads, causal=causal) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(units), nn.Linear(units, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # type: ignore[no-any-return]  # a tensor


Batch = tuple[NDArray[np.int64], NDArray[np.int64]]


def next_characters(pieces: NDArray[np.int64], rng: np.random.Generator) -> Batch:
    """Return inputs and what follows each position, of pieces ``(n, length)``.

    Both ``(n, length - 1)``.
    """
    return pieces[:, :-1], pieces[:, 1:]


def masked_characters(pieces: NDArray[np.int64], rng: np.random.Generator) -> Batch:
    """Return inputs and the characters to be told, 15 % of the positions, most of them masked.

    Of these positions 80 % show a mask and 10 % another character.
    """
    inputs, chosen, draw = (
        pieces[:, :-1],
        rng.random(pieces[:, :-1].shape) < 0.15,
        rng.random(pieces[:, :-1].shape),
    )
    shown = np.where(chosen & (draw < 0.8), MASK, inputs)
    shown = np.where(chosen & (draw >= 0.9), rng.integers(1, VOCABULARY, inputs.shape), shown)
    return shown, np.where(chosen, inputs, IGNORED)


def train_reader(
    net: Reader,
    source: NDArray[np.int64],
    batch: Callable[[NDArray[np.int64], np.random.Generator], Batch],
    *,
    updates: int,
    length: int,
    size: int = 32,
    lr: float = 3e-3,
    seed: int = 0,
    told: Callable[[int, float], object] = lambda step, loss: None,
) -> None:
    """Train by AdamW with a one-cycle rate on random pieces of a text.

    Args:
        batch: makes inputs and targets of pieces, `next_characters` or `masked_characters`.
        told: called with every update and its loss in nats.
    """
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.01)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=updates)
    for step in range(1, updates + 1):
        shown, wanted = (
            torch.from_numpy(a) for a in batch(windows(source, length + 1, size, rng), rng)
        )
        loss = nn.functional.cross_entropy(
            net(shown).flatten(0, 1), wanted.flatten(), ignore_index=IGNORED
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        rate.step()
        told(step, loss.item())
