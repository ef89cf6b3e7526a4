"""Measuring in a companion process: complete at the end, within its budget, no cost to training."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from builders import companion_of, numbers_of

import infoplane as ip
from infoplane.analysis.live.follow import measure_beside
from infoplane.analysis.measuring.follow import Budget, follow
from infoplane.archive import ResultLog, RunWriter, result_log
from infoplane.background import measuring as live
from infoplane.errors import InputError, SpecError
from infoplane.types import LayerInfo

SPECS = ["bin:szt", "bin:range,n=12", "kde:variance=0.1"]
RNG = np.random.default_rng(3)
X = RNG.normal(size=(90, 5)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def train(to: Path, **options) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(5, 6), torch.nn.Tanh(), torch.nn.Linear(6, 2))
    steps = torch.optim.SGD(net.parameters(), lr=0.1)
    with ip.Recorder(net, probe=(X, Y), to=to, verbose=False, durable=False, **options) as rec:
        for step in range(1, 5):
            loss = torch.nn.functional.cross_entropy(net(torch.as_tensor(X)), torch.as_tensor(Y))
            steps.zero_grad()
            loss.backward()
            steps.step()
            rec.step(step, loss=loss)
    return net.state_dict()


@pytest.mark.slow
def test_when_the_block_is_left_everything_is_measured_and_training_is_what_it_was(
    tmp_path: Path, monkeypatch
) -> None:
    weights = train(tmp_path / "beside", measure=SPECS)
    plain = train(tmp_path / "plain")
    assert all(torch.equal(weights[k], plain[k]) for k in plain)
    expected = ip.measure(tmp_path / "plain", SPECS, resume=False)
    monkeypatch.setattr(
        "infoplane.analysis.measuring.executors.measure_cell",
        lambda *a, **k: pytest.fail("measured again"),
    )
    assert numbers_of(ip.measure(tmp_path / "beside", SPECS)) == numbers_of(expected)


def test_a_training_that_fails_ends_the_process_at_once(tmp_path: Path) -> None:
    net = torch.nn.Linear(5, 2)
    with (
        pytest.raises(ZeroDivisionError),
        ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", measure="exact", verbose=False),
    ):
        pid = companion_of(tmp_path / "run").pid
        raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_recorder_that_does_not_open_waits_for_no_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, started = torch.nn.Linear(5, 2), []

    def interrupt(*_: object) -> None:
        if (tmp_path / "run/run.json").exists():  # the look at the network is over
            started.append(companion_of(tmp_path / "run").pid)
            raise KeyboardInterrupt

    net.register_forward_hook(interrupt)
    monkeypatch.setattr(live.MeasuringProcess, "finish", lambda self: pytest.fail("waited"))
    rec = ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", measure="exact", verbose=False)
    with pytest.raises(KeyboardInterrupt):
        rec.open()
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_the_process_ends_when_the_training_is_killed(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "infoplane.background.measuring",
        str(tmp_path / "none"),
        "0.02",
        "exact",
    ]
    done = subprocess.run(
        command, input=b"", timeout=60, check=False, capture_output=True
    )  # the pipe closes without a word
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "nice"), reason="no priorities here")
def test_the_process_has_the_lowest_priority_and_its_session_too(tmp_path: Path) -> None:
    """Linux shares cores among sessions first where it groups by them, and the process has a
    session of its own: beside other sessions its priority said nothing.
    """
    beside = live.MeasuringProcess(tmp_path / "none", ["exact"])
    try:
        grouped = Path(f"/proc/{beside.pid}/autogroup")
        said = grouped.read_text() if grouped.exists() else ""
        until = time.monotonic() + 60
        while os.getpriority(os.PRIO_PROCESS, beside.pid) < 19 or (
            said.startswith("/autogroup") and not said.rstrip().endswith("nice 19")
        ):
            assert time.monotonic() < until, said
            time.sleep(0.05)
            said = grouped.read_text() if grouped.exists() else ""
        if said.startswith(
            "/autogroup"
        ):  # the training is over: what is left is measured as fast as it goes
            beside.tell(live.OVER)
            while not grouped.read_text().rstrip().endswith("nice 0"):
                assert psutil.pid_exists(beside.pid) and time.monotonic() < until
    finally:
        beside.stop()


def test_a_system_without_priorities_or_groups_of_sessions_is_none_the_worse(
    monkeypatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(live, "AUTOGROUP", tmp_path / "no such folder/autogroup")
    monkeypatch.delattr(os, "nice", raising=False)
    live.step_back()


def test_a_wish_that_is_not_heard_is_made_again(monkeypatch) -> None:
    heard: list[str] = []

    class Busy:
        def write_text(self, text: str) -> None:
            heard.append(text)
            if len(heard) < 3:
                raise BlockingIOError

    monkeypatch.setattr(live, "AUTOGROUP", Busy())
    live.join_group(0)
    assert heard == ["0"] * 3


@pytest.mark.slow
def test_the_process_loads_nothing_until_its_share_pays_for_it(tmp_path: Path) -> None:
    run = tmp_path / "none"
    with subprocess.Popen(
        [sys.executable, "-m", "infoplane.background.measuring", str(run), "0.02", "exact"],
        stdin=subprocess.PIPE,
    ) as waiting:
        time.sleep(2)
        loaded = (
            Path(f"/proc/{waiting.pid}/maps").read_text()
            if Path("/proc/self/maps").exists()
            else ""
        )
        assert waiting.poll() is None and "numpy" not in loaded and "hdf5" not in loaded
        waiting.communicate(b"", timeout=60)  # closes without a word: nobody wants results any more
    assert waiting.returncode == 0


def test_a_share_that_is_none_is_said_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infoplane.background.measuring", "run", "0", "exact"],
        input=b"",
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert done.returncode == 1 and done.stderr.decode().strip().startswith(
        "infoplane: InputError: max_overhead is a share"
    )


def test_a_process_that_fails_is_warned_of_and_the_captures_stay(tmp_path: Path) -> None:
    net = torch.nn.Linear(5, 2)
    with (
        pytest.warns(UserWarning, match="the captures are safe, measure them with"),
        ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", measure="exact", verbose=False) as rec,
    ):
        companion_of(tmp_path / "run").kill()
        rec.step(1)
    assert ip.open_archive(tmp_path / "run").steps == (0, 1)


def test_bad_requests_are_refused_before_training(tmp_path: Path) -> None:
    net = torch.nn.Linear(5, 2)
    with pytest.raises(SpecError, match="no such estimator: 'foo'"):
        ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", measure=["foo"])
    with pytest.raises(InputError, match="expected at least one estimator"):
        ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", measure=[])
    with pytest.raises(InputError, match="measure= needs activations"):
        ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", measure="exact", store="weights")
    with pytest.raises(InputError, match="share of the time above 0"):
        Budget(0.0)
    for share in (0, -0.1, float("nan"), 65, "much"):
        with pytest.raises(InputError, match="share of the time above 0"):
            ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", max_overhead=share)  # type: ignore[arg-type]  # what nobody may give


def test_a_share_may_be_a_number_of_another_library(tmp_path: Path) -> None:
    share = np.float32(0.05)
    with ip.Recorder(
        torch.nn.Linear(5, 2), probe=(X, Y), to=tmp_path / "run", max_overhead=share, verbose=False
    ) as rec:
        assert rec.steps == (0,)


def growing(path: Path, steps: int) -> RunWriter:
    run = RunWriter.create(path, layers=[LayerInfo("a", 0, shape=(3,))], x=X, y=Y, durable=False)
    for step in range(steps):
        publish(run, step)
    return run


def publish(run: RunWriter, step: int) -> None:
    with run.step(step) as shard:
        shard.write("a", np.tanh((step + 1) * X[:, :3]))


class Clock:
    """A second passes whenever somebody waits for one; work takes what it is told to take."""

    def __init__(self) -> None:
        self.now = self.worked = 0.0


def test_it_rests_while_over_budget_and_catches_up_without_resting(
    tmp_path: Path, monkeypatch
) -> None:
    run, clock = growing(tmp_path / "run", 3), Clock()
    over, gone = threading.Event(), threading.Event()
    measured_at: list[tuple[float, float]] = []

    def wait(timeout: float | None = None) -> bool:
        clock.now += float(timeout or 0)
        if clock.now > 50 and len(measured_at) >= 3 and not over.is_set():
            publish(run, 3)
            publish(run, 4)
            over.set()
        return over.is_set()

    from infoplane.analysis.measuring import executors as module

    plain = module.measure_cell

    def work(*args, **kwargs):
        clock.worked += 1.0
        clock.now += 1.0
        measured_at.append((clock.now, clock.worked))
        return plain(*args, **kwargs)

    monkeypatch.setattr(module, "measure_cell", work)
    monkeypatch.setattr(over, "wait", wait)
    budget = Budget(0.1, busy=lambda: clock.worked, clock=lambda: clock.now)
    plane = follow(run.path, ["bin:szt"], over=over, gone=gone, budget=budget)
    run.close()
    during = measured_at[:3]
    assert all(worked <= 0.1 * now + 1 for now, worked in during), (
        during
    )  # never more than one cell ahead of its share
    assert measured_at[-1][0] - measured_at[-2][0] == 1.0  # no rest once training is over
    assert plane is not None and plane.steps == (0, 1, 2, 3, 4)


def test_waking_up_from_a_rest_does_not_use_up_the_budget_that_it_rests_for(
    tmp_path: Path, monkeypatch
) -> None:
    """At a share of 0.02, a wake-up of 0.2 ms of processor asks for 10 ms of rest: rests of what is
    left and no more would never end.
    """
    run, clock = growing(tmp_path / "run", 1), Clock()
    over, gone = threading.Event(), threading.Event()
    woken: list[float] = []

    def wait(timeout: float | None = None) -> bool:
        clock.now += float(timeout or 0)
        clock.worked += 2e-4
        woken.append(clock.now)
        if clock.now > 60:
            over.set()
        return over.is_set()

    from infoplane.analysis.measuring import executors as module

    plain, measured_at = module.measure_cell, []

    def work(*args, **kwargs):
        measured_at.append(clock.now)
        clock.worked += 1.0
        return plain(*args, **kwargs)

    monkeypatch.setattr(module, "measure_cell", work)
    monkeypatch.setattr(over, "wait", wait)
    publish(run, 1)
    follow(
        run.path,
        ["bin:szt"],
        over=over,
        gone=gone,
        budget=Budget(0.02, busy=lambda: clock.worked, clock=lambda: clock.now),
    )
    run.close()
    first, second = measured_at[:2]
    assert 50 <= second - first < 52 and len([t for t in woken if first <= t <= second]) < 110


def test_following_reads_every_result_line_once_and_once_more_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, looked = growing(tmp_path / "run", 12), []
    plain = result_log.record_of
    monkeypatch.setattr(result_log, "record_of", lambda line: (looked.append(line), plain(line))[1])
    over = threading.Event()
    monkeypatch.setattr(over, "wait", lambda timeout=None: over.set())
    plane = follow(run.path, ["bin:szt"], over=over, gone=threading.Event(), budget=Budget(64.0))
    run.close()
    assert plane is not None and len(plane.steps) == 12 and len(looked) < 2 * 12


@pytest.mark.parametrize(
    ("specs", "words"), [(["nonsense"], "nonsense"), ([], "expected at least one estimator")]
)
def test_a_watching_process_that_cannot_measure_says_why_and_goes_on(
    specs: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, stop = growing(tmp_path / "run", 1), threading.Event()
    looks = []
    monkeypatch.setattr(
        stop,
        "wait",
        lambda timeout=None: (looks.append(timeout), stop.set() if len(looks) == 3 else None),
    )
    measure_beside(run.path, specs, stop)
    run.close()
    said = capsys.readouterr().err
    assert len(looks) == 3 and said.count("waiting: ") == 1 and words in said, said


def test_nobody_interested_any_more_ends_it_with_what_it_has(tmp_path: Path) -> None:
    run = growing(tmp_path / "run", 2)
    gone = threading.Event()
    gone.set()
    assert (
        follow(run.path, ["exact"], over=threading.Event(), gone=gone, budget=Budget(0.05)) is None
    )
    assert not ResultLog(run.path).read()
    run.close()


def test_all_ways_in_leave_a_training_on_every_core_95_percent_of_its_time() -> None:
    """A second of measuring costs two threads of torch on two cores 1.1 to 1.2 seconds
    (benchmarks/RESULTS.md).
    """
    from infoplane.background.measuring import MeasuringProcess
    from infoplane.commands.measure import measure

    shares = {
        inspect.signature(way).parameters["max_overhead"].default
        for way in (MeasuringProcess, measure)
    }
    assert len(shares) == 1 and 1.2 * shares.pop() < 0.05
