"""Repeat results of Saxe et al. 2018."""

from __future__ import annotations

import math
from statistics import median

import numpy as np
from scipy.stats import norm

from infoplane.archive import Archive
from infoplane.replications import (
    ACTS,
    Context,
    Numbers,
    Result,
    accuracies,
    claim,
    conclude,
    curves_of,
    drops,
    drops_of_layers,
    figure_file,
    lines_picture,
    mean_drops,
    over_training,
    plane_picture,
    planes_of,
    szt_runs,
    verdict_text,
)

REFERENCE = (
    'Saxe et al. 2018, "On the information bottleneck theory of deep learning" (ICLR 2018; J. '
    "Stat. Mech. 2019)."
)

KDE, SAXE = "kde:variance=0.001", "bin:saxe"
GOLDEN = {0.1: 2.64447, 0.5: 4.63120, 0.869: 4.899788, 2.0: 4.15734, 10.0: 2.04417}
SPREAD = "spread: largest / smallest"
RELU_CONVENTIONS = {
    KDE: "their code: KDE, variance 0.001",
    "kde:variance=0.1": "their paper: KDE, variance 0.1",
    SAXE: "their code: bins of width 0.07",
    "bin:saxe-paper": "their paper: 100 equal bins over the whole run",
}


def minimal_entropy(weight: float, cells: int = 30, *, activation: str = "tanh") -> float:
    """Return the entropy of f(w x), x ~ N(0, 1), in cells of equal width, in bits, closed form.

    Args:
        weight: w.
        cells: how many there are on [-1, 1].
        activation: f, ``tanh`` or ``relu``.
    """
    if activation == "tanh":
        edges = np.arctanh(np.linspace(-1, 1, cells + 1)[1:-1]) / weight
    else:
        edges = np.arange(1, int(40 * weight * cells)) * 2 / cells / weight
    share = np.diff(np.concatenate([[0.0], norm.cdf(edges), [1.0]]))
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


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
    from infoplane.analysis.plot.evidence import draw_lines

    weights = np.geomspace(0.1, 10.0, 41).tolist()
    tanh = [minimal_entropy(weight) for weight in weights]
    relu = [minimal_entropy(weight, activation="relu") for weight in weights]
    at_golden = {weight: minimal_entropy(weight) for weight in GOLDEN}
    numbers = {f"tanh w={weight} [bits]": [bits] for weight, bits in at_golden.items()}
    figure = draw_lines(
        weights,
        {"tanh unit": [tanh], "relu unit": [relu]},
        x_label="weight w",
        y_label="H(bin(f(w x))) [bits], x normal",
    )
    figure.axes[0].set_xscale("log")
    golden = list(GOLDEN.values())
    return conclude(
        ctx,
        np.allclose(list(at_golden.values()), golden, rtol=0, atol=1e-4) and relu == sorted(relu),
        "H(w) of tanh equals the golden values within 1e-4 with its maximum at w = 0.87; H(w) of "
        "ReLU is monotone over 41 weights from 0.1 to 10",
        numbers | {"relu, w = 0.1 and 10 [bits]": [relu[0], relu[-1]]},
        pictures=[figure_file(ctx, figure)],
        note="closed form: no training, no sampling, hence no archive",
    )


