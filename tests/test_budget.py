"""The cost of the interchange test: its budget, what it leaves open, and a later continuation."""

from __future__ import annotations

import copy
import itertools
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import CaptureError, InputError
from infoplane.hooks.certificates import budget
from infoplane.hooks.certificates.budget import Budget, Spending
from infoplane.hooks.chain import interchange
from infoplane.types import Chain


class Dense(nn.Module):
    """Every layer reads all before it: nothing follows from a neighbour alone."""

    def __init__(self, depth: int = 40) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3 + 3 * k, 3) for k in range(depth))
        self.forwards = 0

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for layer in self.layers:
            values.append(torch.tanh(layer(torch.cat(values, 1))))
        return values[-1]


class Skipping(nn.Module):
    """Fifteen layers in a row, with one skip over six of them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(15))

    def forward(self, x: Tensor) -> Tensor:
        for number, layer in enumerate(self.layers):
            if number == 4:
                kept = x
            x = torch.tanh(layer(x + kept if number == 10 else x))
        return x


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the network were so large that its forwards count."""
    monkeypatch.setattr(budget, "SECONDS", 0.0)
    monkeypatch.setattr(Budget.__init__, "__defaults__", (budget.FORWARDS, 0.0))


def rows_seen(net: nn.Module) -> list[int]:
    """The rows of every forward, as they come."""
    seen: list[int] = []
    net.register_forward_pre_hook(lambda module, args: seen.append(len(args[0])))
    return seen


def record(net: nn.Module, to: Path, **options: object) -> ip.Recorder:
    torch.manual_seed(0)
    return ip.Recorder(
        net,
        probe=torch.randn(200, next(net.parameters()).shape[1]),
        to=to / "run",
        layers=["layers.*"],
        verbose=False,
        durable=False,
        **options,  # type: ignore[arg-type]  # of the recorder
    )


def chain_of(net: nn.Module, to: Path, **options: object) -> Chain:
    with record(net, to, **options) as recorder:
        assert recorder.chain is not None
        return recorder.chain


def test_fifteen_layers_in_a_row_with_a_skip_are_not_exchanged_one_by_one() -> None:
    net = Skipping()
    seen = rows_seen(net)
    chain = interchange(net, torch.randn(100, 6), [f"layers.{k}" for k in range(15)], rows=8)
    halves = 15 - 10  # of the ten layers before the join; ten forwards are those of a plain network
    assert sum(seen[2:]) <= (10 + halves) * 8
    assert chain.relation("layers.0", "layers.14") == "cut"
    assert chain.relation("layers.5", "layers.14") == "partial"
    assert not chain.untested


def test_a_plain_network_of_fifteen_layers_takes_fewer_than_ten_forwards_of_eight_rows() -> None:
    net = nn.Sequential(*[layer for _ in range(15) for layer in (nn.Linear(6, 6), nn.Tanh())])
    seen = rows_seen(net)
    chain = interchange(net, torch.randn(64, 6), [str(2 * k + 1) for k in range(15)], rows=8)
    survey = 2
    assert sum(seen[survey:]) < 10 * 8
    assert {chain.relation(str(2 * k + 1), "29") for k in range(15)} == {"cut"}


class Logistic(nn.Module):
    """Eight steps of the logistic map, which double a difference each."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(8):
            x = 4 * x * (1 - x)
        return x


def test_large_rounding_costs_one_more_forward_of_the_rows() -> None:
    net = nn.Sequential(*(Logistic() for _ in range(5)))
    seen = rows_seen(net)
    names = [str(k) for k in range(5)]
    chain = interchange(net, torch.rand(64, 6), names, rows=8)
    survey = 2
    assert min(chain.rounding.values()) > 1e-5
    assert sum(seen[survey:]) <= 7 * 8
    assert {chain.relation(name, "4") for name in names} == {"cut"}


class Wide(nn.Module):
    """Gives 4 MiB a row."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].expand(-1, 1 << 20) + 1


