"""The recorder end to end: it writes what the network computed and does not change training."""

from __future__ import annotations

import base64
import copy
import pickle
import random
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import hooks_of
from torch import Tensor, nn

import infoplane as ip
from infoplane.archive import Archive, open_archive
from infoplane.errors import ArchiveExists, BudgetExceeded, InputError, LayerNotFound
from infoplane.hooks.recorder import Recorder


def _mlp(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(inplace=True), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 3)
    )


def _cnn(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(4 * 4 * 4, 3),
    )


def _data(*shape: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    return torch.randn(*shape, generator=g), torch.randint(0, 3, (shape[0],), generator=g)


def _train(
    net: nn.Module, x: Tensor, y: Tensor, rec: Recorder | None, epochs: int = 5
) -> dict[str, object]:
    """Trains with momentum and dropout noise; returns everything that could have been disturbed."""
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    if rec is not None:
        rec.open()
    for epoch in range(1, epochs + 1):
        for rows in torch.randperm(len(x)).split(16):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            loss.backward()
            optimiser.step()
        if rec is not None:
            rec.step(epoch, loss=loss)
    if rec is not None:
        rec.close()
    return {
        "net": copy.deepcopy(net.state_dict()),
        "optimiser": copy.deepcopy(optimiser.state_dict()),
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
        "python": random.getstate(),
        "grads": [p.grad.clone() for p in net.parameters() if p.grad is not None],
        "modes": [m.training for m in net.modules()],
    }


def _equal(a: object, b: object) -> bool:
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and torch.equal(a, b)
    if isinstance(a, np.ndarray):
        return bool(np.array_equal(a, b))  # type: ignore[arg-type]
    if isinstance(a, dict):
        return (
            isinstance(b, dict)
            and a.keys() == b.keys()
            and all(_equal(v, b[k]) for k, v in a.items())
        )
    if isinstance(a, (list, tuple)):
        return (
            isinstance(b, (list, tuple))
            and len(a) == len(b)
            and all(_equal(v, w) for v, w in zip(a, b, strict=True))
        )
    return a == b


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(("build", "shape"), [(_mlp, (64, 6)), (_cnn, (64, 1, 6, 6))])
def test_training_with_and_without_the_recorder_ends_in_the_identical_state(
    build: object, shape: tuple[int, ...], background: bool, tmp_path: Path
) -> None:
    x, y = _data(*shape)
    plain = _train(build(), x, y, None)  # type: ignore[operator]
    net = build()  # type: ignore[operator]
    recorded = _train(
        net,
        x,
        y,
        Recorder(
            net,
            probe=(x, y),
            to=tmp_path / "run",
            batch_size=20,
            background=background,
            verbose=False,
        ),
    )
    for part, state in plain.items():
        assert _equal(state, recorded[part]), part
    assert not any(hooks_of(net))
    assert open_archive(tmp_path / "run").steps == (0, 1, 2, 3, 4, 5)


def test_what_is_captured_is_what_the_network_computes_in_place_operations_included(
    tmp_path: Path,
) -> None:
    net, (x, y) = _mlp(), _data(50, 6)
    with Recorder(
        net,
        probe=(x, y),
        to=tmp_path / "run",
        layers=["0", "1", "2", "3", "4"],
        batch_size=20,
        verbose=False,
    ):
        pass
    archive = open_archive(tmp_path / "run")
    with torch.no_grad():
        values, h = [], x
        for module in net:
            h = module(h.clone())
            values.append(h.clone())
    assert archive.layers == ("0", "1", "2", "3", "4")
    for name, want in zip(archive.layers, values, strict=True):
        np.testing.assert_allclose(archive.z(0, name), want.numpy(), rtol=1e-5, atol=1e-6)
    assert (archive.z(0, "0") < 0).any()  # the ReLU that followed in place did not reach the copy


def test_auto_takes_the_activations_and_the_output_and_prints_them_with_their_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder(_mlp(), probe=_data(50, 6), to=tmp_path / "run") as rec:
        assert rec.layers == ("1", "3", "4")
    text = capsys.readouterr().out
    assert (
        "3 layers, 50 probe rows" in text
        and "shape, float32" in text
        and re.search(r"1 +ReLU +8 +2\.3 KiB", text)
    )


def test_the_archive_holds_metrics_labels_schedule_and_mode(tmp_path: Path) -> None:
    x, y = _data(30, 6)
    with ip.Recorder(
        _mlp(), probe=(x, y), to=tmp_path / "run", schedule=ip.at(0, 2, 4), verbose=False
    ) as rec:
        taken = [rec.step(s, loss=torch.tensor(1.0 / s), accuracy=0.5) for s in range(1, 5)]
    archive = open_archive(tmp_path / "run")
    assert taken == [False, True, False, True] and archive.steps == rec.steps == (0, 2, 4)
    assert archive.metrics[4] == {"loss": 0.25, "accuracy": 0.5}
    assert archive.y_kind == "discrete" and np.array_equal(archive.y, y.numpy())
    assert np.array_equal(archive.x, x.numpy())
    assert (
        archive.config["schedule"] == "at(0, 2, 4)"
        and archive.config["mode"] == archive.meta(2)["mode"] == "eval"
    )
    assert archive.chain is not None and archive.chain.relation("1", "4") == "cut"


def test_a_step_that_is_not_due_reads_no_metric_and_touches_no_module(tmp_path: Path) -> None:
    class Costly:
        def item(self) -> float:
            raise AssertionError("a device was waited for")

    with Recorder(
        _mlp(), probe=_data(10, 6), to=tmp_path / "run", schedule=ip.at(0), verbose=False
    ) as rec:
        assert rec.step(1, loss=Costly()) is False


def test_hooks_are_gone_and_the_run_is_readable_after_an_exception_in_training(
    tmp_path: Path,
) -> None:
    net = _mlp()
    with (
        pytest.raises(ZeroDivisionError),
        Recorder(net, probe=_data(10, 6), to=tmp_path / "run", verbose=False) as rec,
    ):
        rec.step(1)
        raise ZeroDivisionError
    assert not any(hooks_of(net)) and open_archive(tmp_path / "run").steps == (0, 1)


def test_the_model_pickles_and_copies_while_a_recorder_is_attached(tmp_path: Path) -> None:
    net = _mlp()
    with Recorder(net, probe=_data(10, 6), to=tmp_path / "run", verbose=False) as rec:
        clone, average = copy.deepcopy(net), torch.optim.swa_utils.AveragedModel(net)
        assert isinstance(pickle.loads(pickle.dumps(net)), nn.Sequential)
        clone(torch.zeros(2, 6)), average(torch.zeros(2, 6))
        assert rec.steps == (0,)


def test_copies_of_a_model_that_holds_its_recorder_share_it(tmp_path: Path) -> None:
    net = _mlp()
    net.recorder = Recorder(net, probe=_data(10, 6), to=tmp_path / "run", verbose=False)
    with net.recorder as rec:
        average = copy.deepcopy(net)
        assert average.recorder is rec and average[0].weight is not net[0].weight
        with pytest.raises(InputError, match="cannot be pickled"):
            pickle.dumps(net)
        del average
        rec.step(1)
    assert open_archive(tmp_path / "run").steps == (0, 1)


def test_a_relative_folder_stays_where_it_was_when_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with Recorder(_mlp(), probe=_data(10, 6), to="run", verbose=False) as rec:
        monkeypatch.chdir(tmp_path / "elsewhere")
        rec.step(1)
    assert open_archive(tmp_path / "run").steps == (0, 1)


def test_a_network_of_inference_tensors_is_recorded(tmp_path: Path) -> None:
    with torch.inference_mode():
        net = _mlp()
    with Recorder(net, probe=_data(10, 6), to=tmp_path / "run", verbose=False) as rec:
        rec.step(1)
    assert open_archive(tmp_path / "run").steps == (0, 1)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({}, {"mode": "train"}, "mode is 'train' and was 'eval'"),
        ({"select": {"rnn": 0}}, {"select": {"rnn": 1}}, "select=.*'rnn': 1.* was 0"),
    ],
)
def test_a_run_goes_on_in_one_way(
    before: dict[str, Any], after: dict[str, Any], message: str, tmp_path: Path
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = Two()

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x)[0]  # type: ignore[no-any-return]  # a tensor

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(3, 4), nn.Linear(3, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.one(x), self.other(x)

    how: dict[str, Any] = {"probe": torch.randn(8, 3), "to": tmp_path / "run", "layers": ["rnn"]}
    with Recorder(Net(), **how, **({"select": {"rnn": 0}} | before)) as rec:
        rec.step(1)
    with pytest.raises(InputError, match=f"cannot resume: {message}"):
        Recorder(Net(), resume=True, **how, **({"select": {"rnn": 0}} | after)).open()


def test_a_users_own_hook_survives(tmp_path: Path) -> None:
    net, fired = _mlp(), []
    net[0].register_forward_hook(lambda m, a, o: fired.append(1))
    with Recorder(net, probe=_data(10, 6), to=tmp_path / "run", verbose=False):
        pass
    before = len(fired)
    net(torch.zeros(1, 6))
    assert len(fired) == before + 1


def test_modes_of_every_submodule_are_kept_a_frozen_batch_norm_included(tmp_path: Path) -> None:
    net = _cnn().train()
    net[1].eval()
    with Recorder(net, probe=_data(16, 1, 6, 6), to=tmp_path / "run", verbose=False):
        assert [m.training for m in net] == [True, False, True, True, True, True]


def test_the_same_probe_twice_is_bitwise_the_same(tmp_path: Path) -> None:
    net = _cnn()
    with Recorder(
        net,
        probe=_data(50, 1, 6, 6),
        to=tmp_path / "run",
        layers="all",
        batch_size=16,
        verbose=False,
    ) as rec:
        rec.step(1)
    archive = open_archive(tmp_path / "run")
    assert all(
        archive.content_key(0, name) == archive.content_key(1, name) for name in archive.layers
    )


def test_a_run_is_not_overwritten_unless_asked(tmp_path: Path) -> None:
    def make(**options):
        return Recorder(_mlp(), probe=_data(10, 6), to=tmp_path / "run", verbose=False, **options)  # type: ignore[arg-type]

    with make() as rec:
        rec.step(1)
    with pytest.raises(ArchiveExists, match="overwrite=True"), make():
        pass
    with make(overwrite=True):
        pass
    assert open_archive(tmp_path / "run").steps == (0,)


def test_a_run_resumes_where_it_stopped_and_a_rolled_back_training_supersedes_later_steps(
    tmp_path: Path,
) -> None:
    def make(**options):
        return Recorder(_mlp(), probe=_data(10, 6), to=tmp_path / "run", verbose=False, **options)  # type: ignore[arg-type]

    with make() as rec:
        for s in (1, 2, 3):
            rec.step(s)
    with make(resume=True) as rec:
        assert rec.steps == (0, 1, 2, 3)  # step 0 is not captured again
        with pytest.warns(RuntimeWarning, match=r"the later ones \(1\) are set aside"):
            rec.step(2)
        rec.step(5)
    assert open_archive(tmp_path / "run").steps == (0, 1, 2, 5)


def test_a_run_is_not_gone_on_with_at_other_layers(tmp_path: Path) -> None:
    net, probe = _mlp(), _data(10, 6)
    options = {"probe": probe, "to": tmp_path / "run", "verbose": False}
    Recorder(net, layers=["0", "2"], **options).open().close()
    with pytest.raises(InputError, match="cannot resume: the layers differ"):
        Recorder(net, layers=["0"], resume=True, **options).open()


def test_steps_must_not_go_back(tmp_path: Path) -> None:
    with Recorder(_mlp(), probe=_data(10, 6), to=tmp_path / "run", verbose=False) as rec:
        rec.step(4)
        with pytest.warns(RuntimeWarning, match="step 4 was captured already"):
            assert rec.step(4) is False
        with pytest.warns(RuntimeWarning, match="step 3 lies before the last captured step 4"):
            assert rec.step(3) is False
    with Recorder(
        _mlp(), probe=_data(10, 6), to=tmp_path / "strict", verbose=False, on_error="raise"
    ) as rec:
        rec.step(4)
        with pytest.raises(InputError, match="step 3 lies before the last captured step 4"):
            rec.step(3)


def test_a_failure_on_entry_raises_because_training_has_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **options: object) -> None:
        raise RuntimeError("no pass")

    monkeypatch.setattr("infoplane.hooks.recording.plan.run_pass", broken)
    with pytest.raises(RuntimeError, match="no pass"):
        Recorder(_mlp(), probe=_data(10, 6), to=tmp_path / "run", verbose=False).open()


