"""What estimators declare about themselves, and how the program uses it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.dpi.layer_laws import tolerance_bits
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.estimators.spec import FAMILIES, families, parse, prefix_of, traits_of
from infoplane.archive import RunWriter, open_archive
from infoplane.contract import NO_PROMISES, Estimator, TakesNoise, Traits
from infoplane.errors import InputError, MissingProgram, SpecError
from infoplane.plane import Plane, Point
from infoplane.types import Chain, Estimate, LayerInfo

SPECS = [f"{prefix}:variance=0.1" if prefix == "kde" else prefix for prefix in FAMILIES]
DIMENSIONLESS = ("hsic", "cka", "dse")


@pytest.mark.parametrize("spec", SPECS)
def test_every_estimator_fits_the_contract_and_fills_its_row_of_the_table(spec: str) -> None:
    estimator = parse(spec)
    traits = estimator.traits
    assert isinstance(estimator, Estimator) and isinstance(traits, Traits)
    assert traits.target and traits.bound and traits.validity


@pytest.mark.parametrize("spec", ["knn", "ross", "ksg:k=3", "mixed"])
def test_neighbours_are_looked_at_beyond_a_fiftieth_of_a_bit(spec: str) -> None:
    assert tolerance_bits(Plane((), ("a",), 2), spec) == 0.02


def test_a_corrected_table_may_exceed_its_bounds_and_a_plain_one_may_not() -> None:
    plain = ("bin:szt", "exact", "plugin")
    corrected = ("bin:szt,correction=cwj", "plugin:population", "kde:variance=1", "knn")
    assert all(traits_of(spec).obeys_bounds for spec in plain)
    assert not any(traits_of(spec).obeys_bounds for spec in corrected)


def test_an_estimator_that_is_not_installed_promises_nothing() -> None:
    assert traits_of("of-another-package:k=3") is NO_PROMISES


@pytest.mark.parametrize("trait", ["family", "unit", "measures", "edges", "wants", "x_as"])
def test_a_trait_takes_its_own_words_only(trait: str) -> None:
    with pytest.raises(SpecError, match=f"trait {trait}: expected one of .*, got 'nonsense'"):
        Traits(**({"family": "other"} | {trait: "nonsense"}))  # type: ignore[arg-type]  # on purpose


@pytest.fixture
def broken_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The spec of an installed estimator whose entry point names a class that is not there."""
    installed = tmp_path / "broken_package-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-package\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[infoplane.estimators]\nlost = json:Lost\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "lost"


def test_a_plug_in_that_cannot_be_loaded_is_named_with_its_package(broken_plug_in: str) -> None:
    with pytest.raises(SpecError, match=r"'lost' of the package broken-package .*json:Lost"):
        parse(broken_plug_in)


def test_a_plug_in_that_cannot_be_loaded_hides_no_other(broken_plug_in: str) -> None:
    with pytest.warns(RuntimeWarning, match="broken-package"):
        known = families()
    assert set(FAMILIES) <= set(known) and broken_plug_in not in known


def test_what_is_no_estimator_is_refused_with_what_one_has() -> None:
    @dataclass(frozen=True)
    class WithoutTraits:
        name: str = "half"

        def estimate(self, a, b, *, rng=None) -> Estimate:
            return Estimate(0.0, a.n, self.name)

    with pytest.raises(SpecError, match="name, traits, supports and estimate"):
        parse(WithoutTraits())  # type: ignore[arg-type]  # on purpose


def plane_of(spec: str, values: tuple[float, float] = (9.0, 12.0)) -> Plane:
    points = tuple(
        Point(0, layer, quantity, Estimate(bits, 16, spec))
        for layer, bits in zip("ab", values, strict=True)
        for quantity in ("i_xz", "i_zy")  # type: ignore[misc]  # quantities
    )
    return Plane(points, ("a", "b"), 16, h_y_bits=1.0, h_x_bits=4.0)


@pytest.mark.parametrize("spec", DIMENSIONLESS)
def test_a_dimensionless_number_prints_no_bits(spec: str) -> None:
    rng = np.random.default_rng(0)
    z, y = ip.continuous(rng.normal(size=(40, 2))), ip.discrete(np.arange(40) % 2)
    estimate = parse(spec).estimate(z, y, rng=rng)
    assert estimate.unit == "none"
    assert str(estimate).split("(")[0].strip() == f"{estimate.bits:.4g}"


@pytest.mark.parametrize("spec", DIMENSIONLESS)
def test_no_law_of_bits_judges_a_dimensionless_number(spec: str) -> None:
    report = ip.check_dpi(plane_of(parse(spec).name))
    assert report.checked == 0 and not report.findings
    assert any("no bits" in limit for limit in report.limits)


def test_the_same_numbers_in_bits_are_judged() -> None:
    assert not ip.check_dpi(plane_of("bin:szt")).passed


@pytest.mark.parametrize("spec", DIMENSIONLESS)
def test_a_dimensionless_number_is_not_drawn_on_the_plane(spec: str) -> None:
    with pytest.raises(InputError, match="carries no bits"):
        ip.plot_plane(plane_of(parse(spec).name))


def test_a_plane_is_drawn_by_its_first_estimator_in_bits() -> None:
    both = plane_of("cka:kernel=linear").points + plane_of("bin:szt", (1.0, 2.0)).points
    axes = ip.plot_plane(Plane(both, ("a", "b"), 16))
    assert "bin:szt" in axes.get_xlabel()


def test_an_estimator_that_is_not_installed_is_known_by_its_estimates() -> None:
    point = Point(0, "a", "i_xz", Estimate(9.0, 16, "theirs", unit="none"))
    assert ip.check_dpi(Plane((point,), ("a",), 16, h_x_bits=4.0)).passed