@claim(
    "saxe2018-relu",
    "ReLU hidden layers do not compress",
    REFERENCE,
    "KDE 1e-3 and bins of width 0.07",
)
def relu(ctx: Context) -> Result:
    """Judge that hidden ReLU layers drop by < 0.1 bit under KDE 1e-3 and width 0.07.

    The drop of tanh, and the paper's own conventions, are shown for comparison.
    """
    archives = szt_runs(ctx, activation="relu")
    planes = planes_of(archives, list(RELU_CONVENTIONS), ACTS)
    tanh = planes_of(szt_runs(ctx), [KDE], ["act5"])
    medians = {}
    for spec in RELU_CONVENTIONS:
        medians[spec] = [median(drops_of_layers(plane, ACTS, spec)) for plane in planes]
    numbers: Numbers = {
        f"median drop of hidden layers, {spec} [bits]": medians[spec] for spec in (KDE, SAXE)
    }
    limits = dict.fromkeys(numbers, 0.1)
    for spec in (KDE, SAXE):
        numbers[f"mean drop of hidden layers, {spec} [bits]"] = mean_drops(planes, ACTS, spec)
    numbers[f"largest drop of a hidden layer, {KDE} [bits]"] = [
        max(drops_of_layers(plane, ACTS, KDE)) for plane in planes
    ]
    numbers[f"tanh, layer 5, {KDE} [bits]"] = drops(tanh, "act5", KDE)
    return conclude(
        ctx,
        median(medians[KDE]) < 0.1 and median(medians[SAXE]) < 0.1,
        "median over seeds of the median drop of hidden layers < 0.1 bit under both conventions of "
        "the code",
        numbers,
        limits=limits,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], KDE)],
        conventions={
            convention: verdict_text(median(medians[spec]) < 0.1, medians[spec])
            for spec, convention in RELU_CONVENTIONS.items()
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
    archives = szt_runs(ctx)
    in_activation, in_net_input = "bin:szt", "bin:range,n=30,scope=layer"
    activations = planes_of(archives, [in_activation], ["act5"])
    net_inputs = planes_of(archives, [in_net_input], ["fc5"])
    falls = drops(activations, "act5", in_activation)
    net_falls = drops(net_inputs, "fc5", in_net_input)
    ratios = []
    for fall, net_fall in zip(falls, net_falls, strict=True):
        ratios.append(net_fall / fall if fall > 0 else math.inf)
    lines = {
        "even cells of the activation": curves_of(activations, ["act5"], in_activation)["act5"],
        "even cells of the net input": curves_of(net_inputs, ["fc5"], in_net_input)["fc5"],
    }
    return conclude(
        ctx,
        median(ratios) <= 0.25,
        "median ratio of drops (bins even in net input / bins even in activation) <= 0.25",
        {
            "bins on [-1, 1] [bits]": falls,
            "bins even in net input [bits]": net_falls,
            "ratio": ratios,
        },
        limits={"ratio": 0.25},
        planes=[*activations, *net_inputs],
        pictures=[
            over_training(
                ctx,
                activations[0].steps,
                lines,
                "layer 5: H of the bin codes [bits]",
            )
        ],
        note="tanh is injective: the information is the same, only the cells are placed elsewhere",
    )


@claim("saxe2018-batch", "compression is not due to the noise of SGD", REFERENCE, "full batch")
def full_batch(ctx: Context) -> Result:
    """Judge that layer 5 drops by > 2 bits under full-batch training, without sampling noise."""
    epochs = 3000 if ctx.quick else 20000
    archives = szt_runs(ctx, batch=0, lr=4e-3, epochs=epochs)
    planes = planes_of(archives, ["bin:szt"])
    falls = drops(planes, "act5", "bin:szt")
    return conclude(
        ctx,
        median(falls) > 2,
        "median drop of layer 5 > 2 bits under full-batch training",
        {"drop of layer 5 [bits]": falls},
        limits={"drop of layer 5 [bits]": 2},
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "bin:szt", [*ACTS, "fc6"])],
        note=f"Adam at 4e-3, {epochs} updates",
    )


