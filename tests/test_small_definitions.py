"""Small pieces of arithmetic, each against its definition written out once more."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

import infoplane as ip
import infoplane.display.progress
from infoplane.analysis import floors, vocabulary
from infoplane.analysis.calibrate import CASES, JUDGES
from infoplane.analysis.calibrate.result import Calibration, Trial
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import Resampler, _plug_in_bias
from infoplane.analysis.estimators import (
    Binned,
    Gaussian,
    MixedKSG,
    NoisyChannel,
    VInformation,
    binrules,
    parse,
    table_errors,
    vinfo,
    vinfo_families,
)
from infoplane.analysis.estimators.dependence import cka, cka_matrix, hsic
from infoplane.analysis.estimators.diffusion import diffusion_spectrum, spectral_entropy
from infoplane.analysis.estimators.entropies import information_bits, joint_counts
from infoplane.analysis.estimators.renyi import (
    MatrixRenyi,
    gram,
    matrix_entropy,
    median_width,
    silverman_width,
    spectrum_entropy,
    squared_distances,
    within_classes,
)
from infoplane.analysis.live.guard import Guard
from infoplane.analysis.measuring import train_test as splits
from infoplane.analysis.measuring.follow import Budget
from infoplane.analysis.measuring.plane_point import (
    input_variable,
    label_variable,
    plane_points,
)
from infoplane.analysis.resampling.half_samples import rows_of_halves
from infoplane.analysis.studies import drift, histograms, mechanism, phases
from infoplane.analysis.studies.conditional import conditional_information
from infoplane.analysis.studies.held_out import train_and_held_out
from infoplane.analysis.studies.layer_information import LayerMatrix
from infoplane.analysis.studies.sensitivity import Sensitivity
from infoplane.analysis.vocabulary import kl_binned
from infoplane.archive import Archive, RunWriter, open_archive, reader
from infoplane.archive.lock import WriterLock
from infoplane.archive.publish import Sink
from infoplane.contract import TakesNoise, Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Chain, Estimate, LayerInfo, Variable, continuous

RNG = np.random.default_rng(0)


def one_step(path: Path, **layers: tuple[str, np.ndarray]) -> Archive:
    """A run of one checkpoint: layers by name, each a class and its values; rows are told apart, classes alternate."""
    infos = [
        LayerInfo(name, k, cls, z.shape[1:], store_dtype=str(z.dtype))
        for k, (name, (cls, z)) in enumerate(layers.items())
    ]
    n = len(next(iter(layers.values()))[1])
    with (
        RunWriter.create(
            path, layers=infos, x=np.eye(n), y=np.arange(n) % 2, durable=False
        ) as writer,
        writer.step(0) as shard,
    ):
        for name, (_, z) in layers.items():
            shard.write(name, z)
    return open_archive(path)


# ---- falls and phases --------------------------------------------------------------------------------------------------------------------------------


def test_a_fall_is_measured_on_the_half_that_did_not_choose_the_peak() -> None:
    first, second = np.array([0.0, 3.0, 2.5, 1.0]), np.array([0.5, 2.0, 2.2, 0.7])
    assert phases.split_half_drop(first, second) == (
        pytest.approx(((2.0 - 0.7) + (2.5 - 1.0)) / 2),
        1,
    )


def test_the_interval_of_a_fall_is_that_of_its_single_halves_and_its_peak_the_median() -> None:
    halves = [
        (np.array([0.0, 3.0, 2.5, 1.5, 1.0]), np.array([0.5, 2.0, 2.2, 1.0, 0.7])),
        (np.array([0.1, 2.9, 2.0, 1.5, 1.2]), np.array([0.4, 2.5, 2.2, 1.0, 0.6])),
        (np.array([0.1, 2.0, 2.8, 1.5, 1.1]), np.array([0.4, 2.5, 2.6, 1.0, 0.9])),
    ]
    whole, labels = np.array([0.2, 2.6, 2.5, 1.3, 0.9]), np.array([0.0, 0.5, 0.89, 0.91, 1.0])
    c = phases.compression(
        [0, 10, 20, 30, 40], halves, whole, layer="l", estimator="e", labels=labels
    )
    single, peaks = [], []
    for a, b in halves:
        i, j = int(a.argmax()), int(b.argmax())
        single += [b[i] - b[-1], a[j] - a[-1]]
        peaks += [i, j]
    drop, se = np.mean(single), np.std(single, ddof=1)
    assert (c.drop, c.low, c.high) == pytest.approx((drop, drop - 1.96 * se, drop + 1.96 * se))
    assert peaks == [1, 2, 1, 1, 2, 2] and (c.onset, c.onset_low, c.onset_high) == (10, 10, 20)
    assert (
        c.naive == pytest.approx(2.6 - 0.9)
        and c.stays
        and c.threshold == pytest.approx(0.02 * 2.6)
        and c.fitting_end == 30
    )
    assert (
        phases.compression([0, 10, 20, 30, 40], halves, np.array([0.2, 2.6, 2.5, 1.3, 2.6])).stays
        is False
    )
    assert (
        phases.compression([0, 10, 20, 30, 40], halves, np.array([0.2, 2.6, 2.7, 1.3, 0.9])).stays
        is True
    ), "the earlier half may still rise"
    low = phases.compression([0, 10, 20, 30, 40], halves, whole / 10)
    assert low.threshold == 0.05 and low.fitting_end is None
    for few in (([0, 1], halves), ([0, 1, 2, 3, 4], halves[:1])):
        with pytest.raises(InputError, match="at least 3 checkpoints and 2 splits"):
            phases.compression(*few, whole)


def test_a_fall_counts_only_beyond_chance_beyond_the_threshold_and_lasting() -> None:
    c = phases.Compression("l", "e", 0.2, 0.06, 0.3, 0, 0, 0, 0.2, True, None, 0.05)
    assert (
        c.compresses
        and not replace(c, low=0.05).compresses
        and not replace(c, stays=False).compresses
        and not replace(c, low=0.04).compresses
    )


# ---- estimators ----------------------------------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 3.0])
def test_matrix_entropies_are_those_of_the_spectrum_and_lanczos_finds_them(alpha: float) -> None:
    z = np.random.default_rng(1).normal(size=(60, 3))
    a = gram(Variable("z", z, "continuous"), 1.5)
    p = np.maximum(np.linalg.eigvalsh(a), 1e-30)
    expected = -float(p @ np.log2(p)) if alpha == 1 else math.log2((p**alpha).sum()) / (1 - alpha)
    assert matrix_entropy(a, alpha) == pytest.approx(expected, abs=1e-4)
    if alpha > 0.5:
        found = [
            matrix_entropy(a, alpha, lanczos=20, rng=np.random.default_rng(s)) for s in range(12)
        ]
        assert np.mean(found) == pytest.approx(
            expected, abs=max(0.01, 4 * np.std(found) / math.sqrt(12))
        )
    codes = np.arange(60) % 3
    own = np.linalg.eigvalsh(a * (codes[:, None] == codes[None]))
    assert spectrum_entropy(within_classes(a, codes), alpha) == pytest.approx(
        spectrum_entropy(own, alpha), abs=1e-5
    )


def test_kernel_widths_and_distances_by_their_formulas() -> None:
    z = np.random.default_rng(2).normal(size=(40, 3)) * [1.0, 2.0, 3.0] + 5
    d = np.sqrt(((z[:, None] - z[None]) ** 2).sum(axis=2))
    assert (
        squared_distances(z) == pytest.approx(d**2, abs=1e-9)
        and (np.diag(squared_distances(z)) == 0).all()
    )
    assert median_width(z) == pytest.approx(np.median(d[np.triu_indices(40, 1)]))
    assert silverman_width(z, 2.0) == pytest.approx(
        2 * math.sqrt(3) * 40 ** (-1 / 7) * math.sqrt(z.var(axis=0).mean())
    )
    assert gram(Variable("z", z, "continuous"), 2.0) == pytest.approx(
        np.exp(-(d**2) / 8) / 40, abs=1e-12
    )
    with pytest.raises(EstimatorError, match="at least 2 rows, got 1"):
        median_width(z[:1])


def test_the_biased_hsic_is_the_trace_of_centred_kernels() -> None:
    a, b = (ip.continuous(np.random.default_rng(s).normal(size=(30, 2)) + s) for s in (3, 4))
    centre = np.eye(30) - 1 / 30
    k, m = (
        np.exp(-squared_distances(v.values) / (2 * median_width(v.values) ** 2)) for v in (a, b)
    )
    assert hsic(a, b, unbiased=False) == pytest.approx(
        np.trace(centre @ k @ centre @ m) / 29**2, rel=1e-9
    )


def test_a_diffusion_has_the_spectrum_of_its_random_walk() -> None:
    z, width = np.random.default_rng(5).normal(size=(25, 2)), 0.8
    k = np.exp(-squared_distances(z) / (2 * width**2))
    p = k / np.outer(k.sum(axis=1), k.sum(axis=1))
    walk = np.sort(np.linalg.eigvals(p / p.sum(axis=1, keepdims=True)).real)
    found = np.sort(diffusion_spectrum(z, width))
    assert found == pytest.approx(walk, abs=1e-9) and found[-1] == pytest.approx(1)
    for t in (1, 3):
        q = np.abs(found) ** t / (np.abs(found) ** t).sum()
        assert spectral_entropy(found, t) == pytest.approx(stats.entropy(q, base=2))
    e = parse("dse:t=2")
    ids, labels, v = (
        ip.discrete(np.arange(25)),
        ip.discrete(np.repeat([0, 1], [10, 15])),
        ip.continuous(z),
    )
    whole = spectral_entropy(diffusion_spectrum(z, 0.5 * median_width(z)), 2)
    assert e.estimate(v, ids).bits == pytest.approx(whole) == e.estimate(
        ids, v
    ).bits and e.estimate(v, ids).ceiling_bits == pytest.approx(math.log2(25))
    x, y = (q for _, q in e.estimate_plane_point(ids, v, labels, rng=np.random.default_rng(0)))  # type: ignore[attr-defined]  # it has one
    assert (
        x.bits == pytest.approx(whole)
        and 0 < y.bits + 0.5 < whole
        and "geometric, not Shannon MI" in y.notes
    )


def test_the_standard_error_of_a_gaussian_pair_is_its_spread_over_draws() -> None:
    for r in (0.0, 0.6):
        bits, said, held = [], [], 0
        for seed in range(400):
            rng = np.random.default_rng(seed)
            x = rng.normal(size=200)
            e = Gaussian().estimate(
                ip.continuous(x), ip.continuous(r * x + math.sqrt(1 - r * r) * rng.normal(size=200))
            )
            bits.append(e.bits)
            said.append(e.stderr)
            held += e.low <= -0.5 * math.log2(1 - r * r) <= e.high  # type: ignore[operator]  # numbers
        assert np.mean(bits) == pytest.approx(
            -0.5 * math.log2(1 - r * r), abs=4 * np.std(bits) / 20
        )
        assert held >= 0.9 * 400 or not r
        ratio = np.sqrt(np.mean(np.square(said))) / np.std(bits)
        assert 0.85 < ratio < 1.15 if r else 1 < ratio < 2, (
            "at r = 0, where the first order vanishes, it errs to the safe side"
        )


def test_a_gaussian_of_labels_needs_three_rows_of_every_class_and_has_their_entropy_as_ceiling() -> (
    None
):
    z = np.random.default_rng(8).normal(size=(43, 1))
    e = Gaussian().estimate(ip.continuous(z), ip.discrete(np.repeat([0, 1], [40, 3])))
    assert e.ceiling_bits == pytest.approx(stats.entropy([40, 3], base=2)) and any(
        "shrunk" in n for n in e.notes
    )
    assert not any(
        "shrunk" in n
        for n in Gaussian()
        .estimate(ip.continuous(z), ip.discrete(np.repeat([0, 1], [33, 10])))
        .notes
    )
    with pytest.raises(EstimatorError, match="a class of 2 rows has no covariance"):
        Gaussian().estimate(ip.continuous(z), ip.discrete(np.repeat([0, 1], [41, 2])))
    copula = Gaussian(copula=True)
    wide = ip.continuous(np.random.default_rng(9).normal(size=(43, 2)))
    assert (
        "copula of vectors: no lower bound" in copula.estimate(wide, ip.continuous(z)).notes
        and copula.estimate(ip.continuous(z), ip.continuous(z[::-1])).notes == ()
    )


def test_a_noisy_channel_has_the_standard_error_of_its_draws_and_none_for_a_single_one() -> None:
    z, ids = ip.continuous(np.arange(6.0)), ip.discrete(np.arange(6))
    found = [
        NoisyChannel(sigma=1.0, draws=4).estimate(ids, z, rng=np.random.default_rng(s))
        for s in range(300)
    ]
    bits = [e.bits for e in found]
    assert np.sqrt(np.mean([e.stderr**2 for e in found])) == pytest.approx(np.std(bits), rel=0.15)  # type: ignore[operator]  # a number
    assert found[0].low == pytest.approx(found[0].bits - 1.96 * found[0].stderr)  # type: ignore[operator]  # numbers
    assert found[0].high == pytest.approx(found[0].bits + 1.96 * found[0].stderr) and found[
        0
    ].ceiling_bits == pytest.approx(math.log2(6))  # type: ignore[operator]
    one = NoisyChannel(sigma=1.0, draws=1).estimate(ids, z, rng=np.random.default_rng(0))
    assert one.stderr is None and one.low is None and one.high is None
    assert (
        str(NoisyChannel(0.5, 8)) == "noisy:sigma=0.5"
        and str(NoisyChannel(0.5, 9)) == "noisy:sigma=0.5,draws=9"
    )
    assert NoisyChannel(0.5).axis_label(
        "i_zy", 7
    ) == "I(Z;Y) [bits], noisy net sigma=0.5, N=7" and "I(X;Z)" in NoisyChannel(0.5).axis_label(
        "i_xz", 7
    )
    t = np.linspace(-9, 14, 40001)
    p = stats.norm.pdf(t[:, None], np.arange(6.0)).mean(axis=1)
    truth = -(p * np.log2(p)).sum() * (t[1] - t[0]) - 0.5 * math.log2(2 * math.pi * math.e)
    assert np.mean(bits) == pytest.approx(truth, abs=4 * np.std(bits) / math.sqrt(300))


def test_usable_information_about_a_number_does_not_know_its_unit() -> None:
    rng = np.random.default_rng(10)
    z = rng.normal(size=(300, 1))
    y = np.hstack([z + 0.5 * rng.normal(size=(300, 1)), rng.normal(size=(300, 1))])
    found = [
        VInformation("linear")
        .estimate(ip.continuous(z), ip.continuous(y * s + m), rng=np.random.default_rng(0))
        .bits
        for s, m in ((1, 0), (0.01, 5), (100, -3))
    ]
    assert found == pytest.approx(
        [0.5 * math.log2(1 + 1 / 0.25)] * 3, abs=0.3
    ) and found == pytest.approx([found[0]] * 3, abs=1e-6)
    dead = (
        VInformation("linear")
        .estimate(
            ip.continuous(z),
            ip.continuous(np.hstack([y, np.ones((300, 1))])),
            rng=np.random.default_rng(0),
        )
        .bits
    )
    assert dead == pytest.approx(found[0], abs=1e-9), "a constant target adds nothing"


def test_binned_divergence_needs_two_bins_and_rows_of_one_width() -> None:
    a, b = np.repeat([0.0, 1.0], [30, 10])[:, None], np.repeat([0.0, 1.0], [10, 30])[:, None]
    p, q = np.array([30.5, 10.5]) / 41, np.array([10.5, 30.5]) / 41
    expected = float((p * np.log2(p / q)).sum()) - 1 / (2 * math.log(2)) * (1 / 40 + 1 / 40)
    assert kl_binned(a, b, bins=2) == pytest.approx(expected)
    assert kl_binned(np.hstack([a, a]), np.hstack([b, b]), bins=2) == pytest.approx(
        expected
    ) and kl_binned(np.hstack([a, a * 0]), np.hstack([b, b * 0]), bins=2) == pytest.approx(
        expected / 2
    )
    for wrong in ((a, b, 1), (a[:0], b, 2), (a, b[:0], 2), (a, np.hstack([b, b]), 2)):
        with pytest.raises(InputError, match="rows of one width and at least 2 bins"):
            kl_binned(*wrong[:2], bins=wrong[2])


# ---- relations -------------------------------------------------------------------------------------------------------------------------------------------


class ByRows:
    """Bits, standard error and ceiling that depend on the number of rows only."""

    name, traits = "by-rows", Traits("other", keeps_chain=True)

    def supports(self, a: str, b: str) -> bool:
        return True

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        return Estimate(
            float(a.n), a.n, "by-rows", stderr=0.1 * a.n, ceiling_bits=2.0 * a.n, notes=("same",)
        )


def test_a_conditional_estimate_weighs_classes_by_their_rows_and_errors_by_their_squares() -> None:
    v = ip.continuous(np.arange(10.0))
    e = conditional_information(ByRows(), v, v, ip.discrete(np.repeat([0, 1, 2], [2, 3, 5])))  # type: ignore[arg-type]  # an Estimator
    w = np.array([2, 3, 5]) / 10
    assert (
        e.bits == pytest.approx(w @ [2, 3, 5])
        and e.stderr == pytest.approx(math.hypot(*(w * [0.2, 0.3, 0.5])))
        and e.n == 10
    )
    assert (
        e.ceiling_bits == pytest.approx(w @ [4, 6, 10])
        and e.high == pytest.approx(e.bits + 1.96 * e.stderr)
        and e.low == pytest.approx(e.bits - 1.96 * e.stderr)
    )  # type: ignore[operator]
    assert e.notes == ("conditional on values: mean over 3 symbols", "same")
    with pytest.raises(EstimatorError, match="expected paired rows, got 10, 10 and 9"):
        conditional_information(ByRows(), v, v, ip.discrete(np.arange(9)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps of two layers of 12 rows, 8 of them trained on; the second layer is not there at step 3."""
    path, rng = tmp_path_factory.mktemp("r") / "run", np.random.default_rng(11)
    layers = [LayerInfo("a", 0, "Tanh", (5,)), LayerInfo("b", 1, "Linear", (1,))]
    split = ["train", "test", "train"] * 4
    with RunWriter.create(
        path,
        layers=layers,
        x=rng.normal(size=(12, 2)),
        y=np.arange(12) % 2,
        split=split,
        durable=False,
    ) as writer:
        for step in (0, 1, 3, 7):
            with writer.step(step) as shard:
                shard.write("a", rng.normal(size=(12, 5)).astype(np.float32) + step)
                if step != 3:
                    shard.write("b", np.full((12, 1), step, np.float32))
    return path


