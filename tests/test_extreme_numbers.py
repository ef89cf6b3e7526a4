"""Numbers at their edges: every estimator gives a finite estimate or a clear error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from builders import run_of

import infoplane as ip
from infoplane.archive import RunWriter, open_archive
from infoplane.archive.make_probe import make_probe
from infoplane.errors import CaptureError, InfoplaneError, InputError
from infoplane.hooks.replay import replay
from infoplane.types import LayerInfo, Variable

E = ip.estimators
CODES = [
    "bin:szt",
    "bin:saxe",
    "bin:saxe-paper",
    "bin:range,n=30",
    "bin:quantile,n=10",
    "bin:ebab,n=30",
    "exact",
]
KERNELS = [
    "kde:variance=0.1",
    "kde:relative=0.1",
    "renyi:alpha=1.01",
    "renyi:alpha=2",
    "dse:t=1",
    "hsic",
    "cka",
]
NEIGHBOURS = ["ksg:k=3", "ross:k=3", "mixed:k=3", "sliced:slices=3"]
OTHERS = ["gauss", "gauss:copula=true", "noisy:sigma=0.5,draws=20", "vinfo:family=linear"]
CRITICS = [
    f"{name}:batch=8,seeds=1,epochs=2" for name in ("infonce", "nwj", "mine", "smile", "ratio")
]
ALL = [*CODES, *KERNELS, *NEIGHBOURS, *OTHERS, *CRITICS]
SCALE_FREE = [
    "bin:quantile,n=10",
    "bin:range,n=30",
    "exact",
    "kde:relative=0.1",
    "renyi:alpha=2",
    "dse:t=1",
    "cka",
    *NEIGHBOURS,
    "gauss",
    "gauss:copula=true",
    "vinfo:family=linear",
]
N = 60
_rng = np.random.default_rng(0)
Z = _rng.normal(size=(N, 3))
Y = (Z[:, 0] + _rng.normal(size=N) > 0).astype(int)


def bits(spec: str, z: np.ndarray, y: np.ndarray) -> float:
    """I(Z;Y) by the estimator, through the gate that every array passes."""
    return (
        E.parse(spec).estimate(ip.continuous(z), ip.discrete(y), rng=np.random.default_rng(0)).bits
    )


def bits_or_words(spec: str, z: np.ndarray, y: np.ndarray) -> float | str:
    """The estimate, finite and in its bounds, or the words of our error, which say what was
    expected.
    """
    found: list[float] = []
    for a, b in ((z, y), (z, np.arange(len(z)))):
        try:
            value = bits(spec, a, b)
        except InfoplaneError as error:
            assert len(str(error)) > 30, (
                "an error must say what was expected, what came and what to do"
            )
            return str(error)
        assert np.isfinite(value)
        if spec in CODES:
            counts = np.unique(b, return_counts=True, axis=0)[1] / len(b)
            assert -1e-9 <= value <= -(counts @ np.log2(counts)) + 1e-9
        found.append(value)
    return found[0]


CASES: dict[str, tuple[np.ndarray, np.ndarray]] = {
    "denormal float64": (Z * 1e-312, Y),
    "denormal float32": ((Z * 1e-41).astype(np.float32), Y),
    "tiny": (Z * 1e-130, Y),
    "huge": (Z * 1e130, Y),
    "beyond squares": (Z * 1e200, Y),
    "largest float64": (np.sign(Z) * 1.7e308, Y),
    "largest float32": ((np.sign(Z) * 3.4e38).astype(np.float32), Y),
    "largest float16": (np.where(Z > 0, 65504, -65504).astype(np.float16), Y),
    "scales apart": (Z * np.array([1e-20, 1, 1e20]), Y),
    "far from zero": ((Z + 1e6).astype(np.float32), Y),
    "constant unit": (np.c_[Z[:, :2], np.full(N, 2.5)], Y),
    "duplicate units": (np.c_[Z, Z], Y),
    "atoms": (np.maximum(Z, 0), Y),
    "rows twice": (np.repeat(Z[: N // 2], 2, axis=0), np.repeat(Y[: N // 2], 2)),
    "one class": (Z, np.zeros(N, int)),
    "a class of one row": (Z, np.r_[np.zeros(N - 1, int), 1]),
    "classes of one row": (Z, np.arange(N)),
    "unbalanced": (
        np.tile(Z, (10, 1)) + _rng.normal(size=(600, 3)),
        np.r_[np.ones(3, int), np.zeros(597, int)],
    ),
    "huge labels": (Z, Y * (2**62)),
    "negative labels": (Z, Y - 5),
    "one unit": (Z[:, :1], Y),
    "binary units": ((Z > 0).astype(float), Y),
    **{f"{n} rows": (Z[:n], Y[:n]) for n in (1, 2, 3, 4, 5)},
}


@pytest.mark.parametrize("spec", ALL)
def test_every_edge_gives_a_finite_number_or_a_sentence(spec: str) -> None:
    for name, (z, y) in CASES.items():
        try:
            bits_or_words(spec, z, y)
        except BaseException as error:
            error.add_note(f"{spec} on {name}")
            raise


@pytest.mark.parametrize("spec", ALL)
def test_one_row_and_nothing_finite_are_refused(spec: str) -> None:
    assert isinstance(bits_or_words(spec, Z[:1], Y[:1]), str) or spec.startswith(
        ("noisy", "renyi", "dse")
    )
    for bad in (np.nan, np.inf, -np.inf):
        z = Z.copy()
        z[3, 1] = bad
        with pytest.raises(InputError, match="1 of 60 rows hold NaN or infinity; find the step"):
            bits(spec, z, Y)
    with np.errstate(over="ignore"):
        half = (Z * 1e6).astype(np.float16)
    with pytest.raises(InputError, match="rows hold NaN or infinity"):
        bits(spec, half, Y)


@pytest.mark.parametrize("spec", SCALE_FREE)
@pytest.mark.parametrize("scale", [1e-41, 1e-30, 1e-12, 1e12, 1e30])
def test_the_unit_of_the_activations_does_not_matter_to_what_is_scale_free(
    spec: str, scale: float
) -> None:
    scaled = (Z * scale).astype(np.float32)
    rescaled = (scaled.astype(np.float64) / scale).astype(
        np.float64
    )  # float32 keeps few bits of a denormal: compare like with like
    assert bits(spec, scaled, Y) == pytest.approx(bits(spec, rescaled, Y), abs=2e-4)


def test_a_scale_without_squares_is_refused_at_the_gate_and_float32_never_is() -> None:
    for scale in (1e-200, 1e200):
        with pytest.raises(
            InputError,
            match=r"largest value is .*, whose square no float64 can hold; multiply all values by "
            r"one constant",
        ):
            ip.continuous(Z * scale)
        with pytest.raises(InputError, match="no float64 can hold"):
            Variable("z", Z * scale, "continuous")
    for scale in (1e-44, 1e38):
        v = ip.continuous((np.sign(Z) * scale).astype(np.float32))
        assert v.values.dtype == np.float64 and np.array_equal(
            v.values, (np.sign(Z) * scale).astype(np.float32)
        )
    assert ip.continuous(Z.astype(np.float32)).values.dtype == np.float32
    assert ip.continuous(np.zeros((4, 1), np.float32)).values.dtype == np.float32


def test_cells_too_far_out_to_be_numbered_are_refused_and_never_wrapped() -> None:
    with pytest.raises(InfoplaneError, match="more than 2\\^62 cells; take a wider width"):
        bits("bin:saxe", Z * 1e30, Y)
    frozen = E.Binned("range", n=10).fit([ip.continuous(np.array([[0.0], [1e-20]]))])
    assert frozen.cells(ip.continuous(np.array([[1e30], [-1e30], [0.5e-20]]))).ravel().tolist() == [
        10,
        -1,
        5,
    ]


@pytest.mark.parametrize("spec", ALL)
def test_negative_zero_is_zero(spec: str) -> None:
    z = np.round(np.maximum(Z, 0), 1)
    negative = np.where(z == 0, -0.0, z)
    assert np.signbit(negative).sum() > 20
    assert bits_or_words(spec, negative, Y) == bits_or_words(spec, z, Y)


@pytest.mark.parametrize("spec", [*CODES, *KERNELS[:5], "mixed:k=3"])
def test_a_constant_layer_knows_nothing(spec: str) -> None:
    for value in (0.0, 0.7, -1e20, 1e-30):
        found = bits_or_words(spec, np.full((N, 3), value), Y)
        assert isinstance(found, str) or found == pytest.approx(
            0, abs=0.02 if spec.startswith("mixed") else 1e-9
        )


@pytest.mark.parametrize("spec", ALL)
def test_one_hot_and_text_labels_are_the_classes_they_name(spec: str) -> None:
    y = np.arange(N) % 3
    one = bits_or_words(spec, Z, y)
    for form in (
        np.eye(3, dtype=int)[y],
        np.eye(3, dtype=bool)[y],
        np.array(["cat", "dog", "owl"])[y],
        y.astype(float),
        y.astype(np.uint8),
    ):
        other = bits_or_words(spec, Z, form)
        assert other == one if isinstance(one, str) else other == pytest.approx(one, abs=1e-6)


def test_labels_of_several_columns_are_one_symbol_per_row() -> None:
    """The stated rule: a row of a multi-label table is one class, not several."""
    several = np.c_[Y, np.arange(N) % 3]
    assert bits("bin:szt", Z, several) == pytest.approx(
        bits("bin:szt", Z, Y * 3 + np.arange(N) % 3), abs=1e-12
    )


@pytest.mark.parametrize(
    ("y", "kind", "words"),
    [
        (
            Y.astype(float),
            None,
            "state y_kind='continuous' for a regression target, or y_kind='discrete'",
        ),
        (Y * 0.9 + 0.05, "discrete", "soft labels.*use their argmax"),
        (np.c_[1 - Y * 0.9, Y * 0.9], "discrete", "soft labels"),
        (
            np.where(Y == 0, np.nan, 1.0),
            "discrete",
            "NaN or infinity in 42 of 60 rows; every probe row needs a label",
        ),
        (np.array([0, "a", None] * 20, dtype=object), None, "mixed objects"),
        (Y.astype(complex), None, "got dtype complex128"),
        (Y[:, None] > np.zeros((1, 0)), None, ""),
    ],
)
def test_labels_that_are_no_classes_are_refused_by_a_stated_rule(
    y: np.ndarray, kind: str | None, words: str
) -> None:
    if y.size == 0:
        with pytest.raises(InputError):
            ip.discrete(y)
        return
    with pytest.raises(InputError, match=words):
        make_probe(Z, y, y_kind=kind)


@pytest.mark.parametrize(
    "spec",
    [s for s in [*CODES, *KERNELS, "mixed:k=3", "ksg:k=3", "gauss"] if not s.startswith("dse")],
)  # it compares random subsets of rows
def test_the_order_of_the_rows_does_not_matter_as_long_as_they_stay_paired(spec: str) -> None:
    order = np.random.default_rng(1).permutation(N)
    assert bits(spec, Z[order], Y[order]) == pytest.approx(bits(spec, Z, Y), abs=1e-5)


def test_labels_misaligned_by_one_row_are_found_by_the_self_check(tmp_path: Path) -> None:
    import shutil

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    x = torch.as_tensor(Z, dtype=torch.float32)
    with ip.Recorder(
        net, probe=(x, Y), to=tmp_path / "run", layers=["1", "2"], verbose=False
    ) as rec:
        assert rec.selfcheck().passed
        archive = open_archive(tmp_path / "run")
        with RunWriter.create(
            tmp_path / "off", layers=archive.infos, x=archive.x, y=np.roll(Y, 1), durable=False
        ) as writer:
            with writer.step(0) as shard:
                for layer in archive.layers:
                    shard.write(layer, archive.z(0, layer))
        found = rec.selfcheck(open_archive(tmp_path / "off"))
    assert not found.passed and "label" in str(found)
    shutil.rmtree(tmp_path / "off")


class Exponential(torch.nn.Module):
    """Its last unit is infinite where the scale is large."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.cat([rows, torch.exp(rows[:, :1].abs() * self.scale)], 1)


