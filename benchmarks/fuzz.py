"""Coverage-guided fuzzing of everything that reads a file, with atheris (``pip install atheris``);
the figures are in docs/reliability.md.

PROCESSOR_SECONDS=3600 python -m benchmarks.fuzz CORPUS -timeout=600 -rss_limit_mb=2048

The options are those of libFuzzer.

An input is one byte that says which file of a run it replaces, and the file. Half of the mutants
are edited as bytes, half as JSON whose checksum is made right again, as an enemy who knows the
format would. Seeds exist in the structures that we write (checksummed) and in HDF5's earliest (not
checksummed), so that edits reach deep into the library. Anything but our error or the right data is
a finding: libFuzzer stops and keeps the input.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(
    include=["infoplane.archive", "infoplane.types", "infoplane.plane"]
):
    from infoplane import archive
    from infoplane.archive import layout
    from infoplane.archive.planes import is_plane

import numpy as np

from benchmarks.json_edits import edit
from infoplane.errors import ArchiveError, InputError
from infoplane.plane import Plane, Point
from infoplane.types import Chain, Estimate, LayerInfo

N = 16
Z = np.random.default_rng(0).standard_normal((N, 3)).astype(np.float32)
CHAIN = Chain(("l", "m"), (("cut", "cut"), ("no-path", "cut")), rows=N)


def make_run(root: Path) -> dict[str, Path]:
    """A run, its packed forms and a plane; the name of each file's kind and its path."""
    from infoplane.archive import publish

    layers = [LayerInfo("l", 0, shape=(3,)), LayerInfo("m", 1, shape=(), reduction="gap")]
    x = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
    made = {}
    for version in (publish.LIBVER, ("earliest", "v108")):
        publish.LIBVER = version  # type: ignore[assignment]  # only here: our writers never do this
        old = version[0] == "earliest"
        run = root / ("old" if old else "run")
        with archive.RunWriter.create(
            run,
            layers=layers,
            x=x,
            y=np.arange(N) % 2,
            split=["train"] * N,
            chain=CHAIN,
            durable=False,
        ) as writer:
            for step in (3,):
                with writer.step(step, metrics={"loss": float("nan")}) as shard:
                    shard.write("l", Z + step)
                    shard.write("m", Z[:, 0], row_digests=np.zeros((N, 2), np.uint64))
                    shard.attach("extra", {"a": 1})
        archive.pack(run, run.with_suffix(".h5"))
        archive.pack(run, run.with_name(run.name + "-z.h5"), compression="gzip")
        points = (Point(0, "l", "i_xz", Estimate(1.0, N, "exact", "exact", notes=("a",))),)
        archive.save_plane(
            Plane(points, ("l", "m"), N, chain=CHAIN), run.with_name(run.name + "-plane.h5")
        )
        mark = "old-" if old else ""
        made |= {
            f"{mark}shard": sorted((run / "ckpt").glob("0*.h5"))[0],
            f"{mark}probe": run / "probe.h5",
            f"{mark}packed": run.with_suffix(".h5"),
        }
        made |= {
            f"{mark}zipped": run.with_name(run.name + "-z.h5"),
            f"{mark}plane": run.with_name(run.name + "-plane.h5"),
        }
    archive.ResultLog(root / "run").append("k", {"bits": 1.0})
    made |= {"run": root / "run/run.json", "results": root / "run/planes/results.jsonl"}
    return made


