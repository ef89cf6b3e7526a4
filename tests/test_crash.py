"""Kills and faults at every write of a capture lose nothing published and leave nothing torn."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from infoplane.archive import RunWriter, open_archive, verify
from infoplane.errors import ArchiveError
from infoplane.types import LayerInfo

sys.path.insert(0, str(Path(__file__).parent))
from crash_scenarios import LAYERS, SCENARIOS, N, X, Y, write, z_of  # tests/ is no package

STEPS = (0, 1, 2)

_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <time.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/* The n-th call of a kind that changes the disk (or, when m > 1000, that and all later ones) is answered with a signal or an error. */
/* Modes: 0 kill -9 before the call, 1 in its middle, 2 SIGTERM, 3 SIGINT (Python's handler runs when the call is done), else an errno. */
static long count = -1, at = -1; static int mode = 0, sticky = 0; static long jump = 0;
void shim_arm(long n, int m) { count = 0; at = n; sticky = m > 1000; mode = m % 1000; }
long shim_count(void) { return count; }
void shim_clock(long seconds) { jump = seconds; }
static int due(void) { if (count < 0) return 0; long c = __sync_add_and_fetch(&count, 1); return c == at || (sticky && c > at); }
static int fault(void) {
  if (mode < 2) { kill(getpid(), SIGKILL); for (;;) pause(); }
  if (mode == 2) { kill(getpid(), SIGTERM); return 0; }
  if (mode == 3) { kill(getpid(), SIGINT); return 0; }
  errno = mode; return 1; }
#define REAL(name, type) static type real; if (!real) real = (type)dlsym(RTLD_NEXT, name)
typedef ssize_t (*pw)(int, const void*, size_t, off_t); typedef ssize_t (*wr)(int, const void*, size_t);
typedef int (*i1)(int); typedef int (*p1)(const char*); typedef int (*p2)(const char*, const char*); typedef int (*tr)(int, off_t); typedef int (*md)(const char*, mode_t);
#define PW(name) ssize_t name(int f, const void* b, size_t n, off_t o) { REAL(#name, pw); if (due()) { if (mode == 1) real(f, b, n / 2, o); if (fault()) return -1; } return real(f, b, n, o); }
PW(pwrite) PW(pwrite64)
ssize_t write(int f, const void* b, size_t n) { REAL("write", wr); if (f > 2 && due()) { if (mode == 1) real(f, b, n / 2); if (fault()) return -1; } return real(f, b, n); }
int fsync(int f) { REAL("fsync", i1); if (due() && fault()) return -1; return real(f); }
int rename(const char* a, const char* b) { REAL("rename", p2); if (due()) { if (mode == 1) real(a, b); if (fault()) return -1; } return real(a, b); }
int unlink(const char* a) { REAL("unlink", p1); if (due() && fault()) return -1; return real(a); }
int ftruncate(int f, off_t n) { REAL("ftruncate", tr); if (due() && fault()) return -1; return real(f, n); }
int ftruncate64(int f, off_t n) { REAL("ftruncate64", tr); if (due() && fault()) return -1; return real(f, n); }
typedef int (*op)(const char*, int, ...);
#define OPEN(name) int name(const char* a, int flags, ...) { REAL(#name, op); va_list l; va_start(l, flags); int m = (flags & O_CREAT) ? va_arg(l, int) : 0; va_end(l); \\
  if ((flags & O_CREAT) && due() && fault()) return -1; return real(a, flags, m); }
OPEN(open) OPEN(open64)
typedef int (*cg)(clockid_t, struct timespec*);
int clock_gettime(clockid_t c, struct timespec* t) { REAL("clock_gettime", cg); int r = real(c, t); if (jump && c == CLOCK_REALTIME) { t->tv_sec += jump; jump = -jump; } return r; }
int mkdir(const char* a, mode_t m) { REAL("mkdir", md); if (due() && fault()) return -1; return real(a, m); }
"""  # noqa: E501


@pytest.fixture(scope="session")
def shim(tmp_path_factory) -> Path:
    if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs gcc on Linux; the recorded-write replay below covers other machines")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(_SHIM)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", folder / "shim.so", folder / "shim.c", "-ldl"],
        check=True,
    )
    return folder / "shim.so"


