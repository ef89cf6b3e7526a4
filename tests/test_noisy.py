"""The noisy channel: its draws, and the integral that it estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import NoisyChannel


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
