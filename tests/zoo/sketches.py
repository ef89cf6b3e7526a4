"""More networks as people write them by hand, named after the rule of `auto` had been mended."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo.kinds import TOKENS, Network, amounts


class AlexNet(nn.Module):
    """Features, a flat view, a classifier that begins with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 5, 2, 2), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(128, 16), nn.ReLU(inplace=True),
            nn.Dropout(), nn.Linear(16, 16), nn.ReLU(inplace=True), nn.Linear(16, 5),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return self.classifier(x.view(len(x), -1))  # type: ignore[no-any-return]


class Fire(nn.Module):
    """Squeezes, then expands in two ways."""

    def __init__(self, width: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, narrow, 1)
        self.expand1x1 = nn.Conv2d(narrow, wide, 1)
        self.expand3x3 = nn.Conv2d(narrow, wide, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


class SqueezeNet(nn.Module):
    """Fire modules and a convolution as the head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.ReLU(inplace=True),
            Fire(8, 4, 4),
            nn.MaxPool2d(2),
            Fire(8, 4, 8),
        )
        self.final = nn.Conv2d(16, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.final(F.dropout(self.features(x), training=self.training)))
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


class SeparableConv(nn.Module):
    """By depth, then by point."""

    def __init__(self, width: int, wider: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, stride, 1, groups=width)
        self.pointwise = nn.Conv2d(width, wider, 1)
        self.bn = nn.BatchNorm2d(wider)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.pointwise(self.depthwise(x))))


class MobileNet(nn.Module):
    """A row of separable convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
        self.sep1, self.sep2, self.sep3 = (
            SeparableConv(4, 8, 1),
            SeparableConv(8, 12, 2),
            SeparableConv(12, 16, 1),
        )
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.sep3(self.sep2(self.sep1(self.conv1(x))))
        return self.fc(x.mean([2, 3]))  # type: ignore[no-any-return]


class FeaturePyramid(nn.Module):
    """Coarse maps are brought up and added to fine ones."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
        self.c2 = nn.Sequential(nn.Conv2d(4, 8, 3, 2, 1), nn.ReLU())
        self.c3 = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.lateral1, self.lateral2 = nn.Conv2d(4, 6, 1), nn.Conv2d(8, 6, 1)
        self.top, self.head = nn.Conv2d(8, 6, 1), nn.Conv2d(6, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        c1 = self.c1(x)
        c2 = self.c2(c1)
        p3 = self.top(self.c3(c2))
        p2 = self.lateral2(c2) + F.interpolate(p3, scale_factor=2)
        p1 = self.lateral1(c1) + F.interpolate(p2, scale_factor=2)
        return self.head(p1)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Of a generator."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8), nn.ReLU(),
            nn.ReflectionPad2d(1), nn.Conv2d(8, 8, 3), nn.InstanceNorm2d(8),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x)  # type: ignore[no-any-return]


def cycle_gan() -> nn.Module:
    """A generator: down, residual blocks, up."""
    return nn.Sequential(
        nn.ReflectionPad2d(3), nn.Conv2d(3, 4, 7), nn.InstanceNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 8, 3, 2, 1), nn.InstanceNorm2d(8), nn.ReLU(),
        ResidualBlock(), ResidualBlock(),
        nn.ConvTranspose2d(8, 4, 3, 2, 1, 1), nn.InstanceNorm2d(4), nn.ReLU(),
        nn.ReflectionPad2d(3), nn.Conv2d(4, 3, 7), nn.Tanh(),
    )  # fmt: skip


class ConditionalGenerator(nn.Module):
    """Noise and a label."""

    def __init__(self) -> None:
        super().__init__()
        self.label_emb = nn.Embedding(50, 4)
        self.model = nn.Sequential(
            nn.Linear(12, 16), nn.LeakyReLU(0.2), nn.Linear(16, 32), nn.BatchNorm1d(32),
            nn.LeakyReLU(0.2), nn.Linear(32, 16), nn.Tanh(),
        )  # fmt: skip

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        picture = self.model(torch.cat([self.label_emb(labels), noise], -1))
        return picture.view(len(noise), 1, 4, 4)  # type: ignore[no-any-return]


class VectorQuantiser(nn.Module):
    """The nearest code of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.codebook = nn.Embedding(8, 4)

    def forward(self, z: Tensor) -> Tensor:
        flat = z.permute(0, 2, 3, 1).reshape(-1, 4)
        nearest = torch.cdist(flat, self.codebook.weight).argmin(1)
        codes = self.codebook(nearest).view(len(z), z.shape[2], z.shape[3], 4).permute(0, 3, 1, 2)
        return z + (codes - z).detach()  # type: ignore[no-any-return]


class VQVAE(nn.Module):
    """An encoder, a table of codes, a decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))
        self.quantise = VectorQuantiser()
        self.decoder = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(self.quantise(self.encoder(x)))  # type: ignore[no-any-return]


class AttentionLSTM(nn.Module):
    """A recurrent classifier that looks at all of its states."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.rnn = nn.LSTM(8, 6, bidirectional=True, batch_first=True)
        self.attn, self.fc = nn.Linear(12, 1), nn.Linear(12, 3)

    def forward(self, words: Tensor) -> Tensor:
        states, _ = self.rnn(self.embed(words))
        weights = torch.softmax(self.attn(states).squeeze(-1), -1)
        return self.fc(torch.bmm(weights[:, None], states).squeeze(1))  # type: ignore[no-any-return]


class CRNN(nn.Module):
    """Convolutions read a line of text, a recurrent network follows them."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            nn.Conv2d(1, 4, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d((4, 1)),
        )  # fmt: skip
        self.rnn = nn.GRU(8, 6, bidirectional=True, batch_first=True)
        self.classifier = nn.Linear(12, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cnn(x).squeeze(2).transpose(1, 2)
        return F.log_softmax(self.classifier(self.rnn(x)[0]), -1)


class SublayerConnection(nn.Module):
    """Normalise, do, add."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dropout = nn.LayerNorm(16), nn.Dropout(0.1)

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        return x + self.dropout(sublayer(self.norm(x)))  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """As in the annotated transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(16, 2, batch_first=True)
        self.feed_forward = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16))
        self.sublayer = nn.ModuleList([SublayerConnection(), SublayerConnection()])

    def forward(self, x: Tensor) -> Tensor:
        x = self.sublayer[0](x, lambda h: self.self_attn(h, h, h)[0])
        return self.sublayer[1](x, self.feed_forward)  # type: ignore[no-any-return]


class AnnotatedEncoder(nn.Module):
    """Layers and a normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.lut = nn.Embedding(50, 16)
        self.layers = nn.ModuleList([EncoderLayer() for _ in range(3)])
        self.norm, self.generator = nn.LayerNorm(16), nn.Linear(16, 50)

    def forward(self, words: Tensor) -> Tensor:
        x = self.lut(words) * 4.0
        for layer in self.layers:
            x = layer(x)
        return F.log_softmax(self.generator(self.norm(x)), -1)


class GraphAttention(nn.Module):
    """Neighbours weighed by how they fit."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.W, self.a = nn.Linear(width, wider, bias=False), nn.Linear(2 * wider, 1, bias=False)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        h = self.W(x)
        n = h.shape[1]
        pairs = torch.cat(
            [h[:, :, None].expand(-1, -1, n, -1), h[:, None].expand(-1, n, -1, -1)], -1
        )
        scores = F.leaky_relu(self.a(pairs).squeeze(-1), 0.2)
        scores = scores.masked_fill(adjacency <= 0, -1e9)
        return F.elu(torch.softmax(scores, -1) @ h)


class GAT(nn.Module):
    """Two layers of attention over graphs."""

    def __init__(self) -> None:
        super().__init__()
        self.gat1, self.gat2 = GraphAttention(4, 8), GraphAttention(8, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
        x = self.gat2(self.gat1(x, adjacency), adjacency)
        return self.out(x.mean(1))  # type: ignore[no-any-return]


class WideAndDeep(nn.Module):
    """A linear model beside a deep one."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(5, 1)
        self.embeddings = nn.ModuleList([nn.Embedding(50, 4) for _ in range(2)])
        self.deep = nn.Sequential(nn.Linear(13, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
        self.head = nn.Linear(4, 1)

    def forward(self, dense: Tensor, categories: Tensor) -> Tensor:
        embedded = [e(categories[:, i]) for i, e in enumerate(self.embeddings)]
        deep = self.head(self.deep(torch.cat([*embedded, dense], 1)))
        return torch.sigmoid(self.wide(dense) + deep)


class TwoTower(nn.Module):
    """A user and an item meet in a product."""

    def __init__(self) -> None:
        super().__init__()
        self.user_tower = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
        self.item_tower = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        u, v = (
            F.normalize(self.user_tower(user), dim=-1),
            F.normalize(self.item_tower(item), dim=-1),
        )
        return (u * v).sum(-1)


class NeRF(nn.Module):
    """A point is given again half way."""

    def __init__(self) -> None:
        super().__init__()
        self.pts_linears = nn.ModuleList(
            [nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(14, 8), nn.Linear(8, 8)]
        )
        self.alpha, self.rgb = nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, points: Tensor) -> Tensor:
        h = points
        for i, layer in enumerate(self.pts_linears):
            h = F.relu(layer(h))
            if i == 1:
                h = torch.cat([points, h], -1)
        return torch.cat([torch.sigmoid(self.rgb(h)), F.relu(self.alpha(h))], -1)


class DnCNN(nn.Module):
    """Takes away the noise that it finds."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(2):
            layers += [nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(4, 1, 3, padding=1))
        self.dncnn = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x - self.dncnn(x)  # type: ignore[no-any-return]


class EDSRBlock(nn.Module):
    """A residual block without normalisation, scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(True), nn.Conv2d(6, 6, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).mul(0.1) + x  # type: ignore[no-any-return]


class EDSR(nn.Module):
    """A picture of twice the resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 6, 3, padding=1)
        self.body = nn.Sequential(EDSRBlock(), EDSRBlock(), nn.Conv2d(6, 6, 3, padding=1))
        self.tail = nn.Sequential(
            nn.Conv2d(6, 24, 3, padding=1), nn.PixelShuffle(2), nn.Conv2d(6, 3, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return self.tail(self.body(x) + x)  # type: ignore[no-any-return]


class MixtureDensity(nn.Module):
    """Weights, means and deviations."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(3, 8), nn.Tanh())
        self.pi, self.mu, self.sigma = nn.Linear(8, 2), nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.hidden(x)
        return torch.softmax(self.pi(h), -1), self.mu(h), torch.exp(self.sigma(h))


class MultiTask(nn.Module):
    """A dictionary of answers."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU()
        )
        self.heads = nn.ModuleDict({"age": nn.Linear(8, 1), "kind": nn.Linear(8, 3)})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.backbone(x)
        return {name: head(features) for name, head in self.heads.items()}


class SequenceAutoencoder(nn.Module):
    """The last state of one LSTM is unrolled by another."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(3, 6, batch_first=True)
        self.decoder = nn.LSTM(6, 6, batch_first=True)
        self.output = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.encoder(x)
        repeated = states[:, -1:].repeat(1, x.shape[1], 1)
        return self.output(self.decoder(repeated)[0])  # type: ignore[no-any-return]


class SpatialTransformer(nn.Module):
    """Turns a picture before it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.localization = nn.Sequential(
            nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU(True), nn.Conv2d(4, 4, 3), nn.ReLU(True)
        )
        self.fc_loc = nn.Sequential(nn.Linear(64, 8), nn.ReLU(True), nn.Linear(8, 6))
        self.conv1, self.fc = nn.Conv2d(1, 4, 5), nn.Linear(144, 5)

    def forward(self, x: Tensor) -> Tensor:
        theta = self.fc_loc(self.localization(x).flatten(1)).view(-1, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, align_corners=False)
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        return F.log_softmax(self.fc(x.flatten(1)), 1)


class ResidualMLP(nn.Module):
    """Blocks for tables."""

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Linear(6, 8)
        self.norms = nn.ModuleList([nn.BatchNorm1d(8) for _ in range(3)])
        self.ups = nn.ModuleList([nn.Linear(8, 16) for _ in range(3)])
        self.downs = nn.ModuleList([nn.Linear(16, 8) for _ in range(3)])
        self.last, self.head = nn.LayerNorm(8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.input(x)
        for norm, up, down in zip(self.norms, self.ups, self.downs, strict=True):
            x = x + down(F.gelu(up(norm(x))))
        return self.head(self.last(x))  # type: ignore[no-any-return]


def mlp_with_all() -> nn.Module:
    """Normalisation, activation, dropout, again and again."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(9, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Dropout(0.2),
        nn.Linear(16, 8), nn.LayerNorm(8), nn.SiLU(), nn.Dropout(0.2),
        nn.Linear(8, 3), nn.Softmax(-1),
    )  # fmt: skip


def _net(build: Callable[[], nn.Module], inputs: object) -> Network:
    return Network("torch", build, inputs)


_PICTURES = amounts(3, 16, 16)
SKETCHES = {
    "AlexNet": _net(AlexNet, amounts(3, 32, 32)),
    "SqueezeNet": _net(SqueezeNet, _PICTURES),
    "MobileNet": _net(MobileNet, _PICTURES),
    "FeaturePyramid": _net(FeaturePyramid, _PICTURES),
    "cycle_gan": _net(cycle_gan, _PICTURES),
    "ConditionalGenerator": _net(ConditionalGenerator, (amounts(8), TOKENS[:, 0])),
    "VQVAE": _net(VQVAE, _PICTURES[:, :1]),
    "AttentionLSTM": _net(AttentionLSTM, TOKENS),
    "CRNN": _net(CRNN, amounts(1, 8, 16)),
    "AnnotatedEncoder": _net(AnnotatedEncoder, TOKENS),
    "GAT": _net(GAT, (amounts(6, 4), torch.softmax(amounts(6, 6), -1))),
    "WideAndDeep": _net(WideAndDeep, (amounts(5), TOKENS[:, :2])),
    "TwoTower": _net(TwoTower, (amounts(4), amounts(3))),
    "NeRF": _net(NeRF, amounts(6)),
    "DnCNN": _net(DnCNN, _PICTURES[:, :1]),
    "EDSR": _net(EDSR, amounts(3, 8, 8)),
    "MixtureDensity": _net(MixtureDensity, amounts(3)),
    "MultiTask": _net(MultiTask, amounts(6)),
    "SequenceAutoencoder": _net(SequenceAutoencoder, amounts(5, 3)),
    "SpatialTransformer": _net(SpatialTransformer, _PICTURES[:, :1]),
    "ResidualMLP": _net(ResidualMLP, amounts(6)),
    "mlp_with_all": _net(mlp_with_all, amounts(3, 3)),
}
"""By name."""