def test_both_sides_give_equally_many_rows_in_order_unless_asked(run: Path) -> None:
    archive = open_archive(run)
    equal, all_rows = (
        splits.split_rows(archive, seed=3),
        splits.split_rows(archive, equal_rows=False),
    )
    assert all_rows["test"].tolist() == [1, 4, 7, 10] and all_rows["train"].tolist() == [
        0,
        2,
        3,
        5,
        6,
        8,
        9,
        11,
    ]
    assert (
        [len(r) for r in equal.values()] == [4, 4]
        and set(equal["train"]) < set(all_rows["train"])
        and (np.diff(equal["train"]) > 0).all()
    )
    assert any(
        set(splits.split_rows(archive, seed=s)["train"]) != set(equal["train"]) for s in range(5)
    )
    planes = splits.split_planes(archive, ["exact"])
    assert (
        planes["train"].n == planes["test"].n == 4
        and {p.estimate.n for p in planes["train"]} == {4}
        and len(planes["test"]) == 14
    )
    assert planes["test"].h_x_bits == 2.0 and planes["test"].h_y_bits == 1.0


def test_a_side_of_two_rows_is_enough_and_of_one_row_is_not(tmp_path: Path) -> None:
    for held_out, fine in ((2, True), (1, False)):
        path = tmp_path / str(held_out)
        split = ["test"] * held_out + ["train"] * 6
        with (
            RunWriter.create(
                path,
                layers=[LayerInfo("a", 0)],
                x=None,
                y=np.arange(len(split)) % 2,
                split=split,
                durable=False,
            ) as writer,
            writer.step(0) as s,
        ):
            s.write("a", np.arange(len(split), dtype=np.float32))
        if fine:
            assert {
                side: len(rows) for side, rows in splits.split_rows(open_archive(path)).items()
            } == {"train": 2, "test": 2}
        else:
            with pytest.raises(
                InputError, match=r"at least 2 rows on each side, got \{'test': 1\}"
            ):
                splits.split_rows(open_archive(path))


def test_a_gap_that_no_division_falls_short_of_has_p_one(run: Path) -> None:
    found = train_and_held_out(run, [ByRows()], divisions=3, layers=["a"], steps=[7, 0])  # type: ignore[list-item]  # an Estimator
    assert [(f.step, f.layer, f.gap_bits, f.p, f.train.n) for f in found] == [
        (0, "a", 0.0, 1.0, 4),
        (7, "a", 0.0, 1.0, 4),
    ]
    assert [f.p for f in train_and_held_out(run, [ByRows()], layers=["a"])] == [None] * 4  # type: ignore[list-item]
    for wrong, words in (({"layers": ["c"]}, "no such layers"), ({"steps": [2]}, "no such steps")):
        with pytest.raises(InputError, match=words):
            train_and_held_out(run, **wrong)


