"""Repeat results of Saxe et al. 2018, networks on handwritten digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.curves import mean_drops, plane_of
from infoplane.replications.evidence import Numbers, conclude, judged, median_of, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.training import Task, accuracies, classified, learnt

if TYPE_CHECKING:
    from infoplane.archive import Archive

REFERENCE = (
    "Saxe et al. 2018, appendix on images. A tanh and a ReLU network on handwritten digits "
    "(ICLR 2018; J. Stat. Mech. 2019)."
)

SIZES = (64, 128, 20, 20, 20, 10)
EPOCHS = {False: 600, True: 60}
PROBE = 1000
CODE, PAPER = "kde:variance=0.1", "bin:saxe,width=0.5"
HIDDEN = ["act1", "act2", "act3", "act4"]


def digits_run(ctx: Context, seed: int, activation: str) -> Archive:
    """Return the archive of one network of the paper's shape, scaled to 8x8 images.

    Probed on 1000 held-in and held-out images.

    Args:
        ctx: says how large, and where it is kept.
        seed: of weights and batches.
        activation: of the hidden layers.
    """
    import infoplane as ip
    from infoplane.data.networks import mlp

    epochs = EPOCHS[ctx.quick]

    def task() -> Task:
        x, y = ip.data.digits.load()
        rows = np.random.default_rng(0).permutation(len(x))[:PROBE]
        return Task(mlp(SIZES, activation, seed=seed), x, y, ip.data.digits.train_mask(seed), rows)

    return classified(
        ctx,
        f"digits-{activation}-epochs{epochs}-seed{seed}",
        task,
        epochs=epochs,
        seed=seed,
        lr=0.02,
        batch=128,
        optimiser="sgd",
        layers=["act*", "fc5"],
        schedule=ip.log_spaced(epochs, 25),
    )


@claim(
    "saxe2018-digits",
    "on images, too, tanh layers compress and ReLU layers do not",
    REFERENCE,
    "8x8 digits, 64-128-20-20-20-10, plain gradient descent, KDE of variance 0.1",
)
def digits(ctx: Context) -> Result:
    """Digits: hidden tanh layers fall under the paper's KDE, hidden ReLU layers do not.

    The true information stays.
    """
    specs = [CODE, PAPER, "exact"]
    ran = {a: [digits_run(ctx, seed, a) for seed in ctx.seeds] for a in ("tanh", "relu")}
    planes = {a: [plane_of(archive, specs) for archive in ran[a]] for a in ran}
    numbers: Numbers = {}
    for spec in specs:
        for a in ran:
            numbers[f"{a}: mean drop of hidden layers, {spec} [bits]"] = mean_drops(
                planes[a], HIDDEN, spec
            )
    for a, group in ran.items():
        numbers[f"{a}: held-out accuracy"] = [accuracies(archive)[1] for archive in group]
    conventions = {}
    for spec, whose in (
        (CODE, "their code for images: KDE, variance 0.1"),
        (PAPER, "their code for images: bins of width 0.5"),
    ):
        tanh, relu = (
            numbers[f"{a}: mean drop of hidden layers, {spec} [bits]"] for a in ("tanh", "relu")
        )
        holds = median_of(tanh) > 0.1 > median_of(relu)
        conventions[whose] = (
            f"{judged(holds, tanh)} for tanh; {', '.join(f'{v:.3g}' for v in relu)} bits for ReLU"
        )
    falls = [
        median_of(numbers[f"{a}: mean drop of hidden layers, {CODE} [bits]"])
        for a in ("tanh", "relu")
    ]
    archives = [*ran["tanh"], *ran["relu"]]
    return conclude(
        ctx,
        falls[0] > 0.1 > falls[1],
        f"median of the mean drop of hidden layers under {CODE}: tanh > 0.1 bit > ReLU",
        numbers,
        limits={f"{a}: mean drop of hidden layers, {CODE} [bits]": 0.1 for a in ran},
        learnt=learnt(archives),
        archives=archives,
        planes=[*planes["tanh"], *planes["relu"]],
        pictures=[plane_picture(ctx, planes[a][0], f"saxe2018-digits-{a}", CODE) for a in ran],
        conventions=conventions,
        note="0.1 bit is the line below which this page calls a layer flat, the same as for the "
        "12-bit task; on 1000 different images log2 N is 9.97 bits",
    )
