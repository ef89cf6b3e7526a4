"""Networks of packages that were named after the rule of `auto` had been mended by the others."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from torch import nn

from zoo.functional import vision
from zoo.hugging_face import TEXT, made
from zoo.kinds import TOKENS, Network, amounts
from zoo.unseen import HALVES, IMAGES, PICTURES, PIXELS, SOUND, SWIN, TRANSLATOR

_IDS = {"input_ids": TOKENS}
_BOTH = {"input_ids": TOKENS, "decoder_input_ids": TOKENS.flip(1)}
_HEADS = {**TEXT, "head_dim": 8}


def _decoders() -> dict[str, Network]:
    experts = {**TEXT, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    hybrid = {
        **TEXT,
        "attn_layer_indices": [1],
        "mamba_n_heads": 4,
        "mamba_d_head": 8,
        "mamba_d_state": 8,
        "mamba_n_groups": 1,
        "mamba_chunk_size": 4,
    }
    options: dict[str, Mapping[str, object]] = {
        "Qwen3MoeForCausalLM": experts,
        "OlmoeForCausalLM": experts,
        "Cohere2ForCausalLM": _HEADS,
        "HeliumForCausalLM": _HEADS,
        "BambaForCausalLM": hybrid,
        "BitNetForCausalLM": TEXT,
        "DiffLlamaForCausalLM": {**TEXT, "hidden_size": 32, "num_attention_heads": 4},
        "Exaone4ForCausalLM": {**TEXT, "sliding_window": 4},
        "ArceeForCausalLM": TEXT,
    }
    return {name: made(name, given, _IDS) for name, given in options.items()}


def _texts() -> dict[str, Network]:
    short = {**TRANSLATOR, "max_position_embeddings": 32}
    t5 = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
    experts = {**short, "num_experts": 2, "encoder_sparse_step": 2, "decoder_sparse_step": 2}
    adapters = {**TEXT, "languages": ["en_XX"], "default_language": "en_XX"}
    shapes = {
        **TEXT,
        "pronunciation_vocab_size": 50,
        "shape_vocab_size": 50,
        "pronunciation_embed_dim": 8,
        "shape_embed_dim": 8,
    }
    return {
        "BlenderbotModel": made("BlenderbotModel", short, _BOTH),
        "PLBartModel": made("PLBartModel", short, _BOTH),
        "UMT5Model": made("UMT5Model", t5, _BOTH),
        "BigBirdPegasusModel": made(
            "BigBirdPegasusModel", {**short, "attention_type": "original_full"}, _BOTH
        ),
        "NllbMoeModel": made("NllbMoeModel", experts, _BOTH),
        "XmodModel": made("XmodModel", adapters, _IDS),
        "YosoModel": made("YosoModel", {**TEXT, "use_expectation": True}, _IDS),
        "SplinterModel": made("SplinterModel", TEXT, _IDS),
        "RoCBertModel": made(
            "RoCBertModel",
            shapes,
            {**_IDS, "input_shape_ids": TOKENS, "input_pronunciation_ids": TOKENS},
        ),
    }


def _vision() -> dict[str, Network]:
    stages = {
        "num_encoder_blocks": 2,
        "depths": [1, 2],
        "sr_ratios": [2, 1],
        "hidden_sizes": [8, 16],
        "patch_sizes": [7, 3],
        "strides": [4, 2],
        "num_attention_heads": [1, 2],
        "mlp_ratios": [2, 2],
    }
    pyramid = {
        "image_size": 64,
        "num_encoder_blocks": 2,
        "depths": [1, 2],
        "sequence_reduction_ratios": [2, 1],
        "hidden_sizes": [8, 16],
        "patch_sizes": [4, 2],
        "strides": [4, 2],
        "num_attention_heads": [1, 2],
        "mlp_ratios": [2, 2],
    }
    large = {"pixel_values": amounts(3, 64, 64)}
    return {
        "PvtModel": made("PvtModel", pyramid, large),
        "GLPNModel": made("GLPNModel", stages, PIXELS),
        "MobileNetV1Model": made("MobileNetV1Model", {"depth_multiplier": 0.25}, large),
        "MobileViTV2Model": made(
            "MobileViTV2Model", {"image_size": 64, "width_multiplier": 0.25}, large
        ),
        "DonutSwinModel": made("DonutSwinModel", SWIN, PIXELS),
        "VivitModel": made(
            "VivitModel",
            {**IMAGES, "num_frames": 4, "tubelet_size": [2, 8, 8]},
            {"pixel_values": amounts(4, 3, 32, 32)},
        ),
        "DINOv3ViTModel": made("DINOv3ViTModel", {**IMAGES, "num_register_tokens": 2}, PIXELS),
        "VitDetModel": made(
            "VitDetModel", {**IMAGES, "window_size": 2, "window_block_indices": [0]}, PIXELS
        ),
        "PoolFormerForImageClassification": made(
            "PoolFormerForImageClassification",
            {
                "num_encoder_blocks": 2,
                "depths": [1, 2],
                "hidden_sizes": [8, 16],
                "patch_sizes": [7, 3],
                "strides": [4, 2],
                "padding": [2, 1],
            },
            PIXELS,
            "PoolFormerConfig",
        ),
    }


def _sound_and_senses() -> dict[str, Network]:
    heard = {
        **TEXT,
        "conv_dim": [8, 8],
        "conv_stride": [5, 2],
        "conv_kernel": [10, 3],
        "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
        "mask_time_prob": 0.0,
    }
    tower = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    pictures = {**tower, "image_size": 32, "patch_size": 8}
    both = {"text_config": TEXT, "vision_config": pictures, "projection_dim": 8}
    return {
        "UniSpeechModel": made("UniSpeechModel", heard, SOUND),
        "SEWModel": made("SEWModel", {**heard, "squeeze_factor": 2}, SOUND),
        "Wav2Vec2BertModel": made(
            "Wav2Vec2BertModel",
            {**TEXT, "feature_projection_input_dim": 8, "mask_time_prob": 0.0},
            {"input_features": amounts(12, 8)},
        ),
        "MoonshineModel": made(
            "MoonshineModel",
            {
                **TEXT,
                **HALVES,
                "encoder_num_hidden_layers": 2,
                "decoder_num_hidden_layers": 2,
                "encoder_num_attention_heads": 2,
                "decoder_num_attention_heads": 2,
                "decoder_start_token_id": 1,
            },
            {"input_values": amounts(1600), "decoder_input_ids": TOKENS},
        ),
        "ChineseCLIPModel": made("ChineseCLIPModel", both, {**_IDS, **PIXELS}),
        "GitModel": made(
            "GitModel",
            {**TEXT, "vision_config": {**pictures, "model_type": "git_vision_model"}},
            {**_IDS, **PIXELS},
        ),
    }


def _of_packages() -> dict[str, Network]:
    deep = {
        "image_size": 32,
        "patch_size": 8,
        "num_classes": 5,
        "dim": 16,
        "heads": 2,
        "depth": 2,
        "mlp_dim": 32,
    }

    def package(name: str, kind: str, inputs: object, options: Mapping[str, object]) -> Network:
        def build() -> nn.Module:
            network: nn.Module = getattr(importlib.import_module(name), kind)(**options)
            return network

        return Network(name.replace("_", "-"), build, inputs)

    return {
        "vit_pytorch ats_vit": vision(
            "ats_vit", "ViT", PICTURES, {**deep, "max_tokens_per_depth": (16, 16)}
        ),
        "vit_pytorch vit_with_patch_merger": vision(
            "vit_with_patch_merger",
            "ViT",
            PICTURES,
            {**deep, "patch_merge_layer": 1, "patch_merge_num_tokens": 4},
        ),
        "vit_pytorch learnable_memory_vit": vision("learnable_memory_vit", "ViT", PICTURES, deep),
        "vit_pytorch simple_vit_with_fft": vision(
            "simple_vit_with_fft", "SimpleViT", PICTURES, {**deep, "freq_patch_size": 8}
        ),
        "Nystromformer": package(
            "nystrom_attention",
            "Nystromformer",
            amounts(8, 16),
            {"dim": 16, "depth": 2, "dim_head": 8, "heads": 2, "num_landmarks": 4},
        ),
        "gMLP": package(
            "g_mlp_pytorch",
            "gMLP",
            TOKENS,
            {"num_tokens": 50, "dim": 16, "depth": 2, "seq_len": 6},
        ),
        "nn.LSTM of two": Network(
            "torch", lambda: nn.LSTM(3, 6, 2, batch_first=True), amounts(5, 3)
        ),
    }


UNSEEN_AFTER = {**_decoders(), **_texts(), **_vision(), **_sound_and_senses(), **_of_packages()}
"""By name; tests/zoo/unseen_after.json says what should be taken of each."""
