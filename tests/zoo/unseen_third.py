"""Networks that go from one resolution to another, named after the second round."""

from __future__ import annotations

from collections.abc import Mapping

from zoo.hugging_face import made
from zoo.kinds import Network, amounts

_PIXELS = {"pixel_values": amounts(3, 32, 32)}
_LARGE = {"pixel_values": amounts(3, 64, 64)}
_SOUND = {"input_values": amounts(1, 64)}
_CVT = {
    "embed_dim": [8, 16],
    "num_heads": [1, 2],
    "depth": [1, 2],
    "patch_sizes": [7, 3],
    "patch_stride": [4, 2],
    "patch_padding": [2, 1],
    "mlp_ratio": [2.0, 2.0],
    "attention_drop_rate": [0.0, 0.0],
    "drop_rate": [0.0, 0.0],
    "drop_path_rate": [0.0, 0.0],
    "qkv_bias": [True, True],
    "cls_token": [False, True],
    "qkv_projection_method": ["dw_bn", "dw_bn"],
    "kernel_qkv": [3, 3],
    "padding_kv": [1, 1],
    "stride_kv": [2, 2],
    "padding_q": [1, 1],
    "stride_q": [1, 1],
}
_HGNET = {
    "embedding_size": 8,
    "depths": [1, 1, 2, 1],
    "hidden_sizes": [16, 16, 32, 32],
    "stem_channels": [3, 8, 8],
    "stage_in_channels": [8, 16, 16, 32],
    "stage_mid_channels": [8, 8, 8, 8],
    "stage_out_channels": [16, 16, 32, 32],
    "stage_num_blocks": [1, 1, 2, 1],
    "stage_numb_of_layers": [3, 3, 3, 3],
}
_SEGFORMER = {
    "num_encoder_blocks": 2,
    "depths": [1, 2],
    "sr_ratios": [2, 1],
    "hidden_sizes": [8, 16],
    "patch_sizes": [3, 3],
    "strides": [2, 2],
    "num_attention_heads": [1, 2],
    "mlp_ratios": [2, 2],
}
_SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [2, 2], "num_heads": [1, 2]}
_OPTIONS: dict[str, tuple[Mapping[str, object], object]] = {
    "CvtModel": (_CVT, _PIXELS),
    "TextNetModel": (
        {
            "stem_out_channels": 8,
            "hidden_sizes": [8, 8, 16, 16, 24],
            "conv_layer_kernel_sizes": [
                [[3, 3], [3, 3]],
                [[3, 3], [3, 1]],
                [[3, 3], [3, 3]],
                [[3, 3]],
            ],
            "conv_layer_strides": [[1, 2], [2, 1], [2, 1], [2]],
        },
        _LARGE,
    ),
    "HGNetV2ForImageClassification": (_HGNET, _LARGE),
    "DINOv3ConvNextModel": ({"hidden_sizes": [8, 16, 24], "depths": [1, 2, 1]}, _PIXELS),
    "MaskFormerSwinModel": ({**_SWIN, "window_size": 4}, _PIXELS),
    "SegformerForImageClassification": (_SEGFORMER, _PIXELS),
    "MgpstrModel": (
        {
            "image_size": [32, 32],
            "patch_size": 8,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_token_length": 5,
        },
        _PIXELS,
    ),
    "DacModel": (
        {
            "encoder_hidden_size": 8,
            "downsampling_ratios": [2, 4],
            "decoder_hidden_size": 16,
            "n_codebooks": 2,
            "codebook_size": 16,
            "codebook_dim": 4,
        },
        _SOUND,
    ),
    "Swin2SRModel": (
        {**_SWIN, "image_size": 16, "patch_size": 1, "window_size": 4},
        {"pixel_values": amounts(3, 16, 16)},
    ),
}

UNSEEN_THIRD: dict[str, Network] = {
    name: made(name, options, inputs) for name, (options, inputs) in _OPTIONS.items()
}
"""By name; tests/zoo/unseen_third.json says what should be taken of each, and of twelve others."""
