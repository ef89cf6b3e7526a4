"""Repeat results of Yu & Principe 2019."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

import infoplane as ip
from infoplane.archive import Archive
from infoplane.plane import Plane, Point
from infoplane.replications import (
    Context,
    Numbers,
    Result,
    bits_of,
    claim,
    conclude,
    lines_picture,
    plane_from,
    plane_picture,
    planes_of,
    recorder,
    stored_run,
    update,
    verdict_text,
)
from infoplane.types import Quantity

if TYPE_CHECKING:
    from torch import nn

REFERENCE = (
    'Yu & Principe 2019, "Understanding autoencoders with information theoretic concepts" '
    "(Neural Networks 117, arXiv 1804.00057)."
)

SIZES = (64, 32, 16, 6, 16, 32, 64)
ENCODER, DECODER = ["act1", "act2", "act3"], ["act4", "act5", "out"]
EPOCHS = {False: 200, True: 15}
PROBE = 300
SPEC, MEDIAN_WIDTH = "renyi:alpha=1.01", "renyi:alpha=1.01,width=median"
TOLERANCE = 0.02
RISE = "encoder: largest rise of I(X;T) to the next layer [bits]"
FALL = "decoder: largest fall of I(T;X') to the next layer [bits]"


def network(seed: int) -> nn.Module:
    """Return the 64-32-16-6-16-32-64 autoencoder, tanh inside and a sigmoid at its end."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(itertools.pairwise(SIZES), start=1):
        parts[f"fc{number}"] = nn.Linear(inputs, outputs)
        parts[f"act{number}"] = nn.Tanh()
    parts.popitem()
    parts["out"] = nn.Sigmoid()
    return nn.Sequential(parts)


def autoencoder_run(ctx: Context, seed: int) -> Archive:
    """Return the archive of one autoencoder of the digits; 300 of all images are probed."""
    epochs = EPOCHS[ctx.quick]

    def train(path: Path) -> None:
        import torch

        images, digits = ip.data.digits.load()
        mask = ip.data.digits.train_mask(seed)
        seen, test = torch.as_tensor(images[mask]), torch.as_tensor(images[~mask])
        rows = np.random.default_rng(0).permutation(len(images))[:PROBE]
        model, shuffle = network(seed), torch.Generator().manual_seed(seed)
        adam = torch.optim.Adam(model.parameters(), lr=3e-3)
        with recorder(
            model,
            path,
            probe=(images[rows], digits[rows]),
            layers=[*ENCODER, *DECODER],
            schedule=ip.log_spaced(epochs, 14),
        ) as rec:
            for epoch in range(1, epochs + 1):
                for batch in torch.randperm(len(seen), generator=shuffle).split(64):  # type: ignore[no-untyped-call]  # torch has no type here
                    loss = (model(seen[batch]) - seen[batch]).square().mean()
                    update(adam, loss)
                with torch.no_grad():
                    error = (model(test) - test).square().mean()
                rec.step(epoch, loss=loss.item(), test_loss=error.item())

    return stored_run(ctx, f"digits-autoencoder-epochs{epochs}-seed{seed}", train)


def autoencoder_plane(archive: Archive, spec: str = SPEC, *, last: bool = False) -> Plane:
    """Return the plane of I(X;T) and I(T;X'), X' the reconstruction at the same checkpoint.

    Args:
        archive: of an autoencoder.
        spec: the estimator.
        last: whether only the last checkpoint is measured.
    """
    estimator = ip.estimators.parse(spec)
    images = ip.continuous(np.asarray(archive.x), "X")
    points = []
    for step in archive.steps[-1:] if last else archive.steps:
        reconstruction = ip.continuous(archive.z(step, "out"), "X'")
        for layer in archive.layers:
            hidden = ip.continuous(archive.z(step, layer), layer)
            points.append(Point(step, layer, "i_xz", estimator.estimate(images, hidden)))
            points.append(Point(step, layer, "i_zy", estimator.estimate(hidden, reconstruction)))
    return plane_from(archive, points)


