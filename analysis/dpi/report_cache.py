"""A judgement that was made before is read, not made again: reports of the DPI check, kept in the user's cache folder.

Kept with the user and not with the run: a run may come from anyone, and a verdict in it would be the word of whoever wrote it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import math
import os
import time
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, fields, replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import infoplane
from infoplane.analysis.dpi.certificate import with_newest_chain
from infoplane.analysis.dpi.check import judge
from infoplane.analysis.dpi.evidence import archive_of
from infoplane.analysis.estimators.spec import FAMILIES, prefix_of
from infoplane.archive.columns import objects_of
from infoplane.archive.layout import raw_bytes
from infoplane.archive.places import user_cache as cache_folder
from infoplane.archive.publish import make_folder, publishing
from infoplane.cores import begun
from infoplane.errors import InfoplaneError
from infoplane.plane import Plane
from infoplane.types import VERDICTS, DPIReport, Episode, Finding, Verdict

if TYPE_CHECKING:
    from infoplane.archive import Archive

KEPT, KEPT_BYTES = 256, 1 << 28
"""Reports kept, and how many bytes of them; the ones written first go first."""


def kept_check(
    plane: Plane,
    *,
    archive: Archive | None = None,
    alpha: float = 0.05,
    permutations: int = 1999,
    splits: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> DPIReport:
    """What `check_dpi` says, read where the same was asked before: resampling a plane of dozens of excesses takes seconds.

    The same: every number of the plane, the files that hold the activations behind it (their names, sizes and times of change), the settings, and this very
    code. What has changed is judged again; without the archive nothing is resampled, and nothing kept, nor are judgements on estimators of other packages.

    Raises:
        InputError: as `check_dpi`.
    """
    settings: dict[str, Any] = {
        "alpha": alpha,
        "permutations": permutations,
        "splits": splits,
        "seed": seed,
    }  # Any: three ints and a float
    place = place_of(plane, archive, settings)
    report = _read(place, VERDICTS)
    return (
        keep(judge(plane, archive=archive, progress=progress, **settings), place)
        if report is None
        else report
    )


def check_begun(
    plane: Plane, *, wanted: Collection[Verdict] = VERDICTS, progress: bool = False
) -> Callable[[], DPIReport]:
    """What `kept_check` says, with the findings of a ``wanted`` verdict only, since tens of thousands take a tenth of a second to hand over or to read.

    It is a function that waits for it: a judgement that is not kept is made by another process meanwhile, see `begun`.
    """
    place = place_of(plane, None, _USUAL)
    report = _read(place, wanted)
    if report is not None:
        return lambda: report

    def judged() -> tuple[DPIReport, Callable[[], object]]:
        full = judge(plane, archive=None, progress=progress, **_USUAL)
        return replace(full, findings=full.of(*wanted)), lambda: keep(full, place)

    return begun(judged)


_USUAL: dict[str, Any] = {
    "alpha": 0.05,
    "permutations": 1999,
    "splits": 5,
    "seed": 0,
}  # Any: three ints and a float
"""Settings of a judgement that nobody asked to be otherwise."""
AHEAD_SECONDS = 5.0
"""How long a plane is judged ahead, for whoever checks or draws it later, unless told to."""


def judge_ahead(plane: Plane, *, always: bool = False) -> None:
    """Judge a plane, under the settings that `kept_check` has of itself, where the report would be kept and is not there.

    Given up after `AHEAD_SECONDS` (and the estimate of one layer that is being made then), and left to whoever asks where judging fails, unless ``always``.
    """
    place = place_of(plane, None, _USUAL)
    if place is None or place.exists():
        return
    until = math.inf if always else time.monotonic() + AHEAD_SECONDS
    try:
        keep(judge(plane, archive=None, **_USUAL, progress=always, until=until), place)
    except Exception:  # out of time, or whoever asks is told what fails
        if always:
            raise


def keep(report: DPIReport, place: Path | None) -> DPIReport:
    """Keep what was judged for `kept_check`, where it may be kept; the report."""
    if place is not None:
        with contextlib.suppress(
            OSError
        ):  # a full disk or a home that is not ours: judged again next time
            _write(place, report)
    return report


def place_of(plane: Plane, archive: Archive | None, settings: Mapping[str, float]) -> Path | None:
    """Where the report of this plane is kept, by what the run's files are now; None for no place."""
    folder = cache_folder()
    ours = all(
        prefix_of(spec) in FAMILIES for spec in plane.estimators
    )  # whether a plug-in has changed cannot be seen
    if (
        folder is None
        or not ours
        or (archive := archive or archive_of(plane, [], check=False)) is None
    ):
        return None
    try:
        return folder / f"check-{_key(plane, archive, settings)}.json.gz"
    except (
        InfoplaneError,
        OSError,
    ):  # a shard that cannot be read: what is judged without it is not kept
        return None


