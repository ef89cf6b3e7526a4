"""Rows that come oftener with some labels than with others say no more than once."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.codelength import mdl_online_code
from infoplane.analysis.estimators.upsampled import upsampled_groups
from infoplane.analysis.estimators.vinfo import conditional_vinformation
from infoplane.analysis.resampling.permutation_null import permutation_null
from infoplane.types import Variable, continuous, discrete


def classes(sizes: tuple[int, ...], gap: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of two units around a centre for each class, and their labels."""
    y = np.repeat(np.arange(len(sizes)), sizes)
    z = np.random.default_rng(seed).normal(size=(len(y), 2))
    z[:, 0] += gap * y
    return z, y


def upsampled(gap: float, seed: int = 0, times: int = 8) -> tuple[Variable, Variable]:
    """Return 480 rows of one class and 60 of another, each of these ``times``."""
    z, y = classes((480, 60), gap, seed)
    rows = np.r_[np.arange(480), np.repeat(np.arange(480, 540), times)]
    return continuous(z[rows]), discrete(y[rows])


@pytest.mark.parametrize(
    "spec", ["knn", "mixed", "ross", "gauss", "wide", "vinfo:family=knn", "sliced"]
)
def test_an_upsampled_class_that_shows_nothing_has_no_information(spec: str) -> None:
    found = parse(spec).estimate(*upsampled(0.0))
    assert found.bits < 0.1
    assert any("come several times" in note for note in found.notes)


@pytest.mark.parametrize("spec", ["knn", "mixed", "ross", "gauss", "wide", "vinfo:family=linear"])
def test_labels_keep_the_shares_that_they_were_upsampled_to(spec: str) -> None:
    """Two equal classes 2 deviations apart share 0.486 bit by quadrature."""
    found = [parse(spec).estimate(*upsampled(2.0, seed)).bits for seed in range(3)]
    assert np.mean(found) == pytest.approx(0.486, abs=0.1)


def test_rows_of_a_weighted_sampler_are_taken_once() -> None:
    z, y = classes((900, 100), 0.0)
    weights = np.where(y == 1, 1 / 100, 1 / 900) / 2
    rows = np.random.default_rng(1).choice(1000, 1000, p=weights)
    found = parse("knn").estimate(continuous(z[rows]), discrete(y[rows]))
    assert abs(found.bits) < 0.12


def test_an_upsampled_class_that_shows_nothing_is_within_its_null() -> None:
    null = permutation_null("knn", *upsampled(0.0), draws=19, rng=np.random.default_rng(0))
    assert null.p > 0.05


@pytest.mark.parametrize("spec", ["knn", "mixed", "vinfo:family=knn"])
def test_rows_of_a_dead_layer_hide_no_upsampling(spec: str) -> None:
    z, y = upsampled(0.0)
    assert (z.values <= 0).all(axis=1).mean() > 0.1
    found = parse(spec).estimate(continuous(np.maximum(z.values, 0)), y)
    assert found.bits < 0.1
    assert any("come several times" in note for note in found.notes)


def test_every_row_of_the_class_of_fewest_distinct_rows_is_taken() -> None:
    z, y = classes((29, 200), 1.0)
    times = np.where(y == 1, 1, 3 + (np.arange(len(y)) < 13))  # 29 rows come 100 times
    rows = np.repeat(np.arange(len(y)), times)
    found = parse("knn").estimate(continuous(z[rows]), discrete(y[rows]))
    assert any("87 distinct rows" in note for note in found.notes)  # 29, and 29 % of 200


def test_the_order_of_rows_changes_nothing() -> None:
    z, y = upsampled(1.0)
    order = np.random.default_rng(3).permutation(z.n)
    assert parse("knn").estimate(z.take(order), y.take(order)).bits == pytest.approx(
        parse("knn").estimate(z, y).bits, abs=1e-9
    )


def test_values_that_the_network_repeats_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    z, y = classes((500, 500), 1.0)
    tokens = np.minimum(rng.zipf(1.3, 1000), 400)
    table = rng.normal(size=(401, 4))
    chance = np.where(np.arange(60) < 25, 3, 1) / 110
    often = rng.choice(60, 1000, p=chance)
    kinds = {
        "rows that come once": (z, y),
        "embedded tokens, labels by frequency": (table[tokens], tokens > 5),
        "tokens of which some come oftener": (table[often], often < 25),
        "a unit that saturates for one label": (np.minimum(z + 3 * y[:, None], 1.0), y),
        "rounded values": (z.round(1), y),
        "few codes": (np.eye(8)[rng.integers(0, 4, 1000) + 4 * y], y),
    }
    for name, (values, labels) in kinds.items():
        assert upsampled_groups(continuous(values), discrete(labels)) is None, name


@pytest.mark.parametrize("times", [2, 5])
def test_copies_teach_a_probe_nothing_about_one_another(times: int) -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(300), times)
    z, given = (continuous(rng.normal(size=(300, 4))[rows]) for _ in range(2))
    y = discrete(rng.integers(0, 2, 300)[rows])
    beyond = conditional_vinformation(z, y, given, estimator="vinfo:family=knn")
    assert beyond.stderr is not None and beyond.bits < 2 * beyond.stderr
    code = mdl_online_code(z, y, estimator="vinfo:family=knn")
    assert code.compression < 1.01