def network_with_exponential(scale: float = 1.0) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), Exponential(scale))


INPUTS = torch.linspace(-1, 2, 36).reshape(12, 3)


def test_a_self_check_finds_finite_numbers_where_the_network_gives_infinities(
    tmp_path: Path,
) -> None:
    net = network_with_exponential()
    options = {"layers": ["1"], "verbose": False, "chain": False}
    with ip.Recorder(net, probe=INPUTS, to=tmp_path / "run", **options) as rec:
        assert rec.selfcheck().passed
        net[1].scale = 1e6
        assert not rec.selfcheck().passed


def test_a_replay_refuses_finite_numbers_where_infinities_were_captured(tmp_path: Path) -> None:
    options = {"layers": ["1"], "verbose": False, "chain": False, "store": "weights"}
    with (
        pytest.warns(RuntimeWarning, match="NaN or infinity"),
        ip.Recorder(network_with_exponential(1e6), probe=INPUTS, to=tmp_path / "run", **options),
    ):
        pass
    with pytest.raises(CaptureError, match="differ from the captured ones"):
        replay(tmp_path / "run", network_with_exponential(), to=tmp_path / "again")


def test_an_import_is_refused_where_the_network_gives_infinities(tmp_path: Path) -> None:
    net = network_with_exponential(1e6)
    arrays = {"1": network_with_exponential()(INPUTS)}
    with pytest.raises(CaptureError, match="not what this network gives"):
        ip.from_arrays(arrays, x=INPUTS, to=tmp_path / "run", verify_with=net)


