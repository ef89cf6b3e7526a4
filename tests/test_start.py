"""How commands start: machine code without a compiler, memory that is kept, a judgement begun beside the loading of matplotlib."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_dpi import chain_of, honest, write

import infoplane as ip
from infoplane import cores
from infoplane.errors import InputError

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux only")

_LOADED = """
import sys, numpy as np
from infoplane.rows import row_codes, row_digests
z = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
print(row_codes(z[[0, 1, 0]]).tolist(), row_digests(z)[5].tolist())
print([m for m in ("numba.np.arraymath", "scipy.linalg") if m in sys.modules])
from infoplane.analysis.dpi.significance import permutation_p
print(permutation_p(np.zeros(64, np.int64), np.arange(64) % 2, np.arange(64) % 2, draws=99))
"""


def _python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_machine_code_is_read_without_loading_what_compiles_it_and_what_is_not_there_is_compiled(
    tmp_path: Path,
) -> None:
    compiled = _python(_LOADED, NUMBA_CACHE_DIR=str(tmp_path)).splitlines()
    for file in tmp_path.rglob("*exceedances*"):
        file.unlink()  # so that the next process reads one kernel and then compiles another
    read = _python(_LOADED, NUMBA_CACHE_DIR=str(tmp_path)).splitlines()
    assert list(tmp_path.rglob("*exceedances*"))
    assert compiled[0] == read[0] and compiled[2] == read[2] == "0.01"
    assert read[1] == "[]" and "numba.np.arraymath" in compiled[1]


@pytest.mark.skipif(
    not hasattr(os, "confstr") or "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""),
    reason="GNU libc only",
)
def test_memory_that_was_freed_is_used_again() -> None:
    faults = _python(
        "import resource, numpy as np\n"
        "from infoplane.cores import hold_memory\n"
        "hold_memory()\n"
        "def some():\n"
        "    for _ in range(9): [np.ones(3 << 20, np.uint8) for _ in range(4)]\n"
        "some()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "some()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    assert int(faults) < 50, "36 arrays of 768 pages"


def test_memory_is_held_only_where_that_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    def none(name: object) -> object:
        raise OSError("no such library")

    for library in (none, lambda name: object()):
        monkeypatch.setattr(ctypes, "CDLL", library)
        cores.hold_memory()


_BEGUN = """
import os, sys, time
from infoplane.cores import begun
from infoplane.errors import InputError
ours = os.getpid()
def nothing(): pass
def where(): return os.getpid() == ours, nothing
def fails(): raise InputError("expected a number")
def dies():
    if os.getpid() != ours: os.kill(os.getpid(), 9)
    return "done here", nothing
print(begun(where)(), begun(dies)())
try: begun(fails)()
except InputError as error: print(error)
started = time.monotonic()
both = [begun(lambda: (time.sleep(0.4), nothing)) for _ in range(2)]
time.sleep(0.4)
[wait() for wait in both]
print(time.monotonic() - started < 1.1)
def rest():
    time.sleep(0.5)
    print("done", flush=True)
