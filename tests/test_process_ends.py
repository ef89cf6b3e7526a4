"""A process with a recorder ends in good order, also after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infoplane.archive import open_archive, verify

FORGETFUL = """
import sys, torch
from infoplane.hooks.recorder import Recorder
net = torch.nn.Linear(3, 3)
rec = Recorder(net, probe=torch.ones(2000, 3), to=sys.argv[1], layers="all", verbose=False, background=True).open()
for step in range(1, 4):
    rec.step(step)
{end}
"""  # noqa: E501


def run_script(text: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *args], check=False, capture_output=True, text=True, timeout=60
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("raise ValueError('of the user')", 1),
        pytest.param("", 0, marks=pytest.mark.slow),
        pytest.param("sys.exit(3)", 3, marks=pytest.mark.slow),
        pytest.param("raise KeyboardInterrupt", -2, marks=pytest.mark.slow),
    ],
)
def test_a_script_that_forgets_to_close_ends_and_everything_captured_is_written(
    end: str, code: int, tmp_path: Path
) -> None:
    done = run_script(FORGETFUL.format(end=end), str(tmp_path / "run"))
    assert done.returncode == code, done.stderr
    assert open_archive(tmp_path / "run").steps == (0, 1, 2, 3) and verify(tmp_path / "run") == []


@pytest.mark.slow
def test_what_cannot_be_written_at_the_end_of_a_forgetful_script_is_said_to_be_lost(
    tmp_path: Path,
) -> None:
    end = """
import shutil, time
while rec.steps != (0, 1, 2, 3):
    time.sleep(0.01)
shutil.rmtree(sys.argv[1])
rec.step(9)
"""
    done = run_script(FORGETFUL.format(end=end), str(tmp_path / "run"))
    assert done.returncode == 0 and "step 9 was not captured" in done.stderr


FORK = """
import os, sys, torch, warnings
from infoplane.hooks.recorder import Recorder
net = torch.nn.Linear(3, 3)
background = sys.argv[2] == "background"
with Recorder(net, probe=torch.ones(20, 3), to=sys.argv[1], layers="all", verbose=False, background=background) as rec:
    rec.step(1)
    child = os.fork()
    if not child:
        warnings.simplefilter("always")
        taken = [rec.step(step) for step in (2, 3, 4)]
        rec.close()
        print("child", taken, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("parent", rec.step(2), flush=True)
"""  # noqa: E501


@pytest.mark.parametrize("how", ["background", pytest.param("here", marks=pytest.mark.slow)])
def test_a_forked_child_may_not_write_says_so_at_once_and_the_parent_goes_on(
    how: str, tmp_path: Path
) -> None:
    done = run_script(FORK, str(tmp_path / "run"), how)
    assert done.returncode == 0, done.stderr
    assert "child [False, False, False]" in done.stdout and "parent True" in done.stdout
    assert "a forked child must not write" in done.stderr
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2) and verify(tmp_path / "run") == []


@pytest.mark.slow
def test_a_forked_child_that_closes_the_recorder_leaves_the_measuring_of_its_parent_alone(
    tmp_path: Path,
) -> None:
    script = """
import os, psutil, sys, torch
from infoplane.hooks.recorder import Recorder
with Recorder(torch.nn.Linear(3, 3), probe=(torch.ones(20, 3), torch.arange(20) % 2), to=sys.argv[1],
              layers="all", verbose=False, measure="exact", max_overhead=64.0) as rec:
    child = os.fork()
    if not child:
        rec.close()
        os._exit(0)
    os.waitpid(child, 0)
    print(*(beside.status() != psutil.STATUS_ZOMBIE for beside in psutil.Process().children()))
"""  # noqa: E501
    done = run_script(script, str(tmp_path / "run"))
    assert done.returncode == 0 and done.stdout == "True\n", done.stderr


@pytest.mark.slow
def test_nothing_of_ours_keeps_a_process_alive(tmp_path: Path) -> None:
    script = """
import sys, threading, torch
from infoplane.hooks.recorder import Recorder
for background in (True, False):
    Recorder(torch.nn.Linear(3, 3), probe=torch.ones(20, 3), to=f"{sys.argv[1]}{background}", layers="all", verbose=False,
             background=background).open()
print([t.name for t in threading.enumerate() if not t.daemon])
"""  # noqa: E501
    assert run_script(script, str(tmp_path / "run")).stdout == "['MainThread']\n"


@pytest.mark.slow
def test_two_hundred_recordings_leave_no_thread_and_no_open_file(tmp_path: Path) -> None:
    script = """
import os, sys, threading, torch
from infoplane.hooks.recorder import Recorder
def once(k, background):
    with Recorder(torch.nn.Linear(3, 3), probe=torch.ones(4, 3), to=f"{sys.argv[1]}/{k}", layers="all", verbose=False,
                  background=background, durable=False, chain=False) as rec:
        rec.step(1)
once("first", True)
before = threading.active_count(), len(os.listdir("/proc/self/fd"))
for k in range(200):
    once(k, k % 2 == 0)
import time
for _ in range(100):
    after = threading.active_count(), len(os.listdir("/proc/self/fd"))
    if after == before:
        break
    time.sleep(0.05)
print(before == after, before, after)
"""  # noqa: E501
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("counts open files in /proc")
    done = run_script(script, str(tmp_path))
    assert done.stdout.startswith("True"), (done.stdout, done.stderr)
