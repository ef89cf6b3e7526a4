"""Networks as a student, a teacher or a package would write them, named after the third round."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.hugging_face import TEXT, made
from zoo.kinds import ROWS, TOKENS, Network, amounts

_PICTURES = amounts(3, 32, 32)
_TIMES = torch.linspace(0.1, 0.9, ROWS)


class FlatGPT(nn.Module):
    """A language model in one class: lists of layers, and everything in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 16), nn.Embedding(8, 16)
        self.norms1 = nn.ModuleList([nn.LayerNorm(16) for _ in range(3)])
        self.qkv = nn.ModuleList([nn.Linear(16, 48) for _ in range(3)])
        self.mix = nn.ModuleList([nn.Linear(16, 16) for _ in range(3)])
        self.norms2 = nn.ModuleList([nn.LayerNorm(16) for _ in range(3)])
        self.up = nn.ModuleList([nn.Linear(16, 32) for _ in range(3)])
        self.down = nn.ModuleList([nn.Linear(32, 16) for _ in range(3)])
        self.last = nn.LayerNorm(16)
        self.head = nn.Linear(16, 50, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for layer in range(3):
            q, k, v = self.qkv[layer](self.norms1[layer](x)).chunk(3, -1)
            x = x + self.mix[layer](F.scaled_dot_product_attention(q, k, v, is_causal=True))
            x = x + self.down[layer](F.gelu(self.up[layer](self.norms2[layer](x))))
        return self.head(self.last(x))  # type: ignore[no-any-return]


class UniversalTransformer(nn.Module):
    """One layer again and again, with a vector for the step, and two tied tables."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.steps = nn.Embedding(50, 16), nn.Embedding(4, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.norm = nn.LayerNorm(16)
        self.out = nn.Linear(16, 50, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for step in range(4):
            x = self.layer(x + self.steps(torch.tensor(step)))
        return self.out(self.norm(x))  # type: ignore[no-any-return]


class Expert(nn.Module):
    """Two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.w1, self.w2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.w2(F.silu(self.w1(x)))  # type: ignore[no-any-return]


class SparseMoE(nn.Module):
    """Every token goes to two of four experts."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 4, bias=False)
        self.experts = nn.ModuleList([Expert(width) for _ in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        weights, chosen = self.gate(flat).softmax(-1).topk(2, -1)
        out = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            token, place = torch.where(chosen == number)
            out[token] += weights[token, place, None] * expert(flat[token])
        return out.view_as(x)


class MoEBlock(nn.Module):
    """Attention, then experts."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.moe = SparseMoE()

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, h, need_weights=False)[0]
        return x + self.moe(self.norm2(x))  # type: ignore[no-any-return]


class MoETransformer(nn.Module):
    """A language model whose feed-forward layers are mixtures of experts."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.blocks = nn.Sequential(MoEBlock(), MoEBlock())
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 50)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.embed(ids))))  # type: ignore[no-any-return]


class ConvPair(nn.Module):
    """Two convolutions of a U-Net."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after),
            nn.ReLU(inplace=True), nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after), nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]


class UNetInLists(nn.Module):
    """The way up is one list in which a layer that widens and a pair take turns."""

    def __init__(self) -> None:
        super().__init__()
        self.downs = nn.ModuleList([ConvPair(3, 4), ConvPair(4, 8)])
        self.pool, self.bottleneck = nn.MaxPool2d(2), ConvPair(8, 16)
        self.ups = nn.ModuleList(
            [nn.ConvTranspose2d(16, 8, 2, 2), ConvPair(16, 8), nn.ConvTranspose2d(8, 4, 2, 2),
             ConvPair(8, 4)]
        )  # fmt: skip
        self.final_conv = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for place in range(0, len(self.ups), 2):
            x = self.ups[place](x)
            x = self.ups[place + 1](torch.cat([skips.pop(), x], 1))
        return self.final_conv(x)  # type: ignore[no-any-return]


