"""Verdicts on synthetic runs with planted faults, and on runs in which nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import one_step, plane_with, point

import infoplane as ip
from infoplane.analysis.dpi.certificate import certified_pairs
from infoplane.analysis.dpi.episodes import episodes_of
from infoplane.analysis.dpi.exact_codes import conditional_entropy_bits, leak
from infoplane.analysis.dpi.excess import explain_excess
from infoplane.analysis.dpi.significance import Chance
from infoplane.archive import RunWriter
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.rows import row_digests
from infoplane.types import Chain, Estimate, Finding, LayerInfo

N = 1000
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
Y = (X.sum(1) > 0).astype(np.int64)


def chain_of(names: list[str], relation: str = "cut") -> Chain:
    rows = [
        [relation if j > i else "no-path" for j in range(len(names))] for i in range(len(names))
    ]
    return Chain(tuple(names), tuple(map(tuple, rows)), rows=64)


def write(
    path: Path,
    steps: list[dict[str, np.ndarray]],
    *,
    chain: Chain | None,
    reductions: dict[str, str] | None = None,
    mode: str = "eval",
):
    """A run whose layers at every step are the given arrays."""
    infos = [
        LayerInfo(
            name,
            k,
            "Linear",
            a.shape[1:],
            a.shape[1:],
            reduction=(reductions or {}).get(name, "none"),
        )
        for k, (name, a) in enumerate(steps[0].items())
    ]
    with RunWriter.create(path, layers=infos, x=X, y=Y, chain=chain, durable=False) as run:
        for k, layers in enumerate(steps):
            with run.step(k, meta={"mode": mode}) as shard:
                for name, a in layers.items():
                    shard.write(name, a, row_digests=row_digests(a))
    return ip.open_archive(path)


def honest() -> dict[str, np.ndarray]:
    a = np.tanh(X @ np.random.default_rng(1).normal(size=(3, 6))).astype(np.float32)
    b = np.maximum(a @ np.random.default_rng(2).normal(size=(6, 4)), 0).astype(np.float32)
    return {"a": a, "b": b}


def test_an_honest_chain_has_no_fault_and_no_violation_at_any_bin_rule(tmp_path: Path) -> None:
    archive = write(tmp_path / "run", [honest()], chain=chain_of(["a", "b"]))
    specs = [
        "bin:szt",
        "bin:saxe",
        "bin:range,n=10",
        "bin:quantile,n=5",
        "bin:ebab",
        "kde:variance=0.1",
        "exact",
    ]
    report = ip.check_dpi(ip.measure(archive, specs))
    assert report.passed and not report.of("fault", "violation")
    assert report.checked == sum(report.counts.values())


def test_a_shuffled_layer_is_a_fault_that_names_two_rows(tmp_path: Path) -> None:
    layers = honest()
    layers["a"][: N // 2] = layers["a"][
        N // 2 :
    ]  # duplicates upstream: any honest map keeps them equal downstream
    layers["b"] = np.maximum(layers["a"][:, :4], 0)
    layers["b"] = layers["b"][np.random.default_rng(5).permutation(N)]
    report = ip.check_dpi(write(tmp_path / "run", [layers], chain=chain_of(["a", "b"])))
    fault = report.of("fault")[0]
    assert (
        not report.passed
        and (fault.upstream, fault.downstream) == ("a", "b")
        and fault.excess_bits > 0.5
    )
    assert "are equal at a but differ at b by more than rounding" in fault.explanation


def test_exact_codes_are_not_judged_where_dropout_was_on(tmp_path: Path) -> None:
    codes = {"a": np.sign(X[:, :1]), "b": np.sign(X[:, 1:2])}  # a fault, in eval mode
    reports = {
        mode: ip.check_dpi(write(tmp_path / mode, [codes], chain=chain_of(["a", "b"]), mode=mode))
        for mode in ("eval", "train")
    }
    assert reports["eval"].of("fault") and not any(
        "mode" in limit for limit in reports["eval"].limits
    )
    assert not [f for f in reports["train"].findings if f.law == "exact leak"]
    assert (
        "exact codes at step 0: captured in train mode, equal inputs need not give equal codes"
        in reports["train"].limits
    )


def test_a_layer_of_another_checkpoint_is_a_fault(tmp_path: Path) -> None:
    codes = np.sign(X[:, :1])
    other = np.sign(X[:, 1:2])
    good, bad = {"a": codes, "b": -codes}, {"a": codes, "b": -other}
    report = ip.check_dpi(write(tmp_path / "run", [good, bad], chain=chain_of(["a", "b"])))
    assert {f.step for f in report.of("fault")} == {1}


def test_rounding_is_joined_and_reported_not_accused(tmp_path: Path) -> None:
    a = np.repeat(np.tanh(X[: N // 2]), 2, axis=0)
    b = (a * 3).astype(np.float32)
    b[::2] = np.nextafter(b[::2], np.float32(10))
    report = ip.check_dpi(
        ip.measure(write(tmp_path / "run", [{"a": a, "b": b}], chain=chain_of(["a", "b"])), "exact")
    )
    assert report.passed and report.counts.get("fault", 0) == 0
    assert any("500 row codes differed in the last bits only" in limit for limit in report.limits)
    assert not any("units of tiny values" in limit for limit in report.limits)


def test_a_leak_into_a_unit_of_tiny_values_is_no_fault_but_named(tmp_path: Path) -> None:
    a = np.repeat(np.tanh(X[: N // 2]), 2, axis=0)
    b = np.c_[a, 1e-7 * X[:, :1]]
    plane = ip.measure(write(tmp_path / "run", [{"a": a, "b": b}], chain=chain_of(["a", "b"])))
    report = ip.check_dpi(plane)
    assert report.counts.get("fault", 0) == 0
    assert any("units of tiny values" in limit for limit in report.limits)


def test_the_contracting_and_expanding_linear_chain_blames_the_estimator(tmp_path: Path) -> None:
    """W1 = Q/3, W2 = 9 W1^T on normal rows, 50 common cells on [-5, 5]: entropy falls and rises
    again while exact codes stay equal.
    """
    q = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    z1 = (X @ (q / 3)).astype(np.float32)
    z2 = (z1 @ (9 * (q / 3).T)).astype(np.float32)
    archive = write(
        tmp_path / "run", [{"x": X, "z1": z1, "z2": z2}], chain=chain_of(["x", "z1", "z2"])
    )
    plane = ip.measure(archive, ["bin:saxe,width=0.2", "exact"])
    h = [plane.series(name, "i_xz", "bin:saxe,width=0.2")[1][0].bits for name in ("x", "z1", "z2")]
    assert h == [pytest.approx(b, abs=0.15) for b in (9.80, 8.00, 9.80)]
    assert [plane.series(name, "i_xz", "exact")[1][0].bits for name in ("x", "z1", "z2")] == [
        pytest.approx(np.log2(N))
    ] * 3
    report = ip.check_dpi(plane)
    found = [
        f
        for f in report.of("estimator")
        if f.estimator.startswith("bin") and f.law == "I(X;Z) pair"
    ]
    assert [(f.upstream, f.downstream) for f in found] == [("z1", "z2")]
    assert report.passed


def test_the_gain_and_loss_explain_the_excess(tmp_path: Path) -> None:
    z1 = np.float32(0.2) * X
    archive = write(tmp_path / "run", [{"a": z1, "b": 10 * z1}], chain=chain_of(["a", "b"]))
    finding = ip.check_dpi(ip.measure(archive, "bin:saxe,width=1.0")).of("estimator")[0]
    assert finding.surplus_bits is not None and finding.deficit_bits is not None
    assert finding.surplus_bits - finding.deficit_bits == pytest.approx(
        finding.excess_bits, abs=1e-9
    )
    assert "gained" in finding.explanation


@pytest.mark.parametrize(
    ("chain", "reductions", "words"),
    [
        (None, {}, "no chain certificate"),
        (chain_of(["a", "b"], "partial"), {}, "a does not cut the input off from b .*partial"),
        (chain_of(["a", "b"]), {"b": "gap"}, "b was reduced by gap"),
    ],
)
def test_pairs_without_a_certificate_are_not_comparable(
    tmp_path: Path, chain, reductions, words: str
) -> None:
    small = {"a": np.zeros((N, 1), np.float32), "b": X}
    report = ip.check_dpi(
        ip.measure(write(tmp_path / "run", [small], chain=chain, reductions=reductions), "bin:szt")
    )
    pairs = [f for f in report if f.law.endswith("pair")]
    import re

    assert (
        report.passed
        and {f.verdict for f in pairs} == {"not comparable"}
        and re.search(words, pairs[0].explanation)
    )


def test_two_saturated_layers_are_untestable(tmp_path: Path) -> None:
    report = ip.check_dpi(
        ip.measure(
            write(tmp_path / "run", [{"a": X, "b": 2 * X}], chain=chain_of(["a", "b"])),
            "bin:saxe,width=0.001",
        )
    )
    assert report.of("untestable") and report.passed


def plane_of(
    *points: tuple[str, str, float], chain: Chain | None = None, estimator: str = "exact"
) -> Plane:
    sense = "exact" if estimator == "exact" else "point"
    made = tuple(
        Point(0, layer, quantity, Estimate(bits, 4096, estimator, sense))
        for layer, quantity, bits in points
    )
    return Plane(made, tuple(dict.fromkeys(p.layer for p in made)), 4096, 1.0, 12.0, chain)


def test_an_unexplained_excess_of_an_estimator_that_keeps_the_chain_is_a_violation() -> None:
    report = ip.check_dpi(
        plane_of(
            ("a", "i_xz", 5.0), ("b", "i_xz", 6.0), chain=chain_of(["a", "b"]), estimator="plugin"
        )
    )
    assert not report.passed and report.of("violation")[0].excess_bits == 1.0


@pytest.mark.parametrize(
    ("points", "law"),
    [
        ([("a", "i_xz", 12.5)], "I(X;Z) <= H(X)"),
        ([("a", "i_xz", -0.5)], "I(X;Z) >= 0"),
        ([("a", "i_zy", 1.5)], "I(Z;Y) <= H(Y)"),
        ([("a", "i_zy", -0.2)], "I(Z;Y) >= 0"),
        ([("a", "i_xz", 0.3), ("a", "i_zy", 0.9)], "I(Z;Y) <= I(X;Z)"),
    ],
)
def test_each_law_of_one_layer_is_checked(points, law: str) -> None:
    report = ip.check_dpi(plane_of(*points))
    assert [f.law for f in report.of("violation")] == [law]


def test_an_estimator_without_such_laws_is_not_called_a_violation() -> None:
    assert ip.check_dpi(plane_of(("a", "i_zy", -0.2), estimator="kde:variance=0.1")).passed


def test_an_empty_plane_is_refused() -> None:
    with pytest.raises(InputError, match="the plane is empty"):
        ip.check_dpi(Plane((), ("a",), 10))


def test_conditional_entropy_and_leak_of_known_codes() -> None:
    a, b = np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2])
    assert conditional_entropy_bits(b, a) == 0.5 and conditional_entropy_bits(a, b) == 0.0
    z = np.array([[0.0], [1.0], [2.0], [2.0]])
    assert leak(a, b, z).leak_bits == 0.5 and leak(a, b, z).example == (0, 1)
    near = np.array([[0.0], [1e-7], [2.0], [2.0]])
    assert leak(a, b, near).leak_bits == 0.0 and leak(a, b, near).joined == 1


def test_consecutive_findings_are_one_episode() -> None:
    def at(step: int) -> Finding:
        return Finding("law", step, "a", "b", 0.1 * step, "estimator", "why", estimator="e")

    found = episodes_of([at(1), at(2), at(9)], [0, 1, 2, 5, 9])
    assert sorted((e.first_step, e.last_step, e.checkpoints) for e in found) == [
        (1, 2, 2),
        (9, 9, 1),
    ]


def swapped_rows() -> dict[str, np.ndarray]:
    """A layer with equal rows, above one whose rows were shuffled."""
    layers = honest()
    layers["a"][: N // 2] = layers["a"][N // 2 :]
    layers["b"] = np.maximum(layers["a"][:, :4], 0)[np.random.default_rng(5).permutation(N)]
    return layers


def test_a_declared_chain_is_judged_and_the_findings_say_on_whose_word(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [swapped_rows()], chain=chain_of(["a", "b"], "declared"))
    report = ip.check_dpi(ip.measure(run, "exact"))
    faults = report.of("fault")
    assert faults and all("on your word" in finding.explanation for finding in faults)
    assert any("on your word" in limit for limit in report.limits)
    assert not report.of("not comparable")


def test_a_tested_chain_says_nothing_of_anybodys_word(tmp_path: Path) -> None:
    run = write(tmp_path / "run", [swapped_rows()], chain=chain_of(["a", "b"]))
    assert "on your word" not in str(ip.check_dpi(ip.measure(run, "exact")))


def test_a_run_without_a_certificate_is_checked_and_says_nothing_of_pairs(tmp_path: Path) -> None:
    archive = one_step(
        tmp_path / "r",
        a=("Tanh", np.tanh(np.random.default_rng(0).normal(size=(30, 2))).astype(np.float32)),
    )
    assert archive.chain is None
    plane = ip.measure(archive, ["exact"], resume=False)
    report = ip.check_dpi(plane, archive=archive)
    assert report.checked and not report.findings
    assert ip.check_dpi(replace(plane, provenance={})).checked == report.checked


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
    judged = explain_excess(FOUND, chance, p, 0.05, 0.02)
    assert judged.verdict == verdict and judged.p == chance.p and judged.stderr == chance.stderr


CUT = Chain(
    ("a", "b", "c"),
    (("cut", "cut", "partial"), ("no-path", "cut", "cut"), ("no-path", "no-path", "cut")),
    rows=64,
)


def test_certified_pairs_are_those_that_the_certificate_calls_cut_in_order() -> None:
    assert (
        certified_pairs(plane_with([], ("a", "b", "c"), chain=CUT)) == [("a", "b"), ("b", "c")]
        and certified_pairs(plane_with([])) == []
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
    (found,) = ip.check_dpi(plane_with([a, b], chain=CUT)).findings
    assert found.verdict == verdict and found.law == "I(X;Z) pair"
