"""Steps and metrics of any type, loops from 0, and finished checkpoints."""

from __future__ import annotations

import copy
import math
import warnings
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from infoplane.archive import open_archive, verify
from infoplane.errors import InputError
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.recording.steps_and_metrics import Metrics, whole_step
from infoplane.hooks.schedule import every

X, Y = torch.randn(20, 3), torch.arange(20) % 2


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def _recorder(net: nn.Module, to: Path, **options: Any) -> Recorder:  # Any: of Recorder
    options = {"verbose": False, "chain": False} | options
    return Recorder(net, probe=(X, Y), to=to / "run", **options)


def _train(net: nn.Module, steps: int = 3) -> None:
    optimiser = torch.optim.SGD(net.parameters(), 0.5)
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(X), Y).backward()
        optimiser.step()


def _output(net: nn.Module) -> np.ndarray[Any, Any]:
    return net(X).detach().numpy()  # type: ignore[no-any-return]


MAKERS = [
    int,
    float,
    np.int64,
    np.uint8,
    np.float32,
    torch.tensor,
    lambda k: torch.tensor(float(k)),
    lambda k: torch.tensor([k]),
    np.array,
    lambda k: np.array([k]),
]


@given(st.integers(0, 200), st.sampled_from(MAKERS))
def test_a_whole_number_of_any_type_is_that_step(k: int, make: Any) -> None:
    assert whole_step(make(k)) == k and type(whole_step(make(k))) is int


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (2.5, r"got 2.5 \(float\)"),
        (math.nan, "got nan"),
        (math.inf, "got inf"),
        (True, r"got True \(bool\)"),
        ("3", r"got '3' \(str\)"),
        (None, "got None"),
        (torch.tensor([1, 2]), r"got a Tensor of shape \(2,\)"),
        (torch.tensor(1.5), r"got tensor\(1.5000\) \(Tensor\)"),
        (np.zeros((2, 2)), r"got a ndarray of shape \(2, 2\)"),
        (Fraction(1, 2), "got Fraction"),
        (Decimal("1.5"), "got Decimal"),
        (-1, "a step of 0 or more.*got -1"),
        (10**18, "a step of 0 or more"),
    ],
)
def test_what_is_no_whole_step_is_refused_with_what_came(step: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        whole_step(step)


@pytest.mark.parametrize("bad", [2.5, "three", torch.tensor([1, 2]), -4, None])
@pytest.mark.parametrize("background", [False, True])
def test_an_odd_step_is_refused_alone_and_later_ones_are_captured(
    bad: Any, background: bool, tmp_path: Path
) -> None:
    with _recorder(_net(), tmp_path, background=background) as rec:
        assert rec.step(torch.tensor(1))
        with pytest.warns(RuntimeWarning, match="was not captured: InputError: expected a"):
            assert rec.step(bad) is False
        assert rec.step(2.0) and rec.step(np.int32(3))
        assert [f["step"] for f in rec.failures] == [str(bad)]
    assert open_archive(tmp_path / "run").steps == (0, 1, 2, 3)


def test_an_odd_step_stops_the_loop_where_that_was_asked_for(tmp_path: Path) -> None:
    with _recorder(_net(), tmp_path, on_error="raise") as rec:
        with pytest.raises(InputError, match="expected a whole number"):
            rec.step(2.5)
        assert rec.step(3)


def test_steps_that_are_not_due_are_not_captured_whatever_their_type(tmp_path: Path) -> None:
    with _recorder(_net(), tmp_path, schedule=every(2)) as rec:
        assert [rec.step(make(k)) for k, make in enumerate(MAKERS[:5], 1)] == [
            False,
            True,
            False,
            True,
            False,
        ]


def test_metrics_that_are_none_are_missing_and_others_are_recorded(tmp_path: Path) -> None:
    with _recorder(_net(), tmp_path) as rec:
        with pytest.warns(RuntimeWarning, match="metric 'accuracy' is not recorded: it is None"):
            assert rec.step(1, loss=0.5, accuracy=None)
        assert rec.step(2, loss=0.25, accuracy=None)  # said once
        assert rec.step(3, loss=0.125, accuracy=torch.tensor([1.0]))
    metrics = open_archive(tmp_path / "run").metrics
    assert metrics == {
        0: {},
        1: {"loss": 0.5},
        2: {"loss": 0.25},
        3: {"loss": 0.125, "accuracy": 1.0},
    }


def test_a_metric_that_is_no_number_costs_no_capture(tmp_path: Path) -> None:
    with _recorder(_net(), tmp_path) as rec:
        with pytest.warns(RuntimeWarning, match="'name' is not recorded: a metric must be one"):
            assert rec.step(1, name="adam", loss=1)
    assert open_archive(tmp_path / "run").metrics[1] == {"loss": 1.0}
    with (
        _recorder(_net(), tmp_path / "strict", on_error="raise") as rec,
        pytest.raises(InputError, match="'name'"),
    ):
        rec.step(1, name="adam")


def test_a_list_of_nothing_is_no_missing_metric(tmp_path: Path) -> None:
    with _recorder(_net(), tmp_path, on_error="raise") as rec:
        with pytest.warns(RuntimeWarning, match="it is None"):
            assert rec.step(1, loss=None)
        with pytest.raises(InputError, match=r"one number, got \[None\]"):
            rec.step(2, loss=[None])


def test_a_count_too_large_for_a_float_costs_no_capture(tmp_path: Path) -> None:
    with (
        _recorder(_net(), tmp_path) as rec,
        pytest.warns(RuntimeWarning, match="'seen' is not recorded: a metric must be one number"),
    ):
        assert rec.step(1, seen=10**400, loss=1)
    assert open_archive(tmp_path / "run").metrics[1] == {"loss": 1.0}


@given(st.floats() | st.integers(-(2**60), 2**60) | st.booleans())
def test_numbers_are_metrics(value: float) -> None:
    found = Metrics.of({"a": value})
    assert np.array_equal(found.values["a"], float(value), equal_nan=True) and not found.left_out


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("reduce", ["none", "pca:2"])
def test_a_loop_from_zero_is_not_shifted(background: bool, reduce: str, tmp_path: Path) -> None:
    net, outputs = _net(), []
    with (
        pytest.warns(RuntimeWarning, match="your first step is 0.*count from 1"),
        _recorder(net, tmp_path, background=background, reduce={"1": reduce}) as rec,
    ):
        for epoch in range(3):
            _train(net)
            outputs.append(_output(net))
            assert rec.step(epoch, loss=epoch + 1)
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2) and verify(tmp_path / "run") == []
    for epoch, want in enumerate(outputs):
        np.testing.assert_allclose(archive.z(epoch, "2"), want, atol=1e-6)
        assert archive.metrics[epoch] == {"loss": epoch + 1}
    assert reduce == "none" or archive.extra(0, "reduction:1") is not None
    aside = list((tmp_path / "run" / "ckpt").glob("superseded-*/*"))
    assert len(aside) == 1  # the untrained network is moved aside, not deleted


