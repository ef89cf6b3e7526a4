"""Spectra: the same numbers on any number of threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from infoplane.analysis.estimators.gram import gram, silverman_width
from infoplane.analysis.estimators.renyi import MatrixRenyi
from infoplane.analysis.kernels import spectra as kernel
from infoplane.analysis.kernels.threads import using, with_one_torch_thread
from infoplane.types import continuous, discrete


def _layer(n: int, seed: int = 0) -> np.ndarray:
    return np.tanh(np.random.default_rng(seed).normal(size=(n, 6)) * 2)


@pytest.mark.parametrize("n", [2, kernel.LARGE - 1, kernel.LARGE])
def test_eigenvalues_are_those_of_numpy(n: int) -> None:
    z = _layer(n)
    for a in (gram(continuous(z), silverman_width(z)), np.ones((n, n)) / n, np.eye(n) / n):
        assert np.abs(kernel.eigenvalues(a) - np.linalg.eigvalsh(a)).max() < 1e-14


def test_a_plane_point_has_the_same_bits_on_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "LARGE", 150)
    rng = np.random.default_rng(1)
    x, z, y = (
        discrete(np.arange(400)),
        continuous(_layer(400, 1)),
        discrete(rng.choice(3, 400, p=[0.5, 0.3, 0.2])),
    )
    found = []
    for number in (1, 2, 3):
        with using(number):
            found.append([e.bits for _, e in MatrixRenyi(alpha=1.01).estimate_plane_point(x, z, y)])
    assert found[0] == found[1] == found[2]


def test_torch_has_one_thread_there_and_its_own_number_everywhere_else() -> None:
    before, elsewhere = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        assert with_one_torch_thread(torch.get_num_threads) == 1
        later = threading.Thread(target=lambda: elsewhere.append(torch.get_num_threads()))
        later.start()
        later.join()
        assert torch.get_num_threads() == 2 and elsewhere == [2]
    finally:
        torch.set_num_threads(before)
