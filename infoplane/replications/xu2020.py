"""Repeat results of Xu et al. 2020."""

from __future__ import annotations

import infoplane as ip
from infoplane.replications import (
    ACTS,
    Context,
    Result,
    bits_of,
    claim,
    conclude,
    difference_in_errors,
    lines_picture,
    planes_of,
    szt_runs,
)

REFERENCE = (
    'Xu et al. 2020, "A theory of usable information under computational constraints" (ICLR '
    "2020, arXiv 2002.10689)."
)

SPEC = "vinfo:family=linear"


@claim(
    "xu2020", "processing makes information usable", REFERENCE, "linear V-information, cross-fitted"
)
def created(ctx: Context) -> Result:
    """Linear V-information about the label.

    Layer 3 has more than the input, by more than 3 standard errors.
    """
    archives = szt_runs(ctx)
    planes = planes_of(archives, [SPEC], ACTS, at_end=True)
    estimator = ip.estimators.VInformation("linear")
    of_input, of_layer, differences, lines = [], [], [], []
    for archive, plane in zip(archives, planes, strict=True):
        before = estimator.estimate(ip.continuous(archive.x), ip.discrete(archive.y))
        after = plane.series("act3", "i_zy", SPEC)[1][-1]
        of_input.append(before.bits)
        of_layer.append(after.bits)
        differences.append(difference_in_errors(after, before))
        along_depth = [bits_of(plane, layer, SPEC, "i_zy")[-1] for layer in ACTS]
        lines.append([before.bits, *along_depth])
    return conclude(
        ctx,
        min(differences) > 3,
        "I_V(layer 3 -> Y) - I_V(X -> Y) > 3 SE in every seed, linear family",
        {
            "I_V(X -> Y) [bits]": of_input,
            "I_V(layer 3 -> Y) [bits]": of_layer,
            "difference / SE": differences,
        },
        limits={"difference / SE": 3},
        planes=planes,
        pictures=[
            lines_picture(
                ctx,
                ["input", *ACTS],
                {"linear": lines},
                x_label="layer",
                y_label="I_V(Z→Y) [bits], held out, N=4096",
            )
        ],
        note="processing creates usable information; the data processing inequality is about all "
        "information",
    )