def test_drift_goes_from_the_first_the_previous_or_a_named_checkpoint(run: Path) -> None:
    archive = open_archive(run)
    assert drift._pairs(archive, "first", None) == [(0, 1), (0, 3), (0, 7)] and drift._pairs(
        archive, "previous", None
    ) == [
        (0, 1),
        (1, 3),
        (3, 7),
    ]
    assert drift._pairs(archive, 3, None) == [(3, 0), (3, 1), (3, 7)] and drift._pairs(
        archive, "previous", [7, 0]
    ) == [(3, 7)]
    with pytest.raises(
        InputError, match="reference is 'first', 'previous' or a captured step, got 2"
    ):
        drift._pairs(archive, 2, None)
    assert [
        (d.layer, d.reference, d.step) for d in drift.drift(archive, layers=["b"], method="binned")
    ] == [("b", 0, 1), ("b", 0, 7)]
    p, q = np.random.default_rng(0).normal(size=(2, 60, 1))
    values = [drift.divergence(p, q, splits=1, rng=np.random.default_rng(s)) for s in range(3)]
    assert {v[1:] for v in values} == {(0.0, "knn")} and drift.divergence(
        np.round(p), q, rng=np.random.default_rng(0)
    )[2] == "binned"
    order = np.random.default_rng(5).permutation(60)
    one, two = order[:30], order[30:]
    from infoplane.analysis.vocabulary import kl_from_samples

    expected = (kl_from_samples(p[one], q[two]) + kl_from_samples(p[two], q[one])) / 2
    assert drift.divergence(p, q, splits=1, rng=np.random.default_rng(5))[0] == pytest.approx(
        expected
    )


def test_histograms_hold_every_value_once_and_keep_units_evenly(run: Path) -> None:
    h = histograms.histograms(run, "a", bins=6, units=3)
    assert (
        h.steps == (0, 1, 3, 7)
        and h.units == (0, 2, 4)
        and h.whole.sum(axis=1).tolist() == [60] * 4
        and (h.per_unit.sum(axis=2) == 12).all()
    )
    z = np.stack([open_archive(run).z(s, "a") for s in h.steps])
    assert (h.edges[0], h.edges[-1], len(h.edges)) == (z.min(), z.max(), 7)
    assert (
        h.whole[2].tolist() == np.histogram(z[2], h.edges)[0].tolist()
        and h.per_unit[3, 1].tolist() == np.histogram(z[3][:, 2], h.edges)[0].tolist()
    )
    assert histograms._edges(3.0, 3.0, 2).tolist() == [1.5, 3.0, 4.5] and histograms._edges(
        0.0, 0.0, 2
    ).tolist() == [-0.5, 0.0, 0.5]
    for wrong in ({"bins": 1}, {"units": 0}):
        with pytest.raises(InputError, match="at least 2 bins and 1 unit"):
            histograms.histograms(run, "a", **wrong)


def test_a_layer_matrix_prints_and_fills_both_sides() -> None:
    e = Estimate(1.25, 8, "exact", "exact")
    m = LayerMatrix(
        4,
        "exact",
        ("a", "b"),
        {("a", "b"): e, ("a", "a"): replace(e, bits=3.0)},
        {("b", "b"): "why not"},
    )
    assert m.bits().tolist() == [[3.0, 1.25], [1.25, None]]
    assert str(m).splitlines() == ["I(Z_i;Z_j) [bits], exact, step 4", f"{'':8s}{'a':>9s}{'b':>9s}", f"{'a':8s}{'3.000':>9s}{'1.250':>9s}", f"{'b':8s}{'1.250':>9s}{'-':>9s}",
                                   "not measured: why not"]  # fmt: skip


# ---- calibration --------------------------------------------------------------------------------------------------------------------------------------------


def trial(estimator: str, bits: float | None, seed: int = 0, **more: object) -> Trial:
    return replace(Trial("case", "1-D", estimator, 50, seed, 1.0, bits), **more)  # type: ignore[arg-type]  # its fields


def test_estimators_part_where_their_means_differ_by_more_than_a_tenth_of_a_bit_and_chance() -> (
    None
):
    def parted(*trials: Trial) -> list[tuple[str, str]]:
        return [(p.low, p.high) for p in Calibration(trials).partings()]

    assert parted(trial("a", 1.0), trial("b", 1.2)) == [("a", "b")] and parted(
        trial("b", 1.2), trial("a", 1.0)
    ) == [("a", "b")]
    assert parted(trial("a", 1.0), trial("b", 1.05)) == [] == parted(trial("a", 1.0))
    noisy = [trial("b", v, s) for s, v in enumerate((0.2, 2.2, 0.4, 2.0))]
    assert parted(trial("a", 1.0), *noisy) == [], (
        "0.2 bit is within three standard errors of such draws"
    )
    assert (
        parted(trial("a", 1.0), trial("b", 1.2, shannon=False))
        == []
        == parted(trial("a", 1.0), trial("b", None))
    )


@pytest.mark.parametrize(
    "case",
    [c for c in (*CASES, *JUDGES) if c.family in ("channel", "noisy network")],
    ids=lambda c: c.name,
)
def test_a_network_case_gives_the_layer_before_its_noise_and_the_input_behind_it(case) -> None:  # type: ignore[no-untyped-def]
    s = case.sample(800, 0)
    assert (
        s.ids is not None
        and s.clean is not None
        and s.sigma is not None
        and s.clean.values.shape == s.b.values.shape
    )
    noise = s.b.values - s.clean.values
    if (
        "linear layers" in case.name
    ):  # many draws of the hidden noise per input: the pair are fresh rows of the same law
        assert [len(np.unique(s.ids.values)), len(s.ids.values)] == [
            50,
            800,
        ] and s.clean.values.std() == pytest.approx(math.hypot(s.b.values.std(), 0), rel=0.35)
        within = s.clean.values.reshape(50, 16).std(axis=1).mean()
        assert 0.1 * s.sigma < within < 10 * s.sigma
        return
    assert noise.std() == pytest.approx(s.sigma, rel=0.1) and abs(
        noise.mean()
    ) < 5 * s.sigma / math.sqrt(noise.size)
    if s.a.kind == "continuous":
        for x in np.unique(s.ids.values)[:5]:  # one identity is one input
            assert len(np.unique(s.a.values[s.ids.values[:, 0] == x], axis=0)) == 1
    if "circle" in case.name:
        angle = np.arctan2(*s.a.values.T)
        assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.001


def test_intervals_are_held_to_their_coverage_where_at_most_two_units_or_256_cells_meet() -> None:
    for case in (*CASES, *JUDGES):
        s = case.sample(20_000, 0)
        units = sum(v.dim for v in (s.a, s.b) if v.kind == "continuous")
        cells = (
            math.prod(len(np.unique(v.values)) for v in (s.a, s.b) if v.kind == "discrete")
            if units == 0
            else 1
        )
        if (
            case.family not in ("channel", "noisy network", "deterministic")
            and "4096" not in case.name
        ):
            assert case.low_dimensional == (units <= 2 and cells <= 256), case.name


def test_a_case_is_what_its_name_says() -> None:
    import re

    for case in (*CASES, *JUDGES):
        s = case.sample(64, 0)
        if found := re.search(r"\b(\d+)\+(\d+)\b", case.name):
            assert (s.a.dim, s.b.dim) == (int(found[1]), int(found[2])), case.name
        if found := re.search(r"(?:map|layer|channel) (\d+) to (\d+)", case.name):
            assert (s.a.dim, s.b.dim) == (int(found[1]), int(found[2])), case.name
        if found := re.search(r"(\d+) x (\d+)", case.name):
            big = case.sample(20_000, 0)
            assert (len(np.unique(big.a.values)), len(np.unique(big.b.values))) == (
                int(found[1]),
                int(found[2]),
            ), case.name
        if found := re.search(r"(\d+) symbols", case.name):
            assert len(np.unique(case.sample(60_000, 0).a.values)) == int(found[1]), case.name
        if found := re.search(r"of (\d+) bits|(\d+) binary", case.name):
            assert s.a.dim == int(found[1] or found[2]), case.name
        if found := re.search(r"(\d+) inputs", case.name):
            assert len(np.unique(s.a.values)) == int(found[1]), case.name
        if (found := re.search(r"r=(-?[\d.]+)", case.name)) and case.family == "1-D":
            big = case.sample(60_000, 0)
            assert np.corrcoef(big.a.values[:, 0], big.b.values[:, 0])[0, 1] == pytest.approx(
                float(found[1]), abs=0.02
            ), case.name


def test_renyi_of_two_columns_is_symmetric_and_its_spec_comes_back() -> None:
    for spec in ("renyi:alpha=2", "renyi:alpha=1.01,width=median", "renyi:alpha=1.5,gamma=2"):
        e = parse(spec)
        assert str(parse(str(e))) == str(e) and isinstance(e, MatrixRenyi)
    for wrong in ("renyi:alpha=0", "renyi:alpha=-1", "renyi:width=0", "renyi:width=wide"):
        with pytest.raises(InputError):
            parse(wrong)


# ---- blocks of rows ------------------------------------------------------------------------------------------------------------------------------------------


def test_rows_in_blocks_are_centred_sorted_and_read_back_from_memory_and_from_disk() -> None:
    from infoplane.analysis.kernels.blocks import (
        Centred,
        Held,
        Spilled,
        mean_of,
        rows_per_block,
        starting,
    )

    rng = np.random.default_rng(20)
    z = (rng.normal(size=(9001, 3)) + 100).astype(np.float32)
    order = np.argsort(rng.integers(0, 4, 9001), kind="stable")
    assert [(start, len(block)) for start, block in starting(Held(z).blocks(4000))] == [
        (0, 4000),
        (4000, 4000),
        (8000, 1001),
    ]
    assert mean_of(Held(z)) == pytest.approx(z.astype(np.float64).mean(axis=0), abs=1e-9)
    expected = (z.astype(np.float64) - z.astype(np.float64).mean(axis=0))[order]
    for kind in (Centred, Spilled):
        kept = kind(Held(z), order, np.float64)
        assert kept.rows(0, 9001) == pytest.approx(expected, abs=1e-9) and kept.rows(
            500, 510
        ) == pytest.approx(expected[500:510], abs=1e-9)
        assert kept.norms == pytest.approx(
            (expected**2).sum(axis=1), abs=1e-9
        ) and kept.largest == pytest.approx((expected**2).sum(axis=1).max())
        assert kept.rows(8990, 9100).shape == (11, 3)
        kept.close()
    assert (
        rows_per_block(1, 4) == 1 << 25
        and rows_per_block(1 << 20, 8) == 4096
        and rows_per_block(0, 4) == 1 << 27
    )
    spilled = Spilled(Held(z), order, np.float32)
    assert spilled.size == (1 << 27) // 12 // 512 * 512
    spilled.close()


