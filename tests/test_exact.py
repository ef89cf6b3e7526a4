"""Exact codes of rows."""

from __future__ import annotations

import pytest

import infoplane as ip
from infoplane.analysis.estimators import Exact


def test_which_side_is_continuous_does_not_matter_to_exact_codes() -> None:

    z, y = ip.continuous([[0.0], [1.0], [1.0], [2.0]]), ip.discrete([0, 1, 1, 0])
    there, back = Exact().estimate(z, y), Exact().estimate(y, z)
    assert (
        there.bits == back.bits == pytest.approx(1.0)
        and there.ceiling_bits == back.ceiling_bits
        and there.coverage == back.coverage
    )
    both = Exact().estimate(ip.continuous([[0.0], [1.0], [1.0], [3.0]]), z)
    assert both.bits == pytest.approx(1.5)
