"""Critics: objectives, intervals and labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import infoplane as ip
from infoplane.analysis.estimators import neural, parse
from infoplane.analysis.estimators.critic import PairedRows
from infoplane.errors import EstimatorError, InputError


def told(*values: float, batch: int = 16) -> neural.InfoNCE:
    """InfoNCE whose critics say these values, one after the other."""
    left = iter(values)

    class Told(neural.InfoNCE):
        def fit_and_read(self, rows: PairedRows, rng: np.random.Generator) -> float:
            return next(left)

    return Told(batch=batch, seeds=len(values))


def test_the_interval_of_a_critic_is_over_its_starts_and_its_ceiling_the_batch_or_the_labels() -> (
    None
):
    x, y = ip.continuous(np.arange(64.0)), ip.discrete(np.arange(64) % 2)
    e = told(1.0, 2.0, 3.0).estimate(x, x)
    assert (
        e.bits == 2.0
        and e.stderr == pytest.approx(1 / math.sqrt(3))
        and e.low == pytest.approx(2 - 1.96 / math.sqrt(3))
        and e.ceiling_bits == 4.0
    )
    assert (
        e.high == pytest.approx(2 + 1.96 / math.sqrt(3))
        and e.sense == "lower"
        and e.notes == ("interval over critics only",)
    )
    one = told(0.5).estimate(x, y)
    assert one.stderr is None and one.low is None and one.ceiling_bits == 1.0
    with pytest.raises(EstimatorError, match="the critic diverged"):
        told(float("nan")).estimate(x, y)
    with pytest.raises(EstimatorError, match="at least 64 rows for batches of 16, got 63"):
        told(0.5).estimate(ip.continuous(np.arange(63.0)), ip.discrete(np.arange(63) % 2))
    assert (
        told(0.5, batch=4)
        .estimate(ip.continuous(np.arange(16.0)), ip.continuous(np.arange(16.0)))
        .bits
        == 0.5
    )


@pytest.mark.parametrize("wrong", [{"batch": 3}, {"seeds": 0}, {"hidden": 0}, {"epochs": 0}])
def test_a_critic_needs_a_batch_of_four_and_at_least_one_of_the_rest(wrong: dict[str, int]) -> None:
    assert neural.InfoNCE(batch=4, seeds=1, hidden=1, epochs=1).batch == 4
    with pytest.raises(InputError, match="expected batch >= 4 and seeds, hidden, epochs >= 1"):
        neural.InfoNCE(**wrong)  # type: ignore[arg-type]  # integers


@pytest.mark.parametrize(
    "spec",
    [
        "infonce",
        "nwj:batch=64",
        "mine:seeds=1,epochs=5",
        "smile",
        "smile:tau=3",
        "smile:batch=64,tau=3",
        "ratio:hidden=8",
    ],
)
def test_the_spec_of_a_critic_comes_back_and_its_axis_says_what_it_bounds(spec: str) -> None:
    e = parse(spec)
    assert (
        str(e) == spec
        and "(Z;Y) >= [bits], held out, N=9" in e.axis_label("i_zy", 9)
        and "(X;Z) >=" in e.axis_label("i_xz", 9)
    )  # type: ignore[attr-defined]


def test_symbols_are_indicators_and_at_most_as_many_as_a_critic_takes() -> None:
    most = neural.MOST_CLASSES
    assert neural.critic_features(ip.discrete(np.arange(most)), "n").shape == (most, most)
    with pytest.raises(EstimatorError, match=f"has {most + 1} symbols; a critic takes labels"):
        neural.critic_features(ip.discrete(np.arange(most + 1)), "n")
    found = neural.critic_features(ip.discrete([1, 0, 1]), "n")
    assert (found @ found.T == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]).all() and (
        found.sum(axis=1) == 1
    ).all()


@pytest.mark.parametrize(
    ("gap", "fine"), [(0.29, True), (-0.29, True), (0.31, False), (-0.31, False)]
)
def test_two_readings_of_one_ratio_may_differ_by_three_tenths_of_a_bit(
    gap: float, fine: bool
) -> None:
    scores = torch.zeros(4, 4, dtype=torch.float64)
    scores[~torch.eye(4, dtype=bool)] = gap * math.log(
        2
    )  # the product's log mean exp, which the plug-in does not see
    ratio, rows = neural.DensityRatio(batch=4), np.arange(8)
    at = PairedRows(torch.zeros(8, 1), torch.zeros(8, 1))
    if fine:
        assert ratio.held_out_nats(lambda a, b: scores, at, rows) == pytest.approx(
            -gap * math.log(2)
        )  # type: ignore[arg-type]  # a critic
    else:
        with pytest.raises(EstimatorError, match="the two read-outs of one density ratio differ"):
            ratio.held_out_nats(lambda a, b: scores, at, rows)  # type: ignore[arg-type]
