"""Saxe et al. 2018, "On the information bottleneck theory of deep learning" (ICLR 2018; J. Stat. Mech. 2019)."""

from __future__ import annotations

import math
import statistics

import numpy as np
from scipy.stats import norm

from infoplane.replications.frame import Claim, Context, Result, outcome_of
from infoplane.replications.runs import drop, learnt, picture, plane_of, szt_run

HIDDEN = ["act1", "act2", "act3", "act4", "act5"]
KDE, SAXE = "kde:variance=0.001", "bin:saxe"
GOLDEN = {0.1: 2.64447, 0.5: 4.63120, 0.869: 4.899788, 2.0: 4.15734, 10.0: 2.04417}


def relu(ctx: Context) -> Result:
    """Hidden ReLU layers: drop < 0.1 bit under KDE 1e-3 and width 0.07; beside it the drop of tanh."""
    archives = [szt_run(ctx, seed, activation="relu") for seed in ctx.seeds]
    planes = [plane_of(a, [KDE, SAXE], HIDDEN) for a in archives]
    tanh = [plane_of(szt_run(ctx, seed), [KDE], ["act5"]) for seed in ctx.seeds]
    numbers = {
        f"mean drop of hidden layers, {spec} [bits]": [statistics.mean(drop(p, name, spec) for name in HIDDEN) for p in planes]
        for spec in (KDE, SAXE)
    }
    numbers[f"largest drop of a hidden layer, {KDE} [bits]"] = [max(drop(p, name, KDE) for name in HIDDEN) for p in planes]
    numbers[f"tanh, layer 5, {KDE} [bits]"] = [drop(p, "act5", KDE) for p in tanh]
    holds = all(statistics.median(statistics.median(drop(p, name, spec) for name in HIDDEN) for p in planes) < 0.1 for spec in (KDE, SAXE))
    return Result(
        "saxe2018-relu",
        outcome_of(holds, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median over seeds of the median drop of hidden layers < 0.1 bit under both conventions",
        numbers,
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "under bins that follow the values (quantile, ebab) some compression appears: chelombiev2019",
        files=[picture(ctx, planes[0], "saxe2018-relu", KDE)],
    )


def net_input(ctx: Context) -> Result:
    """The same tanh runs, bins even in the net input (pre-activation): at most a quarter of the drop is left."""
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    output, even = "bin:szt", "bin:range,n=30,scope=layer"
    falls = [drop(plane_of(a, [output], ["act5"]), "act5", output) for a in archives]
    inputs = [drop(plane_of(a, [even], ["fc5"]), "fc5", even) for a in archives]
    ratios = [b / a if a > 0 else math.inf for a, b in zip(falls, inputs, strict=True)]
    return Result(
        "saxe2018-range",
        outcome_of(statistics.median(ratios) <= 0.25, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median ratio of drops (bins even in net input / bins even in activation) <= 0.25",
        {"bins on [-1, 1] [bits]": falls, "bins even in net input [bits]": inputs, "ratio": ratios},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "tanh is injective: the information is the same, only the cells are placed elsewhere",
    )


def full_batch(ctx: Context) -> Result:
    """Full-batch gradient descent: drop > 2 bits without any sampling noise."""
    epochs = 3000 if ctx.quick else 20000
    archives = [szt_run(ctx, seed, batch=0, lr=4e-3, epochs=epochs) for seed in ctx.seeds]
    planes = [plane_of(a, ["bin:szt"]) for a in archives]
    falls = [drop(p, "act5", "bin:szt") for p in planes]
    return Result(
        "saxe2018-batch",
        outcome_of(statistics.median(falls) > 2, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median drop of layer 5 > 2 bits under full-batch training",
        {"drop of layer 5 [bits]": falls},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        f"Adam at 4e-3, {epochs} updates",
        files=[picture(ctx, planes[0], "saxe2018-batch", "bin:szt")],
    )


def minimal_entropy(weight: float, cells: int = 30, *, activation: str = "tanh") -> float:
    """H of h = f(w x), x ~ N(0, 1), over even cells, in closed form (bits): 30 cells on [-1, 1] for tanh, cells of width 2/30 for ReLU."""
    if activation == "tanh":
        edges = np.arctanh(np.clip(np.linspace(-1, 1, cells + 1), -1, 1)[1:-1]) / weight
        p = np.diff(np.concatenate([[0.0], norm.cdf(edges), [1.0]]))
    else:
        edges = np.arange(1, int(40 * weight * cells)) * 2 / cells / weight
        p = np.diff(np.concatenate([[0.0], norm.cdf(edges), [1.0]]))
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())


def minimal(ctx: Context) -> Result:
    """The minimal model, closed form: entropy of a tanh unit rises and falls with its weight, that of a ReLU unit only rises."""
    tanh = {w: minimal_entropy(w) for w in GOLDEN}
    rising = [minimal_entropy(w, activation="relu") for w in (0.1, 0.5, 1.0, 2.0, 10.0)]
    holds = all(abs(tanh[w] - h) < 1e-4 for w, h in GOLDEN.items()) and rising == sorted(rising)
    return Result(
        "saxe2018-minimal",
        "replicated" if holds else "not replicated",
        "H(w) of tanh equals the golden values within 1e-4 with its maximum at w = 0.87; H(w) of ReLU is monotone",
        {f"tanh w={w} [bits]": [h] for w, h in tanh.items()} | {"relu, w = 0.1 to 10 [bits]": rising},
        [0],
        1,
        False,
        "closed form: no training, no sampling",
    )


def snr(ctx: Context) -> Result:
    """Gradient SNR falls by more than 5 in tanh and in ReLU networks; only tanh compresses."""
    numbers: dict[str, list[float]] = {}
    ran = []
    for activation in ("tanh", "relu"):
        for seed in ctx.seeds:
            archive = szt_run(ctx, seed, activation=activation)
            ran.append(archive)
            ratios = []
            stats = [archive.extra(s, "gradients") or {} for s in archive.steps]
            for name in stats[0]:
                curve = [s[name]["snr"] for s in stats]
                peak = int(np.argmax(curve))
                ratios.append(curve[peak] / min(curve[peak:]))
            numbers.setdefault(f"{activation}: SNR peak / later minimum, median over weights", []).append(statistics.median(ratios))
    holds = all(statistics.median(v) > 5 for v in numbers.values())
    return Result(
        "saxe2018-snr",
        outcome_of(holds, learnt(ran), [*ctx.seeds] * 2, quick=ctx.quick),
        "median over seeds of SNR peak / later minimum > 5 in tanh and in ReLU networks",
        numbers,
        list(ctx.seeds),
        learnt(ran),
        ctx.quick,
        "a drift-to-diffusion transition does not need compression",
    )


def bin_count(ctx: Context) -> Result:
    """The drop of layer 5 of one tanh run depends on the number of bins: largest over smallest >= 5 from 4 to 512 bins."""
    counts = (4, 8, 16, 32, 64, 128, 256, 512)
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    numbers: dict[str, list[float]] = {}
    spreads = []
    for archive in archives:
        falls = []
        for n in counts:
            spec = f"bin:saxe,width={2 / n:g}"
            falls.append(drop(plane_of(archive, [spec], ["act4"]), "act4", spec))
            numbers.setdefault(f"{n} bins, layer 4 [bits]", []).append(falls[-1])
        spreads.append(max(falls) / max(min(falls), 1e-3))
    numbers["spread"] = spreads
    return Result(
        "bin-count",
        outcome_of(statistics.median(spreads) >= 5, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median over seeds of largest / smallest drop of layer 4 over 4 to 512 bins >= 5",
        numbers,
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
    )


def smooth(ctx: Context) -> Result:
    """KDE drop of layer 5: tanh > softsign > relu and softplus."""
    order = ("tanh", "softsign", "softplus", "relu")
    ran = {a: [szt_run(ctx, seed, activation=a) for seed in ctx.seeds] for a in order}
    numbers = {
        f"{a}, mean drop of hidden layers [bits]": [
            statistics.mean(drop(p, n, KDE) for n in HIDDEN) for p in (plane_of(r, [KDE], HIDDEN) for r in ran[a])
        ]
        for a in order
    }
    tanh, softsign, softplus, relu_drop = (statistics.median(v) for v in numbers.values())
    count = sum(learnt(v) for v in ran.values())
    return Result(
        "activations",
        outcome_of(tanh > softsign > max(softplus, relu_drop), count, [*ctx.seeds] * 4, quick=ctx.quick),
        f"median of the mean drop of hidden layers under {KDE}: tanh > softsign > softplus and relu",
        numbers,
        list(ctx.seeds),
        count,
        ctx.quick,
    )


def linear(ctx: Context) -> Result:
    """A deep linear network: no layer compresses, whether it generalises or not."""
    archives = [szt_run(ctx, seed, activation="linear") for seed in ctx.seeds]
    planes = [plane_of(a, [KDE], HIDDEN) for a in archives]
    falls = [statistics.mean(drop(p, name, KDE) for name in HIDDEN) for p in planes]
    return Result(
        "linear",
        "replicated" if statistics.median(falls) < 0.1 else "not replicated",
        f"median of the mean drop of hidden layers < 0.1 bit under {KDE}",
        {"mean drop of hidden layers [bits]": falls},
        list(ctx.seeds),
        len(archives),
        ctx.quick,
        "exact codes keep all bits in every layer; the layers become effectively one-dimensional, and the kernel's fixed noise hides the weak directions. The paper's setting is a linear student of a Gaussian teacher, this is the 12-bit task, which no linear network can learn",
    )


def random_labels(ctx: Context) -> Result:
    """Random labels: the training rows are memorised in part, nothing generalises, and the tanh layers change their planes all the same."""
    archives = [szt_run(ctx, seed, labels="random") for seed in ctx.seeds]
    planes = [plane_of(a, ["bin:szt"]) for a in archives]
    ends = [p.series("act5", "i_zy", "bin:szt")[1][-1].bits for p in planes]
    floor = [_null(a) for a in archives]
    from infoplane.replications.runs import accuracies

    tests = [accuracies(a)[1] for a in archives]
    holds = statistics.median(tests) < 0.6 and all(e > 0.05 for e in ends)
    return Result(
        "random-labels",
        outcome_of(holds, len(archives), ctx.seeds, quick=ctx.quick),
        "held-out accuracy < 0.6, and yet I(T;Y) of layer 5 on the probe rows > 0.05 bit: on training rows it is no sign of learning",
        {"final I(T;Y) of layer 5 [bits]": ends, "the same for labels never seen [bits]": floor, "held-out accuracy": tests},
        list(ctx.seeds),
        len(archives),
        ctx.quick,
    )


def _null(archive: object) -> float:
    import infoplane as ip
    from infoplane.analysis.errorbars import permutation_null

    z = ip.continuous(archive.z(archive.steps[-1], "act5"))  # type: ignore[attr-defined]  # an archive
    y = ip.discrete(archive.y)  # type: ignore[attr-defined]  # an archive
    return permutation_null(ip.estimators.Binned("szt"), z, y, draws=20, rng=np.random.default_rng(0)).mean


def small_sets(ctx: Context) -> Result:
    """Trained on 30 % of the patterns the network overfits, and layer 5 compresses all the same."""
    from infoplane.replications.runs import accuracies

    archives = [szt_run(ctx, seed, rows=0.3) for seed in ctx.seeds]
    planes = [plane_of(a, ["bin:szt"]) for a in archives]
    falls = [drop(p, "act5", "bin:szt") for p in planes]
    gaps = [train - test for train, test in map(accuracies, archives)]
    holds = statistics.median(falls) > 1 and statistics.median(gaps) > 0.02
    return Result(
        "small-sets",
        outcome_of(holds, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median drop of layer 5 > 1 bit with a median generalisation gap > 2 %",
        {"drop of layer 5 [bits]": falls, "train minus held-out accuracy": gaps},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "compression and generalisation come apart",
    )


_REF = __doc__ or ""
CLAIMS = [
    Claim("saxe2018-minimal", "one tanh unit compresses as its weight grows, one ReLU unit does not", _REF, "closed form", minimal),
    Claim("saxe2018-relu", "ReLU hidden layers do not compress", _REF, "KDE 1e-3 and bins of width 0.07", relu),
    Claim(
        "saxe2018-range", "bins even in the net input remove most of the tanh compression", _REF, "the tanh runs, binned again", net_input
    ),
    Claim("saxe2018-batch", "compression is not due to the noise of SGD", _REF, "full batch", full_batch),
    Claim("saxe2018-snr", "gradient phases occur without compression", _REF, "per-batch gradients at frozen checkpoints", snr),
    Claim("bin-count", "the amount of compression belongs to the number of bins", _REF, "4 to 512 bins", bin_count),
    Claim("activations", "compression follows saturation: tanh > softsign > softplus, ReLU", _REF, "KDE 1e-3", smooth),
    Claim("linear", "deep linear networks do not compress", _REF, "KDE 1e-3", linear),
    Claim("small-sets", "networks that overfit compress as well", _REF, "30 % of the patterns", small_sets),
    Claim(
        "random-labels",
        "random labels are compressed too, and I(T;Y) on training rows proves nothing",
        _REF,
        "a fair coin per pattern",
        random_labels,
    ),
]
