"""Kolchinsky, Tracey & Van Kuyk 2019, "Caveats for information bottleneck in deterministic scenarios" (ICLR 2019, arXiv 1808.07593)."""

from __future__ import annotations

from infoplane.replications.frame import Claim, Context, Result, outcome_of
from infoplane.replications.runs import learnt, plane_of, szt_run


def no_trade_off(ctx: Context) -> Result:
    """Y = f(X), exact codes: I(T;Y) = H(Y) in all hidden layers from the first step to the last."""
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, ["exact"]) for a in archives]
    gaps = [max((plane.h_y_bits or 0) - p.bits for p in plane if p.quantity == "i_zy" and p.layer.startswith("act")) for plane in planes]
    return Result(
        "kolchinsky2019",
        outcome_of(max(gaps) < 0.01, learnt(archives), ctx.seeds, quick=ctx.quick),
        "H(Y) - I(T;Y) < 0.01 bit in every hidden layer and epoch",
        {"largest H(Y) - I(T;Y) [bits]": gaps},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "an untrained layer has all of Y already: prediction does not trade against compression here",
    )


CLAIMS = [Claim("kolchinsky2019", "when Y is a function of X there is no trade-off to see", __doc__ or "", "exact codes", no_trade_off)]
