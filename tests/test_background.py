"""Background writing is bounded and ordered, and reports errors on both sides."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from builders import until
from torch import Tensor, nn

from infoplane.archive import ShardWriter, open_archive, verify
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.recording.background import Abandoned, Background, LayerRows, WriteQueue
from infoplane.hooks.schedule import every


def _layer_rows(k: int, size: int = 100) -> LayerRows:
    return LayerRows("l", np.full(size, k, np.uint8), None, "uint8")


def test_rows_in_the_queue_arrive_in_order_and_end_with_their_records() -> None:
    write_queue = WriteQueue()
    for k in range(5):
        write_queue.put(_layer_rows(k))
    write_queue.end({"a": 1})
    assert [int(values[0]) for _, values, _, _ in write_queue] == [
        0,
        1,
        2,
        3,
        4,
    ] and write_queue.records == {"a": 1}


def test_a_full_room_makes_the_sender_wait_until_the_writer_has_taken_something() -> None:
    write_queue, sent, third = WriteQueue(room=250), [], threading.Event()

    def send() -> None:
        for k in range(3):
            if k == 2:
                third.set()
            write_queue.put(_layer_rows(k))
            sent.append(k)

    thread = threading.Thread(target=send)
    thread.start()
    assert third.wait(10)
    assert sent == [0, 1]  # the third does not fit: 300 bytes of 250
    taken = iter(write_queue)
    assert int(next(taken)[1][0]) == 0
    thread.join(10)
    assert sent == [0, 1, 2]


def test_a_batch_larger_than_the_room_passes_alone() -> None:
    write_queue = WriteQueue(room=10)
    write_queue.put(_layer_rows(1))
    write_queue.end({})
    assert len(list(write_queue)) == 1


def test_a_writer_that_gives_up_lets_a_waiting_sender_go() -> None:
    write_queue = WriteQueue(room=100)
    write_queue.put(_layer_rows(0))
    thread = threading.Thread(target=write_queue.put, args=(_layer_rows(1),))
    thread.start()
    write_queue.leave()
    thread.join(10)
    assert not thread.is_alive()


def test_records_belong_to_the_sender_until_the_writer_has_them() -> None:
    early, late = WriteQueue(), WriteQueue()
    early.leave()
    assert early.end({"basis": 1}) is False and early.records == {}
    assert late.end({"basis": 1}) is True
    late.leave()
    assert late.records == {"basis": 1}


def test_an_abandoned_pass_reaches_the_writer_even_behind_rows() -> None:
    write_queue = WriteQueue()
    write_queue.put(_layer_rows(0))
    write_queue.abandon()
    with pytest.raises(Abandoned):
        list(write_queue)


class Fragile(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.bad = nn.Linear(3, 3), False

    def forward(self, x: Tensor) -> Tensor:
        z = self.fc(x)
        if (
            self.bad and float(x[0, 0]) >= 8
        ):  # the second batch: rows of the first are already on their way
            raise ValueError("second batch")
        return z  # type: ignore[no-any-return]


@pytest.mark.parametrize("background", [False, True])
def test_a_pass_that_fails_half_way_leaves_nothing_visible_and_later_steps_go_on(
    background: bool, tmp_path: Path
) -> None:
    net, x = Fragile(), torch.arange(16.0)[:, None].repeat(1, 3)
    with Recorder(
        net,
        probe=x,
        to=tmp_path / "run",
        layers=["fc"],
        batch_size=8,
        background=background,
        verbose=False,
    ) as rec:
        net.bad = True
        with pytest.warns(
            RuntimeWarning, match="step 1 was not captured: ValueError: second batch"
        ):
            assert rec.step(1) is False
        net.bad = False
        assert rec.step(2)
    archive = open_archive(tmp_path / "run")
    assert (
        archive.steps == (0, 2)
        and verify(tmp_path / "run") == []
        and not list((tmp_path / "run").rglob(".tmp-*"))
    )
    recorded = archive.extra(2, "failures")
    assert recorded is not None and len(recorded["failures"]) == 1  # told once, not by both threads


@pytest.mark.parametrize("background", [False, True])
def test_a_write_that_fails_half_way_is_told_once_and_what_was_attached_goes_with_the_next_step(
    background: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, x = nn.Linear(3, 3), torch.randn(16, 3)
    append, calls = ShardWriter.append, []

    def broken(self: ShardWriter, *args: object, **options: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("half way")
        append(self, *args, **options)  # type: ignore[arg-type]

    rec = Recorder(
        net,
        probe=(x, np.arange(16) % 2),
        to=tmp_path / "run",
        layers="all",
        batch_size=8,
        background=background,
        verbose=False,
        reduce="pca:2",
        schedule=every(1),
    ).open(capture=False)
    monkeypatch.setattr(ShardWriter, "append", broken)
    with pytest.warns(RuntimeWarning, match="step 1 was not captured: RuntimeError: half way"):
        rec.step(1)
        until(lambda: len(calls) == 2)
        rec.step(2)
    rec.close()
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (2,) and len(rec.failures) == 1
    assert any(
        (archive.extra(2, f"reduction:{name}") or {}).get("spec") == "pca:2"
        for name in archive.layers
    )


def test_background_and_direct_writing_make_the_same_archive(tmp_path: Path) -> None:
    x, y = torch.randn(50, 4), np.arange(50) % 2
    digests = []
    for background in (False, True):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.Linear(6, 2))
        with Recorder(
            net,
            probe=(x, y),
            to=tmp_path / str(background),
            layers="all",
            batch_size=7,
            background=background,
            verbose=False,
        ) as rec:
            for step in range(1, 6):
                with torch.no_grad():
                    net[0].weight.mul_(1.1)
                rec.step(step)
        digests.append(open_archive(tmp_path / str(background)).digest)
    assert digests[0] == digests[1]


def test_a_self_check_waits_for_the_step_that_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (time.sleep(0.2), sync(file)))
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
    options = {"layers": "all", "background": True, "verbose": False, "chain": False}
    with Recorder(net, probe=torch.randn(50, 4), to=tmp_path / "run", **options) as rec:
        with torch.no_grad():
            net[0].weight.mul_(1.1)
        rec.step(1)
        found = rec.selfcheck()
    assert found.passed and found.step == 1


def interrupt_at_line(number: int) -> Any:  # Any: a trace function
    """A trace function that raises KeyboardInterrupt at the n-th line that is executed."""
    left = [number]

    def trace(frame: FrameType, event: str, _: object) -> Any:  # Any: as above
        if event == "line":
            left[0] -= 1
            if not left[0]:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    return trace


def test_an_interrupt_at_any_line_of_submit_leaves_the_job_queued_or_not_and_the_count_right() -> (
    None
):
    background, ran, previous = Background(), [], sys.gettrace()
    for line in range(1, 40):
        sys.settrace(interrupt_at_line(line))
        try:
            background.submit(lambda line=line: ran.append(line))
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(previous)
        background.drain()
        assert background.unfinished == 0
    background.submit(lambda: ran.append(100))
    background.close()
    assert len(set(ran)) == len(ran) and ran[-1] == 100 and {1}.isdisjoint(ran) and 39 in ran
