"""Networks of packages, and networks as people write them, named after the fourth round."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.hugging_face import TEXT, made
from zoo.kinds import ROWS, TOKENS, Network, amounts

_PICTURES = amounts(3, 32, 32)
_LARGE = amounts(3, 64, 64)
_STEPS = torch.arange(ROWS).float()


def _net(build: Callable[[], nn.Module], inputs: object, package: str = "torch") -> Network:
    return Network(package, build, inputs)


def _of(package: str, kind: str, inputs: object, **options: object) -> Network:
    def build() -> nn.Module:
        network: nn.Module = getattr(importlib.import_module(package), kind)(**options)
        return network

    return Network(package.partition(".")[0], build, inputs)


def _timm(name: str, inputs: object, **options: object) -> Network:
    def build() -> nn.Module:
        create = importlib.import_module("timm").create_model
        network: nn.Module = create(name, pretrained=False, num_classes=5, **options)
        return network

    return Network("timm", build, inputs)


# ---- networks as people write them ---------------------------------------------------------------


class MambaBlock(nn.Module):
    """A selective state space, step by step."""

    def __init__(self, width: int = 16, states: int = 4) -> None:
        super().__init__()
        inner = 2 * width
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, 3, padding=2, groups=inner)
        self.x_proj = nn.Linear(inner, 1 + 2 * states, bias=False)
        self.dt_proj = nn.Linear(1, inner)
        self.A_log = nn.Parameter(torch.log(torch.arange(1.0, states + 1)).repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, width, bias=False)
        self.states = states

    def forward(self, x: Tensor) -> Tensor:
        u, gate = self.in_proj(x).chunk(2, -1)
        u = F.silu(self.conv1d(u.transpose(1, 2))[..., : x.shape[1]].transpose(1, 2))
        y = self.scan(u)
        return self.out_proj(y * F.silu(gate))  # type: ignore[no-any-return]

    def scan(self, u: Tensor) -> Tensor:
        """The recurrence."""
        delta, before, after = self.x_proj(u).split([1, self.states, self.states], -1)
        delta = F.softplus(self.dt_proj(delta))
        decay = torch.exp(delta[..., None] * -torch.exp(self.A_log))
        fed = delta[..., None] * before[:, :, None] * u[..., None]
        h = torch.zeros_like(fed[:, 0])
        outputs = []
        for step in range(u.shape[1]):
            h = decay[:, step] * h + fed[:, step]
            outputs.append((h * after[:, step, None]).sum(-1))
        return torch.stack(outputs, 1) + u * self.D


class HandMamba(nn.Module):
    """A language model of them; what is added is normalised first."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layers = nn.ModuleList([MambaBlock() for _ in range(3)])
        self.norms = nn.ModuleList([nn.LayerNorm(16) for _ in range(3)])
        self.norm_f, self.lm_head = nn.LayerNorm(16), nn.Linear(16, 50, bias=False)
        self.lm_head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + layer(norm(x))
        return self.lm_head(self.norm_f(x))  # type: ignore[no-any-return]


