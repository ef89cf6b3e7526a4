"""Goldfeld et al. 2019, "Estimating information flow in deep neural networks" (ICML 2019, arXiv 1810.05728)."""

from __future__ import annotations

import statistics

from infoplane.replications.frame import Claim, Context, Result, outcome_of
from infoplane.replications.runs import drop, learnt, plane_of, szt_run

LAYERS = ["act1", "act2", "act3", "act4", "act5"]
NOISY = "noisy:sigma=0.1,draws=2"


def constant(ctx: Context) -> Result:
    """Exact codes of the tanh runs: H >= 11.99 bits in every hidden layer and epoch, and no leak along the chain."""
    from infoplane.analysis.dpi import check_dpi

    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, ["exact"]) for a in archives]
    least = [min(p.bits for p in plane if p.quantity == "i_xz" and p.layer in LAYERS) for plane in planes]
    faults = [float(len(check_dpi(plane, archive=a).of("fault"))) for plane, a in zip(planes, archives, strict=True)]
    return Result(
        "goldfeld2019",
        outcome_of(min(least) >= 11.99 and not any(faults), learnt(archives), ctx.seeds, quick=ctx.quick),
        "H(exact codes) >= 11.99 bits in every hidden tanh layer and epoch, no leak",
        {"smallest H over hidden layers and epochs [bits]": least, "leaks": faults},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "rows that tanh saturates to the same float32 are merged for good: late epochs may lose hundredths of a bit",
    )


def noisy(ctx: Context) -> Result:
    """The true information of the network with noise added to layer 5 falls while its binned value falls: clustering is what both see."""
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [NOISY, "bin:szt"], ["act5"]) for a in archives]
    true = [drop(p, "act5", NOISY) for p in planes]
    binned = [drop(p, "act5", "bin:szt") for p in planes]
    return Result(
        "goldfeld2019-noisy",
        outcome_of(statistics.median(true) > 1, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median drop of the true I(X; T + N(0, 0.01)) of layer 5 > 1 bit",
        {"noisy network, layer 5 [bits]": true, "bins, layer 5 [bits]": binned},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "noise is added to the layer under study, not propagated from below; the threshold of 1 bit is ours, and the falls lie just below it",
    )


_REF = __doc__ or ""
CLAIMS = [
    Claim("goldfeld2019", "the true I(X;T) of a deterministic network is constant", _REF, "exact codes of the tanh runs", constant),
    Claim(
        "goldfeld2019-noisy",
        "with noise the information is finite and its fall is clustering",
        _REF,
        "sigma = 0.1, sample propagation",
        noisy,
    ),
]
