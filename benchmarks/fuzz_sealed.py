"""Mutants of planes and of result lines whose checksums and marks are right, used as a user would;
the figures are in docs/reliability.md.

python -m benchmarks.fuzz_sealed --kind plane --count 50000 --seed 1

A mutant is one to three edits of a plane's header or columns, or of a line of results, sealed
again: with the checksum, and with the mark of the user who reads it, so that the line is believed.
It is then read, printed, checked, shown on the live page, and measured on. Anything but our error,
or a number that is not finite, or one beyond log2 of the rows, is a finding.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import random
import resource
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import infoplane as ip
from benchmarks.json_edits import ODD, edit
from infoplane.analysis.live.follow import RunSource
from infoplane.analysis.report.content import page_data
from infoplane.archive import ResultLog, RunWriter, layout
from infoplane.archive.columns import POINTS
from infoplane.archive.publish import LIBVER, put_array, put_meta
from infoplane.errors import InfoplaneError
from infoplane.plane import Plane
from infoplane.types import LayerInfo

ROWS = 16
SPECS = ["exact", "bin:szt"]


def make_run(folder: Path) -> Path:
    """A run of two layers at two steps."""
    z = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    layers = [LayerInfo(name, i, "Linear", (2,)) for i, name in enumerate("ab")]
    with RunWriter.create(
        folder / "run", layers=layers, x=z, y=np.arange(ROWS) % 2, durable=False
    ) as writer:
        for step in (0, 5):
            with writer.step(step, metrics={"loss": 0.5}) as shard:
                shard.write("a", z)
                shard.write("b", np.tanh(z[:, ::-1]))
    return folder / "run"


class PlaneMutants:
    """A plane whose header or columns are edited and sealed again."""

    at_once = 1

    def __init__(self, folder: Path) -> None:
        self.sound = ip.measure(make_run(folder), SPECS).save(folder / "sound.h5")
        self.file = folder / "plane.h5"

    def make(self, rng: random.Random) -> None:
        shutil.copyfile(self.sound, self.file)
        with h5py.File(self.file, "r+", libver=LIBVER) as h5:
            body = json.loads(bytes(h5[layout.META][()]))
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                if rng.random() < 0.4:
                    self._edit_column(h5[POINTS], body, rng)
                else:
                    edit(body, rng)
            body.pop("crc32", None)
            del h5[layout.META]
            put_meta(h5, layout.sealed(body))

    def _edit_column(self, group: h5py.Group, body: Any, rng: random.Random) -> None:  # Any: JSON
        name = rng.choice(list(group))
        values = group[name][()]
        numbers = [v for v in ODD if isinstance(v, (int, float)) and abs(v) < 2**31]
        odd = [*numbers, math.inf, math.nan, -0.5] if values.dtype.kind == "f" else numbers[:-1]
        with contextlib.suppress(ValueError, OverflowError):
            values[rng.randrange(len(values))] = rng.choice(odd)
        if rng.random() < 0.1:
            values = values[: rng.randrange(len(values))]
        del group[name]
        body[POINTS]["arrays"][name] = put_array(group, name, values)

    def use(self) -> None:
        plane = Plane.load(self.file)
        require_sound(plane)
        str(plane), plane.rows(), plane.log2_n
        page_data(plane, ip.check_dpi(plane), title="t")


class LineMutants:
    """Results of a run, each of them edited and written again by the user who reads them."""

    def __init__(self, folder: Path) -> None:
        self.run = make_run(folder)
        ip.measure(self.run, SPECS)
        self.log = ResultLog(self.run)
        self.sound = self.log.path.read_bytes()
        self.records = self.log.read()
        self.at_once = len(self.records)

    def make(self, rng: random.Random) -> None:
        """Write every record once more, edited."""
        self.log.path.write_bytes(self.sound)
        lines = []
        for key, record in self.records.items():
            mutant = json.loads(json.dumps(record))
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                rows = mutant.get("points")
                edit(rows if isinstance(rows, list) and rng.random() < 0.7 else mutant, rng)
            lines.append((rng.choice((key, key, key, "other")), mutant))
        ResultLog(self.run).extend(lines)
        if rng.random() < 0.1:
            text = bytearray(self.log.path.read_bytes())
            text[rng.randrange(len(text))] ^= 1 << rng.randrange(8)
            self.log.path.write_bytes(bytes(text))

    def use(self) -> None:
        shown = RunSource(self.run).plane()
        require_sound(shown)
        page_data(shown, None, title="t")
        plane = ip.measure(self.run, SPECS)
        require_sound(plane)
        for point in plane:
            assert point.estimate.sense == "upper" or point.bits <= math.log2(ROWS) + 1e-6, point
        page_data(plane, ip.check_dpi(plane), title="t")


def require_sound(plane: Plane) -> None:
    """Raise AssertionError for a number that no plane may show."""
    for point in plane:
        assert math.isfinite(point.bits), point


def campaign(mutants: PlaneMutants | LineMutants, count: int, seed: int) -> Iterator[str]:
    """Use so many mutants; yield a line of figures every thousand, and the findings at the end."""
    findings: Counter[str] = Counter()
    examples: dict[str, int] = {}
    refused = 0
    slowest = 0.0
    for done in range(mutants.at_once, count + 1, mutants.at_once):
        rng = random.Random(seed * 10**9 + done)
        while True:
            with contextlib.suppress(Exception):  # an edit that cannot be written is drawn again
                mutants.make(rng)
                break
        began = time.process_time()
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                mutants.use()
        except InfoplaneError:
            refused += 1
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = (
                f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: "
                f"{str(error)[:90]}"
            )
            findings[place] += 1
            examples.setdefault(place, done)
        slowest = max(slowest, time.process_time() - began)
        if done % 1000 == 0 or done + mutants.at_once > count:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            yield (
                f"{done} mutants in {time.process_time():.0f} s of processor, {refused} refused, "
                f"{sum(findings.values())} findings of {len(findings)} kinds, slowest "
                f"{slowest:.2f} s, peak {peak} MiB"
            )
    for place, times in findings.most_common():
        yield f"{times} x {place} (mutant {examples[place]})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=("plane", "results"), required=True)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        kind = PlaneMutants if args.kind == "plane" else LineMutants
        for line in campaign(kind(Path(folder)), args.count, args.seed):
            print(line, flush=True)


if __name__ == "__main__":
    main()
