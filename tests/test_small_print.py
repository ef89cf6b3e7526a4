"""What stands beside a number: coverage, ceilings, notes, axis texts, verdicts at their limits. Each against a count made by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis import caveats as honesty
from infoplane.analysis.calibrate.run import _given
from infoplane.analysis.dpi import layer_laws as laws
from infoplane.analysis.dpi.check import _cut_pairs, _judged, worst
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.exact_codes import conditional_entropy_bits, leak
from infoplane.analysis.dpi.significance import Chance
from infoplane.analysis.estimators import Binned, Exact, NoisyChannel, parse
from infoplane.analysis.estimators.atoms import apart_bits
from infoplane.analysis.estimators.cells import estimate_of_codes
from infoplane.analysis.estimators.neighbour_formulas import mixed_bits
from infoplane.analysis.estimators.neighbour_rows import Pair, Side
from infoplane.analysis.floors import fano_bits, tightened
from infoplane.analysis.measuring.large_layers import memory_bytes
from infoplane.analysis.resampling.half_samples import half_sample_values
from infoplane.analysis.resampling.intervals import (
    Resampled,
    n_slope,
    permutation_null,
    with_interval,
)
from infoplane.analysis.studies.compare import pool
from infoplane.analysis.vocabulary import mutual_information
from infoplane.contract import Traits
from infoplane.errors import InputError
from infoplane.grids import grids_of
from infoplane.plane import Plane, Point
from infoplane.rows import row_codes
from infoplane.types import Chain, Estimate, Finding, Null

VALUES = np.array([-3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 1.5, 2.5, 0.1, 0.2])


# ---- estimates -----------------------------------------------------------------------------------------------------------------------------------


def test_coverage_is_the_share_of_rows_that_are_not_alone_and_the_ceiling_the_entropy_of_the_other_side() -> (
    None
):
    codes, labels = np.array([0, 0, 1, 2, 3, 3, 3, 4]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    e = estimate_of_codes(codes, labels, "name", "point", ("note",))
    assert (
        e.coverage == 1 - 3 / 8
        and e.ceiling_bits == 1.0
        and e.target == "probe-set"
        and e.notes == ("note",)
        and e.n == 8
    )
    assert estimate_of_codes(codes, labels, "name", "point", ceiling_bits=7.5).ceiling_bits == 7.5
    assert estimate_of_codes(codes, labels, "name", "point", correction="mm").target == "population"


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


def test_the_paper_rule_takes_the_unit_interval_only_where_all_values_lie_in_it_and_some_are_negative() -> (
    None
):
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


@pytest.mark.parametrize(
    ("spec", "xz", "zy"),
    [
        ("bin:szt", "H(bin(Z)) [bits], 30 bins on [-1,1]", "I(bin(Z);Y) [bits], 30 bins on [-1,1]"),
        ("bin:saxe", "H(bin(Z)) [bits], width 0.07", "I(bin(Z);Y) [bits], width 0.07"),
        ("bin:saxe,width=0.5", "H(bin(Z)) [bits], width 0.5", "I(bin(Z);Y) [bits], width 0.5"),
        (
            "bin:range,n=7,scope=unit",
            "H(bin(Z)) [bits], 7 bins on unit range",
            "I(bin(Z);Y) [bits], 7 bins on unit range",
        ),
        (
            "bin:range",
            "H(bin(Z)) [bits], 30 bins on run range",
            "I(bin(Z);Y) [bits], 30 bins on run range",
        ),
        (
            "bin:quantile,n=5",
            "H(bin(Z)) [bits], 5 quantiles per unit",
            "I(bin(Z);Y) [bits], 5 quantiles per unit",
        ),
        (
            "vinfo:family=knn",
            "I_V(X->Z) [bits], knn, held out, N=50",
            "I_V(Z->Y) [bits], knn, held out, N=50",
        ),
    ],
)
def test_axis_texts_say_what_is_drawn(spec: str, xz: str, zy: str) -> None:
    estimator = parse(spec)
    assert estimator.axis_label("i_xz", 50) == xz and estimator.axis_label("i_zy", 50) == zy  # type: ignore[attr-defined]  # both have one


@pytest.mark.parametrize(
    "spec",
    ["dse:t=1", "dse:t=2,width=0.25", "dse:t=1,subsets=4", "kde:variance=0.1,bound=lower", "kde:relative=0.1,pairs=100", "vinfo:family=mlp,hidden=8", "vinfo:family=linear", "vinfo:family=linear,folds=3", "vinfo:family=mlp", "bin:saxe,width=0.5", "bin:range,n=7,scope=unit",
     "bin:szt,correction=cwj"],
)  # fmt: skip
def test_a_spec_comes_back_from_its_estimator(spec: str) -> None:
    assert str(parse(spec)) == spec


def _apart(x: np.ndarray, z: np.ndarray, k: int) -> float:
    pair = Pair(Side(x, row_codes(x)), Side(z, row_codes(z)))
    return apart_bits(pair, k, lambda u, v: (mixed_bits(u, v, k), ()))[0]


def test_atoms_apart_is_the_table_where_all_rows_lie_at_atoms_and_k_rows_beside_them_are_too_few_to_add_anything() -> (
    None
):
    a = np.repeat([0.0, 1.0, 2.0], 20)[:, None]
    b = np.where(a > 0, 1.0, 0.0)
    table = estimate_of_codes(
        a[:, 0].astype(int), b[:, 0].astype(int), "t", "point", correction="cwj"
    ).bits
    assert _apart(a, b, 3) == pytest.approx(table, abs=1e-12)
    for beside in (1, 2, 3, 4):  # rows at no atom, all values different
        x = np.concatenate([a, 10 + np.arange(beside)[:, None]])
        z = np.concatenate([b, 20 + np.arange(beside)[:, None]])
        symbols = (
            np.concatenate([a[:, 0], np.full(beside, 9)]).astype(int),
            np.concatenate([b[:, 0], np.full(beside, 9)]).astype(int),
        )
        assert _apart(x, z, 3) == pytest.approx(
            estimate_of_codes(*symbols, "t", "point", correction="cwj").bits, abs=1e-12
        )


def test_labels_of_as_few_rows_beside_atoms_as_there_are_neighbours_add_nothing() -> None:
    x = np.repeat([0.0, 1.0], 20)[:, None]
    for beside, adds in ((2, False), (4, False), (6, True)):
        z = np.full((40, 1), 5.0)
        z[np.r_[: beside // 2, 20 : 20 + beside // 2], 0] = np.r_[
            10 : 10 + beside // 2, 1000 : 1000 + beside // 2
        ]
        symbols = np.where(z[:, 0] > 5, 1, 0)
        table = estimate_of_codes(x[:, 0].astype(int), symbols, "t", "point", correction="cwj").bits
        found = _apart(x, z, 3)
        assert bool(abs(found - table) > 1e-9) == adds
        assert found == pytest.approx(_apart(z, x, 3), abs=1e-12)


def test_sample_propagation_is_given_nothing_where_a_case_lacks_any_of_its_three_parts() -> None:
    from infoplane.analysis.calibrate.case import Sample

    v, ids = ip.continuous(VALUES), ip.discrete(np.arange(10))
    whole = Sample(v, v, ids, v, 0.5)
    given = _given(NoisyChannel(), whole)
    assert given is not None and given[0].sigma == 0.5 and given[1:] == (ids, v)  # type: ignore[attr-defined]  # it has one
    for part in ("ids", "clean", "sigma"):
        assert _given(NoisyChannel(), replace(whole, **{part: None})) is None
    assert _given(Exact(), Sample(ids, ids)) == (Exact(), ids, ids)


# ---- error bars ----------------------------------------------------------------------------------------------------------------------------------


def test_only_a_population_that_still_rises_by_more_than_noise_is_told_so() -> None:
    still = Estimate(1.0, 100, "e", target="population")
    rising = with_interval(still, [0.5, 0.52, 0.48, 0.5])
    assert any("rose by 0.50 bits with the last doubling" in note for note in rising.notes)
    assert rising.high == pytest.approx(
        1.0 + rising.stderr * 4.302652729911275 + 0.5 / (math.sqrt(2) - 1)
    )
    assert rising.low == pytest.approx(1.0 - rising.stderr * 4.302652729911275)
    assert with_interval(replace(still, target="probe-set"), [0.5, 0.52, 0.48, 0.5]).notes == ()
    assert with_interval(still, [0.9, 0.92, 0.88, 0.9]).notes == (), (
        "a tenth of a bit is no warning"
    )
    assert with_interval(still, [0.0, 1.2, 0.1, 1.1]).notes == (), (
        "within twice its own standard error"
    )
    fell = with_interval(still, [1.5, 1.52, 1.48, 1.5])
    assert fell.notes == () and fell.high == pytest.approx(1.0 + fell.stderr * 4.302652729911275)
    assert fell.low == pytest.approx(
        1.0 - fell.stderr * 4.302652729911275 - 0.5 / (math.sqrt(2) - 1)
    )


def test_half_samples_are_sorted_disjoint_halves_and_too_few_rows_or_splits_are_refused() -> None:
    seen: list[np.ndarray] = []
    half_sample_values(
        lambda rows: float(seen.append(rows) or 0), 9, splits=3, rng=np.random.default_rng(0)
    )
    assert [len(r) for r in seen] == [4, 5] * 3
    for first, second in zip(seen[::2], seen[1::2], strict=True):
        assert (
            sorted([*first, *second]) == list(range(9))
            and (np.diff(first) > 0).all()
            and (np.diff(second) > 0).all()
        )
    assert len(half_sample_values(lambda rows: 0.0, 8, splits=2, rng=np.random.default_rng(0))) == 4
    for n, splits in ((7, 2), (8, 1)):
        with pytest.raises(
            InputError, match=f"at least 8 rows and 2 splits, got {n} rows and {splits} splits"
        ):
            half_sample_values(lambda rows: 0.0, n, splits=splits, rng=np.random.default_rng(0))


class Counting:
    """Answers with the number of rows, or with log2 of it: what a half and a quarter say is then known."""

    name, traits = "counting", Traits("other", keeps_chain=True)

    def __init__(self, stderr: float | None = None) -> None:
        self.stderr, self.calls = stderr, 0

    def supports(self, a: str, b: str) -> bool:
        return True

    def estimate(self, a: ip.Variable, b: ip.Variable, *, rng: np.random.Generator) -> Estimate:
        self.calls += 1
        assert a.n == b.n
        return Estimate(math.log2(a.n), a.n, "counting", stderr=self.stderr)


def test_the_slope_over_rows_is_one_bit_per_doubling_where_every_doubling_adds_one() -> None:
    v = ip.continuous(np.arange(64.0))
    slope = n_slope(Counting(), v, v, rng=np.random.default_rng(0))  # type: ignore[arg-type]  # an Estimator
    assert (
        slope.rows == (16, 32, 64)
        and slope.values == (4.0, 5.0, 6.0)
        and slope.bits_per_doubling == pytest.approx(1)
        and slope.rising
    )
    assert (
        not replace(slope, values=(4.0, 5.0, 5.1)).rising
        and not replace(slope, bits_per_doubling=0.1).rising
    )
    n_slope(
        Counting(),
        ip.continuous(np.arange(32.0)),
        ip.continuous(np.arange(32.0)),
        rng=np.random.default_rng(0),
    )  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 32 rows, got 31"):
        n_slope(
            Counting(),
            ip.continuous(np.arange(31.0)),
            ip.continuous(np.arange(31.0)),
            rng=np.random.default_rng(0),
        )  # type: ignore[arg-type]


def test_an_estimator_with_its_own_standard_error_keeps_it_and_no_splits_means_none() -> None:
    v, rng = ip.continuous(np.arange(32.0)), np.random.default_rng(0)
    for splits, own, calls in ((4, None, 9), (4, 0.25, 1), (0, None, 1), (0, 0.25, 1)):
        inner = Counting(own)
        e = Resampled(inner, splits).estimate(v, v, rng=rng)
        assert inner.calls == calls and e.stderr == (own if own is not None or not splits else 0.0)
        inner = Counting(own)
        points = Resampled(inner, splits).estimate_plane_point(v, v, v, rng=rng)
        assert [q for q, _ in points] == ["i_xz", "i_zy"] and inner.calls == 2 * calls
        assert all(p.stderr == e.stderr for _, p in points)


class Scripted(Counting):
    """Answers with a list of values, one after the other."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values = iter(values)

    def estimate(self, a: ip.Variable, b: ip.Variable, *, rng: np.random.Generator) -> Estimate:
        return Estimate(next(self.values), a.n, "counting")


