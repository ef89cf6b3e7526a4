"""Repeat results of Lorenzen, Igel & Nielsen 2022."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infoplane.replications.curves import drop, plane_of
from infoplane.replications.evidence import Numbers, conclude, median_of, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import CHECKPOINTS, EPOCHS
from infoplane.replications.training import kept_run, learnt, recorder

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
        ctx: says how large, and where it is kept.
        seed: of weights and batches.
        bits: of an activation.
    """
    epochs = EPOCHS[ctx.quick]

    def train(path: Path) -> str:
        import infoplane as ip
        from infoplane.hooks.quantise import quantised

        x, y = ip.data.szt.load()
        net = ip.data.szt.network("tanh", seed=seed)
        schedule = ip.log_spaced(epochs, CHECKPOINTS[ctx.quick])
        told = {"layers": "q*", "batch_size": len(x), "schedule": schedule}
        with recorder(quantised(net, bits), path, probe=(x, y), **told) as rec:
            trained = ip.data.szt.train(
                net,
                epochs=epochs,
                seed=seed,
                on_epoch=lambda epoch, metrics: rec.step(epoch, **metrics),
            )
        return f"{trained.train_accuracy} {trained.test_accuracy}\n"

    return kept_run(ctx, f"szt-tanh-{bits}bit-seed{seed}", train)


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
    ran, measured, pictures = [], [], []
    for bits in (8, 4):
        archives = [quantised_run(ctx, seed, bits) for seed in ctx.seeds]
        planes = [plane_of(a, ["exact"]) for a in archives]
        last = archives[0].layers[-1]
        numbers[f"{bits}-bit: violations and faults"] = [
            float(len(check_dpi(p, archive=a).of("violation", "fault")))
            for p, a in zip(planes, archives, strict=True)
        ]
        numbers[f"{bits}-bit: drop of the output layer [bits]"] = [
            drop(p, last, "exact") for p in planes
        ]
        pictures.append(plane_picture(ctx, planes[0], f"lorenzen2022-{bits}bit", "exact"))
        ran += archives
        measured += planes
    drops = [f"{bits}-bit: drop of the output layer [bits]" for bits in (8, 4)]
    holds = not any(
        numbers["8-bit: violations and faults"] + numbers["4-bit: violations and faults"]
    )
    return conclude(
        ctx,
        holds and all(median_of(numbers[name]) > 0.5 for name in drops),
        "no violation and no fault under exact information, median drop of the output layer > 0.5 "
        "bit, 8-bit and 4-bit",
        numbers,
        limits=dict.fromkeys(drops, 0.5),
        learnt=learnt(ran),
        archives=ran,
        planes=measured,
        pictures=pictures,
        note="activations are quantised in the forward pass of the capture, the weights are "
        "trained in float32",
    )
