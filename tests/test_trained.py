"""Trained networks, alone and over checkpoints, against a recorder that saw the training."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import hooks_of
from torch import nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import (
    ArchiveExists,
    CheckpointMismatch,
    DamagedCheckpoint,
    InputError,
    LayerNotFound,
)

STEPS = (1, 2, 3)
X = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
Y = np.arange(40) % 2
States = dict[int, dict[str, torch.Tensor]]


def network() -> nn.Sequential:
    torch.manual_seed(99)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[ip.Archive, States]:
    """A recorder's run of three steps, and the weights of every step."""
    net, to = network(), tmp_path_factory.mktemp("truth") / "run"
    states: States = {}
    with ip.Recorder(net, probe=(X, Y), to=to, schedule=ip.at(*STEPS), verbose=False) as rec:
        for step in STEPS:
            with torch.no_grad():
                for p in net.parameters():
                    p.mul_(1.3)
            rec.step(step)
            states[step] = {k: v.clone() for k, v in net.state_dict().items()}
    return ip.open_archive(to), states


def save_all(folder: Path, states: States, form: str = "ckpt_{:06d}.pt") -> Path:
    folder.mkdir()
    for step, state in states.items():
        torch.save(state, folder / form.format(step))
    return folder


def assert_same(found: ip.Archive, truth: ip.Archive) -> None:
    """Digests and numbers bit for bit."""
    assert found.steps == truth.steps and found.layers == truth.layers
    for step, layer in truth:
        assert np.array_equal(found.row_digests(step, layer), truth.row_digests(step, layer))
    specs = ["exact", "bin:szt"]
    values = [[p.bits for p in ip.measure(a, specs, resume=False).points] for a in (found, truth)]
    assert values[0] == values[1]


def test_a_folder_of_checkpoints_is_the_run_that_a_recorder_would_have_made(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    folder = save_all(tmp_path / "ckpts", truth[1])
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=folder)
    assert_same(run, truth[0])
    assert run.chain == truth[0].chain
    assert run.extra(2, "source")["name"] == "ckpts/ckpt_000002.pt"


@pytest.mark.parametrize("kind", ["states", "paths", "glob", "iterator", "list"])
def test_every_way_to_name_checkpoints_gives_the_same_run(
    kind: str, truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    states = truth[1]
    folder = save_all(tmp_path / "ckpts", states)
    files = {step: folder / f"ckpt_{step:06d}.pt" for step in states}
    given = {
        "states": states,
        "paths": files,
        "glob": str(folder / "*.pt"),
        "iterator": iter(states.items()),
        "list": list(files.values()),
    }[kind]
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=given)
    assert_same(run, truth[0])


def test_a_model_as_it_stands_is_one_step(truth: tuple[ip.Archive, States], tmp_path: Path) -> None:
    net = network()
    net.load_state_dict(truth[1][3])
    run = ip.capture(net, probe=(X, Y), to=tmp_path / "run")
    assert run.steps == (0,)
    for layer in run.layers:
        assert np.array_equal(run.row_digests(0, layer), truth[0].row_digests(3, layer))
    assert net.training and not any(hooks_of(net))


def test_a_model_as_it_stands_does_not_replace_a_run(tmp_path: Path) -> None:
    ip.capture(network(), probe=(X, Y), to=tmp_path / "run")
    with pytest.raises(ArchiveExists):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run")


@pytest.mark.parametrize("prefix", ["module.", "model.", "net.", "_orig_mod.", "module._orig_mod."])
def test_a_prefix_is_taken_off_and_said(
    prefix: str, truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    states = {s: {prefix + k: v for k, v in d.items()} for s, d in truth[1].items()}
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=states)
    assert_same(run, truth[0])
    said = run.extra(1, "source").get("prefix", "")
    assert "_orig_mod" in prefix or prefix in said


