"""Repeat results of Lorenzen, Igel & Nielsen 2022."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from infoplane.replications.curves import drops, planes_of
from infoplane.replications.evidence import Numbers, conclude, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import CHECKPOINTS, EPOCHS
from infoplane.replications.training import accuracies_text, learnt, recorder, stored_run

if TYPE_CHECKING:
    from pathlib import Path

    from infoplane.archive import Archive

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
    epochs = EPOCHS[ctx.quick]

    def train(path: Path) -> str:
        import infoplane as ip
        from infoplane.hooks.quantise import quantised

        patterns, labels = ip.data.szt.load()
        net = ip.data.szt.network("tanh", seed=seed)
        with recorder(
            quantised(net, bits),
            path,
            probe=(patterns, labels),
            layers="q*",
            batch_size=len(patterns),
            schedule=ip.log_spaced(epochs, CHECKPOINTS[ctx.quick]),
        ) as rec:
            trained = ip.data.szt.train(
                net,
                epochs=epochs,
                seed=seed,
                on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
            )
        return accuracies_text(trained)

    return stored_run(ctx, f"szt-tanh-{bits}bit-seed{seed}", train)


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
    from infoplane.analysis.dpi.check import check_dpi

    numbers: Numbers = {}
    all_archives, all_planes, pictures = [], [], []
    holds = True
    for bits in (8, 4):
        archives = [quantised_run(ctx, seed, bits) for seed in ctx.seeds]
        planes = planes_of(archives, ["exact"])
        broken = []
        for plane, archive in zip(planes, archives, strict=True):
            report = check_dpi(plane, archive=archive)
            broken.append(float(len(report.of("violation", "fault"))))
        falls = drops(planes, archives[0].layers[-1], "exact")
        numbers[f"{bits}-bit: violations and faults"] = broken
        numbers[f"{bits}-bit: drop of the output layer [bits]"] = falls
        holds = holds and not any(broken) and median(falls) > 0.5
        pictures.append(plane_picture(ctx, planes[0], f"lorenzen2022-{bits}bit", "exact"))
        all_archives += archives
        all_planes += planes
    return conclude(
        ctx,
        holds,
        "no violation and no fault under exact information, median drop of the output layer > 0.5 "
        "bit, 8-bit and 4-bit",
        numbers,
        limits={name: 0.5 for name in numbers if "drop" in name},
        learnt=learnt(all_archives),
        archives=all_archives,
        planes=all_planes,
        pictures=pictures,
        note="activations are quantised in the forward pass of the capture, the weights are "
        "trained in float32",
    )
