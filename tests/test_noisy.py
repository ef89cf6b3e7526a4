"""The noisy channel: its draws, and the integral that it estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import NoisyChannel

INPUTS, IDS = ip.continuous(np.arange(6.0)), ip.discrete(np.arange(6))


@pytest.fixture(scope="module")
def drawn() -> list[ip.Estimate]:
    """Three hundred estimates of one channel, of four draws each."""
    channel = NoisyChannel(sigma=1.0, draws=4)
    return [channel.estimate(IDS, INPUTS, rng=np.random.default_rng(s)) for s in range(300)]


def test_the_standard_error_of_a_noisy_channel_is_the_spread_over_its_draws(
    drawn: list[ip.Estimate],
) -> None:
    spread = np.std([e.bits for e in drawn])
    assert np.sqrt(np.mean([e.stderr**2 for e in drawn])) == pytest.approx(spread, rel=0.15)  # type: ignore[operator]  # a number


def test_the_interval_of_a_noisy_channel_is_196_standard_errors(drawn: list[ip.Estimate]) -> None:
    first = drawn[0]
    assert (first.low, first.high) == pytest.approx(
        (first.bits - 1.96 * first.stderr, first.bits + 1.96 * first.stderr)  # type: ignore[operator]  # a number
    )


def test_the_ceiling_of_a_noisy_channel_is_the_entropy_of_its_inputs(
    drawn: list[ip.Estimate],
) -> None:
    assert drawn[0].ceiling_bits == pytest.approx(math.log2(6))


def test_a_noisy_channel_is_the_integral_over_its_mixture(drawn: list[ip.Estimate]) -> None:
    bits = [e.bits for e in drawn]
    t = np.linspace(-9, 14, 40001)
    p = stats.norm.pdf(t[:, None], np.arange(6.0)).mean(axis=1)
    truth = -(p * np.log2(p)).sum() * (t[1] - t[0]) - 0.5 * math.log2(2 * math.pi * math.e)
    assert np.mean(bits) == pytest.approx(truth, abs=4 * np.std(bits) / math.sqrt(300))


def test_a_single_draw_has_no_standard_error() -> None:
    one = NoisyChannel(sigma=1.0, draws=1).estimate(IDS, INPUTS, rng=np.random.default_rng(0))
    assert one.stderr is None and one.low is None and one.high is None


def test_the_spec_of_a_noisy_channel_leaves_the_default_number_of_draws_out() -> None:
    assert str(NoisyChannel(0.5, 8)) == "noisy:sigma=0.5"
    assert str(NoisyChannel(0.5, 9)) == "noisy:sigma=0.5,draws=9"


def test_the_axes_of_a_noisy_channel_say_its_noise() -> None:
    assert NoisyChannel(0.5).axis_label("i_zy", 7) == "I(Z;Y) [bits], noisy net sigma=0.5, N=7"
    assert "I(X;Z)" in NoisyChannel(0.5).axis_label("i_xz", 7)
