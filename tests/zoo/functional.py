"""Networks that add by functions alone: their residual stream is certified."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor, nn

from zoo.kinds import TOKENS, Network, amounts

_IMAGES = {"image_size": 32, "patch_size": 8, "num_classes": 5}
_LAYERS = {"dim": 16, "depth": 2, "heads": 2, "mlp_dim": 32}
_HEADS = {"dim_head": 8}
_SERIES = {"seq_len": 32, "patch_size": 8, "num_classes": 5, **_LAYERS, **_HEADS}
_FRAMES = {"frames": 4, "image_patch_size": 8, "frame_patch_size": 2, "num_classes": 5}
_PICTURES = amounts(3, 32, 32)


def vision(file: str, name: str, inputs: Tensor, options: Mapping[str, object]) -> Network:
    """A network of vit-pytorch, read from its own file: the package imports torchvision."""

    def build() -> nn.Module:
        if "vit_pytorch" not in sys.modules:
            found = importlib.util.find_spec("vit_pytorch")
            assert found is not None and found.origin is not None
            package = types.ModuleType("vit_pytorch")
            package.__path__ = [str(Path(found.origin).parent)]
            sys.modules["vit_pytorch"] = package
        made: nn.Module = getattr(importlib.import_module(f"vit_pytorch.{file}"), name)(**options)
        return made

    return Network("vit-pytorch", build, inputs)


def _transformer(make: Callable[[types.ModuleType], nn.Module], inputs: Tensor) -> Network:
    """A network of x-transformers."""
    return Network(
        "x-transformers", lambda: make(importlib.import_module("x_transformers")), inputs
    )


def _plain_vision() -> dict[str, Network]:
    options = {**_IMAGES, **_LAYERS, **_HEADS}
    kinds = {
        "vit": "ViT",
        "simple_vit": "SimpleViT",
        "deepvit": "DeepViT",
        "vit_for_small_dataset": "ViT",
        "simple_vit_with_register_tokens": "SimpleViT",
        "simple_vit_with_qk_norm": "SimpleViT",
        "simple_vit_with_patch_dropout": "SimpleViT",
        "simple_flash_attn_vit": "SimpleViT",
    }
    zoo = {f"vit_pytorch {f}": vision(f, name, _PICTURES, options) for f, name in kinds.items()}
    branches = {**options, "num_parallel_branches": 2}
    zoo["vit_pytorch parallel_vit"] = vision("parallel_vit", "ViT", _PICTURES, branches)
    for file, name in (("vit_1d", "ViT"), ("simple_vit_1d", "SimpleViT")):
        zoo[f"vit_pytorch {file}"] = vision(file, name, amounts(3, 32), _SERIES)
    film = {"image_size": 32, **_FRAMES, **_LAYERS, **_HEADS}
    zoo["vit_pytorch vit_3d"] = vision("vit_3d", "ViT", amounts(3, 4, 32, 32), film)
    tokens = {"image_size": 32, "num_classes": 5, **_LAYERS, **_HEADS}
    zoo["vit_pytorch t2t"] = vision("t2t", "T2TViT", _PICTURES, tokens)
    return zoo


def _transformers() -> dict[str, Network]:
    sizes = {"dim": 16, "depth": 2, "heads": 2}

    def text(package: types.ModuleType, kind: str) -> nn.Module:
        layers = vars(package)[kind](**sizes)
        made: nn.Module = package.TransformerWrapper(
            num_tokens=50, max_seq_len=16, attn_layers=layers
        )
        return made

    def image(package: types.ModuleType) -> nn.Module:
        layers = package.Encoder(**sizes)
        made: nn.Module = package.ViTransformerWrapper(**_IMAGES, attn_layers=layers)
        return made

    def series(package: types.ModuleType) -> nn.Module:
        layers = package.Encoder(**sizes)
        made: nn.Module = package.ContinuousTransformerWrapper(
            dim_in=16, dim_out=4, max_seq_len=16, attn_layers=layers
        )
        return made

    return {
        "x-transformers encoder": _transformer(lambda package: text(package, "Encoder"), TOKENS),
        "x-transformer": _transformer(lambda package: text(package, "Decoder"), TOKENS),
        "x-transformers image": _transformer(image, _PICTURES),
        "x-transformers series": _transformer(series, amounts(8, 16)),
    }


FUNCTIONAL = {**_plain_vision(), **_transformers()}
"""Networks whose blocks are sums of functions."""
