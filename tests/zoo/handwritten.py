"""Networks as people write them by hand, after the tutorials and papers they are named for."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.kinds import ROWS, TOKENS, Network, amounts


class LeNet(nn.Module):
    """Pools and squashes by functions, as in the tutorial of PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 24), nn.Linear(24, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)  # type: ignore[no-any-return]


class VGG(nn.Module):
    """Features and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for size in (4, 8, 0, 8, 0):
            if size:
                layers += [nn.Conv2d(width, size, 3, padding=1), nn.BatchNorm2d(size)]
                layers += [nn.ReLU(inplace=True)]
                width = size
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(
            nn.Linear(32, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 5)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.avgpool(self.features(x)), 1)
        return self.classifier(x)  # type: ignore[no-any-return]


class BasicBlock(nn.Module):
    """As in torchvision."""

    def __init__(self, width: int, wider: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, wider, 3, stride, 1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(wider), nn.ReLU(inplace=True)
        self.conv2, self.bn2 = nn.Conv2d(wider, wider, 3, 1, 1, bias=False), nn.BatchNorm2d(wider)
        self.downsample: nn.Module | None = None
        if stride != 1 or width != wider:
            self.downsample = nn.Sequential(
                nn.Conv2d(width, wider, 1, stride, bias=False), nn.BatchNorm2d(wider)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)  # type: ignore[no-any-return]


class ResNet18(nn.Module):
    """Four stages of two blocks, as in torchvision."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(4, 4, 1), BasicBlock(4, 4, 1))
        self.layer2 = nn.Sequential(BasicBlock(4, 8, 2), BasicBlock(8, 8, 1))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch1 = self._conv(width, 4, 1)
        self.branch2 = nn.Sequential(self._conv(width, 4, 1), self._conv(4, 4, 3))
        self.branch3 = nn.Sequential(self._conv(width, 4, 1), self._conv(4, 4, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1), self._conv(width, 4, 1))

    @staticmethod
    def _conv(width: int, wider: int, kernel: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(width, wider, kernel, padding=kernel // 2), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)]
        return torch.cat(branches, 1)


class GoogLeNet(nn.Module):
    """A stem, two inception modules, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.inception3a, self.inception3b = Inception(8), Inception(16)
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inception3b(self.inception3a(self.stem(x)))
        return self.fc(self.pool(x).flatten(1))  # type: ignore[no-any-return]


class InvertedResidual(nn.Module):
    """Expand, filter by depth, excite, project."""

    def __init__(self, width: int, wider: int, stride: int) -> None:
        super().__init__()
        hidden = 4 * width
        self.use_res = stride == 1 and width == wider
        self.expand = nn.Sequential(nn.Conv2d(width, hidden, 1), nn.BatchNorm2d(hidden), nn.SiLU())
        self.depthwise = nn.Sequential(
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden),
            nn.BatchNorm2d(hidden),
            nn.SiLU(),
        )
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(hidden, 4, 1), nn.SiLU(), nn.Conv2d(4, hidden, 1)
        )
        self.project = nn.Sequential(nn.Conv2d(hidden, wider, 1), nn.BatchNorm2d(wider))

    def forward(self, x: Tensor) -> Tensor:
        out = self.depthwise(self.expand(x))
        out = out * torch.sigmoid(self.squeeze(out))
        out = self.project(out)
        return x + out if self.use_res else out


class MBNet(nn.Module):
    """An EfficientNet in small."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU())
        self.blocks = nn.Sequential(
            InvertedResidual(8, 8, 1), InvertedResidual(8, 12, 2), InvertedResidual(12, 12, 1)
        )
        self.head = nn.Sequential(nn.Conv2d(12, 16, 1), nn.BatchNorm2d(16), nn.SiLU())
        self.classifier = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(self.blocks(self.stem(x)))
        return self.classifier(x.mean((2, 3)))  # type: ignore[no-any-return]


class DenseBlock(nn.Module):
    """Every layer reads all before it."""

    def __init__(self, width: int, growth: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(width + growth * i),
                nn.ReLU(),
                nn.Conv2d(width + growth * i, growth, 3, padding=1),
            )
            for i in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class DenseNet121(nn.Module):
    """Two dense blocks with a transition between them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, padding=1)
        self.block1, self.block2 = DenseBlock(8, 4, 2), DenseBlock(8, 4, 2)
        self.trans1 = nn.Sequential(
            nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1), nn.AvgPool2d(2)
        )
        self.norm5, self.classifier = nn.BatchNorm2d(16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.trans1(self.block1(self.conv0(x))))
        x = F.adaptive_avg_pool2d(F.relu(self.norm5(x)), 1)
        return self.classifier(x.flatten(1))  # type: ignore[no-any-return]


def discriminator() -> nn.Module:
    """Of a DCGAN."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(16, 1, 4, 1, 0, bias=False),
        nn.Flatten(),
        nn.Sigmoid(),
    )


class PatchDiscriminator(nn.Module):
    """Under spectral norm, of a picture and its condition."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.spectral_norm
        self.conv1 = norm(nn.Conv2d(6, 8, 4, 2, 1))
        self.conv2 = norm(nn.Conv2d(8, 16, 4, 2, 1))
        self.conv3 = norm(nn.Conv2d(16, 1, 4, 1, 1))

    def forward(self, picture: Tensor, condition: Tensor) -> Tensor:
        x = torch.cat([picture, condition], 1)
        x = F.leaky_relu(self.conv1(x), 0.2)
        x = F.leaky_relu(self.conv2(x), 0.2)
        return self.conv3(x)  # type: ignore[no-any-return]


class DoubleConv(nn.Module):
    """Two convolutions."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            nn.Conv2d(width, wider, 3, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(inplace=True),
            nn.Conv2d(wider, wider, 3, padding=1, bias=False),
            nn.BatchNorm2d(wider),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.double_conv(x)  # type: ignore[no-any-return]


class Down(nn.Module):
    """Half the resolution."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(width, wider))

    def forward(self, x: Tensor) -> Tensor:
        return self.maxpool_conv(x)  # type: ignore[no-any-return]


class Up(nn.Module):
    """Twice the resolution, beside what was seen on the way down."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(width, width // 2, 2, 2)
        self.conv = DoubleConv(width, wider)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], 1))  # type: ignore[no-any-return]


