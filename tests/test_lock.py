"""The lock of a writer."""

from __future__ import annotations

import copy
import gc
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from infoplane.archive.lock import WriterLock
from infoplane.errors import ArchiveLocked


def test_a_lock_given_up_twice_closes_nobody_elses_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = WriterLock(tmp_path, 0)
    closed: list[int] = []
    real = os.close
    monkeypatch.setattr(os, "close", lambda fd: closed.append(fd) or real(fd))
    lock.release()
    assert len(closed) == 1
    lock.release()
    assert len(closed) == 1


def test_an_interrupt_right_behind_the_release_closes_nobody_elses_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = WriterLock(tmp_path, 0)
    closed: list[int] = []
    real = os.close

    def close(fd: int) -> None:
        closed.append(fd)
        real(fd)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "close", close)
        lock.release()
    lock.release()
    assert len(closed) == 1
    WriterLock(tmp_path, 0).release()


@pytest.mark.slow
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_lock_is_not_copied_so_that_no_copy_closes_another_file(
    duplicate: Callable[[object], object], tmp_path: Path
) -> None:
    lock = WriterLock(tmp_path, 0)
    with pytest.raises(TypeError, match="cannot be copied"):
        duplicate(lock)
    gc.collect()
    lock.release()  # its file is still its own


def test_a_lock_tells_its_holder_and_may_be_released_twice(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path, 3)
    assert (
        lock.exclusive
        and json.loads((tmp_path / "writer-r0003.lock").read_text())["pid"] == os.getpid()
    )
    with pytest.raises(ArchiveLocked, match=str(os.getpid())):
        WriterLock(tmp_path, 3)
    other = WriterLock(tmp_path, 4)
    lock.release()
    fd = os.open(
        tmp_path / "a file that gets the number of the released one", os.O_CREAT | os.O_RDWR
    )
    lock.release()
    os.fstat(fd)  # not closed by the second release
    WriterLock(tmp_path, 3).release()
    other.release()
    os.close(fd)
    longer = tmp_path / "writer-r0003.lock"
    longer.write_text("x" * 300)
    WriterLock(tmp_path, 3).release()
    assert json.loads(longer.read_text())["pid"] == os.getpid(), (
        "what an earlier holder wrote is cut off"
    )
