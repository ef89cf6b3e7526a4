"""Networks of packages that were named, with what `auto` should take, before it was run on them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import torch
from torch import nn

from zoo.functional import vision
from zoo.kinds import ROWS, TOKENS, Network, amounts

_IDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_TEXT = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 32,
    **_IDS,
}
_IMAGES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
    "num_channels": 3,
}
_HALVES = {
    f"{side}_{what}": size
    for side in ("encoder", "decoder")
    for what, size in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 32))
}
_TRANSLATOR = {
    "vocab_size": 50,
    "d_model": 16,
    "max_position_embeddings": 32,
    "decoder_start_token_id": 2,
    **_HALVES,
    **_IDS,
}
_IDS_ALONE = {"input_ids": TOKENS}
_BOTH = {"input_ids": TOKENS, "decoder_input_ids": TOKENS.flip(1)}
_PICTURES = amounts(3, 32, 32)
_PIXELS = {"pixel_values": _PICTURES}
_SOUND = {"input_values": amounts(400)}


def _made(model: str, options: Mapping[str, object], inputs: object, config: str = "") -> Network:
    """A network of `transformers`; parts of its configuration may be configurations themselves."""

    def build() -> nn.Module:
        package = importlib.import_module("transformers")
        name = config or _config_of(model)
        settings = getattr(package, name)(**options)
        network: nn.Module = getattr(package, model)(settings)
        return network

    return Network("transformers", build, inputs)


def _config_of(model: str) -> str:
    for end in ("ForCausalLM", "ForObjectDetection", "ForDepthEstimation", "LMHeadModel", "Model"):
        if model.endswith(end):
            return model.removesuffix(end) + "Config"
    raise ValueError(model)


def _decoders() -> dict[str, Network]:
    experts = {**_TEXT, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
    shared = {**experts, "shared_expert_intermediate_size": 16, "decoder_sparse_step": 1}
    latent = {
        **experts,
        "n_routed_experts": 4,
        "n_group": 2,
        "topk_group": 1,
        "q_lora_rank": 8,
        "kv_lora_rank": 8,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 8,
        "first_k_dense_replace": 1,
    }
    hybrid = {
        **_TEXT,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
        "num_experts": 2,
        "mamba_d_state": 4,
        "mamba_expand": 2,
        "mamba_dt_rank": 4,
        "use_mamba_kernels": False,
    }
    heads = {**_TEXT, "head_dim": 8}
    first = {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2}
    return {
        "Qwen2MoeForCausalLM": _made("Qwen2MoeForCausalLM", shared, _IDS_ALONE),
        "DeepseekV3ForCausalLM": _made("DeepseekV3ForCausalLM", latent, _IDS_ALONE),
        "JambaForCausalLM": _made("JambaForCausalLM", hybrid, _IDS_ALONE),
        "FalconMambaForCausalLM": _made(
            "FalconMambaForCausalLM",
            {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4, **_IDS},
            _IDS_ALONE,
        ),
        "Gemma3ForCausalLM": _made(
            "Gemma3ForCausalLM", {**heads, "sliding_window": 4}, _IDS_ALONE, "Gemma3TextConfig"
        ),
        "GptOssForCausalLM": _made(
            "GptOssForCausalLM",
            {**heads, "num_local_experts": 2, "num_experts_per_tok": 1},
            _IDS_ALONE,
        ),
        "Lfm2ForCausalLM": _made(
            "Lfm2ForCausalLM",
            {**_TEXT, "layer_types": ["conv", "full_attention"], "block_ff_dim": 32},
            _IDS_ALONE,
        ),
        "CTRLLMHeadModel": _made("CTRLLMHeadModel", {**first, "dff": 32}, _IDS_ALONE),
        "OpenAIGPTLMHeadModel": _made("OpenAIGPTLMHeadModel", first, _IDS_ALONE),
        "BioGptForCausalLM": _made("BioGptForCausalLM", _TEXT, _IDS_ALONE),
        "XGLMForCausalLM": _made(
            "XGLMForCausalLM",
            {
                "vocab_size": 50,
                "d_model": 16,
                "ffn_dim": 32,
                "num_layers": 2,
                "attention_heads": 2,
                **_IDS,
            },
            _IDS_ALONE,
        ),
    }


def _encoders() -> dict[str, Network]:
    boxes = torch.tensor([[0, 0, 10, 10]]).repeat(TOKENS.shape[1], 1).repeat(ROWS, 1, 1)
    letters = {"input_ids": torch.cat([TOKENS, TOKENS.flip(1), TOKENS[:, :4]], 1)}
    return {
        "XLMModel": _made(
            "XLMModel",
            {"vocab_size": 50, "emb_dim": 16, "n_layers": 2, "n_heads": 2, "pad_index": 0},
            _IDS_ALONE,
        ),
        "FunnelModel": _made(
            "FunnelModel",
            {
                "vocab_size": 50,
                "block_sizes": [1, 1],
                "num_decoder_layers": 1,
                "d_model": 16,
                "n_head": 2,
                "d_head": 8,
                "d_inner": 32,
            },
            _IDS_ALONE,
        ),
        "CanineModel": _made(
            "CanineModel",
            {
                **_TEXT,
                "num_hash_functions": 2,
                "num_hash_buckets": 32,
                "downsampling_rate": 2,
                "upsampling_kernel_size": 2,
                "local_transformer_stride": 4,
            },
            letters,
        ),
        "RemBertModel": _made(
            "RemBertModel", {**_TEXT, "input_embedding_size": 8}, _IDS_ALONE, "RemBertConfig"
        ),
        "EsmModel": _made("EsmModel", {**_TEXT, "mask_token_id": 3}, _IDS_ALONE),
        "LayoutLMModel": _made("LayoutLMModel", _TEXT, {**_IDS_ALONE, "bbox": boxes}),
        "LEDModel": _made(
            "LEDModel",
            {
                **_TRANSLATOR,
                "max_encoder_position_embeddings": 32,
                "max_decoder_position_embeddings": 32,
                "attention_window": 4,
            },
            _BOTH,
        ),
        "ProphetNetModel": _made(
            "ProphetNetModel",
            {
                "vocab_size": 50,
                "hidden_size": 16,
                "max_position_embeddings": 32,
                "encoder_ffn_dim": 32,
                "num_encoder_layers": 2,
                "num_encoder_attention_heads": 2,
                "decoder_ffn_dim": 32,
                "num_decoder_layers": 2,
                "num_decoder_attention_heads": 2,
                **_IDS,
            },
            _BOTH,
        ),
        "MarianMTModel": _made("MarianMTModel", _TRANSLATOR, _BOTH, "MarianConfig"),
        "LongT5Model": _made(
            "LongT5Model",
            {
                "vocab_size": 50,
                "d_model": 16,
                "d_kv": 8,
                "d_ff": 32,
                "num_layers": 2,
                "num_heads": 2,
                "local_radius": 4,
            },
            _BOTH,
        ),
    }


def _vision() -> dict[str, Network]:
    stages = {"hidden_sizes": [8, 16], "depths": [1, 2], "num_attention_heads": [1, 2]}
    return {
        "PvtV2Model": _made(
            "PvtV2Model",
            {
                **stages,
                "image_size": 32,
                "num_encoder_blocks": 2,
                "sr_ratios": [2, 1],
                "patch_sizes": [7, 3],
                "strides": [4, 2],
                "mlp_ratios": [2, 2],
            },
            _PIXELS,
        ),
        "FocalNetModel": _made(
            "FocalNetModel",
            {
                "image_size": 32,
                "embed_dim": 8,
                "hidden_sizes": [8, 16],
                "depths": [1, 2],
                "focal_levels": [2, 2],
                "focal_windows": [3, 3],
            },
            _PIXELS,
        ),
        "BitModel": _made(
            "BitModel",
            {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 2], "num_groups": 4},
            _PIXELS,
        ),
        "MobileViTModel": _made(
            "MobileViTModel",
            {
                "image_size": 64,
                "hidden_sizes": [16, 20, 24],
                "neck_hidden_sizes": [8, 8, 12, 16, 20, 24, 32],
                "num_attention_heads": 2,
            },
            {"pixel_values": amounts(3, 64, 64)},
        ),
        "ConvNextV2Model": _made(
            "ConvNextV2Model",
            {"hidden_sizes": [4, 8], "depths": [1, 2], "num_stages": 2},
            _PIXELS,
        ),
        "HieraModel": _made(
            "HieraModel",
            {
                "image_size": [32, 32],
                "embed_dim": 8,
                "depths": [1, 2],
                "num_heads": [1, 2],
                "query_stride": [2, 2],
                "num_query_pool": 1,
                "masked_unit_size": [4, 4],
                "masked_unit_attention": [True, False],
                "patch_size": [7, 7],
                "patch_stride": [4, 4],
                "patch_padding": [3, 3],
            },
            _PIXELS,
        ),
        "Swinv2Model": _made(
            "Swinv2Model",
            {
                "image_size": 32,
                "patch_size": 4,
                "embed_dim": 8,
                "depths": [1, 2],
                "num_heads": [1, 2],
                "window_size": 4,
            },
            _PIXELS,
        ),
        "SwiftFormerModel": _made(
            "SwiftFormerModel",
            {
                "image_size": 64,
                "depths": [1, 1, 1, 1],
                "embed_dims": [8, 12, 16, 24],
                "mlp_ratio": 2,
            },
            {"pixel_values": amounts(3, 64, 64)},
        ),
        "ImageGPTModel": _made(
            "ImageGPTModel",
            {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32},
            _IDS_ALONE,
        ),
        "YolosForObjectDetection": _made(
            "YolosForObjectDetection",
            {**_IMAGES, "image_size": [32, 32], "num_detection_tokens": 4},
            _PIXELS,
        ),
        "DPTForDepthEstimation": _made(
            "DPTForDepthEstimation",
            {
                **_IMAGES,
                "num_hidden_layers": 4,
                "backbone_out_indices": [0, 1, 2, 3],
                "neck_hidden_sizes": [8, 8, 16, 16],
                "fusion_hidden_size": 8,
                "reassemble_factors": [4, 2, 1, 0.5],
            },
            _PIXELS,
        ),
        "TimesformerModel": _made(
            "TimesformerModel",
            {**_IMAGES, "num_frames": 2},
            {"pixel_values": amounts(2, 3, 32, 32)},
        ),
    }


def _sound_and_series() -> dict[str, Network]:
    heard = {
        **_TEXT,
        "conv_dim": [8, 8],
        "conv_stride": [5, 2],
        "conv_kernel": [10, 3],
        "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
        "mask_time_prob": 0.0,
    }
    history = {
        "past_values": amounts(10),
        "past_time_features": amounts(10, 1),
        "past_observed_mask": torch.ones(ROWS, 10),
        "future_values": amounts(4),
        "future_time_features": amounts(4, 1),
    }
    forecast = {
        "prediction_length": 4,
        "context_length": 8,
        "lags_sequence": [1, 2],
        "num_time_features": 1,
        "d_model": 16,
        **_HALVES,
    }
    return {
        "HubertModel": _made("HubertModel", heard, _SOUND),
        "WavLMModel": _made("WavLMModel", heard, _SOUND),
        "Speech2TextForConditionalGeneration": _made(
            "Speech2TextForConditionalGeneration",
            {
                **_TRANSLATOR,
                "input_feat_per_channel": 8,
                "conv_channels": 16,
                "max_source_positions": 64,
                "max_target_positions": 32,
            },
            {"input_features": amounts(16, 8), "decoder_input_ids": TOKENS},
            "Speech2TextConfig",
        ),
        "AutoformerModel": _made(
            "AutoformerModel", {**forecast, "moving_average": 3, "label_length": 2}, history
        ),
        "TimeSeriesTransformerModel": _made("TimeSeriesTransformerModel", forecast, history),
        "PatchTSMixerModel": _made(
            "PatchTSMixerModel",
            {
                "context_length": 16,
                "patch_length": 4,
                "patch_stride": 4,
                "num_input_channels": 2,
                "d_model": 8,
                "num_layers": 2,
            },
            {"past_values": amounts(16, 2)},
        ),
    }


def _several_senses() -> dict[str, Network]:
    tower = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    pictures = {**tower, "image_size": 32, "patch_size": 8}
    words = {**tower, "vocab_size": 50, "max_position_embeddings": 32, **_IDS}
    vision_of_language = {
        "vision_config": {**pictures, "model_type": "clip_vision_model"},
        "text_config": {**_TEXT, "model_type": "llama"},
        "image_token_index": 49,
        "vision_feature_layer": -1,
    }
    with_picture = torch.cat([torch.full((ROWS, 16), 49), TOKENS.clamp(max=48)], 1)
    regions = {"visual_feats": amounts(3, 8), "visual_pos": amounts(3, 4)}
    crossed = {
        **words,
        "l_layers": 1,
        "x_layers": 1,
        "r_layers": 1,
        "visual_feat_dim": 8,
        "num_qa_labels": 4,
    }
    return {
        "SiglipModel": _made(
            "SiglipModel",
            {"text_config": {**words, "projection_size": 16}, "vision_config": pictures},
            {**_IDS_ALONE, **_PIXELS},
        ),
        "ViltModel": _made(
            "ViltModel",
            {**_TEXT, "image_size": 32, "patch_size": 8, "max_image_length": -1},
            {**_IDS_ALONE, **_PIXELS},
        ),
        "LxmertModel": _made("LxmertModel", crossed, {**_IDS_ALONE, **regions}),
        "VisualBertModel": _made(
            "VisualBertModel",
            {**_TEXT, "visual_embedding_dim": 8},
            {**_IDS_ALONE, "visual_embeds": amounts(3, 8)},
        ),
        "LlavaForConditionalGeneration": _made(
            "LlavaForConditionalGeneration",
            vision_of_language,
            {"input_ids": with_picture, **_PIXELS},
            "LlavaConfig",
        ),
    }


def _of_packages() -> dict[str, Network]:
    plain = {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 16, "heads": 2}
    deep = {**plain, "depth": 2, "mlp_dim": 32}

    def made(package: str, name: str, inputs: object, options: Mapping[str, object]) -> Network:
        def build() -> nn.Module:
            network: nn.Module = getattr(importlib.import_module(package), name)(**options)
            return network

        return Network(package.replace("_", "-"), build, inputs)

    return {
        "vit_pytorch cct": vision(
            "cct",
            "CCT",
            _PICTURES,
            {
                "img_size": 32,
                "embedding_dim": 16,
                "n_conv_layers": 1,
                "kernel_size": 7,
                "stride": 2,
                "padding": 3,
                "pooling_kernel_size": 3,
                "pooling_stride": 2,
                "pooling_padding": 1,
                "num_layers": 2,
                "num_heads": 2,
                "mlp_ratio": 2.0,
                "num_classes": 5,
            },
        ),
        "vit_pytorch pit": vision("pit", "PiT", _PICTURES, {**deep, "depth": (1, 2)}),
        "vit_pytorch rvt": vision("rvt", "RvT", _PICTURES, deep),
        "vit_pytorch nest": vision(
            "nest",
            "NesT",
            _PICTURES,
            {
                "image_size": 32,
                "patch_size": 4,
                "num_classes": 5,
                "dim": 8,
                "heads": 2,
                "num_hierarchies": 2,
                "block_repeats": (1, 2),
            },
        ),
        "vit_pytorch max_vit": vision(
            "max_vit",
            "MaxViT",
            amounts(3, 64, 64),
            {
                "num_classes": 5,
                "dim_conv_stem": 8,
                "dim": 8,
                "dim_head": 8,
                "depth": (1, 1),
                "window_size": 4,
                "mbconv_expansion_rate": 2,
                "mbconv_shrinkage_rate": 0.25,
            },
        ),
        "vit_pytorch xcit": vision(
            "xcit",
            "XCiT",
            _PICTURES,
            {**deep, "cls_depth": 1, "local_patch_kernel_size": 3},
        ),
        "MLPMixer": made(
            "mlp_mixer_pytorch",
            "MLPMixer",
            _PICTURES,
            {
                "image_size": 32,
                "channels": 3,
                "patch_size": 8,
                "dim": 16,
                "depth": 2,
                "num_classes": 5,
            },
        ),
        "gMLPVision": made(
            "g_mlp_pytorch",
            "gMLPVision",
            _PICTURES,
            {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 16, "depth": 2},
        ),
        "Perceiver": made(
            "perceiver_pytorch",
            "Perceiver",
            amounts(8, 8, 3),
            {
                "num_freq_bands": 2,
                "depth": 2,
                "max_freq": 4.0,
                "num_latents": 4,
                "latent_dim": 16,
                "cross_dim_head": 8,
                "latent_dim_head": 8,
                "latent_heads": 2,
                "num_classes": 5,
            },
        ),
        "LinformerLM": made(
            "linformer",
            "LinformerLM",
            TOKENS,
            {"num_tokens": 50, "dim": 16, "seq_len": 6, "depth": 2, "heads": 2, "k": 4},
        ),
        "Conformer": made(
            "conformer",
            "Conformer",
            amounts(8, 16),
            {"dim": 16, "depth": 2, "dim_head": 8, "heads": 2, "conv_kernel_size": 3},
        ),
        "nn.Transformer": Network(
            "torch",
            lambda: nn.Transformer(16, 2, 2, 2, 32, batch_first=True),
            {"src": amounts(6, 16), "tgt": amounts(5, 16)},
        ),
    }


UNSEEN = {
    **_decoders(),
    **_encoders(),
    **_vision(),
    **_sound_and_series(),
    **_several_senses(),
    **_of_packages(),
}
"""By name; tests/zoo/unseen.json says what should be taken of each."""