def test_a_null_counts_the_draws_that_reach_the_value_and_travels_in_the_notes() -> None:
    y = ip.discrete(np.arange(8) % 2)
    null = permutation_null(
        Scripted([0.5, 0.1, 0.5, 0.9, 0.2]), y, y, draws=4, rng=np.random.default_rng(0)
    )  # type: ignore[arg-type]
    assert null.p == (1 + 2) / 5 and null.mean == pytest.approx(1.7 / 4) and null.draws == 4
    assert (null.low, null.high) == pytest.approx((0.1 + 0.1 * 0.075, 0.9 - 0.4 * 0.075))
    assert (
        permutation_null(Scripted([0.3]), y, y, draws=1, rng=np.random.default_rng(0), value=0.4).p
        == 0.5
    )  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one permutation, got 0"):
        permutation_null(Counting(), y, y, draws=0, rng=np.random.default_rng(0))  # type: ignore[arg-type]


# ---- codes and verdicts ----------------------------------------------------------------------------------------------------------------------------


def test_what_one_column_says_beyond_another_is_the_entropy_of_the_pairs_less_its_own() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = rng.integers(0, rng.integers(1, 6), 30), rng.integers(0, rng.integers(1, 6), 30)
        expected = 0.0
        for symbol in set(a.tolist()):
            p = np.bincount(b[a == symbol]) / (a == symbol).sum()
            expected -= (a == symbol).mean() * sum(q * math.log2(q) for q in p if q > 0)
        assert conditional_entropy_bits(b, a) == pytest.approx(expected, abs=1e-12)
    assert conditional_entropy_bits(np.array([0, 1, 0, 1]), np.array([2, 3, 2, 3])) == 0.0


