"""A sample joined to itself: copies add no evidence."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.copies import copy_groups, without_copies, without_repeats
from infoplane.analysis.resampling.half_samples import random_halves
from infoplane.analysis.resampling.permutation_null import permutation_null, permuted_rows
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.analysis.resampling.slope import n_slope
from infoplane.types import continuous, discrete


@pytest.mark.parametrize("times", [2, 3, 7])
def test_rows_that_all_come_equally_often_are_taken_once(times: int) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(200, 2)), rng.integers(0, 3, 200)
    order = rng.permutation(200 * times)
    rows = np.tile(np.arange(200), times)[order]
    once_z, once_y, notes = without_copies(continuous(z[rows]), discrete(y[rows]))
    assert once_z.n == once_y.n == 200
    assert notes == [f"every row comes {times} times, counted once: 200 rows"]
    pairs = {(*z[k], y[k]) for k in range(200)}
    assert {(*a, *b) for a, b in zip(once_z.values, once_y.values, strict=True)} == pairs


def test_rows_of_which_some_repeat_are_left_as_they_are() -> None:
    z = np.random.default_rng(0).normal(size=(200, 2))
    rows = np.r_[np.arange(200), np.arange(50)]
    a, b, notes = without_copies(continuous(z[rows]), discrete(rows % 2))
    assert a.n == b.n == 250 and not notes


def test_symbols_that_copies_alone_share_keep_their_rows() -> None:
    z = np.random.default_rng(0).normal(size=(100, 2))
    rows = np.repeat(np.arange(100), 2)
    a, _, notes = without_copies(continuous(z[rows]), discrete(rows))
    assert a.n == 200 and not notes


def test_atoms_that_all_hold_many_rows_are_no_copies() -> None:
    z = np.eye(8)[np.arange(800) % 8]
    a, _, notes = without_copies(continuous(z), discrete(np.arange(800) % 4))
    assert a.n == 800 and not notes


def test_two_layers_of_a_sample_joined_to_itself_share_what_they_shared() -> None:
    """0.74 bit of a Gaussian pair; every row twice gave 1.87 bits."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    z = 0.8 * x + 0.6 * rng.normal(size=(400, 1))
    for spec in ("knn", "mixed", "sliced:slices=8"):
        e = parse(spec).estimate(continuous(np.vstack([x, x])), continuous(np.vstack([z, z])))
        assert e.n == 800 and e.bits == pytest.approx(0.737, abs=0.1)
        assert any("counted once" in note for note in e.notes)


