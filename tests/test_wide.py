"""Wide layers: known information is read on held-out rows, or the number is refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.calibrate import choose
from infoplane.analysis.calibrate.wide_cases import Layer, channel_bits, flip_of
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.analysis.estimators.wide_blocks import merge_codes
from infoplane.analysis.estimators.wide_predictors import follow_table
from infoplane.analysis.estimators.wide_readings import left_over_bits
from infoplane.analysis.estimators.wide_smoothing import smoother_of
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Variable, continuous, discrete

N, UNITS, CLASSES = 1200, 120, 4


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Rows of four classes around centres of their own in 120 units."""
    rng = np.random.default_rng(3)
    classes = np.repeat(np.arange(CLASSES), 600)
    centres = 3 * rng.normal(size=(CLASSES, UNITS))
    return centres[classes] + 2 * rng.normal(size=(len(classes), UNITS)), classes


LAYER = Layer("four clusters", clusters)


def wide(a: Variable, b: Variable) -> ip.Estimate:
    return ip.estimators.parse("wide").estimate(a, b)


@pytest.mark.parametrize("bits", [0.0, 0.5, 1.0, 2.0])
def test_labels_behind_a_channel_have_the_information_of_the_channel(bits: float) -> None:
    sample = LAYER.case(bits, labels=True).sample(N, 0)
    found = wide(sample.a, sample.b)
    assert found.bits == pytest.approx(bits, abs=0.1)
    assert found.ceiling_bits == pytest.approx(2.0, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [0.0, 1.0, 2.0])
def test_two_rows_of_linked_classes_share_the_information_of_the_channel(bits: float) -> None:
    sample = LAYER.case(bits, labels=False).sample(2400, 0)
    found = wide(sample.a, sample.b)
    assert found.bits == pytest.approx(bits, abs=0.1)
    assert found.sense == "point" and found.bound == "none"


def test_what_is_held_out_of_many_sure_labels_is_a_bound() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 50, 1000)
    layer = 2 * rng.normal(size=(50, 100))[labels] + rng.normal(size=(1000, 100))
    found = wide(continuous(layer), discrete(labels))
    held_out = float(found.notes[0].split("held out: ")[1].split()[0])
    assert held_out <= math.log2(50)
    assert found.bits == pytest.approx(math.log2(50), abs=0.05)


@pytest.mark.slow
def test_classes_that_hardly_show_are_refused_where_many_bits_came_last() -> None:
    (case,) = choose(["digits at random places*pair, 0.50 bits"], bank="late-wide")
    sample = case.sample(3000, 0)
    with pytest.raises(EstimatorError, match="came with the last doubling"):
        wide(sample.a, sample.b)


@pytest.mark.slow
def test_two_layers_of_digits_share_what_the_channel_between_their_classes_leaves() -> None:
    (case,) = choose(["digits*pair, 1.00 bits"], bank="wide")
    sample = case.sample(1700, 0)
    assert wide(sample.a, sample.b).bits == pytest.approx(case.bits, abs=0.1)


@pytest.mark.slow
def test_classes_that_hardly_show_in_a_layer_are_found_where_the_layers_agree() -> None:
    """The classes lie in two of 120 units; four clusters that tell nothing fill the others."""
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 3000)
    layers = []
    for _ in range(2):
        values = clusters()[0][rng.integers(0, 2400, 3000)]
        values[:, :2] = 6 * np.eye(3)[classes][:, :2] + 0.3 * rng.normal(size=(3000, 2))
        layers.append(continuous(values))
    assert wide(*layers).bits == pytest.approx(math.log2(3), abs=0.1)


@pytest.mark.slow
def test_more_classes_than_codes_are_refused() -> None:
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(48, UNITS))
    classes = rng.integers(0, 48, N)
    first, second = (continuous(centres[classes] + rng.normal(size=(N, UNITS))) for _ in range(2))
    with pytest.raises(EstimatorError, match=r"the information is at least \d\.\d\d bits"):
        wide(first, second)


@pytest.mark.parametrize("hidden", [0.0, 0.2])
def test_what_layers_share_within_their_classes_is_seen_beyond_chance(hidden: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 2000)
    first, second = rng.normal(size=(2, 2000, 40))
    second[:, :10] = hidden * first[:, :10] + math.sqrt(1 - hidden**2) * second[:, :10]
    centres = 3 * rng.normal(size=(4, 40))
    left = left_over_bits(first + centres[labels], second - centres[labels], (labels, labels))
    assert left == pytest.approx(-5 * math.log2(1 - hidden**2), abs=0.1)
    assert hidden or left == 0