def test_a_leak_is_told_from_rounding_row_by_row() -> None:
    up, down = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 3, 3, 4])
    z = np.array([[100.0], [100.0 + 1e-6], [90.0], [5.0], [5.0], [7.0]])
    found = leak(up, down, z)
    assert (
        found.gain_bits == pytest.approx(0.5 * math.log2(3))
        and found.joined == 1
        and found.example == (0, 2)
    )
    assert found.leak_bits == pytest.approx(0.5 * (math.log2(3) - 2 / 3))
    assert (
        leak(up, down, None).joined == 2
        and leak(up, down, None).leak_bits == 0.0
        and leak(up, down, None).example is None
    )
    assert (
        leak(up, down, z, tolerance=0.2).leak_bits == 0.0
        and leak(up, down, z, tolerance=0.2).joined == 2
    )
    assert leak(up, np.zeros(6, int), z) == leak(up, up, z) and leak(up, up, z).gain_bits == 0.0
    assert leak(np.array([0, 0]), np.array([0, 1]), np.zeros((2, 1))).leak_bits == 0.0, (
        "all values 0: the same within any rounding"
    )


FOUND = Finding("I(X;Z) pair", 0, "a", "b", 0.2, "estimator", "text", estimator="e")


@pytest.mark.parametrize(
    ("chance", "p", "verdict"),
    [
        (Chance(0.01, 0.01, None), 0.01, "estimator"),
        (Chance(0.05, 0.01, None), 0.05, "estimator"),
        (Chance(0.06, 0.01, None), 0.051, "sampling"),
        (Chance(0.01, 0.01, 0.29), 0.01, "estimator"),
        (Chance(0.01, 0.01, 0.31), 0.01, "bias"),
        (Chance(0.01, 0.01, None, 0.02), 0.01, "ok"),
        (Chance(0.01, 0.01, None, 0.021), 0.01, "estimator"),
        (Chance(0.5, 0.01, 0.9, 0.0), 0.5, "ok"),
    ],
)
def test_an_excess_is_judged_in_the_stated_order(chance: Chance, p: float, verdict: str) -> None:
    judged = _judged(FOUND, chance, p, 0.05, 0.02)
    assert judged.verdict == verdict and judged.p == chance.p and judged.stderr == chance.stderr


