"""Conditional information is the mean over classes, and its error the root of squares."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from builders import ByRows, noisy_run, run_of

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


def two_checkpoints(path: Path) -> ip.Archive:
    """Return a run of 120 rows whose classes lie at different places and scales."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    z = (1 + y[:, None]) * rng.normal(size=(120, 2)) + 4 * y[:, None]
    return run_of(
        path, [{"z": scale * z} for scale in (1.0, 3.0)], x=np.arange(120.0)[:, None], y=y
    )


@pytest.mark.parametrize(
    "spec",
    [
        "exact",
        "bin:szt",
        "bin:range,n=4",
        "bin:range,n=4,scope=run",
        "bin:range,n=4,scope=layer",
        "bin:quantile,n=5",
        "kde:variance=0.5",
        "kde:relative=0.3",
    ],
)
def test_what_a_layer_knows_is_of_the_labels_or_beyond_them(tmp_path: Path, spec: str) -> None:
    run = two_checkpoints(tmp_path / "run")
    plane = ip.measure(run, [spec], resume=False)
    for found in ip.information_given_labels(run, spec):
        bits = {}
        for point in plane:
            if point.step == found.step and point.sense == found.estimate.sense:
                bits[point.quantity] = point.bits
        beyond = bits["i_xz"] - bits["i_zy"]
        assert found.estimate.bits == pytest.approx(beyond, abs=1e-6)
        assert found.estimate.estimator == plane.estimators[0]
