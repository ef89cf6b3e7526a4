"""Laws that every estimator keeps: invariances, additivity, bounds, data processing."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.analysis.estimators.entropies import CORRECTIONS, entropy_bits, information_bits
from infoplane.analysis.estimators.spec import FAMILIES
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.analysis.resampling.slope import n_slope
from infoplane.analysis.studies.disagreement import companions, disagreements
from infoplane.analysis.studies.invariance import INVERTIBLE
from infoplane.errors import EstimatorError, InputError
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, Variable, continuous, discrete

E = ip.estimators
few = settings(max_examples=8, deadline=None)
Floats = np.ndarray

EXACT_SPECS = ["exact", "plugin", "plugin:population", "bin:saxe,width=1", "bin:quantile,n=4"]
CONTINUOUS = [
    "knn:k=3",
    "ksg:k=3",
    "ksg:k=3,correct=true",
    "mixed:k=3",
    "mixed:k=3,apart=true",
    "gauss",
    "gauss:copula=true",
]
NEURAL = [
    f"{name}:batch=16,seeds=1,hidden=8,epochs=2" for name in ("infonce", "nwj", "mine", "smile")
]
OF_LABELS = [
    *(
        "ross:k=3",
        "knn:k=3",
        "mixed:k=3",
        "gauss",
        "gauss:copula=true",
        "noisy:sigma=0.5",
        "kde:variance=0.5",
        "exact",
        "bin:saxe,width=1",
        "renyi:alpha=2",
    ),
    *(
        "dse:t=1",
        "hsic",
        "cka",
        "sliced:slices=4",
        "vinfo:family=linear",
        "vinfo:family=knn",
        "vinfo:family=gaussian",
        "vinfo:family=mlp,hidden=4",
        *NEURAL,
    ),
]


def labelled(seed: int, n: int = 120, dim: int = 3) -> tuple[Variable, Variable]:
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 3)
    return continuous(rng.normal(size=(n, dim)) + y[:, None] * np.eye(dim)[0]), discrete(y)


def test_every_family_is_under_these_laws() -> None:
    covered = {spec.partition(":")[0] for spec in (*EXACT_SPECS, *CONTINUOUS, *OF_LABELS)}
    # cross-fitted: test_estimators.py; of 500 rows and more: test_wide.py
    assert set(FAMILIES) - covered == {"ratio", "wide"}


@pytest.mark.parametrize("spec", OF_LABELS)
def test_one_seed_is_one_number_and_float64_of_float32_values_keeps_it(
    spec: str,
) -> None:
    z, y = labelled(0)
    narrow = continuous(z.values.astype(np.float32))
    wide = continuous(narrow.values.astype(np.float64))
    estimator = E.parse(spec)
    first, again, other = (
        estimator.estimate(v, y, rng=np.random.default_rng(3)).bits for v in (narrow, narrow, wide)
    )
    assert first == again and abs(first - other) < 1e-4


INVARIANT = {
    "permutation": [
        "knn:k=3",
        "mixed:k=3",
        "gauss",
        "gauss:copula=true",
        "kde:variance=0.5",
        "renyi:alpha=2",
        "cka",
        "hsic",
        "exact",
        "bin:saxe,width=1",
    ],
    "scale x10": [
        "knn:k=3",
        "mixed:k=3",
        "gauss",
        "gauss:copula=true",
        "kde:relative=0.3",
        "cka",
        "exact",
        "bin:quantile,n=4",
        "vinfo:family=linear",
    ],
    "per-unit affine": [
        "knn:k=3",
        "mixed:k=3",
        "gauss",
        "gauss:copula=true",
        "exact",
        "bin:quantile,n=4",
        "vinfo:family=linear",
    ],
    "sign": [
        "knn:k=3",
        "mixed:k=3",
        "gauss",
        "gauss:copula=true",
        "kde:variance=0.5",
        "renyi:alpha=2",
        "cka",
        "exact",
    ],
    "rotation": ["gauss", "kde:variance=0.5", "renyi:alpha=2", "cka", "hsic"],
    "per-unit monotone": ["ksg:k=3,scores=true", "gauss:copula=true", "exact", "bin:quantile,n=4"],
    "affine coupling": ["exact"],
}
"""Which estimators an invertible map of the units leaves unchanged (METHODS 6); a map under which
one is missing may move it.
"""


@pytest.mark.parametrize(
    ("name", "spec"), [(name, spec) for name, specs in INVARIANT.items() for spec in specs]
)
@few
@given(seed=st.integers(0, 10_000))
def test_invertible_maps_of_the_units_change_nothing(name: str, spec: str, seed: int) -> None:
    z, y = labelled(seed)
    moved = continuous(INVERTIBLE[name](z.values, np.random.default_rng(seed + 1)))
    estimator = E.parse(spec)
    one, two = (estimator.estimate(v, y, rng=np.random.default_rng(0)).bits for v in (z, moved))
    assert two == pytest.approx(one, abs=5e-3 if spec.startswith("vinfo") else 1e-6)


@pytest.mark.parametrize("spec", [*CONTINUOUS, "plugin", "exact", "bin:saxe,width=1"])
@few
@given(seed=st.integers(0, 10_000))
def test_information_is_symmetric(spec: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = [rng.normal(size=(60, d)) for d in (1, 2)]
    a, b = (discrete(np.round(v)) if spec == "plugin" else continuous(v) for v in values)
    estimator = E.parse(spec)
    assert estimator.estimate(a, b).bits == pytest.approx(estimator.estimate(b, a).bits, abs=1e-9)


@few
@given(seed=st.integers(0, 10_000), flip=st.integers(1, 4))
def test_information_of_independent_pairs_adds_up_exactly_in_tables(seed: int, flip: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.integers(0, 4, (3, 3)), rng.integers(0, 4, (2, flip + 1))
    p[0, 0], q[0, 0] = p[0, 0] + 1, q[0, 0] + 1
    first, second = (
        np.array([cell for cell in np.ndindex(t.shape) for _ in range(t[cell])]) for t in (p, q)
    )
    both = np.array([(*u, *v) for u in first for v in second])
    one, two, joint = (
        E.Plugin().estimate(discrete(t[:, a]), discrete(t[:, b])).bits
        for t, a, b in ((first, [0], [1]), (second, [0], [1]), (both, [0, 2], [1, 3]))
    )
    assert joint == pytest.approx(one + two, abs=1e-9)


@pytest.mark.parametrize(
    ("spec", "tolerance"),
    [
        ("gauss", 0.06),
        ("gauss:copula=true", 0.06),
        ("ksg:k=5,correct=true", 0.12),
        ("knn:k=5", 0.15),
    ],
)
def test_information_of_independent_pairs_adds_up_within_the_error(
    spec: str, tolerance: float
) -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(2000, 2))
    b = 0.7 * a + np.sqrt(0.51) * rng.normal(size=(2000, 2))
    estimator = E.parse(spec)
    parts = sum(estimator.estimate(continuous(a[:, i]), continuous(b[:, i])).bits for i in (0, 1))
    assert estimator.estimate(continuous(a), continuous(b)).bits == pytest.approx(
        parts, abs=tolerance
    )


def test_noisy_units_that_are_independent_add_up() -> None:
    grid = np.stack(np.meshgrid([-1.0, 1.0], [-0.5, 0.0, 0.5], indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    rows = np.repeat(grid, 100, axis=0)
    ids = np.repeat(np.arange(6), 100)
    e = E.NoisyChannel(sigma=0.5, draws=20)
    joint = e.estimate(discrete(ids), continuous(rows), rng=np.random.default_rng(0))
    parts = [
        e.estimate(discrete(rows[:, i] * 2), continuous(rows[:, i]), rng=np.random.default_rng(i))
        for i in (0, 1)
    ]
    se = np.sqrt(sum((p.stderr or 0) ** 2 for p in (joint, *parts)))
    assert abs(joint.bits - sum(p.bits for p in parts)) < 4 * se


@pytest.mark.parametrize(
    "spec", ["exact", "plugin", "bin:saxe,width=1", "kde:variance=0.5", "noisy:sigma=0.3"]
)
@few
@given(seed=st.integers(0, 10_000), classes=st.integers(1, 6))
def test_information_is_between_zero_and_the_smaller_entropy(
    spec: str, seed: int, classes: int
) -> None:
    rng = np.random.default_rng(seed)
    y = discrete(rng.integers(0, classes, 80))
    values = np.round(2 * rng.normal(size=(80, 1))) / 2
    z = discrete(values) if spec == "plugin" else continuous(values)
    e = E.parse(spec).estimate(z, y, rng=rng)
    h = entropy_bits(np.unique(y.values, return_counts=True)[1])
    slack = 4 * e.stderr if e.stderr is not None else 1e-9
    if not spec.startswith("kde"):  # a difference of bounds
        assert e.bits >= -slack
    assert e.bits <= h + slack + 1e-9


@pytest.mark.parametrize(
    "spec", ["ross:k=5", "mixed:k=5", "knn:k=5", "vinfo:family=linear", "vinfo:family=gaussian"]
)
def test_separated_classes_give_their_entropy_and_not_more_than_the_error_above(spec: str) -> None:
    z, y = separated()
    assert abs(E.parse(spec).estimate(z, y, rng=np.random.default_rng(0)).bits - np.log2(3)) < 0.03


def separated() -> tuple[Variable, Variable]:
    y = np.arange(600) % 3
    return continuous(8.0 * y[:, None] + np.random.default_rng(0).normal(size=(600, 1))), discrete(
        y
    )


@few
@given(seed=st.integers(0, 10_000), spec=st.sampled_from(["exact", "plugin", "bin:saxe,width=1"]))
def test_processing_loses_information_on_true_chains_of_symbols(seed: int, spec: str) -> None:
    """X -> Z1 -> Z2 with deterministic maps of finite alphabets: exact on the rows, for any
    estimator that keeps the chain.
    """
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 12, 100)
    z1 = rng.integers(0, 8, 12)[x]
    z2 = rng.integers(0, 5, 8)[z1]
    y = discrete(rng.integers(0, 3, 12)[x])
    make: Callable[[Floats], Variable] = (
        discrete if spec == "plugin" else (lambda v: continuous(2.0 * v))
    )
    first, second = (E.parse(spec).estimate(make(z), y).bits for z in (z1, z2))
    assert second <= first + 1e-9


@pytest.mark.parametrize(
    "spec",
    [
        *(s for s in CONTINUOUS if "correct" not in s),
        "ksg:k=5,correct=true",
        "infonce:batch=64,seeds=1,hidden=32,epochs=12",
    ],
)
def test_processing_loses_information_on_noisy_chains_within_the_joint_error(spec: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1500, 1))
    z = x
    values = []
    for _ in range(3):
        z = 0.8 * z + 0.6 * rng.normal(size=z.shape)
        values.append(
            Resampled(E.parse(spec), 0 if spec.startswith("infonce") else 4).estimate(
                continuous(x), continuous(z), rng=rng
            )
        )
    for a, b in itertools.pairwise(values):
        joint = np.hypot(a.stderr or 0.03, b.stderr or 0.03)
        assert b.bits < a.bits + 2 * joint


@pytest.mark.parametrize("module", ["neighbours", "pairwise", "noisy"])
def test_the_size_of_a_chunk_changes_nothing(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from infoplane.analysis.estimators import noisy
    from infoplane.analysis.kernels import neighbours, pair_pass

    rng = np.random.default_rng(0)
    z, y = continuous(rng.normal(size=(700, 12))), discrete(rng.integers(0, 4, 700))
    specs = {
        "neighbours": ["ksg", "mixed", "ross"],
        "pairwise": ["kde:variance=3"],
        "noisy": ["noisy:sigma=1,draws=2"],
        "rows": ["exact", "bin:saxe,width=3"],
    }[module]

    def values() -> list[float]:
        return [E.parse(spec).estimate(z, y, rng=np.random.default_rng(1)).bits for spec in specs]

    before = values()
    if module == "neighbours":
        monkeypatch.setattr(neighbours, "TILE", 96)
    elif module == "noisy":
        monkeypatch.setattr(noisy, "TILE", 100)
    else:
        monkeypatch.setattr(pair_pass, "TILE", 128)
    # kernel sums are float32 within a tile by design; no user sets that tile
    assert values() == pytest.approx(before, abs=1e-7 if module == "pairwise" else 1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_read_in_blocks_of_any_size_give_the_sums_of_rows_in_memory(
    dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a user's memory decides, the size of a block, is a multiple of the tile: nothing moves,
    where another tile moves the last digits of float32 sums.
    """
    from infoplane.analysis.kernels import blocks, pairwise

    monkeypatch.setenv("INFOPLANE_DEVICE", "cpu")
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(1700, 12)).astype(dtype), rng.integers(0, 4, 1700)
    variances = np.array([0.5, 3.0])
    held = pairwise.grouped_sums(z, variances, [y])

    class Stored(blocks.Held):
        """Not an array: it is spilled to a file and read back in blocks."""

    for look, size in ((512, 1), (700, 40_000), (4096, 1 << 27)):
        monkeypatch.setattr(blocks, "LOOK_ROWS", look)
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        for one, other in zip(held, pairwise.grouped_sums(Stored(z), variances, [y]), strict=True):
            bits = [-float(np.log2(v[:, :, 1] / len(z)).mean()) for v in (one, other)]
            assert bits[0] == pytest.approx(bits[1], abs=1e-9) and np.allclose(
                one, other, rtol=3e-6, atol=0
            )


