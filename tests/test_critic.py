"""A critic and the bounds read off its scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from infoplane.analysis.estimators import critic as critics

SCORES = np.random.default_rng(0).normal(size=(6, 6)) + 3 * np.eye(6)


def test_the_objectives_are_their_formulas() -> None:
    joint, product = np.diag(SCORES), SCORES[~np.eye(6, dtype=bool)]
    softplus = lambda v: np.log1p(np.exp(v))  # noqa: E731
    mean_exp = lambda v: logsumexp(v) - math.log(len(v))  # noqa: E731
    s = torch.as_tensor(SCORES)
    assert critics.infonce_nats(s).item() == pytest.approx(
        joint.mean() - logsumexp(SCORES, axis=1).mean() + math.log(6)
    )
    assert critics.dv_nats(s).item() == pytest.approx(joint.mean() - mean_exp(product))
    assert critics.nwj_nats(s).item() == pytest.approx(joint.mean() - np.exp(product - 1).mean())
    assert critics.js_objective(s).item() == pytest.approx(
        -softplus(-joint).mean() - softplus(product).mean()
    )
    assert critics.smile_nats(s, 0.5).item() == pytest.approx(
        joint.mean() - mean_exp(product.clip(-0.5, 0.5))
    )


def test_a_critic_scores_every_pair_as_it_scores_a_pair_alone() -> None:
    torch.manual_seed(0)
    critic = critics.Critic(2, 3, 5)
    a, b = torch.randn(4, 2), torch.randn(4, 3)
    scores = critic(a, b)
    assert scores.shape == (4, 4)
    for i in range(4):
        assert torch.allclose(critic(a, b[i : i + 1])[:, 0], scores[:, i], atol=1e-6)