class RunningSums(torch.nn.Module):
    """A causal layer of which one unit is minus infinity, as masked scores are."""

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        masked = torch.full_like(stream[..., :1], -torch.inf)
        return torch.cat([stream.cumsum(1), masked], 2)


def test_a_causal_layer_with_infinities_has_prefixes_as_x(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Embedding(9, 4), RunningSums())
    ids = torch.arange(30).reshape(6, 5) * 7 % 9
    options = {"rows": "token", "layers": ["1"], "verbose": False, "chain": False}
    with (
        pytest.warns(RuntimeWarning, match="NaN or infinity"),
        ip.Recorder(net, probe=ids, to=tmp_path / "run", **options),
    ):
        pass
    assert open_archive(tmp_path / "run").row_info.x == "prefix"


@pytest.mark.parametrize("spec", [s for s in ALL if s not in CRITICS and not s.startswith("vinfo")])
def test_a_hundred_thousand_units_are_measured_or_refused(spec: str) -> None:
    """Twelve rows of them, of which the first tells the class."""
    z = np.random.default_rng(2).normal(size=(12, 100_000)).astype(np.float32)
    y = np.arange(12) % 2
    z[:, 0] += 100 * y
    found = bits_or_words(spec, z, y)
    if spec in ("exact", "bin:quantile,n=10", "kde:variance=0.1"):
        assert found == pytest.approx(1.0, abs=1e-6)


