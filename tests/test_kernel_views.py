"""Kernel densities seen by the rows of a group."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators.kernel_views import (
    mean_square_distance,
    seen_of_logs,
    seen_of_sums,
    tables_of_halves,
)
from infoplane.analysis.kernels.blocks import Held


def test_what_is_seen_of_a_grouping_is_the_mean_of_what_its_rows_see() -> None:

    codes = np.array([0, 0, 1, 1, 1, 2])
    counts, rng = np.bincount(codes), np.random.default_rng(2)
    total, own = rng.uniform(3, 6, (6, 2)), rng.uniform(1, 2, (6, 2))
    rows = np.log2(own / counts[codes][:, None]) - np.log2(total / 6)
    seen = seen_of_sums(total, own, counts[codes], counts, 6)
    assert seen.bits == pytest.approx(rows.mean(axis=0)) and (
        seen.groups,
        seen.n,
        seen.compared,
        seen.spread,
    ) == (3, 6, 6, (0.0, 0.0))
    assert seen.group_bits == pytest.approx(1 / 3 * np.log2(3) + 1 / 2 + 1 / 6 * np.log2(6))
    drawn = seen_of_sums(total[1:4], own[1:4], counts[codes][1:4], counts, 6)
    assert drawn.bits == pytest.approx(rows[1:4].mean(axis=0)) and drawn.spread == pytest.approx(
        rows[1:4].std(axis=0, ddof=1)
    )
    assert drawn.compared == 3 and drawn.group_bits == seen.group_bits
    of_logs = seen_of_logs((np.log2(own) - np.log2(total)).sum(axis=0), (6, 3, seen.group_bits))
    assert (
        of_logs.bits == pytest.approx(seen.bits)
        and of_logs.group_bits == seen.group_bits
        and of_logs.compared == 6
    )
    halves = [codes != 1, codes < 1]
    of_codes = (
        [(3, 2, pytest.approx(np.log2(3) - 2 / 3)), (3, 1, 0.0)],
        [(2, 1, 0.0), (4, 2, pytest.approx(2 - 3 / 4 * np.log2(3)))],
    )
    assert tables_of_halves(codes, halves) == [list(sides) for sides in of_codes]
    assert tables_of_halves(np.arange(6), halves[:1]) == [[(3, 3, np.log2(3)), (3, 3, np.log2(3))]]
    z = np.random.default_rng(22).normal(size=(30, 4))
    d = ((z[:, None] - z[None]) ** 2).sum(axis=2)
    assert mean_square_distance(Held(z)) == pytest.approx(d.sum() / (30 * 29))
