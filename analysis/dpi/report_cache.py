"""A judgement that was made before is read, not made again.

Reports of the DPI check, kept in the user's cache folder.

Kept with the user and not with the run: a run may come from anyone, and a verdict in it would be
the word of whoever wrote it.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import asdict, fields
from operator import itemgetter
from pathlib import Path

import numpy as np

import infoplane
from infoplane.analysis.dpi.certificate import with_newest_chain
from infoplane.analysis.dpi.evidence import archive_of
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.estimators.spec import FAMILIES, prefix_of
from infoplane.archive import Archive
from infoplane.archive.layout import raw_bytes
from infoplane.archive.places import user_cache as cache_folder
from infoplane.archive.publish import make_folder, publishing
from infoplane.columns import objects_of
from infoplane.errors import InfoplaneError
from infoplane.plane import Plane
from infoplane.types import DPIReport, Episode, Finding

KEPT, KEPT_BYTES = 256, 1 << 28
"""Reports kept, and how many bytes of them; the ones written first go first."""


def read_report(path: Path | None) -> DPIReport | None:
    """Return a kept report; None where there is none that can be read."""
    if path is None:
        return None
    try:
        body = json.loads(gzip.decompress(path.read_bytes()))
        findings = tuple(objects_of(Finding, body["findings"]))
        episodes = tuple(objects_of(Episode, body["episodes"]))
        limits = tuple(body["limits"])
        return DPIReport(body["checked"], findings, episodes, body["counts"], limits)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return None


def report_path(plane: Plane, archive: Archive | None, settings: DPISettings) -> Path | None:
    """Return where the report of this plane is kept, by what the run's files are now.

    None for no place.

    Args:
        plane: what is judged.
        archive: the run behind it; None to look for it.
        settings: how it is judged.
    """
    folder = cache_folder()
    # whether a plug-in has changed cannot be seen
    ours = all(prefix_of(spec) in FAMILIES for spec in plane.estimators)
    if folder is None or not ours:
        return None
    archive = archive or archive_of(plane, [], check=False)
    if archive is None:
        return None
    try:
        return folder / f"check-{_key(plane, archive, settings)}.json.gz"
    # a shard that cannot be read: what is judged without it is not kept
    except (InfoplaneError, OSError):
        return None


def judging_code() -> list[Path]:
    """Return every source file that a verdict may depend on.

    All of `infoplane` but what touches a live model.
    """
    package = Path(infoplane.__file__).parent
    rooms = [package / "analysis", package / "archive", package / "types"]
    files = [*package.glob("*.py")]
    for room in rooms:
        files += room.resolve().rglob("*.py")  # `analysis` is a link where the code is developed
    return sorted(files)


def _key(plane: Plane, archive: Archive, settings: DPISettings) -> str:
    """Return digest of everything a report depends on.

    The metrics of training are not judged, and when and where the plane was made does not matter.
    """
    code = []
    for path in judging_code():
        status = path.stat()
        code.append((str(path), status.st_size, status.st_mtime_ns))
    there = set(archive.steps)
    stored = [(step, archive.stamp(step)) for step in plane.steps if step in there]
    newest = with_newest_chain(plane, archive).chain
    chains = [None if chain is None else chain.to_dict() for chain in (plane.chain, newest)]
    columns, texts = plane.columns
    parts = (
        [code, np.__version__, os.environ.get("INFOPLANE_DEVICE"), asdict(settings)],
        [archive.run_uuid, archive.header.get("probe_sha256"), archive.header.get("crc32"), stored],
        [
            plane.layers,
            plane.n,
            plane.h_y_bits,
            plane.h_x_bits,
            asdict(plane.row_info),
            dict(plane.reductions),
            [asdict(failure) for failure in plane.failures],
        ],
        chains,
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


def _columns(kind: type, listed: Sequence[object]) -> dict[str, list[object]]:
    """Return one list per field.

    Half of the time that an object for each takes, written and read.
    """
    states = [vars(one) for one in listed]
    return {field.name: list(map(itemgetter(field.name), states)) for field in fields(kind)}


def store_report(report: DPIReport, path: Path | None) -> None:
    """Keep a report where it may be kept, whole or not at all.

    The oldest are removed beyond `KEPT` and `KEPT_BYTES`. A full disk or a home that is not ours
    only means judging again.
    """
    if path is None:
        return
    body = {
        "checked": report.checked,
        "findings": _columns(Finding, report.findings),
        "episodes": _columns(Episode, report.episodes),
        "counts": dict(report.counts),
        "limits": report.limits,
    }
    with contextlib.suppress(OSError):
        make_folder(path.parent)
        with publishing(path, durable=False, replace=True) as sink:
            sink.write(gzip.compress(json.dumps(body, default=_plain).encode(), 1))
        reports = [(file.stat(), file) for file in path.parent.glob("check-*")]
        reports.sort(key=lambda report: report[0].st_mtime, reverse=True)
        left = KEPT_BYTES
        for rank, (status, old) in enumerate(reports):
            left -= status.st_size
            if rank and (rank >= KEPT or left < 0):
                old.unlink(missing_ok=True)
