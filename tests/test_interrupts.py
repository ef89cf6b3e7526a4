"""Ctrl-C at every line of a capture reaches the loop and leaves model and process unchanged."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from builders import hooks_of
from torch import Tensor, nn

from infoplane.archive import open_archive, verify
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.recording.interrupts import InterruptWatch


class Everything(nn.Module):
    """A network with modes, noise, buffers that move and that are replaced, and autocast of its
    own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm, self.drop = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.out = nn.Linear(4, 2)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.seen + 1
        with torch.autocast("cpu", enabled=False):
            z = self.fc(x)
        return self.out(self.drop(self.norm(z)))  # type: ignore[no-any-return]


def state_of(net: nn.Module) -> dict[str, object]:
    """Everything that a capture must leave as it was, comparable by ==."""
    hooks = hooks_of(net)
    return {
        "modes": [module.training for module in net.modules()],
        "buffers": [(id(buffer), buffer.tolist()) for buffer in net.buffers()],
        "parameters": [p.tolist() for p in net.parameters()],
        "hooks": hooks,
        "python": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),
        "torch": torch.get_rng_state().tolist(),
        "grad": torch.is_grad_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "autocast cache": torch.is_autocast_cache_enabled(),
        "autocast nesting": torch.autocast_increment_nesting()
        and torch.autocast_decrement_nesting(),
        "signals": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "unraisable": sys.unraisablehook,
    }


class RaiseAtLine:
    """A trace function that raises at the n-th line that is executed."""

    def __init__(self, at: int, interrupt: type[BaseException]) -> None:
        self.at, self.interrupt, self.lines, self.where = at, interrupt, 0, ""

    def __call__(self, frame: FrameType, event: str, _: Any) -> RaiseAtLine:  # Any: sys.settrace
        if event == "line":
            self.lines += 1
            if self.lines == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                sys.settrace(None)
                raise self.interrupt
        return self


class Trial:
    """One network with an open recorder, one capture that is interrupted, and what was found wrong
    afterwards.
    """

    def __init__(self, folder: Path, *, background: bool) -> None:
        torch.manual_seed(0)
        self.net = Everything()
        self.recorder = Recorder(
            self.net,
            probe=torch.ones(4, 3),
            to=folder,
            layers=["fc", "out:input"],
            verbose=False,
            background=background,
            chain=False,
            durable=False,
            mode="train",
            batch_size=2,
        ).open()
        self.net.norm.eval()
        self.path = folder
        self.step = 0

    def interrupted_at(self, at: int, interrupt: type[BaseException]) -> tuple[int, list[str]]:
        """Lines that ran, and what is wrong."""
        self.step += 10
        bomb, wrong = RaiseAtLine(at, interrupt), []
        reached: BaseException | None = None
        with torch.autocast("cpu", dtype=torch.bfloat16):
            before = state_of(self.net)
            sys.settrace(bomb)
            try:
                self.recorder.capture(self.step)
            except BaseException as error:
                reached = error
            finally:
                sys.settrace(None)
            after = state_of(self.net)
        if bomb.where and type(reached) is not interrupt:
            wrong.append(f"{bomb.where}: {reached!r} reached the loop")
        wrong += [f"{bomb.where}: {key}" for key in before if before[key] != after[key]]
        return bomb.lines, wrong


def interrupt_every(stride: int, tmp_path: Path, *, background: bool) -> list[str]:
    """What is wrong after an interrupt at every ``stride``-th line of a capture."""
    previous = sys.gettrace()
    trial, at, wrong, kinds = Trial(tmp_path / "run", background=background), 0, [], 0
    try:
        trial.interrupted_at(10**9, KeyboardInterrupt)  # the first capture imports
        while True:
            at += stride
            kinds += 1
            lines, found = trial.interrupted_at(at, (KeyboardInterrupt, SystemExit)[kinds % 2])
            wrong += found
            if lines < at:
                break
    finally:
        sys.settrace(previous)
    trial.recorder.capture(trial.step + 1)
    trial.recorder.close()
    assert trial.step + 1 in open_archive(trial.path).steps and not trial.recorder.failures
    assert verify(trial.path) == []
    return wrong


@pytest.mark.parametrize("background", [False, True])
def test_an_interrupt_at_every_37th_line_of_a_capture_leaves_everything_as_it_was(
    background: bool, tmp_path: Path
) -> None:
    assert interrupt_every(37, tmp_path, background=background) == []


