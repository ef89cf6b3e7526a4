"""Networks of packages that were named, with what `auto` should take, before it was run on them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import torch
from torch import nn

from zoo.functional import vision
from zoo.hugging_face import SPECIAL_IDS, TEXT, made
from zoo.kinds import ROWS, TOKENS, Network, amounts

IMAGES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
    "num_channels": 3,
}
HALVES = {
    f"{side}_{what}": size
    for side in ("encoder", "decoder")
    for what, size in (("layers", 2), ("attention_heads", 2), ("ffn_dim", 32))
}
SWIN = {
    "image_size": 32,
    "patch_size": 4,
    "embed_dim": 8,
    "depths": [1, 2],
    "num_heads": [1, 2],
    "window_size": 4,
}
TRANSLATOR = {
    "vocab_size": 50,
    "d_model": 16,
    "max_position_embeddings": 32,
    "decoder_start_token_id": 2,
    **HALVES,
    **SPECIAL_IDS,
}
_IDS_ALONE = {"input_ids": TOKENS}
_BOTH = {"input_ids": TOKENS, "decoder_input_ids": TOKENS.flip(1)}
PICTURES = amounts(3, 32, 32)
PIXELS = {"pixel_values": PICTURES}
SOUND = {"input_values": amounts(400)}


def _decoders() -> dict[str, Network]:
    experts = {**TEXT, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
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
        **TEXT,
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
    heads = {**TEXT, "head_dim": 8}
    first = {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2}
    return {
        "Qwen2MoeForCausalLM": made("Qwen2MoeForCausalLM", shared, _IDS_ALONE),
        "DeepseekV3ForCausalLM": made("DeepseekV3ForCausalLM", latent, _IDS_ALONE),
        "JambaForCausalLM": made("JambaForCausalLM", hybrid, _IDS_ALONE),
        "FalconMambaForCausalLM": made(
            "FalconMambaForCausalLM",
            {
                "vocab_size": 50,
                "hidden_size": 16,
                "num_hidden_layers": 2,
                "state_size": 4,
                **SPECIAL_IDS,
            },
            _IDS_ALONE,
        ),
        "Gemma3ForCausalLM": made(
            "Gemma3ForCausalLM", {**heads, "sliding_window": 4}, _IDS_ALONE, "Gemma3TextConfig"
        ),
        "GptOssForCausalLM": made(
            "GptOssForCausalLM",
            {**heads, "num_local_experts": 2, "num_experts_per_tok": 1},
            _IDS_ALONE,
        ),
        "Lfm2ForCausalLM": made(
            "Lfm2ForCausalLM",
            {**TEXT, "layer_types": ["conv", "full_attention"], "block_ff_dim": 32},
            _IDS_ALONE,
        ),
        "CTRLLMHeadModel": made("CTRLLMHeadModel", {**first, "dff": 32}, _IDS_ALONE),
        "OpenAIGPTLMHeadModel": made("OpenAIGPTLMHeadModel", first, _IDS_ALONE),
        "BioGptForCausalLM": made("BioGptForCausalLM", TEXT, _IDS_ALONE),
        "XGLMForCausalLM": made(
            "XGLMForCausalLM",
            {
                "vocab_size": 50,
                "d_model": 16,
                "ffn_dim": 32,
                "num_layers": 2,
                "attention_heads": 2,
                **SPECIAL_IDS,
            },
            _IDS_ALONE,
        ),
    }


def _encoders() -> dict[str, Network]:
    boxes = torch.tensor([[0, 0, 10, 10]]).repeat(TOKENS.shape[1], 1).repeat(ROWS, 1, 1)
    letters = {"input_ids": torch.cat([TOKENS, TOKENS.flip(1), TOKENS[:, :4]], 1)}
    return {
        "XLMModel": made(
            "XLMModel",
            {"vocab_size": 50, "emb_dim": 16, "n_layers": 2, "n_heads": 2, "pad_index": 0},
            _IDS_ALONE,
        ),
        "FunnelModel": made(
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
        "CanineModel": made(
            "CanineModel",
            {
                **TEXT,
                "num_hash_functions": 2,
                "num_hash_buckets": 32,
                "downsampling_rate": 2,
                "upsampling_kernel_size": 2,
                "local_transformer_stride": 4,
            },
            letters,
        ),
        "RemBertModel": made(
            "RemBertModel", {**TEXT, "input_embedding_size": 8}, _IDS_ALONE, "RemBertConfig"
        ),
        "EsmModel": made("EsmModel", {**TEXT, "mask_token_id": 3}, _IDS_ALONE),
        "LayoutLMModel": made("LayoutLMModel", TEXT, {**_IDS_ALONE, "bbox": boxes}),
        "LEDModel": made(
            "LEDModel",
            {
                **TRANSLATOR,
                "max_encoder_position_embeddings": 32,
                "max_decoder_position_embeddings": 32,
                "attention_window": 4,
            },
            _BOTH,
        ),
        "ProphetNetModel": made(
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
                **SPECIAL_IDS,
            },
            _BOTH,
        ),
        "MarianMTModel": made("MarianMTModel", TRANSLATOR, _BOTH, "MarianConfig"),
        "LongT5Model": made(
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
        "PvtV2Model": made(
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
            PIXELS,
        ),
        "FocalNetModel": made(
            "FocalNetModel",
            {
                "image_size": 32,
                "embed_dim": 8,
                "hidden_sizes": [8, 16],
                "depths": [1, 2],
                "focal_levels": [2, 2],
                "focal_windows": [3, 3],
            },
            PIXELS,
        ),
        "BitModel": made(
            "BitModel",
            {"embedding_size": 8, "hidden_sizes": [16, 32], "depths": [1, 2], "num_groups": 4},
            PIXELS,
        ),
        "MobileViTModel": made(
            "MobileViTModel",
            {
                "image_size": 64,
                "hidden_sizes": [16, 20, 24],
                "neck_hidden_sizes": [8, 8, 12, 16, 20, 24, 32],
                "num_attention_heads": 2,
            },
            {"pixel_values": amounts(3, 64, 64)},
        ),
        "ConvNextV2Model": made(
            "ConvNextV2Model",
            {"hidden_sizes": [4, 8], "depths": [1, 2], "num_stages": 2},
            PIXELS,
        ),
        "HieraModel": made(
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
            PIXELS,
        ),
        "Swinv2Model": made("Swinv2Model", SWIN, PIXELS),
        "SwiftFormerModel": made(
            "SwiftFormerModel",
            {
                "image_size": 64,
                "depths": [1, 1, 1, 1],
                "embed_dims": [8, 12, 16, 24],
                "mlp_ratio": 2,
            },
            {"pixel_values": amounts(3, 64, 64)},
        ),
        "ImageGPTModel": made(
            "ImageGPTModel",
            {"vocab_size": 50, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32},
            _IDS_ALONE,
        ),
        "YolosForObjectDetection": made(
            "YolosForObjectDetection",
            {**IMAGES, "image_size": [32, 32], "num_detection_tokens": 4},
            PIXELS,
        ),
        "DPTForDepthEstimation": made(
            "DPTForDepthEstimation",
            {
                **IMAGES,
                "num_hidden_layers": 4,
                "backbone_out_indices": [0, 1, 2, 3],
                "neck_hidden_sizes": [8, 8, 16, 16],
                "fusion_hidden_size": 8,
                "reassemble_factors": [4, 2, 1, 0.5],
            },
            PIXELS,
        ),
        "TimesformerModel": made(
            "TimesformerModel",
            {**IMAGES, "num_frames": 2},
            {"pixel_values": amounts(2, 3, 32, 32)},
        ),
    }


def _sound_and_series() -> dict[str, Network]:
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
        **HALVES,
    }
    return {
        "HubertModel": made("HubertModel", heard, SOUND),
        "WavLMModel": made("WavLMModel", heard, SOUND),
        "Speech2TextForConditionalGeneration": made(
            "Speech2TextForConditionalGeneration",
            {
                **TRANSLATOR,
                "input_feat_per_channel": 8,
                "conv_channels": 16,
                "max_source_positions": 64,
                "max_target_positions": 32,
            },
            {"input_features": amounts(16, 8), "decoder_input_ids": TOKENS},
            "Speech2TextConfig",
        ),
        "AutoformerModel": made(
            "AutoformerModel", {**forecast, "moving_average": 3, "label_length": 2}, history
        ),
        "TimeSeriesTransformerModel": made("TimeSeriesTransformerModel", forecast, history),
        "PatchTSMixerModel": made(
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
    words = {**tower, "vocab_size": 50, "max_position_embeddings": 32, **SPECIAL_IDS}
    vision_of_language = {
        "vision_config": {**pictures, "model_type": "clip_vision_model"},
        "text_config": {**TEXT, "model_type": "llama"},
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
        "SiglipModel": made(
            "SiglipModel",
            {"text_config": {**words, "projection_size": 16}, "vision_config": pictures},
            {**_IDS_ALONE, **PIXELS},
        ),
        "ViltModel": made(
            "ViltModel",
            {**TEXT, "image_size": 32, "patch_size": 8, "max_image_length": -1},
            {**_IDS_ALONE, **PIXELS},
        ),
        "LxmertModel": made("LxmertModel", crossed, {**_IDS_ALONE, **regions}),
        "VisualBertModel": made(
            "VisualBertModel",
            {**TEXT, "visual_embedding_dim": 8},
            {**_IDS_ALONE, "visual_embeds": amounts(3, 8)},
        ),
        "LlavaForConditionalGeneration": made(
            "LlavaForConditionalGeneration",
            vision_of_language,
            {"input_ids": with_picture, **PIXELS},
            "LlavaConfig",
        ),
    }


def _of_packages() -> dict[str, Network]:
    plain = {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 16, "heads": 2}
    deep = {**plain, "depth": 2, "mlp_dim": 32}

    def of_package(
        package: str, name: str, inputs: object, options: Mapping[str, object]
    ) -> Network:
        def build() -> nn.Module:
            network: nn.Module = getattr(importlib.import_module(package), name)(**options)
            return network

        return Network(package.replace("_", "-"), build, inputs)

    return {
        "vit_pytorch cct": vision(
            "cct",
            "CCT",
            PICTURES,
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
        "vit_pytorch pit": vision("pit", "PiT", PICTURES, {**deep, "depth": (1, 2)}),
        "vit_pytorch rvt": vision("rvt", "RvT", PICTURES, deep),
        "vit_pytorch nest": vision(
            "nest",
            "NesT",
            PICTURES,
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
            PICTURES,
            {**deep, "cls_depth": 1, "local_patch_kernel_size": 3},
        ),
        "MLPMixer": of_package(
            "mlp_mixer_pytorch",
            "MLPMixer",
            PICTURES,
            {
                "image_size": 32,
                "channels": 3,
                "patch_size": 8,
                "dim": 16,
                "depth": 2,
                "num_classes": 5,
            },
        ),
        "gMLPVision": of_package(
            "g_mlp_pytorch",
            "gMLPVision",
            PICTURES,
            {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 16, "depth": 2},
        ),
        "Perceiver": of_package(
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
        "LinformerLM": of_package(
            "linformer",
            "LinformerLM",
            TOKENS,
            {"num_tokens": 50, "dim": 16, "seq_len": 6, "depth": 2, "heads": 2, "k": 4},
        ),
        "Conformer": of_package(
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
