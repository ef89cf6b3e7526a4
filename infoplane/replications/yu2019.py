"""Repeat results of Yu & Principe 2019."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.curves import bits_of, plane_from, plane_of
from infoplane.replications.evidence import (
    conclude,
    judged,
    lines_picture,
    median_of,
    plane_picture,
)
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.training import kept_run, recorder, update

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import nn

    from infoplane.archive import Archive
    from infoplane.plane import Plane
    from infoplane.types import Quantity

REFERENCE = (
    'Yu & Principe 2019, "Understanding autoencoders with information theoretic concepts" '
    "(Neural Networks 117, arXiv 1804.00057)."
)

SIZES = (64, 32, 16, 6, 16, 32, 64)
ENCODER, DECODER = ["act1", "act2", "act3"], ["act4", "act5", "out"]
EPOCHS = {False: 200, True: 15}
PROBE = 300
SPEC, MEDIAN = "renyi:alpha=1.01", "renyi:alpha=1.01,width=median"
TOLERANCE = 0.02


def network(seed: int) -> nn.Module:
    """Return the 64-32-16-6-16-32-64 autoencoder, tanh inside and a sigmoid at its end."""
    from collections import OrderedDict

    import torch
    from torch import nn

    torch.manual_seed(seed)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for k, (a, b) in enumerate(itertools.pairwise(SIZES), start=1):
        parts[f"fc{k}"], parts[f"act{k}"] = nn.Linear(a, b), nn.Tanh()
    parts.popitem()
    parts["out"] = nn.Sigmoid()
    return nn.Sequential(parts)


def autoencoder_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of one autoencoder of the digits; 300 of all images are probed."""
    epochs = EPOCHS[ctx.quick]

    def train(path: Path) -> None:
        import torch

        import infoplane as ip

        x, y = ip.data.digits.load()
        rows = np.random.default_rng(0).permutation(len(x))[:PROBE]
        images, mask = torch.as_tensor(x), torch.as_tensor(ip.data.digits.train_mask(seed))
        seen, test = images[mask], images[~mask]
        model, shuffle = network(seed), torch.Generator().manual_seed(seed)
        adam = torch.optim.Adam(model.parameters(), lr=3e-3)
        told = {"layers": [*ENCODER, *DECODER], "schedule": ip.log_spaced(epochs, 14)}
        with recorder(model, path, probe=(x[rows], y[rows]), **told) as rec:
            for epoch in range(1, epochs + 1):
                for batch in torch.randperm(len(seen), generator=shuffle).split(64):  # type: ignore[no-untyped-call]  # torch has no type here
                    loss = (model(seen[batch]) - seen[batch]).square().mean()
                    update(adam, loss)
                with torch.no_grad():
                    error = (model(test) - test).square().mean()
                rec.step(epoch, loss=loss.item(), test_loss=error.item())

    return kept_run(ctx, f"digits-autoencoder-epochs{epochs}-seed{seed}", train)


def autoencoder_plane(archive: Archive, spec: str = SPEC, *, last: bool = False) -> Plane:
    """Return the plane of I(X;T) and I(T;X'), X' the reconstruction at the same checkpoint.

    Args:
        archive: of an autoencoder.
        spec: the estimator.
        last: whether only the last checkpoint is measured.
    """
    import infoplane as ip
    from infoplane.plane import Point

    estimator = ip.estimators.parse(spec)
    x, points = ip.continuous(np.asarray(archive.x), "X"), []
    for step in archive.steps[-1:] if last else archive.steps:
        back = ip.continuous(archive.z(step, "out"), "X'")
        for layer in archive.layers:
            t = ip.continuous(archive.z(step, layer), layer)
            points.append(Point(step, layer, "i_xz", estimator.estimate(x, t)))
            points.append(Point(step, layer, "i_zy", estimator.estimate(t, back)))
    return plane_from(archive, points)


def _end(plane: Plane, quantity: Quantity, spec: str = SPEC) -> list[float]:
    """Bits of every layer at the last checkpoint, in order."""
    return [bits_of(plane, name, spec, quantity)[-1] for name in plane.layers]


def _rise(bits: Sequence[float]) -> float:
    """Largest rise from a layer to the next."""
    return float(np.diff(bits).max())


@claim(
    "yu2019",
    "in an autoencoder information about the input falls through the encoder and about the "
    "reconstruction grows through the decoder",
    REFERENCE,
    "64-32-16-6-16-32-64 on 8x8 digits, matrix-based Renyi, alpha 1.01, Silverman widths",
)
def autoencoder(ctx: Context) -> Result:
    """I(X;T) does not rise through the encoder, I(T;X') does not fall through the decoder.

    After training, in both planes of every seed.
    """
    archives = [autoencoder_run(ctx, seed) for seed in ctx.seeds]
    planes = [autoencoder_plane(a) for a in archives]
    about_x = [_end(p, "i_xz") for p in planes]
    about_back = [_end(p, "i_zy") for p in planes]
    middle = len(ENCODER)
    numbers = {
        "encoder: largest rise of I(X;T) to the next layer [bits]": [
            _rise(v[:middle]) for v in about_x
        ],
        "decoder: largest fall of I(T;X') to the next layer [bits]": [
            _rise(v[: middle - 2 : -1]) for v in about_back
        ],
        "bottleneck: I(X;T) [bits]": [v[middle - 1] for v in about_x],
        "bottleneck: I(T;X') [bits]": [v[middle - 1] for v in about_back],
        "held-out error / variance": [
            a.metrics[a.steps[-1]]["test_loss"] / float(np.var(np.asarray(a.x), axis=0).mean())
            for a in archives
        ],
    }
    up, down = list(numbers.values())[:2]
    median = [_end(autoencoder_plane(a, MEDIAN, last=True), "i_xz", MEDIAN) for a in archives]
    exact = [_end(plane_of(a, ["exact"], steps=[a.steps[-1]]), "i_xz", "exact") for a in archives]
    conventions = {}
    under = {
        "Silverman widths": about_x,
        "median widths": median,
        "exact codes, log2 300 bits in every layer": exact,
    }
    for words, ends in under.items():
        found = [_rise(v[:middle]) for v in ends]
        conventions[f"{words}: largest rise of I(X;T) through the encoder"] = judged(
            median_of(found) < TOLERANCE, found
        )
    names = ["enc 1", "enc 2", "bottleneck", "dec 1", "dec 2", "output"]
    return conclude(
        ctx,
        median_of(up) < TOLERANCE and median_of(down) < TOLERANCE,
        "medians after training: the largest rise of I(X;T) through the encoder and the largest "
        f"fall of I(T;X') through the decoder are < {TOLERANCE} bit",
        numbers,
        limits=dict.fromkeys(list(numbers)[:2], TOLERANCE),
        learnt=sum(v < 0.5 for v in numbers["held-out error / variance"]),
        archives=archives,
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], "yu2019", SPEC),
            lines_picture(
                ctx,
                "yu2019-depth",
                names,
                {"I(X;T)": about_x, "I(T;X')": about_back},
                x_label="layer",
                y_label=f"bits, {SPEC} (geometric)",
            ),
        ],
        conventions=conventions,
        note="the vertical axis is the information about the reconstruction X', not about the "
        "digit; a seed counts as trained when it explains half of the held-out variance. "
        "Spectral diversity of Gram matrices, no Shannon information: nothing guarantees the "
        "order. A kernel width that follows every layer's own spread and dimension is another "
        "resolution in every layer; the order then belongs to the widths, and no bit is lost "
        "(exact codes)",
    )
