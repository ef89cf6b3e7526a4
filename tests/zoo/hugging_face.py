"""Networks of `transformers` from their configurations, and the options that many of them share."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from torch import nn

from zoo.kinds import Network

SPECIAL_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEXT = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
    **SPECIAL_IDS,
}
_TASKS = (
    "ForCausalLM",
    "ForSequenceClassification",
    "ForImageClassification",
    "ForObjectDetection",
    "ForDepthEstimation",
    "LMHeadModel",
    "Model",
)
"""Ends of a model's name that its configuration does not have."""


def made(model: str, options: Mapping[str, object], inputs: object, config: str = "") -> Network:
    """A network of `transformers`; parts of its configuration may be configurations themselves."""

    def build() -> nn.Module:
        package = importlib.import_module("transformers")
        settings = getattr(package, config or _config_of(model))(**options)
        network: nn.Module = getattr(package, model)(settings)
        return network

    return Network("transformers", build, inputs)


def _config_of(model: str) -> str:
    for task in _TASKS:
        if model.endswith(task):
            return model.removesuffix(task) + "Config"
    raise ValueError(model)
