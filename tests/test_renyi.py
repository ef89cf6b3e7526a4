"""Matrix-based Renyi entropies: spectra, kernels and their widths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.renyi import (
    MatrixRenyi,
    gram,
    matrix_entropy,
    median_width,
    silverman_width,
    spectrum_entropy,
    squared_distances,
    within_classes,
)
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Variable


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 3.0])
def test_matrix_entropies_are_those_of_the_spectrum_and_lanczos_finds_them(alpha: float) -> None:
    z = np.random.default_rng(1).normal(size=(60, 3))
    a = gram(Variable("z", z, "continuous"), 1.5)
    p = np.maximum(np.linalg.eigvalsh(a), 1e-30)
    expected = -float(p @ np.log2(p)) if alpha == 1 else math.log2((p**alpha).sum()) / (1 - alpha)
    assert matrix_entropy(a, alpha) == pytest.approx(expected, abs=1e-4)
    if alpha > 0.5:
        found = [
            matrix_entropy(a, alpha, lanczos=20, rng=np.random.default_rng(s)) for s in range(12)
        ]
        assert np.mean(found) == pytest.approx(
            expected, abs=max(0.01, 4 * np.std(found) / math.sqrt(12))
        )
    codes = np.arange(60) % 3
    own = np.linalg.eigvalsh(a * (codes[:, None] == codes[None]))
    assert spectrum_entropy(within_classes(a, codes), alpha) == pytest.approx(
        spectrum_entropy(own, alpha), abs=1e-5
    )


ROWS = np.random.default_rng(2).normal(size=(40, 3)) * [1.0, 2.0, 3.0] + 5  # (n, units)
DISTANCES = np.sqrt(((ROWS[:, None] - ROWS[None]) ** 2).sum(axis=2))  # (n, n)


def test_squared_distances_are_those_of_all_pairs() -> None:
    assert squared_distances(ROWS) == pytest.approx(DISTANCES**2, abs=1e-9)
    assert (np.diag(squared_distances(ROWS)) == 0).all()


def test_the_median_width_is_the_median_distance_of_pairs() -> None:
    assert median_width(ROWS) == pytest.approx(np.median(DISTANCES[np.triu_indices(40, 1)]))


def test_the_median_width_needs_two_rows() -> None:
    with pytest.raises(EstimatorError, match="at least 2 rows, got 1"):
        median_width(ROWS[:1])


def test_the_width_of_silverman_is_its_formula() -> None:
    spread = math.sqrt(ROWS.var(axis=0).mean())
    assert silverman_width(ROWS, 2.0) == pytest.approx(2 * math.sqrt(3) * 40 ** (-1 / 7) * spread)


def test_a_gram_matrix_is_a_gaussian_kernel_of_trace_one() -> None:
    found = gram(Variable("z", ROWS, "continuous"), 2.0)
    assert found == pytest.approx(np.exp(-(DISTANCES**2) / 8) / 40, abs=1e-12)


def test_renyi_of_two_columns_is_symmetric_and_its_spec_comes_back() -> None:
    for spec in ("renyi:alpha=2", "renyi:alpha=1.01,width=median", "renyi:alpha=1.5,gamma=2"):
        e = parse(spec)
        assert str(parse(str(e))) == str(e) and isinstance(e, MatrixRenyi)
    for wrong in ("renyi:alpha=0", "renyi:alpha=-1", "renyi:width=0", "renyi:width=wide"):
        with pytest.raises(InputError):
            parse(wrong)


def test_distances_are_of_centred_rows_so_that_an_offset_costs_nothing(
    rng: np.random.Generator,
) -> None:
    z = rng.normal(size=(40, 3))
    np.testing.assert_allclose(
        squared_distances(z + 1e6), squared_distances((z + 1e6) - 1e6), atol=1e-9
    )


def test_the_width_of_alignment_is_the_one_whose_centred_kernel_is_nearest_to_that_of_the_labels(
    rng: np.random.Generator,
) -> None:
    y = np.repeat([0, 1, 2], 15)
    z = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])[y] + rng.normal(size=(45, 2))
    d, centring = np.linalg.norm(z[:, None] - z[None], axis=2), np.eye(45) - 1 / 45
    target = centring @ (y[:, None] == y[None]) @ centring

    def cosine(width: float) -> float:
        k = centring @ np.exp(-(d**2) / (2 * width**2)) @ centring
        return float((k * target).sum() / np.linalg.norm(k))

    best = max(median_width(z) * np.geomspace(0.1, 10, 17), key=cosine)
    labels = Variable("y", y[:, None], "discrete")
    assert MatrixRenyi(alpha=2, width="alignment").width_of(
        Variable("z", z, "continuous"), labels
    ) == pytest.approx(best)
    assert (
        MatrixRenyi(alpha=2, width="alignment").width_of(
            Variable("z", np.ones((45, 2)), "continuous"), labels
        )
        == 0.0
    )
    with pytest.raises(EstimatorError, match="width=alignment needs the labels"):
        MatrixRenyi(alpha=2, width="alignment").width_of(Variable("z", z, "continuous"))


def test_lanczos_finds_the_information_about_labels_that_whole_spectra_have(
    rng: np.random.Generator,
) -> None:
    z, y = (
        Variable("z", rng.normal(size=(60, 2)), "continuous"),
        Variable("y", np.arange(60)[:, None] % 2, "discrete"),
    )
    whole = MatrixRenyi(alpha=1.5).estimate(z, y).bits
    found = [
        MatrixRenyi(alpha=1.5, lanczos=30).estimate(z, y, rng=np.random.default_rng(s)).bits
        for s in range(12)
    ]
    assert np.mean(found) == pytest.approx(whole, abs=5 * np.std(found) / np.sqrt(12) + 1e-3)
    assert all(
        MatrixRenyi().supports(a, b)
        for a in ("continuous", "discrete")
        for b in ("continuous", "discrete")
    )
    assert not MatrixRenyi().supports("continuous", "soft") and not MatrixRenyi().supports(
        "soft", "discrete"
    )  # type: ignore[arg-type]