def test_a_loop_from_one_keeps_the_untrained_network_as_step_zero(tmp_path: Path) -> None:
    net = _net()
    untrained = _output(net)
    with _recorder(net, tmp_path) as rec:
        for epoch in range(1, 3):
            _train(net)
            rec.step(epoch)
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2)
    np.testing.assert_allclose(archive.z(0, "2"), untrained, atol=1e-6)


def test_steps_that_a_resumed_run_sets_aside_are_named(tmp_path: Path) -> None:
    for first, resume in ((1, False), (2, True)):
        net = _net()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with _recorder(net, tmp_path, resume=resume) as rec:
                for step in range(first, first + 3):
                    _train(net)
                    rec.step(step)
        told = [str(w.message) for w in said if "set aside" in str(w.message)]
        assert len(told) == resume
    assert "had steps up to 3, and its training goes on at 2: the later ones (1)" in told[0]
    assert open_archive(tmp_path / "run").steps == (0, 1, 2, 3, 4)


def test_the_untrained_network_is_on_disk_before_the_first_step(tmp_path: Path) -> None:
    net = _net()
    rec = _recorder(net, tmp_path).open()
    archive = open_archive(tmp_path / "run")
    assert archive.steps == rec.steps == (0,)
    np.testing.assert_allclose(archive.z(0, "2"), _output(net), atol=1e-6)
    rec.close()


