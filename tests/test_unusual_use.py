"""Unusual use: a run that vanishes, threads, notebooks, forks, moving weights, two processes."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np
import psutil
import pytest
import torch
from builders import numbers_of
from torch import Tensor, nn

import infoplane as ip
from infoplane.analysis.live.follow import RunSource
from infoplane.archive import ResultLog, open_archive, pack, verify
from infoplane.archive.lock import is_being_written
from infoplane.errors import ArchiveError, ArchiveLocked, NotAnArchive
from infoplane.new_file import write_text

STRIDE = int(os.environ.get("INFOPLANE_TEST_STRIDE", "701"))
X, Y = torch.randn(32, 3, generator=torch.Generator().manual_seed(0)), torch.arange(32) % 2


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def recorder(to: Path, net: nn.Module | None = None, **options: object) -> ip.Recorder:
    return ip.Recorder(
        net or network(), probe=(X, Y), to=to, layers="all", verbose=False, **options
    )  # type: ignore[arg-type]  # keywords


def recorded(to: Path, steps: int = 4) -> Path:
    with recorder(to) as rec:
        for step in range(1, steps):
            rec.step(step)
    return to


# ---- a run that is deleted -----------------------------------------------------------------------


def test_a_run_deleted_while_it_is_measured_is_said_to_be_gone_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infoplane.analysis.measuring import executors

    run, plain = recorded(tmp_path / "run"), executors.measure_cell

    def deletes(*args: object) -> object:
        shutil.rmtree(run, ignore_errors=True)
        return plain(*args)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(executors, "measure_cell", deletes)
    with pytest.raises(ArchiveError, match="is gone: it was deleted or moved while it was"):
        ip.measure(run, "exact")
    assert not run.exists()


def test_a_run_deleted_while_it_is_watched_is_waited_for_and_shown_when_made_anew(
    tmp_path: Path,
) -> None:
    run = recorded(tmp_path / "run")
    source = RunSource(run)
    source.plane()
    shutil.rmtree(run)
    with pytest.raises(NotAnArchive, match="no such file or folder"):
        source.plane()
    recorded(run, steps=6)
    assert set(source.plane().metrics) == set(range(6))


def test_a_run_deleted_while_it_is_packed_leaves_no_packed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, opened, plain = recorded(tmp_path / "run"), [], os.open

    def deletes(path: str, *args: int, **more: int) -> int:
        opened.extend([path] if "ckpt" in str(path) else [])
        if len(opened) == 3:
            shutil.rmtree(run, ignore_errors=True)
        return plain(path, *args, **more)

    monkeypatch.setattr(os, "open", deletes)
    with pytest.raises(ArchiveError, match="cannot be opened"):
        pack(run, tmp_path / "packed.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_run_deleted_while_it_is_recorded_costs_captures_and_no_training(tmp_path: Path) -> None:
    with (
        pytest.warns(RuntimeWarning, match="step 2 was not captured") as told,
        recorder(tmp_path / "run") as rec,
    ):
        assert rec.step(1)
        shutil.rmtree(tmp_path / "run")
        assert not rec.step(2) and not rec.step(3)
    assert len(told) == 1


# ---- measuring twice, threads, notebooks ---------------------------------------------------------


@pytest.mark.slow
def test_two_processes_that_measure_one_run_find_the_same_and_leave_sound_lines(
    tmp_path: Path,
) -> None:
    run = recorded(tmp_path / "run", steps=12)
    script = (
        "import sys, infoplane as ip; print(len(ip.measure(sys.argv[1], ['exact', 'bin:szt'])))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(run)], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in both] == [b"144\n"] * 2
    assert verify(run) == [] and len(ResultLog(run).read()) == 72
    fresh = ip.measure(run, ["exact", "bin:szt"], resume=False)
    assert numbers_of(ip.measure(run, ["exact", "bin:szt"])) == numbers_of(fresh)


@pytest.mark.parametrize("background", [False, True])
def test_steps_from_many_threads_of_a_loop_are_captured_one_after_another(
    background: bool, tmp_path: Path
) -> None:
    async def train(rec: ip.Recorder) -> list[bool]:
        return await asyncio.gather(*(asyncio.to_thread(rec.step, step) for step in range(1, 20)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a step that came after a later one is refused
        with recorder(tmp_path / "run", background=background) as rec:
            taken = asyncio.run(train(rec))
    said = [step for step, whether in enumerate(taken, start=1) if whether]
    assert open_archive(tmp_path / "run").steps == (0, *said) and said[-1] == 19
    assert verify(tmp_path / "run") == []


class Forwards:
    """How many forwards run at once; no part of the network, whose state a probe puts back."""

    def __init__(self) -> None:
        self.running, self.most = 0, 0
        self.began = threading.Event()

    def count(self) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        self.began.set()
        time.sleep(0.05)
        self.running -= 1


@pytest.mark.slow
@pytest.mark.parametrize("other", [ip.Recorder.close, ip.Recorder.selfcheck])
@pytest.mark.parametrize("background", [False, True])
def test_no_other_forward_of_the_recorder_runs_beside_the_capture_of_a_thread(
    other: Callable[[ip.Recorder], object], background: bool, tmp_path: Path
) -> None:
    net, forwards = network(), Forwards()
    net.register_forward_pre_hook(lambda module, args: forwards.count())
    rec = recorder(tmp_path / "run", net, background=background).open()
    assert rec.step(1) and rec.step(2)
    forwards.began.clear()
    capture = threading.Thread(target=rec.step, args=(3,))
    capture.start()
    forwards.began.wait()
    other(rec)
    capture.join()
    rec.close()
    assert forwards.most == 1 and open_archive(tmp_path / "run").steps == (0, 1, 2, 3)


def test_a_cell_that_is_run_again_is_told_of_its_own_open_recorder(tmp_path: Path) -> None:
    rec = recorder(tmp_path / "run").open()
    with pytest.raises(ArchiveLocked, match=r"of this very process.*close\(\) that one first"):
        recorder(tmp_path / "run", overwrite=True).open()
    rec.close()
    with recorder(tmp_path / "run", resume=True) as again:
        assert again.step(1)


@pytest.mark.slow
def test_a_recorder_that_nobody_holds_any_more_keeps_no_run_to_itself(tmp_path: Path) -> None:
    rec = recorder(tmp_path / "run").open()
    assert rec.step(1)
    del rec
    gc.collect()
    with recorder(tmp_path / "run", resume=True) as again:
        assert again.steps == (0, 1)


# ---- forks, signals, weights ---------------------------------------------------------------------


class Acts(nn.Module):
    """A layer that does something while the probe runs."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.act = nn.Linear(3, 4), lambda: None

    def forward(self, x: Tensor) -> Tensor:
        self.act()
        return self.fc(x)  # type: ignore[no-any-return]  # a tensor


