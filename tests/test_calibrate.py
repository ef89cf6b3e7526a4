"""A calibration run: known errors are found; order and number of workers change nothing."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import infoplane as ip
from infoplane.analysis.calibrate import Calibration, Case, Sample, Trial, calibrate
from infoplane.analysis.calibrate.run import given_to
from infoplane.analysis.estimators import Exact, NoisyChannel
from infoplane.cli import app
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Estimate, Variable, continuous


@dataclass(frozen=True)
class Constant:
    """Always says the same, with an interval of one bit; refuses on even draws when asked to."""

    bits: float
    refuse: bool = False
    traits = Traits("other")

    @property
    def name(self) -> str:
        return f"constant {self.bits:g}"

    def __str__(self) -> str:
        return self.name

    def supports(self, a: str, b: str) -> bool:
        return a == b == "continuous"

    def estimate(self, a: Variable, b: Variable, *, rng: np.random.Generator) -> Estimate:
        if self.refuse and a.values[0, 0] > 0:
            raise EstimatorError("not today")
        return Estimate(
            self.bits, a.n, self.name, low=self.bits - 0.5, high=self.bits + 0.5, stderr=0.25
        )


ONE_BIT = Case(
    "one bit",
    "1-D",
    lambda n, rng: Sample(continuous(rng.normal(size=n)), continuous(rng.normal(size=n))),
    lambda: 1.0,
    "said",
)
ENDLESS = Case("endless", "deterministic", ONE_BIT.draw, lambda: math.inf, "said")


def test_planted_errors_bias_and_coverage_are_found() -> None:
    found = calibrate([Constant(1.2), Constant(0.3)], [ONE_BIT], n=20, seeds=5)
    near, far = found.of("constant 1.2", "1-D"), found.of("constant 0.3", "one bit")
    assert (near.bias, near.error, near.coverage, near.intervals) == (
        pytest.approx(0.2),
        pytest.approx(0.2),
        1.0,
        5,
    )
    assert (far.bias, far.error, far.coverage) == (pytest.approx(-0.7), pytest.approx(0.7), 0.0)
    (parting,) = found.partings()
    assert (parting.low, parting.high, parting.truth_bits) == ("constant 0.3", "constant 1.2", 1.0)


def test_an_infinite_truth_has_no_error_and_a_refusal_is_counted_and_kept() -> None:
    found = calibrate([Constant(1.0, refuse=True)], [ONE_BIT, ENDLESS], n=20, seeds=8)
    assert found.of("constant 1", "deterministic").error is None
    score = found.of("constant 1", "one bit")
    assert 0 < score.refused < 8 and score.trials == 8 and score.error == 0.0
    assert {t.refusal for t in found.trials if t.bits is None} == {"not today"}


def test_geometric_numbers_have_no_error_against_a_shannon_truth() -> None:
    found = calibrate(["cka", "ksg"], ["Gaussian, r=0.5"], n=100, seeds=1)
    assert (
        found.of("cka:kernel=linear", "1-D").error is None
        and found.of("ksg:k=5", "1-D").error is not None
    )
    assert not found.partings()


def test_sample_propagation_gets_the_clean_layer_and_the_noise_of_the_case() -> None:
    found = calibrate(
        ["noisy", "mixed"], ["two noisy tanh layers, 8 inputs", "Gaussian, r=0.5"], n=400, seeds=2
    )
    assert {(t.estimator, t.case) for t in found.trials} == {
        ("noisy", "two noisy tanh layers, 8 inputs"),
        ("mixed:k=5", "two noisy tanh layers, 8 inputs"),
        ("mixed:k=5", "Gaussian, r=0.5"),
    }
    assert found.of("noisy", "noisy network").error < 0.08  # type: ignore[operator]  # a number


def test_workers_and_company_change_nothing() -> None:
    alone = calibrate(["sliced:slices=4"], ["vector"], n=60, seeds=2)
    beside = calibrate(["gauss", "sliced:slices=4"], ["vector", "1-D"], n=60, seeds=2, workers=2)
    assert {(t.case, t.seed): t.bits for t in alone.trials} == {
        (t.case, t.seed): t.bits
        for t in beside.trials
        if t.estimator == "sliced:slices=4" and t.family == "vector"
    }


def test_half_samples_give_intervals_where_there_are_none() -> None:
    bare, barred = (
        calibrate(["ksg"], ["Gaussian, r=0.5"], n=200, seeds=2, errorbars=k) for k in (0, 4)
    )
    assert bare.of("ksg:k=5", "1-D").coverage is None and barred.of("ksg:k=5", "1-D").intervals == 2
    assert [t.bits for t in bare.trials] == [t.bits for t in barred.trials]


def test_seeds_may_be_named_so_that_other_draws_can_judge() -> None:
    every, later = (
        calibrate(["gauss"], ["Gaussian, r=0.5"], n=60, seeds=seeds) for seeds in (4, range(2, 4))
    )
    assert [replace(t, seconds=0) for t in later.trials] == [
        replace(t, seconds=0) for t in every.trials[2:]
    ]
    with pytest.raises(InputError, match="at least 1 seed"):
        calibrate(["gauss"], seeds=())


def test_bad_requests_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1 seed, 8 rows and 1 estimator, got seeds=0"):
        calibrate(["ksg"], seeds=0)
    with pytest.raises(InputError, match="none of .*plugin.* supports the kinds"):
        calibrate(["plugin"], ["1-D"], n=50, seeds=1)
    with pytest.raises(InputError, match="no trials of 'x' on '1-D'"):
        calibrate(["gauss"], ["Gaussian, r=0"], n=50, seeds=1).of("x", "1-D")


def test_the_command_prints_draws_and_writes(tmp_path: Path) -> None:
    files = {end: tmp_path / f"c.{end}" for end in ("csv", "html", "png")}
    done = CliRunner().invoke(
        app,
        [
            *(
                "calibrate",
                "-e",
                "gauss",
                "-e",
                "ksg",
                "-c",
                "1-D",
                "-c",
                "deterministic",
                "-n",
                "100",
                "--seeds",
                "2",
                "--errorbars",
                "2",
            ),
            *("--csv", str(files["csv"]), "--html", str(files["html"]), "-o", str(files["png"])),
        ],
    )
    assert done.exit_code == 0, done.output
    assert "ksg:k=5" in done.output and "where estimators disagree" in done.output
    with files["csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 12 and {r["family"] for r in rows} == {"1-D", "deterministic"}
    page = files["html"].read_text("utf-8")
    assert (
        "data:image/png;base64," in page
        and "square plus noise" in page
        and "<script" not in page
        and "http" not in page.split("base64")[0]
    )
    assert files["png"].stat().st_size > 10_000
    listed = CliRunner().invoke(app, ["calibrate", "--list", "--judges", "-c", "label"])
    assert "ring against centre" in listed.output and "0.5309" in listed.output
    refused = CliRunner().invoke(app, ["calibrate", "-o", "x.bmp"])
    assert ".png, .svg, .pdf" in str(refused.exception)


def test_a_page_escapes_what_it_is_given(tmp_path: Path) -> None:
    trial = Trial(
        "<b>case</b>", "1-D", "<i>", 10, 0, 1.0, None, refusal="<script>alert(1)</script>"
    )
    page = Calibration((trial,)).write_html(tmp_path / "p.html").read_text("utf-8")
    assert "<script>" not in page and "&lt;b&gt;case" in page


BARS = [
    ("plugin:population", "discrete", 0.03, 3),
    ("ksg:k=5", "1-D", 0.04, 3),
    ("knn:k=5", "vector", 0.04, 2),
    ("ross:k=5", "label", 0.04, 2),
    ("knn:k=5", "label", 0.04, 2),
    ("knn:k=5", "mixed", 0.04, 2),
    ("noisy:draws=2", "channel", 0.03, 1),
    ("noisy:draws=2", "noisy network", 0.06, 1),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spec", "family", "bar", "seeds"),
    BARS,
    ids=[f"{spec} {family}" for spec, family, _, _ in BARS],
)
def test_mean_errors_on_the_bank_stay_below_their_bars(
    spec: str, family: str, bar: float, seeds: int
) -> None:
    (score,) = calibrate([spec], [family], seeds=seeds).scores()
    assert score.refused == 0 and score.error is not None and score.error <= bar


@pytest.mark.slow
def test_usable_information_of_labels_is_within_a_twentieth_of_a_bit() -> None:
    names = ["two normals, gap 3", "two spreads, 1 and 3", "exclusive or", "four blobs"]
    assert calibrate(["vinfo:family=mlp"], names, seeds=1).scores()[0].error <= 0.05  # type: ignore[operator]  # a number


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


TRIALS = (
    trial("e", 1.2, 0, low=0.9, high=1.5, seconds=1.0),
    trial("e", 0.9, 1, low=0.7, high=0.95, seconds=2.0),
    trial("e", None, 2, seconds=3.0),
    trial("e", 1.3, 3, low=1.0, high=1.6, low_dimensional=False, seconds=4.0),
)


def test_a_score_counts_its_trials_refusals_and_intervals() -> None:
    (score,) = Calibration(TRIALS).scores()
    assert (score.estimator, score.where) == ("e", "1-D")
    assert (score.trials, score.refused, score.intervals) == (4, 1, 2)
    assert score.seconds == 2.5 and score.coverage == 0.5


def test_a_score_is_the_mean_of_its_errors() -> None:
    (score,) = Calibration(TRIALS).scores()
    errors = np.array([0.2, -0.1, 0.3])
    assert score.bias == pytest.approx(errors.mean()) and score.error == pytest.approx(0.2)
    assert score.stderr == pytest.approx(np.abs(errors).std(ddof=1) / math.sqrt(3))


def test_a_single_trial_has_no_standard_error_and_a_refusal_no_error() -> None:
    one = Calibration(TRIALS[:1]).scores()[0]
    assert one.stderr is None and one.error == pytest.approx(0.2)
    assert Calibration(TRIALS[2:3]).scores()[0].error is None


def test_a_calibration_is_asked_by_estimator_and_case() -> None:
    found = Calibration(TRIALS)
    (score,) = found.scores()
    assert found.of("e", "case").bias == score.bias and len(found.rows()) == 4
    assert found.estimators == ("e",) and found.cases == ("case",)


def test_a_trial_is_covered_where_the_truth_lies_in_its_interval() -> None:
    first = TRIALS[0]
    assert [t.covered for t in TRIALS[:3]] == [True, False, None]
    assert replace(first, low=1.0).covered is True and replace(first, high=1.0).covered is True
    assert replace(first, low=None).covered is None


def test_a_trial_has_an_error_where_there_is_a_finite_truth() -> None:
    first = TRIALS[0]
    assert first.error == pytest.approx(0.2)
    assert replace(first, truth_bits=math.inf).error is None
    assert replace(first, shannon=False).error is None


def test_a_calibration_prints_a_row_per_score() -> None:
    row = str(Calibration(TRIALS)).splitlines()[1].split()
    assert row == ["1-D", "e", "0.2000", "+0.1333", "50.0%", "1/4"]
    refused = str(Calibration(TRIALS[2:3])).splitlines()[1].split()
    assert refused[2:5] == ["-", "-", "-"]


VALUES = np.array([-3.0, -1.5, -1.0, 0.0, 0.5, 1.0, 1.5, 2.5, 0.1, 0.2])


def test_sample_propagation_is_given_nothing_where_a_case_lacks_any_of_its_three_parts() -> None:

    v, ids = ip.continuous(VALUES), ip.discrete(np.arange(10))
    whole = Sample(v, v, ids, v, 0.5)
    given = given_to(NoisyChannel(), whole)
    assert given is not None and given[0].sigma == 0.5 and given[1:] == (ids, v)  # type: ignore[attr-defined]  # it has one
    for part in ("ids", "clean", "sigma"):
        assert given_to(NoisyChannel(), replace(whole, **{part: None})) is None
    assert given_to(Exact(), Sample(ids, ids)) == (Exact(), ids, ids)