# ---- known failures ------------------------------------------------------------------------------


def test_bins_saturate_at_log2_n_whatever_the_layer_is() -> None:
    rng = np.random.default_rng(0)
    for n in (256, 1024):
        noise = continuous(rng.uniform(-1, 1, size=(n, 10)))
        e = E.Binned("szt").estimate(discrete(np.arange(n)), noise)
        assert e.bits == pytest.approx(np.log2(n), abs=1e-9) and e.saturated


def test_a_gaussian_fit_of_separated_classes_exceeds_the_label_entropy_and_is_refused() -> None:
    with pytest.raises(EstimatorError, match=r"2\.\d+ bits are above H\(values\) = 1\.585 bits"):
        E.Gaussian().estimate(*separated())


def test_residuals_lift_neighbours_at_20_plus_20_dimensions_and_say_by_how_much() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 20))
    z = 0.376 * x + np.sqrt(1 - 0.376**2) * rng.normal(size=x.shape)
    truth = -10 * np.log2(1 - 0.376**2)
    e = E.KSG(correct=True).estimate(continuous(x), continuous(z), rng=rng)
    assert (
        abs(e.bits - truth) < 0.2
        and truth - E.KSG().estimate(continuous(x), continuous(z)).bits > 1
    )
    assert any(note.startswith("corrected by +") for note in e.notes)


