"""KDE bounds: closed forms on the cube, laws, and a float64 reference on hard data."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import infoplane as ip
from infoplane.analysis.estimators import KDE
from infoplane.analysis.kernels import pairwise_torch
from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.analysis.kernels.threads import on_device
from infoplane.errors import EstimatorError, InputError

CUBE = ip.continuous(np.array(list(itertools.product([0, 1], repeat=12)), np.float32))
IDS = ip.discrete(np.arange(4096))
LABELS = ip.discrete(ip.data.szt.load()[1])


def reference(
    z: np.ndarray, s2: float, codes: np.ndarray | None = None, factor: float = 2.0
) -> float:
    """-(1/N) sum_i log2 (1/N) sum_j exp(-D_ij / (factor s2)), by direct float64 differences, minus
    the class terms.
    """
    z = z.astype(np.float64)

    def ih(rows: np.ndarray) -> float:
        d = ((rows[:, None, :] - rows[None, :, :]) ** 2).sum(-1)
        return float(-np.log2(np.exp(-d / (factor * s2)).mean(1)).mean())

    if codes is None:
        return ih(z)
    return ih(z) - sum((codes == c).mean() * ih(z[codes == c]) for c in np.unique(codes))


@pytest.mark.parametrize(
    ("s2", "up", "low"), [(0.1, 11.883742, 7.638518), (1.0, 3.792618, 1.048230)]
)
def test_the_boolean_cube_has_its_closed_form(s2: float, up: float, low: float) -> None:
    assert 12 - 12 * np.log2(1 + np.exp(-1 / (2 * s2))) == pytest.approx(up, abs=1e-6)
    assert KDE(variance=s2).estimate(IDS, CUBE).bits == pytest.approx(up, abs=1e-6)
    assert KDE(variance=s2, bound="lower").estimate(IDS, CUBE).bits == pytest.approx(low, abs=1e-6)


def test_the_labels_of_the_cube_are_golden() -> None:
    assert KDE(variance=0.1).estimate(CUBE, LABELS).bits == pytest.approx(0.974375, abs=1e-6)
    assert KDE(variance=0.1, bound="lower").estimate(CUBE, LABELS).bits == pytest.approx(
        0.427058, abs=1e-6
    )


def test_one_pass_gives_the_same_four_numbers() -> None:
    found = {
        (q, e.sense): e.bits for q, e in KDE(variance=0.1).estimate_plane_point(IDS, CUBE, LABELS)
    }
    golden = {
        ("i_xz", "upper"): 11.883742,
        ("i_xz", "lower"): 7.638518,
        ("i_zy", "upper"): 0.974375,
        ("i_zy", "lower"): 0.427058,
    }
    assert found == {key: pytest.approx(bits, abs=1e-6) for key, bits in golden.items()}


def test_far_apart_rows_give_log2_n_and_equal_rows_give_zero() -> None:
    ids = ip.discrete(np.arange(100))
    assert KDE(variance=1e-3).estimate(
        ids, ip.continuous(100.0 * np.arange(100))
    ).bits == pytest.approx(np.log2(100), abs=1e-12)
    for d in (1, 40):
        assert KDE(variance=1e-3).estimate(
            ids, ip.continuous(np.full((100, d), 3.7, np.float32))
        ).bits == pytest.approx(0, abs=1e-12)


HARD = {
    "tanh": lambda rng, n, d: np.tanh(rng.normal(size=(n, d))),
    "relu with large norms": lambda rng, n, d: (
        np.maximum(rng.normal(size=(n, d)), 0) * 1e4 / np.sqrt(d)
    ),
    "near duplicates": lambda rng, n, d: (
        np.repeat(np.maximum(rng.normal(size=(n // 2, d)), 0) * 30, 2, axis=0)
        + 1e-3 * rng.normal(size=(n, d))
    ),
    "constant offset": lambda rng, n, d: np.tanh(rng.normal(size=(n, d))) + 1e6,
}


@pytest.mark.parametrize("data", HARD)
@pytest.mark.parametrize("d", [3, 10, 11, 64])
@pytest.mark.parametrize("s2", [1e-3, 0.1, 10.0])
def test_bits_agree_with_float64_to_1e_5(data: str, d: int, s2: float) -> None:
    rng = np.random.default_rng(d)
    z = HARD[data](rng, 400, d).astype(np.float32)
    y = rng.integers(0, 4, 400)
    points = dict(
        zip(
            ["xu", "yu", "xl", "yl"],
            (
                e.bits
                for _, e in KDE(variance=s2).estimate_plane_point(
                    ip.discrete(np.arange(400)), ip.continuous(z), ip.discrete(y)
                )
            ),
            strict=True,
        )
    )
    expected = {
        "xu": reference(z, s2),
        "yu": reference(z, s2, y),
        "xl": reference(z, s2, factor=8),
        "yl": reference(z, s2, y, factor=8),
    }
    assert points == {key: pytest.approx(bits, abs=1e-5) for key, bits in expected.items()}


@pytest.mark.slow
def test_bits_agree_with_float64_at_3000_rows() -> None:
    z = np.tanh(np.random.default_rng(3).normal(size=(3000, 64))).astype(np.float32)
    bits = KDE(variance=0.5).estimate(ip.discrete(np.arange(3000)), ip.continuous(z)).bits
    squares = (z.astype(float) ** 2).sum(1)
    d = np.maximum(squares[:, None] + squares - 2 * z.astype(float) @ z.T.astype(float), 0)
    assert bits == pytest.approx(-np.log2(np.exp(-d / 1.0).mean(1)).mean(), abs=1e-5)


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(2, 30), st.integers(1, 14)),
        elements=st.floats(-3, 3, width=32),
    ),
    st.floats(0.01, 5),
)
def test_bounds_are_ordered_between_zero_and_log2_n(z, s2) -> None:
    ids, layer = ip.discrete(np.arange(len(z))), ip.continuous(z)
    up, low = (KDE(variance=s2, bound=b).estimate(ids, layer).bits for b in ("upper", "lower"))
    assert -1e-9 <= low <= up + 1e-9 and up <= np.log2(len(z)) + 1e-9


def test_rotation_and_translation_leave_the_value() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(200, 20))
    q = np.linalg.qr(rng.normal(size=(20, 20)))[0]
    ids = ip.discrete(np.arange(200))
    assert KDE(variance=2.0).estimate(ids, ip.continuous(z)).bits == pytest.approx(
        KDE(variance=2.0).estimate(ids, ip.continuous(z @ q + 5)).bits, abs=1e-8
    )


def test_a_relative_width_follows_the_scale_and_reports_its_variance() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 12))
    ids = ip.discrete(np.arange(300))
    one, ten = (KDE(relative=0.1).estimate(ids, ip.continuous(s * z)) for s in (1.0, 10.0))
    assert one.bits == pytest.approx(ten.bits, abs=1e-8)
    d = ((z[:, None] - z[None]) ** 2).sum(-1)
    assert KDE(relative=0.1).variance_of(ip.continuous(z)) == pytest.approx(
        0.01 * d.sum() / (300 * 299), rel=1e-9
    )
    assert any(note.startswith("s2=") for note in one.notes)


def test_several_variances_and_classes_come_from_one_pass() -> None:
    rng = np.random.default_rng(0)
    z, codes = rng.normal(size=(700, 15)), rng.integers(0, 3, 700)
    total, own = gaussian_sums(z, np.array([0.5, 2.0]), codes)
    d = ((z[:, None] - z[None]) ** 2).sum(-1)
    for v, s2 in enumerate((0.5, 2.0)):
        for k, factor in enumerate((8, 2)):
            kernel = np.exp(-d / (factor * s2))
            assert np.allclose(total[:, v, k], kernel.sum(1), rtol=1e-6)
            assert np.allclose(own[:, v, k], (kernel * (codes[:, None] == codes)).sum(1), rtol=1e-6)


def test_bad_input_is_explained() -> None:
    with pytest.raises(InputError, match="give either variance=s2"):
        KDE()
    with pytest.raises(InputError, match="positive numbers, got -1"):
        KDE(variance=-1)
    with pytest.raises(EstimatorError, match="one continuous variable .* and one discrete"):
        KDE(variance=1).estimate(ip.continuous([0.0, 1.0]), ip.continuous([0.0, 1.0]))


@pytest.mark.parametrize(
    "spec", ["kde:relative=0.1", "kde:relative=0.1,bound=lower", "kde:variance=2"]
)
def test_a_constant_layer_is_no_information_whatever_the_width(spec: str) -> None:
    e = ip.estimators.parse(spec)
    z = ip.continuous(np.full((40, 3), 1.7), "z")
    x, y = ip.discrete(np.arange(40)), ip.discrete(np.arange(40) % 4)
    assert [e.estimate(v, z).bits for v in (x, y)] == [0.0, 0.0]
    assert all(point.bits == 0 for _, point in e.estimate_plane_point(x, z, y))
    if "relative" in spec:
        assert "all rows of the layer are equal" in " ".join(e.estimate(x, z).notes)


def _layer(n: int = 600, dim: int = 20) -> tuple[ip.Variable, ip.Variable, ip.Variable]:
    rng = np.random.default_rng(11)
    z = np.tanh(rng.normal(size=(n, dim))).astype(np.float32)
    return (
        ip.discrete(np.arange(n) // 2),
        ip.continuous(z),
        ip.discrete((z[:, 0] > 0).astype(int) + 2 * (z[:, 1] > 0.5)),
    )


@pytest.mark.parametrize("classes", [4, 40, 100])
def test_halves_and_shuffled_labels_from_one_pass_are_those_of_passes_of_their_own(
    classes: int,
) -> None:
    x, z, y = _layer()
    y = y if classes == 4 else ip.discrete(np.arange(z.n) * 7 % classes)
    estimator, rng = KDE(variance=0.3), np.random.default_rng(0)
    splits = [rng.random(z.n) < 0.5 for _ in range(18)]
    for x_or_ids in (x, ip.discrete(np.arange(z.n))):
        found = estimator.estimate_halves(x_or_ids, z, y, splits)
        halves = [np.flatnonzero(side) for first in splits for side in (first, ~first)]
        for rows, points in zip(halves, found, strict=True):
            direct = estimator.estimate_plane_point(x_or_ids.take(rows), z.take(rows), y.take(rows))
            assert [(q, e.sense, e.n) for q, e in points] == [(q, e.sense, e.n) for q, e in direct]
            np.testing.assert_allclose(
                [e.ceiling_bits for _, e in points], [e.ceiling_bits for _, e in direct]
            )
            np.testing.assert_allclose(
                [e.bits for _, e in points], [e.bits for _, e in direct], atol=2e-6
            )
    orders = [rng.permutation(z.n) for _ in range(35)]
    for order, points in zip(
        orders, estimator.estimate_labels(z, [y.values[o, 0] for o in orders]), strict=True
    ):
        direct = [e for q, e in estimator.estimate_plane_point(x, z, y.take(order)) if q == "i_zy"]
        np.testing.assert_allclose([e.bits for _, e in points], [e.bits for e in direct], atol=2e-6)


@pytest.mark.parametrize("s2", [0.3, 0.1])
def test_a_budget_of_pairs_is_unbiased_and_its_error_is_true(s2: float) -> None:
    x, z, y = _layer()
    whole = [e.bits for _, e in KDE(variance=s2).estimate_plane_point(x, z, y)]
    drawn, errors = [], []
    for seed in range(80):
        points = KDE(variance=s2, pairs=60 * z.n).estimate_plane_point(
            x, z, y, rng=np.random.default_rng(seed)
        )
        assert "60 of 600 rows compared with all" in points[0][1].notes[-1]
        drawn.append([e.bits for _, e in points])
        errors.append([e.stderr for _, e in points])
    spread, error = np.std(drawn, axis=0), np.sqrt(np.mean(np.square(errors), axis=0))
    assert np.all(np.abs(np.mean(drawn, axis=0) - whole) < 4 * spread / np.sqrt(80))
    assert np.all(
        (spread / error > 0.75) & (spread / error < 1.33)
    )  # four standard errors of a standard deviation
    exact = KDE(variance=s2, pairs=10**9).estimate_plane_point(x, z, y)
    assert [e.bits for _, e in exact] == whole and exact[0][1].stderr is None
    assert str(KDE(variance=0.05, pairs=5)) == "kde:variance=0.05,pairs=5"


@pytest.mark.parametrize("d", [1, 10, 11, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("on_torch", [False, True])
def test_several_widths_share_a_pass_and_none_knows_of_the_others(
    d: int, dtype: type, on_torch: bool, monkeypatch
) -> None:
    """A small width needs float64, here in 11 dimensions and more, on torch in all: it must not
    drag the others along, nor be left in float32 by them.
    """
    plain = pairwise_torch.grouped_sums
    monkeypatch.setattr(pairwise_torch, "grouped_sums", lambda *rest: plain(*rest[:-1], "cpu"))
    rng = np.random.default_rng(d)
    z = ip.continuous((1 + rng.normal(size=(1100, d))).astype(dtype))
    x, y = ip.discrete(np.arange(1100) // 2), ip.discrete(rng.integers(0, 3, 1100))
    several = [KDE(variance=v) for v in (1e-9, 1e-40, 0.1, 7.0)] + [
        KDE(relative=0.2),
        KDE(variance=0.1, bound="lower"),
    ]
    with on_device("cuda:1" if on_torch else ""):
        for one, points in zip(several, KDE.estimate_together(several, x, z, y), strict=True):
            assert points == one.estimate_plane_point(x, z, y), one
        for a, b in ((None, y), (x, None)):
            alone = [KDE.estimate_together([one], a, z, b)[0] for one in several[2:4]]
            assert KDE.estimate_together(several[2:4], a, z, b) == alone
        with pytest.raises(EstimatorError, match="paired"):
            KDE.estimate_together(several, x.take(np.arange(5)), z, y)


def test_a_kernel_estimate_from_some_rows_has_the_error_of_drawing_them() -> None:

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


def test_inputs_that_repeat_keep_two_curves_apart() -> None:
    """Both are differences of bounds; in the plane each has a name of its own."""
    rng = np.random.default_rng(0)
    x, y = ip.discrete(np.repeat(np.arange(20), 2)), ip.discrete(np.arange(40) % 2)
    z = ip.continuous(rng.normal(size=(40, 3)))
    points = KDE(relative=0.3).estimate_plane_point(x, z, y)
    senses = [estimate.sense for quantity, estimate in points if quantity == "i_xz"]
    assert sorted(senses) == ["lower", "upper"]


@pytest.mark.parametrize(
    "width",
    [{"relative": 1e200}, {"relative": 1e-200}, {"relative": 1e-153}, {"variance": 1e-320}],
)
def test_a_width_beyond_what_floats_can_count_is_refused_by_name(width: dict[str, float]) -> None:
    z = ip.continuous(np.arange(24, dtype=np.float32).reshape(12, 2))
    with pytest.raises(EstimatorError, match="than floats can count; take a width nearer"):
        KDE(**width).estimate(ip.discrete(np.arange(12)), z)