@pytest.mark.parametrize("spec", ["knn", "mixed", "sliced:slices=8"])
@pytest.mark.parametrize("copies", [2, 100, 400])
def test_some_rows_that_repeat_move_no_information_between_layers(spec: str, copies: int) -> None:
    """A tenth of the rows twice gave 0.96, a bootstrap sample 1.26 of 0.74 bit."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 1))
    z = 0.8 * x + 0.6 * rng.normal(size=(1000, 1))
    rows = np.r_[np.arange(1000), rng.choice(1000, copies, replace=False)]
    e = parse(spec).estimate(continuous(x[rows]), continuous(z[rows]))
    assert e.bits == pytest.approx(parse(spec).estimate(continuous(x), continuous(z)).bits)
    assert any(note.startswith(f"{copies} rows that repeat another") for note in e.notes)


def test_a_unit_that_is_off_with_another_is_no_copy() -> None:
    rng = np.random.default_rng(0)
    x, z = (np.maximum(rng.normal(size=(100, 1)), 0) for _ in range(2))
    a, _, notes = without_repeats(continuous(x), continuous(z))
    assert a.n == 100 and not notes


def _noisy_labels() -> tuple[np.ndarray, np.ndarray]:
    """Two units, and labels that follow the first, of 300 rows."""
    rng = np.random.default_rng(3)
    z = rng.normal(size=(300, 2))
    return z, (z[:, 0] + rng.normal(size=300) > 0).astype(int)


@pytest.mark.parametrize("spec", ["knn", "ross", "mixed", "gauss", "kde:variance=0.3", "bin:range"])
def test_copies_tighten_no_interval_and_no_null(spec: str) -> None:
    """Four copies of every row read half the error, and a null of a third of its width."""
    z, y = _noisy_labels()
    resampled = Resampled(parse(spec), splits=8, null=20)
    once, copied = (
        resampled.estimate_plane_point(
            None, continuous(np.tile(z, (times, 1))), discrete(np.tile(y, times))
        )
        for times in (1, 4)
    )
    for (_, one), (_, of_copies) in zip(once, copied, strict=True):
        assert of_copies.bits == pytest.approx(one.bits)
        assert of_copies.stderr == pytest.approx(one.stderr)
        assert (of_copies.low, of_copies.high) == pytest.approx((one.low, one.high))
        assert of_copies.null is not None and one.null is not None
        assert astuple(of_copies.null) == pytest.approx(astuple(one.null))


def test_copies_of_two_layers_tighten_no_interval() -> None:
    z, _ = _noisy_labels()
    x = z + np.random.default_rng(4).normal(size=z.shape)
    once, copied = (
        Resampled(parse("knn"), splits=8).estimate(
            continuous(np.tile(x, (times, 1))), continuous(np.tile(z, (times, 1)))
        )
        for times in (1, 3)
    )
    assert copied.stderr == pytest.approx(once.stderr)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_copies_fall_in_one_half_and_keep_one_label() -> None:
    z, y = _noisy_labels()
    order = np.random.default_rng(0).permutation(600)
    rows = np.tile(np.arange(300), 2)[order]
    groups = copy_groups(continuous(z[rows]), discrete(y[rows]))
    assert groups is not None
    (first,) = random_halves(600, 1, np.random.default_rng(0), groups=groups)
    assert set(rows[first]).isdisjoint(rows[~first]) and first.sum() == 300
    shuffled = y[rows][permuted_rows(600, groups, np.random.default_rng(0))]
    assert all(len(set(shuffled[rows == row])) == 1 for row in range(300))
    assert shuffled.sum() == 2 * y.sum()


def test_copies_change_no_null_and_no_slope_that_is_asked_for_alone() -> None:
    z, y = _noisy_labels()
    nulls, slopes = [], []
    for times in (1, 4):
        of_rows = continuous(np.tile(z, (times, 1))), discrete(np.tile(y, times))
        nulls.append(permutation_null("knn", *of_rows, draws=20, rng=np.random.default_rng(0)))
        slopes.append(n_slope("knn", *of_rows, rng=np.random.default_rng(0)))
    assert nulls[0] == nulls[1] and slopes[0] == slopes[1]


@pytest.mark.parametrize("spec", ["knn", "ross", "mixed"])
@pytest.mark.parametrize("units", [1, 3])
def test_a_bootstrap_sample_beside_labels_says_what_its_distinct_rows_say(
    spec: str, units: int
) -> None:
    rng = np.random.default_rng(units)
    y = rng.integers(0, 3, 600)
    z = rng.normal(size=(600, units)) + y[:, None]
    drawn = rng.integers(0, 600, 600)
    once = np.unique(drawn)
    e = parse(spec).estimate(continuous(z[drawn]), discrete(y[drawn]))
    distinct = parse(spec).estimate(continuous(z[once]), discrete(y[once]))
    assert e.bits == pytest.approx(distinct.bits, abs=1e-9)
    assert any("rows that repeat another" in note for note in e.notes)


def repeated_for_a_reason() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Layers of 2000 rows whose repeats are no copies, and labels."""
    rng = np.random.default_rng(0)
    y, drawn = rng.integers(0, 2, 2000), rng.integers(0, 400, 2000)
    normal = rng.normal(size=(2000, 1))
    few = rng.choice(rng.normal(size=300), (2000, 1))
    return {
        "rounded, classes far apart": (normal.round(2) + 10 * y[:, None], y),
        "half precision": (normal.astype(np.float16), y),
        "patterns with noisy labels": (rng.normal(size=(400, 2))[drawn], y),
        "embedded tokens with labels of their own": (rng.normal(size=(400, 2))[drawn], drawn % 2),
        "saturated for one label": (np.where(y[:, None] == 1, few, normal), y),
    }


@pytest.mark.parametrize("case", list(repeated_for_a_reason()))
def test_rows_beside_labels_that_repeat_for_a_reason_stay(case: str) -> None:
    z, y = repeated_for_a_reason()[case]
    a, b, notes = without_repeats(continuous(z), discrete(y))
    assert a.n == b.n == 2000 and not notes