def test_residuals_correct_nothing_where_one_side_is_a_linear_map_of_the_other() -> None:
    x = np.random.default_rng(0).normal(size=(300, 2))
    e = E.KSG(correct=True).estimate(
        continuous(x), continuous(x @ np.array([[1.0, 2.0, 0.5], [0.0, 1.0, 1.0]]))
    )
    assert any(note.startswith("not corrected") for note in e.notes)
    with pytest.raises(InputError, match="correct belongs to ksg"):
        E.MixedKSG(correct=True)


def test_a_density_ratio_is_read_on_every_row_once_and_refused_where_its_two_read_outs_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from infoplane.analysis.estimators import neural

    read: list[np.ndarray] = []
    monkeypatch.setattr(
        neural.DensityRatio,
        "held_out_nats",
        lambda self, critic, at, rows: read.append(rows) or 0.5,
    )
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    ratio = E.parse("ratio:batch=32,seeds=1,hidden=8,epochs=1")
    assert ratio.estimate(continuous(x), continuous(x), rng=rng).bits == pytest.approx(
        0.5 / np.log(2)
    )
    assert np.array_equal(np.sort(np.concatenate(read)), np.arange(400))
    monkeypatch.undo()
    with pytest.raises(
        EstimatorError,
        match=r"the two read-outs of one density ratio differ, .* take more rows or another family",
    ):
        E.parse("ratio:batch=32,seeds=1,hidden=32,epochs=25").estimate(
            continuous(x), continuous(x + 0.01 * rng.normal(size=x.shape)), rng=rng
        )