def plane_of(points: list[Point], layers: tuple[str, ...] = ("a", "b"), **more: object) -> Plane:
    return Plane(tuple(points), layers, 64, 1.0, h_x_bits=6.0, **more)  # type: ignore[arg-type]  # the rest of its fields


def point(
    layer: str, quantity: str, bits: float, step: int = 0, spec: str = "bin:szt", **more: object
) -> Point:
    return Point(step, layer, quantity, Estimate(bits, 64, spec, **more))  # type: ignore[arg-type]  # as above


CUT = Chain(
    ("a", "b", "c"),
    (("cut", "cut", "partial"), ("no-path", "cut", "cut"), ("no-path", "no-path", "cut")),
    rows=64,
)


def test_certified_pairs_are_those_that_the_certificate_calls_cut_in_order() -> None:
    assert (
        _cut_pairs(plane_of([], ("a", "b", "c"), chain=CUT)) == [("a", "b"), ("b", "c")]
        and _cut_pairs(plane_of([])) == []
    )


@pytest.mark.parametrize(
    ("up", "down", "verdict"),
    [
        ({"coverage": 0.6}, {"coverage": 0.6}, "estimator"),
        ({"coverage": 0.4}, {"coverage": 0.6}, "untestable"),
        (
            {"coverage": 0.6},
            {"coverage": 0.4},
            "estimator",
        ),  # only an upstream ceiling can make I(X;Z) seem to rise
        ({"ceiling_bits": 2.01, "coverage": 0.6}, {}, "estimator"),
        ({"ceiling_bits": 2.01, "coverage": 0.4}, {}, "untestable"),
        ({"ceiling_bits": 2.01}, {"ceiling_bits": 2.51}, "untestable"),
    ],
)
def test_a_rise_is_untestable_only_where_saturation_could_have_made_it(
    up: dict, down: dict, verdict: str
) -> None:
    a, b = point("a", "i_xz", 2.0, **up), point("b", "i_xz", 2.5, **down)
    (found,) = ip.check_dpi(plane_of([a, b], chain=CUT)).findings
    assert found.verdict == verdict and found.law == "I(X;Z) pair"


