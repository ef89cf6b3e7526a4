"""Units with a few huge values keep what their other rows know."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.scales import dwarfed_units
from infoplane.types import continuous, discrete

N = 1000


def layer(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a layer of three units, and what the first says before it grows."""
    z = rng.normal(size=(N, 3))
    first = z[:, 0].copy()
    if kind == "massive activations":
        z[rng.choice(N, 10, replace=False), 0] *= 3000
    elif kind == "massive rows":
        z[rng.choice(N, 10, replace=False)] *= 3000
    elif kind == "masked":
        masked = rng.random(N) < 0.3
        z[masked, 0], first[masked] = -1e9, -3.0
    elif kind == "lognormal":
        z[:, 0] = np.exp(4 * first)
    return z, first


@pytest.mark.parametrize("kind", ["massive activations", "massive rows", "masked", "lognormal"])
def test_labels_of_a_unit_with_huge_values_are_read(kind: str) -> None:
    errors = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        z, first = layer(kind, rng)
        chance = 1 / (1 + np.exp(-2 * first))
        y = rng.random(N) < chance
        share = y.mean()
        log_ratio = np.where(y, np.log2(chance / share), np.log2((1 - chance) / (1 - share)))
        found = parse("knn").estimate(continuous(z), discrete(y))
        errors.append(found.bits - log_ratio.mean())
        assert any("their ranks are taken" in note for note in found.notes)
        plain = parse("mixed").estimate(continuous(z), discrete(y))
        assert any("compare knn" in note for note in plain.notes)
    assert abs(np.mean(errors)) < 0.05


def test_a_target_of_a_unit_with_huge_values_is_read() -> None:
    rng = np.random.default_rng(0)
    z, first = layer("massive activations", rng)
    target = first + 0.5 * rng.normal(size=N)  # 1/2 log2(1 + 4) bits
    found = parse("knn").estimate(continuous(z), continuous(target))
    assert found.bits == pytest.approx(0.5 * np.log2(5), abs=0.1)


def test_units_of_common_layers_are_scaled_by_their_deviation() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(N, 4))
    layers = {
        "normal": z,
        "scales": z * [1e-8, 1, 1e8, 1e3],
        "ReLU": np.maximum(z - 1, 0),
        "rarely on": np.maximum(z - 2.3, 0),
        "saturated": np.tanh(20 * z).astype(np.float32),
        "saturated at one end": np.c_[np.where(z > 0, 1 - 1e-5 * z**2, -1.0)[:, :1], z],
        "saturated but for few rows": np.c_[np.tanh(5 * (z[:, :1] + 2.5)), z],
        "binary": np.sign(z),
        "one-hot": np.eye(4)[rng.integers(0, 4, N)],
        "softmax": np.exp(5 * z) / np.exp(5 * z).sum(axis=1, keepdims=True),
        "counts": rng.poisson(0.05, size=(N, 4)).astype(float),
    }
    assert {name for name, rows in layers.items() if dwarfed_units(rows).any()} == set()


@pytest.mark.parametrize("spec", ["knn", "mixed"])
def test_a_unit_beside_constant_ones_hides_no_other(spec: str) -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, N)
    unit = rng.normal(size=N) + y
    unit[:5] *= 1e4
    alone = parse(spec).estimate(continuous(unit), discrete(y))
    found = parse(spec).estimate(continuous(np.c_[unit, np.ones(N)]), discrete(y))
    assert found.bits == alone.bits
    assert not any("huge values" in note for note in found.notes)
