"""Xu et al. 2020, "A theory of usable information under computational constraints" (ICLR 2020, arXiv 2002.10689)."""

from __future__ import annotations

import math

from infoplane.replications.frame import Claim, Context, Result, outcome_of
from infoplane.replications.runs import learnt, szt_run


def created(ctx: Context) -> Result:
    """Linear V-information about the label: layer 3 has more than the input, by more than 3 standard errors."""
    import infoplane as ip

    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    before, after, ratio = [], [], []
    for archive in archives:
        y = ip.discrete(archive.y)
        family = ip.estimators.VInformation("linear")
        a, b = (family.estimate(ip.continuous(v), y) for v in (archive.x, archive.z(archive.steps[-1], "act3")))
        before.append(a.bits)
        after.append(b.bits)
        ratio.append((b.bits - a.bits) / math.hypot(a.stderr or 0.0, b.stderr or 0.0))
    return Result(
        "xu2020",
        outcome_of(min(ratio) > 3, learnt(archives), ctx.seeds, quick=ctx.quick),
        "I_V(layer 3 -> Y) - I_V(X -> Y) > 3 SE in every seed, linear family",
        {"I_V(X -> Y) [bits]": before, "I_V(layer 3 -> Y) [bits]": after, "difference / SE": ratio},
        list(ctx.seeds),
        learnt(archives),
        ctx.quick,
        "processing creates usable information; the data processing inequality is about all information",
    )


CLAIMS = [Claim("xu2020", "processing makes information usable", __doc__ or "", "linear V-information, cross-fitted", created)]
