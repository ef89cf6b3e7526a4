"""Exact neighbours against scipy's kd-tree and a dense reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from infoplane.analysis.kernels import neighbours
from infoplane.analysis.kernels.neighbours import Distances, count_within, kth_distance
from infoplane.analysis.kernels.threads import using
from infoplane.errors import InputError


def _reference(parts: list[np.ndarray]) -> np.ndarray:
    d = np.max([cdist(p, p) for p in parts], axis=0)
    np.fill_diagonal(d, np.inf)
    return d


@pytest.mark.parametrize(
    "dims", [(1, 1), (1, 4), (3, 2), (12, 30), (1, 64), (1, 1, 1), (1, 1, 1, 1)]
)
@pytest.mark.parametrize("n", [40, 700])
def test_distances_and_counts_equal_the_dense_reference(dims: tuple[int, ...], n: int) -> None:
    rng = np.random.default_rng(sum(dims))
    parts = [rng.normal(size=(n, d)) for d in dims]
    eps = kth_distance(parts, 5)
    np.testing.assert_allclose(eps, np.sort(_reference(parts), axis=1)[:, 4], rtol=1e-12)
    for part in parts:
        d = _reference([part])
        np.testing.assert_array_equal(
            count_within(part, eps * (1 + 1e-9), strict=False),
            (d <= eps[:, None] * (1 + 1e-9)).sum(axis=1),
        )
        np.testing.assert_array_equal(
            count_within(part, eps * (1 - 1e-9)), (d < eps[:, None] * (1 - 1e-9)).sum(axis=1)
        )


@pytest.mark.parametrize("dims", [(1,), (1, 1), (4,), (25,), (25, 1), (25, 12)])
def test_the_kth_neighbour_itself_lies_on_the_border_of_one_part(dims: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(600, d)).astype(np.float32) for d in dims]
    eps = kth_distance(parts, 3)
    borders = sum(count_within(p, eps, strict=False) - count_within(p, eps) for p in parts)
    np.testing.assert_array_equal(borders, 1)


@pytest.mark.parametrize("dim", [1, 3, 40])
def test_equal_rows_are_at_distance_exactly_zero(dim: int) -> None:
    z = np.random.default_rng(2).normal(1e3, 1, size=(50, dim)).repeat(4, axis=0)
    np.testing.assert_array_equal(kth_distance([z], 3), 0)
    np.testing.assert_array_equal(count_within(z, np.zeros(200), strict=False), 3)
    np.testing.assert_array_equal(count_within(z, np.zeros(200)), 0)


def test_near_duplicates_far_from_the_origin_keep_their_distance() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(1e6, 1, size=(100, 32))
    z = np.concatenate([base, base + 1e-5])
    np.testing.assert_allclose(kth_distance([z], 1), _reference([z]).min(axis=1), rtol=1e-6)


def test_k_out_of_range_and_unequal_parts_are_refused() -> None:
    z = np.zeros((5, 1))
    with pytest.raises(
        InputError, match="k must be at least 1 and below the number of rows 5, got 5"
    ):
        kth_distance([z], 5)
    with pytest.raises(InputError, match="equal numbers of rows"):
        kth_distance([z, np.zeros((4, 1))], 1)


def test_results_depend_neither_on_threads_nor_on_what_is_kept(monkeypatch) -> None:
    rng = np.random.default_rng(2)
    x, z = rng.normal(size=(1300, 12)), np.maximum(rng.normal(size=(1300, 4)), 0)
    found = []
    for number, budget in ((1, 1 << 27), (3, 1 << 27), (3, 0)):
        monkeypatch.setattr(neighbours, "KEEP_BYTES", budget)
        with using(number):
            both = [Distances(x), Distances(z)]
            eps = kth_distance(both, 4)
            found.append((eps, *(count_within(d, eps) for d in both)))
            found.append((eps, count_within(x, eps), count_within(z, eps)))
    for other in found[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_neighbours_of_rows_that_nearly_coincide_are_exact_whatever_the_size_of_the_values(
    scale: float,
) -> None:

    rng = np.random.default_rng(0)
    twins = rng.normal(size=(60, 12))
    z = scale * np.concatenate([twins, twins + 1e-7 * rng.normal(size=twins.shape)])
    d = np.sqrt(((z[:, None] - z[None]) ** 2).sum(-1))
    np.fill_diagonal(d, np.inf)
    np.testing.assert_allclose(kth_distance([z], 1), d.min(1), rtol=1e-6)