def test_a_recorder_that_is_not_open_says_how_to_open_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="use it as a context manager"):
        Recorder(_mlp(), probe=_data(10, 6), to=tmp_path / "run").step(0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"layers": ["fc"]},
            LayerNotFound,
            r"no such layers: \['fc'\]; the model has \['0', '1', '2', '3', '4'\]",
        ),
        (
            {"layers": [0]},
            InputError,
            r"layers are dotted names, globs, types, modules or predicates, got 0 \(int\)",
        ),
        (
            {"mode": "test"},
            InputError,
            r"mode must be one of \('eval', 'train', 'user'\), got 'test'",
        ),
        ({"schedule": 5}, InputError, r"schedule must have due\(step\) and count\(\)"),
        (
            {"probe": (torch.zeros(3, 6), [0, 1])},
            InputError,
            r"3 inputs and 2 labels; they must pair",
        ),
        ({"probe": (torch.zeros(0, 6), [])}, InputError, r"the probe has no rows"),
        (
            {"probe": (torch.zeros(3, 6), [0.5, 1.0, 2.0])},
            InputError,
            r"labels are float64: say y_kind='discrete'",
        ),
        ({"probe": 3}, InputError, r"probe must be x, \(x, y\)"),
        (
            {"max_bytes": 1000, "schedule": ip.at(0, 1)},
            BudgetExceeded,
            r"2 captures of .* more than max_bytes=1000 B",
        ),
        ({"reduce": "gap"}, InputError, r"reduction 'gap' needs rows of at least 2 axes"),
        (
            {"reduce": "squash"},
            InputError,
            r"no such reduction: 'squash'; there are none, flatten, gap",
        ),
        ({"batch_size": 0}, InputError, r"at least 1"),
    ],
)
def test_a_bad_argument_says_what_was_expected_what_came_and_what_to_do(
    options: dict[str, object], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        Recorder(
            _mlp(), **({"probe": _data(20, 6), "to": tmp_path / "run", "verbose": False} | options)
        ).open()  # type: ignore[arg-type]
    assert not (tmp_path / "run" / "run.json").exists()


def test_not_a_number_is_captured_with_a_warning_that_names_the_layer(tmp_path: Path) -> None:
    net = _mlp()
    with Recorder(net, probe=_data(10, 6), to=tmp_path / "run", chain=False, verbose=False) as rec:
        with torch.no_grad():
            net[2].bias[0] = float("nan")
        with pytest.warns(RuntimeWarning, match=r"step 1: NaN or infinity in \{'3': 10, '4': 30\}"):
            rec.step(1)
    assert np.isnan(open_archive(tmp_path / "run").z(1, "3")).any()


def test_one_probe_row_is_captured_without_a_certificate(tmp_path: Path) -> None:
    with Recorder(_mlp(), probe=_data(1, 6), to=tmp_path / "run", verbose=False) as rec:
        assert rec.chain is not None and "at least two probe rows" in rec.chain.reason
    assert open_archive(tmp_path / "run").z(0, "1").shape == (1, 8)


def test_no_warning_in_an_ordinary_run(tmp_path: Path) -> None:
    with (
        warnings.catch_warnings(),
        Recorder(_mlp(), probe=_data(10, 6), to=tmp_path / "run", verbose=False) as rec,
    ):
        warnings.simplefilter("error")
        rec.step(1)


def test_the_rows_of_equal_inputs_share_an_id(tmp_path: Path) -> None:
    x = torch.tensor([[0.0], [1.0], [-0.0], [1.0]])
    with Recorder(nn.Linear(1, 2), probe=(x, [0, 1, 0, 1]), to=tmp_path / "run", verbose=False):
        pass
    assert open_archive(tmp_path / "run").row_ids.tolist() == [0, 1, 0, 1]


def remembered(rec: Recorder, name: str) -> torch.Tensor:
    """What the reduction of layer 1 remembers under this name."""
    stored = rec.plan.reductions["1"].state()["arrays"][name]
    flat = np.frombuffer(base64.b64decode(stored["base64"]), stored["dtype"])
    return torch.from_numpy(flat.reshape(stored["shape"]).copy())


def test_a_resumed_run_reads_no_later_step_for_its_basis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, data = _mlp(), _data(60, 6)
    options = {"probe": data, "to": tmp_path / "run", "layers": ["1"], "reduce": "pca:2"}
    with Recorder(net, verbose=False, chain=False, **options) as rec:
        for step in range(1, 5):
            rec.step(step)
    read: list[int] = []
    extra = Archive.extra
    monkeypatch.setattr(
        Archive, "extra", lambda run, step, name: read.append(step) or extra(run, step, name)
    )
    with Recorder(net, resume=True, verbose=False, chain=False, **options):
        assert read == [0]


def test_a_resumed_run_keeps_its_basis_and_its_batches(tmp_path: Path) -> None:
    net, data = _mlp(), _data(60, 6)
    options = {
        "probe": data,
        "to": tmp_path / "run",
        "layers": ["1"],
        "reduce": "pca:2",
        "verbose": False,
        "chain": False,
    }
    with Recorder(net, batch_size=7, **options) as rec:
        first = remembered(rec, "basis")
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(-1.7).add_(0.3)  # other weights: a basis fitted now would be another one
    with Recorder(net, resume=True, **options) as rec:
        assert torch.equal(remembered(rec, "basis"), first) and rec.plan.batch_size == 7
        rec.step(1)
        raw = net[:2](torch.as_tensor(data[0])).detach()
    archive = open_archive(tmp_path / "run")
    expected = (raw - remembered(rec, "mean")) @ first
    assert np.allclose(archive.z(1, "1"), expected.numpy(), atol=1e-5)