class Bottle(nn.Module):
    """Two convolutions and what was given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class Exchange(nn.Module):
    """Blocks in every branch, then every branch is given to every other; takes and gives a list."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [nn.Sequential(Bottle(4), Bottle(4)), nn.Sequential(Bottle(8), Bottle(8))]
        )
        self.down = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.BatchNorm2d(8))
        self.up = nn.Sequential(nn.Conv2d(8, 4, 1), nn.BatchNorm2d(4), nn.Upsample(scale_factor=2))

    def forward(self, given: list[Tensor]) -> list[Tensor]:
        high, low = (branch(x) for branch, x in zip(self.branches, given, strict=True))
        return [F.relu(high + self.up(low)), F.relu(low + self.down(high))]


class HighResolutionNet(nn.Module):
    """Two resolutions side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
        self.transition = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.stages = nn.ModuleList([Exchange(), Exchange()])
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        branches = [x, self.transition(x)]
        for stage in self.stages:
            branches = stage(branches)
        return self.head(torch.cat([y.mean((2, 3)) for y in branches], 1))  # type: ignore[no-any-return]


def sequential_of_sequentials() -> nn.Module:
    """A network of a first exercise."""

    def stage(before: int, after: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(),
            nn.MaxPool2d(2),
        )  # fmt: skip

    features = nn.Sequential(stage(3, 4), stage(4, 8), stage(8, 8))
    head = nn.Sequential(
        nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 5)
    )
    return nn.Sequential(features, head)


class PreActivation(nn.Module):
    """A block of a wide residual network: normalise, squash, convolve, twice."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.relu1 = nn.BatchNorm2d(before), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn2, self.relu2 = nn.BatchNorm2d(after), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.shortcut = None if before == after else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu1(self.bn1(x))
        skip = x if self.shortcut is None else self.shortcut(h)
        return skip + self.conv2(self.relu2(self.bn2(self.conv1(h))))  # type: ignore[no-any-return]


class BlockGroup(nn.Module):
    """A stage, as the original code has it."""

    def __init__(self, before: int, after: int, stride: int, count: int) -> None:
        super().__init__()
        blocks = [PreActivation(before, after, stride)]
        blocks += [PreActivation(after, after, 1) for _ in range(count - 1)]
        self.layer = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)  # type: ignore[no-any-return]


