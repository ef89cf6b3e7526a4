"""Repeat results of Chelombiev, Houghton & O'Donnell 2019."""

from __future__ import annotations

from statistics import median

from infoplane.replications import (
    ACTS,
    Context,
    Result,
    claim,
    conclude,
    drops,
    mean_drops,
    plane_picture,
    planes_of,
    szt_runs,
    verdict_text,
)

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
    archives = szt_runs(ctx, activation="relu")
    planes = planes_of(archives, [QUANTILE, CODE], ACTS)
    falls = {spec: mean_drops(planes, ACTS, spec) for spec in (QUANTILE, CODE)}
    numbers = {f"mean drop of hidden layers, {spec} [bits]": falls[spec] for spec in falls}
    limits = dict.fromkeys(numbers, 0.1)
    numbers |= {f"layer 5, {spec} [bits]": drops(planes, "act5", spec) for spec in falls}
    some = {spec: 0.1 < median(values) < 2 for spec, values in falls.items()}
    return conclude(
        ctx,
        all(some.values()),
        "median of the mean drop of hidden layers between 0.1 and 2 bits, quantile and "
        "entropy-based bins",
        numbers,
        limits=limits,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], CODE)],
        conventions={
            "their code: entropy-based bins over the distinct values "
            "of a layer (`bin:ebab`)": verdict_text(some[CODE], falls[CODE]),
            "equal counts per unit over all values (`bin:quantile`)": verdict_text(
                some[QUANTILE], falls[QUANTILE]
            ),
        },
        note="single runs vary widely: a seed may hardly compress",
    )