@pytest.mark.parametrize("family", ["infonce", "nwj", "mine", "smile", "ratio"])
def test_critics_stop_on_an_inner_split_and_never_see_the_test_rows(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows met while training and while deciding when to stop are disjoint from those read at the
    end, and from each other.
    """
    from infoplane.analysis.estimators import neural

    seen: list[tuple[set[int], set[int], set[int]]] = []
    real = neural.Variational.train

    def spy(self, critic, at, train, stop, generator):  # type: ignore[no-untyped-def]
        seen.append((set(train.tolist()), set(stop.tolist()), set()))
        real(self, critic, at, train, stop, generator)

    def value(self, critic, at, rows) -> float:  # type: ignore[no-untyped-def]
        seen[-1][2].update(rows.tolist())
        return 0.0

    monkeypatch.setattr(neural.Variational, "train", spy)
    for name in ("Variational", "DensityRatio"):
        monkeypatch.setattr(getattr(neural, name), "held_out_nats", value)
    z, y = labelled(0, 300)
    E.parse(f"{family}:batch=16,seeds=2,hidden=4,epochs=1").estimate(
        z, y, rng=np.random.default_rng(0)
    )
    assert len(seen) == (4 if family == "ratio" else 2)
    for train, stop, test in seen:
        assert train and stop and test and not train & stop and not (train | stop) & test


def test_atoms_apart_is_the_chain_rule_and_exact_where_all_is_atoms() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 300), rng.integers(0, 4, 300)
    atoms = E.MixedKSG(apart=True)
    table = E.Plugin(target="population").estimate(discrete(a), discrete(b)).bits
    assert atoms.estimate(continuous(1.0 * a), continuous(1.0 * b)).bits == pytest.approx(
        table, abs=1e-9
    )
    z = continuous(rng.normal(size=(300, 2)))
    assert atoms.estimate(z, discrete(a)).bits == pytest.approx(
        E.Ross().estimate(z, discrete(a)).bits, abs=1e-9
    )
    x = continuous(rng.normal(size=(300, 1)))
    assert atoms.estimate(x, z).bits == pytest.approx(E.MixedKSG().estimate(x, z).bits, abs=1e-9)


def test_units_that_are_off_together_keep_their_information_only_with_atoms_apart() -> None:
    found = ip.calibrate(
        ["mixed", "mixed:apart=true", "knn"], ["a pair off together*"], n=1000, seeds=3
    )
    plain, apart, knn = (
        found.of(spec, "mixed") for spec in ("mixed:k=5", "mixed:k=5,apart=true", "knn:k=5")
    )
    assert plain.bias < -0.2 and abs(apart.bias) < 0.05 and abs(knn.bias) < 0.05  # type: ignore[operator]  # numbers


# ---- choice of form, companions, slopes, corrections ---------------------------------------------


def test_neighbours_choose_the_form_that_the_rows_ask_for() -> None:
    rng = np.random.default_rng(0)
    z, y = continuous(rng.normal(size=(200, 2))), discrete(rng.integers(0, 3, 200))
    relu, x = continuous(np.maximum(z.values, 1.0)), continuous(rng.normal(size=(200, 1)))
    knn = E.Neighbours(k=4)
    for a, b, form, word in (
        (x, z, E.KSG(4, correct=True), "form: KSG"),
        (z, y, E.Ross(4), "form: Ross"),
        (relu, y, E.MixedKSG(4, apart=True), "taken apart; Ross for the others"),
    ):
        got = knn.estimate(a, b)
        assert (
            got.bits == form.estimate(a, b).bits
            and got.estimator == "knn:k=4"
            and word in got.notes[-1]
        )
    with pytest.raises(EstimatorError, match="both discrete; use plugin"):
        knn.estimate(y, y)


def test_no_estimator_of_continuous_information_stands_alone_and_partings_are_flagged() -> None:
    assert companions(["mixed", "bin:szt"]) == ("gauss:copula=true",) and companions(
        ["gauss:copula=true"]
    ) == ("knn:k=5",)
    assert companions(["exact", "kde:variance=1", "vinfo"]) == ()

    def point(spec: str, bits: float, se: float | None = None, layer: str = "a") -> Point:
        found = Estimate(bits, 100, spec, stderr=se, target="population")
        return Point(1, layer, "i_zy", found)

    plane = Plane(
        (
            point("knn:k=5", 1.0),
            point("gauss", 0.7),
            point("bin:szt", 9.0),
            point("knn:k=5", 1.0, 0.2, "b"),
            point("gauss", 0.7, 0.2, "b"),
        ),
        ("a", "b"),
        100,
    )
    (apart,) = disagreements(plane)
    assert (apart.layer, apart.low, apart.high) == (
        "a",
        "gauss",
        "knn:k=5",
    ) and "I(Z;Y): gauss says 0.700, knn:k=5 says 1.000" in str(apart)


def test_the_slope_warns_of_an_infinite_information_and_not_of_a_finite_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1200)
    knn = E.Neighbours()
    steep = n_slope(knn, continuous(x), continuous(np.tanh(x)), rng=rng)
    assert steep.rising and steep.rows == (300, 600, 1200) and 0.8 < steep.bits_per_doubling < 1.2
    flat = n_slope(knn, continuous(x), continuous(0.6 * x + 0.8 * rng.normal(size=1200)), rng=rng)
    assert not flat.rising and abs(flat.bits_per_doubling) < 0.05
    noted = Resampled(knn, 4).estimate(continuous(x), continuous(np.tanh(x)), rng=rng)
    assert (
        any("with the last doubling of the rows" in note for note in noted.notes)
        and noted.high > noted.bits + 2
    )  # type: ignore[operator]  # filled


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_corrections_of_bins_are_those_of_tables_and_change_the_target(correction: str) -> None:
    z, y = labelled(1, 300, 1)
    bins = E.parse(
        "bin:saxe,width=0.5" + ("" if correction == "none" else f",correction={correction}")
    )
    e = bins.estimate(z, y)
    assert e.bits == information_bits(bins.codes(z), bins.codes(y), correction)  # type: ignore[arg-type]  # a correction
    assert e.target == ("probe-set" if correction == "none" else "population") and str(
        E.parse(str(bins))
    ) == str(bins)
    with pytest.raises(InputError, match="no such correction"):
        E.Binned("szt", correction="none-such")  # type: ignore[arg-type]


@few
@given(seed=st.integers(0, 1000), n=st.integers(8, 200))
def test_the_quadratic_extrapolation_is_that_of_exact_means_over_subsamples(
    seed: int, n: int
) -> None:
    """Means over many random subsamples approach the hypergeometric ones that it uses."""
    from infoplane.analysis.estimators.entropies import mean_subsample_entropy

    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 6, n)
    c = np.bincount(codes).astype(float)
    drawn = [entropy_bits(np.bincount(rng.permutation(codes)[: n // 2])) for _ in range(300)]
    exact = mean_subsample_entropy(c[c > 0], n, n // 2)
    assert abs(np.mean(drawn) - exact) < 5 * np.std(drawn) / np.sqrt(300) + 1e-9
    assert mean_subsample_entropy(c[c > 0], n, n) == pytest.approx(entropy_bits(c.astype(int)))