def counted(classes: int, bits: float, n: int = 2000) -> np.ndarray:
    """A table of 12 x 12 codes, four of each class on both sides, behind a channel."""
    rng = np.random.default_rng(0)
    sent = rng.integers(0, classes, n)
    changed = (sent + rng.integers(1, classes, n)) % classes
    received = np.where(rng.random(n) < flip_of(classes, bits), changed, sent)
    table = np.zeros((12, 12), np.int64)
    first, second = (
        side + classes * rng.integers(0, 12 // classes, n) for side in (sent, received)
    )
    np.add.at(table, (first, second), 1)
    return table


def test_codes_of_one_class_are_merged_into_one_block() -> None:
    blocks = merge_codes(counted(3, 0.5))
    assert blocks.first.max() == blocks.second.max() == 2 and blocks.evidence > 0
    for labels in (blocks.first, blocks.second):
        assert all(len(set(labels[place::3])) == 1 for place in range(3))


def test_codes_that_tell_nothing_are_one_block() -> None:
    blocks = merge_codes(counted(3, 0.0))
    assert blocks.first.max() == blocks.second.max() == 0 and blocks.evidence == 0


def test_a_row_is_smoothed_by_others_and_never_by_itself() -> None:
    rows, classes = clusters()
    chosen = np.random.default_rng(0).permutation(2400)[:700]
    smoother = smoother_of(rows[chosen])
    known = np.eye(CLASSES)[classes[chosen]]
    wrong = known.copy()
    wrong[5] = np.roll(wrong[5], 1)
    for predict in (smoother.fit, smoother.vote):
        assert (predict(known).argmax(axis=1) == classes[chosen]).mean() > 0.95
        assert predict(wrong)[5] == pytest.approx(predict(known)[5], abs=1e-9)


def normal_layers(r: float, n: int = N) -> tuple[Variable, Variable]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n, 3))
    z = r * x + math.sqrt(1 - r * r) * rng.normal(size=(n, 3))
    return (
        continuous(x @ rng.normal(size=(3, UNITS))),
        continuous(z @ rng.normal(size=(3, UNITS))),
    )


@pytest.mark.slow
def test_normal_layers_have_the_information_of_their_canonical_correlations() -> None:
    truth = -1.5 * math.log2(1 - 0.7**2)
    found = wide(*normal_layers(0.7))
    assert found.bits == pytest.approx(truth, abs=0.15)
    assert "normal scores" in found.notes[0]


@pytest.mark.slow
def test_layers_without_dependence_have_none_and_the_note_says_what_is_not_seen() -> None:
    found = wide(*normal_layers(0.0))
    assert abs(found.bits) < 0.02
    assert "are not seen in 1200 rows" in found.notes[-1]
    assert found.stderr is not None and found.stderr > 0.01


@pytest.mark.slow
def test_a_bootstrap_sample_of_independent_layers_tells_nothing() -> None:
    a, b = normal_layers(0.0)
    rows = np.random.default_rng(1).integers(0, a.n, a.n)
    found = wide(a.take(rows), b.take(rows))
    assert abs(found.bits) < 0.02 and found.n == a.n
    assert any("repeat another in both variables left out" in note for note in found.notes)


def test_one_seed_is_one_number_and_units_have_no_scale_order_or_dead_members() -> None:
    sample = LAYER.case(1.0, labels=True).sample(600, 0)
    plain = wide(sample.a, sample.b).bits
    changed = np.column_stack([7 * sample.a.values[:, ::-1], np.ones(600)])
    assert wide(sample.a, sample.b).bits == plain
    assert wide(continuous(changed), sample.b).bits == pytest.approx(plain, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("form", [lambda x: x**2, lambda x: np.sin(3 * x)])
def test_curves_that_few_rows_do_not_show_are_refused_with_a_bound(
    form: Callable[[np.ndarray], np.ndarray],
) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N, 2))
    z = form(x) + 0.1 * rng.normal(size=(N, 2))
    a, b = (continuous(v @ rng.normal(size=(2, UNITS))) for v in (x, z))
    with pytest.raises(EstimatorError, match=r"the information is at least \d\.\d\d bits"):
        wide(a, b)


@pytest.mark.slow
def test_a_layer_and_itself_are_refused() -> None:
    rng = np.random.default_rng(0)
    z = continuous(rng.normal(size=(600, 60)))
    with pytest.raises(EstimatorError):
        wide(z, z)


