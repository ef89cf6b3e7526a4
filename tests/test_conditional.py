"""Conditional information is the mean over classes, and its error the root of squares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders import ByRows

import infoplane as ip
from infoplane.analysis.studies.conditional import conditional_information
from infoplane.errors import EstimatorError


def test_a_conditional_estimate_weighs_classes_by_their_rows_and_errors_by_their_squares() -> None:
    v = ip.continuous(np.arange(10.0))
    e = conditional_information(ByRows(), v, v, ip.discrete(np.repeat([0, 1, 2], [2, 3, 5])))  # type: ignore[arg-type]  # an Estimator
    w = np.array([2, 3, 5]) / 10
    assert (
        e.bits == pytest.approx(w @ [2, 3, 5])
        and e.stderr == pytest.approx(math.hypot(*(w * [0.2, 0.3, 0.5])))
        and e.n == 10
    )
    assert (
        e.ceiling_bits == pytest.approx(w @ [4, 6, 10])
        and e.high == pytest.approx(e.bits + 1.96 * e.stderr)
        and e.low == pytest.approx(e.bits - 1.96 * e.stderr)
    )  # type: ignore[operator]
    assert e.notes == ("conditional on values: mean over 3 symbols", "same")
    with pytest.raises(EstimatorError, match="expected paired rows, got 10, 10 and 9"):
        conditional_information(ByRows(), v, v, ip.discrete(np.arange(9)))  # type: ignore[arg-type]
