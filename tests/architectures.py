"""The networks that capture is tested on: small, with the shapes that people really have."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def rows(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


class Res(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.bn, self.act = (
            nn.Conv2d(4, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
        )
        self.b = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.b(self.act(self.bn(self.a(x))))
        return torch.relu_(x)


class DenseLayer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(width), nn.Conv2d(width, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.pool, self.mid = (
            nn.Conv2d(1, 3, 3, padding=1),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 3, padding=1),
        )
        self.up, self.merge = nn.ConvTranspose2d(4, 3, 2, stride=2), nn.Conv2d(6, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = torch.relu(self.down(x))
        return self.merge(torch.cat([skip, self.up(torch.tanh(self.mid(self.pool(skip))))], 1))  # type: ignore[no-any-return]


class Sequence(nn.Module):
    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.rnn, self.out = rnn, nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x)[0][:, -1])  # type: ignore[no-any-return]


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc, self.mu, self.logvar, self.dec = (
            nn.Linear(5, 8),
            nn.Linear(8, 2),
            nn.Linear(8, 2),
            nn.Linear(2, 5),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.enc(x))
        mu, s = self.mu(h), self.logvar(h)
        return self.dec(mu + torch.randn_like(mu) * torch.exp(s / 2) if self.training else mu)  # type: ignore[no-any-return]


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.out = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.out(torch.relu(self.left(a) * self.right(b)))  # type: ignore[no-any-return]


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 4)
        self.b, self.out = self.a, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.b(torch.tanh(self.a(x)))))  # type: ignore[no-any-return]


class FunctionalAttention(nn.Module):
    """A transformer block whose attention is a function, not a module."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            t.unflatten(-1, (2, 4)).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, -1)
        )
        return x + self.out(
            F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        )  # type: ignore[no-any-return]


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Linear(6, 2))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.ReLU6(inplace=True),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 2),
    )


def conv1d() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3),
        nn.GroupNorm(2, 4),
        nn.LeakyReLU(0.1, inplace=True),
        nn.AdaptiveMaxPool1d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def encoder() -> nn.Module:
    return nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
    )


def lazy() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = nn.Sequential(nn.LazyLinear(6), nn.Tanh(), nn.LazyLinear(2))
    net(rows(2, 5))
    return net


def fake_quantised() -> nn.Module:
    from torch.ao.quantization import (
        FakeQuantize,  # its observer moves buffers in every training forward
    )

    return nn.Sequential(
        nn.Linear(5, 6), FakeQuantize(), nn.ReLU(), nn.Linear(6, 2), FakeQuantize()
    )


def bert() -> nn.Module:
    from transformers import BertConfig, BertModel

    return BertModel(  # type: ignore[no-any-return]
        BertConfig(
            vocab_size=30,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=16,
        )
    )


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=2, n_head=2, use_cache=False)
    )  # type: ignore[no-any-return]


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaModel

    return LlamaModel(  # type: ignore[no-any-return]
        LlamaConfig(
            vocab_size=30,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            use_cache=False,
        )
    )


def t5() -> nn.Module:
    from transformers import T5Config, T5Model

    return T5Model(
        T5Config(
            vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2, use_cache=False
        )
    )  # type: ignore[no-any-return]


def vit() -> nn.Module:
    from transformers import ViTConfig, ViTModel

    return ViTModel(  # type: ignore[no-any-return]
        ViTConfig(
            image_size=8,
            patch_size=4,
            num_channels=1,
            hidden_size=8,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
        )
    )


TOKENS = torch.randint(0, 20, (9, 6), generator=torch.Generator().manual_seed(2))
ZOO: dict[str, tuple[Callable[[], nn.Module], object]] = {
    "mlp": (mlp, rows(9, 5)),
    "cnn": (cnn, rows(9, 1, 8, 8)),
    "resnet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3), Res(), Res(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
        ),
        rows(9, 1, 6, 6),
    ),
    "densenet": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3),
            DenseLayer(4),
            DenseLayer(6),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(8, 2),
        ),
        rows(9, 1, 6, 6),
    ),
    "unet": (UNet, rows(9, 1, 8, 8)),
    "lstm": (lambda: Sequence(nn.LSTM(3, 6, batch_first=True)), rows(9, 4, 3)),
    "gru": (lambda: Sequence(nn.GRU(3, 6, batch_first=True)), rows(9, 4, 3)),
    "encoder": (encoder, rows(9, 5, 8)),
    "embedding encoder": (
        lambda: nn.Sequential(
            nn.Embedding(20, 8),
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            nn.Linear(8, 2),
        ),
        TOKENS,
    ),
    "decoder": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2),
        (rows(9, 5, 8), rows(9, 4, 8)),
    ),
    "functional attention": (
        lambda: nn.Sequential(
            nn.Embedding(20, 8), FunctionalAttention(), FunctionalAttention(), nn.Linear(8, 2)
        ),
        TOKENS,
    ),
    "hf bert": (bert, {"input_ids": TOKENS, "attention_mask": torch.ones_like(TOKENS)}),
    "hf gpt2": (gpt2, {"input_ids": TOKENS}),
    "hf llama": (llama, {"input_ids": TOKENS}),
    "hf t5": (t5, {"input_ids": TOKENS, "decoder_input_ids": TOKENS.flip(1)}),
    "hf vit": (vit, {"pixel_values": rows(9, 1, 8, 8)}),
    "autoencoder": (
        lambda: nn.Sequential(
            nn.Linear(5, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 5)
        ),
        rows(9, 5),
    ),
    "vae": (VAE, rows(9, 5)),
    "two inputs": (Two, (rows(9, 3), rows(9, 2))),
    "tied": (Tied, rows(9, 4)),
    "weight norm": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), nn.GELU(), nn.Linear(4, 2)
        ),
        rows(9, 5),
    ),
    "fake quantised": (fake_quantised, rows(9, 5)),
    "lazy": (lazy, rows(9, 5)),
    "layer norm": (
        lambda: nn.Sequential(
            nn.Linear(5, 4), nn.LayerNorm(4), nn.SiLU(), nn.Linear(4, 2), nn.Softmax(1)
        ),
        rows(9, 5),
    ),
    "conv1d": (conv1d, rows(9, 2, 8)),
}


def call(net: nn.Module, x: object) -> Tensor:
    """The network's output tensor."""
    out = net(**x) if isinstance(x, dict) else net(*x) if isinstance(x, tuple) else net(x)
    for name in ("logits", "last_hidden_state"):
        out = getattr(out, name, out)
    return out  # type: ignore[no-any-return]
