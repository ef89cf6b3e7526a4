"""Fully connected networks with named layers and a named hidden activation.

Initialised from a seed without touching the global random state.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from infoplane.errors import InputError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "softsign": nn.Softsign,
    "softplus": nn.Softplus,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "linear": nn.Identity,
}
"""Hidden activations by name."""


def mlp(sizes: Sequence[int], activation: str = "tanh", *, seed: int = 0) -> nn.Sequential:
    """Return a network ``fc1, act1, fc2, act2, ..., fcK`` of the given widths.

    The last layer gives logits. Weights are normal of standard deviation 1/sqrt(fan_in), truncated
    at two deviations, and biases 0, as in Shwartz-Ziv & Tishby's code.

    Args:
        sizes: widths from the inputs to the logits.
        activation: of the hidden layers, one of `ACTIVATIONS`.
        seed: of the weights.

    Raises:
        InputError: an unknown activation, or fewer than two sizes.
    """
    if activation not in ACTIVATIONS:
        raise InputError(
            f"no such activation: {activation!r}; choose one of {', '.join(ACTIVATIONS)}"
        )
    if len(sizes) < 2:
        raise InputError(f"expected at least an input and an output size, got {list(sizes)}")
    generator = torch.Generator().manual_seed(seed)
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes), start=1):
        # a layer on "meta" draws nothing from the global generator
        layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")
        std = fan_in**-0.5
        with torch.no_grad():
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std, generator=generator)
            layer.bias.zero_()
        modules[f"fc{number}"] = layer
        modules[f"act{number}"] = ACTIVATIONS[activation]()
    modules.popitem()  # the last layer gives logits
    return nn.Sequential(modules)