class SegmentationUNet(nn.Module):
    """After the repository that most people copy."""

    def __init__(self) -> None:
        super().__init__()
        self.inc, self.down1, self.down2 = DoubleConv(3, 4), Down(4, 8), Down(8, 16)
        self.up1, self.up2 = Up(16, 8), Up(8, 4)
        self.outc = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up2(self.up1(x3, x2), x1))  # type: ignore[no-any-return]


class TimeBlock(nn.Module):
    """A residual block of a diffusion model: the time is added in between."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(2, width), nn.Conv2d(width, width, 3, padding=1)
        self.emb = nn.Linear(times, width)
        self.norm2, self.conv2 = nn.GroupNorm(2, width), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb(F.silu(t))[:, :, None, None]
        return x + self.conv2(F.silu(self.norm2(h)))  # type: ignore[no-any-return]


class DiffusionUNet(nn.Module):
    """Predicts the noise in a picture at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 16))
        self.conv_in = nn.Conv2d(3, 4, 3, padding=1)
        self.down = nn.ModuleList([TimeBlock(4, 16), TimeBlock(4, 16)])
        self.downsample = nn.Conv2d(4, 4, 3, 2, 1)
        self.mid = TimeBlock(4, 16)
        self.upsample = nn.ConvTranspose2d(4, 4, 2, 2)
        self.up = nn.ModuleList([TimeBlock(4, 16), TimeBlock(4, 16)])
        self.norm_out, self.conv_out = nn.GroupNorm(2, 4), nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angles = t[:, None] * torch.exp(-torch.arange(4) / 4 * math.log(100))
        times = self.time_mlp(torch.cat([angles.sin(), angles.cos()], 1))
        h = self.conv_in(x)
        for block in self.down:
            h = block(h, times)
        skip = h
        h = self.mid(self.downsample(h), times)
        h = self.upsample(h) + skip
        for block in self.up:
            h = block(h, times)
        return self.conv_out(F.silu(self.norm_out(h)))  # type: ignore[no-any-return]


