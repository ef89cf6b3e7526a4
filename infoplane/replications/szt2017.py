"""Shwartz-Ziv & Tishby 2017, "Opening the black box of deep neural networks via information" (arXiv 1703.00810)."""

from __future__ import annotations

import statistics

from infoplane.replications.frame import Claim, Context, Result, outcome_of
from infoplane.replications.runs import drop, learnt, picture, plane_of, szt_run

SPEC = "bin:szt"


def compress(ctx: Context) -> Result:
    """Median drop of layer 5 > 2 bits, median final I(T;Y) > 0.9 bit."""
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [SPEC]) for a in archives]
    falls = [drop(p, "act5", SPEC) for p in planes]
    ends = [p.series("act5", "i_zy", SPEC)[1][-1].bits for p in planes]
    holds = statistics.median(falls) > 2 and statistics.median(ends) > 0.9
    return Result(
        "szt2017",
        outcome_of(holds, learnt(archives), ctx.seeds, quick=ctx.quick),
        "median drop of layer 5 > 2 bits and median final I(T;Y) > 0.9 bit",
        {"drop of layer 5 [bits]": falls, "final I(T;Y) of layer 5 [bits]": ends},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "what falls is the number of occupied bins; see goldfeld2019 for what the network keeps",
        files=[picture(ctx, planes[0], "szt2017", SPEC)],
    )


CLAIMS = [Claim("szt2017", "tanh hidden layers first fit, then compress", __doc__ or "", "30 bins on [-1, 1], tanh, batch 256", compress)]
