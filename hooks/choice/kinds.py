"""Kinds of modules.

Layers of their own, composites, activations, normalisations, what never stands for anything.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

_QUANTISED = (torch.int8, torch.uint8, torch.int32)  # int32 holds several weights in one number
GENERIC = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_ATOMS = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
_PASSIVE = (
    "Dropout",
    "Pool",
    "Flatten",
    "Unflatten",
    "Identity",
    "Pad",
    "Upsample",
    "PixelShuffle",
    "PixelUnshuffle",
    "Fold",
    "Unfold",
    "Loss",
    "DropPath",
    "Quant",
    "DeQuant",
    "Observer",
    "Rearrange",
    "Reduce",
)
_FITTINGS = (
    "parametrizations",
    "_packed_params",
    "weight_fake_quant",
    "activation_post_process",
)  # children that only hold a layer's weights, or round them


def inside(name: str, parent: str) -> bool:
    """Whether a module is a part of another, by their names."""
    return name != parent and name.startswith(parent + ".")


def is_composite(module: nn.Module) -> bool:
    """Whether a module has at least two parts with weights and is more than a container."""
    if type(module) in GENERIC or isinstance(module, (nn.ModuleList, nn.ModuleDict, *_ATOMS)):
        return False
    return sum(1 for part in module.modules() if part is not module and has_own_weights(part)) >= 2


def has_own_weights(module: nn.Module) -> bool:
    """Whether a module itself holds parameters, or integer matrices, as quantised layers do."""
    if any(True for _ in module.parameters(recurse=False)):
        return True
    if "parametrizations" in module._modules:
        return True
    buffers = module.buffers(recurse=False)
    return any(buffer.ndim == 2 and buffer.dtype in _QUANTISED for buffer in buffers)


def holds_one_layer(module: nn.Module) -> bool:
    """Whether all that a module has with weights is one layer and what normalises it."""
    layers = [part for part in module.modules() if has_own_weights(part) and not is_norm(part)]
    return len(layers) == 1


def is_leaf(name: str, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a module is a layer of its own.

    It has no parts, or only parts that hold its weights (parametrised, quantised, attention), or
    holds all weights itself (a normalisation with its activation).
    """
    module = modules[name]
    if ".parametrizations." in f".{name}.":
        return False
    parts = name.split(".")
    parents = [modules.get(".".join(parts[:depth])) for depth in range(1, len(parts))]
    if any(isinstance(parent, _ATOMS) or _holds_all_weights(parent) for parent in parents):
        return False
    fitted = all(child in _FITTINGS for child, _ in module.named_children())
    is_root = name == next(iter(modules), None)
    return isinstance(module, _ATOMS) or fitted or (_holds_all_weights(module) and not is_root)


def _holds_all_weights(module: nn.Module | None) -> bool:
    """Whether a module has parameters and none of its parts has any."""
    if module is None or not has_own_weights(module):
        return False
    parts = (part for part in module.modules() if part is not module)
    return not any(has_own_weights(part) for part in parts)


def is_weighted(module: nn.Module) -> bool:
    """Whether a layer computes with weights; a normalisation or an activation does not count."""
    quantised = type(module).__name__.startswith(
        ("Linear", "Conv", "Embedding")
    )  # quantised layers keep packed weights, not parameters
    if is_norm(module) or (
        type(module).__module__ == "torch.nn.modules.activation"
        and not isinstance(module, nn.MultiheadAttention)
    ):
        return False  # PReLU has a parameter and is still an activation
    return isinstance(module, _ATOMS) or quantised or has_own_weights(module)


def is_recurrent(module: nn.Module) -> bool:
    """Whether a layer hands a state on to its next call."""
    return isinstance(module, (nn.RNNBase, nn.RNNCellBase))


def is_norm(module: nn.Module) -> bool:
    """Whether a layer normalises."""
    return "Norm" in type(module).__name__


def is_passive(module: nn.Module) -> bool:
    """Whether a layer never stands for what it is given: dropout, pooling, flattening, identity."""
    name = type(module).__name__
    return any(part in name for part in _PASSIVE) and not is_norm(module)


def is_active(module: nn.Module) -> bool:
    """Whether a layer without parts is an activation, or another function without weights."""
    return not (is_weighted(module) or is_norm(module) or is_passive(module))