class MixerBlock(nn.Module):
    """Mixes tokens, then channels."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.token_mix = nn.Sequential(nn.Linear(tokens, 16), nn.GELU(), nn.Linear(16, tokens))
        self.channel_mix = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.token_mix(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channel_mix(self.norm2(x))  # type: ignore[no-any-return]


class OwnMixer(nn.Module):
    """An MLP-Mixer."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 16, 8, 8)
        self.mixer_blocks = nn.Sequential(*[MixerBlock(16, 16) for _ in range(3)])
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = self.norm(self.mixer_blocks(x))
        return self.head(x.mean(1))  # type: ignore[no-any-return]


class KANLinear(nn.Module):
    """A layer of a Kolmogorov-Arnold network: bumps of every input, added."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.base = nn.Parameter(torch.randn(wider, width) / 4)
        self.spline = nn.Parameter(torch.randn(wider, width, 6) / 4)
        self.register_buffer("grid", torch.linspace(-2, 2, 6))

    def forward(self, x: Tensor) -> Tensor:
        bumps = torch.exp(-((x[..., None] - self.grid) ** 2))  # type: ignore[operator]  # a buffer
        smooth = torch.einsum("nig,oig->no", bumps, self.spline)
        return F.silu(x) @ self.base.T + smooth


class KAN(nn.Module):
    """Three layers of splines."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([KANLinear(5, 8), KANLinear(8, 8), KANLinear(8, 2)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class GraphConv(nn.Module):
    """Averages neighbours by the adjacency of each graph."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, wider)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return adjacency @ self.linear(x)  # type: ignore[no-any-return]


class GraphNet(nn.Module):
    """A label of every graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = GraphConv(4, 8), GraphConv(8, 8)
        self.lin = nn.Linear(8, 2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        x = F.relu(self.conv1(x, adjacency))
        x = F.relu(self.conv2(x, adjacency))
        return self.lin(x.mean(1))  # type: ignore[no-any-return]


class Tagger(nn.Module):
    """A label of every word, by a recurrent network in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 6, num_layers=2, bidirectional=True, batch_first=True)
        self.dropout, self.hidden2tag = nn.Dropout(0.1), nn.Linear(12, 4)

    def forward(self, words: Tensor) -> Tensor:
        states, _ = self.lstm(self.word_embeddings(words))
        return F.log_softmax(self.hidden2tag(self.dropout(states)), -1)


class Siamese(nn.Module):
    """Two pictures through one trunk."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(196, 8),
            nn.ReLU(),
        )
        self.fc = nn.Linear(8, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.fc((self.trunk(first) - self.trunk(second)).abs())  # type: ignore[no-any-return]


class ConvAutoencoder(nn.Module):
    """Down to a code and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(128, 6),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(6, 128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4)),
            nn.ConvTranspose2d(8, 4, 2, 2), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, 2), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.encoder(x))  # type: ignore[no-any-return]


class WaveNet(nn.Module):
    """Gated convolutions with holes; the branches to the output are added."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Conv1d(1, 8, 1)
        self.filters = nn.ModuleList(nn.Conv1d(8, 8, 2, dilation=2**i) for i in range(3))
        self.gates = nn.ModuleList(nn.Conv1d(8, 8, 2, dilation=2**i) for i in range(3))
        self.residuals = nn.ModuleList(nn.Conv1d(8, 8, 1) for _ in range(3))
        self.skips = nn.ModuleList(nn.Conv1d(8, 6, 1) for _ in range(3))
        self.end1, self.end2 = nn.Conv1d(6, 6, 1), nn.Conv1d(6, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.start(x)
        total: Tensor | float = 0.0
        for i in range(3):
            padded = F.pad(x, (2**i, 0))
            gated = torch.tanh(self.filters[i](padded)) * torch.sigmoid(self.gates[i](padded))
            total = total + self.skips[i](gated)
            x = x + self.residuals[i](gated)
        return self.end2(F.relu(self.end1(F.relu(total))))  # type: ignore[no-any-return]


class TemporalBlock(nn.Module):
    """Two causal convolutions and what was given."""

    def __init__(self, width: int, wider: int, dilation: int) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.dilation = dilation
        self.conv1 = norm(nn.Conv1d(width, wider, 2, dilation=dilation))
        self.conv2 = norm(nn.Conv1d(wider, wider, 2, dilation=dilation))
        self.downsample = nn.Conv1d(width, wider, 1) if width != wider else None

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.conv1(F.pad(x, (self.dilation, 0))))
        out = F.relu(self.conv2(F.pad(out, (self.dilation, 0))))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class TCN(nn.Module):
    """A temporal convolutional network."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(
            TemporalBlock(2, 6, 1), TemporalBlock(6, 6, 2), TemporalBlock(6, 6, 4)
        )
        self.linear = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.network(x)[:, :, -1])  # type: ignore[no-any-return]


class CausalSelfAttention(nn.Module):
    """As in nanoGPT."""

    def __init__(self) -> None:
        super().__init__()
        self.c_attn, self.c_proj = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        rows, tokens, width = x.shape
        q, k, v = (
            part.view(rows, tokens, 2, 8).transpose(1, 2) for part in self.c_attn(x).split(16, 2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(rows, tokens, width))  # type: ignore[no-any-return]


class GPTBlock(nn.Module):
    """As in nanoGPT."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(16), CausalSelfAttention(), nn.LayerNorm(16)
        self.mlp = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class NanoGPT(nn.Module):
    """A dictionary of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(50, 16),
                "wpe": nn.Embedding(8, 16),
                "drop": nn.Dropout(0.0),
                "h": nn.ModuleList([GPTBlock() for _ in range(3)]),
                "ln_f": nn.LayerNorm(16),
            }
        )
        self.lm_head = nn.Linear(16, 50, bias=False)

    def forward(self, idx: Tensor) -> Tensor:
        parts = self.transformer
        x = parts["wte"](idx) + parts["wpe"](torch.arange(idx.shape[1]))
        x = parts["drop"](x)
        for block in parts["h"]:  # type: ignore[attr-defined]  # a list of modules
            x = block(x)
        return self.lm_head(parts["ln_f"](x))  # type: ignore[no-any-return]


class PositionalEncoding(nn.Module):
    """Sines and cosines, as in the tutorial of PyTorch."""

    pe: Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(8)[:, None] * torch.exp(-torch.arange(0, 16, 2) / 16 * math.log(1e4))
        self.dropout = nn.Dropout(0.1)
        self.register_buffer("pe", torch.stack([angles.sin(), angles.cos()], -1).flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(x + self.pe[: x.shape[1]])  # type: ignore[no-any-return]


class TextClassifier(nn.Module):
    """A transformer encoder of torch over words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.pos_encoder = nn.Embedding(50, 16), PositionalEncoding()
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.1, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.classifier = nn.Linear(16, 3)

    def forward(self, words: Tensor) -> Tensor:
        x = self.pos_encoder(self.embedding(words) * 4.0)
        return self.classifier(self.transformer_encoder(x).mean(1))  # type: ignore[no-any-return]


class AttentionSeq2Seq(nn.Module):
    """A recurrent encoder, a decoder step by step, attention between them."""

    def __init__(self) -> None:
        super().__init__()
        self.src_embed, self.tgt_embed = nn.Embedding(50, 8), nn.Embedding(50, 8)
        self.encoder, self.decoder = nn.GRU(8, 8, batch_first=True), nn.GRUCell(16, 8)
        self.score, self.out = nn.Linear(16, 1), nn.Linear(8, 50)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        states, last = self.encoder(self.src_embed(src))
        hidden, outputs = last[0], []
        for step in range(tgt.shape[1]):
            pairs = torch.cat([states, hidden[:, None].expand_as(states)], -1)
            weights = torch.softmax(self.score(pairs), 1)
            context = (weights * states).sum(1)
            hidden = self.decoder(torch.cat([self.tgt_embed(tgt[:, step]), context], 1), hidden)
            outputs.append(self.out(hidden))
        return torch.stack(outputs, 1)


class DeepSets(nn.Module):
    """A function of a set."""

    def __init__(self) -> None:
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
        self.rho = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.rho(self.phi(x).sum(1))  # type: ignore[no-any-return]


class PointNet(nn.Module):
    """Turns its points before it looks at them."""

    def __init__(self) -> None:
        super().__init__()
        self.stn = nn.Sequential(
            nn.Conv1d(3, 8, 1), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten()
        )
        self.stn_fc = nn.Linear(8, 9)
        self.conv1, self.bn1 = nn.Conv1d(3, 8, 1), nn.BatchNorm1d(8)
        self.conv2, self.bn2 = nn.Conv1d(8, 16, 1), nn.BatchNorm1d(16)
        self.fc1, self.fc2 = nn.Linear(16, 8), nn.Linear(8, 4)

    def forward(self, points: Tensor) -> Tensor:
        turn = self.stn_fc(self.stn(points)).view(-1, 3, 3) + torch.eye(3)
        x = torch.bmm(points.transpose(1, 2), turn).transpose(1, 2)
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x)).max(2).values
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), 1)


