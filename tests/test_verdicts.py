"""Rates of verdicts in small: planted bugs are found, sound networks get no fault."""

from __future__ import annotations

import json
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import exit_code
from torch import nn

import infoplane as ip
from benchmarks.verdicts import BIN_RULES, equal_chain, false_positives, planted, power
from infoplane.analysis.dpi import significance as resample
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import benjamini_hochberg, holm, permutation_p
from infoplane.analysis.estimators.entropies import information_bits
from infoplane.analysis.kernels.threads import using
from infoplane.archive import RunWriter
from infoplane.errors import InputError
from infoplane.rows import row_digests
from infoplane.types import Chain, LayerInfo


@pytest.mark.slow
@pytest.mark.parametrize("symbols", [4, 40, 80])
def test_chance_is_recognised_at_every_coverage_where_the_raw_comparison_always_flags(
    symbols: int,
) -> None:
    rates = false_positives(60, 400, symbols, draws=499)
    assert rates["raw"] > 0.95
    assert (
        rates["pair"] <= 0.09 and rates["family"] <= 0.14
    )  # 60 runs: three standard errors over 5 %


@pytest.mark.parametrize(("n", "bits"), [(500, 0.05), (2000, 0.011)])
def test_a_real_excess_is_found(n: int, bits: float) -> None:
    assert power(30, n, bits, draws=499) >= 0.9


def test_the_p_value_is_exact_by_enumeration() -> None:
    """Four rows in two strata: all 4 shuffles listed by hand."""
    up = np.array([0, 0, 1, 1])
    down = np.array([0, 1, 0, 1])
    y = np.array([0, 1, 0, 1])
    # labels within a stratum in two orders each: I = 1 bit when both agree (or both disagree), 0
    # when one differs: half of the shuffles reach it
    assert permutation_p(up, down, y, draws=4999, seed=1) == pytest.approx(0.5, abs=0.03)


def enumerated_p(up: np.ndarray, down: np.ndarray, y: np.ndarray) -> float:
    """The share of all shuffles of y within the strata of up that reach the observed information,
    each listed.
    """
    strata = [np.flatnonzero(up == s) for s in np.unique(up)]
    observed, reached, total = information_bits(down, y), 0, 0
    for orders in product(*(permutations(rows) for rows in strata)):
        shuffled = y.copy()
        for rows, order in zip(strata, orders, strict=True):
            shuffled[rows] = y[list(order)]
        reached += information_bits(down, shuffled) >= observed - 1e-9
        total += 1
    return reached / total


@pytest.mark.parametrize("case", range(12))
def test_p_values_are_the_share_of_all_shuffles(case: int) -> None:
    """Strata of every kind: of one row, of one label, of one code, and those that a shuffle
    changes; rows in no order.
    """
    rng = np.random.default_rng(case)
    up, down, y = rng.integers(0, 4, 9), rng.integers(0, 3, 9), rng.integers(0, 2 + case % 2, 9)
    assert permutation_p(up, down, y, draws=20_000, seed=case) == pytest.approx(
        enumerated_p(up, down, y), abs=4 * 0.5 / np.sqrt(20_000)
    )


def test_where_no_shuffle_changes_anything_chance_explains_all() -> None:
    y = np.arange(400) % 2
    down = np.random.default_rng(0).integers(0, 9, 400)
    for up in (y, np.arange(400), down):  # strata of one label, of one row, of one code
        assert permutation_p(up, down, y, draws=99) == 1.0


def test_p_values_do_not_depend_on_threads_or_on_how_draws_are_shared_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    up, y = rng.integers(0, 5, 500), rng.integers(0, 2, 500)
    down = rng.integers(0, 4, 500) + (y & (rng.random(500) < 0.05))
    found = set()
    for number, size in ((1, 250), (2, 250), (2, 7), (3, 5000)):
        monkeypatch.setattr(resample, "DRAWS_AT_ONCE", size)
        with using(number):
            found.add(permutation_p(up, down, y, draws=1999, seed=5))
    assert len(found) == 1 and 0.001 < found.pop() < 0.999
    assert permutation_p(up, down, y, draws=1999, seed=6) != permutation_p(
        up, down, y, draws=1999, seed=5
    )


def test_multiple_testing_by_hand() -> None:
    assert holm([0.001, 0.02, 0.04], 3) == pytest.approx([0.003, 0.04, 0.04])
    assert holm([0.02], 10) == pytest.approx([0.2])
    assert benjamini_hochberg([0.01, 0.03, 0.02], 3) == pytest.approx([0.03, 0.03, 0.03])
    assert benjamini_hochberg([], 5) == [] == holm([], 5)


def write(path: Path, layers: dict[str, np.ndarray], y: np.ndarray) -> ip.Archive:
    names = list(layers)
    chain = Chain(
        tuple(names),
        tuple(
            tuple("cut" if j > i else "no-path" for j in range(len(names)))
            for i in range(len(names))
        ),
        rows=64,
    )
    infos = [
        LayerInfo(name, k, "Linear", a.shape[1:], a.shape[1:])
        for k, (name, a) in enumerate(layers.items())
    ]
    with RunWriter.create(
        path,
        layers=infos,
        x=np.arange(len(y), dtype=np.float32)[:, None],
        y=y,
        chain=chain,
        durable=False,
    ) as run:
        with run.step(0, meta={"mode": "eval"}) as shard:
            for name, a in layers.items():
                shard.write(
                    name,
                    a.astype(np.float32),
                    row_digests=row_digests(np.c_[a, np.arange(len(a))].astype(np.float32)),
                )  # all rows differ
    return ip.open_archive(path)


