"""Repeat results of Xu et al. 2020."""

from __future__ import annotations

from infoplane.replications.curves import difference_in_errors, plane_of
from infoplane.replications.evidence import conclude, lines_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, szt_run
from infoplane.replications.training import learnt

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
    import infoplane as ip

    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [SPEC], ACTS, steps=[a.steps[-1]]) for a in archives]
    inputs = [
        ip.estimators.VInformation("linear").estimate(ip.continuous(a.x), ip.discrete(a.y))
        for a in archives
    ]
    depth = [[p.series(name, "i_zy", SPEC)[1][-1] for name in ACTS] for p in planes]
    ratio = [difference_in_errors(d[2], x) for d, x in zip(depth, inputs, strict=True)]
    curve = [[x.bits, *(e.bits for e in d)] for x, d in zip(inputs, depth, strict=True)]
    return conclude(
        ctx,
        min(ratio) > 3,
        "I_V(layer 3 -> Y) - I_V(X -> Y) > 3 SE in every seed, linear family",
        {
            "I_V(X -> Y) [bits]": [x.bits for x in inputs],
            "I_V(layer 3 -> Y) [bits]": [d[2].bits for d in depth],
            "difference / SE": ratio,
        },
        limits={"difference / SE": 3},
        learnt=learnt(archives),
        archives=archives,
        planes=planes,
        pictures=[
            lines_picture(
                ctx,
                "xu2020",
                ["input", *ACTS],
                {"linear": curve},
                x_label="layer",
                y_label="I_V(Z→Y) [bits], held out, N=4096",
            )
        ],
        note="processing creates usable information; the data processing inequality is about all "
        "information",
    )
