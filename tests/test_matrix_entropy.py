"""Entropies of trace-one Gram matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infoplane.analysis.estimators.gram import gram
from infoplane.analysis.estimators.matrix_entropy import (
    class_blocks,
    lanczos_entropy,
    spectrum_entropy,
)
from infoplane.analysis.kernels.spectra import eigenvalues, spectra
from infoplane.types import Variable


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.01, 2.0, 3.0])
def test_matrix_entropies_are_those_of_the_spectrum_and_lanczos_finds_them(alpha: float) -> None:
    z = np.random.default_rng(1).normal(size=(60, 3))
    a = gram(Variable("z", z, "continuous"), 1.5)
    p = np.maximum(np.linalg.eigvalsh(a), 1e-30)
    expected = -float(p @ np.log2(p)) if alpha == 1 else math.log2((p**alpha).sum()) / (1 - alpha)
    assert spectrum_entropy(eigenvalues(a), alpha) == pytest.approx(expected, abs=1e-4)
    if alpha > 0.5:
        found = [lanczos_entropy(a, alpha, 20, np.random.default_rng(s)) for s in range(12)]
        assert np.mean(found) == pytest.approx(
            expected, abs=max(0.01, 4 * np.std(found) / math.sqrt(12))
        )
    codes = np.arange(60) % 3
    own = np.linalg.eigvalsh(a * (codes[:, None] == codes[None]))
    within_classes = np.concatenate(spectra(class_blocks(a, codes)))
    assert spectrum_entropy(within_classes, alpha) == pytest.approx(
        spectrum_entropy(own, alpha), abs=1e-5
    )