def test_an_excess_by_chance_is_sampling_and_carries_its_p_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    while True:  # a draw whose raw excess is well above the tolerance
        chain, y = equal_chain(400, 16, 2, rng)
        if (
            information_bits(chain[1], y) - information_bits(chain[0], y) > 0.03
            and permutation_p(chain[0], chain[1], y) > 0.2
        ):
            break
    archive = write(tmp_path / "run", {"a": chain[0][:, None], "b": chain[1][:, None]}, y)
    report = ip.check_dpi(ip.measure(archive, "bin:saxe,width=1"))
    pair = [f for f in (*report.findings,) if f.law == "I(Z;Y) pair"]
    assert {f.verdict for f in pair} <= {"sampling"} and report.passed
    assert not pair or (
        pair[0].p is not None
        and pair[0].p > 0.05
        and "chance explains the excess" in pair[0].explanation
    )


def test_a_real_excess_of_bins_is_the_estimators_with_its_p_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 1000)
    small = 0.1 * (y + rng.normal(size=1000) * 0.2)[:, None]
    report = ip.check_dpi(
        ip.measure(write(tmp_path / "run", {"a": small, "b": 20 * small}, y), "bin:saxe,width=1")
    )
    pair = next(f for f in report.findings if f.law == "I(Z;Y) pair")
    assert (
        pair.verdict == "estimator"
        and pair.p is not None
        and pair.p < 0.01
        and pair.stderr is not None
    )


def test_a_bare_plane_says_that_chance_was_not_judged(tmp_path: Path) -> None:
    y = np.arange(64) % 2
    plane = ip.measure(
        write(tmp_path / "run", {"a": y[:, None], "b": y[:, None]}, y), "bin:saxe,width=1"
    )
    (tmp_path / "run").rename(tmp_path / "gone")
    assert any(
        "cannot be told from sampling error" in limit for limit in ip.check_dpi(plane).limits
    )
    with pytest.raises(InputError, match="alpha is a level"):
        ip.check_dpi(plane, DPISettings(alpha=2))


def test_check_prints_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    y = np.arange(64) % 2
    write(tmp_path / "run", {"a": y[:, None], "b": y[:, None]}, y)
    code = exit_code("check", tmp_path / "run", "--json")
    said = json.loads(capsys.readouterr().out)
    assert code == 0 and said["passed"] is True and said["checked"] == sum(said["counts"].values())


@pytest.mark.slow
def test_planted_bugs_are_found_and_untouched_networks_are_left_alone() -> None:
    table = planted(1, 60, say=lambda text: None)
    assert table.pop("untouched")[1:] == (0, 0)
    assert len(table) == 6
    for bug, (networks, live, _) in table.items():
        assert live == networks, bug


def test_a_self_check_names_what_is_wrong(tmp_path: Path) -> None:
    x, y = ip.data.szt.load()
    net = ip.data.szt.network("tanh", seed=0)
    with ip.Recorder(
        net,
        probe=(x[:500], y[:500]),
        to=tmp_path / "run",
        layers="act*",
        schedule=ip.at(0, 3),
        verbose=False,
    ) as rec:
        state = torch.get_rng_state()
        assert rec.selfcheck().passed and torch.equal(state, torch.get_rng_state())
        ip.data.szt.train(net, epochs=3, seed=0, on_epoch=lambda e, m: rec.step(e))
        assert rec.selfcheck().passed
        old = rec.selfcheck(step=0)
        assert (
            not old.passed
            and "no layer agrees: the network's weights are not those of step 0" in str(old)
        )
        good = ip.open_archive(tmp_path / "run")
        z = {name: good.z(3, name) for name in good.layers}
        causes = {
            "right rows in another order": {"act3": z["act3"][::-1]},
            "activations of step 0: one layer of another checkpoint": {"act3": good.z(0, "act3")},
            "differs from the network in": {"act3": z["act3"] * 1.01},
            "overflow": {"act3": np.full_like(z["act3"], np.inf)},
        }
        for k, (words, changed) in enumerate(causes.items()):
            with RunWriter.create(
                tmp_path / str(k), layers=rec.infos, x=x[:500], y=y[:500], durable=False
            ) as run:
                for step in (0, 3):
                    with run.step(step) as shard:
                        for name in good.layers:
                            shard.write(
                                name, good.z(0, name) if step == 0 else changed.get(name, z[name])
                            )
            found = rec.selfcheck(ip.open_archive(tmp_path / str(k)))
            assert (
                len(found.problems) == 1 and words in found.problems[0] and len(found.bitwise) == 4
            )


def test_a_self_check_suspects_train_mode_where_the_network_is_random(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    x, y = torch.randn(40, 4), torch.arange(40) % 3
    with ip.Recorder(
        net, probe=(x, y), to=tmp_path / "run", layers=["1", "2"], verbose=False, mode="train"
    ):
        pass
    with ip.Recorder(
        net, probe=(x, y), to=tmp_path / "eval", layers=["1", "2"], verbose=False
    ) as rec:
        found = rec.selfcheck(ip.open_archive(tmp_path / "run"))
    assert not found.passed and "captured with train() on?" in str(found)


def test_every_bin_rule_of_the_campaign_is_a_spec() -> None:
    assert [str(ip.estimators.parse(s)) for s in BIN_RULES]
