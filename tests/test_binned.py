"""Bin presets: golden codes, closed forms, and plain reference implementations."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import one_step
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import norm

import infoplane as ip
from infoplane.analysis.estimators import Binned, Exact, binrules, parse
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Variable

BITS12 = np.array(list(itertools.product([0, 1], repeat=12)), np.float32)
IDS = ip.discrete(np.arange(4096))
LABELS = ip.discrete(ip.data.szt.load()[1])
SAMPLE = np.array(
    [-1.2, -1, -0.97, -0.035, -0.01, 0, 0.01, 0.034, 0.036, 0.069, 0.071, 0.97, 0.999, 1, 1.3],
    np.float32,
)[:, None]
RULES = [
    Binned("szt"),
    Binned("saxe", width=0.07),
    Binned("saxe", width=0.5),
    Binned("saxe-paper"),
    Binned("range", n=100),
    Binned("range", n=30, scope="unit"),
    Binned("quantile", n=30),
    Binned("quantile", n=7, scope="layer"),
    Binned("ebab", n=30),
]


def entropy(symbols) -> float:
    counts = np.array(list(Counter(symbols).values()), float)
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum())


def information(a, b) -> float:
    return entropy(a) + entropy(b) - entropy(list(zip(a, b, strict=True)))


def reference_cells(rule: Binned, z: np.ndarray) -> np.ndarray:
    """Value by value, from the words of the sources."""
    out = np.empty(z.shape, int)
    lo, hi = float(z.min()), float(z.max())
    if rule.rule == "ebab":
        low = (
            0.0
            if lo >= 0
            else -1.000001
            if lo >= -1
            else np.nextafter(z.min(), z.dtype.type(-np.inf))
        )
        u = sorted({float(v) for v in z.ravel() if v > low})
        edges = (
            [low] + [u[int(k * len(u) / rule.n)] for k in range(rule.n)] + [u[-1]] if u else [low]
        )
    for j in range(z.shape[1]):
        column = z[:, j]
        pool = sorted(z.ravel() if rule.scope == "layer" else column)
        for i, v in enumerate(column):
            if rule.rule == "szt":
                out[i, j] = sum(v >= e for e in np.linspace(-1, 1, 30).astype(np.float32)) - 1
            elif rule.rule == "saxe":
                out[i, j] = int(np.floor(v / z.dtype.type(rule.width)))
            elif rule.rule == "quantile":
                cuts = [
                    pool[min(int(np.ceil(k / rule.n * len(pool))), len(pool) - 1)]
                    for k in range(1, rule.n)
                ]
                out[i, j] = sum(v >= c for c in cuts)
            elif rule.rule == "ebab":
                out[i, j] = sum(float(v) >= e for e in edges) - 1
            else:
                a, b, n = (
                    (float(column.min()), float(column.max()), rule.n)
                    if rule.scope == "unit"
                    else (lo, hi, rule.n)
                )
                if rule.rule == "saxe-paper":
                    a, b, n = (-1.0, 1.0, 30) if lo < 0 and lo >= -1 and hi <= 1 else (lo, hi, 100)
                out[i, j] = min(int((float(v) - a) / (b - a) * n), n - 1) if b > a else 0
    return out


def test_szt_codes_are_golden() -> None:
    assert binrules.szt_cells(SAMPLE).ravel().tolist() == [
        -1,
        0,
        0,
        13,
        14,
        14,
        14,
        14,
        15,
        15,
        15,
        28,
        28,
        29,
        29,
    ]


def test_saxe_codes_are_golden() -> None:
    assert binrules.saxe_cells(SAMPLE, 0.07).ravel().tolist() == [
        -18,
        -15,
        -14,
        -1,
        -1,
        0,
        0,
        0,
        0,
        0,
        1,
        13,
        14,
        14,
        18,
    ]


def test_ebab_edges_and_codes_are_golden() -> None:
    z = np.array([0, 0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 5, 50])[:, None]
    assert binrules.ebab_edges(z, 4).tolist() == [0, 0.1, 0.3, 0.5, 5, 50]
    assert binrules.ebab_cells(z, 4).ravel().tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 5]


POPCOUNT = BITS12.sum(1, keepdims=True)
CUBE = {
    "all bits": (BITS12, 12.0, 0.999157121),
    "popcount": (POPCOUNT, 2.838529, 0.627641),
    "one bit": (BITS12[:, :1], 1.0, 0.033906),
}
WIDTHS = [Binned("saxe", width=0.07), Binned("saxe", width=1.0), Exact()]
CASES = [(rule, what) for what in CUBE for rule in WIDTHS] + [
    (Binned("szt"), "all bits"),
    (Binned("szt"), "one bit"),
]


@pytest.mark.parametrize(("rule", "what"), CASES, ids=str)
def test_the_boolean_cube_has_its_closed_form(rule, what: str) -> None:
    z, i_xz, i_zy = CUBE[what]
    layer = ip.continuous(z)
    assert rule.estimate(IDS, layer).bits == pytest.approx(i_xz, abs=1e-6)
    assert rule.estimate(layer, LABELS).bits == pytest.approx(i_zy, abs=1e-6)


def test_szt_bins_merge_everything_above_one_and_say_so() -> None:
    estimate = Binned("szt").estimate(IDS, ip.continuous(BITS12.sum(1)))
    assert estimate.bits == pytest.approx(entropy([0] + [1] * 4095), abs=1e-9)
    assert any("above 1 share one cell" in note for note in estimate.notes)


@pytest.mark.parametrize(
    ("w", "bits"), [(0.1, 2.64447), (0.5, 4.63120), (0.869, 4.899788), (2, 4.15734), (10, 2.04417)]
)
def test_the_minimal_tanh_model_has_saxes_entropies(w: float, bits: float) -> None:
    """h = tanh(w x), x ~ N(0,1), 30 equal cells on [-1, 1]: probabilities by the normal law, cells
    by our rule on a fine grid of quantiles.
    """
    inner = np.arctanh(np.linspace(-1, 1, 31)[1:-1])
    p = np.diff(norm.cdf(np.r_[-np.inf, inner, np.inf] / w))
    assert -(p[p > 0] * np.log2(p[p > 0])).sum() == pytest.approx(bits, abs=1e-5)
    n = 200_000
    x = norm.ppf((np.arange(n) + 0.5) / n)
    cells = binrules.equal_cells(np.tanh(w * x)[:, None], -1.0, 1.0, 30).ravel()
    assert entropy(cells.tolist()) == pytest.approx(bits, abs=5e-4)


@pytest.mark.parametrize(("w", "bits"), [(1, 3.32527), (10, 5.11402)])
def test_the_minimal_relu_model_has_saxes_entropies(w: float, bits: float) -> None:
    n = 400_000
    x = norm.ppf((np.arange(n) + 0.5) / n)
    z = ip.continuous(np.maximum(w * x, 0))
    # one-sided cells of width 2/30; exact zeros share the first cell with values below the first
    # edge
    assert entropy(binrules.saxe_cells(z.values, 2 / 30).ravel().tolist()) == pytest.approx(
        bits, abs=2e-3
    )


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize(
    ("n", "d", "kind"), [(300, 5, "tanh"), (200, 9, "relu"), (1000, 2, "wide"), (50, 64, "tanh")]
)
def test_cells_and_bits_agree_with_a_plain_reference(
    rule: Binned, n: int, d: int, kind: str
) -> None:
    rng = np.random.default_rng([n, d])
    z = rng.normal(size=(n, d)).astype(np.float32)
    z = {"tanh": np.tanh(z), "relu": np.maximum(z, 0), "wide": 5 * z.round(1)}[kind].astype(
        np.float32
    )
    expected = reference_cells(rule, z)
    assert np.array_equal(rule.cells(ip.continuous(z)), expected)
    y = rng.integers(0, 3, n)
    rows = [tuple(r) for r in expected]
    layer = ip.continuous(z)
    assert rule.estimate(layer, ip.discrete(y)).bits == pytest.approx(
        information(rows, y.tolist()), abs=1e-9
    )
    assert rule.estimate(ip.discrete(np.arange(n) // 2), layer).bits == pytest.approx(
        information(rows, (np.arange(n) // 2).tolist()), abs=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_entropies_agree_at_3000_rows_of_64_units(rule: Binned) -> None:
    z = np.tanh(
        np.random.default_rng(1).normal(size=(3000, 2))
        @ np.random.default_rng(2).normal(size=(2, 64))
    ).astype(np.float32)
    rows = [tuple(r) for r in rule.cells(ip.continuous(z))]
    assert rule.estimate(ip.discrete(np.arange(3000)), ip.continuous(z)).bits == pytest.approx(
        entropy(rows), abs=1e-9
    )


matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(2, 40), st.integers(1, 4)),
    elements=st.floats(-2, 2, width=32),
)


@given(matrices, st.randoms(use_true_random=False))
def test_information_is_between_zero_and_the_smaller_entropy(z, random) -> None:
    y = np.array([random.randrange(3) for _ in range(len(z))])
    for rule in (*RULES, Exact()):
        bits = rule.estimate(ip.continuous(z), ip.discrete(y)).bits
        h_t = entropy(rule.codes(ip.continuous(z)).tolist())
        assert -1e-9 <= bits <= min(h_t, entropy(y.tolist())) + 1e-9


@given(matrices)
def test_rows_and_units_may_be_permuted(z) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(len(z)) % 2
    rows, units = rng.permutation(len(z)), rng.permutation(z.shape[1])
    for rule in (*RULES, Exact()):
        one = rule.estimate(ip.continuous(z), ip.discrete(y)).bits
        two = rule.estimate(ip.continuous(z[rows][:, units]), ip.discrete(y[rows])).bits
        assert one == pytest.approx(two, abs=1e-9)


@given(matrices)
def test_exact_codes_are_never_coarser_than_any_bins(z) -> None:
    layer = ip.continuous(z)
    exact = entropy(Exact().codes(layer).tolist())
    assert all(entropy(rule.codes(layer).tolist()) <= exact + 1e-9 for rule in RULES)


@given(hnp.arrays(np.float64, (30, 2), elements=st.floats(-3, 3, width=32)))
def test_quantile_bins_are_invariant_to_monotone_maps(z) -> None:
    rule = Binned("quantile", n=5)
    assert np.array_equal(
        rule.cells(ip.continuous(z)),
        rule.cells(ip.continuous(np.digitize(z, np.unique(z)) * 7.0 + 3)),
    )


def test_a_range_frozen_over_the_run_covers_every_checkpoint_and_keeps_its_name() -> None:
    early, late = ip.continuous(np.linspace(0, 1, 50)), ip.continuous(np.linspace(0, 10, 50))
    rule = Binned("range", n=10)
    frozen = rule.fit([early, late])
    assert str(frozen) == str(rule) == "bin:range,n=10"
    assert set(frozen.cells(early).ravel()) == {0, 1} or set(frozen.cells(early).ravel()) == {0}
    assert frozen.cells(late).max() == 9
    assert "not frozen" in rule.estimate(ip.discrete(np.arange(50)), early).notes[0]
    assert not frozen.estimate(ip.discrete(np.arange(50)), early).notes


def test_minus_zero_equals_zero() -> None:
    z = ip.continuous(np.array([0.0, -0.0, 1.0, 1.0], np.float32))
    assert Exact().estimate(ip.discrete(np.arange(4)), z).bits == 1.0


def test_a_constant_layer_carries_nothing() -> None:
    for rule in (*RULES, Exact()):
        assert (
            rule.estimate(ip.discrete(np.arange(20)), ip.continuous(np.full((20, 3), 0.25))).bits
            == 0.0
        )


def test_bad_input_is_explained() -> None:
    with pytest.raises(InputError, match="no such bin rule: 'foo'; choose one of szt, saxe"):
        Binned("foo")
    with pytest.raises(InputError, match="width is a positive number and belongs to rule 'saxe'"):
        Binned("szt", width=0.1)
    with pytest.raises(EstimatorError, match="at least 2 rows, got 1"):
        Binned().estimate(ip.discrete([0]), ip.continuous([0.5]))
    with pytest.raises(EstimatorError, match="has 3 rows and .* has 2; the rows must be paired"):
        Binned().estimate(ip.discrete([0, 1, 2]), ip.continuous([0.5, 0.1]))
    with pytest.raises(InputError, match="rows hold NaN or infinity"):
        ip.continuous([0.0, np.nan])


def test_equal_cells_take_any_span_that_a_float_can_hold() -> None:
    assert binrules.equal_cells(np.array([[0.0], [1.2e308]]), 0.0, 1.2e308, 4).ravel().tolist() == [
        0,
        3,
    ]
    assert binrules.equal_cells(
        np.array([[-0.8e308], [0.8e308]]), -0.8e308, 0.8e308, 2
    ).ravel().tolist() == [0, 1]
    for low, high in ((-1.0e308, 1.0e308), (0.0, np.inf), (-np.inf, 0.0)):
        with pytest.raises(EstimatorError, match="span more than a float64 can hold"):
            binrules.equal_cells(np.array([[0.0]]), low, high, 2)
    assert binrules.equal_cells(
        np.array([[-1.0], [0.0], [0.5], [1.0], [2.0]]), 0.0, 1.0, 2
    ).ravel().tolist() == [-1, 0, 1, 1, 2]
    assert binrules.equal_cells(np.array([[3.0], [4.0]]), 3.0, 3.0, 5).ravel().tolist() == [0, 0]


def test_ranges_of_a_layer_come_from_that_layer_alone(tmp_path: Path) -> None:
    z = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    split_run = one_step(tmp_path / "r", small=("", z), large=("", 1000 * z))
    plane = ip.measure(split_run, ["bin:range,n=8,scope=layer"], resume=False)
    assert [p.estimate.bits for p in plane.points if p.quantity == "i_xz"] == pytest.approx(
        [3.0, 3.0]
    )


def test_pinned_ranges_of_bins_are_those_of_all_checkpoints() -> None:
    first, second = np.array([[0.0, 5.0], [1.0, 6.0]]), np.array([[-1.0, 5.5], [0.5, 7.0]])
    variables = [Variable("z", z, "continuous") for z in (first, second)]
    fitted = {
        scope: parse(f"bin:range,scope={scope}").fit(iter(variables)) for scope in ("layer", "unit")
    }
    assert (fitted["layer"].frozen_low, fitted["layer"].frozen_high) == ((-1.0,), (7.0,))
    assert (fitted["unit"].frozen_low, fitted["unit"].frozen_high) == ((-1.0, 5.0), (1.0, 7.0))
    with pytest.raises(InputError, match="at least one checkpoint"):
        fitted["unit"].fit([])


def test_a_width_of_nothing_is_refused() -> None:
    for width in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="width is a positive number"):
            Binned("saxe", width=width)


VALUES = np.array([-3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 1.5, 2.5, 0.1, 0.2])


class Blocks:
    """Rows in blocks of three, as a stored layer gives them."""

    shape, dtype = (5, 2), np.dtype(np.float64)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        yield from (VALUES.reshape(5, 2)[i : i + 3] for i in (0, 3))


def test_shares_beyond_the_bins_are_counted_in_memory_and_in_blocks() -> None:
    expected = ("20.0% of values below -1 share one cell", "20.0% of values above 1 share one cell")
    x, y = ip.discrete(np.arange(5)), ip.discrete([0, 0, 1, 1, 1])
    z = ip.continuous(VALUES.reshape(5, 2))
    whole = Binned("szt").estimate_plane_point(x, z, y)
    blocks = Binned("szt").estimate_rows(x, Blocks(), y)  # type: ignore[arg-type]  # Rows
    assert [q for q, _ in blocks] == ["i_xz", "i_zy"] and whole == blocks
    assert (
        all(e.notes == expected for _, e in blocks)
        and Binned("szt").estimate(z, y).notes == expected
    )
    assert Binned("saxe").estimate_rows(None, Blocks(), y)[0][1].notes == ()  # type: ignore[arg-type]  # Rows
    assert (
        Binned("szt")
        .estimate(ip.continuous(VALUES.clip(-1, 1)), ip.discrete(np.arange(10) % 2))
        .notes
        == ()
    )


def test_a_range_of_these_rows_alone_says_so_and_a_frozen_one_does_not() -> None:
    z, y = ip.continuous(VALUES), ip.discrete(np.arange(10) % 2)
    said = "range taken from these rows alone, not frozen over the run"
    assert (
        Binned("range").estimate(z, y).notes == (said,) == Binned("saxe-paper").estimate(z, y).notes
    )
    assert (
        Binned("range").fit([z]).estimate(z, y).notes
        == ()
        == Binned("range", scope="step").estimate(z, y).notes
    )
    assert [Binned("range", scope=s).traits.edges for s in ("run", "layer", "unit", "step")] == [
        "run",
        "layer",
        "layer",
        "none",
    ]  # type: ignore[arg-type]


def test_the_paper_rule_takes_the_unit_interval_where_values_of_both_signs_lie_in_it() -> None:
    inside = np.array([-0.99, -0.5, 0.0, 0.99])
    assert Binned("saxe-paper").cells(ip.continuous(inside)).ravel().tolist() == [
        int((v + 1) / 2 * 30) for v in inside
    ]
    assert Binned("saxe").cells(ip.continuous(inside)).ravel().tolist() == [
        math.floor(v / 0.07) for v in inside
    ]
    assert Binned("saxe", width=0.5).cells(ip.continuous(inside)).ravel().tolist() == [-2, -1, 0, 1]
    for outside in (
        np.array([0.0, 0.25, 0.5, 1.0]),
        np.array([-1.5, 0.0, 0.5, 1.0]),
        np.array([-0.5, 0.0, 0.5, 1.5]),
    ):
        low, high = outside.min(), outside.max()
        expected = [min(int((v - low) / (high - low) * 100), 99) for v in outside]
        assert Binned("saxe-paper").cells(ip.continuous(outside)).ravel().tolist() == expected