def test_edges_are_frozen_over_the_run_or_the_layer_where_the_rule_asks_for_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from infoplane.archive import RunWriter, open_archive
    from infoplane.types import LayerInfo

    layers = [LayerInfo("a", 0, shape=(2,)), LayerInfo("b", 1, shape=(2,))]
    with RunWriter.create(
        tmp_path / "run", layers=layers, x=None, y=np.arange(4) % 2, durable=False
    ) as writer:
        for step in (0, 1):
            with writer.step(step) as shard:
                shard.write("a", np.arange(8.0).reshape(4, 2) + step)
                shard.write("b", -10 * np.arange(8.0).reshape(4, 2) - step)
    plane = replace(plane_of([point(name, "i_xz", 1.0, s) for name in "ab" for s in (0, 1)]), n=4)
    evidence = Evidence(plane, open_archive(tmp_path / "run"))
    assert (
        evidence.fitted("bin:szt", "a").frozen_low is None
        and Evidence(plane, None).fitted("bin:range", "a") is None
    )
    for spec, layer, low, high in (
        ("bin:range", "a", (-71.0,), (8.0,)), ("bin:range", "b", (-71.0,), (8.0,)), ("bin:range,scope=layer", "a", (0.0,), (8.0,)),
        ("bin:range,scope=layer", "b", (-71.0,), (0.0,)), ("bin:range,scope=unit", "b", (-61.0, -71.0), (0.0, -10.0)),
    ):  # fmt: skip
        fitted = evidence.fitted(spec, layer)
        assert (
            (fitted.frozen_low, fitted.frozen_high) == (low, high)
            and str(fitted) == spec
            and evidence.fitted(spec, layer) is fitted
        )


def test_every_law_of_a_layer_is_checked_beyond_its_tolerance_and_not_within() -> None:
    assert (
        laws.tolerance_bits(plane_of([]), "bin:szt") == 0.01
        and laws.tolerance_bits(plane_of([]), "ksg:k=5") == 0.02
    )
    assert laws.tolerance_bits(replace(plane_of([]), h_y_bits=None), "bin:szt") == pytest.approx(
        0.06
    )
    assert laws.tolerance_bits(replace(plane_of([]), h_y_bits=3.0), "mixed:k=5") == pytest.approx(
        0.03
    )
    for bits_xz, bits_zy, broken in (
        (2.0, 0.5, set()), (-0.02, -0.03, {"I(X;Z) >= 0", "I(Z;Y) >= 0"}), (6.02, 1.02, {"I(X;Z) <= H(X)", "I(Z;Y) <= H(Y)"}),
        (0.5, 0.52, {"I(Z;Y) <= I(X;Z)"}), (6.009, 1.009, set()), (-0.009, -0.009, set()), (0.5, 0.509, set()),
    ):  # fmt: skip
        plane = plane_of([point("a", "i_xz", bits_xz), point("a", "i_zy", bits_zy)])
        compared, findings = laws.broken_laws(plane, grids_of(plane))
        assert (
            {f.law for f in findings} == broken
            and {f.verdict for f in findings} <= {"violation"}
            and compared == 5
        )
        elsewhere = plane_of(
            [
                point("a", "i_xz", bits_xz, spec="ksg:k=5"),
                point("a", "i_zy", bits_zy, spec="ksg:k=5"),
            ]
        )
        compared, findings = laws.broken_laws(elsewhere, grids_of(elsewhere))
        assert {f.verdict for f in findings} <= {"estimator"} and compared == 5


def test_the_worst_finding_is_the_first_of_the_worst_verdict() -> None:
    kinds = ["ok", "sampling", "violation", "fault", "fault"]
    findings = [replace(FOUND, verdict=v, step=i) for i, v in enumerate(kinds)]  # type: ignore[arg-type]  # verdicts
    assert (
        worst(findings) is findings[3] and worst(findings[:3]) is findings[2] and worst([]) is None
    )


# ---- several runs, floors, warnings -----------------------------------------------------------------------------------------------------------------


