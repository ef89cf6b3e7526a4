"""Repeat results of Zhang et al. 2017."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infoplane.errors import InputError
from infoplane.replications.curves import drop, plane_of
from infoplane.replications.evidence import Numbers, conclude, median_of, plane_picture
from infoplane.replications.frame import Context, Result, claim
from infoplane.replications.runs import ACTS, szt_run
from infoplane.replications.training import accuracies

if TYPE_CHECKING:
    from infoplane.archive import Archive

REFERENCE = (
    'Zhang et al. 2017, "Understanding deep learning requires rethinking generalization" '
    "(ICLR 2017, arXiv 1611.03530)."
)

SPEC = "bin:szt"
SHARE = 0.1


def beyond_chance(
    archive: Archive, rows: str, *, layer: str = "act5"
) -> tuple[float, float, float]:
    """Return I(T;Y) in bits at the end, the mean of its null, and the p-value.

    They are of the rows of one split; the null is that of permuted labels.

    Args:
        archive: of one training.
        rows: ``train`` or ``test``.
        layer: which activation.
    """
    import infoplane as ip
    from infoplane.analysis.resampling.permutation_null import permutation_null

    if archive.split is None or archive.y is None:
        raise InputError(f"{archive.path}: the run stores no split or no labels")
    mine = np.asarray(archive.split) == rows
    z, y = ip.continuous(archive.z(archive.steps[-1], layer)[mine]), ip.discrete(archive.y[mine])
    estimator = ip.estimators.Binned("szt")
    null = permutation_null(estimator, z, y, draws=199, rng=np.random.default_rng(0))
    return estimator.estimate(z, y).bits, null.mean, null.p


@claim(
    "random-labels",
    "random labels are memorised: I(T;Y) on training rows proves nothing",
    REFERENCE,
    "a fair coin per pattern of the 12 bits, 10 % of the patterns trained on, tanh",
)
def random_labels(ctx: Context) -> Result:
    """Judge a fair coin per pattern, learnt from 10 % of the patterns.

    Memorised beyond chance, nothing generalises, the layers compress all the same.
    """
    archives = [szt_run(ctx, seed, labels="random", rows=SHARE) for seed in ctx.seeds]
    planes = [plane_of(a, [SPEC]) for a in archives]
    train, test = ([beyond_chance(a, rows) for a in archives] for rows in ("train", "test"))
    numbers: Numbers = {
        "training rows: accuracy": [accuracies(a)[0] for a in archives],
        "held-out rows: accuracy": [accuracies(a)[1] for a in archives],
        "training rows: I(T;Y) of layer 5 [bits]": [t[0] for t in train],
        "training rows: mean under shuffled labels [bits]": [t[1] for t in train],
        "training rows: p": [t[2] for t in train],
        "held-out rows: I(T;Y) of layer 5 [bits]": [t[0] for t in test],
        "held-out rows: mean under shuffled labels [bits]": [t[1] for t in test],
        "held-out rows: p": [t[2] for t in test],
        "drop of layer 5 [bits]": [drop(p, "act5", SPEC) for p in planes],
    }
    holds = (
        max(numbers["training rows: p"]) < 0.05 and median_of(numbers["held-out rows: p"]) > 0.05
    )
    holds = holds and 0.4 < median_of(numbers["held-out rows: accuracy"]) < 0.6
    return conclude(
        ctx,
        holds,
        "I(T;Y) of layer 5 is beyond its label-permutation null (p < 0.05) on the training rows of "
        "every seed and not on held-out rows (median), where accuracy is chance (0.4 to 0.6)",
        numbers,
        limits={"training rows: p": 0.05, "held-out rows: p": 0.05},
        archives=archives,
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], "random-labels", SPEC, ACTS)],
        note="I(T;Y) on rows that were trained on is no sign of learning; its size without the "
        "null says nothing either",
    )