@pytest.mark.parametrize("rows", [5, 8])
def test_forwards_of_another_thread_beside_a_capture_are_neither_stored_nor_stopped(
    rows: int, tmp_path: Path
) -> None:
    net, other = Acts(), []

    def acts() -> None:
        def forward() -> None:
            other.append(net.fc(torch.zeros(rows, 3)))

        thread = threading.Thread(target=forward)
        thread.start()
        thread.join()

    with recorder(tmp_path / "run", net) as rec:
        net.act = acts
        assert rec.step(1)
        net.act = lambda: None
    assert {tuple(values.shape) for values in other} == {(rows, 4)}
    want = net.fc(X).detach().numpy()
    np.testing.assert_allclose(open_archive(tmp_path / "run").z(1, "fc"), want, atol=1e-6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
@pytest.mark.parametrize("background", [False, True])
def test_a_fork_inside_a_capture_harms_neither_the_capture_nor_the_run(
    background: bool, tmp_path: Path
) -> None:
    net, codes = Acts(), []

    def forks() -> None:
        child = os.fork()
        if not child:
            os._exit(3)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with recorder(tmp_path / "run", net, background=background) as rec:
        net.act = forks
        assert rec.step(1)
        net.act = lambda: None
        assert rec.step(2)
    assert set(codes) == {3} and open_archive(tmp_path / "run").steps == (0, 1, 2)
    assert verify(tmp_path / "run") == []


class RaiseAtLine:
    """A trace function that raises KeyboardInterrupt at the n-th line that is executed."""

    def __init__(self, line: int) -> None:
        self.left, self.where = line, ""

    def __call__(self, frame: FrameType, event: str, _: object) -> RaiseAtLine:
        self.left -= event == "line"
        if event == "line" and not self.left:
            sys.settrace(None)
            self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            raise KeyboardInterrupt
        return self


def lines_of_a_resumed_run(run: Path) -> int:
    bomb = RaiseAtLine(10**9)
    rec, previous = recorder(run, resume=True), sys.gettrace()
    sys.settrace(bomb)
    with rec:
        sys.settrace(previous)
    return 10**9 - bomb.left


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a weakref's
def test_ctrl_c_anywhere_while_a_run_is_resumed_leaves_it_whole_and_free(tmp_path: Path) -> None:
    run, previous, kept = recorded(tmp_path / "run"), sys.gettrace(), []
    lines = lines_of_a_resumed_run(run)
    while_the_run_is_held = range(lines - 1500, lines, max(1, STRIDE // 10))
    for line in [*range(1, lines, STRIDE), *while_the_run_is_held]:
        bomb = RaiseAtLine(line)
        rec = recorder(run, resume=True)
        sys.settrace(bomb)
        try:
            with rec:
                pass
        except KeyboardInterrupt as error:
            kept.append(error)  # as a shell keeps the last traceback, with all that hangs on it
        finally:
            sys.settrace(previous)
        assert not is_being_written(run), bomb.where
    assert open_archive(run).steps == (0, 1, 2, 3) and verify(run) == []
    with recorder(run, resume=True) as rec:
        assert rec.step(9)


MOVES: dict[str, Callable[[nn.Linear], object]] = {
    "another dtype": lambda fc: fc.to(torch.float64),
    "the meta device": lambda fc: fc.to("meta"),
    "emptied storage": lambda fc: setattr(fc.weight, "data", torch.empty(0)),
    "other tensors": lambda fc: setattr(fc, "weight", nn.Parameter(torch.ones(4, 3))),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_weights_that_move_while_the_probe_runs_cost_at_most_that_capture(
    move: Callable[[nn.Linear], object], tmp_path: Path
) -> None:
    net = Acts()
    weight = {name: value.clone() for name, value in net.state_dict().items()}
    with recorder(tmp_path / "run", net) as rec, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what was not captured is told once
        net.act = lambda: move(net.fc)
        rec.step(1)
        net.act, net.fc = lambda: None, nn.Linear(3, 4)
        net.load_state_dict(weight)
        rec.step(2)
    archive = open_archive(tmp_path / "run")
    assert 0 in archive.steps and verify(tmp_path / "run") == []


# ---- file systems and time -----------------------------------------------------------------------


def test_a_file_system_that_renames_over_nothing_gives_our_error_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, plain = recorded(tmp_path / "run"), os.replace
    plane = ip.measure(run, "exact")
    plane.save(tmp_path / "plane.h5")
    pack(run, tmp_path / "packed.h5")
    write_text(tmp_path / "report.html", "old")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}

    def replace(source: str, target: str) -> None:
        if os.path.lexists(target):
            raise FileExistsError(17, "File exists", str(target))
        plain(source, target)

    monkeypatch.setattr(os, "replace", replace)
    for again in (
        lambda: plane.save(tmp_path / "plane.h5", overwrite=True),
        lambda: pack(run, tmp_path / "packed.h5", overwrite=True),
        lambda: write_text(tmp_path / "report.html", "new"),
    ):
        with pytest.raises(ArchiveError, match="File exists"):
            again()
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == before
    with recorder(run, resume=True) as rec:
        assert rec.step(9)
    assert open_archive(run).steps == (0, 1, 2, 3, 9)


def test_a_clock_that_goes_back_changes_neither_order_nor_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    now = iter(range(2_000_000_000, 0, -86_400))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    run = recorded(tmp_path / "run")
    assert open_archive(run).steps == (0, 1, 2, 3) and verify(run) == []
    with recorder(run, resume=True) as rec:
        rec.step(7)
    plane = ip.measure(run, "exact")
    assert plane.steps == (0, 1, 2, 3, 7)
    assert numbers_of(ip.measure(run, "exact")) == numbers_of(plane)


@pytest.mark.slow
@pytest.mark.parametrize("background", [False, True])
def test_two_hundred_captures_leave_memory_descriptors_and_threads_flat(
    background: bool, tmp_path: Path
) -> None:
    me = psutil.Process()

    def used() -> tuple[int, int, int]:
        gc.collect()
        return me.memory_info().rss, me.num_fds(), threading.active_count()

    with recorder(tmp_path / "run", background=background) as rec:
        for step in range(1, 51):
            rec.step(step)
        memory, descriptors, threads = used()
        for step in range(51, 251):
            rec.step(step, loss=1.0)
        after = used()
    assert after[0] - memory < 4 * 2**20, f"{(after[0] - memory) / 2**20:.1f} MiB more"
    assert after[1] <= descriptors + 1 and after[2] == threads
