"""The automatic choice of layers, as a pure function of the module tree and the order of execution.

The rule, so that a reader can predict it:

1. **Blocks.** A class of composite modules that occurs at least twice (residual blocks, transformer layers, dense layers), or a
   ``nn.Transformer*Layer``: its output is captured, nothing inside it is.
2. **Segments.** Outside blocks, every layer with weights (linear, convolution, embedding, recurrent, attention) opens a segment that runs
   until the next one; the segment stands for itself by its last activation, else its last normalisation, else the layer itself.
   Dropout, pooling, flattening and identities never stand for a segment. Of embeddings in a row the first counts: positions and types are added to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from torch import nn

_GENERIC = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_ATOMS = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)
_BLOCKS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
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
)
_NORM = ("Norm",)
_FITTINGS = ("parametrizations", "_packed_params")  # children that only hold a layer's weights


def choose(modules: Mapping[str, nn.Module], executed: Sequence[str]) -> list[str]:
    """Names of the layers to capture, in order of execution.

    Args:
        modules: every module by name (the root under any name).
        executed: names of the modules that ran and gave a usable tensor, in order of their (first) output.
    """
    blocks = _blocks(modules, set(executed))
    segments: list[tuple[str, str]] = []  # (kind, representative)
    for name in executed:
        module = modules[name]
        if name in blocks:
            segments.append(("block", name))
        elif any(_inside(name, block) for block in blocks) or not is_leaf(name, modules):
            continue
        elif _weighted(module):
            if segments and segments[-1][0] == "embedding" and isinstance(module, nn.Embedding):
                continue  # positions and types are added to the tokens
            segments.append(("embedding" if isinstance(module, nn.Embedding) else "layer", name))
        elif _called(module, _PASSIVE):
            continue
        elif segments and segments[-1][0] == "block" and _called(module, _NORM):
            segments.append(("norm", name))
        elif (
            segments
            and segments[-1][0] != "block"
            and not (_called(module, _NORM) and segments[-1][0] == "active")
        ):
            segments[-1] = (
                "embedding"
                if segments[-1][0] == "embedding"
                else "norm"
                if _called(module, _NORM)
                else "active",
                name,
            )
    if not segments:
        leaves = [n for n in executed if is_leaf(n, modules)]
        return leaves or list(executed[-1:])
    return list(dict.fromkeys(name for _, name in segments))


def _blocks(modules: Mapping[str, nn.Module], executed: set[str]) -> set[str]:
    names = [n for n in executed if _composite(modules[n])]
    chosen: set[str] = set()
    for name in sorted(names, key=lambda n: n.count(".")):
        if any(_inside(name, block) for block in chosen) or name not in modules:
            continue
        if _is_stack(modules[name]):  # an encoder beside a decoder: its layers are the blocks
            continue
        module = modules[name]
        alike = Counter(
            type(modules[n]) for n in names if not _inside(n, name) and not _inside(name, n)
        )
        if isinstance(module, _BLOCKS) or alike[type(module)] >= 2:
            chosen.add(name)
    return chosen


def _is_stack(module: nn.Module) -> bool:
    """Whether a module holds a list of at least two composite modules of one class."""
    lists = [list(child) for child in module.children() if isinstance(child, nn.ModuleList)]
    alike = [items for items in lists if len(items) > 1 and len({type(m) for m in items}) == 1]
    return any(_composite(items[0]) for items in alike)


def _inside(name: str, parent: str) -> bool:
    return name != parent and name.startswith(parent + ".")


def _composite(module: nn.Module) -> bool:
    if isinstance(module, (*_GENERIC, *_ATOMS)):
        return False
    return sum(1 for m in module.modules() if m is not module and _own_weights(m)) >= 2


def _own_weights(module: nn.Module) -> bool:
    return (
        any(True for _ in module.parameters(recurse=False)) or "parametrizations" in module._modules
    )


def is_leaf(name: str, modules: Mapping[str, nn.Module]) -> bool:
    """Whether a module is a layer of its own: it has no parts, or only parts that hold its weights (parametrised, quantised, attention)."""
    module = modules[name]
    if ".parametrizations." in f".{name}." or any(
        _inside(name, n) for n, m in modules.items() if isinstance(m, _ATOMS)
    ):
        return False
    return isinstance(module, _ATOMS) or all(
        child in _FITTINGS for child, _ in module.named_children()
    )


def _weighted(module: nn.Module) -> bool:
    quantised = type(module).__name__.startswith(
        ("Linear", "Conv", "Embedding")
    )  # quantised layers keep packed weights, not parameters
    if _called(module, _NORM) or (
        type(module).__module__ == "torch.nn.modules.activation"
        and not isinstance(module, nn.MultiheadAttention)
    ):
        return False  # PReLU has a parameter and is still an activation
    return isinstance(module, _ATOMS) or quantised or _own_weights(module)


def _called(module: nn.Module, parts: tuple[str, ...]) -> bool:
    return any(part in type(module).__name__ for part in parts)
