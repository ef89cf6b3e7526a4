"""Estimates outside the possible range are refused, and a wrong model is reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.analysis.estimators.limits import require_possible
from infoplane.archive import RunWriter
from infoplane.errors import EstimatorError
from infoplane.types import Estimate, LayerInfo, Variable, continuous, discrete

POINTS = ["gauss", "gauss:copula=true", "knn", "mixed"]
few = settings(max_examples=8, deadline=None)


def estimate(spec: str, a: Variable, b: Variable) -> Estimate | None:
    """The estimate, or None where it is refused."""
    try:
        return ip.estimators.parse(spec).estimate(a, b, rng=np.random.default_rng(0))
    except EstimatorError:
        return None


@few
@given(
    gap=st.floats(0, 200),
    classes=st.integers(2, 5),
    dim=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_no_fit_gives_more_than_the_entropy_of_the_labels(
    gap: float, classes: int, dim: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y = np.arange(400) % classes
    z = rng.normal(size=(400, dim)) + gap * y[:, None]
    for spec in ("gauss", "gauss:copula=true"):
        found = estimate(spec, continuous(z), discrete(y))
        assert found is None or -0.2 < found.bits < np.log2(classes) + 0.2


@pytest.mark.parametrize("spec", ["gauss", "gauss:copula=true"])
def test_a_copied_variable_is_refused_and_not_given_more_than_the_rows_can_show(spec: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    z = x + 1e-5 * rng.normal(size=x.shape)
    with pytest.raises(EstimatorError, match=r"log2 N|singular"):
        ip.estimators.parse(spec).estimate(continuous(x), continuous(z))


@pytest.mark.parametrize("bits", [-0.5, 1.5])
def test_the_gate_refuses_beyond_the_range_and_names_the_remedy(bits: float) -> None:
    e = Estimate(bits, 100, "mine", stderr=0.05)
    with pytest.raises(EstimatorError, match="no information can be; take another"):
        require_possible(e, ceiling=1.0, ceiling_words="H(y)", remedy="take another")


def test_the_gate_grants_four_standard_errors() -> None:
    e = Estimate(1.15, 100, "mine", stderr=0.05)
    assert require_possible(e, ceiling=1.0, ceiling_words="H(y)", remedy="") is e


@pytest.mark.parametrize(
    "spec",
    [*POINTS, "renyi:alpha=2", "exact", "bin:quantile,n=4", "hsic", "cka", "kde:relative=0.3"],
)
@few
@given(dead=st.integers(1, 4), value=st.sampled_from([0.0, -1.5, 1e6]), seed=st.integers(0, 999))
def test_constant_units_change_nothing(spec: str, dead: int, value: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = discrete(np.arange(120) % 2)
    z = rng.normal(size=(120, 2)) + y.values
    with_dead = np.concatenate([z, np.full((120, dead), value)], axis=1)
    here, there = (estimate(spec, continuous(v), y) for v in (z, with_dead))
    assert here is not None and there is not None
    assert there.bits == pytest.approx(here.bits, abs=1e-5)


@pytest.mark.parametrize("spec", ["gauss", "gauss:copula=true"])
def test_a_constant_layer_is_no_information_of_a_gaussian(spec: str) -> None:
    found = estimate(spec, continuous(np.ones((50, 2))), discrete(np.arange(50) % 2))
    assert found is not None and found.bits == 0 and "constant" in found.notes[0]


def circle(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.cos(angle) + 0.1 * rng.normal(size=n), np.sin(angle) + 0.1 * rng.normal(size=n)


def parabola(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=n)
    return x, x**2 + 0.1 * rng.normal(size=n)


def heavy(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    both = rng.normal(size=(n, 2)) / np.sqrt(rng.chisquare(2, size=(n, 1)) / 2)
    return both[:, 0], both[:, 1]


def step(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=n)
    return x, np.sign(x) + 0.3 * rng.normal(size=n)


@pytest.mark.parametrize("spec", ["gauss", "gauss:copula=true"])
@pytest.mark.parametrize("make", [circle, parabola, heavy, step])
def test_a_gaussian_says_when_the_rows_speak_against_it(spec: str, make: object) -> None:
    for seed in range(5):
        a, b = make(np.random.default_rng(seed), 600)  # type: ignore[operator]  # of the table
        found = estimate(spec, continuous(a), continuous(b))
        assert found is not None and any("not Gaussian" in note for note in found.notes)


@pytest.mark.parametrize("spec", ["gauss", "gauss:copula=true"])
@pytest.mark.parametrize(("n", "dim"), [(60, 1), (300, 2), (800, 5)])
def test_a_gaussian_is_not_told_that_it_is_none(spec: str, n: int, dim: int) -> None:
    said = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, dim))
        found = estimate(spec, continuous(x), continuous(x + 2 * rng.normal(size=x.shape)))
        said += found is None or any("not Gaussian" in note for note in found.notes)
    assert said <= 2


@pytest.mark.parametrize("correction", ["cwj", "chao-shen", "grassberger", "jackknife", "mm"])
def test_a_correction_of_lone_rows_is_refused(correction: str) -> None:
    rng = np.random.default_rng(0)
    a, b = (continuous(rng.normal(size=(500, 20))) for _ in range(2))
    with pytest.raises(EstimatorError, match="alone in their pair of cells"):
        ip.estimators.parse(f"bin:quantile,n=4,correction={correction}").estimate(a, b)


@pytest.mark.parametrize("spec", ["plugin", "exact", "plugin:population"])
def test_a_spec_names_an_estimator_of_conditional_information(spec: str) -> None:
    a, b = discrete([0, 0, 1, 1] * 20), discrete([0, 1, 0, 1] * 20)
    xor = discrete([0, 1, 1, 0] * 20)
    by_name = ip.conditional_information(spec, a, b, xor)
    assert by_name == ip.conditional_information(ip.estimators.parse(spec), a, b, xor)
    assert by_name.bits == pytest.approx(1, abs=0.05)


def recorded(to: Path, **options: object) -> ip.Archive:
    torch.manual_seed(0)
    x = torch.randn(300, 4)
    net = torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(6, 2)
    )
    with ip.Recorder(net, probe=(x, (x[:, 0] > 0).long()), to=to, verbose=False, **options):
        pass
    return ip.open_archive(to)


def test_exact_of_a_reduced_layer_says_that_it_saw_the_whole(tmp_path: Path) -> None:
    archive = recorded(tmp_path / "r", reduce={"1": "pca:2"}, layers=["1", "3"])
    plane = ip.measure(archive, ["exact", "bin:szt"])
    said = {(p.layer, p.estimator): " ".join(p.estimate.notes) for p in plane}
    assert "of the whole layer, not of what pca:2 keeps" in said["1", "exact"]
    assert "whole layer" not in said["3", "exact"] + said["1", "bin:szt"]
    legend = ip.plot_plane(plane, estimator="exact").get_legend()
    assert legend is not None and any("[whole]" in t.get_text() for t in legend.get_texts())


def test_exact_of_a_layer_that_draws_noise_is_no_information_about_the_input(
    tmp_path: Path,
) -> None:
    archive = recorded(tmp_path / "r", mode="train", draws=2, layers=["1", "2"])
    plane = ip.measure(archive, "exact")
    assert {(p.layer, p.quantity) for p in plane} == {("1", "i_xz"), ("1", "i_zy"), ("2", "i_zy")}
    (point,) = plane.select(layer="2")
    assert "draws noise" in " ".join(point.estimate.notes)


def test_information_of_a_continuous_input_says_that_it_may_be_infinite(tmp_path: Path) -> None:
    plane = ip.measure(recorded(tmp_path / "r", layers=["3"]), ["knn"])
    (point,) = plane.select(quantity="i_xz")
    assert any("is infinite" in note for note in point.estimate.notes)


def test_a_matrix_of_layers_says_what_its_numbers_are_not(tmp_path: Path) -> None:
    found = ip.layer_information(recorded(tmp_path / "r", layers=["1", "2", "3"]), "knn")
    assert any("infinite" in text for text in found.caveats) and "note:" in str(found)
    assert ip.layer_information(tmp_path / "r", "exact").caveats == ()


def test_labels_of_nearly_every_row_are_told_on_the_plane(tmp_path: Path) -> None:
    from infoplane.analysis.caveats import caveats_of

    z = np.random.default_rng(0).normal(size=(200, 2))
    said = []
    for k, y in enumerate((np.arange(200) // 2 * 3, np.arange(200) % 4, np.arange(200))):
        with RunWriter.create(
            tmp_path / str(k), layers=[LayerInfo("z", 0, "Tanh", (2,))], x=z, y=y
        ) as run:
            with run.step(0) as shard:
                shard.append("z", z)
        said.append(
            " ".join(caveats_of(ip.measure(tmp_path / str(k), "bin:quantile,n=2")).warnings)
        )
    assert "nearly as many symbols as rows" in said[2] and "symbols as rows" not in said[1]


def test_planes_of_different_probe_sets_are_not_pooled(tmp_path: Path) -> None:
    from infoplane.analysis.studies.compare import pool

    planes = {}
    for k in range(3):
        rng = np.random.default_rng(k // 2)
        z, y = rng.normal(size=(80, 2)), np.arange(80) % 2
        with RunWriter.create(
            tmp_path / str(k), layers=[LayerInfo("z", 0, "Tanh", (2,))], x=z, y=y
        ) as run:
            with run.step(0) as shard:
                shard.append("z", z)
        planes[str(k)] = ip.measure(tmp_path / str(k), "bin:szt")
    assert pool({k: planes[k] for k in "01"})
    with pytest.raises(ip.errors.InputError, match="one probe set"):
        pool(planes)


def test_refusals_of_a_companion_nobody_asked_for_are_one_sentence(tmp_path: Path) -> None:
    from infoplane.analysis.studies.disagreement import without_refused

    z, y = np.random.default_rng(0).normal(size=(60, 30)), np.arange(60) % 2
    with RunWriter.create(
        tmp_path / "r", layers=[LayerInfo("z", 0, "Tanh", (30,))], x=z, y=y
    ) as run:
        with run.step(0) as shard:
            shard.append("z", z)
    plane, said = without_refused(
        ip.measure(tmp_path / "r", ["knn", "gauss:copula=true"]), ["gauss:copula=true"]
    )
    assert plane.failures == () and "added for comparison" in said


def zipf(symbols: int, kept: float) -> np.ndarray:
    """A joint table of two Zipf symbols, equal with probability ``kept``."""
    p = 1 / np.arange(1, symbols + 1)
    p /= p.sum()
    return kept * np.diag(p) + (1 - kept) * np.outer(p, p)


def dirichlet(rows: int, columns: int, concentration: float) -> np.ndarray:
    table = np.random.default_rng(5).gamma(concentration, size=(rows, columns))
    return table / table.sum()


TABLES = {
    "Zipf 200": (zipf(200, 0.7), 2000),
    "Zipf 12": (zipf(12, 0.4), 900),
    "30 x 20": (dirichlet(30, 20, 0.5), 500),
    "30 x 20 of many rows": (dirichlet(30, 20, 0.5), 3000),
    "3 x 3": (dirichlet(3, 3, 1.0), 120),
    "counts": (dirichlet(4, 25, 0.3), 300),
}


@pytest.mark.parametrize("correction", ["cwj", "grassberger", "mm"])
@pytest.mark.parametrize("name", TABLES)
def test_an_interval_of_a_table_holds_the_truth_or_is_not_given(name: str, correction: str) -> None:
    from infoplane.analysis.vocabulary import mutual_information

    table, n = TABLES[name]
    estimator = ip.estimators.parse(f"plugin:population,correction={correction}")
    held, given = 0, 0
    for seed in range(40):
        cell = np.random.default_rng(seed).choice(table.size, size=n, p=table.ravel())
        x, y = (discrete(part) for part in np.divmod(cell, table.shape[1]))
        e = estimator.estimate(x, y)
        given += e.low is not None
        if e.low is not None and e.high is not None:
            held += e.low <= mutual_information(table) <= e.high
        else:
            assert "no interval" in " ".join(e.notes)
    assert held >= 0.85 * given - 1


def test_exact_of_one_draw_of_a_random_layer_is_refused_by_the_certificate(tmp_path: Path) -> None:
    archive = recorded(tmp_path / "r", mode="train", layers=["1", "2"])
    plane = ip.measure(archive, "exact")
    assert {(p.layer, p.quantity) for p in plane} == {("1", "i_xz"), ("1", "i_zy"), ("2", "i_zy")}


@pytest.mark.parametrize("spec", ["gauss", "gauss:copula=true"])
def test_a_fit_that_the_rows_speak_against_gives_no_more_than_the_labels_have(spec: str) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    for cut in (2.0, 2.5):
        z = np.maximum(rng.normal(size=(400, 3)) + 1.2 * y[:, None] - cut, 0)
        found = estimate(spec, continuous(z), discrete(y))
        assert found is None or found.bits < 1.11