def test_a_request_passes_only_by_name_to_read_from_here_with_its_token() -> None:
    from infoplane.analysis.live.guard import Guard, host_name, is_loopback

    def scope(
        host: str = "localhost", method: str = "GET", query: str = "", **headers: str
    ) -> dict[str, object]:
        rows = [
            (b"host", host.encode()),
            *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()),
        ]
        return {"type": "http", "method": method, "headers": rows, "query_string": query.encode()}

    def said(guard: Guard, **request: str) -> int | None:
        refusal = guard.refusal(scope(**request))
        return None if refusal is None else refusal[0]

    open_here, asked = Guard(None), Guard(None, hosts=None, token="secret")  # type: ignore[arg-type]  # never called
    assert [said(open_here, method=m) for m in ("GET", "HEAD", "POST", "PUT", "OPTIONS")] == [
        None,
        None,
        405,
        405,
        405,
    ]
    assert [
        said(open_here, host=h)
        for h in ("LOCALHOST:1", "127.0.0.1", "[::1]:80", "evil.example", "")
    ] == [None, None, None, 421, 421]
    assert (
        said(open_here, sec_fetch_site="cross-site") == 403
        and said(open_here, sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    )
    assert said(open_here, sec_fetch_site="same-origin") is None
    assert [
        said(asked, host="any.example", query=q)
        for q in ("token=secret", "token=Secret", "", "x=1&token=secret")
    ] == [
        None,
        401,
        401,
        None,
    ]
    assert [
        is_loopback(h) for h in ("localhost", "127.1.2.3", "::1", "192.168.0.1", "evil", "0.0.0.0")
    ] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert host_name(" localhost ") == "localhost" and host_name("a:1:2") == ""


# ---- kernels on some of the rows -----------------------------------------------------------------------------------------------------------------------------


def test_a_kernel_estimate_from_some_rows_has_the_error_of_drawing_them() -> None:
    from infoplane.analysis.estimators import KDE

    rng = np.random.default_rng(21)
    z, ids = ip.continuous(rng.normal(size=(400, 2)) ** 3), ip.discrete(np.arange(400))
    whole = KDE(variance=0.05).estimate(ids, z)
    some = [
        KDE(variance=0.05, pairs=400 * 80).estimate(ids, z, rng=np.random.default_rng(s))
        for s in range(200)
    ]
    assert (
        whole.stderr is None
        and whole.low is None
        and not any("compared with all" in n for n in whole.notes)
    )
    assert np.mean([e.bits for e in some]) == pytest.approx(
        whole.bits, abs=4 * np.std([e.bits for e in some]) / math.sqrt(200)
    )
    assert np.sqrt(np.mean([e.stderr**2 for e in some])) == pytest.approx(
        np.std([e.bits for e in some]), rel=0.15
    )  # type: ignore[operator]  # numbers
    assert some[0].low == pytest.approx(some[0].bits - 1.96 * some[0].stderr) and some[
        0
    ].high == pytest.approx(some[0].bits + 1.96 * some[0].stderr)  # type: ignore[operator]
    assert some[0].notes[-1].startswith("80 of 400 rows compared with all")
    assert KDE(variance=0.05, pairs=1).estimate(ids, z).notes[-1].startswith("2 of 400 rows")
    assert (
        KDE(variance=0.05, pairs=400 * 400).estimate(ids, z).bits == whole.bits
        and KDE(variance=0.05, pairs=400 * 400).estimate(ids, z).stderr is None
    )


def test_what_is_seen_of_a_grouping_is_the_mean_of_what_its_rows_see() -> None:
    from infoplane.analysis.estimators.kernel_views import (
        _seen,
        _seen_of_logs,
        _tables,
        mean_square_distance,
    )
    from infoplane.analysis.kernels.blocks import Held

    codes = np.array([0, 0, 1, 1, 1, 2])
    counts, rng = np.bincount(codes), np.random.default_rng(2)
    total, own = rng.uniform(3, 6, (6, 2)), rng.uniform(1, 2, (6, 2))
    rows = np.log2(own / counts[codes][:, None]) - np.log2(total / 6)
    seen = _seen(total, own, counts[codes], counts, 6)
    assert seen.bits == pytest.approx(rows.mean(axis=0)) and (
        seen.groups,
        seen.n,
        seen.compared,
        seen.spread,
    ) == (3, 6, 6, (0.0, 0.0))
    assert seen.group_bits == pytest.approx(1 / 3 * np.log2(3) + 1 / 2 + 1 / 6 * np.log2(6))
    drawn = _seen(total[1:4], own[1:4], counts[codes][1:4], counts, 6)
    assert drawn.bits == pytest.approx(rows[1:4].mean(axis=0)) and drawn.spread == pytest.approx(
        rows[1:4].std(axis=0, ddof=1)
    )
    assert drawn.compared == 3 and drawn.group_bits == seen.group_bits
    of_logs = _seen_of_logs((np.log2(own) - np.log2(total)).sum(axis=0), (6, 3, seen.group_bits))
    assert (
        of_logs.bits == pytest.approx(seen.bits)
        and of_logs.group_bits == seen.group_bits
        and of_logs.compared == 6
    )
    halves = [codes != 1, codes < 1]
    of_codes = (
        [(3, 2, pytest.approx(np.log2(3) - 2 / 3)), (3, 1, 0.0)],
        [(2, 1, 0.0), (4, 2, pytest.approx(2 - 3 / 4 * np.log2(3)))],
    )
    assert _tables(codes, halves) == [list(sides) for sides in of_codes]
    assert _tables(np.arange(6), halves[:1]) == [[(3, 3, np.log2(3)), (3, 3, np.log2(3))]]
    z = np.random.default_rng(22).normal(size=(30, 4))
    d = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    assert mean_square_distance(Held(z)) == pytest.approx(d.sum() / (30 * 29))


def test_a_score_is_the_mean_of_its_trials() -> None:
    trials = (
        trial("e", 1.2, 0, low=0.9, high=1.5, seconds=1.0), trial("e", 0.9, 1, low=0.7, high=0.95, seconds=2.0), trial("e", None, 2, seconds=3.0),
        trial("e", 1.3, 3, low=1.0, high=1.6, low_dimensional=False, seconds=4.0),
    )  # fmt: skip
    found = Calibration(trials)
    (s,) = found.scores()
    errors = np.array([0.2, -0.1, 0.3])
    assert (
        (s.estimator, s.where, s.trials, s.refused, s.intervals) == ("e", "1-D", 4, 1, 2)
        and s.seconds == 2.5
        and s.coverage == 0.5
    )
    assert (
        s.bias == pytest.approx(errors.mean())
        and s.error == pytest.approx(0.2)
        and s.stderr == pytest.approx(np.abs(errors).std(ddof=1) / math.sqrt(3))
    )
    assert (
        found.of("e", "case").bias == s.bias
        and found.estimators == ("e",)
        and found.cases == ("case",)
        and len(found.rows()) == 4
    )
    assert (
        trials[0].covered is True
        and trials[1].covered is False
        and trials[2].covered is None
        and trials[0].error == pytest.approx(0.2)
    )
    assert (
        replace(trials[0], low=1.0).covered is True
        and replace(trials[0], high=1.0).covered is True
        and replace(trials[0], low=None).covered is None
    )
    one = Calibration(trials[:1]).scores()[0]
    assert (
        one.stderr is None
        and one.error == pytest.approx(0.2)
        and Calibration(trials[2:3]).scores()[0].error is None
    )
    assert (
        replace(trials[0], truth_bits=math.inf).error is None
        and replace(trials[0], shannon=False).error is None
    )
    row = str(found).splitlines()[1].split()
    assert row == ["1-D", "e", "0.2000", "+0.1333", "50.0%", "1/4"] and str(
        Calibration(trials[2:3])
    ).splitlines()[1].split()[2:5] == [
        "-",
        "-",
        "-",
    ]


def test_a_table_says_whose_information_it_is_and_how_well_it_is_covered() -> None:
    from infoplane.analysis.estimators import Plugin

    a, b = ip.discrete([0, 0, 1, 1, 2, 2, 2, 3]), ip.discrete([0, 0, 0, 1, 1, 1, 1, 1])
    e = Plugin().estimate(a, b)
    assert (
        e.sense == "exact"
        and e.target == "probe-set"
        and e.coverage is None
        and e.ceiling_bits == pytest.approx(stats.entropy([3, 5], base=2))
    )
    p = Plugin(target="population").estimate(a, b)
    assert (
        p.target == "population"
        and p.coverage == pytest.approx(1 - 3 / 8)
        and p.ceiling_bits == e.ceiling_bits
        and p.low <= p.bits <= p.high
    )  # type: ignore[operator]
    assert [
        Plugin(*t).used_correction for t in (("probe-set",), ("population",), ("population", "mm"))
    ] == ["none", "cwj", "mm"]  # type: ignore[arg-type]
    assert Plugin().axis_label(
        "i_xz", 8
    ) == "I(X;Z) [bits], plug-in (probe-set, none), N=8" and "I(Z;Y)" in Plugin().axis_label(
        "i_zy", 8
    )
    assert (
        not Plugin().supports("continuous", "discrete")
        and not Plugin().supports("continuous", "continuous")
        and Plugin().supports("discrete", "discrete")
    )
    for spec in ("plugin", "plugin:population", "plugin:population,correction=mm"):
        assert str(parse(spec)) == spec
    for wrong in (
        {"target": "rows"},
        {"target": "population", "correction": "magic"},
        {"correction": "mm"},
    ):
        with pytest.raises(InputError):
            Plugin(**wrong)  # type: ignore[arg-type]  # as listed


@pytest.mark.parametrize("discrete", [True, False])
def test_the_objective_of_the_mlp_has_the_gradient_it_says_and_pays_for_every_weight(
    discrete: bool,
) -> None:
    from scipy.optimize import approx_fprime

    from infoplane.analysis.estimators.vinfo_families import Split, _mlp_objective

    rng, d, h, k = np.random.default_rng(1), 3, 4, 2
    y = rng.integers(0, k, 30) if discrete else rng.normal(size=(30, k))
    split = Split(
        rng.normal(size=(30, d)), y, rng.normal(size=(9, d)), y[:9], np.zeros(k), discrete
    )
    flat = rng.normal(size=d * h + h + h * k + d * k + k)
    slope = approx_fprime(flat, lambda w: _mlp_objective(w, split, h, 0.3)[0], 1e-7)
    np.testing.assert_allclose(_mlp_objective(flat, split, h, 0.3)[1], slope, atol=2e-5)
    weights = np.concatenate(
        [flat[: d * h], flat[d * h + h : d * h + h + h * k + d * k]]
    )  # not the offsets
    paid = _mlp_objective(flat, split, h, 0.3)[0] - _mlp_objective(flat, split, h, 0.0)[0]
    assert paid == pytest.approx(0.15 * float((weights**2).sum()))


def test_the_two_ways_of_the_unseen_tail_are_one_number() -> None:
    """Chao, Wang and Jost's tail by its closed form and by its sum, on either side of where we change over."""
    from infoplane.analysis.estimators.entropies import entropy_bits

    for counts, summed in (
        ([1] * 2 + [2] * 30 + [5] * 10, True),
        ([1] + [2] * 9 + [30] * 4, True),
        ([1, 1, 1, 2, 2, 2, 2, 2, 2, 7], False),
    ):
        c = np.array(counts)
        n, f1, f2 = int(c.sum()), int((c == 1).sum()), int((c == 2).sum())
        a = 2 * f2 / ((n - 1) * f1 + 2 * f2)
        assert (n * a >= 10) is summed
        r = np.arange(n, 40 * n)
        tail = f1 / n * float(np.sum((1 - a) ** (r - n + 1) / r))
        seen = float((c / n * (special.digamma(n) - special.digamma(c))).sum())
        assert entropy_bits(c, "cwj") == pytest.approx((seen + tail) / np.log(2), rel=1e-9)


def test_estimates_of_diffusion_are_the_same_twice_without_a_generator() -> None:
    rng = np.random.default_rng(0)
    z, y = ip.continuous(rng.normal(size=(40, 3))), ip.discrete(rng.integers(0, 2, 40))
    dse = parse("dse")
    assert (
        dse.estimate(z, y).bits
        == dse.estimate(z, y).bits
        == dse.estimate(z, y, rng=np.random.default_rng(0)).bits
    )
    assert dse.estimate(z, y).bits != dse.estimate(z, y, rng=np.random.default_rng(1)).bits


def test_phases_of_three_checkpoints_are_judged_and_of_two_refused() -> None:
    halves = [
        (np.array([1.0, 2.0, 1.5]), np.array([1.1, 2.1, 1.4])),
        (np.array([1.0, 2.2, 1.5]), np.array([0.9, 2.0, 1.4])),
    ]
    assert phases.compression([1, 2, 3], halves, np.array([1.0, 2.0, 1.5])).onset == 2
    with pytest.raises(InputError, match="at least 3 checkpoints and 2 splits, got 2 and 2"):
        phases.compression([1, 2], [(a[:2], b[:2]) for a, b in halves], np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="got 3 and 1"):
        phases.compression([1, 2, 3], halves[:1], np.array([1.0, 2.0, 1.5]))


def test_a_covariance_with_any_negative_direction_is_refused() -> None:
    from infoplane.analysis.vocabulary import gaussian_entropy

    for wrong in (
        np.diag([-1.0, 2.0, 3.0]),
        np.diag([0.0, 1.0]),
        np.array([[1.0, 2.0], [2.0, 1.0]]),
        np.ones((2, 3)),
    ):
        with pytest.raises(InputError, match="positive definite"):
            gaussian_entropy(wrong)
    assert gaussian_entropy(np.eye(2)) == pytest.approx(np.log2(2 * np.pi * np.e))


def test_shares_near_a_bound_are_of_the_bounds_of_that_activation(tmp_path: Path) -> None:
    low = {"Tanh": -1.0, "Sigmoid": 0.0, "Softsign": -1.0, "Hardtanh": -1.0, "Hardsigmoid": 0.0}
    values = {
        name: np.array(
            [[least + 0.9 * near], [least + 1.1 * near], [1 - 0.9 * near], [1 - 1.1 * near]],
            np.float32,
        )
        for name, least in low.items()
        for near in [0.05 * (1.0 - least) / 2]
    }
    run = one_step(tmp_path / "r", **{name: (name, z) for name, z in values.items()})
    assert [m.saturated for m in ip.mechanism(run)] == [0.5] * 5


def test_error_bars_and_nulls_come_one_without_the_other(tmp_path: Path) -> None:
    run = one_step(
        tmp_path / "r",
        a=("Tanh", np.tanh(np.random.default_rng(0).normal(size=(40, 2))).astype(np.float32)),
    )
    points = {
        which: ip.measure(run, ["bin:saxe"], resume=False, **options)
        for which, options in (("bars", {"errorbars": 3}), ("null", {"null": 9}), ("none", {}))
    }
    said = {
        which: [
            (
                p.estimate.stderr is not None,
                any("permutation null" in note for note in p.estimate.notes),
            )
            for p in plane.points
            if p.quantity == "i_zy"
        ]
        for which, plane in points.items()
    }
    assert said == {"bars": [(True, False)], "null": [(False, True)], "none": [(False, False)]}


def test_a_file_that_cannot_be_opened_closes_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from infoplane.archive.publish import publishing
    from infoplane.errors import ArchiveError

    closed: list[int] = []
    monkeypatch.setattr(os, "open", lambda *_a, **_k: (_ for _ in ()).throw(PermissionError("no")))
    monkeypatch.setattr(os, "close", closed.append)
    with pytest.raises(ArchiveError, match="nothing was published"), publishing(tmp_path / "x.h5"):
        pass
    monkeypatch.undo()
    assert closed == []


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_neighbours_of_rows_that_nearly_coincide_are_exact_whatever_the_size_of_the_values(
    scale: float,
) -> None:
    from infoplane.analysis.kernels.neighbours import kth_distance

    rng = np.random.default_rng(0)
    twins = rng.normal(size=(60, 12))
    z = scale * np.concatenate([twins, twins + 1e-7 * rng.normal(size=twins.shape)])
    d = np.sqrt(((z[:, None] - z[None]) ** 2).sum(-1))
    np.fill_diagonal(d, np.inf)
    np.testing.assert_allclose(kth_distance([z], 1), d.min(1), rtol=1e-6)


def test_the_labelled_grid_of_a_plane_says_that_it_is_complete(tmp_path: Path) -> None:
    import h5py

    from infoplane.archive import save_plane

    save_plane(ip.Plane((), ("a",), 4, 1.0), tmp_path / "p.h5")
    with h5py.File(tmp_path / "p.h5") as file:
        assert int(file.attrs["complete"]) == 1 and int(file.attrs["n"]) == 4


def test_an_excess_that_never_varies_is_no_chance_and_one_of_codes_is_not_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from types import SimpleNamespace
    from typing import Any

    from infoplane.analysis.dpi.significance import Resampler

    codes: dict[str, Any] = {"up": None, "down": None}
    evidence = SimpleNamespace(
        archive=SimpleNamespace(n_rows=8, y=None, y_kind=None, path=Path("none")),
        plane=SimpleNamespace(file=None),
        codes=lambda step, layer, spec: codes[layer],
        celled=lambda spec: False,
    )
    tester = Resampler(evidence, DPISettings(permutations=9, splits=2, seed=0))  # type: ignore[arg-type]  # what it asks of an archive
    halves = {"up": np.array([1.0, 1.0, 1.0, 1.0]), "down": np.array([1.5, 1.5, 1.5, 1.5])}
    monkeypatch.setattr(tester, "_half_values", lambda cell: {("i_xz", "point"): halves[cell[1]]})
    steady = tester.test(0, "kde", "i_xz", "point", "up", "down", 0.5)
    assert steady is not None and (steady.p, steady.stderr, steady.half_bits) == (0.0, 0.0, 0.5)
    halves["down"] = np.array([1.0, 2.0, 1.0, 2.0])
    moving = tester.test(0, "kde", "i_xz", "point", "up", "down", 0.5)
    se = float(np.std([0, 1, 0, 1], ddof=1))
    assert (
        moving is not None
        and moving.stderr == pytest.approx(se)
        and moving.p == pytest.approx(float(stats.norm.sf(0.5 / se)))
    )
    codes["up"] = np.arange(8)
    counted = tester.test(0, "bin", "i_xz", "point", "up", "down", 0.5)
    assert counted is not None and (counted.p, counted.stderr) == (0.0, None)
    assert tester.test(0, "kde", "i_zy", "point", "up", "down", 0.5) is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rows_from_disk_have_the_type_that_they_have_in_memory(tmp_path: Path, dtype: str) -> None:
    from infoplane.analysis.measuring.large_layers import StoredRows

    z = np.random.default_rng(0).normal(size=(6, 2)).astype(dtype)
    rows = StoredRows(one_step(tmp_path / "r", a=("", z)), 0, "a")
    got = np.concatenate(list(rows.blocks(4)))
    assert rows.dtype == got.dtype == ip.continuous(z).values.dtype and rows.shape == (6, 2)
    np.testing.assert_array_equal(got, ip.continuous(z).values)


def test_a_strong_table_has_the_interval_of_its_variance_and_a_weak_one_the_inverted_law() -> None:
    from infoplane.analysis.estimators.entropies import information_bits
    from infoplane.analysis.estimators.table_errors import (
        chance_interval,
        table_interval,
        weak_interval,
    )

    rng = np.random.default_rng(0)
    for flip, law in ((0.05, "chance"), (0.48, "weak")):
        a = rng.permutation(np.arange(200) % 2)
        b = np.where(rng.random(200) < flip, 1 - a, a)
        bits = information_bits(a, b, "cwj")
        se, low, high = table_interval(a, b, "cwj")
        expected = (
            chance_interval(bits, se**2, 1.0, 200)
            if law == "chance"
            else weak_interval(bits, 1.0, 200)
        )
        assert (low, high) == pytest.approx(expected), law


def test_which_side_is_continuous_does_not_matter_to_exact_codes() -> None:
    from infoplane.analysis.estimators import Exact

    z, y = ip.continuous([[0.0], [1.0], [1.0], [2.0]]), ip.discrete([0, 1, 1, 0])
    there, back = Exact().estimate(z, y), Exact().estimate(y, z)
    assert (
        there.bits == back.bits == pytest.approx(1.0)
        and there.ceiling_bits == back.ceiling_bits
        and there.coverage == back.coverage
    )
    both = Exact().estimate(ip.continuous([[0.0], [1.0], [1.0], [3.0]]), z)
    assert both.bits == pytest.approx(1.5)


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


def test_limits_are_where_they_are_said_to_be(tmp_path: Path) -> None:
    from infoplane.archive import layout
    from infoplane.archive.writer import _wait_for
    from infoplane.errors import ArchiveError

    assert parse("dse:subsets=1").subsets == 1
    with pytest.raises(InputError, match="subsets >= 1"):
        parse("dse:subsets=0")
    assert layout.MAX_JSON == 64 * 1024**2
    with RunWriter.create(
        tmp_path / "r", layers=[LayerInfo("a", 0)], x=np.eye(2), y=[0, 1], durable=False
    ) as writer:
        for wrong in (10**18, -1, True, 1.0):
            with pytest.raises(InputError, match="step of 0 or more"), writer.step(wrong):  # type: ignore[arg-type]  # as listed
                pass
        with writer.step(10**18 - 1) as shard:
            shard.write("a", np.zeros(2, np.float32))
    assert open_archive(tmp_path / "r").steps == (10**18 - 1,)
    start = time.monotonic()
    with pytest.raises(ArchiveError, match="did not appear within 0 s"):
        _wait_for(tmp_path / "never", seconds=0.3)
    assert 0.3 <= time.monotonic() - start < 5


def test_the_table_of_estimators_shows_defaults_and_names_what_must_be_given() -> None:
    from infoplane.analysis.estimators.spec import catalogue

    rows = {row["name"]: row["parameters"] for row in catalogue()}
    assert (
        "k=5" in rows["ksg"] and "correct=False" in rows["ksg"] and "variance=None" in rows["kde"]
    )
    assert all("MISSING" not in text and "dataclass" not in text for text in rows.values())


def test_the_sign_map_turns_some_units_and_leaves_others() -> None:
    from infoplane.analysis.studies.invariance import INVERTIBLE

    z = np.ones((3, 64))
    turned = INVERTIBLE["sign"](z, np.random.default_rng(0))
    assert (
        set(np.unique(turned)) == {-1.0, 1.0}
        and (turned == turned[:1]).all()
        and 16 < (turned[0] < 0).sum() < 48
    )


def test_ranges_of_a_layer_come_from_that_layer_alone(tmp_path: Path) -> None:
    z = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
    run = one_step(tmp_path / "r", small=("", z), large=("", 1000 * z))
    plane = ip.measure(run, ["bin:range,n=8,scope=layer"], resume=False)
    assert [p.estimate.bits for p in plane.points if p.quantity == "i_xz"] == pytest.approx(
        [3.0, 3.0]
    )


def test_a_table_too_large_for_its_jackknife_has_an_interval_of_1_96_standard_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from infoplane.analysis.estimators import table_errors
    from infoplane.analysis.estimators.entropies import information_bits

    rng = np.random.default_rng(0)
    a = rng.integers(0, 3, 90)
    b = np.where(rng.random(90) < 0.7, a, rng.integers(0, 3, 90))
    monkeypatch.setattr(table_errors, "_MOST_WORK", 0)
    se, low, high = table_errors.table_interval(a, b, "none")
    bits = information_bits(a, b)
    assert se > 0 and (low, high) == pytest.approx((bits - 1.96 * se, bits + 1.96 * se))


@pytest.mark.parametrize(
    ("cls", "width", "there"),
    [("Linear", 2, True), ("Identity", 2, True), ("ReLU", 2, False), ("Linear", 3, False)],
)
def test_a_floor_is_read_from_logits_of_the_classes_only(
    tmp_path: Path, cls: str, width: int, there: bool
) -> None:
    from infoplane.analysis.floors import floor_of

    logits = np.zeros((20, width), np.float32)
    logits[np.arange(20), np.arange(20) % 2] = 3.0
    run = one_step(tmp_path / "r", out=(cls, logits))
    assert (floor_of(run, 0) is not None) is there


def test_both_sides_say_their_gap_and_their_p_where_there_is_one() -> None:
    from infoplane.analysis.studies.held_out import BothSides

    train, held_out = Estimate(0.9, 30, "bin:szt"), Estimate(0.4, 10, "bin:szt")
    alone = BothSides(3, "a", train, held_out)
    assert str(alone) == "step 3, a: train 0.9000, held out 0.4000 bits, gap +0.5000 (bin:szt)"
    assert str(replace(alone, p=0.02)).endswith("gap +0.5000, p 0.02 (bin:szt)")


def test_the_delta_method_at_independence_is_that_of_chi_squared() -> None:
    """Var = df / (2 n^2 ln^2 2) where every log-ratio vanishes."""
    from infoplane.analysis.estimators.entropies import information_stderr

    a, b = (
        np.ravel(m) for m in np.meshgrid(np.repeat(np.arange(3), 2), np.repeat(np.arange(4), 2))
    )
    assert information_stderr(a, b) == pytest.approx(math.sqrt(6 / (2 * len(a) ** 2)) / math.log(2))


@pytest.mark.parametrize("spec", ["sliced", "renyi", "dse", "hsic", "cka"])
def test_what_is_no_shannon_information_says_so(spec: str) -> None:
    assert parse(spec).traits.measures == "other"


@pytest.mark.parametrize(
    ("rank", "world", "rows"),
    [(2, 2, (0, 4)), (-1, 1, (0, 4)), (0, 1, (2, 2)), (0, 1, (0, 5)), (0, 10_000, (0, 4))],
)
def test_a_rank_or_rows_beyond_the_run_are_refused_each_alone(
    tmp_path: Path, rank: int, world: int, rows: tuple[int, int]
) -> None:
    with (
        pytest.raises(InputError),
        RunWriter.create(
            tmp_path / "r",
            layers=[LayerInfo("a", 0)],
            x=np.eye(4),
            y=[0, 1, 0, 1],
            rank=rank,
            world_size=world,
            row_start=rows[0],
            row_stop=rows[1],
            durable=False,
        ),
    ):
        pass


# ---- both sides of a condition ------------------------------------------------------------------------------------------------------------------------


def test_distances_are_of_centred_rows_so_that_an_offset_costs_nothing() -> None:
    z = RNG.normal(size=(40, 3))
    np.testing.assert_allclose(
        squared_distances(z + 1e6), squared_distances((z + 1e6) - 1e6), atol=1e-9
    )


def test_slices_are_those_of_seed_0_unless_told() -> None:
    a, b = (Variable(name, RNG.normal(size=(90, 3)), "continuous") for name in "ab")
    estimator = parse("sliced:slices=5")
    assert (
        estimator.estimate(a, b)
        == estimator.estimate(a, b, rng=np.random.default_rng(0))
        != estimator.estimate(a, b, rng=np.random.default_rng(1))
    )


def test_one_equal_pair_of_rows_leaves_no_divergence_of_neighbours() -> None:
    x, y = RNG.normal(size=(2, 30, 2))
    for spoiled in ((np.vstack([x, x[:1]]), y), (x, np.vstack([y, x[:1]]))):
        with pytest.raises(InputError, match="equal rows"):
            vocabulary.kl_from_samples(*spoiled, k=1)


def test_compressing_is_asked_of_one_layer() -> None:
    def curve(layer: str, drop: float) -> phases.Compression:
        return phases.Compression(
            layer, "bin:szt", drop, drop, drop, 0, 0, 0, drop, True, None, 0.05
        )

    judged = phases.Phases(
        tuple(
            phases.LayerPhase(name, "none", "", (curve(name, drop),))
            for name, drop in (("a", 0.0), ("b", 1.0))
        )
    )
    found = Sensitivity(ip.Plane((), ("a", "b"), 8, None), judged)
    assert (found.compressing("a"), found.compressing("b")) == ((), ("bin:szt",))
    with pytest.raises(InputError, match="no such layer: 'c'"):
        found.compressing("c")


def test_three_checkpoints_have_phases_and_two_have_not(tmp_path: Path) -> None:
    z = np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2)
    for k in (2, 3):
        infos = [LayerInfo("a", 0, "Linear", (2,), store_dtype="float32")]
        with RunWriter.create(
            tmp_path / str(k), layers=infos, x=np.eye(6), y=np.arange(6) % 2, durable=False
        ) as writer:
            for step in range(k):
                with writer.step(step) as shard:
                    shard.write("a", z)
    assert len(phases.phases(tmp_path / "3", ["exact"]).layers) == 1
    with pytest.raises(InputError, match="at least 3 captured steps, got 2"):
        phases.phases(tmp_path / "2", ["exact"])