class Highway(nn.Module):
    """Gates between what is given and what is made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = nn.Linear(5, 8)
        self.transforms = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.gates = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.out = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.inp(x))
        for transform, gate in zip(self.transforms, self.gates, strict=True):
            opened = torch.sigmoid(gate(x))
            x = opened * torch.relu(transform(x)) + (1 - opened) * x
        return self.out(x)  # type: ignore[no-any-return]


class SineLayer(nn.Module):
    """A linear layer and a sine."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, wider)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(3.0 * self.linear(x))


def siren() -> nn.Module:
    """A picture as a function of its places."""
    return nn.Sequential(SineLayer(2, 8), SineLayer(8, 8), SineLayer(8, 8), nn.Linear(8, 1))


class AffineCoupling(nn.Module):
    """One half scales and shifts the other."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first, second = x.chunk(2, 1)
        scale, shift = self.net(first).chunk(2, 1)
        scale = torch.tanh(scale)
        return torch.cat([second * scale.exp() + shift, first], 1), scale.sum(1)


class RealNVP(nn.Module):
    """A flow; it returns where a row goes, and the logarithm of the volume."""

    def __init__(self) -> None:
        super().__init__()
        self.flows = nn.ModuleList(AffineCoupling() for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        total = x.new_zeros(len(x))
        for flow in self.flows:
            x, volume = flow(x)
            total = total + volume
        return x, total


class MoELayer(nn.Module):
    """Experts weighed by a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for _ in range(3)
        )
        self.gate = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.gate(x), -1)
        made = torch.stack([expert(x) for expert in self.experts], 1)
        return (weights[..., None] * made).sum(1)


