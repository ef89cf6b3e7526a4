"""Certificates follow the training: no fault for sound networks, one for each planted fault."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from honest_gates import GATES
from honest_networks import (
    HONEST,
    OPENING,
    DeadHead,
    FunctionalDropout,
    Masked,
    RareBypass,
    ReZero,
    Sampling,
    Saturated,
    inputs,
    judged,
    trained,
)
from honest_noise import NOISE
from honest_saturated import SATURATED
from torch import Tensor, nn

import infoplane as ip
from infoplane.archive import RunWriter, pack
from infoplane.errors import DamagedArchive, LayerNotExecuted
from infoplane.hooks.chain import interchange
from infoplane.rows import row_digests
from infoplane.types import Chain, LayerInfo


@pytest.mark.parametrize("build", [*HONEST, *GATES[1::4], *NOISE[:2], *SATURATED[::3]])
def test_no_honest_network_is_called_a_fault(build: type) -> None:
    report = judged(trained(build, 0, steps=20))
    assert report.passed, report


@pytest.mark.slow
@pytest.mark.parametrize("build", [*HONEST, *GATES, *NOISE, *SATURATED])
def test_no_honest_network_of_a_hundred_is_called_a_fault(build: type) -> None:
    failed = [seed for seed in range(4) if not judged(trained(build, seed)).passed]
    assert failed == []


@pytest.mark.parametrize("build", [Sampling, Masked, FunctionalDropout])
def test_draws_of_a_network_that_draws_noise_in_eval_mode_are_no_fault(build: type) -> None:
    report = judged(trained(build, 0, steps=1, schedule=ip.at(0), draws=2))
    assert report.passed
    assert any("random (eval mode)" in limit for limit in report.limits)


@pytest.mark.parametrize("build", OPENING)
def test_a_gate_that_opens_while_training_is_found(build: type) -> None:
    path = trained(build, 0)
    chain = ip.open_archive(path).chain
    assert chain is not None and chain.through == 60
    assert "partial" in {
        chain.relation(build.layers[1], build.layers[2]),
        chain.relation(build.layers[0], build.layers[2]),
    }


def test_a_path_that_was_open_once_stays_open(tmp_path: Path) -> None:
    net, (x, y) = ReZero(), inputs(0)
    with ip.Recorder(
        net, probe=(x, y), to=tmp_path / "run", layers=["a", "b", "c"], verbose=False
    ) as rec:
        for step, gate in ((1, 0.5), (2, 0.0), (3, 0.0)):
            net.gate.data.fill_(gate)
            rec.step(step)
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None and chain.relation("b", "c") == "partial" and chain.through == 3


def test_layers_that_are_constant_before_training_are_certified_later() -> None:
    chain = ip.open_archive(trained(DeadHead, 0)).chain
    assert chain is not None and chain.relation("a", "c") == "cut"


def test_a_training_that_ends_in_an_error_keeps_the_certificates_it_has(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, (x, y) = ReZero(), inputs(0)
    net.a.weight.data[:, 1:] = 0.0  # two codes upstream
    with (
        pytest.raises(RuntimeError, match="diverged"),
        ip.Recorder(
            net, probe=(x, y), to=tmp_path / "run", layers=["a", "b", "c"], verbose=False
        ) as rec,
    ):
        for step in range(1, 7):
            net.gate.data.fill_(float(step > 4))
            rec.step(step)
        raise RuntimeError("diverged")
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None and chain.through == 3  # captures 0, 1, 2, 3: the fourth
    report = ip.check_dpi(ip.measure(ip.open_archive(tmp_path / "run"), ["exact"]))
    assert not report.of("fault")
    late = [f for f in report.of("untestable") if f.law == "exact leak"]
    assert {f.step for f in late} == {5, 6} and "was certified at step 3" in late[0].explanation


def test_a_packed_run_carries_the_newest_certificate(tmp_path: Path) -> None:
    path = trained(ReZero, 0, steps=20, schedule=ip.at(0, 20))
    packed = ip.open_archive(pack(path, tmp_path / "run.h5"))
    assert packed.chain == ip.open_archive(path).chain


def test_a_certificate_of_another_run_is_refused(tmp_path: Path) -> None:
    first = trained(ReZero, 0, steps=5, schedule=ip.at(0, 5))
    second = trained(ReZero, 1, steps=5, schedule=ip.at(0, 5))
    Path(second, "chain.json").write_bytes(Path(first, "chain.json").read_bytes())
    with pytest.raises(DamagedArchive, match="belongs to another run"):
        _ = ip.open_archive(second).chain


def test_an_overwritten_run_has_no_certificate_of_the_old_one(tmp_path: Path) -> None:
    x, y = inputs(0)
    for step in (5, 0):
        net = ReZero()
        with ip.Recorder(
            net,
            probe=(x, y),
            to=tmp_path / "run",
            layers=["a", "c"],
            schedule=ip.at(step),
            overwrite=True,
            verbose=False,
        ) as rec:
            rec.step(5)
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is not None and chain.through == 0


# ---- rows ----------------------------------------------------------------------------------------


def test_a_bypass_of_few_rows_is_found() -> None:
    found = 0
    for seed in range(10):
        torch.manual_seed(seed)
        chain = interchange(RareBypass(), inputs(seed)[0], ["a", "b", "c"])
        found += chain.relation("b", "c") == "partial"
    assert found == 10


def test_a_mask_that_few_rows_have_is_looked_at() -> None:
    class MaskedMean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            return self.b(torch.tanh(self.a(x)) * mask)  # type: ignore[no-any-return]

    torch.manual_seed(0)
    mask = torch.ones(1000, 4)
    mask[617, 2] = 0.0
    probe = ({"x": torch.randn(1000, 4), "mask": mask}, None)
    chain = interchange(MaskedMean(), probe, ["a", "b"], rows=8)
    assert chain.relation("a", "b") == "partial"


def test_a_plain_network_costs_as_many_forwards_whatever_its_depth() -> None:
    counts = []
    for depth in (3, 15):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(6, 6), nn.Tanh())]
        net, count = nn.Sequential(*layers), [0]

        def counted(module: nn.Module, args: object, count: list[int] = count) -> None:
            count[0] += 1

        net.register_forward_pre_hook(counted)
        names = [str(2 * k + 1) for k in range(depth)]
        chain = interchange(net, torch.randn(64, 6), names, rows=8)
        assert chain.relation("1", names[-1]) == "cut"
        counts.append(count[0])
    assert max(counts) <= 9


def test_every_reader_of_a_residual_input_is_given_the_value() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.fc = nn.LayerNorm(5), nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            return x + self.fc(torch.relu(self.norm(x)))

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.one, self.two = nn.Linear(4, 5), Block(), Block()

        def forward(self, x: Tensor) -> Tensor:
            return self.two(self.one(torch.tanh(self.stem(x))))  # type: ignore[no-any-return]

    chain = interchange(
        Stack(), torch.randn(40, 4), ["one.norm:input", "one", "two.norm:input", "two"]
    )
    assert chain.relation("one.norm:input", "one") == "cut"
    assert chain.relation("two.norm:input", "two") == "cut"


def test_a_parameter_that_a_module_reads_is_not_overwritten() -> None:
    class Queries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query, self.fc, self.out = (
                nn.Parameter(torch.randn(32, 4)),
                nn.Linear(4, 4),
                nn.Linear(4, 2),
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.out(torch.tanh(self.fc(self.query[: len(x)])) * x)  # type: ignore[no-any-return]

    net, x = Queries(), torch.randn(32, 4)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    interchange(net, x, ["fc:input", "out:input", "out"])
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


# ---- noise and rounding --------------------------------------------------------------------------


def test_the_certificate_says_where_noise_is_drawn() -> None:
    chain = interchange(Sampling(), inputs(0)[0], ["a", "mu", "d", "out"])
    assert chain.noisy == ("d", "out")
    assert ("a", "d") in chain.fresh_noise and ("d", "out") not in chain.fresh_noise


class DrawnEarly(nn.Module):
    """Draws its noise before the first layer, and lets it in behind the first and the second."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 2), nn.Linear(2, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn(len(x), 2)
        hidden = torch.tanh(self.b(torch.relu(self.a(x)) + noise))
        return self.c(hidden * (1 + noise.sum(1, keepdim=True)))  # type: ignore[no-any-return]