# The server forks a child per kill point, so that interpreter and libraries start once.
_SERVER = """
import ctypes, mmap, os, pathlib, signal, sys
sys.path.insert(0, {tests!r})
import crash_scenarios as t
from infoplane.errors import InfoplaneError
for name in {warm!r}:
    folder = pathlib.Path({tmp!r}) / "warm" / name
    folder.mkdir(parents=True)
    t.SCENARIOS[name].prepare(folder)
    t.SCENARIOS[name].act(folder, lambda step: None)
shim = ctypes.CDLL({shim!r})
shim.shim_count.restype = ctypes.c_long
for line in sys.stdin:
    n, mode, clock, folder, name = line.rstrip("\\n").split("\\t")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = mmap.mmap(os.open(folder + ".said", os.O_RDWR), 64)  # no system call, so that saying so is never hit
        shim.shim_clock(ctypes.c_long(int(clock)))
        shim.shim_arm(ctypes.c_long(int(n)), int(mode))
        code = 0
        try:
            t.SCENARIOS[name].act(pathlib.Path(folder), lambda step: said.__setitem__(step, 1))
        except InfoplaneError:
            code = 3
        except KeyboardInterrupt:
            code = 4
        except BaseException as error:
            code = 9
            print(f"{{name}} {{n}} {{mode}}: {{error!r}}", file=sys.stderr, flush=True)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        total = shim.shim_count()
        shim.shim_arm(ctypes.c_long(-1), 0)
        os.write(write, f"{{code}} {{total}}".encode())
        os._exit(0)
    os.close(write)
    got = os.read(read, 100).decode()
    os.close(read)
    status = os.waitpid(child, 0)[1]
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, got or "- -", flush=True)
"""  # noqa: E501


class Server:
    """A process with the shim loaded that runs one act per request."""

    def __init__(self, shim: Path, tmp: Path, warm: tuple[str, ...] = ("capture",)) -> None:
        code = _SERVER.format(
            tests=str(Path(__file__).parent), tmp=str(tmp), shim=str(shim), warm=warm
        )
        env = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )

    def act(
        self, scenario: str, n: int, mode: int, folder: Path, *, clock: int = 0
    ) -> tuple[int, str, str, set[int]]:
        """Signal, exit code, number of calls and reported steps of an act whose n-th call is hit;
        prepared here, in peace.
        """
        folder.mkdir(parents=True)
        SCENARIOS[scenario].prepare(folder)
        Path(f"{folder}.said").write_bytes(bytes(64))
        self.process.stdin.write(f"{n}\t{mode}\t{clock}\t{folder}\t{scenario}\n")
        self.process.stdin.flush()
        killed, code, calls = self.process.stdout.readline().split()
        said = Path(f"{folder}.said").read_bytes()
        os.unlink(f"{folder}.said")
        return int(killed), code, calls, {step for step, mark in enumerate(said) if mark}

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def campaign(server: Server, scenario: str, mode: int, root: Path, *, stride: int = 1) -> int:
    """Hits every ``stride``-th call of a scenario; how many.

    Raises where anything reported was lost or the training changed.
    """
    *_, calls, reported = server.act(scenario, 10**9, 0, root / "whole")
    SCENARIOS[scenario].sound(root / "whole", reported)
    shutil.rmtree(root / "whole")
    hits = range(1, int(calls) + 1, stride)
    for n in hits:
        folder = root / f"{mode}-{n}"
        killed, code, _, reported = server.act(scenario, n, mode, folder)
        where = f"{scenario}, call {n} of {calls}, mode {mode}"
        if mode < 3:
            assert (
                killed == (signal.SIGTERM if mode == 2 else signal.SIGKILL)
                or "recorder" in scenario
            ), f"{where}: not reached"
        else:
            assert killed == 0 and code in ("0", "3", "4"), f"{where}: exit code {code}"
        try:
            SCENARIOS[scenario].sound(folder, reported)
        except BaseException as error:
            error.add_note(where)
            raise
        shutil.rmtree(folder, ignore_errors=True)
    return len(hits)


@pytest.fixture
def server(shim, tmp_path):
    started = Server(shim, tmp_path)
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode",
    [0, 1, 5, 28],
    ids=["kill before the call", "kill in the middle of the call", "EIO", "ENOSPC"],
)
def test_a_fault_at_every_disk_call_of_a_capture_loses_nothing_reported(server, tmp_path, mode):
    assert campaign(server, "capture", mode, tmp_path) > 40


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [s for s in SCENARIOS if not s.startswith("capture")])
def test_whatever_writes_survives_kills_and_errors(shim, tmp_path, scenario):
    """Every call beside a writing thread, some elsewhere; `benchmarks/faults.py kills` hits all of
    them in every way.
    """
    server = Server(shim, tmp_path, warm=(scenario,))
    for mode, stride in ((0, 1 if "background" in scenario else 23), (3, 29), (5, 23), (1028, 29)):
        campaign(server, scenario, mode, tmp_path, stride=stride)
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("jump", [-(10**8), 10**9, 2**33])
def test_a_clock_that_jumps_at_every_look_changes_nothing(shim, tmp_path, jump):
    server = Server(shim, tmp_path, warm=("recorder",))
    killed, code, _, reported = server.act("recorder", 10**9, 0, tmp_path / "run", clock=jump)
    assert (killed, code, reported) == (0, "0", set(range(5)))
    SCENARIOS["recorder"].sound(tmp_path / "run", reported)
    server.close()