def test_the_model_of_a_module_is_found_although_its_keys_have_no_prefix(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.body(x)  # type: ignore[no-any-return]  # a tensor

    run = ip.capture(Wrapped(), probe=(X, Y), to=tmp_path / "run", checkpoints=truth[1])
    assert run.extra(1, "source")["prefix"] == "prefix 'body.' added"
    digests = [run.row_digests(3, run.layers[-1]), truth[0].row_digests(3, truth[0].layers[-1])]
    assert np.array_equal(*digests)


@pytest.mark.parametrize("where", ["model", "state_dict", "nested"])
def test_the_state_dict_is_found_inside_a_file_of_a_training_loop(
    where: str, truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    optimiser = torch.optim.Adam(network().parameters()).state_dict()
    folder = tmp_path / "ckpts"
    folder.mkdir()
    for step, state in truth[1].items():
        inner = {"a": {"b": state}} if where == "nested" else {where: state}
        record = {**inner, "optimizer": optimiser, "epoch": step, "loss": 1 / step}
        torch.save(record, folder / f"step{step}.pt")
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=folder)
    assert_same(run, truth[0])
    assert run.metrics == {step: {"loss": 1 / step} for step in STEPS}


def test_two_state_dicts_that_fit_are_a_question_that_entry_answers(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    states = truth[1]
    torch.save({"model": states[1], "ema": states[2]}, tmp_path / "step1.pt")
    options = {"probe": (X, Y), "checkpoints": tmp_path / "step1.pt"}
    with pytest.raises(InputError, match=r"\['model', 'ema'\].*entry="):
        ip.capture(network(), to=tmp_path / "a", **options)
    run = ip.capture(network(), to=tmp_path / "b", entry="ema", **options)
    assert np.array_equal(run.row_digests(1, "2"), truth[0].row_digests(2, "2"))


def test_two_prefixes_that_fit_are_a_question_that_prefix_answers(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    both = {f"student.{k}": v for k, v in truth[1][1].items()}
    both |= {f"teacher.{k}": v for k, v in truth[1][2].items()}
    options = {"probe": (X, Y), "checkpoints": {1: both}}
    with pytest.raises(InputError, match="several prefixes"):
        ip.capture(network(), to=tmp_path / "a", **options)
    run = ip.capture(network(), to=tmp_path / "b", prefix="teacher.", strict=False, **options)
    assert np.array_equal(run.row_digests(1, "2"), truth[0].row_digests(2, "2"))


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape", "other"])
def test_weights_that_do_not_fit_are_refused_with_the_keys(
    change: str, truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    state = dict(truth[1][1])
    if change == "missing":
        del state["2.bias"]
    elif change == "unexpected":
        state["9.weight"] = torch.zeros(2)
    elif change == "shape":
        state["2.bias"] = torch.zeros(7)
    else:
        state = {"encoder.weight": torch.zeros(2)}
    key = {"missing": "2.bias", "unexpected": "9.weight", "shape": "2.bias", "other": "0.weight"}
    with pytest.raises(CheckpointMismatch, match=key[change]):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints={1: state})
    assert not (tmp_path / "run" / "run.json").exists()


def test_strict_false_loads_what_fits_and_the_archive_says_so(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    state = truth[1][1] | {"9.weight": torch.zeros(2)}
    run = ip.capture(
        network(), probe=(X, Y), to=tmp_path / "run", checkpoints={1: state}, strict=False
    )
    assert run.extra(1, "source")["strict"] is False
    assert run.extra(1, "source")["first"] == ["9.weight"]
    assert np.array_equal(run.row_digests(1, "2"), truth[0].row_digests(1, "2"))


def test_tied_weights_that_are_stored_once_are_not_missing(tmp_path: Path) -> None:
    def tied() -> nn.Sequential:
        net = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5))
        net[2].weight = net[0].weight
        return net

    state = tied().state_dict()
    del state["2.weight"]
    run = ip.capture(tied(), probe=(X, Y), to=tmp_path / "run", checkpoints={1: state})
    assert run.steps == (1,)


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped"])
@pytest.mark.parametrize("step", STEPS)
def test_a_damaged_checkpoint_is_recorded_and_the_rest_goes_on(
    damage: str, step: int, truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    folder = save_all(tmp_path / "ckpts", truth[1])
    file = folder / f"ckpt_{step:06d}.pt"
    raw = bytearray(file.read_bytes())
    if damage == "flipped":
        raw[raw.find(truth[1][step]["0.weight"].numpy().tobytes()) + 9] ^= 64
    else:
        del raw[0 if damage == "empty" else 300 :]
    file.write_bytes(raw)
    with pytest.warns(RuntimeWarning, match=f"step {step} is passed over"):
        run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=folder)
    assert run.steps == tuple(s for s in STEPS if s != step)
    records = [run.extra(s, "failures") for s in run.steps]
    assert [f["step"] for f in records[-1]["failures"]] == [step]
    for s in run.steps:
        assert np.array_equal(run.row_digests(s, "2"), truth[0].row_digests(s, "2"))


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ckpt_1.pt").write_bytes(b"nothing")
    with pytest.raises(DamagedCheckpoint), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=tmp_path)


def test_a_second_call_goes_on_where_the_first_ended(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    first = {step: truth[1][step] for step in (1, 2)}
    folder = save_all(tmp_path / "ckpts", first)
    options = {"probe": (X, Y), "to": tmp_path / "run", "checkpoints": folder}
    ip.capture(network(), **options)
    before = sorted(os.listdir(tmp_path / "run" / "ckpt"))
    torch.save(truth[1][3], folder / "ckpt_000003.pt")
    assert_same(ip.capture(network(), **options), truth[0])
    assert set(before) < set(os.listdir(tmp_path / "run" / "ckpt"))


def test_a_checkpoint_that_changed_or_was_repaired_is_captured_again(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    folder = save_all(tmp_path / "ckpts", truth[1] | {2: truth[1][1]})
    options = {"probe": (X, Y), "to": tmp_path / "run", "checkpoints": folder}
    ip.capture(network(), **options)
    torch.save(truth[1][2], folder / "ckpt_000002.pt")
    os.utime(folder / "ckpt_000002.pt", ns=(1, 1))
    assert_same(ip.capture(network(), **options), truth[0])


def test_other_state_dicts_in_memory_are_captured_again_and_equal_ones_are_not(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    trained, states = truth
    how = {"probe": (X, Y), "to": tmp_path / "run"}
    first = {step: {name: 2 * value for name, value in states[step].items()} for step in STEPS}
    ip.capture(network(), checkpoints=first, **how)
    assert_same(ip.capture(network(), checkpoints=states, **how), trained)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.h5")}
    ip.capture(network(), checkpoints=states, **how)
    assert {path: path.stat().st_mtime_ns for path in files} == files


@pytest.mark.parametrize("by", ["entry", "prefix"])
def test_a_second_call_for_other_weights_of_the_same_files_captures_them(
    by: str, truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    trained, states = truth
    folder = tmp_path / "ckpts"
    folder.mkdir()
    for step, state in states.items():
        average = {name: 2 * value for name, value in state.items()}
        stored = {"model": state, "average": average}
        if by == "prefix":
            stored = {f"{own}.{name}": stored[own][name] for own in stored for name in state}
        torch.save(stored, folder / f"ckpt_{step}.pt")
    how = {"probe": (X, Y), "to": tmp_path / "run", "checkpoints": folder, "strict": False}
    dot = "." if by == "prefix" else ""
    ip.capture(network(), **how, **{by: f"average{dot}"})
    assert_same(ip.capture(network(), **how, **{by: f"model{dot}"}), trained)


def test_going_on_with_another_probe_is_refused_although_nothing_is_new(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    options = {"to": tmp_path / "run", "checkpoints": truth[1]}
    ip.capture(network(), probe=(X, Y), **options)
    with pytest.raises(InputError, match="probe"):
        ip.capture(network(), probe=(X + 1, Y), **options)


def test_a_run_that_was_recorded_in_training_is_not_gone_on_with(
    truth: tuple[ip.Archive, States],
) -> None:
    with pytest.raises(ArchiveExists, match="recorded in training"):
        ip.capture(network(), probe=(X, Y), to=truth[0].path, checkpoints=truth[1])


def test_options_of_the_recorder_pass(tmp_path: Path) -> None:
    split = np.where(np.arange(40) < 20, "train", "test")
    run = ip.capture(
        network(), probe=(X, Y), to=tmp_path / "run", layers=["0"], split=split, tags={"a": 1}
    )
    assert run.layers == ("0",) and run.split is not None and run.config["tags"] == {"a": 1}
    with pytest.raises(LayerNotFound):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "other", layers=["nothing"])


def test_a_file_that_would_run_something_is_refused(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "step1.pt")
    with pytest.raises(InputError, match="could run code"):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=tmp_path)


FACTORY = """
import torch
from torch import nn

def network():
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
"""


@pytest.fixture
def shell(
    truth: tuple[ip.Archive, States], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The arguments of the command over a folder of checkpoints."""
    (tmp_path / "nets_of_capture_test.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    np.savez(tmp_path / "probe.npz", x=X.numpy(), y=Y)
    folder = save_all(tmp_path / "ckpts", truth[1])
    return [
        "capture",
        "nets_of_capture_test:network",
        "--probe",
        str(tmp_path / "probe.npz"),
        "--checkpoints",
        str(folder / "*.pt"),
        "-o",
        str(tmp_path / "run"),
    ]


def test_the_command_makes_the_same_run(
    shell: list[str], truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, shell)
    assert done.exit_code == 0, done.output
    assert_same(ip.open_archive(tmp_path / "run"), truth[0])


def test_the_command_takes_a_network_that_is_built_already(
    shell: list[str], truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    (tmp_path / "nets_built_already.py").write_text(FACTORY + "\nbuilt = network()\n")
    shell[1] = "nets_built_already:built"
    done = CliRunner().invoke(app, shell)
    assert done.exit_code == 0, done.output
    assert_same(ip.open_archive(tmp_path / "run"), truth[0])


@pytest.mark.parametrize("damage", [lambda raw: raw[:200], lambda raw: b""])
def test_the_command_refuses_a_damaged_probe(
    damage: Callable[[bytes], bytes], shell: list[str], tmp_path: Path
) -> None:
    probe = tmp_path / "probe.npz"
    probe.write_bytes(damage(probe.read_bytes()))
    done = CliRunner().invoke(app, shell)
    assert isinstance(done.exception, InputError)
    assert "expected arrays of numbers" in str(done.exception)


def test_the_command_says_which_pairs_of_layers_are_tested(
    shell: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, [*shell, "--chain", "none"])
    assert done.exit_code == 0, done.output
    chain = ip.open_archive(tmp_path / "run").chain
    assert chain is None or chain.count("cut") == 0


def test_a_dry_run_says_what_would_be_read_and_writes_nothing(
    shell: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, [*shell, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "step 2: " in done.output and "ckpt_000002.pt" in done.output
    assert not (tmp_path / "run").exists()


def test_a_second_call_in_a_shell_says_what_was_there(
    truth: tuple[ip.Archive, States], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_all(tmp_path / "ckpts", truth[1])
    np.savez(tmp_path / "probe.npz", x=X.numpy(), y=Y)
    (tmp_path / "made.py").write_text("from test_trained import network\n")
    monkeypatch.chdir(tmp_path)
    said = []
    for _ in range(2):
        done = CliRunner().invoke(
            app, ["capture", "made.py:network", "--probe", "probe.npz", "-c", "ckpts", "-o", "run"]
        )
        assert done.exit_code == 0, done.output
        said.append(done.output)
    assert "3 steps, " in said[0] and "3 steps (3 of them were there)" in said[1]


def live_states(net: nn.Module) -> States:
    """State dicts as a careless loop stores them: all are the memory of the network."""
    states = {}
    for step in STEPS:
        with torch.no_grad():
            next(net.parameters()).mul_(1.5)
        states[step] = net.state_dict()
    return states


@pytest.mark.parametrize("form", [dict, lambda states: list(states.items())])
def test_state_dicts_that_are_one_memory_are_refused(form: Callable, tmp_path: Path) -> None:
    states = form(live_states(network()))
    with pytest.raises(InputError, match=r"steps 1 and 2 are the same memory.*deepcopy"):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=states)


def test_a_state_dict_that_an_earlier_checkpoint_overwrites_is_refused(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    net = network()
    states = {1: truth[1][1], 2: net.state_dict()}
    with pytest.raises(InputError, match="step 2 shares memory with the network"):
        ip.capture(net, probe=(X, Y), to=tmp_path / "run", checkpoints=states)


def test_state_dicts_may_share_the_layers_of_the_network_that_are_frozen(tmp_path: Path) -> None:
    net, states, expected = network(), {}, {}
    first = next(net.parameters())
    for step in STEPS:
        with torch.no_grad():
            first.mul_(1.5)
            expected[step] = net(X).numpy()
        states[step] = net.state_dict() | {"0.weight": first.detach().clone()}
    run = ip.capture(net, probe=(X, Y), to=tmp_path / "run", checkpoints=states)
    for step in STEPS:
        assert np.array_equal(run.z(step, run.layers[-1]), expected[step])


def test_a_generator_may_give_the_network_itself_at_every_step(tmp_path: Path) -> None:
    net, first = network(), []

    def training() -> Iterator[tuple[int, dict[str, torch.Tensor]]]:
        for step in STEPS:
            with torch.no_grad():
                next(net.parameters()).mul_(1.5)
                first.append(net[0](X).numpy())
            yield step, net.state_dict()

    run = ip.capture(net, (X, Y), tmp_path / "run", checkpoints=training(), layers=["0"])
    for step, values in zip(STEPS, first, strict=True):
        assert np.array_equal(run.z(step, "0"), values)


class Tied(nn.Module):
    """One matrix that is used twice, as by tied embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x)))


def test_a_checkpoint_that_differs_where_the_model_shares_is_refused(tmp_path: Path) -> None:
    states = {"first.weight": torch.eye(5), "second.weight": 2 * torch.eye(5)}
    options = {"probe": (X, Y), "to": tmp_path / "run", "layers": ["first", "second"]}
    with pytest.raises(CheckpointMismatch, match=r"'first.weight' and 'second.weight' are one"):
        ip.capture(Tied(), checkpoints={1: states}, **options)
    states["second.weight"] = torch.eye(5)
    run = ip.capture(Tied(), checkpoints={1: states}, **options)
    assert np.array_equal(run.z(1, "first"), X.numpy())


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.complex64])
@pytest.mark.parametrize("strict", [True, False])
def test_numbers_that_are_no_real_weights_are_refused(
    dtype: torch.dtype, strict: bool, tmp_path: Path
) -> None:
    state = {key: value.to(dtype) for key, value in network().state_dict().items()}
    with pytest.raises(CheckpointMismatch, match=f"got .*{dtype}.*quantised"):
        ip.capture(network(), (X, Y), tmp_path / "run", checkpoints={1: state}, strict=strict)


def test_a_link_that_leads_nowhere_is_passed_over(
    truth: tuple[ip.Archive, States], tmp_path: Path
) -> None:
    folder = save_all(tmp_path / "c", truth[1])
    (folder / "ckpt_9.pt").symlink_to(folder / "gone.pt")
    with pytest.warns(RuntimeWarning, match="step 9 is passed over.*a link to one that is gone"):
        run = ip.capture(network(), (X, Y), tmp_path / "run", checkpoints=str(folder / "*.pt"))
    assert run.steps == STEPS
