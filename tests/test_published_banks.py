"""Published banks: each truth again, as the mean log ratio of densities."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr, ndtri
from typer.testing import CliRunner

from infoplane.analysis.calibrate import (
    BANKS,
    Calibration,
    Case,
    Trial,
    bank_scores,
    calibrate,
    choose,
    task_scores,
)
from infoplane.cli import app
from infoplane.errors import InputError

LN2 = math.log(2)
ROWS = 6000
Ratio = Callable[[np.ndarray, np.ndarray], np.ndarray]


def normal_ratio(covariance: np.ndarray) -> Ratio:
    dim = len(covariance) // 2

    def ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        joint = stats.multivariate_normal(cov=covariance).logpdf(np.hstack([x, y]))
        first = stats.multivariate_normal(cov=covariance[:dim, :dim]).logpdf(x)
        return joint - first - stats.multivariate_normal(cov=covariance[dim:, dim:]).logpdf(y)

    return ratio


def student_ratio(scatter: np.ndarray, dof: int) -> Ratio:
    dim = len(scatter) // 2
    one = stats.multivariate_t(shape=np.eye(dim), df=dof)

    def ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        joint = stats.multivariate_t(shape=scatter, df=dof).logpdf(np.hstack([x, y]))
        return joint - one.logpdf(x) - one.logpdf(y)

    return ratio


def pairs(correlation: float, count: int, dim: int) -> np.ndarray:
    block = np.diag([correlation] * count + [0.0] * (dim - count))
    return np.block([[np.eye(dim), block], [block, np.eye(dim)]])


def dense(dim: int) -> np.ndarray:
    return np.where(np.eye(2 * dim) > 0, 1.0, 0.5)


def half_cube_back(v: np.ndarray) -> np.ndarray:
    return np.sign(v) * np.abs(v) ** (2 / 3)


def spiral_back(first: int, second: int, speed: float) -> Callable[[np.ndarray], np.ndarray]:
    """Turn back, as complex numbers."""

    def back(v: np.ndarray) -> np.ndarray:
        turned = (v[:, first] + 1j * v[:, second]) * np.exp(-1j * speed * (v**2).sum(axis=1))
        out = v.copy()
        out[:, first], out[:, second] = turned.real, turned.imag
        return out

    return back


def by_table(f: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Invert an increasing function by interpolation."""
    grid = np.linspace(-8, 8, 400_001)
    return lambda v: np.interp(v, f(grid), grid)


def wiggly_x(x: np.ndarray) -> np.ndarray:
    return x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)


def wiggly_y(x: np.ndarray) -> np.ndarray:
    waves = 0.17 * np.sin(1.3 * x + 3.5) + 0.02 * np.sin(4.3 * x - 2.5)
    return x - 0.4 * np.sin(0.4 * x) + waves


def unrolled(v: np.ndarray) -> np.ndarray:
    radius = 21 * np.hypot(v[:, :1], v[:, 1:])
    return ndtri((radius / (1.5 * math.pi) - 1) / 2)


