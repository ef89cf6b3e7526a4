"""Kernel sums by blocks of rows against a float64 reference."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.kernels.block_sums import block_sums
from infoplane.analysis.kernels.pairwise import grouped_sums
from infoplane.analysis.kernels.threads import using


@pytest.mark.parametrize(
    ("n", "dim", "scale"),
    [(1, 3, 1.0), (40, 3, 1.0), (1100, 7, 0.3), (1300, 24, 1.0), (700, 24, 300.0)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_over_blocks_are_those_of_every_block_alone(
    n: int, dim: int, scale: float, dtype: type
) -> None:
    rng = np.random.default_rng([n, dim])
    z = (scale * rng.normal(size=(n, dim))).astype(dtype)
    blocks = rng.choice(
        [0, 1, 3, 4, 8], n, p=[0.6, 0.1, 0.1, 0.15, 0.05]
    )  # some are empty, the last too
    for s2 in (0.5 * dim, 4.0 * dim):
        sums, order = block_sums(z, s2, blocks, 10)
        assert sums.shape == (2, 10, n) and (np.diff(blocks[order]) >= 0).all()
        d = ((z[order, None].astype(float) - z[None].astype(float)) ** 2).sum(-1)
        for k, m in enumerate((4, 1)):
            each = np.exp(-d / (2 * m * s2))
            for b in range(10):
                np.testing.assert_allclose(
                    sums[k, b], each[:, blocks == b].sum(1), rtol=2e-6, atol=1e-8 * n
                )
        with using(1):
            np.testing.assert_array_equal(block_sums(z, s2, blocks, 10)[0], sums)


def test_the_variance_decides_how_exact_sums_over_blocks_are() -> None:
    rng = np.random.default_rng(7)
    rows = np.maximum(rng.normal(size=(100, 64)), 0) * 100
    near = rows.repeat(7, axis=0) + rng.normal(size=(700, 64)) * 5e-3
    z = near.astype(np.float32)
    halves = np.arange(700) % 2
    for s2 in (1e-3, 1e8):
        sums, rows = block_sums(z, s2, halves, 2)
        alone = grouped_sums(z, np.array([s2]), [halves])[0][rows, 0]
        np.testing.assert_allclose(sums.sum(axis=1).T, alone, rtol=1e-5)
