"""The share of time that measuring a growing run may take."""

from __future__ import annotations

import pytest

from infoplane.analysis.measuring.follow import Budget


def test_a_budget_counts_from_its_start() -> None:
    assert Budget(
        0.1, busy=lambda: 3.0, clock=lambda: 20.0, start=10.0
    ).rest_seconds() == pytest.approx(20.0)
    assert Budget(0.1, busy=lambda: 1.0, clock=lambda: 20.0, start=10.0).rest_seconds() == 0.0