class WideResNet(nn.Module):
    """Three stages, of one, one and two blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.block1 = BlockGroup(4, 8, 1, 1)
        self.block2 = BlockGroup(8, 16, 2, 1)
        self.block3 = BlockGroup(16, 32, 2, 2)
        self.bn1, self.relu, self.fc = nn.BatchNorm2d(32), nn.ReLU(inplace=True), nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        x = self.relu(self.bn1(x))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))  # type: ignore[no-any-return]


class ConvBNLeaky(nn.Module):
    """The unit of Darknet."""

    def __init__(self, before: int, after: int, size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
        self.bn, self.act = nn.BatchNorm2d(after), nn.LeakyReLU(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class TinyYolo(nn.Module):
    """Boxes at two resolutions, as a list."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone1 = nn.Sequential(ConvBNLeaky(3, 4), nn.MaxPool2d(2), ConvBNLeaky(4, 8))
        self.backbone2 = nn.Sequential(nn.MaxPool2d(2), ConvBNLeaky(8, 16), ConvBNLeaky(16, 8, 1))
        self.lateral = ConvBNLeaky(8, 8, 1)
        self.merge = ConvBNLeaky(16, 8)
        self.detect_small, self.detect_large = nn.Conv2d(8, 6, 1), nn.Conv2d(8, 6, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        fine = self.backbone1(x)
        coarse = self.backbone2(fine)
        up = F.interpolate(self.lateral(coarse), scale_factor=2)
        merged = self.merge(torch.cat([fine, up], 1))
        return [self.detect_large(coarse), self.detect_small(merged)]


class M5(nn.Module):
    """Raw sound, as in the tutorial of torchaudio."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.pool1 = (
            nn.Conv1d(1, 4, 16, 4),
            nn.BatchNorm1d(4),
            nn.MaxPool1d(2),
        )
        self.conv2, self.bn2, self.pool2 = nn.Conv1d(4, 4, 3), nn.BatchNorm1d(4), nn.MaxPool1d(2)
        self.conv3, self.bn3, self.pool3 = nn.Conv1d(4, 8, 3), nn.BatchNorm1d(8), nn.MaxPool1d(2)
        self.fc1 = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(F.relu(self.bn1(self.conv1(x))))
        x = self.pool2(F.relu(self.bn2(self.conv2(x))))
        x = self.pool3(F.relu(self.bn3(self.conv3(x))))
        x = F.avg_pool1d(x, x.shape[-1]).permute(0, 2, 1)
        return F.log_softmax(self.fc1(x), dim=2)


class SeparationBlock(nn.Module):
    """A convolution with holes; gives what goes on and what goes to the mask."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv1d, self.act1, self.norm1 = nn.Conv1d(8, 16, 1), nn.PReLU(), nn.GroupNorm(1, 16)
        self.dconv = nn.Conv1d(16, 16, 3, padding=dilation, dilation=dilation, groups=16)
        self.act2, self.norm2 = nn.PReLU(), nn.GroupNorm(1, 16)
        self.res_out, self.skip_out = nn.Conv1d(16, 8, 1), nn.Conv1d(16, 8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.norm1(self.act1(self.conv1d(x)))
        h = self.norm2(self.act2(self.dconv(h)))
        return x + self.res_out(h), self.skip_out(h)


class ConvTasNet(nn.Module):
    """Two voices out of one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Conv1d(1, 12, 8, 4, bias=False)
        self.norm, self.bottleneck = nn.GroupNorm(1, 12), nn.Conv1d(12, 8, 1)
        self.blocks = nn.ModuleList([SeparationBlock(2**power) for power in range(3)])
        self.prelu, self.mask = nn.PReLU(), nn.Conv1d(8, 24, 1)
        self.decoder = nn.ConvTranspose1d(12, 1, 8, 4, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        code = F.relu(self.encoder(x))
        h, skips = self.bottleneck(self.norm(code)), 0.0
        for block in self.blocks:
            h, skip = block(h)
            skips = skips + skip
        masks = torch.sigmoid(self.mask(self.prelu(skips))).view(len(x), 2, 12, -1)
        voices = (masks * code[:, None]).flatten(0, 1)
        return self.decoder(voices).view(len(x), 2, -1)  # type: ignore[no-any-return]


class GINLayer(nn.Module):
    """Sums neighbours, then an MLP."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.eps = nn.Parameter(torch.zeros(1))
        self.mlp = nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Linear(after, after))

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        return self.mlp((1 + self.eps) * x + adjacency @ x)  # type: ignore[no-any-return]


class GIN(nn.Module):
    """A label of a graph, from all layers."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([GINLayer(4, 8), GINLayer(8, 8), GINLayer(8, 8)])
        self.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(3)])
        self.lin1, self.lin2 = nn.Linear(24, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        pooled = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x, adjacency)))
            pooled.append(x.sum(1))
        return self.lin2(F.relu(self.lin1(torch.cat(pooled, 1))))  # type: ignore[no-any-return]


class MPNN(nn.Module):
    """Messages along edges, an update by a GRU, three times the same."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.message = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 8))
        self.update = nn.GRUCell(8, 8)
        self.readout = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        rows, count, _ = nodes.shape
        h = torch.tanh(self.embed(nodes))
        for _ in range(3):
            pairs = torch.cat(
                [h[:, :, None].expand(-1, -1, count, -1), h[:, None].expand(-1, count, -1, -1)], -1
            )
            gathered = (adjacency[..., None] * self.message(pairs)).sum(2)
            h = self.update(gathered.view(-1, 8), h.reshape(-1, 8)).view(rows, count, 8)
        return self.readout(h.mean(1))  # type: ignore[no-any-return]


class NBeatsBlock(nn.Module):
    """What explains the past, and what it says of the future."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(10, 16), nn.Linear(16, 16)
        self.backcast, self.forecast = nn.Linear(16, 10), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.backcast(h), self.forecast(h)


class NBeats(nn.Module):
    """Takes away from the past what is explained, and adds up the future."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([NBeatsBlock() for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor | float = 0.0
        for block in self.blocks:
            back, ahead = block(x)
            x = x - back
            total = total + ahead
        assert isinstance(total, Tensor)
        return total


class LSTNet(nn.Module):
    """A convolution, two recurrent layers (one skips), and a linear way around them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, (3, 4))
        self.gru1, self.gru_skip = nn.GRU(8, 8), nn.GRU(8, 4)
        self.linear1, self.highway = nn.Linear(16, 4), nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = len(x)
        c = F.relu(self.conv1(x[:, None])).squeeze(3)
        r = self.gru1(c.permute(2, 0, 1))[1][0]
        s = c[:, :, -8:].reshape(rows, 8, 4, 2).permute(2, 0, 3, 1).reshape(4, rows * 2, 8)
        s = self.gru_skip(s)[1].view(rows, 8)
        out = self.linear1(torch.cat([r, s], 1))
        ahead = self.highway(x[:, -5:].permute(0, 2, 1).reshape(-1, 5)).view(rows, 4)
        return out + ahead  # type: ignore[no-any-return]


class AdaLNBlock(nn.Module):
    """A block of a diffusion transformer: scaled, shifted and gated by the condition."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(16, elementwise_affine=False)
        self.attn = nn.MultiheadAttention(16, 2, batch_first=True)
        self.norm2 = nn.LayerNorm(16, elementwise_affine=False)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(16, 96))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(c)[:, None].chunk(
            6, -1
        )
        h = self.norm1(x) * (1 + scale1) + shift1
        x = x + gate1 * self.attn(h, h, h, need_weights=False)[0]
        return x + gate2 * self.mlp(self.norm2(x) * (1 + scale2) + shift2)  # type: ignore[no-any-return]


