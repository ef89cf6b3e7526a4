"""The long fault campaign behind docs/reliability.md: kills and errors at every disk call, fuzzing
of the reader, a soak.

python benchmarks/faults.py kills [--scenario NAME] [--mode 0]
python benchmarks/faults.py fuzz --count 1000000 --seed 0
python benchmarks/faults.py soak --captures 2000 --layers 20

`kills` hits every call that changes the disk, of everything that writes, in eight ways.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))


HITS = {
    0: "kill -9 before the call",
    1: "kill -9 in the middle of the call",
    2: "SIGTERM at the call",
    3: "SIGINT at the call",
    5: "EIO",
    28: "ENOSPC",
    1028: "ENOSPC from the call on",
    30: "read-only filesystem",
}


def kills(root: Path, scenarios: list[str], modes: list[int]) -> None:
    """Print, per scenario and kind of fault, how often it was injected; any loss, and any change of
    a training, raises.
    """
    import subprocess

    import test_crash as t

    (root / "shim.c").write_text(t._SHIM)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", root / "shim.so", root / "shim.c", "-ldl"],
        check=True,
    )
    total: Counter[str] = Counter()
    for scenario in scenarios or list(t.SCENARIOS):
        folder = root / scenario.replace(" ", "-")
        server = t.Server(root / "shim.so", folder, warm=(scenario,))
        for mode in modes or list(HITS):
            hits = t.campaign(server, scenario, mode, folder / str(mode))
            total[HITS.get(mode, os.strerror(mode % 1000))] += hits
            print(
                f"{scenario}: {HITS.get(mode, os.strerror(mode % 1000))}: {hits} injections, "
                "nothing reported was lost",
                flush=True,
            )
        server.close()
    for kind, hits in total.items():
        print(f"{kind}: {hits} injections in all")


def fuzz(root: Path, count: int, seed: int) -> None:
    """Print executions, mutants read as intact and right, slowest seconds and peak memory; a wrong
    value, a hang or a crash raises.
    """
    import test_hostile as t

    from infoplane.archive import RunWriter, pack

    with (
        RunWriter.create(
            root / "run", layers=t.LAYERS, x=t.X, y=np.arange(t.N) % 2, durable=False
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write("l", t.Z)
    pack(root / "run", root / "p.h5")
    pack(root / "run", root / "z.h5", compression="gzip")
    done = 0
    intact = 0
    slowest = 0.0
    peak = 0
    started = time.perf_counter()
    while done < count:
        batch = min(20_000, count - done)
        executions, survived, slow, mib = t.fuzz(root, batch, seed + done, keep=True)
        done = done + executions
        intact = intact + survived
        slowest = max(slowest, slow)
        peak = max(peak, mib)
        print(
            f"{done} executions in {time.perf_counter() - started:.0f} s, {intact} read as intact "
            f"and right, slowest {slowest:.3f} s, peak {peak} MiB",
            flush=True,
        )


def _reader(
    path: str,
    stop: multiprocessing.synchronize.Event,
    wrong: multiprocessing.sharedctypes.Synchronized,
) -> None:
    from infoplane.archive import open_archive

    while not stop.is_set():
        archive = open_archive(path, check=False)
        for step in archive.steps[-3:]:
            z = archive.z(step, archive.layers[-1])
            wrong.value += int(z[0, 0] != step)
        time.sleep(0.05)


def _viewer(
    path: str,
    port: int,
    stop: multiprocessing.synchronize.Event,
    seen: multiprocessing.sharedctypes.Synchronized,
) -> None:
    """The live page of the run and one browser of it: every change announced is answered by
    fetching the data.
    """
    import http.client
    import threading

    from infoplane.analysis.live.follow import RunSource
    from infoplane.analysis.live.server import serve

    threading.Thread(
        target=serve, args=(RunSource(path),), kwargs={"port": port}, daemon=True
    ).start()
    while not stop.is_set():
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            link.request("GET", "/data.json")
            seen.value += int(link.getresponse().status == 200)
            link.close()
        except OSError:  # not up yet
            pass
        time.sleep(0.5)


def resident_mib(pid: int | str) -> int:
    """Memory of a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def soak(root: Path, captures: int, layers: int) -> None:
    """Print memory, open files and captures per second by tenth of the run, with two readers and
    the live page attached.
    """
    from infoplane.archive import RunWriter
    from infoplane.types import LayerInfo

    table = [LayerInfo(f"l{i}", i, shape=(16,)) for i in range(layers)]
    x = np.random.default_rng(0).standard_normal((256, 8)).astype(np.float32)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    wrong = context.Value("i", 0)
    seen = context.Value("i", 0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with RunWriter.create(
        root / "run", layers=table, x=x, y=np.arange(256) % 2, durable=False
    ) as writer:
        readers = [
            context.Process(target=_reader, args=(str(root / "run"), stop, wrong)) for _ in range(2)
        ]
        readers.append(context.Process(target=_viewer, args=(str(root / "run"), port, stop, seen)))
        for reader in readers:
            reader.start()
        processes = ["self", *(reader.pid for reader in readers)]
        z = x.repeat(2, axis=1).copy()
        mark = time.perf_counter()
        for step in range(captures):
            z[0, 0] = step
            with writer.step(step, metrics={"loss": 1.0}) as shard:
                for info in table:
                    shard.write(info.name, z)
            if (step + 1) % max(1, captures // 10) == 0:
                resident, *others = [resident_mib(pid) for pid in processes]
                now = time.perf_counter()
                print(
                    f"{step + 1} captures: {resident} MiB resident (readers and page {others}), "
                    f"{len(os.listdir('/proc/self/fd'))} open files, "
                    f"{captures / 10 / (now - mark):.0f} captures/s",
                    flush=True,
                )
                mark = now
        stop.set()
        for reader in readers:
            reader.join()
    codes = [reader.exitcode for reader in readers]
    print(f"readers: exit codes {codes}, {wrong.value} wrong values, {seen.value} pages served")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("campaign", choices=("kills", "fuzz", "soak"))
    parser.add_argument("--scenario", action="append", default=[])
    parser.add_argument("--mode", type=int, action="append", default=[])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--captures", type=int, default=2000)
    parser.add_argument("--layers", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        root = Path(folder)
        if args.campaign == "kills":
            kills(root, args.scenario, args.mode)
        elif args.campaign == "fuzz":
            fuzz(root, args.count, args.seed)
        else:
            soak(root, args.captures, args.layers)


if __name__ == "__main__":
    main()
