"""The tasks equal the published ones and are deterministic given a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from infoplane.analysis.estimators.entropies import information_bits
from infoplane.data import digits, szt
from infoplane.data.networks import ACTIVATIONS, mlp
from infoplane.errors import InputError


def test_the_vertices_are_an_icosahedron() -> None:
    v = szt.vertices()
    gram = v @ v.T
    assert np.allclose(np.diag(gram), 1)
    assert [
        (np.isclose(gram, c).sum(axis=1) == k).all()
        for c, k in ((5**-0.5, 5), (-(5**-0.5), 5), (-1, 1))
    ] == [True] * 3


def test_the_rule_gives_2118_ones_64_classes_and_almost_one_bit() -> None:
    x, y = szt.load()
    assert len(np.unique(x, axis=0)) == 4096
    assert int(y.sum()) == 2118
    classes = szt.symmetry_classes()
    assert classes.max() + 1 == 64
    assert all(len(set(y[classes == c])) == 1 for c in range(64))
    assert information_bits(np.arange(4096), y) == pytest.approx(0.999157121, abs=1e-9)


def test_the_threshold_does_not_cut_through_rounding() -> None:
    assert np.abs(szt.rule(szt.load()[0]) - szt.THRESHOLD).min() > 1e-3


def test_soft_labels_carry_0_9927_bits() -> None:
    p = 1 / (1 + np.exp(-60 * (szt.rule(szt.load()[0]) - szt.THRESHOLD)))

    def h(q: np.ndarray) -> np.ndarray:
        q = np.clip(q, 1e-300, 1 - 1e-16)
        return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))

    assert h(p.mean()) - h(p).mean() == pytest.approx(0.9927, abs=1e-4)
    assert abs(szt.soft_labels(rng=np.random.default_rng(0)).mean() - p.mean()) < 0.01


@pytest.mark.parametrize("task", [szt, digits])
def test_training_is_deterministic_and_leaves_the_global_random_state(task) -> None:
    before = torch.get_rng_state()
    ends = []
    for _ in range(2):
        model = task.network("tanh", seed=3)
        seen = []
        task.train(
            model,
            epochs=2,
            seed=3,
            on_epoch=lambda epoch, metrics, seen=seen: seen.append((epoch, metrics["loss"])),
        )
        ends.append((seen, [p.clone() for p in model.parameters()]))
    assert ends[0][0] == ends[1][0] and [e for e, _ in ends[0][0]] == [1, 2]
    assert all(torch.equal(a, b) for a, b in zip(ends[0][1], ends[1][1], strict=True))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("task", [szt, digits])
def test_the_training_rows_are_a_shuffled_80_percent(task) -> None:
    mask, (_, y) = task.train_mask(0), task.load()
    assert mask.mean() == pytest.approx(0.8, abs=1e-3)
    assert abs(y[mask].mean() / y.mean() - 1) < 0.03


@pytest.mark.slow
def test_digits_are_learnt() -> None:
    assert digits.train(digits.network("relu"), epochs=30).test_accuracy > 0.93


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_hidden_activation_is_offered(activation: str) -> None:
    model = mlp((12, 5, 2), activation, seed=0)
    assert isinstance(model.act1, ACTIVATIONS[activation])
    assert model(torch.zeros(3, 12)).shape == (3, 2)


def test_an_unknown_activation_is_named() -> None:
    with pytest.raises(InputError, match=r"no such activation: 'swish'; choose one of tanh, relu"):
        szt.network("swish")
