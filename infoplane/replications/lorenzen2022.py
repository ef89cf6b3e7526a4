"""Repeat results of Lorenzen, Igel & Nielsen 2022."""

from __future__ import annotations

from statistics import median

import infoplane as ip
from infoplane.archive import Archive
from infoplane.replications import (
    CHECKPOINTS,
    EPOCHS,
    Context,
    Numbers,
    Result,
    Task,
    claim,
    classified,
    conclude,
    drops,
    plane_picture,
    planes_of,
)

REFERENCE = (
    'Lorenzen, Igel & Nielsen 2022, "Information bottleneck: exact analysis of (quantized) '
    'neural networks" (ICLR 2022, arXiv 2106.12912).'
)


def quantised_run(ctx: Context, seed: int, bits: int) -> Archive:
    """Return the archive of one 12-bit network whose activations are quantised.

    Args:
        ctx: says how large, and where runs are stored.
        seed: of weights and batches.
        bits: of an activation.
    """
    from infoplane.hooks.quantise import quantised

    patterns, labels = ip.data.szt.load()
    net = ip.data.szt.network("tanh", seed=seed)
    mask = ip.data.szt.train_mask(seed)
    return classified(
        ctx,
        f"szt-tanh-{bits}bit-seed{seed}",
        Task(net, patterns, labels, mask, captured=quantised(net, bits)),
        epochs=EPOCHS[ctx.quick],
        seed=seed,
        layers="q*",
        batch_size=len(patterns),
        checkpoints=CHECKPOINTS[ctx.quick],
    )


@claim(
    "lorenzen2022",
    "quantised networks have exact information that obeys the inequality",
    REFERENCE,
    "8-bit and 4-bit activations",
)
def exact(ctx: Context) -> Result:
    """8-bit and 4-bit networks.

    Exact information obeys the DPI (0 violations, 0 faults), and the output layer compresses.
    """
    numbers: Numbers = {}
    all_planes, pictures = [], []
    holds = True
    for bits in (8, 4):
        archives = [quantised_run(ctx, seed, bits) for seed in ctx.seeds]
        planes = planes_of(archives, ["exact"])
        broken = []
        for plane, archive in zip(planes, archives, strict=True):
            report = ip.check_dpi(plane, archive=archive)
            broken.append(float(len(report.of("violation", "fault"))))
        falls = drops(planes, archives[0].layers[-1], "exact")
        numbers[f"{bits}-bit: violations and faults"] = broken
        numbers[f"{bits}-bit: drop of the output layer [bits]"] = falls
        holds = holds and not any(broken) and median(falls) > 0.5
        pictures.append(plane_picture(ctx, planes[0], "exact", suffix=f"-{bits}bit"))
        all_planes += planes
    return conclude(
        ctx,
        holds,
        "no violation and no fault under exact information, median drop of the output layer > 0.5 "
        "bit, 8-bit and 4-bit",
        numbers,
        limits={name: 0.5 for name in numbers if "drop" in name},
        planes=all_planes,
        pictures=pictures,
        note="activations are quantised in the forward pass of the capture, the weights are "
        "trained in float32",
    )