def test_step_zero_of_the_untrained_network_is_taken_with_its_metrics_in_silence(
    tmp_path: Path,
) -> None:
    net = _net()
    with _recorder(net, tmp_path) as rec:
        assert rec.step(0, loss=2.0)
        _train(net)
        rec.step(1, loss=1.0)
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (0, 1) and archive.metrics[0] == {"loss": 2.0}


def test_one_update_that_counts_many_samples_keeps_the_untrained_network(tmp_path: Path) -> None:
    net = _net()
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    with _recorder(net, tmp_path) as rec:
        for seen in (16, 32):
            net(torch.randn(16, 3)).square().mean().backward()
            optimiser.step()
            optimiser.zero_grad()
            rec.step(seen)
    assert open_archive(tmp_path / "run").steps == (0, 16, 32)


@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("store", ["activations", "weights"])
@pytest.mark.parametrize("steps", [(0, 10, 20), (10, 20, 30)])
def test_a_loop_over_finished_checkpoints_invents_no_step(
    steps: tuple[int, ...], store: str, assign: bool, tmp_path: Path
) -> None:
    trained, checkpoints = _net(), {}
    for step in steps:
        _train(trained)
        checkpoints[step] = copy.deepcopy(trained.state_dict())
    torch.manual_seed(5)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with _recorder(net, tmp_path, store=store) as rec:
            for step, state in checkpoints.items():
                net.load_state_dict(copy.deepcopy(state), assign=assign)
                assert rec.step(step)
    archive = open_archive(tmp_path / "run")
    wanted = steps if store == "activations" else steps[:1]
    assert archive.steps == wanted
    for step in wanted:
        net.load_state_dict(checkpoints[step])
        np.testing.assert_allclose(archive.z(step, "2"), _output(net), atol=1e-6)
    if store == "weights":
        files = sorted(p.stem for p in (tmp_path / "run" / "weights").glob("0*.pt"))
        assert files == [f"{step:012d}" for step in steps]


def test_finished_checkpoints_that_take_the_place_of_the_entry_are_told(tmp_path: Path) -> None:
    net = _net()
    state = copy.deepcopy(net.state_dict())
    with _recorder(net, tmp_path) as rec:
        net.load_state_dict(state)
        with pytest.warns(RuntimeWarning, match="weights of step 10 were loaded, not trained"):
            rec.step(10)


def test_a_first_step_that_is_not_due_keeps_the_untrained_network(tmp_path: Path) -> None:
    net = _net()
    state = copy.deepcopy(net.state_dict())
    with _recorder(net, tmp_path, schedule=every(10)) as rec:
        for step in range(1, 11):
            net.load_state_dict(state)
            rec.step(step)
    assert open_archive(tmp_path / "run").steps == (0, 10)


def test_a_second_call_of_one_step_says_so_once(tmp_path: Path) -> None:
    with _recorder(_net(), tmp_path) as rec:
        rec.step(1)
        with pytest.warns(RuntimeWarning, match="step 1 was captured already: this call captured"):
            assert rec.step(1) is False
        assert rec.step(1) is False and rec.step(2)


def test_a_layer_that_fails_every_other_capture_is_recorded_once_each(tmp_path: Path) -> None:
    class Fragile(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.broken = nn.Linear(3, 2), False

        def forward(self, x: Tensor) -> Tensor:
            if self.broken:
                raise ValueError("broken")
            return self.fc(x)  # type: ignore[no-any-return]

    net = Fragile()
    with _recorder(net, tmp_path) as rec:
        for step in range(1, 41):
            net.broken = step % 2 == 1
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                rec.step(step)
    archive = open_archive(tmp_path / "run")
    recorded = [archive.extra(step, "failures") for step in archive.steps[1:]]
    failed = [[f["step"] for f in extra["failures"]] for extra in recorded if extra is not None]
    assert failed == [[step] for step in range(1, 40, 2)]


def test_a_network_of_complex_weights_is_recorded_without_a_warning(tmp_path: Path) -> None:
    class Spectral(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weights = nn.Parameter(torch.randn(3, 3, dtype=torch.complex64))
            self.out = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(torch.fft.ifft(torch.fft.fft(x) @ self.weights).real)
            return out

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with _recorder(Spectral(), tmp_path, schedule=every(1)) as rec:
            rec.step(1)
    assert rec.steps == (0, 1)