class MixtureOfExperts(nn.Module):
    """Two layers of experts."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.moe1, self.moe2 = nn.Linear(5, 8), MoELayer(), MoELayer()
        self.out = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.inp(x))
        return self.out(self.moe2(torch.relu(self.moe1(x))))  # type: ignore[no-any-return]


class DLRM(nn.Module):
    """Categories by embeddings, amounts by an MLP, their products."""

    def __init__(self) -> None:
        super().__init__()
        self.emb_l = nn.ModuleList(nn.EmbeddingBag(50, 4, mode="sum") for _ in range(3))
        self.bot_l = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
        self.top_l = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())

    def forward(self, dense: Tensor, sparse: Tensor) -> Tensor:
        amounts = self.bot_l(dense)
        categories = [bag(sparse[:, i : i + 1]) for i, bag in enumerate(self.emb_l)]
        every = torch.stack([amounts, *categories], 1)
        products = torch.bmm(every, every.transpose(1, 2))
        first, second = torch.tril_indices(4, 4, -1)
        return self.top_l(torch.cat([amounts, products[:, first, second]], 1))  # type: ignore[no-any-return]


class ActorCritic(nn.Module):
    """What to do, and what it is worth."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
        self.actor, self.critic = nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        features = self.shared(state)
        return torch.softmax(self.actor(features), -1), self.critic(features)


class DuelingDQN(nn.Module):
    """A value and advantages."""

    def __init__(self) -> None:
        super().__init__()
        self.feature = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.advantage = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
        self.value = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, state: Tensor) -> Tensor:
        features = self.feature(state)
        advantage, value = self.advantage(features), self.value(features)
        return value + advantage - advantage.mean(-1, keepdim=True)  # type: ignore[no-any-return]