class Target:
    """Reads one mutant through every door and holds what comes back against the truth."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = make_run(root)
        self.kinds = list(self.files)
        self.good = {kind: path.read_bytes() for kind, path in self.files.items()}
        self.read = self.executions = 0
        self.slowest = 0.0

    def seeds(self) -> list[bytes]:
        return [bytes([i]) + self.good[kind] for i, kind in enumerate(self.kinds)]

    def __call__(self, data: bytes) -> None:
        if not data:
            return
        kind = self.kinds[data[0] % len(self.kinds)]
        path = self.files[kind]
        self._end_when_time_is_up()
        path.write_bytes(data[1:])
        began = time.process_time()
        for door in self._doors(kind, path):
            with contextlib.suppress(ArchiveError, InputError):
                door()
        took = time.process_time() - began
        self.executions = self.executions + 1
        self.slowest = max(self.slowest, took)
        if took > 10:
            raise AssertionError(f"{kind}: {took:.0f} s of computing for {len(data)} bytes")
        if path.read_bytes() != data[1:]:
            raise AssertionError(f"{kind}: reading changed the file")
        path.write_bytes(self.good[kind])
        if self.executions % 1000 == 0:
            print(self.report(), flush=True)

    def _end_when_time_is_up(self) -> None:
        if time.process_time() > float(os.environ.get("PROCESSOR_SECONDS", "inf")):
            print(self.report(), flush=True)
            shutil.rmtree(self.root, ignore_errors=True)
            os._exit(0)  # libFuzzer knows wall time only

    def report(self) -> str:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        return (
            f"{self.executions} executions in {time.process_time():.0f} s of processor time, "
            f"{self.read} read as intact and right, slowest {self.slowest:.2f} s, peak {peak} MiB"
        )

    def _doors(self, kind: str, path: Path) -> list[Any]:  # Any: thunks
        if kind.endswith("plane"):
            return [lambda: archive.load_plane(path), lambda: is_plane(path)]
        if kind == "results":
            return [lambda: archive.ResultLog(self.root / "run").read()]
        run = (
            path
            if path.parent == self.root
            else self.root / ("old" if kind.startswith("old") else "run")
        )
        return [lambda: self._whole(run), lambda: archive.verify(run), lambda: is_plane(path)]

    def _whole(self, path: Path) -> None:
        found = archive.open_archive(path)
        for step, layer in found:
            if not np.array_equal(found.z(step, layer), Z + step if layer == "l" else Z[:, 0]):
                raise AssertionError(f"wrong value of {layer} at {step} without an error")
            found.row_digests(step, layer)
            list(found.chunks(step, layer, 5))
        _ = (
            found.x,
            found.y,
            found.row_ids,
            found.split,
            found.chain,
            found.digest,
            found.metrics,
            repr(found),
            found._repr_html_(),
        )
        self.read += 1


def reseal(data: bytes, rng: random.Random) -> bytes:
    """The mutant with one of its sealed JSON texts edited and sealed again; inside HDF5 at the same
    length.
    """
    starts = [found.start() for found in re.finditer(rb'\{"format": ', data)]
    if not starts:
        return data
    start = rng.choice(starts)
    depth = 0
    end = 0
    for end in range(start, len(data)):
        depth += (data[end] == ord("{")) - (data[end] == ord("}"))
        if depth == 0:
            break
    try:
        body = json.loads(data[start : end + 1])
        edit(body, rng)
        body.pop("crc32", None)
        text = layout.sealed(body).encode()
    except (ValueError, InputError, RecursionError, TypeError, AttributeError):
        return data
    room = end + 1 - start
    if start == 1:
        return data[:1] + text
    return (
        data
        if len(text) > room
        else data[:start] + text[:-1] + b" " * (room - len(text)) + b"}" + data[end + 1 :]
    )


def mutate(data: bytes, max_size: int, seed: int, fresh: list[bytes]) -> bytes:
    """One mutant; every third starts from an intact file, so that edits meet whole structures and
    not only the remains of earlier ones.
    """
    rng = random.Random(seed)
    if rng.random() < 0.3:
        data = rng.choice(fresh)
    if rng.random() < 0.5:
        data = reseal(data, rng)
        if rng.random() < 0.7:
            return data
    return bytes(atheris.Mutate(data, max_size))


def main() -> None:
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    try:
        target = Target(root)
        seeds = target.seeds()
        for i, seed in enumerate(seeds):
            (corpus / f"seed-{i:02d}").write_bytes(seed)
            target(seed)
        size = max(len(s) for s in seeds) + 512
        options = [sys.argv[0], str(corpus), f"-max_len={size}", "-len_control=0", *sys.argv[2:]]
        atheris.Setup(
            options, target, custom_mutator=lambda data, most, seed: mutate(data, most, seed, seeds)
        )
        atheris.Fuzz()
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