def _snr_of_weights(archive: Archive) -> list[list[float]]:
    """Signal-to-noise ratio of the gradient, one curve for every weight."""
    curves: dict[str, list[float]] = {}
    for step in archive.steps:
        for name, of_weight in (archive.extra(step, "gradients") or {}).items():
            curves.setdefault(name, []).append(of_weight["snr"])
    return list(curves.values())


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
    """Judge that the gradient SNR falls more than 5 times in tanh and in ReLU networks.

    Only the tanh networks compress.
    """
    ratios: Numbers = {}
    compression: Numbers = {}
    lines: dict[str, list[list[float]]] = {}
    planes = []
    for activation in ("tanh", "relu"):
        trained = szt_runs(ctx, activation=activation)
        measured = planes_of(trained, [KDE], ["act5"])
        of_seeds, lines[activation] = [], []
        for archive in trained:
            of_weights = _snr_of_weights(archive)
            of_seeds.append(median(map(_peak_to_minimum, of_weights)))
            lines[activation].append(np.median(of_weights, axis=0).tolist())
        ratios[f"{activation}: SNR peak / later minimum, median over weights"] = of_seeds
        compression[f"{activation}: drop of layer 5, {KDE} [bits]"] = drops(measured, "act5", KDE)
        planes += measured
    return conclude(
        ctx,
        all(median(values) > 5 for values in ratios.values()),
        "median over seeds of SNR peak / later minimum > 5 in tanh and in ReLU networks",
        ratios | compression,
        limits=dict.fromkeys(ratios, 5),
        planes=planes,
        pictures=[
            over_training(
                ctx,
                planes[0].steps,
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
    specs = [f"bin:saxe,width={2 / count:g}" for count in counts]
    archives = szt_runs(ctx)
    planes = planes_of(archives, specs, ["act4"])
    by_count = [drops(planes, "act4", spec) for spec in specs]
    by_seed = np.transpose(by_count).tolist()
    numbers = {}
    for count, falls in zip(counts, by_count, strict=True):
        numbers[f"{count} bins, layer 4 [bits]"] = falls
    numbers[SPREAD] = [max(falls) / max(min(falls), 1e-3) for falls in by_seed]
    return conclude(
        ctx,
        median(numbers[SPREAD]) >= 5,
        "median over seeds of largest / smallest drop of layer 4 over 4 to 512 bins >= 5 (a drop "
        "below 0.001 bit counts as 0.001)",
        numbers,
        limits={SPREAD: 5},
        planes=planes,
        pictures=[
            lines_picture(
                ctx,
                list(map(str, counts)),
                {"drop of layer 4": by_seed},
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
    planes = []
    numbers: Numbers = {}
    lines, falls = {}, {}
    for activation in ("tanh", "softsign", "softplus", "relu"):
        trained = szt_runs(ctx, activation=activation)
        measured = planes_of(trained, [KDE], ACTS)
        of_seeds = mean_drops(measured, ACTS, KDE)
        numbers[f"{activation}, mean drop of hidden layers [bits]"] = of_seeds
        falls[activation] = median(of_seeds)
        lines[activation] = curves_of(measured, ["act5"], KDE)["act5"]
        planes += measured
    return conclude(
        ctx,
        falls["tanh"] > falls["softsign"] > max(falls["softplus"], falls["relu"]),
        f"median of the mean drop of hidden layers under {KDE}: tanh "
        "> softsign > softplus and relu",
        numbers,
        planes=planes,
        pictures=[
            over_training(
                ctx,
                planes[0].steps,
                lines,
                f"layer 5: I(X;Z+ε) [bits], {KDE}, upper",
            )
        ],
    )


@claim("small-sets", "networks that overfit compress as well", REFERENCE, "30 % of the patterns")
def small_sets(ctx: Context) -> Result:
    """Trained on 30 % of the patterns the network overfits, and layer 5 compresses all the same."""
    archives = szt_runs(ctx, rows=0.3)
    planes = planes_of(archives, ["bin:szt"])
    falls = drops(planes, "act5", "bin:szt")
    gaps = np.subtract(accuracies(archives, "train"), accuracies(archives, "test")).tolist()
    return conclude(
        ctx,
        median(falls) > 1 and median(gaps) > 0.02,
        "median drop of layer 5 > 1 bit with a median generalisation gap > 2 %",
        {"drop of layer 5 [bits]": falls, "train minus held-out accuracy": gaps},
        limits={"drop of layer 5 [bits]": 1, "train minus held-out accuracy": 0.02},
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "bin:szt", [*ACTS, "fc6"])],
        note="compression and generalisation come apart",
    )
