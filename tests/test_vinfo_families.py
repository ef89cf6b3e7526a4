"""The predictors of usable information, each against an independent fit."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression, Ridge

from infoplane.analysis.estimators import vinfo_families
from infoplane.analysis.estimators import vinfo_families as F
from infoplane.analysis.estimators.vinfo_families import Split, mlp_objective


@pytest.mark.parametrize("discrete", [True, False])
def test_the_objective_of_the_mlp_has_the_gradient_it_says_and_pays_for_every_weight(
    discrete: bool,
) -> None:

    rng, d, h, k = np.random.default_rng(1), 3, 4, 2
    y = rng.integers(0, k, 30) if discrete else rng.normal(size=(30, k))
    split = Split(
        rng.normal(size=(30, d)), y, rng.normal(size=(9, d)), y[:9], np.zeros(k), discrete
    )
    flat = rng.normal(size=d * h + h + h * k + d * k + k)
    slope = approx_fprime(flat, lambda w: mlp_objective(w, split, h, 0.3)[0], 1e-7)
    np.testing.assert_allclose(mlp_objective(flat, split, h, 0.3)[1], slope, atol=2e-5)
    weights = np.concatenate(
        [flat[: d * h], flat[d * h + h : d * h + h + h * k + d * k]]
    )  # not the offsets
    paid = mlp_objective(flat, split, h, 0.3)[0] - mlp_objective(flat, split, h, 0.0)[0]
    assert paid == pytest.approx(0.15 * float((weights**2).sum()))


def test_usable_information_of_neighbours_may_take_every_row_for_one() -> None:

    tried: list[np.ndarray] = []
    y = np.array([0, 0, 1, 1])
    split = SimpleNamespace(
        z=np.arange(4.0)[:, None], zi=np.zeros((1, 1)), y=y, discrete=True, base=np.log([0.5, 0.5])
    )
    split.inner_loss = lambda logs: tried.append(np.exp(logs[0])) or -len(tried)
    predicted = vinfo_families.fit_knn(split)(np.zeros((1, 1)))
    assert [t[0] for t in tried] == [
        pytest.approx(2.5 / 3),
        pytest.approx(2.5 / 5),
    ]  # of two neighbours, and of all four
    assert np.exp(predicted[0, 0]) == pytest.approx(2.5 / 5)


def split_of(discrete: bool, n: int = 60, d: int = 3) -> F.Split:
    rng = np.random.default_rng(1)
    z, zi = rng.normal(size=(n, d)), rng.normal(size=(n // 2, d))
    if discrete:
        y, yi = (
            (v[:, 0] + 0.5 * rng.normal(size=len(v)) > 0).astype(int) + (v[:, 1] > 1)
            for v in (z, zi)
        )
        base = np.log(np.bincount(y, minlength=3) / n)
    else:
        y, yi = (
            np.stack([v[:, 0] + 0.3 * rng.normal(size=len(v)), v[:, 1] - v[:, 2]], axis=1)
            for v in (z, zi)
        )
        base = y.mean(axis=0)
    return F.Split(z, y, zi, yi, base, discrete)


def test_losses_are_nats_of_the_label_or_half_the_squared_error(rng: np.random.Generator) -> None:
    out = rng.normal(size=(30, 3))
    s = split_of(True)
    expected = [
        -stats.multinomial.logpmf(np.eye(3)[c], 1, np.exp(o - logsumexp(o)))
        for o, c in zip(out, s.yi, strict=True)
    ]  # type: ignore[call-overload]
    assert s.inner_losses(out) == pytest.approx(expected) and s.inner_loss(out) == pytest.approx(
        np.mean(expected)
    )
    r = split_of(False)
    assert r.inner_losses(out[:, :2]) == pytest.approx(
        [0.5 * ((o - y) ** 2).sum() for o, y in zip(out[:, :2], r.yi, strict=True)]
    )  # type: ignore[call-overload]


@pytest.mark.parametrize("discrete", [True, False])
def test_the_gradient_of_the_loss_is_its_difference_quotient(
    rng: np.random.Generator, discrete: bool
) -> None:
    s = split_of(discrete)
    out = rng.normal(size=(60, 3 if discrete else 2))
    _, grad = F.loss_and_slope(out, s)
    for i, j in ((0, 0), (7, 1), (59, 1)):
        step = np.zeros_like(out)
        step[i, j] = 1e-5
        assert grad[i, j] == pytest.approx(
            (F.loss_and_slope(out + step, s)[0] - F.loss_and_slope(out - step, s)[0]) / 2e-5,
            abs=1e-7,
        )


def test_the_linear_family_is_ridge_and_logistic_regression() -> None:

    r = split_of(False)
    w = F.linear_at(r, 0.1, np.zeros((4, 2)))
    ridge = Ridge(alpha=0.1 * 60).fit(r.z, r.y)
    assert pytest.approx(ridge.coef_, abs=1e-8) == w[:-1].T and w[-1] == pytest.approx(
        ridge.intercept_, abs=1e-8
    )
    s = split_of(True)
    w = F.linear_at(s, 0.05, np.vstack([np.zeros((3, 3)), s.base[None]]))
    logistic = LogisticRegression(C=1 / (0.05 * 60), tol=1e-8, max_iter=2000).fit(s.z, s.y)
    assert F.log_softmax(s.zi @ w[:-1] + w[-1]) == pytest.approx(
        logistic.predict_log_proba(s.zi), abs=5e-3
    )
    predict, best = F.fit_linear(s)
    penalties = [
        F.linear_at(s, p, np.vstack([np.zeros((3, 3)), s.base[None]])) for p in F.PENALTIES
    ]
    losses = [s.inner_loss(s.zi @ v[:-1] + v[-1]) for v in penalties]
    assert s.inner_loss(predict(s.zi)) <= min(losses[:3]) + 1e-3 and predict(s.zi) == pytest.approx(
        s.zi @ best[:-1] + best[-1]
    )


def test_a_hidden_layer_stands_beside_a_linear_skip(rng: np.random.Generator) -> None:
    d, h, k = 3, 4, 2
    parts = [rng.normal(size=shape) for shape in ((d, h), (h,), (h, k), (d, k), (k,))]
    flat, z = np.concatenate([p.ravel() for p in parts]), rng.normal(size=(5, d))
    assert all((a == b).all() for a, b in zip(F.unpack_weights(flat, d, h, k), parts, strict=True))
    units, out = F.mlp_forward(flat, z, d, h, k)
    assert units == pytest.approx(np.tanh(z @ parts[0] + parts[1])) and out == pytest.approx(
        units @ parts[2] + z @ parts[3] + parts[4]
    )


def test_a_trained_hidden_layer_is_never_worse_on_the_inner_rows_than_where_it_started() -> None:
    for discrete in (True, False):
        s = split_of(discrete)
        linear = F.fit_linear(s)
        for penalty in (1e-2, 1e-4):
            loss, weights = F.train_mlp(s, np.random.default_rng(0), 8, penalty)
            assert (
                loss
                == pytest.approx(s.inner_loss(F.mlp_forward(weights, s.zi, 3, 8, len(s.base))[1]))
                and loss < s.inner_loss(linear[0](s.zi)) + 0.02
            )
    x = np.random.default_rng(3).uniform(-2, 2, size=(400, 1))
    bump = F.Split(x[:300], np.cos(2 * x[:300]), x[300:], np.cos(2 * x[300:]), np.zeros(1), False)
    assert (
        F.train_mlp(bump, np.random.default_rng(0), 16, 1e-4)[0]
        < 0.05
        < F.fit_linear(bump)[0](bump.zi).var() + bump.inner_loss(np.zeros((100, 1)))
    )


def test_neighbours_answer_smoothed_frequencies_or_means_of_the_best_k() -> None:
    z = np.arange(8.0)[:, None]
    s = F.Split(
        z,
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        z + 0.1,
        np.array([0, 0, 0, 0, 1, 1, 1, 1]),
        np.log([0.5, 0.5]),
        True,
    )
    out = F.fit_knn(s)(np.array([[0.2], [6.9]]))
    k = next(
        k for k in (2, 4, 8) if out[0, 0] == pytest.approx(math.log((k + 0.5) / (k + 1)), abs=1e-9)
    )
    assert (
        k in (2, 4)
        and out[0, 1] == pytest.approx(math.log(0.5 / (k + 1)))
        and out[1] == pytest.approx(out[0][::-1])
    )
    r = F.Split(z, 2 * z, z, 2 * z, np.zeros(1), False)
    assert F.fit_knn(r)(np.array([[3.4]])) == pytest.approx(np.array([[7.0]])), (
        "two neighbours, at 3 and 4"
    )
    tiny = F.Split(z[:1], z[:1], z[:2], z[:2], np.zeros(1), False)
    assert F.fit_knn(tiny)(z[:3]) == pytest.approx(np.zeros((3, 1)))


def test_a_predictor_is_shrunk_by_the_best_factor_and_one_that_learnt_nothing_answers_the_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(400, 1))
    s = F.Split(z, z, z, z + 0.01 * rng.normal(size=(400, 1)), np.zeros(1), False)
    grid = np.geomspace(0.05, 2.0, 24)
    for factor in (4.0, 1.0, 0.7):
        monkeypatch.setattr(F, "fit_raw", lambda *told, f=factor: lambda v: f * v)
        best = grid[int(np.argmin([np.mean((g * factor * z - s.yi) ** 2) for g in grid]))]  # type: ignore[operator]  # floats
        predict, gains = F.fit_calibrated("linear", s, rng, 1)
        assert predict(np.array([[2.0]])) == pytest.approx(np.array([[2.0 * factor * best]]))
        assert gains == pytest.approx((0.5 * s.yi**2 - 0.5 * (best * factor * z - s.yi) ** 2)[:, 0])  # type: ignore[operator]
        assert F.fit_family("linear", lambda k: s, rng, 1)(z) == pytest.approx(predict(z))
    noise = F.Split(z, z, z, rng.normal(size=(400, 1)), np.array([0.25]), False)
    nothing = F.fit_family("linear", lambda k: noise, rng, 1)(z)
    assert (nothing == 0.25).all() and nothing.shape == (400, 1)


def test_what_one_split_leaves_open_two_more_are_asked(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*gains: list[float]) -> tuple[int, bool]:
        left = list(gains)
        monkeypatch.setattr(
            F,
            "fit_calibrated",
            lambda *told: (lambda z: np.ones((len(z), 1)), np.array(left.pop(0))),
        )
        answer = F.fit_family("linear", lambda k: split_of(False), rng, 1)(np.zeros((2, 3)))
        return len(gains) - len(left), bool((answer == 1).all())

    sure, open_, none = [1.0, 1.1] * 10, [1.0, -0.5] * 10, [-1.0, 0.9] * 10
    assert asked(sure) == (1, True) and asked(none) == (1, False) and asked([0.0] * 9) == (1, False)
    assert (
        asked(open_, sure, none) == (2, True)
        and asked(open_, none, none) == (3, False)
        and asked(open_, open_, open_) == (3, True)
    )
    assert (
        F.significance_of(np.array([1.0, 2.0, 3.0]))
        == pytest.approx(2 / np.std([1, 2, 3]) * math.sqrt(3))
        and F.significance_of(np.ones(3)) == 0.0
    )


def test_the_quadratic_family_finds_classes_that_differ_in_spread() -> None:
    rng = np.random.default_rng(4)
    y = np.arange(600) % 2
    z = rng.normal(size=(600, 2)) * np.where(y == 0, 1.0, 3.0)[:, None]
    s = F.Split(z[:400], y[:400], z[400:], y[400:], np.log([0.5, 0.5]), True)
    truth = np.stack([stats.norm.logpdf(z[400:], 0, sd).sum(axis=1) for sd in (1.0, 3.0)], axis=1)
    truth = truth - logsumexp(truth, axis=1, keepdims=True)
    assert (
        s.inner_loss(F.fit_gaussian(s)(s.zi)) < s.inner_loss(truth) + 0.03
        and s.inner_loss(F.fit_linear(s)[0](s.zi)) > 0.6
    )
    lone = replace(s, y=np.where(np.arange(400) == 0, 2, y[:400]), base=np.log([0.49, 0.49, 0.02]))
    assert np.exp(F.fit_gaussian(lone)(s.zi))[:, 2].max() < 1e-9, (
        "a class of one row has no covariance"
    )