def test_pooled_curves_are_over_the_steps_layers_and_estimators_that_all_runs_share() -> None:
    one = plane_of(
        [point("a", "i_xz", float(s), s) for s in (0, 1, 2)]
        + [point("b", "i_xz", 9.0, 0)]
        + [point("a", "i_zy", 0.5, 7, "exact")]
    )
    two = plane_of(
        [point("a", "i_xz", 10.0 + s, s) for s in (1, 2, 3)]
        + [point("a", "i_xz", 0.0, 1, "kde:variance=1")],
        ("a",),
    )
    three = plane_of([point("a", "i_xz", 4.0 * s, s) for s in (2, 1)], ("a",))
    (found,) = pool({"one": one, "two": two, "three": three})
    assert (found.layer, found.quantity, found.estimator, found.names, found.steps) == (
        "a",
        "i_xz",
        "bin:szt",
        ("one", "two", "three"),
        (1, 2),
    )
    assert found.values.tolist() == [
        [1.0, 2.0],
        [11.0, 12.0],
        [4.0, 8.0],
    ] and found.median.tolist() == [4.0, 8.0]
    assert [edge.tolist() for edge in found.band()] == [[1.0, 2.0], [11.0, 12.0]]
    with pytest.raises(
        InputError, match=r"kde:variance=1 is not in all planes; they share \['bin:szt'\]"
    ):
        pool({"one": one, "two": two}, estimator="kde:variance=1")
    with pytest.raises(InputError, match="share no layer and step"):
        pool({"one": one, "other": plane_of([point("a", "i_xz", 1.0, 99)])})
    with pytest.raises(InputError, match="an estimator is not in all planes"):
        pool({"one": one, "other": plane_of([point("a", "i_xz", 1.0, 1, "ksg:k=5")])})


def test_fanos_bound_is_tight_where_errors_are_spread_evenly() -> None:
    """A uniform label of K classes, wrong with probability e and then any of the others alike: the information is the bound."""
    for classes, e in ((2, 0.1), (3, 0.2), (5, 0.5), (4, 0.0), (3, 1.0)):
        table = np.full((classes, classes), e / (classes - 1) / classes)
        np.fill_diagonal(table, (1 - e) / classes)
        assert fano_bits(math.log2(classes), e, classes) == pytest.approx(
            mutual_information(table), abs=1e-12
        )


def test_lower_bounds_are_tightened_by_layers_that_are_cut_off_and_known() -> None:
    bits = {"a": 0.2, "b": 0.9, "c": 0.5}
    assert tightened(bits, {"a": ("c", "elsewhere"), "c": ("b",)}) == {"a": 0.5, "b": 0.9, "c": 0.9}


def test_saturation_and_labels_that_mean_nothing_are_said_of_the_last_step_only() -> None:
    full, free = {"ceiling_bits": 2.05}, {"ceiling_bits": 6.0}
    null = Null(0.1, 0.05, 0.3, 0.4, 99)
    last = [
        point("a", "i_xz", 2.0, 1, **full),
        point("b", "i_xz", 2.0, 1, **full),
        point("c", "i_xz", 2.0, 1, **free),
    ]
    labels = [point(name, "i_zy", 0.3, 1, null=null) for name in ("a", "b")]
    said = honesty.warnings_of(plane_of([*last, *labels], ("a", "b", "c")))
    assert (
        len(said) == 2
        and "2 of 3 layers sit at the ceiling" in said[0]
        and "no larger than for shuffled labels" in said[1]
    )
    half = [point("a", "i_xz", 2.0, 1, **full), point("b", "i_xz", 2.0, 1, **free)]
    above = [point("a", "i_zy", 0.3, 1, null=null), point("b", "i_zy", 0.31, 1, null=null)]
    early = [point(name, "i_xz", 2.0, 0, **full) for name in ("a", "b")]
    assert honesty.warnings_of(plane_of([*early, *half, *above])) == []
    exact = [point(name, "i_xz", 2.0, 1, "exact", **full) for name in ("a", "b")]
    bound = [point(name, "i_xz", 2.0, 1, sense="lower", **full) for name in ("a", "b")]
    assert (
        honesty.warnings_of(plane_of(exact))
        == []
        == honesty.warnings_of(plane_of(bound))
        == honesty.warnings_of(plane_of([]))
    )
    assert honesty.warnings_of(plane_of([*last, *labels], ("a", "b", "c")), "exact") == []


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("7", 7),
        ("1K", 2**10),
        ("2kb", 2**11),
        ("1.5M", 3 * 2**19),
        ("2G", 2**31),
        ("1T", 2**40),
        (" 3 G ", 3 * 2**30),
    ],
)
def test_memory_is_given_in_bytes_or_with_a_unit(
    text: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFOPLANE_MEMORY", text)
    assert memory_bytes() == size
    monkeypatch.setenv("INFOPLANE_MEMORY", "")
    assert 2**28 < memory_bytes() < 2**50


# ---- neighbours, slices, batteries --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix",
    [
        "ksg",
        "ross",
        "mixed",
        "knn",
        "sliced",
        "gauss",
        "gauss:copula=true",
        "noisy",
        "dse",
        "kde:variance=0.1",
        "renyi",
        "exact",
        "infonce",
    ],
)
def test_every_axis_says_which_information_it_shows(prefix: str) -> None:
    e = parse(prefix)
    xz, zy = (e.axis_label(q, 77) for q in ("i_xz", "i_zy"))  # type: ignore[attr-defined]  # all of these have one
    assert (
        xz != zy and "bits" in xz and "bits" in zy and ("Y" in zy) and ("Y" not in xz or "X" in xz)
    )


