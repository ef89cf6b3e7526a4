"""The fitted estimators piece by piece: objectives by hand, gradients by differences, regressions against scikit-learn, folds and limits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import logsumexp

import infoplane as ip
from infoplane.analysis import vocabulary
from infoplane.analysis.estimators import VInformation, neural, parse
from infoplane.analysis.estimators import vinfo as V
from infoplane.analysis.estimators import vinfo_families as F
from infoplane.analysis.estimators.entropies import (
    entropy_bits,
    information_bits,
    information_stderr,
    joint_counts,
)
from infoplane.errors import EstimatorError, InputError

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=(6, 6)) + 3 * np.eye(6)


# ---- critics ---------------------------------------------------------------------------------------------------------------------------------------------


def test_the_objectives_are_their_formulas() -> None:
    joint, product = np.diag(SCORES), SCORES[~np.eye(6, dtype=bool)]
    softplus = lambda v: np.log1p(np.exp(v))  # noqa: E731
    mean_exp = lambda v: logsumexp(v) - math.log(len(v))  # noqa: E731
    s = torch.as_tensor(SCORES)
    assert neural.infonce_nats(s).item() == pytest.approx(
        joint.mean() - logsumexp(SCORES, axis=1).mean() + math.log(6)
    )
    assert neural.dv_nats(s).item() == pytest.approx(joint.mean() - mean_exp(product))
    assert neural.nwj_nats(s).item() == pytest.approx(joint.mean() - np.exp(product - 1).mean())
    assert neural.js_objective(s).item() == pytest.approx(
        -softplus(-joint).mean() - softplus(product).mean()
    )
    assert neural.smile_nats(s, 0.5).item() == pytest.approx(
        joint.mean() - mean_exp(product.clip(-0.5, 0.5))
    )


def test_a_critic_scores_every_pair_as_it_scores_a_pair_alone() -> None:
    torch.manual_seed(0)
    critic = neural._Critic(2, 3, 5)
    a, b = torch.randn(4, 2), torch.randn(4, 3)
    scores = critic(a, b)
    assert scores.shape == (4, 4)
    for i in range(4):
        assert torch.allclose(critic.pairs(a, b[i : i + 1].expand(4, -1)), scores[:, i], atol=1e-6)


def told(*values: float, batch: int = 16) -> neural.InfoNCE:
    """InfoNCE whose critics say these values, one after the other."""
    left = iter(values)

    class Told(neural.InfoNCE):
        def _one(self, x: np.ndarray, z: np.ndarray, rng: np.random.Generator) -> float:
            return next(left)

    return Told(batch=batch, seeds=len(values))


def test_the_interval_of_a_critic_is_over_its_starts_and_its_ceiling_the_batch_or_the_labels() -> (
    None
):
    x, y = ip.continuous(np.arange(64.0)), ip.discrete(np.arange(64) % 2)
    e = told(1.0, 2.0, 3.0).estimate(x, x)
    assert (
        e.bits == 2.0
        and e.stderr == pytest.approx(1 / math.sqrt(3))
        and e.low == pytest.approx(2 - 1.96 / math.sqrt(3))
        and e.ceiling_bits == 4.0
    )
    assert (
        e.high == pytest.approx(2 + 1.96 / math.sqrt(3))
        and e.sense == "lower"
        and e.notes == ("interval over critics only",)
    )
    one = told(0.5).estimate(x, y)
    assert one.stderr is None and one.low is None and one.ceiling_bits == 1.0
    with pytest.raises(EstimatorError, match="the critic diverged"):
        told(float("nan")).estimate(x, y)
    with pytest.raises(EstimatorError, match="at least 64 rows for batches of 16, got 63"):
        told(0.5).estimate(ip.continuous(np.arange(63.0)), ip.discrete(np.arange(63) % 2))
    assert (
        told(0.5, batch=4)
        .estimate(ip.continuous(np.arange(16.0)), ip.continuous(np.arange(16.0)))
        .bits
        == 0.5
    )


@pytest.mark.parametrize("wrong", [{"batch": 3}, {"seeds": 0}, {"hidden": 0}, {"epochs": 0}])
def test_a_critic_needs_a_batch_of_four_and_at_least_one_of_the_rest(wrong: dict[str, int]) -> None:
    assert neural.InfoNCE(batch=4, seeds=1, hidden=1, epochs=1).batch == 4
    with pytest.raises(InputError, match="expected batch >= 4 and seeds, hidden, epochs >= 1"):
        neural.InfoNCE(**wrong)  # type: ignore[arg-type]  # integers


@pytest.mark.parametrize(
    "spec",
    [
        "infonce",
        "nwj:batch=64",
        "mine:seeds=1,epochs=5",
        "smile",
        "smile:tau=3",
        "smile:batch=64,tau=3",
        "ratio:hidden=8",
    ],
)
def test_the_spec_of_a_critic_comes_back_and_its_axis_says_what_it_bounds(spec: str) -> None:
    e = parse(spec)
    assert (
        str(e) == spec
        and "(Z;Y) >= [bits], held out, N=9" in e.axis_label("i_zy", 9)
        and "(X;Z) >=" in e.axis_label("i_xz", 9)
    )  # type: ignore[attr-defined]


def test_symbols_are_indicators_and_at_most_as_many_as_a_critic_takes() -> None:
    most = neural._MOST_CLASSES
    assert neural._features(ip.discrete(np.arange(most)), "n").shape == (most, most)
    with pytest.raises(EstimatorError, match=f"has {most + 1} symbols; a critic takes labels"):
        neural._features(ip.discrete(np.arange(most + 1)), "n")
    found = neural._features(ip.discrete([1, 0, 1]), "n")
    assert (found @ found.T == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]).all() and (
        found.sum(axis=1) == 1
    ).all()


@pytest.mark.parametrize(
    ("gap", "fine"), [(0.29, True), (-0.29, True), (0.31, False), (-0.31, False)]
)
def test_two_readings_of_one_ratio_may_differ_by_three_tenths_of_a_bit(
    gap: float, fine: bool
) -> None:
    scores = torch.zeros(4, 4, dtype=torch.float64)
    scores[~torch.eye(4, dtype=bool)] = gap * math.log(
        2
    )  # the product's log mean exp, which the plug-in does not see
    ratio, at, rows = neural.DensityRatio(batch=4), [torch.zeros(8, 1)] * 2, np.arange(8)
    if fine:
        assert ratio._value(lambda a, b: scores, at, rows) == pytest.approx(-gap * math.log(2))  # type: ignore[arg-type]  # a critic
    else:
        with pytest.raises(EstimatorError, match="the two read-outs of one density ratio differ"):
            ratio._value(lambda a, b: scores, at, rows)  # type: ignore[arg-type]


# ---- predictors ------------------------------------------------------------------------------------------------------------------------------------------


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


def test_losses_are_nats_of_the_label_or_half_the_squared_error() -> None:
    out = RNG.normal(size=(30, 3))
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
def test_the_gradient_of_the_loss_is_its_difference_quotient(discrete: bool) -> None:
    s = split_of(discrete)
    out = RNG.normal(size=(60, 3 if discrete else 2))
    _, grad = F._loss(out, s)
    for i, j in ((0, 0), (7, 1), (59, 1)):
        step = np.zeros_like(out)
        step[i, j] = 1e-5
        assert grad[i, j] == pytest.approx(
            (F._loss(out + step, s)[0] - F._loss(out - step, s)[0]) / 2e-5, abs=1e-7
        )


def test_the_linear_family_is_ridge_and_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression, Ridge

    r = split_of(False)
    w = F._linear_at(r, 0.1, np.zeros((4, 2)))
    ridge = Ridge(alpha=0.1 * 60).fit(r.z, r.y)
    assert pytest.approx(ridge.coef_, abs=1e-8) == w[:-1].T and w[-1] == pytest.approx(
        ridge.intercept_, abs=1e-8
    )
    s = split_of(True)
    w = F._linear_at(s, 0.05, np.vstack([np.zeros((3, 3)), s.base[None]]))
    logistic = LogisticRegression(C=1 / (0.05 * 60), tol=1e-8, max_iter=2000).fit(s.z, s.y)
    assert F.log_softmax(s.zi @ w[:-1] + w[-1]) == pytest.approx(
        logistic.predict_log_proba(s.zi), abs=5e-3
    )
    predict, best = F._fit_linear(s)
    penalties = [
        F._linear_at(s, p, np.vstack([np.zeros((3, 3)), s.base[None]])) for p in F._PENALTIES
    ]
    losses = [s.inner_loss(s.zi @ v[:-1] + v[-1]) for v in penalties]
    assert s.inner_loss(predict(s.zi)) <= min(losses[:3]) + 1e-3 and predict(s.zi) == pytest.approx(
        s.zi @ best[:-1] + best[-1]
    )


def test_a_hidden_layer_stands_beside_a_linear_skip() -> None:
    d, h, k = 3, 4, 2
    parts = [RNG.normal(size=shape) for shape in ((d, h), (h,), (h, k), (d, k), (k,))]
    flat, z = np.concatenate([p.ravel() for p in parts]), RNG.normal(size=(5, d))
    assert all((a == b).all() for a, b in zip(F._unpack(flat, d, h, k), parts, strict=True))
    units, out = F._mlp_forward(flat, z, d, h, k)
    assert units == pytest.approx(np.tanh(z @ parts[0] + parts[1])) and out == pytest.approx(
        units @ parts[2] + z @ parts[3] + parts[4]
    )


def test_a_trained_hidden_layer_is_never_worse_on_the_inner_rows_than_where_it_started() -> None:
    for discrete in (True, False):
        s = split_of(discrete)
        linear = F._fit_linear(s)
        for penalty in (1e-2, 1e-4):
            loss, weights = F._train_mlp(s, np.random.default_rng(0), 8, penalty)
            assert (
                loss
                == pytest.approx(s.inner_loss(F._mlp_forward(weights, s.zi, 3, 8, len(s.base))[1]))
                and loss < s.inner_loss(linear[0](s.zi)) + 0.02
            )
    x = np.random.default_rng(3).uniform(-2, 2, size=(400, 1))
    bump = F.Split(x[:300], np.cos(2 * x[:300]), x[300:], np.cos(2 * x[300:]), np.zeros(1), False)
    assert (
        F._train_mlp(bump, np.random.default_rng(0), 16, 1e-4)[0]
        < 0.05
        < F._fit_linear(bump)[0](bump.zi).var() + bump.inner_loss(np.zeros((100, 1)))
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
    out = F._fit_knn(s)(np.array([[0.2], [6.9]]))
    k = next(
        k for k in (2, 4, 8) if out[0, 0] == pytest.approx(math.log((k + 0.5) / (k + 1)), abs=1e-9)
    )
    assert (
        k in (2, 4)
        and out[0, 1] == pytest.approx(math.log(0.5 / (k + 1)))
        and out[1] == pytest.approx(out[0][::-1])
    )
    r = F.Split(z, 2 * z, z, 2 * z, np.zeros(1), False)
    assert F._fit_knn(r)(np.array([[3.4]])) == pytest.approx(np.array([[7.0]])), (
        "two neighbours, at 3 and 4"
    )
    tiny = F.Split(z[:1], z[:1], z[:2], z[:2], np.zeros(1), False)
    assert F._fit_knn(tiny)(z[:3]) == pytest.approx(np.zeros((3, 1)))


def test_a_predictor_is_shrunk_by_the_best_factor_and_one_that_learnt_nothing_answers_the_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(2)
    z = rng.normal(size=(400, 1))
    s = F.Split(z, z, z, z + 0.01 * rng.normal(size=(400, 1)), np.zeros(1), False)
    grid = np.geomspace(0.05, 2.0, 24)
    for factor in (4.0, 1.0, 0.7):
        monkeypatch.setattr(F, "_raw", lambda *told, f=factor: lambda v: f * v)
        best = grid[int(np.argmin([np.mean((g * factor * z - s.yi) ** 2) for g in grid]))]  # type: ignore[operator]  # floats
        predict, gains = F._calibrated("linear", s, rng, 1)
        assert predict(np.array([[2.0]])) == pytest.approx(np.array([[2.0 * factor * best]]))
        assert gains == pytest.approx((0.5 * s.yi**2 - 0.5 * (best * factor * z - s.yi) ** 2)[:, 0])  # type: ignore[operator]
        assert F.fit_family("linear", lambda k: s, rng, 1)(z) == pytest.approx(predict(z))
    noise = F.Split(z, z, z, rng.normal(size=(400, 1)), np.array([0.25]), False)
    nothing = F.fit_family("linear", lambda k: noise, rng, 1)(z)
    assert (nothing == 0.25).all() and nothing.shape == (400, 1)


def test_what_one_split_leaves_open_two_more_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*gains: list[float]) -> tuple[int, bool]:
        left = list(gains)
        monkeypatch.setattr(
            F, "_calibrated", lambda *told: (lambda z: np.ones((len(z), 1)), np.array(left.pop(0)))
        )
        answer = F.fit_family("linear", lambda k: split_of(False), RNG, 1)(np.zeros((2, 3)))
        return len(gains) - len(left), bool((answer == 1).all())

    sure, open_, none = [1.0, 1.1] * 10, [1.0, -0.5] * 10, [-1.0, 0.9] * 10
    assert asked(sure) == (1, True) and asked(none) == (1, False) and asked([0.0] * 9) == (1, False)
    assert (
        asked(open_, sure, none) == (2, True)
        and asked(open_, none, none) == (3, False)
        and asked(open_, open_, open_) == (3, True)
    )
    assert (
        F._significance(np.array([1.0, 2.0, 3.0]))
        == pytest.approx(2 / np.std([1, 2, 3]) * math.sqrt(3))
        and F._significance(np.ones(3)) == 0.0
    )


def test_the_quadratic_family_finds_classes_that_differ_in_spread() -> None:
    rng = np.random.default_rng(4)
    y = np.arange(600) % 2
    z = rng.normal(size=(600, 2)) * np.where(y == 0, 1.0, 3.0)[:, None]
    s = F.Split(z[:400], y[:400], z[400:], y[400:], np.log([0.5, 0.5]), True)
    truth = np.stack([stats.norm.logpdf(z[400:], 0, sd).sum(axis=1) for sd in (1.0, 3.0)], axis=1)
    truth = truth - logsumexp(truth, axis=1, keepdims=True)
    assert (
        s.inner_loss(F._fit_gaussian(s)(s.zi)) < s.inner_loss(truth) + 0.03
        and s.inner_loss(F._fit_linear(s)[0](s.zi)) > 0.6
    )
    lone = replace(s, y=np.where(np.arange(400) == 0, 2, y[:400]), base=np.log([0.49, 0.49, 0.02]))
    assert np.exp(F._fit_gaussian(lone)(s.zi))[:, 2].max() < 1e-9, (
        "a class of one row has no covariance"
    )


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(
        InputError, match="no such family: 'tree'; choose one of linear, mlp, knn, gaussian"
    ):
        F.fit_family("tree", lambda k: split_of(True), RNG, 4)


# ---- usable information ----------------------------------------------------------------------------------------------------------------------------------


def test_folds_are_equal_and_every_class_and_every_tenth_of_a_target_is_in_each() -> None:
    e = VInformation("linear", folds=5)
    y = ip.discrete(np.repeat([0, 1, 2], [50, 30, 20]))
    fold = V._folds(y, e, np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [20] * 5
    for c in range(3):
        counts = np.bincount(fold[y.values[:, 0] == c], minlength=5)
        assert counts.max() - counts.min() <= 2
    t = ip.continuous(np.random.default_rng(1).normal(size=100))
    fold = V._folds(t, e, np.random.default_rng(0))
    ranks = np.argsort(np.argsort(t.values[:, 0]))
    assert all(
        sorted(fold[(ranks >= s) & (ranks < s + 5)]) == [0, 1, 2, 3, 4] for s in range(0, 100, 5)
    )
    assert (V._folds(t, e, np.random.default_rng(1)) != fold).any()
    assert len(V._folds(t.take(np.arange(20)), e, RNG)) == 20
    with pytest.raises(EstimatorError, match="at least 20 rows for 5 folds, got 19"):
        V._folds(t.take(np.arange(19)), e, RNG)


def test_columns_are_standardised_by_the_training_rows_without_constants_and_rotated_when_wide() -> (
    None
):
    rng = np.random.default_rng(5)
    z = np.hstack([rng.normal(size=(40, 2)) * [1, 5] + 3, np.full((40, 1), 7.0)])
    train = np.arange(30)
    out = V._standardised(z, train)
    assert (
        out.shape == (40, 2)
        and out[train].mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
        and out[train].std(axis=0) == pytest.approx([1, 1])
    )
    assert out == pytest.approx((z[:, :2] - z[train, :2].mean(axis=0)) / z[train, :2].std(axis=0))
    z[39, 0] = 1e6
    assert V._standardised(z, train)[39, 0] == 30.0 and V._standardised(-z, train)[39, 0] == -30.0
    wide = rng.normal(size=(12, 40))
    turned = V._standardised(wide, np.arange(10))
    plain = (wide - wide[:10].mean(axis=0)) / wide[:10].std(axis=0)
    assert turned.shape == (12, 10) and turned[:10] @ turned[:10].T == pytest.approx(
        plain[:10] @ plain[:10].T, abs=1e-8
    )
    assert V._standardised(rng.normal(size=(12, 10)), np.arange(10)).shape == (12, 10)


def test_the_surprise_of_residuals_is_a_gaussian_log_density() -> None:
    rng = np.random.default_rng(6)
    fitted, rows = rng.normal(size=(40, 2)) @ [[1, 0.5], [0, 1]], rng.normal(size=(5, 2))
    full = stats.multivariate_normal(cov=fitted.T @ fitted / 40 + 1e-9 * np.eye(2)).logpdf(rows)
    assert V._gaussian_surprise(fitted, rows) == pytest.approx(-full / math.log(2))
    few = fitted[:19]
    diagonal = stats.multivariate_normal(
        cov=np.diag((few**2).mean(axis=0)) + 1e-9 * np.eye(2)
    ).logpdf(rows)
    assert V._gaussian_surprise(few, rows) == pytest.approx(-diagonal / math.log(2))
    twenty = fitted[:20]
    assert V._gaussian_surprise(twenty, rows) == pytest.approx(
        -stats.multivariate_normal(cov=twenty.T @ twenty / 20 + 1e-9 * np.eye(2)).logpdf(rows)
        / math.log(2)
    )


def test_symbols_that_repeat_twice_may_predict_and_a_summary_is_a_mean_with_its_error() -> None:
    assert V._columns(ip.discrete([0, 0, 1, 1])).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    with pytest.raises(EstimatorError, match="3 different symbols in 4 rows"):
        V._columns(ip.discrete([0, 0, 1, 2]))
    values, y = np.array([0.5, 1.5, 1.0, 2.0]), ip.discrete([0, 1, 0, 1])
    e = V._summary(values, y, VInformation())
    se = math.sqrt(values.var(ddof=1) / 4 + (2 - 1) / (2 * (4 * math.log(2)) ** 2))
    assert (
        (e.bits, e.stderr, e.low, e.high)
        == pytest.approx((1.25, se, 1.25 - 1.96 * se, 1.25 + 1.96 * se))
        and e.ceiling_bits == 1.0
        and e.sense == "lower"
    )
    t = V._summary(values, ip.continuous(values), VInformation(), ("extra",))
    assert (
        t.ceiling_bits is None
        and t.sense == "point"
        and t.notes == ("extra", "Gaussian likelihood: the gain of that family, no bound")
    )
    assert V._summary(np.zeros(4), y, VInformation()).notes == ("no fold beat the base rates",)


def test_an_online_code_sends_its_first_block_uniformly_and_the_rest_by_what_came_before() -> None:
    n = 400
    z, y = (
        ip.continuous(
            np.repeat([0.0, 5.0], n // 2) + 0.1 * np.random.default_rng(7).normal(size=n)
        ),
        ip.discrete(np.repeat([0, 1], n // 2)),
    )
    code = V.mdl_online_code(z, y)
    assert (
        code.blocks == (32, 50, 100, 200, 400)
        and code.block_bits[0] == 32.0
        and code.uniform_bits == 400.0
    )
    assert (
        code.bits == pytest.approx(sum(code.block_bits))
        and code.compression == pytest.approx(400 / code.bits)
        and code.compression > 8
    )
    assert V.mdl_online_code(z.take(np.arange(180, 220)), y.take(np.arange(180, 220))).blocks == (
        32,
        40,
    )
    for rows, labels in ((np.arange(180, 219), y), (np.arange(180, 220), z)):
        with pytest.raises(EstimatorError, match="discrete labels and at least 40 rows"):
            V.mdl_online_code(z.take(rows), labels.take(rows))


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"hidden": 0}, {"family": "tree"}])
def test_usable_information_needs_two_folds_one_unit_and_a_family(wrong: dict[str, object]) -> None:
    assert VInformation("mlp", folds=2, hidden=1).folds == 2
    with pytest.raises(InputError):
        VInformation(**wrong)  # type: ignore[arg-type]  # as listed


# ---- tables and the vocabulary ----------------------------------------------------------------------------------------------------------------------------


def test_the_standard_error_of_a_table_is_the_spread_over_samples() -> None:
    table = np.array([[0.3, 0.1, 0.1], [0.1, 0.1, 0.3]])
    found, said = [], []
    for seed in range(400):
        cells = np.random.default_rng(seed).choice(6, size=300, p=table.ravel())
        a, b = cells // 3, cells % 3
        found.append(information_bits(a, b))
        said.append(information_stderr(a, b))
    assert np.sqrt(np.mean(np.square(said))) == pytest.approx(np.std(found), rel=0.12)
    alone = []
    for seed in range(400):
        a, b = np.random.default_rng(seed).integers(0, 3, size=(2, 300))
        alone.append((information_bits(a, b), information_stderr(a, b)))
    assert 1 < np.sqrt(np.mean([s**2 for _, s in alone])) / np.std([i for i, _ in alone]) < 2, (
        "at independence it errs to the safe side"
    )


def test_counts_of_pairs_are_the_same_by_table_and_by_sorting() -> None:
    for symbols, n in ((3, 50), (40, 50)):
        a, b = (
            np.unique(np.random.default_rng(s).integers(0, symbols, n), return_inverse=True)[1]
            for s in (8, 9)
        )
        counts = joint_counts(a, b)
        assert (
            sorted(counts[counts > 0])
            == sorted(np.unique(np.stack([a, b]), axis=1, return_counts=True)[1])
            and counts.sum() == n
        )


def test_no_correction_is_defined_for_no_rows_and_every_one_for_a_single_symbol() -> None:
    for correction in ("mm", "grassberger", "cwj", "chao-shen", "jackknife", "quadratic"):
        assert abs(entropy_bits(np.array([9]), correction)) < 0.2  # type: ignore[arg-type]  # as listed
        with pytest.raises(InputError, match="at least one positive count"):
            entropy_bits(np.array([0, 0]), correction)  # type: ignore[arg-type]
    assert entropy_bits(np.array([1]), "jackknife") == 0.0 and entropy_bits(
        np.array([3, 4]), "quadratic"
    ) == entropy_bits(np.array([3, 4]))
    assert entropy_bits(np.array([4, 4]), "mm") == pytest.approx(1 + 1 / (16 * math.log(2)))


def test_words_of_the_vocabulary_by_hand() -> None:
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.25, 0.25, 0.5])
    m = (p + q) / 2
    assert vocabulary.jensen_shannon(p, q) == pytest.approx(
        (stats.entropy(p, m, base=2) + stats.entropy(q, m, base=2)) / 2
    )
    assert vocabulary.kl(p, q) == pytest.approx(0.25) and vocabulary.entropy(p) == 1.5
    with pytest.raises(InputError, match="tables of one shape"):
        vocabulary.kl(p, q[:2] / q[:2].sum())
    mean, se = vocabulary.expectation(lambda v: v, lambda n: np.array([1.0, 2.0, 4.0, 5.0])[:n], 4)
    assert (
        mean == 3.0
        and se == pytest.approx(np.std([1, 2, 4, 5], ddof=1) / 2)
        and vocabulary.expectation(lambda v: v, lambda n: np.arange(n), 2)[0] == 0.5
    )
    with pytest.raises(InputError, match="at least 2 samples, got 1"):
        vocabulary.expectation(lambda v: v, lambda n: np.arange(n), 1)
    s = np.array([[2.0, 0.5, 0.3], [0.5, 1.0, 0.2], [0.3, 0.2, 1.5]])
    expected = 0.5 * math.log2(np.linalg.det(s[:2, :2]) * 1.5 / np.linalg.det(s))
    assert (
        vocabulary.gaussian_information(s, 2) == pytest.approx(expected)
        and vocabulary.gaussian_information(s, 1) > 0
    )
    for first in (0, 3):
        with pytest.raises(InputError, match=f"1 to 2, got {first}"):
            vocabulary.gaussian_information(s, first)
    assert vocabulary.gaussian_entropy(s) == pytest.approx(
        stats.multivariate_normal(cov=s).entropy() / math.log(2)
    )
    t = np.array([[1.0, 0.1, 0.0], [0.1, 2.0, 0.3], [0.0, 0.3, 1.0]])
    gap = np.array([0.5, -1.0, 0.2])
    nats = 0.5 * (
        np.trace(np.linalg.inv(t) @ s)
        + gap @ np.linalg.inv(t) @ gap
        - 3
        + math.log(np.linalg.det(t) / np.linalg.det(s))
    )
    assert vocabulary.gaussian_kl(np.zeros(3), s, gap, t) == pytest.approx(nats / math.log(2))
    for wrong in ([[1.0, 0.5], [0.4, 1.0]], [[1.0, 0.0]], [[0.0]], [[1.0, 1.0], [1.0, 1.0 - 1e-3]]):
        with pytest.raises(InputError, match="symmetric positive definite"):
            vocabulary.gaussian_entropy(wrong)