def test_the_floor_is_of_held_out_rows_where_there_are_any(tmp_path: Path) -> None:
    logits = np.zeros((8, 2), np.float32)
    logits[np.arange(8), np.arange(8) % 2] = [3, 3, 3, 3, 3, 3, -3, -3]  # the last two are wrong
    found = {}
    for name, split in (
        ("none", None),
        ("train", ["train"] * 8),
        ("test", ["train"] * 4 + ["test"] * 4),
    ):
        infos = [LayerInfo("out", 0, "Linear", (2,), store_dtype="float32")]
        with (
            RunWriter.create(
                tmp_path / name,
                layers=infos,
                x=np.eye(8),
                y=np.arange(8) % 2,
                split=None if split is None else np.array(split),
                durable=False,
            ) as writer,
            writer.step(0) as shard,
        ):
            shard.write("out", logits)
        found[name] = floors.floor_of(open_archive(tmp_path / name), 0)
    assert found["none"] == found["train"] != found["test"] and None not in found.values()
    assert {name: f.error for name, f in found.items() if f} == {
        "none": 0.25,
        "train": 0.25,
        "test": 0.5,
    }


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


def test_intervals_are_held_to_their_coverage_where_the_case_says_so() -> None:
    """Two continuous units, or 256 cells; channels and noisy networks have estimators of their own."""
    for case in (*CASES, *JUDGES):
        s = case.sample(4000, 7)
        units = sum(
            v.values.reshape(v.n, -1).shape[1] for v in (s.a, s.b) if v.kind == "continuous"
        )
        few = (
            units <= 2 and case.finite
            if units
            else len(np.unique(s.a.values, axis=0)) * len(np.unique(s.b.values, axis=0)) <= 256
        )
        assert case.low_dimensional == (few and case.family not in ("channel", "noisy network")), (
            case.name
        )


