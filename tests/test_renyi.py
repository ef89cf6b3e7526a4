"""Matrix-based Renyi entropies: spectra, kernels and their widths."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.gram import median_width
from infoplane.analysis.estimators.renyi import MatrixRenyi
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Variable


def test_renyi_of_two_columns_is_symmetric_and_its_spec_comes_back() -> None:
    for spec in ("renyi:alpha=2", "renyi:alpha=1.01,width=median", "renyi:alpha=1.5,gamma=2"):
        e = parse(spec)
        assert str(parse(str(e))) == str(e) and isinstance(e, MatrixRenyi)
    for wrong in ("renyi:alpha=0", "renyi:alpha=-1", "renyi:width=0", "renyi:width=wide"):
        with pytest.raises(InputError):
            parse(wrong)


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
