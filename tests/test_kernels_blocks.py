"""Rows in blocks, from memory and from disk."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.kernels.blocks import (
    Centred,
    Held,
    Spilled,
    mean_of,
    rows_per_block,
    starting,
)


def test_rows_in_blocks_are_centred_sorted_and_read_back_from_memory_and_from_disk() -> None:

    rng = np.random.default_rng(20)
    z = (rng.normal(size=(9001, 3)) + 100).astype(np.float32)
    order = np.argsort(rng.integers(0, 4, 9001), kind="stable")
    assert [(start, len(block)) for start, block in starting(Held(z).blocks(4000))] == [
        (0, 4000),
        (4000, 4000),
        (8000, 1001),
    ]
    assert mean_of(Held(z)) == pytest.approx(z.astype(np.float64).mean(axis=0), abs=1e-9)
    expected = (z.astype(np.float64) - z.astype(np.float64).mean(axis=0))[order]
    for kind in (Centred, Spilled):
        kept = kind(Held(z), order, np.float64)
        assert kept.rows(0, 9001) == pytest.approx(expected, abs=1e-9) and kept.rows(
            500, 510
        ) == pytest.approx(expected[500:510], abs=1e-9)
        assert kept.norms == pytest.approx(
            (expected**2).sum(axis=1), abs=1e-9
        ) and kept.largest == pytest.approx((expected**2).sum(axis=1).max())
        assert kept.rows(8990, 9100).shape == (11, 3)
        kept.close()
    assert (
        rows_per_block(1, 4) == 1 << 25
        and rows_per_block(1 << 20, 8) == 4096
        and rows_per_block(0, 4) == 1 << 27
    )
    spilled = Spilled(Held(z), order, np.float32)
    assert spilled.size == (1 << 27) // 12 // 512 * 512
    spilled.close()
