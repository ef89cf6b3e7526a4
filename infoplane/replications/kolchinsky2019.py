"""Repeat results of Kolchinsky, Tracey & Van Kuyk 2019."""

from __future__ import annotations

from infoplane.replications import (
    ACTS,
    Context,
    Result,
    claim,
    conclude,
    plane_picture,
    planes_of,
    szt_runs,
)

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
    archives = szt_runs(ctx)
    planes = planes_of(archives, ["exact"], ACTS)
    gaps = []
    for plane in planes:
        about_y = [point.bits for point in plane if point.quantity == "i_zy"]
        gaps.append((plane.h_y_bits or 0.0) - min(about_y))
    return conclude(
        ctx,
        max(gaps) < 0.01,
        "H(Y) - I(T;Y) < 0.01 bit in every hidden layer and epoch",
        {"largest H(Y) - I(T;Y) [bits]": gaps},
        limits={"largest H(Y) - I(T;Y) [bits]": 0.01},
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "exact")],
        note="an untrained layer has all of Y already: prediction does not trade against "
        "compression here",
    )