@pytest.mark.slow
def test_ten_thousand_layers_are_written_listed_and_measured(tmp_path: Path) -> None:
    layers = [LayerInfo(f"block.{i}", i, shape=(2,)) for i in range(10_000)]
    z = np.arange(8, dtype=np.float32).reshape(4, 2)
    with (
        RunWriter.create(
            tmp_path / "run", layers=layers, x=z, y=[0, 1, 0, 1], durable=False
        ) as writer,
        writer.step(0) as shard,
    ):
        for info in layers:
            shard.write(info.name, z + info.ordinal)
    archive = open_archive(tmp_path / "run")
    assert len(archive.layers) == 10_000 and archive.z(0, "block.9999")[0, 0] == 9999
    plane = ip.measure(archive, "exact", layers=list(archive.layers[::2500]))
    assert not plane.failures and all(
        p.bits == (2.0 if p.quantity == "i_xz" else 1.0) for p in plane
    )


def written(path: Path, z: np.ndarray, y: np.ndarray = Y) -> Path:
    return run_of(path, [{"l": z}], x=Z, y=y).path


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_measuring_a_layer_with_nan_fails_for_every_estimator_and_nowhere_becomes_a_number(
    tmp_path: Path, bad: float
) -> None:
    z = Z.astype(np.float32).copy()
    z[3, 1] = bad
    specs = [*CODES, *KERNELS, *NEIGHBOURS, *OTHERS]
    plane = ip.measure(written(tmp_path / "run", z), specs)
    assert not plane.points and {f.estimator for f in plane.failures} >= {
        str(E.parse(s)) for s in specs
    }
    assert all("NaN or infinity" in f.message for f in plane.failures)


def test_measuring_float16_layers_and_edges_of_float32_gives_points_or_reasons(
    tmp_path: Path,
) -> None:
    for name in (
        "denormal float32",
        "largest float32",
        "largest float16",
        "constant unit",
        "atoms",
    ):
        z, y = CASES[name]
        run = written(
            tmp_path / name.replace(" ", "-"),
            z if z.dtype != np.float64 else z.astype(np.float32),
            y,
        )
        plane = ip.measure(run, [*CODES, *KERNELS, "mixed:k=3"])
        assert plane.points and all(np.isfinite(p.bits) for p in plane)
        assert all(len(f.message) > 30 for f in plane.failures)
