"""Laws of every neighbour estimator: what must not move an estimate, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.errors import EstimatorError

SPECS = ["knn", "ksg", "ross", "mixed"]
few = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def truncated(z: np.ndarray) -> np.ndarray:
    return (z.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


ROUNDINGS = {
    "float16": lambda z: z.astype(np.float16),
    "bfloat16": truncated,
    "two decimals": lambda z: z.round(2),
    "four decimals": lambda z: z.round(4),
}


def labelled(seed: int, n: int, dim: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return rng.normal(size=(n, dim)) + gap * y[:, None], y


def paired(seed: int, n: int, dim: int, r: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dim))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, dim))


def bits(spec: str, a: np.ndarray, b: np.ndarray, *, symbols: bool = False) -> float:
    second = ip.discrete(b) if symbols else ip.continuous(b)
    return parse(spec).estimate(ip.continuous(a), second, rng=np.random.default_rng(0)).bits


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@few
@given(seed=st.integers(0, 10_000), gap=st.sampled_from([0.0, 1.0, 3.0]))
def test_rounding_a_layer_moves_no_information_about_labels(
    spec: str, rounding: str, seed: int, gap: float
) -> None:
    z, y = labelled(seed, 1500, 1, gap)
    moved = bits(spec, ROUNDINGS[rounding](z), y, symbols=True)
    assert moved == pytest.approx(bits(spec, z, y, symbols=True), abs=0.05)


@pytest.mark.parametrize("spec", ["knn", "ksg", "mixed"])
@pytest.mark.parametrize("rounding", ROUNDINGS)
@few
@given(seed=st.integers(0, 10_000), r=st.sampled_from([0.0, 0.6, 0.95]), dim=st.integers(1, 2))
def test_rounding_both_sides_moves_no_information_between_vectors(
    spec: str, rounding: str, seed: int, r: float, dim: int
) -> None:
    x, z = paired(seed, 1000, dim, r)
    rounded = ROUNDINGS[rounding]
    assert bits(spec, rounded(x), rounded(z)) == pytest.approx(bits(spec, x, z), abs=0.05)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=st.integers(0, 10_000), times=st.integers(1, 4))
def test_repeating_one_row_moves_no_information_about_labels(
    spec: str, seed: int, times: int
) -> None:
    z, y = labelled(seed, 600, 2, 1.0)
    rows = np.r_[np.arange(600), np.zeros(times, int)]
    assert bits(spec, z[rows], y[rows], symbols=True) == pytest.approx(
        bits(spec, z, y, symbols=True), abs=0.03
    )


@pytest.mark.parametrize("spec", ["knn", "ksg", "mixed"])
@few
@given(seed=st.integers(0, 10_000), times=st.integers(1, 4), dim=st.integers(1, 4))
def test_repeating_one_row_moves_no_information_between_vectors(
    spec: str, seed: int, times: int, dim: int
) -> None:
    x, z = paired(seed, 600, dim, 0.6)
    rows = np.r_[np.arange(600), np.zeros(times, int)]
    assert bits(spec, x[rows], z[rows]) == pytest.approx(bits(spec, x, z), abs=0.09)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=st.integers(0, 10_000), units=st.integers(1, 4))
def test_constant_units_change_nothing(spec: str, seed: int, units: int) -> None:
    z, y = labelled(seed, 200, 2, 1.0)
    dead = np.full((200, units), 0.3)
    assert bits(spec, np.hstack([dead, z]), y, symbols=True) == bits(spec, z, y, symbols=True)


@pytest.mark.parametrize("spec", ["knn", "ksg", "mixed"])
def test_constant_units_change_nothing_between_vectors_and_are_noted(spec: str) -> None:
    x, z = paired(1, 300, 2, 0.7)
    wide = np.hstack([z, np.zeros((300, 3))])
    found = parse(spec).estimate(ip.continuous(x), ip.continuous(wide))
    assert found.bits == bits(spec, x, z)
    assert "3 constant units left out" in found.notes


@pytest.mark.parametrize("spec", SPECS)
def test_a_constant_layer_carries_exactly_nothing(spec: str) -> None:
    y = ip.discrete(np.arange(50) % 2)
    found = parse(spec).estimate(ip.continuous(np.ones((50, 3))), y)
    assert found.bits == 0
    assert any("0 bits exactly" in note for note in found.notes)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=st.integers(0, 10_000), alone=st.integers(1, 99))
def test_classes_of_one_row_move_nothing_and_are_noted(spec: str, seed: int, alone: int) -> None:
    z, y = labelled(seed, 200 + alone, 1, 2.0)
    y[:alone] = 10 + np.arange(alone)
    found = parse(spec).estimate(ip.continuous(z), ip.discrete(y))
    assert found.bits == pytest.approx(bits(spec, z[alone:], y[alone:], symbols=True), abs=1e-9)
    assert any(f"{alone} of {200 + alone} rows" in note for note in found.notes)


@pytest.mark.parametrize("spec", SPECS)
def test_labels_that_are_row_numbers_are_refused(spec: str) -> None:
    z = ip.continuous(np.random.default_rng(0).normal(size=40))
    with pytest.raises(EstimatorError, match="every class has one row"):
        parse(spec).estimate(z, ip.discrete(np.arange(40)))


@pytest.mark.parametrize("spec", SPECS)
def test_classes_of_two_rows_that_lie_far_apart_are_told_apart(spec: str) -> None:
    """500 classes 100 apart with a width of 0.001: I(Z;Y) = H(Y) = log2 500."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 500, 2000)
    z = (100 * rng.normal(size=(500, 2)))[y] + 1e-3 * rng.normal(size=(2000, 2))
    assert bits(spec, z, y, symbols=True) == pytest.approx(np.log2(500), abs=0.15)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=st.integers(0, 10_000))