def test_every_prefix_of_the_recorded_writes_of_a_step_is_never_taken_for_a_step(
    tmp_path, monkeypatch
):
    """The portable form of the kill test: record what a step writes, replay every prefix as the
    temporary it would have left.
    """
    from infoplane.archive.publish import Sink

    writes: list[tuple[int, bytes]] = []
    real = Sink.write
    write(tmp_path / "run", lambda step: None, steps=(0,))
    monkeypatch.setattr(
        Sink, "write", lambda self, b: (writes.append((self.at, bytes(b))), real(self, b))[1]
    )
    write(tmp_path / "run", lambda step: None, resume=True, steps=(1,))
    assert len(writes) > 5
    (shard,) = (p for p in (tmp_path / "run/ckpt").iterdir() if "-s000000000001-" in p.name)
    complete = shard.read_bytes()
    shard.unlink()
    for k in range(len(writes)):
        image = bytearray(max(at + len(b) for at, b in writes[: k + 1]))
        for at, b in writes[: k + 1]:
            image[at : at + len(b)] = b
        (tmp_path / f"run/ckpt/.tmp-r0000-1-{k}").write_bytes(image)
        assert open_archive(tmp_path / "run").steps == (0,) and verify(tmp_path / "run") == []
        if (
            bytes(image) != complete
        ):  # and were a torn file visible, it would be refused or read right, never misread
            shard.write_bytes(image)
            with contextlib.suppress(ArchiveError):
                np.testing.assert_array_equal(
                    open_archive(tmp_path / "run").z(1, "l0"), z_of(1, LAYERS[0])
                )
            shard.unlink()
    SCENARIOS["capture"].sound(tmp_path, {0})


def test_a_full_disk_drops_the_step_and_later_steps_go_on(tmp_path):
    with RunWriter.create(
        tmp_path / "run", layers=[LayerInfo("l", 0, shape=(50_000,))], x=X, y=Y
    ) as writer:
        z = np.ones((N, 50_000), np.float32)
        with writer.step(0) as shard:
            shard.write("l", z)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            with (
                pytest.raises(
                    ArchiveError,
                    match=r"could not write .*nothing was published, files published before are "
                    r"intact",
                ),
                writer.step(1) as shard,
            ):
                shard.write("l", z)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, old)
        assert len(os.listdir(tmp_path / "run/ckpt")) == 1
        with writer.step(2) as shard:
            shard.write("l", z)
    assert open_archive(tmp_path / "run").steps == (0, 2) and verify(tmp_path / "run") == []


def test_captures_that_were_queued_when_the_disk_filled_up_do_not_warn_again(tmp_path):
    from infoplane.hooks.recording.error_log import CaptureErrorLog

    log = CaptureErrorLog(tmp_path, "warn")
    with pytest.warns(
        RuntimeWarning, match="no space left.*step 3 was not captured and recording stops"
    ) as told:
        for step in range(3, 1003):
            log.failed(step, OSError(28, "No space left on device"), kept=3)
    assert len(told) == 1 and len(log.failures) == 1000 and log.stopped


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot create the run's folder"):
        RunWriter.create(tmp_path / "file/run", layers=LAYERS, x=X, y=Y)


def test_an_interrupt_inside_a_capture_leaves_no_file_and_no_wedged_hdf5(tmp_path):
    """SIGINT raised from within a write callback: the hardest moment for HDF5."""
    import h5py

    from infoplane.archive import publish

    before = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)
    real, moments = os.pwrite, 0
    before_us = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell starts what it sends to the background with SIGINT ignored
    for when in range(1, 12):
        count = 0

        def pwrite(fd, data, at, when=when):
            nonlocal count
            count += 1
            if count == when:
                signal.raise_signal(signal.SIGINT)
            return real(fd, data, at)

        with RunWriter.create(
            tmp_path / f"run{when}", layers=LAYERS, x=X, y=Y, durable=False
        ) as writer:
            publish.os.pwrite = pwrite
            try:
                with writer.step(0) as shard:
                    shard.write("l0", z_of(0, LAYERS[0]))
                    shard.write("l1", z_of(0, LAYERS[1]))
            except KeyboardInterrupt:
                moments += 1
                assert os.listdir(tmp_path / f"run{when}/ckpt") == []
            else:
                assert count < when, (
                    "an interrupt was swallowed"
                )  # how many writes a step takes is HDF5's affair
                continue
            finally:
                publish.os.pwrite = real
            with writer.step(0) as shard:
                shard.write("l0", z_of(0, LAYERS[0]))
        assert verify(tmp_path / f"run{when}") == []
    signal.signal(signal.SIGINT, before_us)
    assert moments >= 8 and h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == before