def test_neighbours_need_two_rows_more_than_k_and_say_what_weakens_them() -> None:
    rng = np.random.default_rng(0)
    x, z = ip.continuous(rng.normal(size=8)), ip.continuous(rng.normal(size=8))
    assert np.isfinite(parse("ksg:k=6").estimate(x, z, rng=rng).bits)
    with pytest.raises(ip.errors.EstimatorError, match="at least 9 rows for k=7 neighbours, got 8"):
        parse("ksg:k=7").estimate(x, z, rng=rng)
    for wrong in (
        "ksg:k=0",
        "ksg:jitter=1",
        "ksg:jitter=-0.1",
        "ross:correct=true",
        "mixed:correct=true",
        "knn:k=0",
        "sliced:slices=0",
        "sliced:k=0",
    ):
        with pytest.raises(InputError):
            parse(wrong)
    assert parse("ksg:jitter=0.5").jitter == 0.5  # type: ignore[attr-defined]  # it has one
    high = ip.continuous(rng.normal(size=(60, 10)))
    wide = parse("ksg").estimate(
        high, ip.continuous(np.hstack([rng.normal(size=(60, 1)), np.ones((60, 1))])), rng=rng
    )
    assert (
        wide.notes[-1] == "1 constant units left out"
        and wide.target == "population"
        and wide.ceiling_bits is None
    )
    y = ip.discrete(np.repeat([0, 1, 1], 20))
    assert parse("ross").estimate(high, y, rng=rng).ceiling_bits == pytest.approx(
        math.log2(3) - 2 / 3
    )
    same = ip.continuous(np.repeat(rng.normal(size=5), 4))
    jittered = parse("ksg:jitter=0.001").estimate(same, ip.continuous(rng.normal(size=20)), rng=rng)
    assert any("jitter 0.001 added to tell equal rows apart" in n for n in jittered.notes)
    with pytest.raises(ip.errors.EstimatorError, match="has equal rows .*or mixed:k=5"):
        parse("ksg").estimate(same, ip.continuous(rng.normal(size=20)), rng=rng)


def test_the_form_of_neighbours_follows_the_rows() -> None:
    rng = np.random.default_rng(1)
    a, b, y = (
        ip.continuous(rng.normal(size=(40, 1))),
        ip.continuous(rng.normal(size=(40, 2))),
        ip.discrete(np.arange(40) % 2),
    )
    tied = ip.continuous(np.round(rng.normal(size=(40, 1))))
    for one, two, form, words in (
        (a, b, "ksg:correct=true", "form: KSG"), (a, y, "ross", "form: Ross"), (y, a, "ross", "form: Ross"),
        (tied, y, "mixed:apart=true", "form: 85% of the rows lie at atoms"),
    ):  # fmt: skip
        found, expected = (
            parse(s).estimate(one, two, rng=np.random.default_rng(0)) for s in ("knn", form)
        )
        assert (
            found.bits == expected.bits
            and found.estimator == "knn:k=5"
            and found.notes[-1].startswith(words)
        )
    low, high = (
        parse(s).estimate(a, b.take(np.arange(40)), rng=np.random.default_rng(0))
        for s in ("ksg", "ksg:correct=true")
    )
    assert low.bits != high.bits and any("corrected by" in n for n in high.notes)


