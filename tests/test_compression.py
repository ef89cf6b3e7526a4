"""The fall of a curve: the half that did not choose the peak, its interval, its threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infoplane.analysis.studies.compression import (
    Compression,
    compression,
    lasts,
    split_half_drop,
)
from infoplane.errors import InputError


def noisy_curves(
    truth: np.ndarray, sd: float, rng: np.random.Generator, rows: int = 400
) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Curves that are means over rows, so that halves relate to the whole."""
    data = truth[None, :] + sd * np.sqrt(rows) * rng.normal(size=(rows, len(truth)))
    halves = []
    for _ in range(5):
        order = rng.permutation(rows)
        halves.append((data[order[: rows // 2]].mean(0), data[order[rows // 2 :]].mean(0)))
    return halves, data.mean(0)


def test_a_plateau_is_no_compression_where_maximum_minus_final_always_falls() -> None:
    rng = np.random.default_rng(0)
    found = [compression(range(30), *noisy_curves(np.full(30, 5.0), 0.1, rng)) for _ in range(200)]
    alarms = np.mean([c.compresses for c in found])
    naive = np.mean([c.naive > c.threshold for c in found])
    assert alarms <= 0.07 and naive > 0.4
    assert abs(np.mean([c.drop for c in found])) < 0.03 and np.mean([c.naive for c in found]) > 0.15


def test_a_true_fall_is_found_and_measured_without_bias() -> None:
    rng = np.random.default_rng(1)
    truth = np.r_[np.linspace(3, 5, 10), np.linspace(5, 4, 20)]
    found = [compression(range(30), *noisy_curves(truth, 0.05, rng)) for _ in range(100)]
    assert np.mean([c.compresses for c in found]) > 0.95
    assert np.mean([c.drop for c in found]) == pytest.approx(1, abs=0.05)
    assert np.mean([c.low <= 1 <= c.high for c in found]) > 0.85
    assert np.median([c.onset for c in found]) == pytest.approx(9.5, abs=2)


def test_the_end_of_fitting_is_where_nine_tenths_are_reached() -> None:
    rng = np.random.default_rng(2)
    halves, whole = noisy_curves(np.linspace(5, 4, 11), 0.01, rng)
    labels = np.array([0, 0.2, 0.4, 0.6, 0.85, 0.91, 0.95, 1, 1, 1, 1])
    assert compression(range(0, 110, 10), halves, whole, labels=labels).fitting_end == 50
    with pytest.raises(InputError, match="at least 3 checkpoints"):
        compression([0, 1], [(whole[:2], whole[:2])] * 2, whole[:2])


def test_a_fall_is_measured_on_the_half_that_did_not_choose_the_peak() -> None:
    first, second = np.array([0.0, 3.0, 2.5, 1.0]), np.array([0.5, 2.0, 2.2, 0.7])
    assert split_half_drop(first, second) == (
        pytest.approx(((2.0 - 0.7) + (2.5 - 1.0)) / 2),
        1,
    )


STEPS = [0, 10, 20, 30, 40]


HALVES = [
    (np.array([0.0, 3.0, 2.5, 1.5, 1.0]), np.array([0.5, 2.0, 2.2, 1.0, 0.7])),
    (np.array([0.1, 2.9, 2.0, 1.5, 1.2]), np.array([0.4, 2.5, 2.2, 1.0, 0.6])),
    (np.array([0.1, 2.0, 2.8, 1.5, 1.1]), np.array([0.4, 2.5, 2.6, 1.0, 0.9])),
]


WHOLE = np.array([0.2, 2.6, 2.5, 1.3, 0.9])


def test_the_interval_of_a_fall_is_that_of_its_single_halves() -> None:
    found = compression(STEPS, HALVES, WHOLE)
    single = []
    for first, second in HALVES:
        single += [second[first.argmax()] - second[-1], first[second.argmax()] - first[-1]]
    drop, error = np.mean(single), np.std(single, ddof=1)
    expected = (drop, drop - 1.96 * error, drop + 1.96 * error)
    assert (found.drop, found.low, found.high) == pytest.approx(expected)


def test_a_fall_begins_at_the_median_of_the_peaks_of_its_halves() -> None:
    peaks = [int(half.argmax()) for pair in HALVES for half in pair]
    assert peaks == [1, 2, 1, 1, 2, 2]
    found = compression(STEPS, HALVES, WHOLE)
    assert (found.onset, found.onset_low, found.onset_high) == (10, 10, 20)


def test_the_naive_fall_is_that_of_the_whole_curve() -> None:
    found = compression(STEPS, HALVES, WHOLE)
    assert found.naive == pytest.approx(2.6 - 0.9)


@pytest.mark.parametrize(
    ("curve", "stays"),
    [
        ([0.2, 2.6, 2.5, 1.3, 0.9], True),
        ([0.2, 2.6, 2.5, 1.3, 2.6], False),
        ([0.2, 2.6, 2.7, 1.3, 0.9], True),
    ],
    ids=["falls", "rises again", "still rises in its earlier half"],
)
def test_a_fall_stays_where_the_last_value_is_low(curve: list[float], stays: bool) -> None:
    assert compression(STEPS, HALVES, np.array(curve)).stays is stays


@pytest.mark.parametrize(
    ("curve", "lasting"),
    [
        ([5.0, 3, 5, 3, 5, 3, 5, 3], False),
        ([5.0, 5, 3, 3, 5, 5, 3, 3], False),
        ([4.0, 4.2, 3.7, 4.4, 3.5, 4.6, 3.3], False),
        ([5.0, 3, 5, 5, 4, 3, 3, 3], True),
        ([3.0, 3, 3, 5, 4, 3, 3, 3], True),
        ([5.0, 5, 5, 5, 5, 5, 3, 3], True),
        ([5.0, 4, 3, 3, 4, 5, 5, 5], False),
        ([4.0, 4, 4, 4], False),
    ],
    ids=["to and fro", "slowly", "growing", "once before", "two phases", "late", "back", "flat"],
)
def test_a_fall_lasts_longer_than_any_dip_before_it(curve: list[float], lasting: bool) -> None:
    assert lasts(np.array(curve)) is lasting


def test_a_late_fall_from_a_plateau_lasts_wherever_its_halves_peak() -> None:
    rng = np.random.default_rng(3)
    truth = np.r_[np.full(11, 4.5), 2.5]
    found = [compression(range(12), *noisy_curves(truth, 0.02, rng)) for _ in range(40)]
    assert all(curve.compresses for curve in found)


def test_a_fall_begins_at_a_peak_and_not_between_two() -> None:
    early, late = np.array([5.01, 2, 2, 2, 5, 3, 3]), np.array([5, 2, 2, 2, 5.01, 3, 3])
    found = compression(range(7), [(early, late)] * 4, (early + late) / 2)
    assert found.onset in (0, 4) and (found.onset_low, found.onset_high) == (0, 4)


def test_the_threshold_of_a_fall_is_two_percent_of_the_peak_and_at_least_a_twentieth_of_a_bit() -> (
    None
):
    assert compression(STEPS, HALVES, WHOLE).threshold == pytest.approx(0.02 * 2.6)
    assert compression(STEPS, HALVES, WHOLE / 10).threshold == 0.05


def test_fitting_ends_where_nine_tenths_about_the_labels_are_reached() -> None:
    labels = np.array([0.0, 0.5, 0.89, 0.91, 1.0])
    assert compression(STEPS, HALVES, WHOLE, labels=labels).fitting_end == 30
    assert compression(STEPS, HALVES, WHOLE).fitting_end is None


@pytest.mark.parametrize(("steps", "splits"), [([0, 1], 3), (STEPS, 1)])
def test_a_fall_needs_three_checkpoints_and_two_splits(steps: list[int], splits: int) -> None:
    with pytest.raises(InputError, match="at least 3 checkpoints and 2 splits"):
        compression(steps, HALVES[:splits], WHOLE)


def test_a_fall_counts_only_beyond_chance_beyond_the_threshold_and_lasting() -> None:
    c = Compression("l", "e", 0.2, 0.06, 0.3, 0, 0, 0, 0.2, True, None, 0.05)
    assert (
        c.compresses
        and not replace(c, low=0.05).compresses
        and not replace(c, stays=False).compresses
        and not replace(c, low=0.04).compresses
    )


def test_phases_of_three_checkpoints_are_judged_and_of_two_refused() -> None:
    halves = [
        (np.array([1.0, 2.0, 1.5]), np.array([1.1, 2.1, 1.4])),
        (np.array([1.0, 2.2, 1.5]), np.array([0.9, 2.0, 1.4])),
    ]
    assert compression([1, 2, 3], halves, np.array([1.0, 2.0, 1.5])).onset == 2
    with pytest.raises(InputError, match="at least 3 checkpoints and 2 splits, got 2 and 2"):
        compression([1, 2], [(a[:2], b[:2]) for a, b in halves], np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="got 3 and 1"):
        compression([1, 2, 3], halves[:1], np.array([1.0, 2.0, 1.5]))
