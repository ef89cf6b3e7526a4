"""Chelombiev, Houghton & O'Donnell 2019, "Adaptive estimators show information compression in deep neural networks" (arXiv 1902.09037)."""

from __future__ import annotations

import statistics

from infoplane.replications.frame import Claim, Context, Result, outcome_of
from infoplane.replications.runs import drop, learnt, picture, plane_of, szt_run

HIDDEN = ["act1", "act2", "act3", "act4", "act5"]
SPECS = ["bin:quantile,n=30", "bin:ebab,n=30"]


def adaptive(ctx: Context) -> Result:
    """ReLU networks under bins that follow the values: mean drop of the hidden layers between 0.1 and 2 bits."""
    archives = [szt_run(ctx, seed, activation="relu") for seed in ctx.seeds]
    planes = [plane_of(a, SPECS, HIDDEN) for a in archives]
    numbers = {
        f"mean drop of hidden layers, {spec} [bits]": [statistics.mean(drop(p, n, spec) for n in HIDDEN) for p in planes] for spec in SPECS
    }
    numbers |= {f"layer 5, {spec} [bits]": [drop(p, "act5", spec) for p in planes] for spec in SPECS}
    holds = all(0.1 < statistics.median(numbers[f"mean drop of hidden layers, {spec} [bits]"]) < 2 for spec in SPECS)
    return Result(
        "chelombiev2019",
        outcome_of(holds, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median of the mean drop of hidden layers between 0.1 and 2 bits, quantile and entropy-based bins",
        numbers,
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        files=[picture(ctx, planes[0], "chelombiev2019", SPECS[1])],
    )


CLAIMS = [
    Claim(
        "chelombiev2019", "adaptive bins see some compression in ReLU networks", __doc__ or "", "quantile and entropy-based bins", adaptive
    )
]
