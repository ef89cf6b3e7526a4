"""Near copies of rows, as augmentation makes them, add no evidence."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.copies import copy_groups
from infoplane.analysis.estimators.near_copies import near_copy_groups, share_of_near_copies
from infoplane.analysis.resampling.half_samples import random_halves
from infoplane.analysis.resampling.permutation_null import permutation_null
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.types import Variable, continuous, discrete


def classes(n: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of two classes and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    z = rng.normal(size=(n, units))
    z[:, 0] += 1.5 * y
    return z, y


def augmented(z: np.ndarray, rows: np.ndarray, noise: float) -> np.ndarray:
    return z[rows] + noise * np.random.default_rng(1).normal(size=(len(rows), z.shape[1]))


@pytest.mark.parametrize("spec", ["knn", "ross", "mixed", "gauss"])
@pytest.mark.parametrize(("times", "units"), [(2, 2), (3, 5), (5, 2), (2, 64)])
def test_an_augmented_sample_says_what_its_rows_say_once(spec: str, times: int, units: int) -> None:
    z, y = classes(600, units)
    rows = np.random.default_rng(2).permutation(np.tile(np.arange(600), times))
    once = parse(spec).estimate(continuous(z), discrete(y))
    found = parse(spec).estimate(continuous(augmented(z, rows, 1e-4)), discrete(y[rows]))
    assert found.bits == pytest.approx(once.bits, abs=0.02)
    assert any(f"comes {times} times up to tiny differences" in note for note in found.notes)


def test_two_augmented_layers_share_what_they_shared() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 2))
    z = 0.8 * x + 0.6 * rng.normal(size=(600, 2))
    rows = np.tile(np.arange(600), 2)
    once = parse("knn").estimate(continuous(x), continuous(z)).bits
    of_x, of_z = (continuous(augmented(side, rows, 1e-4)) for side in (x, z))
    assert parse("knn").estimate(of_x, of_z).bits == pytest.approx(once, abs=0.02)


def test_the_null_of_few_rows_for_each_label_differs_from_the_value() -> None:
    y = np.repeat(np.arange(40), 10)
    centres = np.random.default_rng(0).normal(size=(40, 2))
    z = centres[y] + 0.3 * np.random.default_rng(1).normal(size=(400, 2))
    rng = np.random.default_rng(2)
    null = permutation_null("ross", continuous(z), discrete(y), draws=20, rng=rng)
    assert null.p < 0.1


def test_near_copies_tighten_no_interval() -> None:
    z, y = classes(400, 2)
    rows = np.tile(np.arange(400), 2)
    resampled = Resampled(parse("knn"), splits=20)
    once = resampled.estimate(continuous(z), discrete(y))
    found = resampled.estimate(continuous(augmented(z, rows, 1e-5)), discrete(y[rows]))
    assert found.stderr == pytest.approx(once.stderr, rel=0.4)


def test_near_copies_fall_in_one_half() -> None:
    z, y = classes(300, 3)
    rows = np.tile(np.arange(300), 2)
    ids = discrete(np.arange(600))
    groups = copy_groups(continuous(augmented(z, rows, 1e-5)), ids, discrete(y[rows]))
    assert groups is not None
    (first,) = random_halves(600, 1, np.random.default_rng(0), groups=groups)
    assert set(rows[first]).isdisjoint(rows[~first])


@pytest.mark.parametrize("extra", ["a class upsampled", "twenty rows ten times", "noise of 0.01"])
def test_near_copies_that_come_unequally_often_are_named(extra: str) -> None:
    z, y = classes(600, 2)
    rng = np.random.default_rng(3)
    more = {
        "a class upsampled": rng.choice(np.flatnonzero(y == 1), 600),
        "twenty rows ten times": np.repeat(np.arange(20), 10),
        "noise of 0.01": np.arange(600),
    }[extra]
    rows = np.r_[np.arange(600), more]
    noise = 0.01 if "noise" in extra else 1e-4
    found = parse("knn").estimate(continuous(augmented(z, rows, noise)), discrete(y[rows]))
    assert any("nearly repeat others" in note for note in found.notes)


def without_near_copies() -> dict[str, tuple[Variable, Variable]]:
    """Return pairs of variables in which rows lie near each other for a reason."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2000)
    labels = discrete(y)
    z = rng.normal(size=(2000, 2)) + y[:, None]
    time = np.linspace(0, 40, 2000)[:, None]
    walk = np.cumsum(rng.normal(size=(2000, 3)), axis=0)
    rows = np.tile(np.arange(1000), 2)
    return {
        "normal": (continuous(z), labels),
        "one unit": (continuous(z[:, :1]), labels),
        "heavy tails": (continuous(rng.standard_cauchy((2000, 1))), labels),
        "half precision": (continuous(z.astype(np.float16)), labels),
        "integers": (continuous((20 * z[:, :1]).round()), labels),
        "rectified": (continuous(np.maximum(z @ rng.normal(size=(2, 16)), 0)), labels),
        "saturated": (continuous(np.tanh(5 * z)), labels),
        "a random walk": (continuous(walk), discrete((walk[:, 0] > 0).astype(int))),
        "frames of a film": (continuous(np.hstack([np.sin(time), np.cos(1.7 * time)])), labels),
        "one input, fresh outcomes": (continuous(z[rows] + 1e-6 * z), continuous(z[:, ::-1])),
        "one input, fresh labels": (continuous(z[rows] + 1e-6 * z), labels),
        "one input exactly, a channel of little noise": (
            continuous(z[rows]),
            continuous(z[rows] + 0.01 * z),
        ),
        "tight classes": (continuous(y[:, None] + 1e-6 * z), labels),
        "two rows of each label": (
            continuous(z[:, :1] + 3 * z[:, 1:]),
            discrete(np.arange(2000) // 2),
        ),
        "sixteen rows of each label": (continuous(z), discrete(np.arange(2000) // 16)),
        "some rare labels": (continuous(z), discrete(np.minimum(np.arange(2000) // 10, 60))),
        "patterns with jitter": (continuous(z[rng.integers(0, 40, 2000)] + 1e-6 * z), labels),
    }


@pytest.mark.parametrize("case", list(without_near_copies()))
def test_rows_that_are_near_for_a_reason_are_no_copies(case: str) -> None:
    variables = without_near_copies()[case]
    assert near_copy_groups(variables) is None
    assert share_of_near_copies(variables) == 0
