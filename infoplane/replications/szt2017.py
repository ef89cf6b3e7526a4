"""Repeat results of Shwartz-Ziv & Tishby 2017."""

from __future__ import annotations

from statistics import median

from infoplane.replications import (
    ACTS,
    Context,
    Result,
    claim,
    conclude,
    curves_of,
    drops,
    final_bits,
    over_training,
    plane_picture,
    planes_of,
    szt_runs,
    verdict_text,
)

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
    archives = szt_runs(ctx)
    planes = planes_of(archives, [CODE], [*ACTS, "fc6"])
    # of tanh layers alone: the range of its bins is that of all layers measured
    paper = planes_of(archives, [PAPER], ACTS)
    code_drops, paper_drops = drops(planes, "act5", CODE), drops(paper, "act5", PAPER)
    ends = final_bits(planes, "act5", CODE, "i_zy")
    return conclude(
        ctx,
        median(code_drops) > 2 and median(ends) > 0.9,
        "median drop of layer 5 > 2 bits and median final I(T;Y) > 0.9 bit",
        {"drop of layer 5 [bits]": code_drops, "final I(T;Y) of layer 5 [bits]": ends},
        limits={"drop of layer 5 [bits]": 2, "final I(T;Y) of layer 5 [bits]": 0.9},
        planes=[*planes, *paper],
        pictures=[
            plane_picture(ctx, planes[0], CODE, [*ACTS, "fc6"]),
            over_training(
                ctx,
                planes[0].steps,
                curves_of(planes, ACTS, CODE),
                "H(bin(Z)) [bits], bin:szt, N=4096",
                suffix="-curves",
            ),
        ],
        conventions={
            "their code: 30 edges on [-1, 1], a last cell for values >= 1 (`bin:szt`)": (
                verdict_text(median(code_drops) > 2, code_drops)
            ),
            "their paper: 30 equal cells on [-1, 1] (`bin:saxe-paper`)": (
                verdict_text(median(paper_drops) > 2, paper_drops)
            ),
        },
        note="what falls is the number of occupied bins; see goldfeld2019 "
        "for what the network keeps",
    )