def _key(plane: Plane, archive: Archive, settings: Mapping[str, float]) -> str:
    """Digest of everything a report depends on. The metrics of training are not judged, and when and where the plane was made does not matter."""
    files = [
        *Path(__file__).resolve().parent.rglob("*.py"),
        *Path(infoplane.__file__).resolve().parent.glob("*.py"),
    ]
    code = sorted((p.name, (s := p.stat()).st_size, s.st_mtime_ns) for p in files)
    there = set(archive.steps)
    stored = [(s, archive.stamp(s)) for s in plane.steps if s in there]
    columns, texts = plane.columns
    parts = (
        [code, np.__version__, os.environ.get("INFOPLANE_DEVICE"), settings],
        [archive.run_uuid, archive.header.get("probe_sha256"), archive.header.get("crc32"), stored],
        [
            plane.layers,
            plane.n,
            plane.h_y_bits,
            plane.h_x_bits,
            dict(plane.reductions),
            [asdict(f) for f in plane.failures],
        ],
        [
            None if chain is None else chain.to_dict()
            for chain in (plane.chain, with_newest_chain(plane, archive).chain)
        ],
        [texts, [[key, column.dtype.str, len(column)] for key, column in columns.items()]],
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(part, default=_plain).encode())
    for column in columns.values():
        digest.update(raw_bytes(column))
    return digest.hexdigest()[:32]


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def _read(place: Path | None, wanted: Collection[Verdict]) -> DPIReport | None:
    """A kept report with the findings of these verdicts; None where there is none that can be read."""
    if place is None:
        return None
    try:
        d = json.loads(gzip.decompress(place.read_bytes()))
        keep = [verdict in wanted for verdict in d["findings"]["verdict"]]
        findings = objects_of(
            Finding, {key: list(compress(column, keep)) for key, column in d["findings"].items()}
        )
        episodes = objects_of(Episode, d["episodes"])
        return DPIReport(
            d["checked"], tuple(findings), tuple(episodes), d["counts"], tuple(d["limits"])
        )
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return None


def _columns(kind: type, listed: Sequence[object]) -> dict[str, list[object]]:
    """One list per field: half of the time that an object for each takes, written and read."""
    states = [vars(one) for one in listed]
    return {name: [state[name] for state in states] for name in (f.name for f in fields(kind))}


def _write(path: Path, report: DPIReport) -> None:
    """Whole or not at all, and the oldest removed beyond `KEPT` and `KEPT_BYTES`."""
    body = {
        "checked": report.checked, "findings": _columns(Finding, report.findings), "episodes": _columns(Episode, report.episodes),
        "counts": dict(report.counts), "limits": report.limits,
    }  # fmt: skip
    make_folder(path.parent)
    with publishing(path, durable=False, replace=True) as sink:
        sink.write(gzip.compress(json.dumps(body, default=_plain).encode(), 1))
    left = KEPT_BYTES
    for k, (_, size, old) in enumerate(
        sorted(((s := p.stat()).st_mtime, s.st_size, p) for p in path.parent.glob("check-*"))[::-1]
    ):
        left -= size
        if k and (k >= KEPT or left < 0):
            old.unlink(missing_ok=True)