def test_the_cka_of_all_pairs_is_that_of_each_and_a_constant_layer_has_none() -> None:
    zs = [Variable(f"z{k}", RNG.normal(size=(30, 2 + k)), "continuous") for k in range(3)]
    zs[1] = Variable("z1", np.tanh(zs[0].values @ RNG.normal(size=(2, 3))), "continuous")
    for unbiased, spec in ((True, "cka"), (False, "cka:unbiased=false")):
        found = cka_matrix(zs, unbiased=unbiased)
        one_by_one = [[1.0 if a is b else parse(spec).estimate(a, b).bits for b in zs] for a in zs]
        assert found == pytest.approx(np.array(one_by_one), abs=1e-9)
    with pytest.raises(EstimatorError, match="one of them is constant"):
        cka_matrix([zs[0], Variable("flat", np.ones((30, 2)), "continuous")])


def test_the_width_of_alignment_is_the_one_whose_centred_kernel_is_nearest_to_that_of_the_labels() -> (
    None
):
    y = np.repeat([0, 1, 2], 15)
    z = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[y] + RNG.normal(size=(45, 2))
    d, centring = np.linalg.norm(z[:, None] - z[None], axis=2), np.eye(45) - 1 / 45
    target = centring @ (y[:, None] == y[None]) @ centring

    def cosine(width: float) -> float:
        k = centring @ np.exp(-(d**2) / (2 * width**2)) @ centring
        return float((k * target).sum() / np.linalg.norm(k))

    best = max(median_width(z) * np.geomspace(0.1, 10, 17), key=cosine)
    labels = Variable("y", y[:, None], "discrete")
    assert MatrixRenyi(alpha=2, width="alignment").width_of(
        Variable("z", z, "continuous"), labels
    ) == pytest.approx(best)
    assert (
        MatrixRenyi(alpha=2, width="alignment").width_of(
            Variable("z", np.ones((45, 2)), "continuous"), labels
        )
        == 0.0
    )
    with pytest.raises(EstimatorError, match="width=alignment needs the labels"):
        MatrixRenyi(alpha=2, width="alignment").width_of(Variable("z", z, "continuous"))


