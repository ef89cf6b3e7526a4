"""Repeat results of Shwartz-Ziv & Tishby 2017."""

from __future__ import annotations

from infoplane.replications.curves import bits_of, curves, drop, plane_of
from infoplane.replications.evidence import (
    conclude,
    judged,
    median_of,
    over_training,
    plane_picture,
)
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, szt_run
from infoplane.replications.training import learnt

REFERENCE = (
    'Shwartz-Ziv & Tishby 2017, "Opening the black box of deep neural networks via '
    'information" (arXiv 1703.00810).'
)

CODE, PAPER = "bin:szt", "bin:saxe-paper"


@claim(
    "szt2017",
    "tanh hidden layers first fit, then compress",
    REFERENCE,
    "30 bins on [-1, 1], tanh, batch 256",
)
def compress(ctx: Context) -> Result:
    """Median drop of layer 5 > 2 bits, median final I(T;Y) > 0.9 bit."""
    archives = [szt_run(ctx, seed) for seed in ctx.seeds]
    planes = [plane_of(a, [CODE], [*ACTS, "fc6"]) for a in archives]
    # of tanh layers alone: with others in the run its range is theirs
    paper = [plane_of(a, [PAPER], ACTS) for a in archives]
    falls = {
        CODE: [drop(p, "act5", CODE) for p in planes],
        PAPER: [drop(p, "act5", PAPER) for p in paper],
    }
    ends = [bits_of(p, "act5", CODE, "i_zy")[-1] for p in planes]
    return conclude(
        ctx,
        median_of(falls[CODE]) > 2 and median_of(ends) > 0.9,
        "median drop of layer 5 > 2 bits and median final I(T;Y) > 0.9 bit",
        {"drop of layer 5 [bits]": falls[CODE], "final I(T;Y) of layer 5 [bits]": ends},
        limits={"drop of layer 5 [bits]": 2, "final I(T;Y) of layer 5 [bits]": 0.9},
        learnt=learnt(archives),
        archives=archives,
        planes=[*planes, *paper],
        pictures=[
            plane_picture(ctx, planes[0], "szt2017", CODE, [*ACTS, "fc6"]),
            over_training(
                ctx,
                "szt2017-curves",
                planes[0].steps,
                curves(planes, ACTS, CODE),
                "H(bin(Z)) [bits], bin:szt, N=4096",
            ),
        ],
        conventions={
            "their code: 30 edges on [-1, 1], a last cell for values >= 1 (`bin:szt`)": judged(
                median_of(falls[CODE]) > 2, falls[CODE]
            ),
            "their paper: 30 equal cells on [-1, 1] (`bin:saxe-paper`)": judged(
                median_of(falls[PAPER]) > 2, falls[PAPER]
            ),
        },
        note="what falls is the number of occupied bins; see goldfeld2019 "
        "for what the network keeps",
    )
