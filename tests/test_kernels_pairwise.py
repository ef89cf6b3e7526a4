"""The pairwise pass against a float64 reference by differences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from infoplane.analysis.kernels import blocks
from infoplane.analysis.kernels.pairwise import (
    anchored_sums,
    gaussian_sums,
    grouped_sums,
)
from infoplane.analysis.kernels.threads import on_device, using

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(7)
N = 700  # more than one tile
CASES = {
    "tanh": np.tanh(RNG.normal(size=(N, 40))),
    "tanh, few units": np.tanh(RNG.normal(size=(N, 6))),
    "ReLU with norms up to 1e4": np.maximum(RNG.normal(size=(N, 50)), 0)
    * np.geomspace(1e-2, 1e4 / 5, N)[:, None],
    "near-duplicate ReLU rows": (np.maximum(RNG.normal(size=(N // 7, 64)), 0) * 100).repeat(
        7, axis=0
    )
    + RNG.normal(size=(N, 64)) * 5e-3,
    "offset of 1e6": RNG.normal(size=(N, 30)) + 1e6,
    "offset of 1e6, few units": RNG.normal(size=(N, 3)) + 1e6,
    "constant layer": np.ones((N, 20)),
}


def _bits(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return -np.log2(sums / counts[:, None, None]).mean(axis=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_bounds_equal_the_float64_reference_to_1e_5_bits(case: str, dtype: type) -> None:
    z = CASES[case].astype(dtype)
    variances = np.array([1e-3, 0.1, 10.0])
    classes = RNG.integers(0, 5, N)
    total, own = gaussian_sums(z, variances, classes)
    d = cdist(z.astype(np.float64), z.astype(np.float64), "sqeuclidean")
    same = classes[:, None] == classes
    for v, s2 in enumerate(variances):
        for bound, m in enumerate((8, 2)):
            kernel = np.exp(-d / (m * s2))
            everyone = np.full(N, N)
            np.testing.assert_allclose(
                _bits(total, everyone)[v, bound],
                _bits(kernel.sum(1)[:, None, None], everyone)[0, 0],
                atol=1e-5,
            )
            counts = same.sum(axis=1)
            np.testing.assert_allclose(
                _bits(own, counts)[v, bound],
                _bits((kernel * same).sum(1)[:, None, None], counts)[0, 0],
                atol=1e-5,
            )


def test_the_order_of_the_rows_does_not_matter_beyond_rounding() -> None:
    z = CASES["tanh"].astype(np.float32)
    classes = RNG.integers(0, 3, N)
    shuffled = RNG.permutation(N)
    for a, b in zip(
        gaussian_sums(z, np.array([0.5]), classes),
        gaussian_sums(z[shuffled], np.array([0.5]), classes[shuffled]),
        strict=True,
    ):
        np.testing.assert_allclose(a[shuffled], b, rtol=3e-6)


class Streamed:
    """Rows that are never whole in memory."""

    def __init__(self, z: np.ndarray) -> None:
        self.z, self.shape, self.dtype = z, z.shape, z.dtype

    def blocks(self, rows: int):
        for start in range(0, len(self.z), min(rows, 331)):
            yield self.z[start : start + min(rows, 331)].copy()


@pytest.mark.parametrize("case", ["tanh", "tanh, few units", "ReLU with norms up to 1e4"])
def test_rows_read_in_blocks_give_the_sums_of_rows_in_memory(case: str, monkeypatch) -> None:
    z = np.concatenate([CASES[case].astype(np.float32)] * 4)
    groupings = [RNG.integers(0, 5, len(z)), RNG.integers(0, 2, len(z))]
    expected = grouped_sums(z, np.array([0.1, 1.0]), groupings)
    monkeypatch.setattr(blocks.Spilled, "__init__", _small(blocks.Spilled.__init__))
    for a, b in zip(
        grouped_sums(Streamed(z), np.array([0.1, 1.0]), groupings), expected, strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=3e-6)


def _small(init):
    def made(self, *args) -> None:
        init(self, *args)
        self.size = 1024

    return made


def test_anchored_rows_have_the_sums_of_the_whole_pass() -> None:
    z = CASES["near-duplicate ReLU rows"].astype(np.float32)
    groupings = [RNG.integers(0, 5, N)]
    anchors = RNG.permutation(N)[:90]
    full = grouped_sums(z, np.array([0.001, 1.0]), groupings)
    for a, b in zip(
        anchored_sums(Streamed(z), anchors, np.array([0.001, 1.0]), groupings), full, strict=True
    ):
        np.testing.assert_allclose(a, b[anchors], rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_torch_tiles_give_the_sums_of_the_compiled_pass(case: str, monkeypatch) -> None:
    from infoplane.analysis.kernels import pairwise_torch

    monkeypatch.setattr(pairwise_torch, "TILE", 300)
    z, variances, groupings = (
        CASES[case].astype(np.float32),
        np.array([1e-3, 1.0]),
        [RNG.integers(0, 5, N)],
    )
    expected = grouped_sums(z, variances, groupings)
    for a, b in zip(
        pairwise_torch.grouped_sums(blocks.Held(z), variances, groupings, "cpu"),
        expected,
        strict=True,
    ):
        np.testing.assert_allclose(np.log2(a), np.log2(b), atol=1.5e-5)


def test_a_device_that_is_asked_for_is_used(monkeypatch) -> None:
    z = CASES["tanh"].astype(np.float32)
    monkeypatch.setenv("INFOPLANE_DEVICE", "meta")
    with pytest.raises(NotImplementedError, match="meta"):
        grouped_sums(z, np.array([1.0]), [])
    with on_device("cpu"):
        assert len(grouped_sums(z, np.array([1.0]), [])) == 1


@pytest.mark.slow
def test_the_benchmarks_agree_with_their_peers() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DISAGREES" not in done.stdout


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_szt_cells_equal_a_search_among_the_edges(dtype: type) -> None:
    from infoplane.analysis.estimators.binrules import szt_cells, szt_edges

    edges = szt_edges()
    around = np.concatenate(
        [
            edges,
            np.nextafter(edges, np.float32(-9)),
            np.nextafter(edges, np.float32(9)),
            [-1e30, 1e30, 0.0, -0.0],
        ]
    )
    z = np.concatenate([around, RNG.uniform(-1.5, 1.5, 20_000)]).astype(dtype)
    z = np.concatenate([z, np.nextafter(z, dtype(9)), np.nextafter(z, dtype(-9))])
    np.testing.assert_array_equal(
        szt_cells(z[:, None])[:, 0], np.searchsorted(edges, z, side="right") - 1
    )


@pytest.mark.parametrize("dim", [7, 40])
def test_groupings_of_one_pass_equal_passes_of_their_own_on_any_number_of_threads(dim: int) -> None:
    z = np.tanh(RNG.normal(size=(1300, dim))).astype(np.float32)
    groupings = [RNG.integers(0, 3, 1300), RNG.integers(0, 2, 1300), RNG.integers(0, 400, 1300)]
    variances = np.array([0.05, 0.5])
    with using(1):
        one = grouped_sums(z, variances, groupings)
    with using(3):
        three = grouped_sums(z, variances, groupings)
    assert all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))
    for own, classes in zip(one[1:], groupings, strict=True):
        total, expected = gaussian_sums(z, variances, classes)
        np.testing.assert_allclose(own, expected, rtol=3e-6)
        np.testing.assert_allclose(one[0], total, rtol=3e-6)
