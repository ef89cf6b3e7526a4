"""Every case of the bank has the properties that its name states."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from infoplane.analysis.calibrate import CASES, JUDGES


@pytest.mark.parametrize(
    "case",
    [c for c in (*CASES, *JUDGES) if c.family in ("channel", "noisy network")],
    ids=lambda c: c.name,
)
def test_a_network_case_gives_the_layer_before_its_noise_and_the_input_behind_it(case) -> None:  # type: ignore[no-untyped-def]
    s = case.sample(800, 0)
    assert (
        s.ids is not None
        and s.clean is not None
        and s.sigma is not None
        and s.clean.values.shape == s.b.values.shape
    )
    noise = s.b.values - s.clean.values
    if (
        "linear layers" in case.name
    ):  # many draws of the hidden noise per input: the pair are fresh rows of the same law
        assert [len(np.unique(s.ids.values)), len(s.ids.values)] == [
            50,
            800,
        ] and s.clean.values.std() == pytest.approx(math.hypot(s.b.values.std(), 0), rel=0.35)
        within = s.clean.values.reshape(50, 16).std(axis=1).mean()
        assert 0.1 * s.sigma < within < 10 * s.sigma
        return
    assert noise.std() == pytest.approx(s.sigma, rel=0.1) and abs(
        noise.mean()
    ) < 5 * s.sigma / math.sqrt(noise.size)
    if s.a.kind == "continuous":
        for x in np.unique(s.ids.values)[:5]:  # one identity is one input
            assert len(np.unique(s.a.values[s.ids.values[:, 0] == x], axis=0)) == 1
    if "circle" in case.name:
        angle = np.arctan2(*s.a.values.T)
        assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.001


def test_a_case_is_what_its_name_says() -> None:

    for case in (*CASES, *JUDGES):
        s = case.sample(64, 0)
        if found := re.search(r"\b(\d+)\+(\d+)\b", case.name):
            assert (s.a.dim, s.b.dim) == (int(found[1]), int(found[2])), case.name
        if found := re.search(r"(?:map|layer|channel) (\d+) to (\d+)", case.name):
            assert (s.a.dim, s.b.dim) == (int(found[1]), int(found[2])), case.name
        if found := re.search(r"(\d+) x (\d+)", case.name):
            big = case.sample(20_000, 0)
            assert (len(np.unique(big.a.values)), len(np.unique(big.b.values))) == (
                int(found[1]),
                int(found[2]),
            ), case.name
        if found := re.search(r"(\d+) symbols", case.name):
            assert len(np.unique(case.sample(60_000, 0).a.values)) == int(found[1]), case.name
        if found := re.search(r"of (\d+) bits|(\d+) binary", case.name):
            assert s.a.dim == int(found[1] or found[2]), case.name
        if found := re.search(r"(\d+) inputs", case.name):
            assert len(np.unique(s.a.values)) == int(found[1]), case.name
        if (found := re.search(r"r=(-?[\d.]+)", case.name)) and case.family == "1-D":
            big = case.sample(60_000, 0)
            assert np.corrcoef(big.a.values[:, 0], big.b.values[:, 0])[0, 1] == pytest.approx(
                float(found[1]), abs=0.02
            ), case.name


@pytest.mark.slow
def test_intervals_are_held_to_their_coverage_where_the_case_says_so() -> None:
    """Two continuous units, or 256 cells; channels have estimators of their own."""
    for case in (*CASES, *JUDGES):
        s = case.sample(4000, 7)
        units = sum(
            v.values.reshape(v.n, -1).shape[1] for v in (s.a, s.b) if v.kind == "continuous"
        )
        few = (
            units <= 2 and case.finite
            if units
            else len(np.unique(s.a.values, axis=0)) * len(np.unique(s.b.values, axis=0)) <= 256
        )
        assert case.low_dimensional == (few and case.family not in ("channel", "noisy network")), (
            case.name
        )