def test_noise_drawn_before_a_layer_without_noise_is_fresh_behind_it() -> None:
    chain = interchange(DrawnEarly(), inputs(0)[0], ["a", "b", "c"])
    assert chain.noisy == ("b", "c")
    assert set(chain.fresh_noise) == {("a", "b"), ("a", "c")}
    assert chain.shared_noise == (("b", "c"),)


@pytest.mark.parametrize("draws", [1, 2])
def test_noise_drawn_early_is_no_fault(draws: int) -> None:
    assert judged(trained(DrawnEarly, 0, steps=1, schedule=ip.at(0), draws=draws)).passed


def test_layers_that_share_noise_are_not_comparable() -> None:
    report = judged(trained(Masked, 0, steps=1, schedule=ip.at(0), noise="independent"))
    pairs = [f for f in report if (f.upstream, f.downstream) == ("b", "out")]
    assert pairs and {f.verdict for f in pairs} == {"not comparable"}
    assert "share noise" in pairs[0].explanation


def test_noise_that_nobody_declared_is_not_comparable_and_declared_noise_is_judged() -> None:
    verdicts = {}
    for noise in ("undeclared", "independent"):
        report = judged(trained(Sampling, 0, steps=1, schedule=ip.at(0), noise=noise))
        pairs = [f for f in report if (f.upstream, f.downstream) == ("a", "d")]
        verdicts[noise] = [f for f in pairs if "nobody declared" in f.explanation]
    assert verdicts["undeclared"] and not verdicts["independent"]


