"""Repeat results of Saxe et al. 2018."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm

from infoplane.replications.curves import bits_of, curves, drop, mean_drops, plane_of
from infoplane.replications.evidence import (
    Numbers,
    conclude,
    figure_file,
    judged,
    lines_picture,
    median_of,
    over_training,
    plane_picture,
)
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, szt_run
from infoplane.replications.training import accuracies, learnt

if TYPE_CHECKING:
    from infoplane.archive import Archive

REFERENCE = (
    'Saxe et al. 2018, "On the information bottleneck theory of deep learning" (ICLR 2018; J. '
    "Stat. Mech. 2019)."
)

KDE, SAXE = "kde:variance=0.001", "bin:saxe"
GOLDEN = {0.1: 2.64447, 0.5: 4.63120, 0.869: 4.899788, 2.0: 4.15734, 10.0: 2.04417}
RELU_CONVENTIONS = {
    KDE: "their code: KDE, variance 0.001",
    "kde:variance=0.1": "their paper: KDE, variance 0.1",
    SAXE: "their code: bins of width 0.07",
    "bin:saxe-paper": "their paper: 100 equal bins over the whole run",
}


def minimal_entropy(weight: float, cells: int = 30, *, activation: str = "tanh") -> float:
    """Return H of f(w x), x ~ N(0, 1), over even cells, in closed form, in bits.

    30 cells on [-1, 1] for tanh, cells of width 2/30 for ReLU.

    Args:
        weight: w.
        cells: on [-1, 1] for tanh; a ReLU has cells of width 2 / cells.
        activation: ``tanh`` or ``relu``.
    """
    if activation == "tanh":
        edges = np.arctanh(np.clip(np.linspace(-1, 1, cells + 1), -1, 1)[1:-1]) / weight
        p = np.diff(np.concatenate([[0.0], norm.cdf(edges), [1.0]]))
    else:
        edges = np.arange(1, int(40 * weight * cells)) * 2 / cells / weight
        p = np.diff(np.concatenate([[0.0], norm.cdf(edges), [1.0]]))
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


@claim(
    "saxe2018-minimal",
    "one tanh unit compresses as its weight grows, one ReLU unit does not",
    REFERENCE,
    "closed form",
)
def minimal(ctx: Context) -> Result:
    """Judge the minimal model in closed form.

    Entropy of a tanh unit rises and falls with its weight, that of a ReLU unit only rises.
    """
    tanh = {w: minimal_entropy(w) for w in GOLDEN}
    grid = [float(w) for w in np.geomspace(0.1, 10.0, 41)]
    curves = {
        f"{a} unit": [[minimal_entropy(w, activation=a) for w in grid]] for a in ("tanh", "relu")
    }
    rising = curves["relu unit"][0]
    holds = all(abs(tanh[w] - h) < 1e-4 for w, h in GOLDEN.items()) and rising == sorted(rising)
    from infoplane.analysis.plot.evidence import draw_lines

    figure = draw_lines(grid, curves, x_label="weight w", y_label="H(bin(f(w x))) [bits], x normal")
    figure.axes[0].set_xscale("log")
    return conclude(
        ctx,
        holds,
        "H(w) of tanh equals the golden values within 1e-4 with its maximum at w = 0.87; H(w) of "
        "ReLU is monotone over 41 weights from 0.1 to 10",
        {f"tanh w={w} [bits]": [h] for w, h in tanh.items()}
        | {"relu, w = 0.1 and 10 [bits]": [rising[0], rising[-1]]},
        pictures=[figure_file(ctx, figure, "saxe2018-minimal")],
        note="closed form: no training, no sampling, hence no archive",
    )


@claim(
    "saxe2018-relu",
    "ReLU hidden layers do not compress",
    REFERENCE,
    "KDE 1e-3 and bins of width 0.07",
)
def relu(ctx: Context) -> Result:
    """Hidden ReLU layers: drop < 0.1 bit under KDE 1e-3 and width 0.07.

    Beside it the drop of tanh, and the paper's own conventions.
    """
    archives = [szt_run(ctx, seed, activation="relu") for seed in ctx.seeds]
    planes = [plane_of(a, list(RELU_CONVENTIONS), ACTS) for a in archives]
    tanh = [plane_of(szt_run(ctx, seed), [KDE], ["act5"]) for seed in ctx.seeds]
    middle = {
        spec: [statistics.median(drop(p, name, spec) for name in ACTS) for p in planes]
        for spec in RELU_CONVENTIONS
    }
    numbers: Numbers = {
        f"median drop of hidden layers, {spec} [bits]": middle[spec] for spec in (KDE, SAXE)
    }
    limits = dict.fromkeys(numbers, 0.1)
    for spec in (KDE, SAXE):
        numbers[f"mean drop of hidden layers, {spec} [bits]"] = mean_drops(planes, ACTS, spec)
    numbers[f"largest drop of a hidden layer, {KDE} [bits]"] = [
        max(drop(p, name, KDE) for name in ACTS) for p in planes
    ]
    numbers[f"tanh, layer 5, {KDE} [bits]"] = [drop(p, "act5", KDE) for p in tanh]
    return conclude(
        ctx,
        all(median_of(middle[spec]) < 0.1 for spec in (KDE, SAXE)),
        "median over seeds of the median drop of hidden layers < 0.1 bit under both conventions of "
        "the code",
        numbers,
        limits=limits,
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "saxe2018-relu", KDE)],
        conventions={
            words: judged(median_of(middle[spec]) < 0.1, middle[spec])
            for spec, words in RELU_CONVENTIONS.items()
        },
        note="under bins that follow the values (quantile, ebab) some compression appears: "
        "chelombiev2019",
    )


@claim(
    "saxe2018-range",
    "bins even in the net input remove most of the tanh compression",
    REFERENCE,
    "the tanh runs, binned again",
)
def net_input(ctx: Context) -> Result:
    """Judge the same tanh runs, bins even in the net input (pre-activation).

    At most a quarter of the drop is left.
    """
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    output, even = "bin:szt", "bin:range,n=30,scope=layer"
    out = [plane_of(a, [output], ["act5"]) for a in archives]
    into = [plane_of(a, [even], ["fc5"]) for a in archives]
    falls = [drop(p, "act5", output) for p in out]
    inputs = [drop(p, "fc5", even) for p in into]
    ratios = [b / a if a > 0 else math.inf for a, b in zip(falls, inputs, strict=True)]
    lines = {
        "even cells of the activation": [bits_of(p, "act5", output) for p in out],
        "even cells of the net input": [bits_of(p, "fc5", even) for p in into],
    }
    return conclude(
        ctx,
        median_of(ratios) <= 0.25,
        "median ratio of drops (bins even in net input / bins even in activation) <= 0.25",
        {"bins on [-1, 1] [bits]": falls, "bins even in net input [bits]": inputs, "ratio": ratios},
        limits={"ratio": 0.25},
        learnt=learnt(archives),
        archives=archives,
        planes=[*out, *into],
        pictures=[
            over_training(
                ctx,
                "saxe2018-range",
                out[0].steps,
                lines,
                "layer 5: H of the bin codes [bits]",
            )
        ],
        note="tanh is injective: the information is the same, only the cells are placed elsewhere",
    )


@claim("saxe2018-batch", "compression is not due to the noise of SGD", REFERENCE, "full batch")
def full_batch(ctx: Context) -> Result:
    """Full-batch gradient descent: drop > 2 bits without any sampling noise."""
    epochs = 3000 if ctx.quick else 20000
    archives = [szt_run(ctx, seed, batch=0, lr=4e-3, epochs=epochs) for seed in ctx.seeds]
    planes = [plane_of(a, ["bin:szt"]) for a in archives]
    falls = [drop(p, "act5", "bin:szt") for p in planes]
    return conclude(
        ctx,
        median_of(falls) > 2,
        "median drop of layer 5 > 2 bits under full-batch training",
        {"drop of layer 5 [bits]": falls},
        limits={"drop of layer 5 [bits]": 2},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "saxe2018-batch", "bin:szt", [*ACTS, "fc6"])],
        note=f"Adam at 4e-3, {epochs} updates",
    )


def _snr_of_weights(archive: Archive) -> list[list[float]]:
    """Signal-to-noise ratio of the gradient, one curve for every weight."""
    statistics_of_steps = [archive.extra(step, "gradients") or {} for step in archive.steps]
    return [[s[name]["snr"] for s in statistics_of_steps] for name in statistics_of_steps[0]]


def _peak_to_minimum(curve: list[float]) -> float:
    """Largest value over the smallest that comes after it."""
    peak = int(np.argmax(curve))
    return curve[peak] / min(curve[peak:])


@claim(
    "saxe2018-snr",
    "gradient phases occur without compression",
    REFERENCE,
    "per-batch gradients at frozen checkpoints",
)
def snr(ctx: Context) -> Result:
    """Gradient SNR falls by more than 5 in tanh and in ReLU networks; only tanh compresses."""
    numbers: Numbers = {}
    drops: Numbers = {}
    lines: dict[str, list[list[float]]] = {}
    ran = []
    for activation in ("tanh", "relu"):
        archives = [szt_run(ctx, seed, activation=activation) for seed in ctx.seeds]
        ran += archives
        per_weight = [_snr_of_weights(a) for a in archives]
        numbers[f"{activation}: SNR peak / later minimum, median over weights"] = [
            statistics.median(_peak_to_minimum(curve) for curve in weights)
            for weights in per_weight
        ]
        drops[f"{activation}: drop of layer 5, {KDE} [bits]"] = [
            drop(p, "act5", KDE) for p in (plane_of(a, [KDE], ["act5"]) for a in archives)
        ]
        lines[activation] = [np.median(weights, axis=0).tolist() for weights in per_weight]
    return conclude(
        ctx,
        all(median_of(v) > 5 for v in numbers.values()),
        "median over seeds of SNR peak / later minimum > 5 in tanh and in ReLU networks",
        numbers | drops,
        limits=dict.fromkeys(numbers, 5),
        learnt=learnt(ran),
        archives=ran,
        planes=[plane_of(a, [KDE], ["act5"]) for a in ran],
        pictures=[
            over_training(
                ctx,
                "saxe2018-snr",
                ran[0].steps,
                lines,
                "gradient SNR, median over weights",
            )
        ],
        note="a drift-to-diffusion transition does not need compression: the drops of layer 5 are "
        "shown beside it",
    )


@claim(
    "bin-count",
    "the amount of compression belongs to the number of bins",
    REFERENCE,
    "4 to 512 bins",
)
def bin_count(ctx: Context) -> Result:
    """Judge whether the drop of layer 4 of the tanh runs depends on the number of bins.

    Largest over smallest >= 5 from 4 to 512 bins.
    """
    counts = (4, 8, 16, 32, 64, 128, 256, 512)
    specs = [f"bin:saxe,width={2 / n:g}" for n in counts]
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, specs, ["act4"]) for a in archives]
    falls = [[drop(p, "act4", spec) for spec in specs] for p in planes]
    numbers = {f"{n} bins, layer 4 [bits]": [f[k] for f in falls] for k, n in enumerate(counts)}
    numbers["spread: largest / smallest"] = [max(f) / max(min(f), 1e-3) for f in falls]
    return conclude(
        ctx,
        median_of(numbers["spread: largest / smallest"]) >= 5,
        "median over seeds of largest / smallest drop of layer 4 over 4 to 512 bins >= 5 (a drop "
        "below 0.001 bit counts as 0.001)",
        numbers,
        limits={"spread: largest / smallest": 5},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[
            lines_picture(
                ctx,
                "bin-count",
                [str(n) for n in counts],
                {"drop of layer 4": falls},
                x_label="bins on [-1, 1]",
                y_label="drop [bits]",
            )
        ],
    )


@claim(
    "activations",
    "compression follows saturation: tanh > softsign > softplus, ReLU",
    REFERENCE,
    "KDE 1e-3",
)
def smooth(ctx: Context) -> Result:
    """KDE drop of hidden layers: tanh > softsign > relu and softplus."""
    order = ("tanh", "softsign", "softplus", "relu")
    ran = {a: [szt_run(ctx, seed, activation=a) for seed in ctx.seeds] for a in order}
    planes = {a: [plane_of(r, [KDE], ACTS) for r in ran[a]] for a in order}
    numbers = {
        f"{a}, mean drop of hidden layers [bits]": mean_drops(planes[a], ACTS, KDE) for a in order
    }
    tanh, softsign, softplus, relu_drop = (median_of(v) for v in numbers.values())
    lines = {a: curves(planes[a], ["act5"], KDE)["act5"] for a in order}
    every = [r for a in order for r in ran[a]]
    return conclude(
        ctx,
        tanh > softsign > max(softplus, relu_drop),
        f"median of the mean drop of hidden layers under {KDE}: tanh "
        "> softsign > softplus and relu",
        numbers,
        learnt=learnt(every),
        archives=every,
        planes=[p for a in order for p in planes[a]],
        pictures=[
            over_training(
                ctx,
                "activations",
                planes["tanh"][0].steps,
                lines,
                f"layer 5: I(X;Z+ε) [bits], {KDE}, upper",
            )
        ],
    )


@claim("small-sets", "networks that overfit compress as well", REFERENCE, "30 % of the patterns")
def small_sets(ctx: Context) -> Result:
    """Trained on 30 % of the patterns the network overfits, and layer 5 compresses all the same."""
    archives = [szt_run(ctx, seed, rows=0.3) for seed in ctx.seeds]
    planes = [plane_of(a, ["bin:szt"]) for a in archives]
    falls = [drop(p, "act5", "bin:szt") for p in planes]
    gaps = [train - test for train, test in map(accuracies, archives)]
    return conclude(
        ctx,
        median_of(falls) > 1 and median_of(gaps) > 0.02,
        "median drop of layer 5 > 1 bit with a median generalisation gap > 2 %",
        {"drop of layer 5 [bits]": falls, "train minus held-out accuracy": gaps},
        limits={"drop of layer 5 [bits]": 1, "train minus held-out accuracy": 0.02},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "small-sets", "bin:szt", [*ACTS, "fc6"])],
        note="compression and generalisation come apart",
    )