def _by_depth(planes: Sequence[Plane], quantity: Quantity, spec: str = SPEC) -> list[list[float]]:
    """Bits after training: ``values[seed][layer]``."""
    found = []
    for plane in planes:
        found.append([bits_of(plane, layer, spec, quantity)[-1] for layer in plane.layers])
    return found


def _encoder_rise(bits: Sequence[float]) -> float:
    """Largest rise from a layer of the encoder to the next."""
    return float(np.diff(bits[: len(ENCODER)]).max())


def _decoder_fall(bits: Sequence[float]) -> float:
    """Largest fall from a layer of the decoder, or the bottleneck, to the next."""
    return float(-np.diff(bits[len(ENCODER) - 1 :]).min())


def _unexplained(archive: Archive) -> float:
    """Held-out error of the reconstruction after training, over the variance of the images."""
    variance = float(np.var(np.asarray(archive.x), axis=0).mean())
    return archive.metrics[archive.steps[-1]]["test_loss"] / variance


@claim(
    "yu2019",
    "in an autoencoder information about the input falls through the encoder and about the "
    "reconstruction grows through the decoder",
    REFERENCE,
    "64-32-16-6-16-32-64 on 8x8 digits, matrix-based Renyi, alpha 1.01, Silverman widths",
)
def autoencoder(ctx: Context) -> Result:
    """Judge both planes after training.

    I(X;T) does not rise through the encoder, I(T;X') does not fall through the decoder.
    """
    archives = [autoencoder_run(ctx, seed) for seed in ctx.seeds]
    planes = [autoencoder_plane(archive) for archive in archives]
    about_input = _by_depth(planes, "i_xz")
    about_output = _by_depth(planes, "i_zy")
    bottleneck = len(ENCODER) - 1
    rises = [_encoder_rise(bits) for bits in about_input]
    falls = [_decoder_fall(bits) for bits in about_output]
    unexplained = [_unexplained(archive) for archive in archives]
    numbers: Numbers = {
        RISE: rises,
        FALL: falls,
        "bottleneck: I(X;T) [bits]": [bits[bottleneck] for bits in about_input],
        "bottleneck: I(T;X') [bits]": [bits[bottleneck] for bits in about_output],
        "held-out error / variance": unexplained,
    }
    by_median = [autoencoder_plane(archive, MEDIAN_WIDTH, last=True) for archive in archives]
    exact = planes_of(archives, ["exact"], at_end=True)
    conventions = {}
    for convention, by_depth in {
        "Silverman widths": about_input,
        "median widths": _by_depth(by_median, "i_xz", MEDIAN_WIDTH),
        "exact codes, log2 300 bits in every layer": _by_depth(exact, "i_xz", "exact"),
    }.items():
        found = [_encoder_rise(bits) for bits in by_depth]
        name = f"{convention}: largest rise of I(X;T) through the encoder"
        conventions[name] = verdict_text(median(found) < TOLERANCE, found)
    return conclude(
        ctx,
        median(rises) < TOLERANCE and median(falls) < TOLERANCE,
        "medians after training: the largest rise of I(X;T) through the encoder and the largest "
        f"fall of I(T;X') through the decoder are < {TOLERANCE} bit",
        numbers,
        limits={RISE: TOLERANCE, FALL: TOLERANCE},
        learnt=sum(share < 0.5 for share in unexplained),
        planes=planes,
        pictures=[
            plane_picture(ctx, planes[0], SPEC),
            lines_picture(
                ctx,
                ["enc 1", "enc 2", "bottleneck", "dec 1", "dec 2", "output"],
                {"I(X;T)": about_input, "I(T;X')": about_output},
                x_label="layer",
                y_label=f"bits, {SPEC} (geometric)",
                suffix="-depth",
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