class HandDiT(nn.Module):
    """A diffusion transformer over patches, a time and a class."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 8, 8)
        self.pos_embed = nn.Parameter(torch.randn(1, 16, 16))
        self.t_embedder = nn.Sequential(nn.Linear(8, 16), nn.SiLU(), nn.Linear(16, 16))
        self.y_embedder = nn.Embedding(10, 16)
        self.blocks = nn.ModuleList([AdaLNBlock(), AdaLNBlock(), AdaLNBlock()])
        self.final_norm, self.final = nn.LayerNorm(16), nn.Linear(16, 192)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        waves = t[:, None] * torch.arange(1, 5)
        c = self.t_embedder(torch.cat([waves.sin(), waves.cos()], -1)) + self.y_embedder(y)
        h = self.patches(x).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            h = block(h, c)
        return F.fold(self.final(self.final_norm(h)).transpose(1, 2), 32, 8, stride=8)


class TimeDense(nn.Module):
    """A vector, added to a map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(8, width)

    def forward(self, t: Tensor) -> Tensor:
        return self.dense(t)[..., None, None]  # type: ignore[no-any-return]


class ScoreNet(nn.Module):
    """A score by a U-Net in one forward, as in the tutorial of score-based models."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(8, 8), nn.SiLU())
        self.conv1, self.dense1, self.gnorm1 = (
            nn.Conv2d(1, 8, 3, 1, 1),
            TimeDense(8),
            nn.GroupNorm(4, 8),
        )
        self.conv2, self.dense2 = nn.Conv2d(8, 16, 3, 2, 1), TimeDense(16)
        self.gnorm2 = nn.GroupNorm(4, 16)
        self.conv3, self.dense3 = nn.Conv2d(16, 32, 3, 2, 1), TimeDense(32)
        self.gnorm3 = nn.GroupNorm(4, 32)
        self.tconv3, self.dense4 = nn.ConvTranspose2d(32, 16, 2, 2), TimeDense(16)
        self.tgnorm3 = nn.GroupNorm(4, 16)
        self.tconv2, self.dense5 = nn.ConvTranspose2d(32, 8, 2, 2), TimeDense(8)
        self.tgnorm2 = nn.GroupNorm(4, 8)
        self.tconv1 = nn.Conv2d(16, 1, 3, 1, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        waves = t[:, None] * torch.arange(1, 5)
        embed = self.embed(torch.cat([waves.sin(), waves.cos()], -1))
        h1 = F.silu(self.gnorm1(self.conv1(x) + self.dense1(embed)))
        h2 = F.silu(self.gnorm2(self.conv2(h1) + self.dense2(embed)))
        h3 = F.silu(self.gnorm3(self.conv3(h2) + self.dense3(embed)))
        h = F.silu(self.tgnorm3(self.tconv3(h3) + self.dense4(embed)))
        h = F.silu(self.tgnorm2(self.tconv2(torch.cat([h, h2], 1)) + self.dense5(embed)))
        h = self.tconv1(torch.cat([h, h1], 1))
        return h / t[:, None, None, None]  # type: ignore[no-any-return]


class DeepFM(nn.Module):
    """Fields by name, their products, and an MLP over all."""

    def __init__(self) -> None:
        super().__init__()
        fields = ("user", "item", "hour")
        self.embeddings = nn.ModuleDict({field: nn.Embedding(50, 4) for field in fields})
        self.first_order = nn.ModuleDict({field: nn.Embedding(50, 1) for field in fields})
        self.mlp = nn.Sequential(
            nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 8),
            nn.ReLU(), nn.Linear(8, 1),
        )  # fmt: skip

    def forward(self, user: Tensor, item: Tensor, hour: Tensor) -> Tensor:
        fields = {"user": user, "item": item, "hour": hour}
        v = torch.stack([self.embeddings[name](ids) for name, ids in fields.items()], 1)
        first = sum(self.first_order[name](ids) for name, ids in fields.items())
        second = 0.5 * (v.sum(1) ** 2 - (v**2).sum(1)).sum(1, keepdim=True)
        return torch.sigmoid(first + second + self.mlp(v.flatten(1)))


class OwnCLIP(nn.Module):
    """Pictures by convolutions, words by a transformer, and how each fits each."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), Bottle(8), Bottle(8), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )  # fmt: skip
        self.token_embedding = nn.Embedding(50, 16)
        self.positional_embedding = nn.Parameter(torch.randn(6, 16))
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.ln_final = nn.LayerNorm(16)
        self.image_projection, self.text_projection = nn.Linear(8, 8), nn.Linear(16, 8)
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, image: Tensor, ids: Tensor) -> Tensor:
        seen = F.normalize(self.image_projection(self.visual(image)), dim=-1)
        words = self.transformer(self.token_embedding(ids) + self.positional_embedding)
        read = F.normalize(self.text_projection(self.ln_final(words)[:, -1]), dim=-1)
        return self.logit_scale.exp() * seen @ read.T  # type: ignore[no-any-return]