class CharRNN(nn.Module):
    """Letters in one hot, a GRU, the last state."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.fc = nn.GRU(50, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, letters: Tensor) -> Tensor:
        _, hidden = self.gru(F.one_hot(letters, 50).float())
        return self.fc(hidden[-1])  # type: ignore[no-any-return]


class TextCNN(nn.Module):
    """Convolutions of several widths over words."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.convs = nn.ModuleList(nn.Conv1d(8, 4, width) for width in (2, 3, 4))
        self.fc = nn.Linear(12, 2)

    def forward(self, words: Tensor) -> Tensor:
        x = self.embedding(words).transpose(1, 2)
        pooled = [F.relu(conv(x)).max(2).values for conv in self.convs]
        return self.fc(torch.cat(pooled, 1))  # type: ignore[no-any-return]


class NeuralCF(nn.Module):
    """Users and items, by a product and by an MLP."""

    def __init__(self) -> None:
        super().__init__()
        self.user_mf, self.item_mf = nn.Embedding(50, 4), nn.Embedding(50, 4)
        self.user_mlp, self.item_mlp = nn.Embedding(50, 4), nn.Embedding(50, 4)
        self.mlp = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
        self.predict = nn.Linear(8, 1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        product = self.user_mf(user) * self.item_mf(item)
        deep = self.mlp(torch.cat([self.user_mlp(user), self.item_mlp(item)], -1))
        return torch.sigmoid(self.predict(torch.cat([product, deep], -1))).squeeze(-1)


def _net(build: Callable[[], nn.Module], inputs: object) -> Network:
    return Network("torch", build, inputs)


_PICTURES = amounts(3, 16, 16)
_GRAPHS = torch.softmax(amounts(6, 6), -1)
HANDWRITTEN = {
    "LeNet": _net(LeNet, amounts(1, 28, 28)),
    "VGG": _net(VGG, _PICTURES),
    "ResNet18": _net(ResNet18, amounts(3, 32, 32)),
    "GoogLeNet": _net(GoogLeNet, _PICTURES),
    "MBNet": _net(MBNet, _PICTURES),
    "DenseNet121": _net(DenseNet121, amounts(3, 8, 8)),
    "discriminator": _net(discriminator, _PICTURES),
    "PatchDiscriminator": _net(PatchDiscriminator, (_PICTURES, _PICTURES.flip(0))),
    "SegmentationUNet": _net(SegmentationUNet, _PICTURES),
    "DiffusionUNet": _net(DiffusionUNet, (_PICTURES, torch.arange(1.0, ROWS + 1))),
    "OwnMixer": _net(OwnMixer, amounts(3, 32, 32)),
    "KAN": _net(KAN, amounts(5)),
    "GraphNet": _net(GraphNet, (amounts(6, 4), _GRAPHS)),
    "Tagger": _net(Tagger, TOKENS),
    "Siamese": _net(Siamese, (_PICTURES[:, :1], _PICTURES[:, 1:2])),
    "ConvAutoencoder": _net(ConvAutoencoder, _PICTURES[:, :1]),
    "WaveNet": _net(WaveNet, amounts(1, 10)),
    "TCN": _net(TCN, amounts(2, 10)),
    "NanoGPT": _net(NanoGPT, TOKENS),
    "TextClassifier": _net(TextClassifier, TOKENS),
    "AttentionSeq2Seq": _net(AttentionSeq2Seq, (TOKENS, TOKENS.flip(1))),
    "DeepSets": _net(DeepSets, amounts(6, 3)),
    "PointNet": _net(PointNet, amounts(3, 7)),
    "Highway": _net(Highway, amounts(5)),
    "siren": _net(siren, amounts(2)),
    "RealNVP": _net(RealNVP, amounts(6)),
    "MixtureOfExperts": _net(MixtureOfExperts, amounts(5)),
    "DLRM": _net(DLRM, (amounts(5), TOKENS[:, :3])),
    "ActorCritic": _net(ActorCritic, amounts(4)),
    "DuelingDQN": _net(DuelingDQN, amounts(4)),
    "CharRNN": _net(CharRNN, TOKENS),
    "TextCNN": _net(TextCNN, TOKENS),
    "NeuralCF": _net(NeuralCF, (TOKENS[:, 0], TOKENS[:, 1])),
}
"""By name."""