def test_a_fault_behind_the_noise_is_found_still(tmp_path: Path) -> None:
    chain = Chain(
        ("a", "b"),
        (("cut", "cut"), ("no-path", "cut")),
        noisy=("a", "b"),
    )
    codes = np.repeat(np.arange(50), 8).astype(np.float32)[:, None]
    swapped = np.random.default_rng(0).permutation(codes)
    report = ip.check_dpi(_run(tmp_path / "run", {"a": codes, "b": swapped}, chain))
    assert report.of("fault")


def test_a_layer_in_batches_of_other_rows_is_random_in_eval_mode_too() -> None:
    net = nn.Sequential(
        nn.Linear(6, 5), nn.BatchNorm1d(5, track_running_stats=False), nn.Tanh(), nn.Linear(5, 2)
    )
    chain = interchange(net, torch.randn(64, 6), ["0", "2", "3"])
    assert chain.noisy == ("2", "3") and ("0", "2") in chain.fresh_noise


class InBatch(nn.Module):
    """Rows that depend on their place in the batch or on rows there; subclasses say how."""

    layers = ("a", "b", "c")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 3), nn.Linear(3, 3), nn.Linear(3, 4)

    def mixed(self, rows: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.tanh(self.b(self.mixed(torch.relu(self.a(x))))))  # type: ignore[no-any-return]


class SumOfRowsBefore(InBatch):
    def mixed(self, rows: Tensor) -> Tensor:
        return rows + 0.1 * rows.cumsum(0)


class SumOfRowsBehind(InBatch):
    def mixed(self, rows: Tensor) -> Tensor:
        return rows + 0.1 * rows.flip(0).cumsum(0).flip(0)


class NumberOfRow(InBatch):
    def mixed(self, rows: Tensor) -> Tensor:
        return rows + torch.arange(len(rows))[:, None] / len(rows)