waited = time.monotonic()
begun(lambda: (None, rest))()
print(time.monotonic() - waited < 0.4, flush=True)
"""


@linux
def test_work_is_begun_in_a_copy_that_may_fail_or_be_killed() -> None:
    two = {"INFOPLANE_THREADS": "2"}
    assert _python(_BEGUN, **two).splitlines() == [
        "False done here",
        "expected a number",
        "True",
        "True",
        "done",
    ], "the rest is not waited for, and not lost"
    alone = _python(_BEGUN, INFOPLANE_THREADS="1").splitlines()
    assert alone[:2] + alone[3:] == ["True done here", "expected a number", "done", "False"]
    threaded = "import threading, time; threading.Thread(target=time.sleep, args=(2,), daemon=True).start()\n"
    for first in (threaded, "import sys; sys.modules['torch'] = sys\n"):
        assert _python(first + _BEGUN, **two).splitlines()[0] == "True done here"


@linux
@pytest.mark.parametrize(
    "ending", ["raise SystemExit(2)", "os.killpg(0, 2)"]
)  # the second as Ctrl-C does
def test_the_copy_ends_with_whoever_began_it_in_good_order_and_says_nothing(
    ending: str, tmp_path: Path
) -> None:
    code = (
        "import os, pathlib, signal, sys, time\nfrom infoplane.cores import begun\nsignal.signal(2, signal.default_int_handler)\n"
        "def slow():\n    try:\n        time.sleep(30)\n        pathlib.Path(sys.argv[1], 'done').touch()\n"
        "    finally: pathlib.Path(sys.argv[1], 'left').touch()\n"
        f"wait = begun(slow)\ntime.sleep(0.3)\n{ending}\nwait()\n"
    )
    env, started = {**os.environ, "INFOPLANE_THREADS": "2"}, time.monotonic()
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(
        command,
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )
    assert (
        done.returncode in (2, -signal.SIGINT)
        and "ForkProcess" not in done.stderr
        and done.stderr.count("Traceback") < 2
    )
    assert [p.name for p in tmp_path.iterdir()] == ["left"] and time.monotonic() - started < 20


@pytest.fixture
def never_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFOPLANE_CACHE", str(tmp_path / "cache"))
    first = honest()
    write(
        tmp_path / "run",
        [first, {"a": first["a"] / 9, "b": first["a"][:, :4] * 3}],
        chain=chain_of(["a", "b"]),
    )
    return ip.measure(
        tmp_path / "run", ["bin:saxe,width=0.5", "kde:variance=0.1"], resume=False
    ).save(tmp_path / "plane.h5", judge=False)


def _plot(plane: Path, output: Path, threads: int) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "INFOPLANE_THREADS": str(threads)}
    command = [sys.executable, "-m", "infoplane", "plot", str(plane), "-o", str(output)]
    return subprocess.run(
        command, env=env, check=False, capture_output=True, text=True, timeout=120
    )


def test_a_picture_is_the_same_whoever_judged_it_and_the_judgement_is_kept(
    never_judged: Path, tmp_path: Path
) -> None:
    pictures = []
    for threads in (2, 1):
        for old in [
            *(tmp_path / "cache").glob("check-*"),
            *(tmp_path / "run/planes").glob("halves*"),
        ]:
            old.unlink()
        done = _plot(never_judged, tmp_path / f"{threads}.png", threads)
        assert done.returncode == 0, done.stderr
        pictures.append((tmp_path / f"{threads}.png").read_bytes())
        assert (
            len(list((tmp_path / "cache").glob("check-*"))) == 1
            and (tmp_path / "run/planes/halves.jsonl").exists()
        )
    assert pictures[0] == pictures[1]
    report = ip.check_dpi(ip.Plane.load(never_judged))
    assert any(f.verdict in ("estimator", "sampling", "bias") for f in report.findings), (
        "something to draw"
    )


def test_what_is_wrong_with_a_plane_is_said_whoever_judges(
    tmp_path: Path, never_judged: Path
) -> None:
    from dataclasses import replace

    replace(ip.Plane.load(never_judged), points=()).save(tmp_path / "empty.h5", judge=False)
    told = {_plot(tmp_path / "empty.h5", tmp_path / "x.png", threads).stderr for threads in (1, 2)}
    assert len(told) == 1 and re.match("infoplane: InputError: .*empty", told.pop())
    assert (
        "expected a file ending in .png"
        in _plot(tmp_path / "empty.h5", tmp_path / "x.jpg", 1).stderr
    ), "said before it is judged"


@pytest.mark.parametrize(
    ("ours", "omp", "expected"),
    [
        ("3", "5", 3),
        ("", "5", 5),
        ("", "4,2", 4),
        (" 2 ", None, 2),
        (None, "0", None),
        (None, "many", None),
        (None, None, None),
    ],
)
def test_cores_are_those_of_the_first_setting_that_says_a_number(
    ours: str | None, omp: str | None, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("INFOPLANE_THREADS", ours), ("OMP_NUM_THREADS", omp)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert cores.cores() == (cores.at_hand() if expected is None else expected)
    for wrong in ("0", "-1", "two"):
        monkeypatch.setenv("INFOPLANE_THREADS", wrong)
        with pytest.raises(InputError, match=f"positive number, got '{wrong}'"):
            cores.cores()
