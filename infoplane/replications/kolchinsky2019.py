"""Repeat results of Kolchinsky, Tracey & Van Kuyk 2019."""

from __future__ import annotations

from infoplane.replications.curves import plane_of
from infoplane.replications.evidence import conclude, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, szt_run
from infoplane.replications.training import learnt

REFERENCE = (
    'Kolchinsky, Tracey & Van Kuyk 2019, "Caveats for information bottleneck in deterministic '
    'scenarios" (ICLR 2019, arXiv 1808.07593).'
)


@claim(
    "kolchinsky2019",
    "when Y is a function of X there is no trade-off to see",
    REFERENCE,
    "exact codes",
)
def deterministic(ctx: Context) -> Result:
    """Y = f(X) and exact codes: I(T;Y) = H(Y) in every hidden layer and epoch."""
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, ["exact"], ACTS) for a in archives]
    gaps = [
        max((plane.h_y_bits or 0.0) - p.bits for p in plane if p.quantity == "i_zy")
        for plane in planes
    ]
    return conclude(
        ctx,
        max(gaps) < 0.01,
        "H(Y) - I(T;Y) < 0.01 bit in every hidden layer and epoch",
        {"largest H(Y) - I(T;Y) [bits]": gaps},
        limits={"largest H(Y) - I(T;Y) [bits]": 0.01},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "kolchinsky2019", "exact")],
        note="an untrained layer has all of Y already: prediction does not trade against "
        "compression here",
    )