def test_pairs_that_it_cannot_hold_out_are_refused() -> None:
    rng = np.random.default_rng(0)
    rows, symbols = continuous(rng.normal(size=(499, 60))), discrete(rng.integers(0, 2, 499))
    with pytest.raises(EstimatorError, match="at least 500 rows"):
        wide(rows, symbols)
    with pytest.raises(EstimatorError, match="plugin:population"):
        wide(symbols, symbols)
    many = discrete(np.arange(600) % 100)
    with pytest.raises(EstimatorError, match="20 rows for each symbol"):
        wide(continuous(rng.normal(size=(600, 60))), many)
    with pytest.raises(InputError):
        ip.estimators.parse("wide:growth=0")


@pytest.mark.parametrize("bits", [0.0, 0.3, 1.0, 2.5, math.log2(10)])
def test_a_channel_leaves_what_was_asked_for(bits: float) -> None:
    flip = flip_of(10, bits)
    assert channel_bits(10, flip) == pytest.approx(bits, abs=1e-9)
    table = np.full((10, 10), flip / 9)
    np.fill_diagonal(table, 1 - flip)
    seen = table[table > 0]
    assert math.log2(10) + (seen * np.log2(seen)).sum() / 10 == pytest.approx(bits, abs=1e-9)


def test_rows_of_a_case_have_the_classes_that_the_channel_links() -> None:
    layer, classes = clusters()
    place = {row.tobytes(): label for row, label in zip(layer, classes, strict=True)}
    sample = LAYER.case(1.0, labels=False).sample(2000, 1)
    first, second = (
        np.array([place[row.tobytes()] for row in v.values]) for v in (sample.a, sample.b)
    )
    assert information_bits(first, second) == pytest.approx(1.0, abs=0.08)
    assert len({row.tobytes() for row in sample.a.values}) > 1900


@pytest.mark.slow
def test_digits_in_a_trained_layer_are_read_from_labels() -> None:
    for bits in ("0.50", "3.32"):
        (case,) = choose([f"digits*label, {bits} bits"], bank="wide")
        sample = case.sample(1700, 0)
        assert wide(sample.a, sample.b).bits == pytest.approx(case.bits, abs=0.1)


def test_a_table_of_what_follows_is_drawn_to_one_number_where_rows_are_few() -> None:
    rng = np.random.default_rng(0)
    named = rng.integers(0, 4, 40_000)
    labels = np.where(rng.random(40_000) < 0.6, named, rng.integers(0, 4, 40_000))
    base = np.full(4, 0.25)
    truth = 0.6 * np.eye(4) + 0.1
    assert follow_table(named, labels, base, 1.0) == pytest.approx(truth, abs=0.02)
    few = [follow_table(named[:60], labels[:60], base, pull) for pull in (1.0, 1000.0)]
    errors = [float(np.abs(table - truth).mean()) for table in few]
    assert errors[1] < errors[0]
    assert few[1].sum(axis=1) == pytest.approx(1.0)


def test_noisy_labels_of_separate_classes_lose_little_on_held_out_rows() -> None:
    """Neighbours' shares scatter by (classes - 1) / 2k nats."""
    rng = np.random.default_rng(1)
    classes = rng.integers(0, 10, 1500)
    layer = 3 * rng.normal(size=(10, 200))[classes] + rng.normal(size=(1500, 200))
    flip = flip_of(10, 2.0)
    labels = np.where(rng.random(1500) < flip, (classes + rng.integers(1, 10, 1500)) % 10, classes)
    found = wide(continuous(layer), discrete(labels))
    held_out = float(found.notes[0].split("held out: ")[1].split()[0])
    assert held_out == pytest.approx(2.0, abs=0.1)
    assert found.bits == pytest.approx(2.0, abs=0.12)


@pytest.mark.parametrize("other", ["labels", "layer"])
@pytest.mark.parametrize("constant", [0, 1])
def test_a_constant_variable_carries_nothing(other: str, constant: int) -> None:
    rng = np.random.default_rng(0)
    labels = other == "labels"
    pair = [
        continuous(rng.normal(size=(600, 30))),
        discrete(rng.integers(0, 3, 600)) if labels else continuous(rng.normal(size=(600, 30))),
    ]
    flat = discrete(np.zeros(600, int)) if labels and constant else continuous(np.ones((600, 30)))
    pair[constant] = flat
    found = wide(*pair)
    assert found.bits == 0 and "constant" in found.notes[0]
    assert found.sense == "point"


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [2, 3])
def test_an_independent_layer_of_few_values_tells_nothing(values: int) -> None:
    rng = np.random.default_rng(1)
    layer = rng.normal(size=(values, 30))[np.minimum(np.arange(600), values - 1)]
    found = wide(continuous(layer), continuous(rng.normal(size=(600, 30))))
    assert found.bits < 0.01
