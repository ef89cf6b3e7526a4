"""Standard errors and nulls against what they promise: coverage over draws, a null that contains the null."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.errorbars import Null, Resampled, half_sample_stderr, null_of, permutation_null
from infoplane.errors import InputError
from infoplane.types import Estimate, continuous, discrete


def test_the_half_sample_error_of_a_mean_is_the_textbook_error() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    se = half_sample_stderr(lambda rows: float(x[rows].mean()), 1000, splits=400, rng=rng)
    assert se == pytest.approx(x.std() / np.sqrt(1000), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["ksg:k=5", "mixed:k=5", "gauss", "gauss:copula=true"])
def test_nominal_95_percent_intervals_cover_between_90_and_99_percent(spec: str) -> None:
    rng = np.random.default_rng(5)
    estimator = Resampled(ip.estimators.parse(spec), 20)
    truth, inside = -0.5 * np.log2(1 - 0.6**2), 0
    for _ in range(200):
        x = rng.normal(size=600)
        e = estimator.estimate(continuous(x), continuous(0.6 * x + 0.8 * rng.normal(size=600)), rng=rng)
        inside += bool(e.low is not None and e.high is not None and e.low <= truth <= e.high)
    assert 0.90 <= inside / 200 <= 0.99


def test_the_null_of_independent_labels_contains_the_value_and_of_dependent_ones_does_not() -> None:
    rng = np.random.default_rng(1)
    z, y = continuous(rng.normal(size=(300, 2))), discrete(rng.integers(0, 2, 300))
    free = permutation_null(ip.estimators.Binned("szt"), z, y, draws=99, rng=rng)
    assert free.p > 0.05 and free.low > 0.2  # bins report a fifth of a bit and more about labels that they never saw
    told = permutation_null(ip.estimators.Binned("szt"), continuous(z.values * 0 + y.values + 0.01 * z.values), y, draws=99, rng=rng)
    assert told.p == pytest.approx(0.01)


def test_p_values_under_the_null_are_uniform() -> None:
    rng = np.random.default_rng(2)
    ps = []
    for _ in range(200):
        a, b = discrete(rng.integers(0, 4, 80)), discrete(rng.integers(0, 3, 80))
        ps.append(permutation_null(ip.estimators.Plugin(), a, b, draws=39, rng=rng).p)
    assert np.mean(np.array(ps) <= 0.05) <= 0.1 and 0.4 < np.mean(ps) < 0.6


def test_measure_fills_bars_and_nulls_and_leaves_the_values_alone(tmp_path: Path) -> None:
    x, y = ip.data.digits.load()
    net = ip.data.digits.network("tanh", seed=0)
    with ip.Recorder(net, probe=(x[:200], y[:200]), to=tmp_path / "run", verbose=False):
        pass
    specs = ["bin:saxe,width=0.5", "kde:relative=0.1", "exact"]
    plain = ip.measure(tmp_path / "run", specs)
    full = ip.measure(tmp_path / "run", specs, errorbars=5, null=9)
    again = ip.measure(tmp_path / "run", specs, errorbars=5, null=9, resume=False)
    assert [p.bits for p in plain] == [p.bits for p in full]
    assert [p.estimate for p in again] == [p.estimate for p in full]
    assert all(p.estimate.stderr is not None and p.estimate.low is not None for p in full)
    nulls = [null_of(p.estimate) for p in full if p.quantity == "i_zy"]
    assert all(n is not None and n.draws == 9 and n.low <= n.mean <= n.high for n in nulls)
    assert all(null_of(p.estimate) is None for p in full if p.quantity == "i_xz")


def test_a_null_survives_its_note() -> None:
    null = Null(0.1234, 0.1, 0.15, 0.02, 49)
    assert null_of(Estimate(1.0, 10, "x", notes=("other", str(null)))) == null
    assert null_of(Estimate(1.0, 10, "x")) is None


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="at least 8 rows"):
        half_sample_stderr(lambda rows: 0.0, 7, rng=np.random.default_rng(0))