class PlainTransformer(nn.Module):
    """Numbers over time, by the encoder of torch; a class and an amount come out."""

    def __init__(self) -> None:
        super().__init__()
        self.input_proj = nn.Linear(5, 16)
        layer = nn.TransformerEncoderLayer(
            16, 2, 32, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False
        )
        self.heads = nn.ModuleDict({"label": nn.Linear(16, 3), "amount": nn.Linear(16, 1)})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.encoder(self.input_proj(x)).mean(1)
        return {name: head(h) for name, head in self.heads.items()}


def in_parallel() -> nn.Module:
    """As many still wrap what they train."""
    return nn.DataParallel(PlainTransformer())


def compiled() -> nn.Module:
    """A wide residual network, compiled."""
    network: nn.Module = torch.compile(WideResNet(), backend="eager")  # type: ignore[assignment]
    return network


class Sentiment(nn.Module):
    """An LSTM over words, as in the tutorial of dynamic quantisation."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.rnn = nn.Embedding(50, 16), nn.LSTM(16, 16, 2, batch_first=True)
        self.fc1, self.relu, self.fc2 = nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2)

    def forward(self, ids: Tensor) -> Tensor:
        states, _ = self.rnn(self.encoder(ids))
        return self.fc2(self.relu(self.fc1(states[:, -1])))  # type: ignore[no-any-return]


def adapted() -> nn.Module:
    """A BERT of a task with low-rank additions."""
    peft, transformers = importlib.import_module("peft"), importlib.import_module("transformers")
    plain = transformers.BertForSequenceClassification(transformers.BertConfig(**TEXT))
    config = peft.LoraConfig(r=2, target_modules=["query", "value"], task_type="SEQ_CLS")
    network: nn.Module = peft.get_peft_model(plain, config)
    return network


def float_halves() -> nn.Module:
    """A sentiment network whose linear layers are in eight bits."""
    with_eight_bits: nn.Module = torch.ao.quantization.quantize_dynamic(
        Sentiment().eval(), {nn.Linear}, dtype=torch.qint8
    )
    return with_eight_bits


def _net(build: Callable[[], nn.Module], inputs: object, package: str = "torch") -> Network:
    return Network(package, build, inputs)


_GRAPHS = (amounts(6, 4), torch.softmax(amounts(6, 6), -1))
_SPEECH = {
    **TEXT,
    "apply_spec_augment": False,
    "conv_dim": (8, 8),
    "conv_stride": (4, 2),
    "conv_kernel": (8, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 5,
    "num_conv_pos_embedding_groups": 2,
    "conv_pos_kernel_size": 3,
}


def detector() -> nn.Module:
    """DETR over a small residual network."""
    transformers = importlib.import_module("transformers")
    backbone = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic",
        out_features=["stage2"],
    )  # fmt: skip
    config = transformers.DetrConfig(
        backbone_config=backbone, use_timm_backbone=False, backbone=None, d_model=16,
        encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=5, num_labels=3,
    )  # fmt: skip
    network: nn.Module = transformers.DetrForObjectDetection(config)
    return network


def segmenter() -> nn.Module:
    """UperNet over a small ConvNeXt."""
    transformers = importlib.import_module("transformers")
    backbone = transformers.ConvNextConfig(
        hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 2, 1],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    config = transformers.UperNetConfig(
        backbone_config=backbone, hidden_size=8, num_labels=3, use_auxiliary_head=False
    )
    network: nn.Module = transformers.UperNetForSemanticSegmentation(config)
    return network


UNSEEN_FOURTH: dict[str, Network] = {
    "FlatGPT": _net(FlatGPT, TOKENS),
    "UniversalTransformer": _net(UniversalTransformer, TOKENS),
    "LoRA BertForSequenceClassification": _net(adapted, {"input_ids": TOKENS}, "peft"),
    "MoETransformer": _net(MoETransformer, TOKENS),
    "DetrForObjectDetection": _net(detector, {"pixel_values": _PICTURES}, "transformers"),
    "UperNetForSemanticSegmentation": _net(
        segmenter, {"pixel_values": amounts(3, 64, 64)}, "transformers"
    ),
    "UNetInLists": _net(UNetInLists, _PICTURES),
    "HighResolutionNet": _net(HighResolutionNet, _PICTURES),
    "sequential of sequentials": _net(sequential_of_sequentials, _PICTURES),
    "WideResNet": _net(WideResNet, _PICTURES),
    "TinyYolo": _net(TinyYolo, _PICTURES),
    "M5": _net(M5, amounts(1, 256)),
    "ConvTasNet": _net(ConvTasNet, amounts(1, 64)),
    "Data2VecAudioModel": made("Data2VecAudioModel", _SPEECH, {"input_values": amounts(256)}),
    "GIN": _net(GIN, _GRAPHS),
    "MPNN": _net(MPNN, _GRAPHS),
    "NBeats": _net(NBeats, amounts(10)),
    "LSTNet": _net(LSTNet, amounts(12, 4)),
    "HandDiT": _net(HandDiT, (_PICTURES, _TIMES, TOKENS[:, 0] % 10)),
    "ScoreNet": _net(ScoreNet, (amounts(1, 16, 16), _TIMES)),
    "DeepFM": _net(DeepFM, (TOKENS[:, 0], TOKENS[:, 1], TOKENS[:, 2])),
    "OwnCLIP": _net(OwnCLIP, (_PICTURES, TOKENS)),
    "quantised sentiment": _net(float_halves, TOKENS),
    "compiled WideResNet": _net(compiled, _PICTURES),
    "DataParallel transformer": _net(in_parallel, amounts(6, 5)),
}
"""By name; tests/zoo/unseen_fourth.json says what should be taken of each."""