def log_ratios(case: Case, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The log ratio of densities in nats by the words of a task's name."""
    name = case.name
    dim = int(re.search(r"(\d+) ×", name).group(1))  # type: ignore[union-attr]  # in every name
    if name.startswith("Uniform"):
        width = 2 * float(re.search(r"=([\d.]+)", name).group(1))  # type: ignore[union-attr]  # in the name
        covered = np.minimum(y + width / 2, 1) - np.maximum(y - width / 2, 0)
        return -np.log(covered[:, 0])
    if "Student" in name:
        if name.startswith("Asinh"):
            x, y = np.sinh(x), np.sinh(y)
        return student_ratio(np.eye(2 * dim), int(name[-2]))(x, y)
    if name.startswith("Swiss"):
        return normal_ratio(pairs(0.75, 1, 1))(unrolled(x), ndtri(y))
    if name.startswith("Spiral"):
        x, y = spiral_back(0, 1, 1 / dim)(x), spiral_back(1, 2, 1 / dim)(y)
    if "Normal CDF" in name:
        x, y = ndtri(x), ndtri(y)
    if "Half-cube" in name:
        x, y = half_cube_back(x), half_cube_back(y)
    if "Wiggly" in name:
        x, y = by_table(wiggly_x)(x), by_table(wiggly_y)(y)
    if "Bimodal" in name:
        x = ndtri(0.3 * ndtr(x) + 0.7 * ndtr(x - 5))
        y = ndtri(0.5 * ndtr(y + 1) + 0.5 * ndtr(y - 3))
    if "dense" in name:
        return normal_ratio(dense(dim))(x, y)
    return normal_ratio(pairs(0.8, 2, dim) if "2-pair" in name else pairs(0.75, 1, 1))(x, y)


def require_mean(ratios: np.ndarray, nats: float) -> None:
    deviation = ratios.std(ddof=1) / math.sqrt(len(ratios))
    assert abs(ratios.mean() - nats) < 4.5 * deviation + 1e-9


@pytest.mark.parametrize("case", BANKS["bmi1"].cases, ids=lambda case: case.name)
def test_a_task_of_beyond_normal_has_its_truth_as_a_mean_log_ratio(case: Case) -> None:
    sample = case.sample(ROWS, 0)
    require_mean(log_ratios(case, sample.a.values, sample.b.values), case.bits * LN2)


def mixture_ratio(means: np.ndarray, covariances: np.ndarray) -> Ratio:
    """Log ratio of X, all units but the last, and Y, the last; equal weights."""

    def density(rows: np.ndarray, units: slice) -> np.ndarray:
        total = np.zeros(len(rows))
        for mean, covariance in zip(means, covariances, strict=True):
            part = stats.multivariate_normal(mean[units], covariance[units, units])
            total += part.pdf(rows) / len(means)
        return total

    def ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        joint = density(np.hstack([x, y]), slice(None))
        return np.log(joint / density(x, slice(0, -1)) / density(y[:, 0], slice(-1, None)))

    return ratio


def shells(dim: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    deviations = np.arange(1, count + 1)
    means = np.zeros((count, dim + 1))
    means[:, -1] = deviations
    return means, np.stack([np.diag([s**2] * dim + [1e-4]) for s in deviations])


def strokes() -> tuple[np.ndarray, np.ndarray]:
    lean = 0.95 * math.sqrt(0.2) * 0.2
    centres = [(1, 0), (1, 1), (1, -1), (-0.8, -0.2), (-1.2, 0), (-0.4, 0)]
    forms = [(0.01, 0, 0.2), (0.05, 0, 0.001), (0.05, 0, 0.001), (0.03, 0, 0.001)]
    forms += [(0.04, lean, 0.2), (0.04, -lean, 0.2)]
    return np.array(centres, float), np.array([[[a, b], [b, c]] for a, b, c in forms])


def inlier_ratio(dim: int, share: float) -> Ratio:
    signal = normal_ratio(pairs(0.8, 2, dim))
    return lambda x, y: np.log((1 - share) * np.exp(signal(x, y)) + share)


WAVES = np.array([[1.5 * i, 0, 1.5 * (i % 4)] for i in range(12)])
GALAXY = (np.array([[-1.5] * 3, [1.5] * 3]), np.stack([np.eye(3)] * 2))
CROSS = np.array([[[1, 0.9], [0.9, 1]], [[1, -0.9], [-0.9, 1]]])


def waves_back(x: np.ndarray) -> np.ndarray:
    second = 2 * x[:, 1]
    return np.stack([10 * (x[:, 0] + 0.8) - 5 * np.sin(3 * second), second], axis=1)


SECOND_VERSION: dict[str, tuple[Ratio, Callable[[np.ndarray], np.ndarray]]] = {
    "X 1 × 1": (mixture_ratio(np.zeros((2, 2)), CROSS), np.asarray),
    "AI 1 × 1": (mixture_ratio(*strokes()), np.asarray),
    "Waves 2 × 1": (mixture_ratio(WAVES, np.stack([np.diag([0.1, 1, 0.1])] * 12)), waves_back),
    "Galaxy 2 × 1": (mixture_ratio(*GALAXY), spiral_back(0, 1, 0.5)),
    **{
        f"Concentric {dim} × 1 ({count} components)": (
            mixture_ratio(*shells(dim, count)),
            np.asarray,
        )
        for dim, count in ((3, 5), (5, 5), (3, 10), (5, 10), (25, 5))
    },
    "Multinormal 5 × 5 (sparse, 20% inliers)": (inlier_ratio(5, 0.2), np.asarray),
    "Multinormal 25 × 25 (sparse, 20% inliers)": (inlier_ratio(25, 0.2), np.asarray),
    "Multinormal 5 × 5 (sparse, 50% inliers)": (inlier_ratio(5, 0.5), np.asarray),
    "Multinormal 25 × 25 (sparse, 50% inliers)": (inlier_ratio(25, 0.5), np.asarray),
}


@pytest.mark.parametrize("case", BANKS["bmi2"].cases, ids=lambda case: case.name)
def test_a_mixture_of_the_second_version_has_its_truth_as_a_mean_log_ratio(case: Case) -> None:
    ratio, back = SECOND_VERSION[case.name]
    sample = case.sample(ROWS, 0)
    require_mean(ratio(back(sample.a.values), sample.b.values), case.bits * LN2)


def sweep_ratio(name: str, nats: float, dim: int) -> Ratio:
    """Log ratio by the words of a name of the mutinfo sweep."""
    from scipy.optimize import brentq
    from scipy.special import digamma

    each = nats / dim
    correlation = math.sqrt(1 - math.exp(-2 * each))
    if "normal" in name:
        return normal_ratio(pairs(correlation, dim, dim))
    if "correlated uniform" in name:
        return lambda x, y: normal_ratio(pairs(correlation, dim, dim))(ndtri(x), ndtri(y))
    if "gamma" in name:
        shape = float(brentq(lambda a: digamma(a) - math.log(a) + 1 / a - each, 1e-6, 1e6))

        def lomax(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            marginal = math.log(shape) + y - (shape + 1) * np.logaddexp(0, y)
            return (x + y - np.exp(x + y) - marginal).sum(axis=1)

        return lomax
    width = float(brentq(lambda e: e - math.log(2 * e) - each, 1e-9, 0.5)) if each > 0.5 else None
    half = 0.25 / each if width is None else width

    def smoothed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        y = y * half if half > 1 else y
        covered = np.minimum(y + half, 1) - np.maximum(y - half, 0)
        return -np.log(covered).sum(axis=1)

    return smoothed


SWEPT = ("correlated normal", "correlated uniform", "smoothed uniform", "log gamma-exponential")


@pytest.mark.parametrize("name", SWEPT)
@pytest.mark.parametrize(("nats", "dim"), [(1, 1), (1, 3), (4, 2), (7, 1), (10, 3)])
def test_a_swept_distribution_has_its_truth_as_a_mean_log_ratio(
    name: str, nats: int, dim: int
) -> None:
    (case,) = choose([f"{name} {dim}+{dim}, {nats} nats"], bank="mutinfo")
    assert case.bits == pytest.approx(nats / LN2)
    sample = case.sample(ROWS, 0)
    ratios = sweep_ratio(name, nats, dim)(sample.a.values, sample.b.values)
    require_mean(ratios[np.isfinite(ratios)], nats)
    assert np.isfinite(ratios).mean() > 0.999  # ranks of 1 have no quantile


@pytest.mark.parametrize(("nats", "dim", "dof"), [(1, 1, 1), (2, 2, 1), (5, 3, 2), (10, 2, 2)])
def test_swept_student_vectors_have_their_truth_as_a_mean_log_ratio(
    nats: int, dim: int, dof: int
) -> None:
    (case,) = choose([f"correlated Student (dof={dof}) {dim}+{dim}, {nats} nats"], bank="mutinfo")
    sample = case.sample(ROWS, 0)
    common = stats.multivariate_t(shape=np.eye(2 * dim), df=dof).rvs(40_000, random_state=3)
    free = student_ratio(np.eye(2 * dim), dof)(common[:, :dim], common[:, dim:]).mean()
    correlation = math.sqrt(1 - math.exp(-2 * (nats - free) / dim))
    scatter = pairs(correlation, dim, dim)
    ratios = student_ratio(scatter, dof)(sample.a.values, sample.b.values)
    assert ratios.mean() == pytest.approx(nats, abs=0.05)


@pytest.mark.parametrize("nats", [0, 1, 2, 5])
def test_the_cells_of_a_quantised_normal_have_the_entropy_asked_for(nats: int) -> None:
    (case,) = choose([f"quantised normal 1+label, {nats} nats"], bank="mutinfo")
    sample = case.sample(40_000, 0)
    shares = np.bincount(sample.b.values.ravel()) / 40_000
    shares = shares[shares > 0]
    assert -(shares * np.log(shares)).sum() == pytest.approx(nats, abs=0.02)
    order = np.argsort(sample.a.values[:, 0])
    assert (np.diff(sample.b.values.ravel()[order]) >= 0).all()


def test_the_banks_hold_what_is_published() -> None:
    assert [len(BANKS[name].cases) for name in ("bmi1", "bmi2", "bmi")] == [40, 13, 53]
    names = [case.name for bank in ("bmi", "mutinfo") for case in BANKS[bank].cases]
    assert len(set(names)) == len(names)


def trial(case: str, estimator: str, seed: int, bits: float | None) -> Trial:
    return Trial(case, "1-D", estimator, 100, seed, 1.0 / LN2, bits)


def test_scores_of_tasks_are_means_over_draws_in_nats() -> None:
    found = Calibration(
        (
            trial("near", "e", 0, 1.0 / LN2),
            trial("near", "e", 1, 1.1 / LN2),
            trial("far", "e", 0, 1.3 / LN2),
            trial("far", "e", 1, None),
            trial("none", "e", 0, None),
        )
    )
    near, far, none = task_scores(found)
    assert near.nats == pytest.approx(1.05) and near.deviation_nats == pytest.approx(0.1 / 2**0.5)
    assert (far.error_nats, far.refused, far.trials) == (pytest.approx(0.3), 1, 2)
    assert (none.nats, none.error_nats) == (None, None)
    (whole,) = bank_scores((near, far, none))
    assert whole.error_nats == pytest.approx(0.175)
    assert whole.error_bits == pytest.approx(0.175 / LN2)
    assert (whole.within, whole.answered, whole.tasks) == (1, 2, 3)


def test_a_published_bank_is_drawn_at_its_own_size_and_by_seed() -> None:
    found = calibrate(["gauss"], ["Bivariate normal 1 × 1"], bank="bmi", seeds=2)
    assert [t.n for t in found.trials] == [5000, 5000]
    assert found.trials[0].bits != found.trials[1].bits


def test_the_command_prints_tasks_in_nats_and_bits() -> None:
    said = CliRunner().invoke(
        app,
        ["calibrate", "--bank", "bmi", "-c", "Bivariate*", "-e", "gauss", "-n", "400"],
        env={"COLUMNS": "140"},
    )
    assert said.exit_code == 0, said.output
    assert "0.413" in said.output and "0.596" in said.output and "within 0.1 nat" in said.output
    listed = CliRunner().invoke(
        app, ["calibrate", "--bank", "mutinfo", "--list"], env={"COLUMNS": "140"}
    )
    assert "log gamma-exponential 3+3, 10 nats" in listed.output


def test_a_bank_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"no such bank: 'bim'; expected one of own, .*bmi, "):
        choose(bank="bim")
    with pytest.raises(InputError, match="no cases kept aside"):
        choose(judges=True, bank="bmi")