def test_folds_share_out_every_class_and_every_stretch_of_a_target() -> None:
    y = np.repeat([0, 1, 2], [40, 15, 25])
    classes = vinfo._folds(
        Variable("y", y[:, None], "discrete"), VInformation(folds=5), np.random.default_rng(0)
    )
    assert [[int(((classes == f) & (y == c)).sum()) for f in range(5)] for c in range(3)] == [
        [8] * 5,
        [3] * 5,
        [5] * 5,
    ]
    t = RNG.permutation(80).astype(float)
    stretches = vinfo._folds(
        Variable("t", t[:, None], "continuous"), VInformation(folds=5), np.random.default_rng(0)
    )
    assert all(
        sorted(stretches[np.argsort(t)][k : k + 5]) == list(range(5)) for k in range(0, 80, 5)
    )


def test_a_small_table_has_the_interval_of_weak_information_up_to_its_threshold() -> None:
    a = np.repeat([0, 1, 2, 3], 50)
    for shared, weak in ((0.15, True), (0.2, True), (0.4, False)):
        b = np.where(np.arange(200) % 50 < 50 * shared, a, np.arange(200) % 4)
        bits = information_bits(a, b)
        interval = table_errors.table_interval(a, b, "none")[1:]
        assert (2 * 200 * np.log(2) * bits < 25 + 3 * np.sqrt(18)) == weak
        assert (interval == table_errors.weak_interval(bits, 9, 200)) == weak


def test_a_run_is_read_in_blocks_of_one_row_and_not_of_none(tmp_path: Path) -> None:
    z = RNG.normal(size=(6, 3)).astype(np.float32)
    archive = one_step(tmp_path / "run", a=("Linear", z))
    np.testing.assert_array_equal(np.concatenate(list(archive.chunks(0, "a", 1))), z)
    with pytest.raises(InputError, match="at least one row, got 0"):
        list(archive.chunks(0, "a", 0))


def test_a_floor_needs_classes_and_not_targets(tmp_path: Path) -> None:
    infos = [LayerInfo("out", 0, "Linear", (2,), store_dtype="float32")]
    classes = np.arange(8) % 2
    for kind, y, fine in (("discrete", classes, True), ("continuous", classes + 0.5, False)):
        path = tmp_path / kind
        with (
            RunWriter.create(
                path, layers=infos, x=np.eye(8), y=y, y_kind=kind, durable=False
            ) as writer,
            writer.step(0) as shard,
        ):
            shard.write("out", RNG.normal(size=(8, 2)).astype(np.float32))
        assert (floors.floor_of(open_archive(path), 0) is not None) == fine


def test_a_run_has_one_class_per_row(tmp_path: Path) -> None:
    y = np.stack([np.arange(8) % 2] * 2, axis=1)
    with pytest.raises(InputError, match="are 2 for each of 8 samples"):
        RunWriter.create(
            tmp_path / "run",
            layers=[LayerInfo("out", 0)],
            x=np.eye(8),
            y=y,
            y_kind="discrete",
            durable=False,
        )


def test_ranges_behind_a_verdict_are_those_of_finite_checkpoints(tmp_path: Path) -> None:
    good, bad = (
        np.linspace(-1, 3, 12, dtype=np.float32).reshape(6, 2),
        np.full((6, 2), np.nan, np.float32),
    )
    infos = [
        LayerInfo(name, k, "Linear", (2,), store_dtype="float32") for k, name in enumerate("ab")
    ]
    with RunWriter.create(
        tmp_path / "run", layers=infos, x=np.eye(6), y=np.arange(6) % 2, durable=False
    ) as writer:
        for step, z in enumerate((good, bad)):
            with writer.step(step) as shard:
                shard.write("a", z)
                shard.write("b", good)
    archive = open_archive(tmp_path / "run")
    plane = ip.measure(archive, "bin:range,scope=layer")
    assert plane.steps == (0, 1)
    found = Evidence(plane, archive).fitted("bin:range,scope=layer", "a")
    assert (found.frozen_low, found.frozen_high) == ((-1.0,), (3.0,))


def test_progress_is_shown_when_asked_for_and_told_to_who_wants_to_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, told = one_step(tmp_path / "run", a=("Linear", np.eye(4, dtype=np.float32))), []
    monkeypatch.setattr(infoplane.display.progress, "LOG_SECONDS", 0.0)
    for wish, said in (
        (False, False),
        (True, True),
        (lambda done, total: told.append((done, total)), False),
    ):
        ip.measure(archive, "exact", resume=False, progress=wish)
        assert ("measuring: 1 of 1" in capsys.readouterr().err) == said
    assert told == [(1, 1)]


MARKS = {  # keeps the chain, is free to grow with depth, takes X as values, has a Shannon truth, takes the layer without its noise
    **dict.fromkeys(("exact", "plugin"), (True, False, False, True, False)),
    **dict.fromkeys(("bin", "ross", "kde:variance=1"), (False, False, False, True, False)),
    **dict.fromkeys(
        ("knn", "ksg", "mixed", "gauss", "infonce", "nwj", "mine", "smile", "ratio"),
        (False, False, True, True, False),
    ),
    **dict.fromkeys(("renyi", "dse", "hsic", "cka"), (False, False, False, False, False)),
    "vinfo": (False, True, False, True, False),
    "noisy": (True, False, False, True, True),
    "sliced": (False, True, True, False, False),
}


@pytest.mark.parametrize("spec", MARKS)
def test_what_an_estimator_says_of_itself_decides_how_it_is_measured_and_judged(spec: str) -> None:
    estimator = parse(spec)
    traits = estimator.traits
    said = (
        traits.keeps_chain,
        traits.dpi_exempt,
        traits.x_as == "values",
        traits.measures != "other",
        isinstance(estimator, TakesNoise),
    )
    assert said == MARKS[spec]


@pytest.mark.parametrize(
    "spec",
    [
        "bin:szt",
        "kde:variance=0.1",
        "renyi",
        "renyi:alpha=2",
        "renyi:alpha=2,width=alignment",
        "dse",
        "noisy:sigma=0.3,draws=40",
    ],
)
def test_both_numbers_of_a_plane_point_are_the_estimates_of_each_side(spec: str) -> None:
    z, ids, y = (
        Variable("z", np.tanh(RNG.normal(size=(60, 3))), "continuous"),
        Variable("x", np.arange(60)[:, None], "discrete"),
        Variable("y", np.arange(60)[:, None] % 3, "discrete"),
    )
    estimator = parse(spec)
    points = estimator.estimate_plane_point(ids, z, y, rng=np.random.default_rng(0))
    for quantity, pair in (("i_xz", (ids, z)), ("i_zy", (z, y))):
        if spec.endswith("alignment") and quantity == "i_xz":  # its kernel is that of the labels
            continue
        both = [e.bits for q, e in points if q == quantity]
        assert estimator.estimate(*pair, rng=np.random.default_rng(0)).bits == pytest.approx(
            both[-1] if len(both) == 1 else both[0], abs=0.02
        )


def test_lanczos_finds_the_information_about_labels_that_whole_spectra_have() -> None:
    z, y = (
        Variable("z", RNG.normal(size=(60, 2)), "continuous"),
        Variable("y", np.arange(60)[:, None] % 2, "discrete"),
    )
    whole = MatrixRenyi(alpha=1.5).estimate(z, y).bits
    found = [
        MatrixRenyi(alpha=1.5, lanczos=30).estimate(z, y, rng=np.random.default_rng(s)).bits
        for s in range(12)
    ]
    assert np.mean(found) == pytest.approx(whole, abs=5 * np.std(found) / np.sqrt(12) + 1e-3)
    assert all(
        MatrixRenyi().supports(a, b)
        for a in ("continuous", "discrete")
        for b in ("continuous", "discrete")
    )
    assert not MatrixRenyi().supports("continuous", "soft") and not MatrixRenyi().supports(
        "soft", "discrete"
    )  # type: ignore[arg-type]


def test_a_gaussian_says_its_error_for_scalars_alone() -> None:
    a, b = (Variable(name, RNG.normal(size=(90, 2)), "continuous") for name in "ab")
    one = Variable("one", b.values[:, :1], "continuous")
    assert (
        Gaussian().estimate(Variable("other", a.values[:, :1], "continuous"), one).stderr
        is not None
    )
    assert [Gaussian().estimate(*pair).stderr for pair in ((a, b), (a, one), (one, a))] == [
        None
    ] * 3


def test_widths_reach_from_a_thousandth_of_the_largest_value_to_twice_it(tmp_path: Path) -> None:
    z = np.array([[0.5, -4.0], [1.0, 0.25], [2.0, 0.125]], np.float32)
    found = ip.width_sweep(one_step(tmp_path / "run", a=("Linear", z), flat=("Linear", 0 * z)), "a")
    assert (found.widths[0], found.widths[-1]) == (pytest.approx(0.004), pytest.approx(8.0))
    assert ip.width_sweep(tmp_path / "run", "flat").widths[-1] == pytest.approx(2.0)