class SamplesAsTime(InBatch):
    """A recurrent layer that takes the samples for steps of time."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(3, 3)

    def mixed(self, rows: Tensor) -> Tensor:
        return self.rnn(rows[:, None])[0][:, 0]  # type: ignore[no-any-return]


class RowBefore(InBatch):
    def mixed(self, rows: Tensor) -> Tensor:
        return rows + 0.1 * rows.roll(1, 0)


class NoiseThenSum(SumOfRowsBefore):
    def mixed(self, rows: Tensor) -> Tensor:
        return super().mixed(rows + torch.randn_like(rows))


def test_rows_before_are_told_from_noise() -> None:
    torch.manual_seed(0)
    chain = interchange(NoiseThenSum(), inputs(0)[0], ["a", "b:input", "b", "c"])
    assert chain.coupled == () and ("a", "b") in chain.fresh_noise
    assert max(chain.rounding.values()) < 1e-4  # of last bits, and not of the noise


def test_noise_goes_on_into_what_few_rows_did_not_show() -> None:
    relations = (("cut",) * 3, ("no-path", "cut", "cut"), ("no-path", "no-path", "cut"))
    chain = Chain(("a", "b", "c"), relations, noisy=("b",), fresh_noise=(("a", "b"),))
    assert [chain.may_be_random(layer) for layer in "abc"] == [False, True, True]
    assert chain.random_behind("a", "b") and chain.random_behind("a", "c")
    assert not chain.random_behind("b", "c")


@pytest.mark.parametrize(
    "build", [SumOfRowsBefore, SumOfRowsBehind, RowBefore, NumberOfRow, SamplesAsTime]
)
def test_rows_that_depend_on_others_of_the_batch_are_said_and_are_no_fault(
    build: type, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    chain = interchange(build(), inputs(0)[0], ["a", "b", "c"])
    assert chain.coupled == ("b", "c")
    assert judged(trained(build, 0, steps=1, schedule=ip.at(0), verbose=True)).passed
    assert (
        "note: ['b', 'c']: rows depend on the other rows of their batch" in capsys.readouterr().out
    )


class Carrying(nn.Module):
    """A recurrent network whose state goes on from batch to batch."""

    layers = ("a", "rnn", "out")

    def __init__(self) -> None:
        super().__init__()
        self.a, self.rnn, self.out = (
            nn.Linear(6, 4),
            nn.GRU(4, 5, batch_first=True),
            nn.Linear(5, 4),
        )
        self.state: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        state = self.state if self.state is not None and self.state.shape[1] == len(x) else None
        values, left = self.rnn(torch.relu(self.a(x))[:, None], state)
        self.state = left.detach()
        return self.out(values[:, -1])  # type: ignore[no-any-return]


def test_a_state_that_goes_on_from_batch_to_batch_is_said_and_is_no_fault(tmp_path: Path) -> None:
    chain = interchange(Carrying(), inputs(0)[0], ["a", "rnn", "out"])
    assert chain.noisy == ("rnn", "out")
    assert ("a", "rnn") in chain.fresh_noise and ("rnn", "out") not in chain.fresh_noise
    report = judged(trained(Carrying, 0, steps=1, schedule=ip.at(0), batch_size=100))
    assert report.passed
    assert any("rnn, out: random" in limit for limit in report.limits)


def _run(path: Path, layers: dict[str, np.ndarray], chain: Chain) -> ip.Archive:
    infos = [
        LayerInfo(name, k, "Linear", a.shape[1:], a.shape[1:])
        for k, (name, a) in enumerate(layers.items())
    ]
    n = len(next(iter(layers.values())))
    x = np.repeat(np.arange(n // 2), 2)[:, None].astype(np.float32)
    with RunWriter.create(
        path, layers=infos, x=x, y=np.arange(n) % 2, chain=chain, durable=False
    ) as run:
        with run.step(0, meta={"mode": "eval"}) as shard:
            for name, values in layers.items():
                shard.write(name, values, row_digests=row_digests(values))
    return ip.open_archive(path)


def test_equal_inputs_whose_first_layer_differs_are_a_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(200, 3)).astype(np.float32)
    chain = Chain(("a", "b"), (("cut", "cut"), ("no-path", "cut")))
    report = ip.check_dpi(_run(tmp_path / "run", {"a": first, "b": np.tanh(first)}, chain))
    (fault,) = report.of("fault")
    assert (fault.law, fault.upstream) == ("equal inputs", "a")
    assert "rows 0 and 1 have equal inputs but differ at a" in fault.explanation


def test_rounding_that_the_network_amplifies_is_measured() -> None:
    torch.manual_seed(0)
    x = inputs(0)[0]
    steep = interchange(Saturated(), x, ["act1", "act2", "act3"]).rounding
    flat = interchange(Saturated(scale=1.0), x, ["act1", "act2", "act3"]).rounding
    assert steep["act3"] > 1e-4
    assert flat["act3"] < 1e-5


# ---- planted faults ------------------------------------------------------------------------------


def test_planted_faults_are_found_in_networks_that_were_certified() -> None:
    found = 0
    for seed in range(10):
        torch.manual_seed(seed)
        x, y = inputs(seed)
        net = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
        run = trained(lambda net=net: _named(net), seed, steps=1, schedule=ip.at(0))
        archive = ip.open_archive(run)
        layers = {name: np.array(archive.z(0, name)) for name in archive.layers}
        layers["3"] = np.random.default_rng(seed).permutation(layers["3"])
        chain = archive.chain
        assert chain is not None
        infos = list(archive.infos)
        with RunWriter.create(
            run + "-planted", layers=infos, x=x.numpy(), y=y.numpy(), chain=chain, durable=False
        ) as writer:
            with writer.step(0, meta={"mode": "eval"}) as shard:
                for name, values in layers.items():
                    shard.write(name, values, row_digests=row_digests(values))
        found += bool(ip.check_dpi(ip.open_archive(run + "-planted")).of("fault"))
    assert found == 10


def _named(net: nn.Module) -> nn.Module:
    net.layers = ["1", "3", "4"]  # type: ignore[assignment]  # what `trained` records
    return net


# ---- self-check ----------------------------------------------------------------------------------


def _checked(net: nn.Module, **options: object) -> object:
    import tempfile

    x, y = inputs(0)
    with ip.Recorder(
        net, probe=(x, y), to=tempfile.mkdtemp() + "/run", verbose=False, **options
    ) as rec:  # type: ignore[arg-type]
        return rec.selfcheck()


def test_a_self_check_finds_noise_in_the_network() -> None:
    result = _checked(FunctionalDropout())
    assert not result.passed  # type: ignore[attr-defined]
    assert ("random in eval mode: two forwards of the same rows differ") in result.problems[-1]  # type: ignore[attr-defined]


def test_a_self_check_finds_noise_in_the_forward_function() -> None:
    def noisy(net: nn.Module, x: Tensor) -> object:
        return net(x + 0.1 * torch.randn_like(x))

    assert not _checked(nn.Sequential(nn.Linear(6, 3), nn.Tanh()), forward=noisy).passed  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{"draws": 3}, {"noise": "independent"}])
def test_a_self_check_does_not_object_to_noise_that_is_declared(options: dict[str, object]) -> None:
    result = _checked(FunctionalDropout(), **options)
    assert result.passed and result.random == ("b", "out"), result  # type: ignore[attr-defined]


class OnlyInEvalMode(nn.Linear):
    """Gives half of its rows in train mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[: len(x) // 2] if self.training else x)


def test_a_self_check_asks_nothing_of_train_mode() -> None:
    assert _checked(nn.Sequential(OnlyInEvalMode(6, 3), nn.Tanh())).passed  # type: ignore[attr-defined]


def test_a_self_check_of_a_network_without_noise_passes_with_draws() -> None:
    assert _checked(nn.Sequential(nn.Linear(6, 3), nn.Tanh()), draws=2).passed  # type: ignore[attr-defined]


def test_noise_that_follows_no_seed_is_not_held_against_the_archive() -> None:
    generator = torch.Generator().manual_seed(0)

    def noisy(net: nn.Module, x: Tensor) -> object:
        return net(x + 0.1 * torch.randn(x.shape, generator=generator))

    with pytest.warns(RuntimeWarning, match="a generator that is not seeded"):
        result = _checked(nn.Sequential(nn.Linear(6, 3), nn.Tanh()), forward=noisy, draws=2)
    assert result.passed  # type: ignore[attr-defined]


class Adaptive(nn.Module):
    """Runs its cell as often as the largest row asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.cell, self.out = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        z = torch.tanh(self.first(x))
        for _ in range(1 + int(x.abs().max() * 2)):
            z = torch.tanh(self.cell(z))
        return self.out(z)  # type: ignore[no-any-return]


def test_a_network_whose_calls_vary_is_said_to_be_one(tmp_path: Path) -> None:
    x = torch.arange(60.0).reshape(20, 3) / 20
    chain = interchange(Adaptive(), x, ["first", "cell", "out"])
    assert "run a varying number of times" in chain.reason
    with pytest.raises(LayerNotExecuted, match="cell.*varying number of times"):
        ip.Recorder(
            Adaptive(), probe=x, to=tmp_path / "run", layers=["cell"], batch_size=5, verbose=False
        ).open()


def test_layers_beside_those_whose_calls_vary_are_recorded(tmp_path: Path) -> None:
    x = torch.arange(60.0).reshape(20, 3) / 20
    with ip.Recorder(
        Adaptive(), probe=x, to=tmp_path / "run", layers=["first", "out"], verbose=False
    ) as recorder:
        assert recorder.steps == (0,)
