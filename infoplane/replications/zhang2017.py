"""Repeat results of Zhang et al. 2017."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np

import infoplane as ip
from infoplane.analysis.resampling.permutation_null import permutation_null
from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.replications import (
    ACTS,
    Context,
    Numbers,
    Result,
    accuracies,
    claim,
    conclude,
    drops,
    plane_picture,
    planes_of,
    szt_runs,
)

REFERENCE = (
    'Zhang et al. 2017, "Understanding deep learning requires rethinking generalization" '
    "(ICLR 2017, arXiv 1611.03530)."
)

SPEC = "bin:szt"
SHARE = 0.1
SPLITS: dict[str, Literal["train", "test"]] = {"training rows": "train", "held-out rows": "test"}


@dataclass(frozen=True)
class LabelInformation:
    """I(T;Y) at the end of training against that of permuted labels.

    Attributes:
        bits: I(T;Y).
        null_bits: mean of I(T;Y) over permutations of the labels.
        p: share of permutations that reach ``bits``.
    """

    bits: float
    null_bits: float
    p: float


def beyond_chance(archive: Archive, split: Literal["train", "test"]) -> LabelInformation:
    """Return I(T;Y) of layer 5 at the end, on the rows of one split, with its permutation null."""
    if archive.split is None or archive.y is None:
        raise InputError(f"{archive.path}: the run stores no split or no labels")
    rows = np.asarray(archive.split) == split
    layer_values = ip.continuous(archive.z(archive.steps[-1], "act5")[rows])
    labels = ip.discrete(archive.y[rows])
    estimator = ip.estimators.Binned("szt")
    rng = np.random.default_rng(0)
    null = permutation_null(estimator, layer_values, labels, draws=199, rng=rng)
    return LabelInformation(estimator.estimate(layer_values, labels).bits, null.mean, null.p)


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
    archives = szt_runs(ctx, labels="random", rows=SHARE)
    planes = planes_of(archives, [SPEC])
    numbers: Numbers = {
        "training rows: accuracy": accuracies(archives, "train"),
        "held-out rows: accuracy": accuracies(archives, "test"),
    }
    for rows, split in SPLITS.items():
        found = [beyond_chance(archive, split) for archive in archives]
        numbers |= {
            f"{rows}: I(T;Y) of layer 5 [bits]": [info.bits for info in found],
            f"{rows}: mean under shuffled labels [bits]": [info.null_bits for info in found],
            f"{rows}: p": [info.p for info in found],
        }
    numbers["drop of layer 5 [bits]"] = drops(planes, "act5", SPEC)
    memorised = max(numbers["training rows: p"]) < 0.05
    by_chance = 0.4 < median(numbers["held-out rows: accuracy"]) < 0.6
    return conclude(
        ctx,
        memorised and by_chance and median(numbers["held-out rows: p"]) > 0.05,
        "I(T;Y) of layer 5 is beyond its label-permutation null (p < 0.05) on the training rows of "
        "every seed and not on held-out rows (median), where accuracy is chance (0.4 to 0.6)",
        numbers,
        limits={"training rows: p": 0.05, "held-out rows: p": 0.05},
        learnt=len(archives),
        planes=planes,
        pictures=[plane_picture(ctx, planes[0], SPEC, ACTS)],
        note="I(T;Y) on rows that were trained on is no sign of learning; its size without the "
        "null says nothing either",
    )