def test_saturation_is_nearness_to_the_ends_of_an_activation(tmp_path: Path) -> None:
    z = np.array([[-0.99, 0.0], [0.99, 0.2], [0.5, 0.5], [0.94, -0.94]], np.float32)
    archive = one_step(
        tmp_path / "run", tanh=("Tanh", z), logistic=("Sigmoid", np.abs(z)), linear=("Linear", z)
    )
    found = {m.layer: m.saturated for m in mechanism.mechanism(archive)}
    assert (found["tanh"], found["logistic"]) == (2 / 8, 3 / 8) and np.isnan(
        found["linear"]
    )  # within 0.05 of -1 and 1, within 0.025 of 0 and 1


def test_halves_are_disjoint_whole_and_drawn_anew_for_every_split(tmp_path: Path) -> None:
    archive = one_step(tmp_path / "run", a=("Linear", RNG.normal(size=(11, 2)).astype(np.float32)))
    resampler = Resampler(
        Evidence(ip.measure(archive, "bin:szt"), archive),
        DPISettings(permutations=9, splits=4, seed=0),
    )
    resampler.test(0, "bin:szt", "i_xz", "point", "a", "a", 0.1)
    halves = [h.tolist() for h, _ in resampler._halves_of_codes(0)]
    assert (
        halves
        == [h.tolist() for h in rows_of_halves(resampler._splits(0, 11))]
        != [h.tolist() for h in rows_of_halves(resampler._splits(1, 11))]
    )
    assert len({tuple(h) for h in halves}) == 8 and all(h == sorted(h) for h in halves)
    assert all(
        sorted(a + b) == list(range(11)) and len(a) == 5
        for a, b in zip(halves[::2], halves[1::2], strict=True)
    )


@pytest.mark.parametrize(
    "spec", ["kde:variance=0.1", "kde:relative=0.3", "bin:saxe,width=2,correction=mm", "renyi"]
)
def test_values_without_codes_are_resampled_on_the_rows_of_each_half(
    tmp_path: Path, spec: str
) -> None:
    z = RNG.normal(size=(90, 3)).astype(np.float32)
    archive = one_step(tmp_path / "run", a=("Linear", z), b=("Linear", np.tanh(z)))
    evidence = Evidence(ip.measure(archive, spec), archive)
    resampler = Resampler(evidence, DPISettings(permutations=9, splits=3, seed=4))
    assert len(list(resampler.prepare([[(0, "a", spec), (0, "b", spec), (0, "a", spec)]]))) == 1
    prepared = dict(resampler._values)
    assert (
        resampler.test(0, spec, "i_xz", evidence.plane.points[0].sense, "b", "a", 0.1) is not None
        and resampler._values == prepared
    )
    for layer in "ab":
        found = prepared.pop((0, layer, spec))
        estimator = evidence.fitted(spec, layer)
        x, whole, y = (
            input_variable(archive, estimator),
            continuous(archive.z(0, layer)),
            label_variable(archive),
        )
        if spec == "kde:relative=0.3":  # at the noise of the whole layer
            estimator = parse(f"kde:variance={estimator.variance_of(whole)}")
        halves = [
            [v.take(rows) for v in (x, whole, y)]
            for rows in rows_of_halves(resampler._splits(0, 90))
        ]
        expected = [
            {
                (q, e.sense): e.bits
                for q, e in plane_points(estimator, *half, np.random.default_rng(0))
            }
            for half in halves
        ]
        assert found.keys() == expected[0].keys()
        for key, bits in found.items():
            np.testing.assert_allclose(bits, [half[key] for half in expected], atol=1e-5)
    assert not prepared


def test_a_budget_counts_from_its_start() -> None:
    assert Budget(
        0.1, busy=lambda: 3.0, clock=lambda: 20.0, start=10.0
    ).rest_seconds() == pytest.approx(20.0)
    assert Budget(0.1, busy=lambda: 1.0, clock=lambda: 20.0, start=10.0).rest_seconds() == 0.0


def test_joint_counts_are_those_of_the_pairs_by_either_way() -> None:
    for symbols in (3, 60):  # a table, and codes
        a, b = RNG.integers(0, symbols, (2, 90))
        a, b = (np.unique(v, return_inverse=True)[1] for v in (a, b))
        counts = joint_counts(a, b)
        assert sorted(counts[counts > 0]) == sorted(
            np.unique(np.stack([a, b]), axis=1, return_counts=True)[1]
        )


def test_a_disk_that_takes_a_file_in_parts_gets_every_byte_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:7], at))
    with (tmp_path / "f").open("w+b") as file:
        sink = Sink(file.fileno())
        sink.write(b"0123456789" * 3)
        sink.write(b"end")
    assert sink.error is None and (tmp_path / "f").read_bytes() == b"0123456789" * 3 + b"end"


def test_only_requests_and_the_start_of_the_server_reach_the_live_page() -> None:
    seen: list[str] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(str(scope["type"]))

    guard = Guard(app)  # type: ignore[arg-type]
    for kind in ("lifespan", "websocket"):
        asyncio.run(guard({"type": kind}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]


# ---- survivors of a fourth sample ----------------------------------------------------------------------------------------------------------------------


def test_a_run_that_cannot_be_resumed_names_the_layers_that_changed(tmp_path: Path) -> None:
    layers = {name: ("Linear", np.zeros((4, 2), np.float32)) for name in "abc"}
    one_step(tmp_path / "run", **layers)
    layers["b"] = ("Linear", np.zeros((4, 3), np.float32))
    infos = [
        LayerInfo(name, k, cls, z.shape[1:], store_dtype=str(z.dtype))
        for k, (name, (cls, z)) in enumerate(layers.items())
    ]
    with pytest.raises(InputError, match=r"3 instead of 3; changed: \['b'\]"):
        RunWriter.create(
            tmp_path / "run",
            layers=infos,
            x=np.eye(4),
            y=np.arange(4) % 2,
            durable=False,
            resume=True,
        )


def test_the_bias_of_a_plug_in_is_that_of_its_cells() -> None:
    t, y = np.repeat(np.arange(4), 50), np.tile(np.arange(2), 100)
    assert _plug_in_bias(t, y) == pytest.approx(
        (8 - 4 - 2 + 1) / (400 * math.log(2))
    )  # (|T| - 1)(|Y| - 1) / (2 N ln 2)


def test_a_mean_over_no_splits_is_refused(tmp_path: Path) -> None:
    archive = one_step(tmp_path / "run", a=("Linear", np.zeros((4, 2), np.float32)))
    with pytest.raises(InputError, match=r"splits >= 1, got method='auto', splits=0"):
        drift.drift(archive, splits=0)


def test_a_width_of_nothing_is_refused() -> None:
    for width in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="width is a positive number"):
            Binned("saxe", width=width)


def test_rows_at_atoms_of_both_variables_and_of_neither_are_both_needed_for_a_warning() -> None:
    free = RNG.normal(size=400)
    few = np.where(np.arange(400) < 10, 0.0, free)  # 2.5 % at an atom of both
    many = np.where(np.arange(400) < 100, 0.0, free)
    said = [MixedKSG().estimate(continuous(v), continuous(v)).notes for v in (few, many)]
    assert said[0] == () and len(said[1]) == 1 and said[1][0].startswith("25% of the rows")


def test_a_correction_draws_no_random_numbers() -> None:
    x, z = (continuous(RNG.normal(size=(120, 2))) for _ in range(2))
    found = [
        parse("knn:k=3").estimate(x, z, rng=rng).bits
        for rng in (None, np.random.default_rng(0), np.random.default_rng(1))
    ]
    assert found[0] == found[1] == found[2]


def test_a_rounding_that_parts_rows_is_no_fault_and_a_leak_is(tmp_path: Path) -> None:
    up = np.repeat(np.arange(4.0), 2).astype(np.float32)[:, None]
    rounded = np.where(
        np.arange(8)[:, None] % 2, np.nextafter(up + 1, np.float32(9)), up + 1
    ).astype(np.float32)
    for down, verdict, words in (
        (rounded, "ok", "4 rows differ by rounding only"),
        (np.arange(8, dtype=np.float32)[:, None], "fault", "do not follow"),
    ):
        archive = one_step(tmp_path / verdict, a=("Linear", up), b=("Linear", down))
        plane = ip.measure(archive, "exact")
        points = {p.layer: p for p in plane if p.quantity == "i_xz"}
        evidence = Evidence(
            replace(
                plane, chain=Chain(("a", "b"), (("no-path", "cut"), ("no-path", "no-path")), rows=8)
            ),
            archive,
        )
        finding = evidence.judge_excess(0, "exact", "i_xz", "exact", points["a"], points["b"])
        assert finding.verdict == verdict and re.search(words, finding.explanation)


def test_dependence_does_not_notice_where_the_origin_is() -> None:
    a, b = RNG.normal(size=(2, 60, 3))
    b = b + 0.7 * a
    for measure in (hsic, cka):
        assert measure(continuous(a + 1e7), continuous(b), kernel="linear") == pytest.approx(
            measure(continuous(a), continuous(b), kernel="linear"), rel=1e-6
        )


def test_usable_information_of_neighbours_may_take_every_row_for_one() -> None:
    from types import SimpleNamespace

    tried: list[np.ndarray] = []
    y = np.array([0, 0, 1, 1])
    split = SimpleNamespace(
        z=np.arange(4.0)[:, None], zi=np.zeros((1, 1)), y=y, discrete=True, base=np.log([0.5, 0.5])
    )
    split.inner_loss = lambda logs: tried.append(np.exp(logs[0])) or -len(tried)
    predicted = vinfo_families._fit_knn(split)(np.zeros((1, 1)))
    assert [t[0] for t in tried] == [
        pytest.approx(2.5 / 3),
        pytest.approx(2.5 / 5),
    ]  # of two neighbours, and of all four
    assert np.exp(predicted[0, 0]) == pytest.approx(2.5 / 5)


def test_a_lock_given_up_twice_closes_nobody_elses_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = WriterLock(tmp_path, 0)
    closed: list[int] = []
    real = os.close
    monkeypatch.setattr(os, "close", lambda fd: (closed.append(fd), real(fd)))
    lock.release()
    assert len(closed) == 1
    lock.release()
    assert len(closed) == 1


def test_the_table_of_a_shard_says_where_its_arrays_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = RNG.normal(size=(6, 2)).astype(np.float32)
    archive = one_step(tmp_path / "run", a=("Linear", z))
    placed: list[object] = []
    real = reader.read_placed

    def watched(path: Path, offset: object, *rest: object) -> object:
        placed.append(offset)
        return real(path, offset, *rest)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(reader, "read_placed", watched)
    np.testing.assert_array_equal(archive.z(0, "a"), z)
    archive.row_digests(0, "a")
    assert len(placed) == 2 and all(isinstance(offset, int) and offset > 0 for offset in placed)
