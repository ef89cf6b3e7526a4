"""Conditional information is the mean over classes, and its error the root of squares."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from builders import ByRows, noisy_run

import infoplane as ip
from infoplane.analysis.studies.conditional import conditional_information
from infoplane.errors import EstimatorError, InputError

ROWS = ip.continuous(np.arange(10.0))
GIVEN = ip.discrete(np.repeat([0, 1, 2], [2, 3, 5]))
SHARES = np.array([2, 3, 5]) / 10


@pytest.fixture
def found() -> ip.Estimate:
    """A tenth of a bit for each row of a class."""
    return conditional_information(ByRows(), ROWS, ROWS, GIVEN)  # type: ignore[arg-type]  # an Estimator


def test_a_conditional_estimate_weighs_classes_by_their_rows(found: ip.Estimate) -> None:
    assert found.bits == pytest.approx(SHARES @ [0.2, 0.3, 0.5]) and found.n == 10
    assert found.ceiling_bits == pytest.approx(SHARES @ [4, 6, 10])


def test_the_error_of_a_conditional_estimate_is_the_root_of_squares(found: ip.Estimate) -> None:
    error = math.hypot(*(SHARES * [0.02, 0.03, 0.05]))
    assert found.stderr == pytest.approx(error)
    assert (found.low, found.high) == pytest.approx(
        (found.bits - 1.96 * error, found.bits + 1.96 * error)
    )


def test_notes_of_all_classes_are_told_once(found: ip.Estimate) -> None:
    assert found.notes[:2] == ("conditional on values: mean over 3 symbols", "same")
    assert len(set(found.notes)) == len(found.notes)


def test_the_condition_has_as_many_rows() -> None:
    with pytest.raises(EstimatorError, match="expected paired rows, got 10, 10 and 9"):
        conditional_information(ByRows(), ROWS, ROWS, ip.discrete(np.arange(9)))  # type: ignore[arg-type]


def test_exact_codes_of_a_layer_that_draws_noise_are_left_out_with_a_warning(
    tmp_path: Path,
) -> None:
    run = noisy_run(tmp_path / "run")
    with pytest.warns(RuntimeWarning, match="draw noise are left out"):
        found = ip.information_given_labels(run, "exact")
    assert {one.layer for one in found} == {"a"}
    with pytest.raises(InputError, match="mu draws noise"):
        ip.information_given_labels(run, "exact", layers=["mu"])