class MeanOfRow(nn.Module):
    """One unit from many."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)


@pytest.mark.slow
def test_fewer_rows_are_exchanged_where_an_output_between_the_layers_is_wide(
    tmp_path: Path,
) -> None:
    net = nn.Sequential(nn.Linear(6, 6), Wide(), MeanOfRow(), nn.Linear(1, 3))
    probe = torch.randn(200, 6)
    with ip.Recorder(net, probe=probe, to=tmp_path / "run", layers=["0", "3"]) as recorder:
        assert recorder.chain is not None
        assert recorder.chain.rows == 8
        assert recorder.chain.relation("0", "3") == "cut"


@pytest.mark.usefixtures("no_time")
def test_a_large_network_costs_no_more_than_its_budget(tmp_path: Path) -> None:
    net = Dense()
    with record(net, tmp_path, schedule=ip.at(5)) as recorder:
        seen = rows_seen(net)
        chain = recorder.certify(-1)
        whole, rows = sum(seen), chain.rows
    assert whole > 40 * rows
    net = Dense()
    seen = rows_seen(net)
    recorder = record(net, tmp_path, schedule=ip.at(5), overwrite=True)
    recorder.look()
    look = sum(seen)
    recorder.open()
    recorder.close()
    assert sum(seen) - 2 * look <= budget.FORWARDS * rows


@pytest.mark.usefixtures("no_time")
def test_what_the_budget_leaves_out_is_unknown_and_said(tmp_path: Path) -> None:
    chain = chain_of(Dense(), tmp_path)
    assert 0 < len(chain.untested) < 40
    first = chain.untested[0]
    assert chain.relation(first, "layers.39") == "unknown"
    assert "ip.certify(run, model) tests them" in chain.reason


@pytest.mark.usefixtures("no_time")
def test_what_the_budget_leaves_out_is_said_while_attaching(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probe = torch.randn(200, 3)
    options = {"probe": probe, "layers": ["layers.*"], "verbose": True}
    with ip.Recorder(Dense(), to=tmp_path / "run", **options) as recorder:  # type: ignore[arg-type]  # of the recorder
        assert recorder.chain is not None
        assert f"note: {recorder.chain.reason}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("no_time")
def test_the_rest_is_tested_later_from_the_archive_and_the_network(tmp_path: Path) -> None:
    torch.manual_seed(3)
    net = Dense()
    whole = chain_of(net, tmp_path / "whole", chain=True)
    part = chain_of(net, tmp_path / "part")
    assert part.matrix != whole.matrix
    later = ip.certify(tmp_path / "part" / "run", net, progress=False)
    assert later.matrix == whole.matrix and not later.untested
    assert ip.open_archive(tmp_path / "part" / "run").chain == later


def test_a_run_without_a_certificate_is_certified_later(tmp_path: Path) -> None:
    net = Skipping()
    with record(net, tmp_path, chain=False):
        pass
    assert ip.open_archive(tmp_path / "run").chain is None
    ip.certify(tmp_path / "run", net, progress=False)
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None and chain.relation("layers.5", "layers.14") == "partial"
    assert chain.through == 0


def test_a_network_with_other_weights_is_refused(tmp_path: Path) -> None:
    net = Skipping()
    with record(net, tmp_path, chain=False):
        pass
    with torch.no_grad():
        net.layers[3].weight.mul_(2.0)
    with pytest.raises(CaptureError, match="not the one of step 0"):
        ip.certify(tmp_path / "run", net)


def test_a_step_that_is_not_there_is_refused_with_those_there_are(tmp_path: Path) -> None:
    net = Skipping()
    with record(net, tmp_path, chain=False):
        pass
    with pytest.raises(InputError, match=r"no step 7; there are \[0\]"):
        ip.certify(tmp_path / "run", net, step=7)


def test_an_earlier_step_that_is_certified_leaves_the_later_ones_covered(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    start = copy.deepcopy(net)
    with ip.Recorder(net, probe=torch.randn(20, 3), to=tmp_path, verbose=False) as recorder:
        net[0].weight.data.mul_(2)
        recorder.step(4)
    chain = ip.certify(tmp_path, start, step=0, progress=False)
    assert chain.covers(4)


def test_a_test_that_fails_later_leaves_the_certificate_of_the_run(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    before = ip.capture(net, torch.randn(20, 3), tmp_path).chain

    def ten_rows_are_too_many(model: nn.Module, x: Tensor) -> Tensor:
        if len(x) == 10:
            raise RuntimeError("out of memory")
        return model(x)  # type: ignore[no-any-return]  # a tensor

    with pytest.raises(CaptureError, match="out of memory"):
        ip.certify(tmp_path, net, progress=False, forward=ten_rows_are_too_many)
    assert ip.open_archive(tmp_path).chain == before


def test_a_run_whose_recorder_would_write_over_it_is_not_certified(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    with ip.Recorder(net, probe=torch.randn(20, 3), to=tmp_path, verbose=False):
        with pytest.raises(InputError, match="close it first"):
            ip.certify(tmp_path, net, progress=False)
    assert ip.certify(tmp_path, net, progress=False).relation("1", "2") == "cut"


def test_a_run_that_was_made_from_arrays_cannot_be_certified(tmp_path: Path) -> None:
    x = torch.randn(20, 3)
    ip.from_arrays({"fc": x.numpy()}, to=tmp_path / "run", x=x)
    with pytest.raises(InputError, match="made from arrays"):
        ip.certify(tmp_path / "run", nn.Linear(3, 3), probe=x)


def test_every_fifteen_layers_in_a_row_cost_two_more_forwards() -> None:
    costs = []
    for depth in (16, 31, 46):
        net = nn.Sequential(*[nn.Linear(6, 6) for _ in range(depth)])
        for layer in net:
            nn.init.orthogonal_(layer.weight)
        seen = rows_seen(net)
        chain = interchange(net, torch.randn(64, 6), "all", rows=8)
        assert chain.relation("0", str(depth - 1)) == "cut"
        costs.append(sum(seen[2:]) / 8)
    assert costs == [6, 8, 10]


def test_stored_weights_are_loaded(tmp_path: Path) -> None:
    net = Skipping()
    with record(net, tmp_path, store="weights", chain=False):
        pass
    other = Skipping()
    ip.certify(tmp_path / "run", other, progress=False)
    assert torch.equal(other.layers[0].weight, net.layers[0].weight)


def test_the_command_certifies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    with ip.Recorder(
        net, probe=torch.randn(30, 4), to=tmp_path / "run", verbose=False, chain=False
    ):
        pass
    (tmp_path / "net_of_budget_test.py").write_text(
        "import torch\nfrom torch import nn\n\n\ndef make():\n"
        "    net = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))\n"
        f"    net.load_state_dict(torch.load({str(tmp_path / 'weights.pt')!r}))\n    return net\n"
    )
    monkeypatch.delitem(sys.modules, "net_of_budget_test", raising=False)
    model = f"{tmp_path / 'net_of_budget_test.py'}:make"
    done = CliRunner().invoke(app, ["certify", str(tmp_path / "run"), "--model", model])
    assert done.exit_code == 0, done.output
    assert "2 layers certified on" in done.output and ": 1 cut, 1 no-path" in done.output


def test_a_cut_that_a_later_test_left_out_is_unknown() -> None:
    early = Chain(("a", "b"), (("cut", "cut"), ("no-path", "cut")), through=0)
    late = Chain(("a", "b"), (("cut", "unknown"), ("no-path", "cut")), through=8, untested=("a",))
    assert early.joined(late).relation("a", "b") == "unknown"


def test_a_path_that_was_seen_stays_where_a_later_test_left_it_out() -> None:
    early = Chain(("a", "b"), (("cut", "partial"), ("no-path", "cut")), through=0)
    late = Chain(("a", "b"), (("cut", "unknown"), ("no-path", "cut")), through=8, untested=("a",))
    assert early.joined(late).relation("a", "b") == "partial"


def test_a_certificate_says_in_its_file_what_was_left_out() -> None:
    chain = Chain(("a", "b"), (("cut", "unknown"), ("no-path", "cut")), untested=("a",))
    assert Chain.from_dict(chain.to_dict()) == chain


def test_seconds_that_are_left_let_a_test_go_on() -> None:
    now = itertools.count()
    spending = Spending(Budget(forwards=2, seconds=2.5), 8, clock=lambda: float(next(now)))
    spending.add(1000)
    assert [spending.exhausted for _ in range(4)] == [False, False, True, True]


def test_a_forward_that_does_not_fit_is_not_run() -> None:
    spending = Spending(Budget(forwards=3, seconds=0.0), 8)
    spending.add(16)
    assert not spending.exhausted
    spending.add(1)
    assert spending.exhausted


def test_progress_of_the_test_is_a_line_where_there_is_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import infoplane.display.progress as display

    monkeypatch.setattr(display, "SILENT_SECONDS", 0.0)
    net = Dense(6)
    with record(net, tmp_path, chain=False):
        pass
    ip.certify(tmp_path / "run", net)
    assert "interchange test, layers: " in capsys.readouterr().err