class Fusion(nn.Module):
    """Senses in dictionaries of modules, cross attention by hand, two functional heads."""

    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                "image": nn.ModuleDict(
                    {"stem": nn.Conv2d(3, 8, 4, 4), "body": nn.Conv2d(8, 16, 2, 2)}
                ),
                "text": nn.ModuleDict({"embed": nn.Embedding(50, 16), "body": nn.Linear(16, 16)}),
            }
        )
        self.attend = nn.ModuleDict({key: nn.Linear(16, 16) for key in ("q", "k", "v")})
        self.fuse, self.norm = nn.Linear(16, 16), nn.LayerNorm(16)
        self.label = nn.Parameter(torch.randn(3, 16) / 4)
        self.amount = nn.Parameter(torch.randn(1, 16) / 4)

    def forward(self, image: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        see, read = self.encoders["image"], self.encoders["text"]
        pixels = F.relu(see["body"](F.relu(see["stem"](image)))).flatten(2).transpose(1, 2)
        words = F.gelu(read["body"](read["embed"](ids)))
        q, k, v = self.attend["q"](words), self.attend["k"](pixels), self.attend["v"](pixels)
        weights = torch.softmax(q @ k.transpose(1, 2) / 4, -1)
        fused = self.norm(words + self.fuse(weights @ v)).mean(1)
        return F.linear(fused, self.label), torch.tanh(F.linear(fused, self.amount))


class RecurrentAgent(nn.Module):
    """Looks at every frame, remembers by a cell, and says what to do and what it is worth."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 4, 2), nn.Conv2d(4, 8, 3, 2)
        self.fc = nn.Linear(72, 16)
        self.rnn = nn.GRUCell(16, 16)
        self.actor = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 4))
        self.critic = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        h = frames.new_zeros(len(frames), 16)
        for step in range(frames.shape[1]):
            x = F.relu(self.conv2(F.relu(self.conv1(frames[:, step, None]))))
            h = self.rnn(F.relu(self.fc(x.flatten(1))), h)
        return F.log_softmax(self.actor(h), -1), self.critic(h).squeeze(-1)


def mlp(before: int, inner: int, after: int) -> nn.Sequential:
    """A projector of BYOL."""
    return nn.Sequential(
        nn.Linear(before, inner), nn.BatchNorm1d(inner), nn.ReLU(inplace=True),
        nn.Linear(inner, after),
    )  # fmt: skip


class BYOL(nn.Module):
    """Two views through an online network; the target network of each is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.online, self.target = self.encoder(), self.encoder()
        self.predictor = mlp(8, 16, 8)
        self.target.requires_grad_(False)

    @staticmethod
    def encoder() -> nn.Sequential:
        """Convolutions and a projector."""
        body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        return nn.Sequential(body, mlp(16, 32, 8))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        online = [self.predictor(self.online(view)) for view in (first, second)]
        with torch.no_grad():
            target = [self.target(view) for view in (second, first)]
        pairs = zip(online, target, strict=True)
        return sum((2 - 2 * F.cosine_similarity(a, b) for a, b in pairs), torch.zeros(()))


class ModulatedConv(nn.Module):
    """A style scales the weights of a convolution."""

    def __init__(self, before: int, after: int, size: int, demodulate: bool = True) -> None:
        super().__init__()
        self.affine = nn.Linear(16, before)
        self.weight = nn.Parameter(torch.randn(after, before, size, size) / before)
        self.bias = nn.Parameter(torch.zeros(after))
        self.demodulate = demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight = self.weight * self.affine(style)[:, None, :, None, None]
        if self.demodulate:
            weight = weight * weight.square().sum((2, 3, 4), keepdim=True).add(1e-8).rsqrt()
        rows, after, before, size, _ = weight.shape
        flat = x.reshape(1, rows * before, *x.shape[2:])
        weight = weight.reshape(rows * after, before, size, size)
        out = F.conv2d(flat, weight, padding=size // 2, groups=rows)
        return out.reshape(rows, after, *out.shape[2:]) + self.bias[:, None, None]


class SynthesisBlock(nn.Module):
    """Twice the resolution, and what it adds to the picture."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv0, self.conv1 = ModulatedConv(before, after, 3), ModulatedConv(after, after, 3)
        self.to_rgb = ModulatedConv(after, 3, 1, demodulate=False)

    def forward(self, x: Tensor, picture: Tensor | None, style: Tensor) -> tuple[Tensor, Tensor]:
        x = F.interpolate(x, scale_factor=2)
        x = F.leaky_relu(self.conv0(x, style), 0.2)
        x = F.leaky_relu(self.conv1(x, style), 0.2)
        added = self.to_rgb(x, style)
        if picture is not None:
            added = added + F.interpolate(picture, scale_factor=2)
        return x, added


class StyleGenerator(nn.Module):
    """A mapping, a learned constant, blocks that add to a picture."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(3):
            layers += [nn.Linear(16, 16), nn.LeakyReLU(0.2)]
        self.mapping = nn.Sequential(*layers)
        self.const = nn.Parameter(torch.randn(1, 8, 4, 4))
        self.blocks = nn.ModuleList([SynthesisBlock(8, 8), SynthesisBlock(8, 4)])

    def forward(self, z: Tensor) -> Tensor:
        style = self.mapping(F.normalize(z, dim=1))
        x, picture = self.const.expand(len(z), -1, -1, -1), None
        for block in self.blocks:
            x, picture = block(x, picture, style)
        assert picture is not None
        return picture


def diff_pool() -> nn.Module:
    """Graphs that are pooled by soft assignments, after the example of torch_geometric."""
    geometric = importlib.import_module("torch_geometric.nn")

    class Conv(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.conv1 = geometric.DenseSAGEConv(before, 8)
            self.bn1 = nn.BatchNorm1d(8)
            self.conv2 = geometric.DenseSAGEConv(8, after)
            self.bn2 = nn.BatchNorm1d(after)

        def bn(self, number: int, x: Tensor) -> Tensor:
            rows, nodes, width = x.shape
            flat = getattr(self, f"bn{number}")(x.view(-1, width))
            return flat.view(rows, nodes, width)  # type: ignore[no-any-return]

        def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
            x1 = self.bn(1, self.conv1(x, adjacency).relu())
            x2 = self.bn(2, self.conv2(x1, adjacency).relu())
            return torch.cat([x1, x2], dim=-1)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gnn1_pool, self.gnn1_embed = Conv(4, 3), Conv(4, 8)
            self.gnn2_embed = Conv(16, 8)
            self.lin1, self.lin2 = nn.Linear(16, 8), nn.Linear(8, 3)

        def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
            chosen = self.gnn1_pool(x, adjacency)[..., :3]
            x = self.gnn1_embed(x, adjacency)
            x, adjacency, _, _ = geometric.dense_diff_pool(x, adjacency, chosen)
            x = self.gnn2_embed(x, adjacency).mean(dim=1)
            return F.log_softmax(self.lin2(self.lin1(x).relu()), dim=-1)

    return Net()


# ---- networks of packages ------------------------------------------------------------------------


def depth_anything() -> nn.Module:
    """DINOv2, and what makes a map of depths of it."""
    transformers = importlib.import_module("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=28, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[4, 8, 8, 16],
        fusion_hidden_size=8, head_hidden_size=4, patch_size=14,
    )  # fmt: skip
    network: nn.Module = transformers.DepthAnythingForDepthEstimation(config)
    return network


def macaron() -> nn.Module:
    """A causal language model of x-transformers whose layers are sandwiched."""
    x = importlib.import_module("x_transformers")
    network: nn.Module = x.TransformerWrapper(
        num_tokens=50, max_seq_len=8,
        attn_layers=x.Decoder(
            dim=16, depth=2, heads=2, attn_dim_head=8, macaron=True, use_rmsnorm=True,
            rotary_pos_emb=True, ff_glu=True,
        ),
    )  # fmt: skip
    return network


_EXPERTS = {
    **TEXT,
    "head_dim": 8,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "num_hidden_layers": 4,
}
_SPEECH = {
    **TEXT,
    "apply_spec_augment": False,
    "conv_dim": (8, 8),
    "conv_stride": (4, 2),
    "conv_kernel": (8, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 5,
    "num_conv_pos_embedding_groups": 2,
    "conv_depthwise_kernel_size": 3,
    "layerdrop": 0.0,
}
_BRIDGE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "text_config": {**TEXT, "hidden_size": 64, "num_hidden_layers": 3},
    "vision_config": {
        "hidden_size": 64, "num_hidden_layers": 3, "image_size": 32, "patch_size": 16,
    },
}  # fmt: skip
_LAYOUT = {
    **TEXT,
    "coordinate_size": 3,
    "shape_size": 2,
    "input_size": 32,
    "max_2d_position_embeddings": 64,
    "rel_pos_bins": 8,
    "rel_2d_pos_bins": 8,
}
_PATHS = [
    [[3, 8, 16, 1, False]], [[3, 16, 16, 2, False], [3, 16, 16, 1, False]],
    [[3, 16, 16, 1, False]], [[5, 16, 32, 2, True]], [[5, 32, 32, 1, True]],
]  # fmt: skip
_SD3 = {
    "sample_size": 8, "patch_size": 2, "in_channels": 4, "num_layers": 2, "attention_head_dim": 8,
    "num_attention_heads": 2, "joint_attention_dim": 16, "caption_projection_dim": 16,
    "pooled_projection_dim": 8, "out_channels": 4, "pos_embed_max_size": 8,
}  # fmt: skip
_UVIT = {
    "hidden_size": 16, "cond_embed_dim": 8, "micro_cond_encode_dim": 4, "micro_cond_embed_dim": 20,
    "encoder_hidden_size": 8, "vocab_size": 32, "codebook_size": 32, "in_channels": 8,
    "block_out_channels": 8, "num_res_blocks": 1, "block_num_heads": 2, "num_hidden_layers": 2,
    "num_attention_heads": 2, "intermediate_size": 32, "sample_size": 4,
}  # fmt: skip

UNSEEN_FIFTH: dict[str, Network] = {
    "xLSTMForCausalLM": made(
        "xLSTMForCausalLM",
        {"vocab_size": 50, "hidden_size": 64, "num_hidden_layers": 2, "num_heads": 2,
         "chunk_size": 2, "qk_dim_factor": 1.0, "mode": "train"},
        {"input_ids": TOKENS},
    ),
    "Qwen3NextForCausalLM": made("Qwen3NextForCausalLM", _EXPERTS, {"input_ids": TOKENS}),
    "GraniteMoeSharedForCausalLM": made(
        "GraniteMoeSharedForCausalLM",
        {**TEXT, "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 16},
        {"input_ids": TOKENS},
    ),
    "Aimv2VisionModel": made(
        "Aimv2VisionModel",
        {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 32, "patch_size": 8},
        {"pixel_values": _PICTURES},
        "Aimv2VisionConfig",
    ),
    "DepthAnythingForDepthEstimation": _net(
        depth_anything, {"pixel_values": amounts(3, 28, 28)}, "transformers"
    ),
    "BridgeTowerModel": made(
        "BridgeTowerModel", _BRIDGE, {"input_ids": TOKENS, "pixel_values": _PICTURES}
    ),
    "EncodecModel": made(
        "EncodecModel",
        {"hidden_size": 16, "num_filters": 4, "upsampling_ratios": [4, 2], "codebook_size": 16,
         "num_lstm_layers": 1, "target_bandwidths": [48.0]},
        {"input_values": amounts(1, 64)},
    ),
    "Wav2Vec2ConformerModel": made(
        "Wav2Vec2ConformerModel", _SPEECH, {"input_values": amounts(256)}
    ),
    "LayoutLMv3Model": made(
        "LayoutLMv3Model",
        _LAYOUT,
        {"input_ids": TOKENS, "bbox": TOKENS[..., None].repeat(1, 1, 4),
         "pixel_values": _PICTURES},
    ),
    "PPLCNetForImageClassification": made(
        "PPLCNetForImageClassification",
        {"block_configs": _PATHS, "stem_channels": 8, "class_expand": 32, "num_labels": 3},
        {"pixel_values": _PICTURES},
    ),
    "convit_tiny": _timm("convit_tiny", _PICTURES, img_size=32, depth=4, local_up_to_layer=2),
    "twins_svt_small": _timm(
        "twins_svt_small", _LARGE, img_size=64, depths=(1, 2, 2, 1), wss=(4, 4, 4, 4),
        embed_dims=(8, 8, 16, 16), num_heads=(1, 1, 2, 2),
    ),
    "edgenext_xx_small": _timm(
        "edgenext_xx_small", _LARGE, dims=(8, 16, 16, 24), depths=(1, 2, 2, 1), heads=(2, 2, 2, 2)
    ),
    "ese_vovnet19b_dw": _timm("ese_vovnet19b_dw", _LARGE),
    "selecsls42": _timm("selecsls42", _LARGE),
    "SD3Transformer2DModel": _of(
        "diffusers", "SD3Transformer2DModel",
        {"hidden_states": amounts(4, 8, 8), "encoder_hidden_states": amounts(5, 16),
         "pooled_projections": amounts(8), "timestep": _STEPS},
        **_SD3,
    ),
    "UVit2DModel": _of(
        "diffusers", "UVit2DModel",
        {"input_ids": TOKENS[:, :4, None].repeat(1, 1, 4) % 32,
         "encoder_hidden_states": amounts(5, 8), "pooled_text_emb": amounts(8),
         "micro_conds": amounts(5)},
        **_UVIT,
    ),
    "AutoencoderTiny": _of(
        "diffusers", "AutoencoderTiny", _PICTURES,
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 2), num_decoder_blocks=(2, 1),
    ),
    "Restormer": _of(
        "monai.networks.nets.restormer", "Restormer", _PICTURES,
        dim=8, num_blocks=(1, 2, 1), heads=(1, 2, 2), num_refinement_blocks=2,
    ),
    "BasicUNetPlusPlus": _of(
        "monai.networks.nets", "BasicUNetPlusPlus", amounts(1, 32, 32),
        spatial_dims=2, features=(4, 4, 8, 8, 8, 4),
    ),
    "Linknet": _of(
        "segmentation_models_pytorch", "Linknet", _LARGE,
        encoder_name="resnet18", encoder_weights=None, classes=2,
    ),
    "diff_pool": _net(
        diff_pool, (amounts(6, 4), (amounts(6, 6) > 0).float()), "torch_geometric"
    ),
    "x-transformers macaron": _net(macaron, TOKENS, "x-transformers"),
    "FTTransformer": _of(
        "tab_transformer_pytorch", "FTTransformer", (TOKENS[:, :3], amounts(4)),
        categories=(50, 50, 50), num_continuous=4, dim=16, depth=2, heads=2, dim_head=8,
    ),
    "PerformerLM": _of(
        "performer_pytorch", "PerformerLM", TOKENS,
        num_tokens=50, max_seq_len=6, dim=16, depth=2, heads=2, dim_head=8,
    ),
    "HandMamba": _net(HandMamba, TOKENS),
    "Fusion": _net(Fusion, (_PICTURES, TOKENS)),
    "RecurrentAgent": _net(RecurrentAgent, amounts(4, 16, 16)),
    "BYOL": _net(BYOL, (_PICTURES, _PICTURES.flip(-1))),
    "StyleGenerator": _net(StyleGenerator, amounts(16)),
}  # fmt: skip
"""By name; tests/zoo/unseen_fifth.json says what should be taken of each."""