@pytest.mark.slow
@pytest.mark.parametrize("background", [False, True])
def test_an_interrupt_at_every_11th_line_of_a_capture_leaves_everything_as_it_was(
    background: bool, tmp_path: Path
) -> None:
    stride = int(os.environ.get("INFOPLANE_TEST_STRIDE", "11"))  # 1 takes four minutes
    assert interrupt_every(stride, tmp_path, background=background) == []


class Loses(nn.Module):
    """Ctrl-C arrives where Python prints it and goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.armed = nn.Linear(3, 3), False

    def forward(self, x: Tensor) -> Tensor:
        if self.armed:
            victim = nn.Linear(1, 1)
            kept = weakref.ref(victim, lambda _: signal.raise_signal(signal.SIGINT))
            del victim
            assert kept() is None
        return self.fc(x)  # type: ignore[no-any-return]


@pytest.fixture
def heard_ctrl_c() -> Iterator[None]:
    """A shell starts what it sends to the background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard_ctrl_c")
def test_a_ctrl_c_that_arrives_in_the_callback_of_a_weak_reference_reaches_the_loop(
    tmp_path: Path,
) -> None:
    net = Loses()
    with Recorder(net, probe=torch.ones(4, 3), to=tmp_path / "run", verbose=False) as rec:
        net.armed = True
        with pytest.raises(KeyboardInterrupt):
            rec.step(1)
        net.armed = False
        assert rec.step(2) and not rec.failures


class Converts(nn.Module):
    """Code in C that makes an error of its own of what a callback raised."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.armed = nn.Linear(3, 3), False

    def forward(self, x: Tensor) -> Tensor:
        if self.armed:
            try:
                signal.raise_signal(signal.SIGTERM)
            except SystemExit:
                raise SystemError("returned a result with an exception set") from None
        return self.fc(x)  # type: ignore[no-any-return]


def test_a_system_error_made_of_a_signal_reaches_the_loop_as_what_the_handler_raised(
    tmp_path: Path,
) -> None:
    net = Converts()

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(7)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with Recorder(net, probe=torch.ones(4, 3), to=tmp_path / "run", verbose=False) as rec:
            net.armed = True
            with pytest.raises(SystemExit, match="7"):
                rec.step(1)
            assert not rec.failures and signal.getsignal(signal.SIGTERM) is leave
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_handler_of_the_user_that_only_sets_a_flag_runs_and_the_capture_goes_on(
    tmp_path: Path,
) -> None:
    flags: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: flags.append(number))

    class Signals(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            signal.raise_signal(signal.SIGUSR1)
            return super().forward(x)

    try:
        with Recorder(
            Signals(3, 3), probe=torch.ones(4, 3), to=tmp_path / "run", layers="all", verbose=False
        ) as rec:
            flags.clear()
            assert rec.step(1)
        assert set(flags) == {signal.SIGUSR1}
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_capture_while_an_earlier_ctrl_c_is_handled_fails_as_any_other(tmp_path: Path) -> None:
    class Fails(nn.Linear):
        armed = False

        def forward(self, x: Tensor) -> Tensor:
            if self.armed:
                raise ValueError("of the network")
            return super().forward(x)

    net = Fails(3, 3)
    with Recorder(
        net, probe=torch.ones(4, 3), to=tmp_path / "run", layers="all", verbose=False
    ) as rec:
        net.armed = True
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            with pytest.warns(RuntimeWarning, match="of the network"):
                assert rec.step(1) is False
        net.armed = False


def test_outside_the_main_thread_nothing_is_done_to_signals() -> None:
    watch, before = InterruptWatch(), signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=watch.begin)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_hook_that_torch_had_no_time_to_hand_over_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, others = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda *_: others.append(1))
    before = hooks_of(layer)
    register = nn.Linear.register_forward_pre_hook

    def interrupted(module: nn.Module, *args: Any, **options: Any) -> None:  # Any: torch's
        register(module, *args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(nn.Linear, "register_forward_pre_hook", interrupted)
    hooks = OwnHooks()
    with pytest.raises(KeyboardInterrupt):
        with hooks, hooks:
            hooks.before(layer, lambda module, args, kwargs: None)
    assert hooks_of(layer) == before
    layer(torch.ones(1, 2))
    assert others == [1]
