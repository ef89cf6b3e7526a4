"""No interval is given where neighbours are too far apart."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.calibrate import choose
from infoplane.analysis.estimators.neighbour_rows import prepare_pair
from infoplane.analysis.estimators.resolution import intrinsic_dimension, unresolved
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.types import Estimate, Variable, continuous, discrete

NEIGHBOURS = ["knn:k=5", "ksg:k=5", "ksg:k=5,correct=true", "mixed:k=5"]


def spiral(rng: np.random.Generator, n: int) -> tuple[Variable, Variable]:
    """A plane turned by its radius: neighbours miss most of 0.64 bit."""
    sample = choose(["spiral 2+2, r=0.6"])[0].draw(n, rng)
    return sample.a, sample.b


def student(rng: np.random.Generator, n: int) -> tuple[Variable, Variable]:
    both = rng.normal(size=(n, 4)) / np.sqrt(rng.chisquare(2, size=(n, 1)) / 2)
    return continuous(both[:, :2]), continuous(both[:, 2:])


def thin_curve(rng: np.random.Generator, n: int) -> tuple[Variable, Variable]:
    t = rng.random(n)
    x = np.column_stack([np.cos(6 * t), np.sin(6 * t)])
    return continuous(x), continuous(x + 0.005 * rng.normal(size=x.shape))


def with_interval(spec: str, a: Variable, b: Variable) -> Estimate:
    return Resampled(parse(spec), splits=2).estimate(a, b, rng=np.random.default_rng(0))


@pytest.mark.parametrize("spec", NEIGHBOURS)
@pytest.mark.parametrize("make", [spiral, student])
def test_of_vectors_that_few_rows_do_not_resolve_no_interval_is_given(
    spec: str, make: object
) -> None:
    a, b = make(np.random.default_rng(0), 400)  # type: ignore[operator]  # of the table
    found = with_interval(spec, a, b)
    assert found.stderr is not None and found.stderr > 0
    assert found.low is None and found.high is None
    assert found.notes[-1].startswith("no interval: 400 rows are too few to see how 4 units")


@pytest.mark.parametrize("spec", NEIGHBOURS)
def test_a_thin_curve_keeps_its_interval(spec: str) -> None:
    found = with_interval(spec, *thin_curve(np.random.default_rng(1), 400))
    assert found.low is not None and found.high is not None and found.low < found.high


@pytest.mark.parametrize(("n", "dim"), [(200, 2), (600, 3)])
def test_most_gaussian_vectors_are_resolved(n: int, dim: int) -> None:
    kept = 0
    for seed in range(40):
        x = np.random.default_rng(seed).normal(size=(n, 2, dim))
        pair = prepare_pair(continuous(x[:, 0]), continuous(x.sum(axis=1)), 5, name="knn")
        kept += unresolved(pair, 5, ranked=True) is None
    assert kept >= 30


def test_two_units_always_have_an_interval() -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_t(1, size=100)
    for a, b in (
        (continuous(z), continuous(z**2 + rng.normal(size=100))),
        (continuous(np.column_stack([z, rng.random(100)])), discrete(np.arange(100) % 2)),
    ):
        assert unresolved(prepare_pair(a, b, 5, name="knn"), 5, ranked=True) is None


def test_classes_of_three_units_need_rows_of_their_own() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(6000, 3))
    for classes, resolved in ((2, True), (600, False)):
        pair = prepare_pair(continuous(z), discrete(np.arange(6000) % classes), 5, name="ross")
        assert (unresolved(pair, 5, ranked=False) is None) == resolved


def reason_of_classes(z: np.ndarray, labels: np.ndarray) -> str | None:
    pair = prepare_pair(continuous(z), discrete(labels), 5, name="ross")
    return unresolved(pair, 5, ranked=False)


def test_most_gaussian_classes_are_resolved() -> None:
    kept = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        labels = np.arange(300) % 3
        z = rng.normal(size=(300, 4)) + 2 * np.eye(3, 4)[labels]
        kept += reason_of_classes(z, labels) is None
    assert kept >= 30


def test_a_class_along_a_curve_is_not_resolved() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    angle = 6 * np.pi * rng.random(400) + np.pi * labels
    strand = np.column_stack([np.cos(angle), np.sin(angle), angle / 6])
    reason = reason_of_classes(strand + 0.2 * rng.normal(size=strand.shape), labels)
    assert reason is not None and reason.endswith("the classes are not Gaussian")


def test_gaussian_classes_apart_in_a_thin_direction_alone_are_not_resolved() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 2
    z = rng.normal(size=(300, 5)) * [1, 1, 1, 1, 0.05]
    z[:, 4] += 0.1 * labels
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    reason = reason_of_classes(z @ turn, labels)
    assert reason is not None and reason.endswith("the thinnest direction of a class")


def test_of_classes_with_few_rows_a_unit_nothing_is_said_about_their_shape() -> None:
    z = np.random.default_rng(0).normal(size=(300, 4))
    reason = reason_of_classes(z, np.arange(300) % 12)
    assert reason is not None and "too few" in reason and "Gaussian" not in reason


@pytest.mark.parametrize(("dimension", "width"), [(1, 3), (2, 2), (3, 3)])
def test_the_intrinsic_dimension_is_that_of_the_support(dimension: int, width: int) -> None:
    rng = np.random.default_rng(0)
    inner = rng.random((3000, dimension))
    outer = inner @ rng.normal(size=(dimension, width))
    assert intrinsic_dimension([outer], 5) == pytest.approx(dimension, rel=0.15)


def test_mixed_gives_no_interval_beside_an_atom_of_both_variables() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    z = 0.7 * x + rng.normal(size=300)
    a, b = (continuous(np.maximum(v, 0)) for v in (x, z))
    found = with_interval("mixed:k=5", a, b)
    assert found.low is None and "ties beside atoms" in found.notes[-1]
    assert with_interval("knn:k=5", a, b).low is not None


@pytest.mark.parametrize("spec", ["knn", "ross", "mixed"])
def test_classes_of_two_rows_have_no_interval(spec: str) -> None:
    """Of classes of 2 and 22 rows, intervals held the truth in 75 % of draws."""
    y = np.repeat([0, 1, 2], [2, 2, 20])
    z = np.random.default_rng(0).normal(size=24)
    found = Resampled(parse(spec)).estimate(continuous(z), discrete(y))
    assert (found.low, found.high) == (None, None)
    assert any("classes of 2 rows, 17% of all" in note for note in found.notes)
    many = np.repeat([0, 1, 2], [2, 40, 58])
    rows = continuous(np.random.default_rng(1).normal(size=100))
    assert Resampled(parse(spec)).estimate(rows, discrete(many)).low is not None