def test_a_difference_of_bounds_says_that_it_is_none() -> None:
    z, y = ip.continuous(np.arange(8.0)), ip.discrete(np.arange(8) % 2)
    ids = ip.discrete(np.arange(8))
    kde = ip.estimators.KDE(variance=0.1)
    bounds = {
        (quantity, estimate.sense): estimate.bound
        for quantity, estimate in kde.estimate_plane_point(ids, z, y)
    }
    assert bounds == {
        ("i_xz", "upper"): "upper",
        ("i_xz", "lower"): "lower",
        ("i_zy", "upper"): "difference of bounds",
        ("i_zy", "lower"): "difference of bounds",
    }


@pytest.mark.parametrize(
    ("spec", "bound"),
    [("infonce", "lower"), ("nwj", "lower"), ("mine", "none"), ("smile", "none")],
)
def test_a_variational_number_says_whether_it_bounds(spec: str, bound: str) -> None:
    rng = np.random.default_rng(0)
    z, y = ip.continuous(rng.normal(size=(64, 1))), ip.discrete(np.arange(64) % 2)
    estimator = parse(f"{spec}:batch=8,seeds=1,hidden=2,epochs=1")
    assert estimator.estimate(z, y, rng=rng).bound == bound


@dataclass(frozen=True)
class UpperBins:
    """Bins whose points are called upper bounds, as those of a plug-in may be."""

    name = "theirs"
    traits = Traits("fixed bins", obeys_bounds=True)

    def __str__(self) -> str:
        return self.name

    def supports(self, a, b) -> bool:
        return True

    def codes(self, z) -> np.ndarray:
        return ip.estimators.Binned("saxe", width=0.5).codes(z)

    def estimate(self, a, b, *, rng=None) -> Estimate:
        found = ip.estimators.Binned("saxe", width=0.5).estimate(a, b)
        return Estimate(found.bits, a.n, self.name, "upper", target=found.target)


def test_an_excess_of_codes_is_tested_whatever_their_points_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infoplane.analysis.estimators.spec.family_of", lambda prefix: UpperBins)
    z = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    infos = [LayerInfo(name, k, "", (2,)) for k, name in enumerate("ab")]
    y = (z[:, 0] > 0).astype(int)
    chain = Chain(("a", "b"), (("no-path", "cut"), ("no-path", "no-path")), rows=200)
    run = RunWriter.create(tmp_path / "run", layers=infos, x=z, y=y, chain=chain, durable=False)
    with run as writer, writer.step(0) as shard:
        shard.write("a", z / 50 + 0.25)  # nearly all rows in one cell
        shard.write("b", z)
    archive = open_archive(tmp_path / "run")
    plane = ip.measure(archive, UpperBins(), resume=False)  # type: ignore[arg-type]  # an estimator
    report = ip.check_dpi(plane, DPISettings(permutations=99), archive=archive)
    judged = [f for f in report if f.law.startswith("I(Z;Y) pair")]
    assert judged and all(f.p is not None for f in judged)


def test_a_film_without_ffmpeg_names_the_program_and_the_way_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.animation import FFMpegWriter

    from infoplane.analysis.plot.animate import save_animation

    monkeypatch.setattr(FFMpegWriter, "isAvailable", lambda: False)
    with pytest.raises(
        MissingProgram, match=r"ffmpeg .* package manager, or write a \.gif"
    ) as said:
        save_animation(plane_of("bin:szt"), tmp_path / "film.mp4")
    assert "pip" not in str(said.value)


@pytest.mark.parametrize("spec", ["sliced", "renyi", "dse", "hsic", "cka"])
def test_what_is_no_shannon_information_says_so(spec: str) -> None:
    assert parse(spec).traits.measures == "other"


# keeps the chain, is free to grow with depth, takes X as values, has a Shannon truth, takes the
# layer without its noise
MARKS = {
    **dict.fromkeys(("exact", "plugin"), (True, False, False, True, False)),
    **dict.fromkeys(("bin", "ross", "kde:variance=1"), (False, False, False, True, False)),
    **dict.fromkeys(
        ("knn", "ksg", "mixed", "gauss", "infonce", "nwj", "mine", "smile", "ratio"),
        (False, False, True, True, False),
    ),
    **dict.fromkeys(("renyi", "dse"), (False, False, False, False, False)),
    **dict.fromkeys(("hsic", "cka"), (False, False, True, False, False)),
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


TABLE = Path(__file__).parents[1] / "docs" / "estimators.md"


def rows_of_the_table() -> list[tuple[list[str], str, str]]:
    """Specs, bound and chain of every row of the table in docs/estimators.md."""
    table = TABLE.read_text("utf-8").partition("keeps the chain?")[2].partition("\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    rows = []
    for line in lines:
        what, _, bound, chain, *_ = [cell.strip() for cell in line.strip("|").split(" | ")]
        rows.append((re.findall(r"`([^`]+)`", what.partition(" (")[0]), bound, chain))
    return rows


def test_every_family_has_its_place_in_the_table_of_the_documentation() -> None:
    named = {prefix_of(spec) for specs, _, _ in rows_of_the_table() for spec in specs}
    assert set(FAMILIES) <= named


@pytest.mark.parametrize(("specs", "bound", "chain"), rows_of_the_table())
def test_the_table_of_the_documentation_says_what_traits_say(
    specs: list[str], bound: str, chain: str
) -> None:
    for spec in specs:
        traits = traits_of(spec)
        assert traits is not NO_PROMISES, spec
        assert chain.startswith("yes") == traits.keeps_chain, spec
        assert chain.startswith("exempt") == traits.dpi_exempt, spec
        if bound == "none":
            assert "none" in traits.bound, spec
