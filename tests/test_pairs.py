"""A plane checked as arrays equals the check of each pair and point on its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_dpi import chain_of, write

import infoplane as ip
from infoplane.analysis.dpi import layer_pairs as pairs_module
from infoplane.analysis.dpi.evidence import Evidence, codes_of_rows
from infoplane.analysis.dpi.exact_codes import Leak
from infoplane.analysis.dpi.layer_laws import tolerance_bits
from infoplane.columns import objects_of
from infoplane.grids import grids_of
from infoplane.plane import Plane, Point
from infoplane.rows import codes_of_digests
from infoplane.types import VERDICTS, Chain, DPIReport, Estimate, Finding

LAYERS = ("a", "b", "c", "d")
SPECS = ("bin:szt", "exact", "kde:variance=0.1", "ksg:k=5", "vinfo:family=linear", "of:a=plugin")
HX, HY = 3.0, 1.0

bits = st.sampled_from([-0.5, -0.01, 0.0, 0.005, 0.5, 0.51, 1.0, 1.011, 1.5, 3.0, 3.02, 4.0])
estimates = st.builds(
    Estimate,
    bits,
    st.just(8),
    st.sampled_from(SPECS),
    st.sampled_from(["point", "lower", "upper", "exact"]),
    ceiling_bits=st.sampled_from([None, 0.0, 1.0, 3.0]),
    coverage=st.sampled_from([None, 0.2, 0.5, 1.0]),
)
points = st.builds(
    Point,
    st.integers(0, 3),
    st.sampled_from([*LAYERS, "unknown"]),
    st.sampled_from(["i_xz", "i_zy"]),
    estimates,
)
chains = st.none() | st.builds(
    lambda cells: Chain(
        LAYERS[:3], tuple(tuple(cells[3 * i : 3 * i + 3]) for i in range(3)), rows=8
    ),
    st.lists(st.sampled_from(["cut", "partial", "unknown"]), min_size=9, max_size=9),
)


def expected(plane: Plane) -> tuple[int, Counter[tuple[object, ...]]]:
    """By the definitions in METHODS: how many comparisons, and law, step, layers, excess and
    verdict of those that are not ok; without an archive.
    """
    compared, bad = 0, Counter[tuple[object, ...]]()
    last = {(p.step, p.estimator, p.quantity, p.sense, p.layer): p for p in plane.points}
    for (step, spec, quantity, sense), up, down in (
        (family, *pair)
        for family in dict.fromkeys(key[:4] for key in last)
        for pair in combinations(plane.layers, 2)
    ):
        a, b = (
            last.get((step, spec, quantity, sense, up)),
            last.get((step, spec, quantity, sense, down)),
        )
        if a is None or b is None or spec.startswith("vinfo"):
            continue
        compared += 1
        excess, verdict = b.bits - a.bits, "ok"
        reduced = any(
            plane.reductions.get(layer, "none") not in ("none", "flatten") for layer in (up, down)
        )
        if reduced or plane.chain is None or plane.chain.relation(up, down) != "cut":
            verdict = "not comparable"
        elif (
            quantity == "i_xz" and spec != "exact" and a.estimate.saturated and b.estimate.saturated
        ):
            verdict = "untestable"
        elif excess > tolerance_bits(plane, spec):
            few = any(p.estimate.coverage is not None and p.estimate.coverage < 0.5 for p in (a, b))
            full = a.estimate.saturated or (quantity == "i_zy" and b.estimate.saturated)
            verdict = (
                "untestable"
                if spec != "exact" and few and full
                else "violation"
                if spec == "exact"
                else "estimator"
            )
        name = {"i_xz": "I(X;Z)", "i_zy": "I(Z;Y)"}[quantity]
        bad[
            f"{name} pair" + (f", {sense}" if sense in ("upper", "lower") else ""),
            step,
            up,
            down,
            spec,
            excess,
            verdict,
        ] += verdict != "ok"
    for (step, spec, quantity, sense, layer), p in last.items():
        name, top, of = ("I(X;Z)", HX, "H(X)") if quantity == "i_xz" else ("I(Z;Y)", HY, "H(Y)")
        laws = {f"{name} >= 0": -p.bits, f"{name} <= {of}": p.bits - top}
        if (
            quantity == "i_zy"
            and (other := last.get((step, spec, "i_xz", sense, layer))) is not None
        ):
            laws["I(Z;Y) <= I(X;Z)"] = p.bits - other.bits
        for law, excess in laws.items():
            compared += 1
            verdict = (
                "violation" if spec.partition(":")[0] in ("bin", "exact", "plugin") else "estimator"
            )
            bad[law, step, layer, layer, spec, excess, verdict] += excess > tolerance_bits(
                plane, spec
            )
    return compared, +bad


PLANES = given(
    st.lists(points, min_size=1, max_size=60),
    chains,
    st.sampled_from([{}, {"b": "gap"}, {"b": "flatten", "c": "pca:2"}]),
    st.integers(1, 9),
)


@settings(max_examples=30)
@PLANES
def test_a_plane_is_judged_as_pair_by_pair_and_point_by_point(
    some: list[Point], chain: Chain | None, reductions: dict[str, str], at_once: int
) -> None:
    assert_judged_by_pairs(some, chain, reductions, at_once)


@pytest.mark.slow
@settings(max_examples=300)
@PLANES
def test_many_planes_are_judged_as_pair_by_pair_and_point_by_point(
    some: list[Point], chain: Chain | None, reductions: dict[str, str], at_once: int
) -> None:
    assert_judged_by_pairs(some, chain, reductions, at_once)


def assert_judged_by_pairs(
    some: list[Point], chain: Chain | None, reductions: dict[str, str], at_once: int
) -> None:
    """The report of the plane is that of every pair of layers and every point alone."""
    plane = Plane(tuple(some), LAYERS, 8, HY, HX, chain, reductions=reductions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_module, "CHECKPOINTS_AT_ONCE", at_once)  # blocks of a few checkpoints
        report = ip.check_dpi(plane)
    compared, bad = expected(plane)
    found = Counter(
        (f.law, f.step, f.upstream, f.downstream, f.estimator, f.excess_bits, f.verdict)
        for f in report
    )
    assert report.checked == compared and found == bad
    assert report.counts == {v: n for v, n in Counter(f.verdict for f in report).items()} | (
        {"ok": compared - sum(bad.values())} if compared > sum(bad.values()) else {}
    )
    order = [(VERDICTS.index(f.verdict), -f.excess_bits, f.step) for f in report]
    assert order == sorted(order) and all(f.explanation for f in report)


@settings(max_examples=100, deadline=None)
@given(st.lists(points, max_size=40))
def test_grids_hold_the_last_point_of_every_place_and_series_all_of_them(some: list[Point]) -> None:
    plane = Plane(tuple(some), LAYERS, 8)
    grids = grids_of(plane)
    assert [(g.estimator, g.quantity, g.sense) for g in grids] == list(
        dict.fromkeys((p.estimator, p.quantity, p.sense) for p in some)
    )
    last = {(p.estimator, p.quantity, p.sense, p.step, p.layer): k for k, p in enumerate(some)}
    for g in grids:
        assert g.layers[:4] == LAYERS and g.at.shape == g.bits.shape == g.saturated.shape == (
            len(plane.steps),
            len(g.layers),
        )
        for (row, column), k in np.ndenumerate(g.at):
            assert k == last.get(
                (g.estimator, g.quantity, g.sense, plane.steps[row], g.layers[column]), -1
            )
            assert (
                (
                    g.bits[row, column] == some[k].bits
                    and g.saturated[row, column] == some[k].estimate.saturated
                )
                if k >= 0
                else np.isnan(g.bits[row, column])
            )
            assert k >= 0 or not g.saturated[row, column]
    for layer, quantity, spec in dict.fromkeys((p.layer, p.quantity, p.estimator) for p in some):
        mine = [p for p in some if (p.layer, p.quantity, p.estimator) == (layer, quantity, spec)]
        first = next(
            s for s in ("exact", "point", "upper", "lower") if s in {p.sense for p in mine}
        )
        for sense in (None, "point", "lower"):
            chosen = sorted((p for p in mine if p.sense == (sense or first)), key=lambda p: p.step)
            assert plane.series(layer, quantity, spec, sense) == (
                [p.step for p in chosen],
                [p.estimate for p in chosen],
            )
    assert plane.series("a", "i_xz", "never measured") == ([], [])


def test_a_file_whose_texts_name_one_estimator_twice_is_one_series() -> None:
    """As another program may write it."""
    two = tuple(
        Point(0, layer, "i_xz", Estimate(b, 8, "bin:szt")) for layer, b in (("a", 1.0), ("b", 2.0))
    )
    plane = Plane(two, ("a", "b"), 8, 1.0, 3.0, chain_of(["a", "b"]))
    columns, texts = plane.columns
    vars(plane)["columns"] = (
        {**columns, "estimator": np.array([0, 1], "<i4")},
        {**texts, "estimator": ["bin:szt", "bin:szt"]},
    )
    assert len(grids_of(plane)) == 1 and [f.verdict for f in ip.check_dpi(plane)] == ["estimator"]


# ---- exact codes ---------------------------------------------------------------------------------


def test_rows_that_all_differ_have_the_codes_that_anything_else_has() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 300):
        digests = rng.integers(0, 2**63, (n, 2)).astype(np.uint64)
        for some in (
            digests,
            digests[rng.integers(0, n, n)],
            np.stack([digests[:, 0] % np.uint64(2), digests[:, 1]], axis=1),
        ):
            assert codes_of_rows(some).tolist() == codes_of_digests(some).tolist()


def layered(rng: np.random.Generator, broken: int | None) -> dict[str, np.ndarray]:
    """Five layers of symbols, each a function of the one before but for ``broken``, which knows
    more.
    """
    z, layers = np.arange(1000.0), {}
    for k, symbols in enumerate((500, 60, 60, 20, 7)):
        z = (
            rng.integers(0, 3, 1000) + 10.0 * k
            if k == broken
            else np.floor(z * rng.uniform(0.3, 0.9)) % symbols
        )
        layers[f"l{k}"] = z.astype(np.float32)[:, None]
    return layers


@pytest.mark.parametrize("broken", [None, 1, 2, 3, 4])
def test_exact_codes_that_follow_from_others_are_not_compared_again_and_every_leak_is_found(
    broken: int | None, tmp_path: Path
) -> None:
    layers = layered(np.random.default_rng(1), broken)
    names = list(layers)
    archive = write(tmp_path / "run", [layers], chain=chain_of(names))
    plane = ip.measure(archive, "exact")
    alone = {pair: Evidence(plane, archive).leak(0, *pair) for pair in combinations(names, 2)}
    leaking = {pair for pair, found in alone.items() if found is not None and found.leak_bits > 0}
    assert leaking >= {
        (up, down) for up, down in combinations(names, 2) if down == f"l{broken}"
    } and (broken is not None or not leaking)
    report = ip.check_dpi(plane)
    assert {(f.upstream, f.downstream): f.excess_bits for f in report if f.law == "exact leak"} == {
        p: alone[p].leak_bits for p in leaking
    }  # type: ignore[union-attr]

    class Counting(Evidence):
        asked = 0

        def leak(self, step: int, up: str, down: str) -> Leak | None:
            self.asked += 1
            return super().leak(step, up, down)

    counting = Counting(plane, archive)
    order = [(up, down) for j, down in enumerate(names) for up in names[:j][::-1]]
    found = {(up, down): leak for up, down, leak in counting.leaks(0, order)}
    assert found == alone
    assert counting.asked == {None: 4, 4: 3 + 4}.get(broken, counting.asked) < len(order)


def test_what_differs_by_rounding_carries_nothing_over(tmp_path: Path) -> None:
    """b follows from a up to rounding; that c follows from b says nothing bitwise of a and c then:
    all three are compared.
    """
    a = np.repeat(np.arange(500.0), 2)
    b = np.where(
        np.arange(1000) % 2, np.nextafter((a + 1).astype(np.float32), np.float32(9999)), a + 1
    )
    layers = {"a": a, "b": b, "c": 2 * b}
    archive = write(
        tmp_path / "run",
        [{k: v.astype(np.float32)[:, None] for k, v in layers.items()}],
        chain=chain_of(list(layers)),
    )
    report = ip.check_dpi(ip.measure(archive, "exact"))
    assert report.passed and any(
        limit.startswith("rounding: 1000 row codes") for limit in report.limits
    )


def test_a_layer_that_was_not_captured_is_not_compared_and_hides_no_leak(tmp_path: Path) -> None:
    a, c = (
        np.repeat(np.arange(500.0), 2).astype(np.float32)[:, None],
        np.arange(1000.0).astype(np.float32)[:, None],
    )
    archive = write(tmp_path / "run", [{"a": a, "b": a, "c": a}], chain=chain_of(["a", "b", "c"]))
    plane = ip.measure(archive, "exact")
    there = {"a": a, "c": c}

    class Partial(Evidence):
        def codes(self, step: int, layer: str, spec: str) -> np.ndarray | None:
            return codes_of_digests(ip.rows.row_digests(there[layer])) if layer in there else None

    found = list(Partial(plane, archive).leaks(0, [("a", "b"), ("b", "c"), ("a", "c")]))
    assert [(up, down, leak.surplus_bits) for up, down, leak in found] == [("a", "c", 1.0)]


# ---- objects by columns, and reports that are waited for -----------------------------------------


def test_objects_made_by_columns_are_those_made_one_by_one() -> None:
    columns = {
        "step": [3, 4],
        "layer": ["a", "b"],
        "quantity": ["i_xz", "i_zy"],
        "estimate": [Estimate(1.0, 8, "e"), Estimate(2.0, 8, "f")],
    }
    made = objects_of(Point, columns)
    assert made == [
        Point(3, "a", "i_xz", columns["estimate"][0]),
        Point(4, "b", "i_zy", columns["estimate"][1]),
    ]  # type: ignore[arg-type]
    assert (
        hash(made[0]) == hash(Point(3, "a", "i_xz", Estimate(1.0, 8, "e")))
        and replace(made[0], step=5).step == 5
    )
    assert objects_of(Point, {key: [] for key in columns}) == []
    for wrong in ({**columns, "step": [3]}, {**columns, "estimate": []}):
        with pytest.raises(ValueError, match="zip"):
            objects_of(Point, wrong)
    with pytest.raises(KeyError):
        objects_of(Point, {"step": [3]})


REPORT = DPIReport(
    1,
    (Finding("I(X;Z) pair", 0, "a", "b", 0.5, "estimator", "text", estimator="bin:szt"),),
    counts={"estimator": 1},
)


@pytest.mark.slow
def test_a_picture_with_a_report_is_another_than_one_without(tmp_path: Path) -> None:
    from infoplane.analysis.plot import save

    some = [
        Point(s, layer, q, Estimate(b + s / 9, 8, "bin:szt"))
        for s in (0, 1)
        for layer, b in (("a", 1.0), ("b", 1.5))
        for q in ("i_xz", "i_zy")
    ]
    plane = Plane(tuple(some), ("a", "b"), 8, 1.0, 3.0, chain_of(["a", "b"]))
    for kind, suffix in (("plane", ".png"), ("dpi", ".png"), ("plane", ".gif")):
        given_ = save.save_picture(plane, tmp_path / f"given{suffix}", kind=kind, report=REPORT)
        without = save.save_picture(plane, tmp_path / f"without{suffix}", kind="plane")
        assert given_.read_bytes() != without.read_bytes()


def test_without_a_certificate_no_activation_is_looked_at(tmp_path: Path) -> None:
    a = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    write(tmp_path / "run", [{"a": a / 9, "b": a}], chain=None)
    plane = replace(ip.measure(tmp_path / "run", ["bin:saxe,width=0.5"]), chain=None)
    before = ip.check_dpi(plane)
    for shard in (tmp_path / "run/ckpt").iterdir():
        shard.write_bytes(b"gone")
    assert ip.check_dpi(plane) == before and before.counts == {
        "not comparable": 2,
        "ok": before.checked - 2,
    }


def test_pairs_that_cannot_be_compared_are_counted_where_they_are_too_many_to_list() -> None:
    names = tuple(f"layer{k}" for k in range(110))
    some = tuple(Point(0, name, "i_zy", Estimate(0.5, 8, "bin:szt")) for name in names)
    report = ip.check_dpi(Plane(some, names, 8, 1.0, 3.0))
    pairs = 110 * 109 // 2
    assert report.counts["not comparable"] == pairs and not report.of("not comparable")
    assert any(limit.startswith(f"pairs: {pairs:,} comparisons cannot") for limit in report.limits)
