"""The networks of the zoo: tiny, with random weights, built from the configurations of their
packages.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
from architectures import ZOO as OWN
from torch import Tensor, nn

from zoo.functional import FUNCTIONAL
from zoo.handwritten import HANDWRITTEN
from zoo.hugging_face import SPECIAL_IDS, TEXT, made
from zoo.kinds import ROWS, TOKENS, Network, amounts
from zoo.sketches import SKETCHES
from zoo.unseen import UNSEEN
from zoo.unseen_after import UNSEEN_AFTER
from zoo.unseen_fifth import UNSEEN_FIFTH
from zoo.unseen_fourth import UNSEEN_FOURTH
from zoo.unseen_third import UNSEEN_THIRD

_IMAGES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 4,
    "num_channels": 3,
}
_T5 = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}


_DECODERS = [
    "Llama",
    "Mistral",
    "Qwen2",
    "Qwen3",
    "Gemma",
    "Gemma2",
    "Phi",
    "Phi3",
    "GPTNeoX",
    "Olmo",
    "Olmo2",
    "StableLm",
    "Starcoder2",
    "Cohere",
    "Granite",
    "Mixtral",
    "Persimmon",
    "Nemotron",
    "Glm",
    "SmolLM3",
]
_ENCODERS = [
    "BertModel",
    "BertForSequenceClassification",
    "RobertaForSequenceClassification",
    "ElectraModel",
    "DebertaV2Model",
    "MPNetModel",
    "ConvBertModel",
    "RoFormerModel",
    "ModernBertModel",
    "MegatronBertModel",
    "ErnieModel",
    "NystromformerModel",
    "MobileBertModel",
    "IBertModel",
    "MraModel",
]
_VISION = [
    "ViTForImageClassification",
    "DeiTModel",
    "BeitModel",
    "Dinov2Model",
    "ViTMSNModel",
    "IJepaModel",
    "Dinov2WithRegistersModel",
    "Data2VecVisionModel",
]


def _of_transformers() -> dict[str, Network]:
    zoo = {}
    for name in _DECODERS:
        zoo[f"{name}ForCausalLM"] = made(f"{name}ForCausalLM", TEXT, {"input_ids": TOKENS})
    for name in _ENCODERS:
        zoo[name] = made(name, TEXT, {"input_ids": TOKENS})
    for name in _VISION:
        zoo[name] = made(name, _IMAGES, {"pixel_values": amounts(3, 16, 16)})
    both = {"input_ids": TOKENS, "decoder_input_ids": TOKENS.flip(1)}
    zoo["T5ForConditionalGeneration"] = made("T5ForConditionalGeneration", _T5, both, "T5Config")
    zoo["T5EncoderModel"] = made("T5EncoderModel", _T5, {"input_ids": TOKENS}, "T5Config")
    zoo["SwitchTransformersModel"] = made(
        "SwitchTransformersModel",
        {
            **_T5,
            "num_decoder_layers": 2,
            "num_experts": 2,
            "num_sparse_encoder_layers": 1,
            "num_sparse_decoder_layers": 1,
        },
        both,
    )
    for layers in (1, 2):
        zoo[f"GPT2LMHeadModel of {layers}"] = made(
            "GPT2LMHeadModel",
            {
                "vocab_size": 50,
                "n_embd": 16,
                "n_layer": layers,
                "n_head": 2,
                "n_positions": 8,
                **SPECIAL_IDS,
            },
            {"input_ids": TOKENS},
            "GPT2Config",
        )
    zoo["OPTForCausalLM"] = made(
        "OPTForCausalLM",
        {
            "vocab_size": 50,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "ffn_dim": 32,
            "num_attention_heads": 2,
            "max_position_embeddings": 16,
            "word_embed_proj_dim": 16,
            "dropout": 0.0,
            **SPECIAL_IDS,
        },
        {"input_ids": TOKENS},
    )
    zoo["AlbertModel"] = made(
        "AlbertModel",
        {
            "vocab_size": 50,
            "hidden_size": 16,
            "embedding_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 2,
        },
        {"input_ids": TOKENS},
    )
    halves = {
        f"{side}_{what}": size
        for side in ("encoder", "decoder")
        for what, size in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 32))
    }
    zoo["BartModel"] = made(
        "BartModel",
        {
            "vocab_size": 50,
            "d_model": 16,
            "max_position_embeddings": 16,
            **halves,
            **SPECIAL_IDS,
            "decoder_start_token_id": 2,
        },
        both,
    )
    zoo["WhisperForConditionalGeneration"] = made(
        "WhisperForConditionalGeneration",
        {
            "vocab_size": 50,
            "d_model": 16,
            "num_mel_bins": 8,
            "max_source_positions": 10,
            "max_target_positions": 10,
            "decoder_start_token_id": 1,
            **halves,
            **SPECIAL_IDS,
        },
        {"input_features": amounts(8, 20), "decoder_input_ids": TOKENS},
        "WhisperConfig",
    )
    tower = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    zoo["CLIPModel"] = made(
        "CLIPModel",
        {
            "text_config": {**tower, "vocab_size": 50, "max_position_embeddings": 8, **SPECIAL_IDS},
            "vision_config": {**tower, "image_size": 8, "patch_size": 4},
            "projection_dim": 8,
        },
        {"input_ids": TOKENS, "pixel_values": amounts(3, 8, 8)},
    )
    zoo["ResNetModel"] = made(
        "ResNetModel",
        {
            "num_channels": 1,
            "embedding_size": 4,
            "hidden_sizes": [4, 8],
            "depths": [2, 2],
            "layer_type": "basic",
        },
        amounts(1, 16, 16),
    )
    zoo["SwinModel"] = made(
        "SwinModel",
        {
            "image_size": 16,
            "patch_size": 2,
            "num_channels": 1,
            "embed_dim": 8,
            "depths": [2, 2],
            "num_heads": [2, 2],
            "window_size": 2,
        },
        amounts(1, 16, 16),
    )
    zoo["ConvNextModel"] = made(
        "ConvNextModel",
        {"num_channels": 1, "hidden_sizes": [4, 8], "depths": [2, 2], "num_stages": 2},
        amounts(1, 16, 16),
    )
    zoo["PerceiverModel"] = made(
        "PerceiverModel",
        {
            "num_latents": 4,
            "d_latents": 16,
            "d_model": 8,
            "num_blocks": 1,
            "num_self_attends_per_block": 2,
            "num_self_attention_heads": 2,
            "num_cross_attention_heads": 2,
        },
        amounts(6, 8),
    )
    zoo["RwkvForCausalLM"] = made(
        "RwkvForCausalLM",
        {
            "vocab_size": 50,
            "hidden_size": 16,
            "num_hidden_layers": 3,
            "attention_hidden_size": 16,
            "intermediate_size": 32,
        },
        {"input_ids": TOKENS},
    )
    zoo["MambaForCausalLM"] = made(
        "MambaForCausalLM",
        {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 3, "state_size": 4},
        {"input_ids": TOKENS},
    )
    return zoo


class FunctionalResidual(nn.Module):
    """Adds and squashes by functions alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.a, self.b, self.out = (
            nn.Linear(5, 8),
            nn.Linear(8, 8),
            nn.Linear(8, 8),
            nn.Linear(8, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = x + torch.tanh(self.a(x))
        x = x + torch.tanh(self.b(x))
        return self.out(x)  # type: ignore[no-any-return]


class Cell(nn.Module):
    """A recurrent cell, step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.LSTMCell(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(len(x), 8)
        for step in range(x.shape[1]):
            h, c = self.cell(x[:, step], (h, c))
        return self.out(h)  # type: ignore[no-any-return]


class NeuralODE(nn.Module):
    """An initial value problem between two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.slope, self.out = (
            nn.Linear(5, 6),
            nn.Sequential(nn.Linear(6, 6), nn.Tanh()),
            nn.Linear(6, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        solve = importlib.import_module("torchdiffeq").odeint
        start, times = torch.tanh(self.first(x)), torch.linspace(0, 1, 9)
        states = solve(lambda _, z: self.slope(z), start, times, method="rk4")
        return self.out(states[-1])  # type: ignore[no-any-return]


def _with_lora() -> nn.Module:
    peft = importlib.import_module("peft")
    plain = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    config = peft.LoraConfig(r=2, target_modules=["0", "2"])
    network: nn.Module = peft.get_peft_model(plain, config)
    return network


def _of_others() -> dict[str, Network]:
    zoo = {
        name: Network("torch", build, inputs)
        for name, (build, inputs) in _first_rows_repeated().items()
        if not name.startswith("hf ") and name not in ("lazy", "fake quantised")
    }
    zoo["functional residual"] = Network("torch", FunctionalResidual, amounts(5))
    zoo["LSTM cell"] = Network("torch", Cell, amounts(3, 4))
    zoo["neural ODE"] = Network("torchdiffeq", NeuralODE, amounts(5))
    zoo["LoRA"] = Network("peft", _with_lora, amounts(5))
    return zoo


def _first_rows_repeated() -> dict[str, tuple[Callable[[], nn.Module], object]]:
    """Our own networks, on as many rows as the others."""

    def rows(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(map(rows, value))
        if not isinstance(value, Tensor):
            return value
        return torch.cat([value, value.flip(-1)])[:ROWS]

    return {name: (build, rows(inputs)) for name, (build, inputs) in OWN.items()}


_NAMED_BEFORE = {
    **UNSEEN,
    **HANDWRITTEN,
    **UNSEEN_AFTER,
    **SKETCHES,
    **UNSEEN_THIRD,
    **UNSEEN_FOURTH,
    **UNSEEN_FIFTH,
}
_UNTRIED = ("ViltModel", "xLSTMForCausalLM")
"""One draws the patches that it looks at, so that two forwards differ; the other cannot be trained:
its recurrence writes into what the way back needs.
"""
ZOO = {
    **_of_transformers(),
    **_of_others(),
    **FUNCTIONAL,
    **{name: network for name, network in _NAMED_BEFORE.items() if name not in _UNTRIED},
}
SMALL = (
    "LlamaForCausalLM",
    "BertForSequenceClassification",
    "ViTForImageClassification",
    "T5EncoderModel",
    "GPT2LMHeadModel of 1",
    "AlbertModel",
    "ResNetModel",
    "functional residual",
    "LSTM cell",
    "LoRA",
    "vae",
    "decoder",
    "x-transformers series",
    "DPTForDepthEstimation",
    "NeuralCF",
    "GraphNet",
)
"""Those that are tried whenever the tests run; `make zoo` tries all."""