def test_renumbering_labels_changes_nothing_not_even_on_rounded_values(
    spec: str, seed: int
) -> None:
    z, y = labelled(seed, 300, 1, 1.0)
    names = np.random.default_rng(seed).permutation(3) * 17
    z = z.astype(np.float16)
    assert bits(spec, z, names[y], symbols=True) == pytest.approx(
        bits(spec, z, y, symbols=True), abs=1e-9
    )


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_and_of_variables_changes_nothing_on_rounded_values(
    spec: str, seed: int
) -> None:
    z, y = labelled(seed, 300, 1, 1.0)
    z = z.round(2)
    order = np.random.default_rng(seed).permutation(300)
    found = bits(spec, z, y, symbols=True)
    assert bits(spec, z[order], y[order], symbols=True) == pytest.approx(found, abs=1e-9)
    swapped = parse(spec).estimate(ip.discrete(y), ip.continuous(z))
    assert swapped.bits == pytest.approx(found, abs=1e-9)


@pytest.mark.parametrize("spec", SPECS)
def test_two_discrete_variables_are_refused_with_the_remedy(spec: str) -> None:
    y = ip.discrete(np.arange(40) % 4)
    with pytest.raises(EstimatorError, match="plugin|one continuous and one discrete"):
        parse(spec).estimate(y, y)


@pytest.mark.parametrize("spec", ["knn", "mixed"])
def test_mostly_dead_units_take_no_time_that_grows_with_the_square_of_the_rows(spec: str) -> None:
    """97 % zeros in 40,000 rows: quadratic work would take a minute."""
    rng = np.random.default_rng(0)
    z = np.maximum(rng.normal(size=40_000) - 1.9, 0)
    assert bits(spec, z, rng.integers(0, 2, 40_000), symbols=True) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("units", [5, 20_000])
@pytest.mark.parametrize("spec", ["knn", "ksg:correct=true"])
def test_few_rows_of_a_wide_layer_are_refused_and_not_read_as_independent(
    spec: str, units: int
) -> None:
    x = np.random.default_rng(0).normal(size=(48, units))
    with pytest.raises(EstimatorError, match=r"48 rows are too few .* more rows, reduce the layer"):
        parse(spec).estimate(ip.continuous(x), ip.continuous(np.tanh(x)))


def test_few_rows_of_few_units_are_not_corrected() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    found = parse("knn").estimate(ip.continuous(x), ip.continuous(np.tanh(x)))
    assert any("not corrected" in note for note in found.notes) and found.bits > 1


def on_a_lattice(values: np.ndarray, step: float) -> np.ndarray:
    return np.round(values / step) * step


COARSE = [(1, 0.25), (2, 0.25), (2, 1.0), (3, 0.5), (3, 1.0)]


@pytest.mark.parametrize("spec", ["knn", "mixed"])
@pytest.mark.parametrize(("units", "step"), COARSE)
@pytest.mark.parametrize("n", [400, 1500])
def test_a_coarse_lattice_tells_nothing_about_independent_labels(
    spec: str, units: int, step: float, n: int
) -> None:
    z = on_a_lattice(np.random.default_rng(0).normal(size=(n, units)), step)
    y = np.random.default_rng(1).integers(0, 2, n)
    assert abs(bits(spec, z, y, symbols=True)) < 0.08


@pytest.mark.parametrize("spec", ["knn", "mixed"])
@pytest.mark.parametrize(("units", "step"), COARSE)
def test_two_independent_coarse_lattices_share_nothing(spec: str, units: int, step: float) -> None:
    values = np.random.default_rng(0).normal(size=(2, 800, units))
    for partner in (values[1], on_a_lattice(values[1], step)):
        assert abs(bits(spec, on_a_lattice(values[0], step), partner)) < 0.12


@pytest.mark.parametrize("spec", ["knn", "mixed"])
@pytest.mark.parametrize(("units", "step"), [(2, 0.25), (3, 0.5)])
def test_rounding_to_a_coarse_lattice_loses_little(spec: str, units: int, step: float) -> None:
    x, noise = np.random.default_rng(2).normal(size=(2, 1500, units))
    before = bits(spec, x, x + noise)
    after = bits(spec, on_a_lattice(x, step), on_a_lattice(x + noise, step))
    assert before - 0.25 < after < before + 0.05


def test_symbols_of_which_many_have_one_row_are_refused_before_the_estimate_falls() -> None:
    """Cells of a uniform, ever finer: the information is their entropy, from 1 to 10 nats."""
    rng = np.random.default_rng(0)
    found, refused = [], 0
    for nats in np.arange(1.0, 10.1, 0.5):
        z = rng.random(1000)
        y = np.floor(z * np.exp(nats)).astype(int)
        try:
            found.append(bits("knn", z[:, None], y, symbols=True))
        except EstimatorError as error:
            assert "alone with their symbol" in str(error)
            refused += 1
        else:
            assert not refused
    assert (np.diff(found) > 0).all()
    assert refused >= 6


def test_an_atom_beside_single_rows_is_no_lattice() -> None:
    """Four equal rows and two of their own: nothing is spread, and neighbours see the atom."""
    z = np.array([[0.139, -0.162]] * 4 + [[0.095, 0.076], [-0.3, 0.41]])
    estimate = ip.estimators.MixedKSG(k=2).estimate(
        ip.continuous(z), ip.discrete([0, 1, 1, 0, 0, 1])
    )
    assert not any("rounded values" in note for note in estimate.notes)
