"""Laws of every spec of the table: what must not move a number, and impossible numbers.

Each spec that the registry can name is held to each law. Exceptions are read from the traits and
from the estimate, never from a list of names. A refusal with its reason keeps any law.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_table import every_spec

from infoplane.analysis.estimators import parse
from infoplane.analysis.measuring.validity import possible
from infoplane.errors import EstimatorError
from infoplane.types import Estimate, Variable, continuous, discrete

SPECS = every_spec()
ROWS = 160
few = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
seeds = st.integers(0, 10_000)
TRAINED = ("variational",)
"""Families whose number is that of a network: of two epochs here, far from any truth."""
DRAWS_FOR_UNITS = ("variational", "noisy network")
"""Families that draw random numbers for every unit, or read some units as variances."""
PER_UNIT = {"slices": 0.15, "adaptive bins": 0.1}
"""Directions in more units; edges that all values of a layer share."""
ABSOLUTE = ("noisy network", "kde", "fixed bins")
"""Families with a width in the units of the layer."""


JOINED = {"noisy network": 0.06, "adaptive bins": 0.1, "kde": 0.01}
"""Draws, edges between rows, and a typical distance among rows that now repeat."""


def found(spec: str, a: Variable, b: Variable) -> Estimate | None:
    """Return the estimate, None where it is refused."""
    estimator = parse(spec)
    if not estimator.supports(a.kind, b.kind):
        pytest.skip(f"{spec} takes no {a.kind} and {b.kind} variables")
    try:
        return possible(estimator, a, b, np.random.default_rng(1))
    except EstimatorError as error:
        assert len(str(error)) > 30
        return None


def moves_no_further(one: Estimate | None, other: Estimate | None, bits: float) -> None:
    if one is None or other is None:
        return
    room = max(bits, 2 * float(np.hypot(one.stderr or 0.0, other.stderr or 0.0)))
    assert abs(one.bits - other.bits) <= room


def labelled(seed: int, units: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(ROWS) % 3)
    return rng.normal(size=(ROWS, units)) + 1.5 * y[:, None], y


def family(spec: str) -> str:
    return parse(spec).traits.family


def bfloat16(z: np.ndarray) -> np.ndarray:
    return (z.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


def eight_bits(z: np.ndarray) -> np.ndarray:
    step = np.abs(z).max() / 127
    return np.round(z / step) * step


ROUNDINGS = {
    "float16": lambda z: z.astype(np.float16),
    "bfloat16": bfloat16,
    "8 bits": eight_bits,
    "2 decimals": lambda z: z.round(2),
}


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, rounding=st.sampled_from(sorted(ROUNDINGS)))
def test_rounding_moves_no_number_beyond_its_error(spec: str, seed: int, rounding: str) -> None:
    traits = parse(spec).traits
    if traits.wants == "row hashes" or traits.measures == "coarsened":
        return  # rows are what is counted, and values at an edge change cells
    z, y = labelled(seed)
    pair = [found(spec, continuous(v), discrete(y)) for v in (z, ROUNDINGS[rounding](z))]
    moves_no_further(pair[0], pair[1], 0.2 if traits.family in TRAINED else 0.06)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, times=st.integers(1, 4))
def test_repeating_one_row_moves_no_number_beyond_its_error(
    spec: str, seed: int, times: int
) -> None:
    if family(spec) in TRAINED:
        return
    z, y = labelled(seed)
    rows = np.r_[np.arange(ROWS), np.zeros(times, int)]
    pair = [found(spec, continuous(z[r]), discrete(y[r])) for r in (rows[:ROWS], rows)]
    moves_no_further(pair[0], pair[1], 0.1)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, times=st.integers(2, 3))
def test_a_sample_joined_to_itself_knows_no_more(spec: str, seed: int, times: int) -> None:
    z, y = labelled(seed)
    rows = np.tile(np.arange(ROWS), times)
    one, joined = (found(spec, continuous(z[r]), discrete(y[r])) for r in (rows[:ROWS], rows))
    if parse(spec).traits.measures == "other":
        return
    moves_no_further(one, joined, JOINED.get(family(spec), 1e-6))


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds)
def test_renumbering_labels_moves_nothing(spec: str, seed: int) -> None:
    z, y = labelled(seed)
    names = np.random.default_rng(seed).permutation(3) * 17 - 5
    pair = [found(spec, continuous(z), discrete(labels)) for labels in (y, names[y])]
    draws = family(spec) in (*TRAINED, "noisy network")  # dealt out class by class
    moves_no_further(pair[0], pair[1], 0.2 if draws else 1e-6)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds)
def test_renumbering_symbols_on_both_sides_moves_nothing(spec: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, (ROWS, 2))
    y = (x.sum(axis=1) + rng.integers(0, 2, ROWS)) % 3
    ids = rng.permutation(6)
    pair = [found(spec, discrete(v), discrete(y)) for v in (x, ids[x])]
    moves_no_further(pair[0], pair[1], 1e-6)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, scale=st.sampled_from([1e-3, 0.01, 1000.0, -2.0]))
def test_rescaling_continuous_labels_moves_nothing_or_is_said(
    spec: str, seed: int, scale: float
) -> None:
    if parse(spec).traits.unit == "none":
        return
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(ROWS, 1))
    y = z + rng.normal(size=(ROWS, 1))
    one, other = (found(spec, continuous(z), continuous(v)) for v in (y, scale * y))
    if other is not None and any("share the cells" in note for note in other.notes):
        return
    moves_no_further(one, other, 0.2 if family(spec) in TRAINED else 5e-3)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, value=st.sampled_from([0.0, 0.7, -1e6]))
def test_constant_units_move_nothing(spec: str, seed: int, value: float) -> None:
    z, y = labelled(seed)
    dead = np.hstack([z, np.full((ROWS, 2), value)])
    pair = [found(spec, continuous(v), discrete(y)) for v in (z, dead)]
    if family(spec) not in DRAWS_FOR_UNITS:
        moves_no_further(pair[0], pair[1], PER_UNIT.get(family(spec), 1e-5))


@pytest.mark.parametrize("spec", SPECS)
def test_constant_units_of_a_target_move_nothing(spec: str) -> None:
    z, _ = labelled(0, 1)
    x = z + np.random.default_rng(1).normal(size=z.shape)
    dead = np.hstack([z, np.full((ROWS, 2), 0.7)])
    pair = [found(spec, continuous(x), continuous(v)) for v in (z, dead)]
    if family(spec) not in DRAWS_FOR_UNITS:
        moves_no_further(pair[0], pair[1], PER_UNIT.get(family(spec), 1e-5))


@pytest.mark.parametrize("spec", SPECS)
def test_a_constant_layer_carries_nothing(spec: str) -> None:
    e = found(spec, continuous(np.full((ROWS, 2), 0.3)), discrete(np.arange(ROWS) % 3))
    assert e is None or e.bits == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, scale=st.sampled_from([1e-30, 1e-6, 1e6, 1e30]))
def test_the_unit_of_a_layer_moves_nothing(spec: str, seed: int, scale: float) -> None:
    traits = parse(spec).traits
    if traits.family in ABSOLUTE or traits.unit == "none":
        return
    z, y = labelled(seed)
    pair = [found(spec, continuous(v), discrete(y)) for v in (z, scale * z)]
    moves_no_further(pair[0], pair[1], 0.2 if traits.family in TRAINED else 5e-3)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds, alone=st.integers(1, 8))
def test_symbols_of_one_row_move_no_number_of_a_population(
    spec: str, seed: int, alone: int
) -> None:
    z, y = labelled(seed)
    lone = y.copy()
    lone[:alone] = 10 + np.arange(alone)
    with_lone = found(spec, continuous(z), discrete(lone))
    without = found(spec, continuous(z[alone:]), discrete(y[alone:]))
    if with_lone is None or with_lone.target != "population" or family(spec) in TRAINED:
        return
    if parse(spec).traits.measures == "coarsened" or "symbols" in " ".join(with_lone.notes):
        return
    moves_no_further(with_lone, without, 0.1)


@pytest.mark.parametrize("spec", SPECS)
@few
@given(seed=seeds)
def test_bending_a_line_moves_no_information_or_is_said(spec: str, seed: int) -> None:
    traits = parse(spec).traits
    if traits.measures != "information" or traits.family in (*TRAINED, "noisy network"):
        return
    t, y = labelled(seed, 1)
    curve = np.hstack([np.cos(t), np.sin(t), t])
    straight, bent = (found(spec, continuous(v), discrete(y)) for v in (t, curve))
    if bent is None or any("not Gaussian" in note for note in bent.notes):
        return
    moves_no_further(straight, bent, 0.12)


@pytest.mark.parametrize("spec", SPECS)
def test_an_infinite_truth_is_said(spec: str) -> None:
    if parse(spec).traits.measures != "information":
        return
    x = np.random.default_rng(0).normal(size=(ROWS, 1))
    e = found(spec, continuous(x), continuous(np.tanh(x)))
    if e is not None and not parse(spec).traits.obeys_bounds:
        assert any("infinite" in note for note in e.notes)
        assert e.bits <= np.log2(ROWS) + 0.01


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("gap", [3.0, 30.0, 1e4])
def test_no_number_of_information_exceeds_the_entropy_of_the_labels(spec: str, gap: float) -> None:
    if parse(spec).traits.measures not in ("information", "usable", "coarsened"):
        return
    rng = np.random.default_rng(0)
    y = np.arange(ROWS) % 2
    e = found(spec, continuous(rng.normal(size=(ROWS, 2)) + gap * y[:, None]), discrete(y))
    assert e is None or e.bits <= 1 + 0.1 or e.saturated


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("n", [3, 5, 8, 12])
def test_a_handful_of_rows_gives_a_number_that_can_be_or_a_refusal(spec: str, n: int) -> None:
    if parse(spec).traits.unit == "none":
        return
    rng = np.random.default_rng(n)
    e = found(spec, continuous(rng.normal(size=(n, 40))), discrete(np.arange(n) % 2))
    assert e is None or np.isfinite(e.bits)
    if e is not None and parse(spec).traits.obeys_bounds:
        assert -1e-9 <= e.bits <= np.log2(n) + 1e-9


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("scale", [1e-30, 1e-12])
def test_cells_that_swallow_a_layer_say_so(spec: str, scale: float) -> None:
    z, y = labelled(0)
    e = found(spec, continuous(scale * z), discrete(y))
    if e is not None and e.bits == 0 and parse(spec).traits.measures == "coarsened":
        assert e.notes
