"""Memory refused at every size inside a capture leaves model and run whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from infoplane.archive import open_archive, verify

_NO_RESERVE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""For glibc: nothing that was freed is kept, so that the limit is met by every larger allocation.
"""
# One process loads torch; every headroom is tried in a fork of it, so that none inherits the memory
# that another has freed.
_CHILD = """
import json, os, pathlib, resource, sys, time, warnings
import torch, infoplane as ip
root, background = pathlib.Path(sys.argv[1]), sys.argv[2] == "background"

def train(run, headroom_mib=None):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(32, 1024), torch.nn.BatchNorm1d(1024), torch.nn.Tanh(), torch.nn.Dropout(0.3), torch.nn.Linear(1024, 2))
    optimiser = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    x, y = torch.randn(2048, 32), torch.arange(2048) % 2
    recorder = None if run is None else ip.Recorder(
        net, probe=(x, y), to=run, layers=["2", "4"], chain=False, verbose=False, batch_size=2048, background=background, durable=False)
    if recorder is not None:
        recorder.open()
    for step in range(1, 7):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x[:8]), y[:8]).backward()
        optimiser.step()
        if recorder is not None:
            if step in (3, 4) and headroom_mib is not None:
                pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
                resource.setrlimit(resource.RLIMIT_AS, (pages * os.sysconf("SC_PAGE_SIZE") + int(headroom_mib * 2**20), resource.RLIM_INFINITY))
            recorder.step(step)
            until = time.monotonic() + 0.5  # the writer's thread works under the limit too
            while background and step not in recorder.steps and time.monotonic() < until:
                time.sleep(0.005)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    steps = ()
    if recorder is not None:
        recorder.close()
        steps = recorder.steps
    state = [v.numpy().tobytes() for v in net.state_dict().values()] + [torch.random.get_rng_state().numpy().tobytes()]
    return state, [len(m._forward_hooks) for m in net.modules()], steps

expected = train(None)[0]
train(root / "whole")
for headroom in json.loads(sys.argv[3]):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                state, hooks, steps = train(root / str(headroom), headroom)
            told = [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]
            print(json.dumps([headroom, state == expected, sum(hooks), steps, told]), flush=True)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        print(json.dumps([headroom, f"ended with {status}", 0, [], []]), flush=True)
"""  # noqa: E501
HEADROOMS_MIB = [1, 4, 8, 12, 20, 28, 512]
# The writer alone: transposed rows, so that it has to copy them; the same for results and planes.
# No torch: every refusal is ours to survive.
_WRITER = """
import json, os, pathlib, resource, sys
import numpy as np
from infoplane.archive import RunWriter, open_archive
from infoplane.types import LayerInfo
root, WHEN = pathlib.Path(sys.argv[1]), sys.argv[3]
z = np.arange(1024 * 512, dtype=np.float64).reshape(512, 1024).T
layers = [LayerInfo("l", 0, shape=(512,)), LayerInfo("m", 1, shape=(4, 128))]

def limit(headroom_mib):
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    most = resource.RLIM_INFINITY if headroom_mib is None else pages * os.sysconf("SC_PAGE_SIZE") + int(headroom_mib * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))

def write(run, headroom):
    lost = []
    with RunWriter.create(run, layers=layers, x=None, y=np.arange(1024) % 2, durable=False) as writer:
        for step in range(4):
            when = WHEN if step in (1, 2) else None
            try:
                if when == "before":
                    limit(headroom)
                with writer.step(step) as shard:
                    if when == "inside":
                        limit(headroom)
                    shard.write("l", z)
                    shard.write("m", z.reshape(1024, 4, 128))
            except BaseException as error:
                lost.append([step, type(error).__name__])
            finally:
                limit(None)
    return lost, writer.steps_written

write(root / "warm", 1e4)
for headroom in json.loads(sys.argv[2]):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            print(json.dumps([headroom, *write(root / str(headroom), headroom)]), flush=True)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        print(json.dumps([headroom, f"ended with {status}", []]), flush=True)
"""  # noqa: E501


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc and limits the address space"
)
@pytest.mark.parametrize("writer", ["here", "background"])
def test_memory_refused_inside_a_capture_costs_that_capture_and_nothing_else(tmp_path, writer):
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            _CHILD,
            str(tmp_path),
            writer,
            json.dumps(HEADROOMS_MIB),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | _NO_RESERVE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    whole = open_archive(tmp_path / "whole")
    refused, kinds = 0, set()
    for headroom, same, hooks, steps, told in map(json.loads, done.stdout.splitlines()):
        assert same is True and hooks == 0, (
            f"{headroom} MiB: the training changed: {same}, {hooks} hooks left"
        )
        assert {0, 1, 2, 5, 6} <= set(steps), (
            f"{headroom} MiB: steps {steps} have a hole where memory was not short"
        )
        run = tmp_path / str(headroom)
        assert verify(run) == [] and not list(run.rglob(".tmp-*"))
        archive = open_archive(run)
        assert archive.steps == tuple(steps)
        for step, layer in archive:
            np.testing.assert_array_equal(archive.z(step, layer), whole.z(step, layer))
        lost = {3, 4} - set(steps)
        told_kinds = {t.partition(" was not captured: ")[2].partition(":")[0] for t in told}
        assert bool(told) == bool(lost) and len(told) == len(told_kinds), f"{headroom} MiB: {told}"
        refused += len(lost)
        kinds |= told_kinds
    assert refused >= 4 and {3, 4} <= set(open_archive(tmp_path / str(HEADROOMS_MIB[-1])).steps), (
        "some too small, the last large enough"
    )
    assert kinds, "each told once, with its kind"


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads /proc and limits the address space"
)
@pytest.mark.parametrize("when", ["before", "inside"])
def test_memory_refused_in_the_writer_publishes_nothing_of_that_step_and_ends_nothing(
    tmp_path, when
):
    """Below 0.7 MiB the HDF5 library ended the process while it created the file: it is asked for
    room before.
    """
    headrooms = [0, 0.3, 0.5, 1, 3.9, 4.2, 5, 512]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _WRITER, str(tmp_path), json.dumps(headrooms), when],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | _NO_RESERVE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    z = np.arange(1024 * 512, dtype=np.float64).reshape(512, 1024).T
    kinds = []
    for headroom, lost, steps in map(json.loads, done.stdout.splitlines()):
        assert not isinstance(lost, str), f"{headroom} MiB: {lost}"
        assert {step for step, _ in lost} <= {1, 2} and sorted(
            [*steps, *(step for step, _ in lost)]
        ) == [0, 1, 2, 3]
        kinds += [kind for _, kind in lost]
        run = tmp_path / str(headroom)
        assert (
            open_archive(run).steps == tuple(steps)
            and verify(run) == []
            and not list(run.rglob(".tmp-*"))
        )
        assert all(np.array_equal(open_archive(run).z(step, "l"), z) for step in steps)
    assert len(kinds) >= 8 and set(kinds) <= {"MemoryError", "_ArrayMemoryError"} and not lost, (
        kinds
    )