def test_slices_are_means_with_an_error_over_directions() -> None:
    rng = np.random.default_rng(2)
    a, b = ip.continuous(rng.normal(size=(60, 3))), ip.continuous(rng.normal(size=(60, 2)))
    many = parse("sliced:slices=9").estimate(a, b, rng=np.random.default_rng(0))
    assert (
        many.low == pytest.approx(many.bits - 1.96 * many.stderr)
        and many.high == pytest.approx(many.bits + 1.96 * many.stderr)
        and many.sense == "lower"
    )  # type: ignore[operator]
    assert parse("sliced:slices=1").estimate(a, b, rng=np.random.default_rng(0)).stderr is None
    scalar, other = ip.continuous(rng.normal(size=60)), ip.continuous(rng.normal(size=60))
    one = parse("sliced:slices=3").estimate(scalar, other, rng=np.random.default_rng(0))
    assert one.bits == pytest.approx(
        parse("mixed").estimate(scalar, other).bits, abs=1e-9
    ) and one.stderr == pytest.approx(0, abs=1e-9)
    assert [str(parse(s)) for s in ("sliced:k=3", "sliced:slices=9,k=3", "sliced")] == [
        "sliced:k=3",
        "sliced:slices=9,k=3",
        "sliced",
    ]


class Size(Counting):
    """Bits that are a plain function of the layer's values."""

    def __init__(self, of: object) -> None:
        super().__init__()
        self.of = of

    def estimate(self, a: ip.Variable, b: ip.Variable, *, rng: np.random.Generator) -> Estimate:
        return Estimate(float(self.of(a.values)), a.n, "size")  # type: ignore[operator]  # a function


def test_the_battery_reports_the_largest_change_and_what_halving_costs() -> None:
    from infoplane.analysis.studies.invariance import CONTROLS, INVERTIBLE, invariance_of

    rng = np.random.default_rng(3)
    z, y = ip.continuous(rng.normal(size=(50, 5))), ip.discrete(np.arange(50) % 2)
    units = invariance_of(Size(lambda v: v.shape[1]), z, y, layer="l")  # type: ignore[arg-type]  # an Estimator
    assert (units.value, units.error, units.sensitivity, units.discriminability) == (
        5.0,
        0.0,
        3.0,
        1.0,
    ) and units.changes["noise added"] == 0.0
    spread = invariance_of(Size(lambda v: v.std(axis=0).sum()), z, y)  # type: ignore[arg-type]
    assert spread.changes["scale x10"] == pytest.approx(9 * spread.value) and spread.changes[
        "permutation"
    ] == pytest.approx(0, abs=1e-9)
    assert (
        spread.error == max(spread.changes[name] for name in INVERTIBLE)
        and spread.sensitivity == spread.changes["half of the units"] > 0
    )
    assert (
        spread.discriminability
        == pytest.approx(spread.sensitivity / (spread.sensitivity + spread.error))
        and spread.changes["noise added"] < 0
    )
    blind = invariance_of(Size(lambda v: 1.0), z, y)  # type: ignore[arg-type]
    assert blind.discriminability == 0.0 == blind.sensitivity and set(blind.changes) == {
        *INVERTIBLE,
        *CONTROLS,
    }
    grows = invariance_of(Size(lambda v: -v.shape[1]), z, y)  # type: ignore[arg-type]
    assert grows.sensitivity == -3.0 and grows.discriminability == 0.0
    one = ip.continuous(rng.normal(size=(50, 1)))
    assert invariance_of(Size(lambda v: v.shape[1]), one, y).sensitivity == 0.0  # type: ignore[arg-type]


def test_every_map_of_the_battery_can_be_undone() -> None:
    from infoplane.analysis.studies import invariance as I

    z = np.random.default_rng(4).normal(size=(40, 4)) * [0.3, 0.7, 3, 4]
    turned = I._rotation(z, np.random.default_rng(0))
    assert (
        np.linalg.norm(turned, axis=1) == pytest.approx(np.linalg.norm(z, axis=1))
        and abs(turned - z).max() > 0.1
    )
    scale = z.std(axis=0)
    assert I._monotone(z, np.random.default_rng(0)) == pytest.approx(z + 0.5 * z**3 / scale**2)
    assert (I._monotone(np.ones((3, 1)), np.random.default_rng(0)) == 1.5).all(), (
        "a constant unit has the scale 1"
    )
    coupled, rng = I._coupling(z, np.random.default_rng(0)), np.random.default_rng(0)
    s = np.tanh(z[:, :2] @ rng.normal(size=(2, 2)) / math.sqrt(2))
    assert (coupled[:, :2] == z[:, :2]).all() and (coupled[:, 2:] - s) / np.exp(
        0.5 * s
    ) == pytest.approx(z[:, 2:])
    assert I._coupling(z[:, :1], np.random.default_rng(0)) == pytest.approx(
        I._affine(z[:, :1], np.random.default_rng(0))
    )
    rng = np.random.default_rng(0)
    assert I._affine(z, np.random.default_rng(0)) == pytest.approx(
        z * np.exp(rng.normal(size=4)) + rng.normal(size=4)
    )
