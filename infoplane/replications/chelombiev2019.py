"""Repeat results of Chelombiev, Houghton & O'Donnell 2019."""

from __future__ import annotations

from infoplane.replications.curves import drop, mean_drops, plane_of
from infoplane.replications.evidence import conclude, judged, median_of, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, szt_run
from infoplane.replications.training import learnt

REFERENCE = (
    "Chelombiev, Houghton & O'Donnell 2019, \"Adaptive estimators show information compression "
    'in deep neural networks" (arXiv 1902.09037).'
)

QUANTILE, CODE = "bin:quantile,n=30", "bin:ebab,n=30"


@claim(
    "chelombiev2019",
    "adaptive bins see some compression in ReLU networks",
    REFERENCE,
    "quantile and entropy-based bins",
)
def adaptive(ctx: Context) -> Result:
    """ReLU networks under bins that follow the values.

    Mean drop of the hidden layers between 0.1 and 2 bits.
    """
    archives = [szt_run(ctx, seed, activation="relu") for seed in ctx.seeds]
    planes = [plane_of(a, [QUANTILE, CODE], ACTS) for a in archives]
    falls = {spec: mean_drops(planes, ACTS, spec) for spec in (QUANTILE, CODE)}
    numbers = {f"mean drop of hidden layers, {spec} [bits]": falls[spec] for spec in falls}
    limits = dict.fromkeys(numbers, 0.1)
    numbers |= {
        f"layer 5, {spec} [bits]": [drop(p, "act5", spec) for p in planes] for spec in falls
    }
    some = {spec: 0.1 < median_of(values) < 2 for spec, values in falls.items()}
    return conclude(
        ctx,
        all(some.values()),
        "median of the mean drop of hidden layers between 0.1 and 2 bits, quantile and "
        "entropy-based bins",
        numbers,
        limits=limits,
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "chelombiev2019", CODE)],
        conventions={
            "their code: entropy-based bins over the distinct values "
            "of a layer (`bin:ebab`)": judged(some[CODE], falls[CODE]),
            "equal counts per unit over all values (`bin:quantile`)": judged(
                some[QUANTILE], falls[QUANTILE]
            ),
        },
        note="single runs vary widely: a seed may hardly compress",
    )
