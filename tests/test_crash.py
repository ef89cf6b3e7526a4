"""Kills and faults at every write of a capture: what was published stays, nothing torn is ever visible, the run resumes."""

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

LAYERS = [LayerInfo(f"l{i}", i, shape=(3,)) for i in range(2)]
N = 16
X = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
Y = np.arange(N) % 2
STEPS = (0, 1, 2)

_SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
/* The n-th call of a kind that changes the disk is answered with a kill (before, or in the middle of a write) or an error. */
static long count = -1, at = -1; static int mode = 0; static int report = -1;
void shim_arm(long n, int m) { count = 0; at = n; mode = m; }
long shim_count(void) { return count; }
static int due(void) { if (count < 0) return 0; return __sync_add_and_fetch(&count, 1) == at; /* two threads may write */ }
static int fault(void) { if (mode < 2) { kill(getpid(), SIGKILL); for (;;) pause(); } errno = mode; return 1; }
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
int mkdir(const char* a, mode_t m) { REAL("mkdir", md); if (due() && fault()) return -1; return real(a, m); }
"""


def z_of(step: int, layer: LayerInfo) -> np.ndarray:
    return (np.arange(N * 3, dtype=np.float32).reshape(N, 3) + 100 * step + layer.ordinal).astype(np.float32)


def capture(run: Path, said, *, resume: bool = False, steps=STEPS) -> None:
    """Write a run; ``said(step)`` is called when the writer has reported a step as captured."""
    with RunWriter.create(run, layers=LAYERS, x=X, y=Y, resume=resume) as writer:
        for step in steps:
            if step in writer.steps_written:
                continue
            with writer.step(step) as shard:
                for layer in LAYERS:
                    shard.write(layer.name, z_of(step, layer))
            said(step)


def assert_sound(run: Path, reported: set[int]) -> None:
    """Every reported step is readable and right; nothing visible is torn; the run resumes to its end."""
    if (run / "run.json").exists():
        assert verify(run) == []
        archive = open_archive(run)
        assert reported <= set(archive.steps) <= set(STEPS)
        for step, layer in archive:
            np.testing.assert_array_equal(archive.z(step, layer), z_of(step, archive.layer_info(layer)))
    else:
        assert not reported
    capture(run, lambda step: None, resume=True)
    assert open_archive(run).steps == STEPS and verify(run) == []
    assert not list(run.rglob(".tmp-*")), "leftovers of the killed writer are swept"


@pytest.fixture(scope="session")
def shim(tmp_path_factory) -> Path:
    if shutil.which("gcc") is None or not sys.platform.startswith("linux"):
        pytest.skip("needs gcc on Linux; the recorded-write replay below covers other machines")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(_SHIM)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", folder / "shim.so", folder / "shim.c", "-ldl"], check=True)
    return folder / "shim.so"


# The server forks a child per kill point, so that interpreter and libraries start once.
_SERVER = """
import ctypes, os, pathlib, sys
sys.path.insert(0, {tests!r})
import {module} as t
t.capture(pathlib.Path({tmp!r}) / "warm", lambda step: None)
shim = ctypes.CDLL({shim!r})
shim.shim_count.restype = ctypes.c_long
for line in sys.stdin:
    n, mode, name = line.split()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        shim.shim_arm(ctypes.c_long(int(n)), int(mode))
        code = 0
        try:
            t.capture(pathlib.Path(name), lambda step: open(name + ".said", "a").write(f"{{step}}\\n"))
        except t.ArchiveError:
            code = 3
        total = shim.shim_count()
        os.write(write, f"{{code}} {{total}}".encode())
        os._exit(0)
    os.close(write)
    got = os.read(read, 100).decode()
    os.close(read)
    status = os.waitpid(child, 0)[1]
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, got or "- -", flush=True)
"""


class Server:
    """A process with the shim loaded that runs one capture per request."""

    def __init__(self, shim: Path, tmp: Path, module: str = "test_crash") -> None:
        code = _SERVER.format(tests=str(Path(__file__).parent), module=module, tmp=str(tmp), shim=str(shim))
        env = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def capture(self, n: int, mode: int, run: Path) -> tuple[int, str, str, set[int]]:
        """Signal, exit code, number of calls and reported steps of a capture whose n-th call is hit."""
        self.process.stdin.write(f"{n} {mode} {run}\n")
        self.process.stdin.flush()
        killed, code, calls = self.process.stdout.readline().split()
        said = Path(f"{run}.said")
        return int(killed), code, calls, {int(s) for s in said.read_text().split()} if said.exists() else set()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def server(shim, tmp_path):
    started = Server(shim, tmp_path)
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", [0, 1], ids=["before the call", "in the middle of the call"])
def test_a_kill_at_every_disk_call_of_a_capture_loses_nothing_reported(server, tmp_path, mode):
    killed, _, calls, reported = server.capture(10**9, 0, tmp_path / "whole")
    assert killed == 0 and reported == set(STEPS) and int(calls) > 40
    for n in range(1, int(calls) + 1):
        run = tmp_path / f"k{n}"
        killed, _, _, reported = server.capture(n, mode, run)
        assert killed == signal.SIGKILL, f"call {n} was not reached"
        if run.exists():
            assert_sound(run, reported)
        shutil.rmtree(run, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("error", [5, 28], ids=["EIO", "ENOSPC"])
def test_an_error_from_any_disk_call_is_ours_and_loses_nothing_reported(server, tmp_path, error):
    _, _, calls, _ = server.capture(10**9, 0, tmp_path / "whole")
    for n in range(1, int(calls) + 1):
        run = tmp_path / f"e{n}"
        killed, code, _, reported = server.capture(n, error, run)
        assert killed == 0 and code in ("0", "3"), f"call {n}: the fault must end as an ArchiveError or be survived"
        if run.exists():
            assert_sound(run, reported)
        shutil.rmtree(run, ignore_errors=True)


def test_every_prefix_of_the_recorded_writes_of_a_step_is_never_taken_for_a_step(tmp_path, monkeypatch):
    """The portable form of the kill test: record what a step writes, replay every prefix as the temporary it would have left."""
    from infoplane.archive.publish import Sink

    writes: list[tuple[int, bytes]] = []
    real = Sink.write
    capture(tmp_path / "run", lambda step: None, steps=(0,))
    monkeypatch.setattr(Sink, "write", lambda self, b: (writes.append((self.at, bytes(b))), real(self, b))[1])
    capture(tmp_path / "run", lambda step: None, resume=True, steps=(0, 1))
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
        if bytes(image) != complete:  # and were a torn file visible, it would be refused or read right, never misread
            shard.write_bytes(image)
            with contextlib.suppress(ArchiveError):
                np.testing.assert_array_equal(open_archive(tmp_path / "run").z(1, "l0"), z_of(1, LAYERS[0]))
            shard.unlink()
    assert_sound(tmp_path / "run", {0})


def test_a_full_disk_drops_the_step_and_later_steps_go_on(tmp_path):
    with RunWriter.create(tmp_path / "run", layers=[LayerInfo("l", 0, shape=(50_000,))], x=X, y=Y) as writer:
        z = np.ones((N, 50_000), np.float32)
        with writer.step(0) as shard:
            shard.write("l", z)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            with (
                pytest.raises(ArchiveError, match=r"could not write .*nothing was published, files published before are intact"),
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


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot create the run's folder"):
        RunWriter.create(tmp_path / "file/run", layers=LAYERS, x=X, y=Y)


def test_an_interrupt_inside_a_capture_leaves_no_file_and_no_wedged_hdf5(tmp_path):
    """SIGINT raised from within a write callback: the hardest moment for HDF5."""
    import h5py

    from infoplane.archive import publish

    before = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)
    real = os.pwrite
    for when in range(1, 12):
        count = 0

        def pwrite(fd, data, at, when=when):
            nonlocal count
            count += 1
            if count == when:
                signal.raise_signal(signal.SIGINT)
            return real(fd, data, at)

        with RunWriter.create(tmp_path / f"run{when}", layers=LAYERS, x=X, y=Y, durable=False) as writer:
            publish.os.pwrite = pwrite
            try:
                with pytest.raises(KeyboardInterrupt), writer.step(0) as shard:
                    shard.write("l0", z_of(0, LAYERS[0]))
                    shard.write("l1", z_of(0, LAYERS[1]))
            finally:
                publish.os.pwrite = real
            assert os.listdir(tmp_path / f"run{when}/ckpt") == []
            with writer.step(0) as shard:
                shard.write("l0", z_of(0, LAYERS[0]))
        assert verify(tmp_path / f"run{when}") == []
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == before
