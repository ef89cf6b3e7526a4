"""What a command is about: the planes behind paths, and everything that can be judged about the run behind a plane."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infoplane.analysis.report import Judged
    from infoplane.analysis.studies.compare import Pooled
    from infoplane.archive import Archive
    from infoplane.plane import Plane


RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run", help="Of a plane: the run behind it, where it does not lie beside the file."
    ),
]


def plane_target(archive: Archive) -> Path:
    """Where the plane of a run goes when nobody says: into it or beside it, else to the user's cache.

    Raises:
        ArchiveError: neither may be written to.
    """
    from infoplane.archive.places import borrowed_folder, may_write
    from infoplane.errors import ArchiveError

    run = archive.path
    beside = run / "plane.h5" if run.is_dir() else run.with_name(run.stem + "-plane.h5")
    if may_write(beside):
        return beside
    folder = borrowed_folder(run, archive.run_uuid)
    if folder is None:
        raise ArchiveError(f"{run} may not be written to; say where the plane goes by --output")
    return folder / "plane.h5"


def tell_read_only(archive: Archive) -> None:
    """Say where results go that cannot go into the run."""
    from infoplane.archive.layout import PLANE_DIR
    from infoplane.archive.places import borrowed_folder, may_write
    from infoplane.types import printable

    run = archive.path
    if not run.is_dir() or may_write(run / PLANE_DIR):
        return
    folder = borrowed_folder(run, archive.run_uuid)
    where = "are not remembered (INFOPLANE_CACHE is empty)" if folder is None else f"go to {folder}"
    print(printable(f"{run} may not be written to: results {where}", 600), file=sys.stderr)


def plane_of(
    subject: Path,
    estimators: Sequence[str] = ("bin:szt", "kde:variance=0.001", "exact"),
    *,
    run: Path | None = None,
) -> Plane:
    """The plane in a file; of a run the plane.h5 inside it, else one measured now."""
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    if is_plane(subject):
        return Plane.load(subject, run=run)
    if subject.is_dir() and is_plane(subject / "plane.h5"):
        return Plane.load(subject / "plane.h5", run=subject)
    from infoplane.analysis.measuring.measure import measure
    from infoplane.archive import open_archive

    archive = open_archive(subject)
    tell_read_only(archive)
    return measure(archive, list(estimators), progress=True)


def named_planes(paths: Sequence[Path], estimator: str, workers: int = 1) -> dict[str, Plane]:
    """Planes by a name that tells runs apart: ``a/run`` and ``b/run`` keep their folders."""
    from infoplane.analysis.measuring.measure import measure
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    named: dict[str, Plane] = {}
    for path in paths:
        name = path.parent.name + "/" + path.stem if path.stem in ("run", "plane") else path.stem
        name = name if name not in named else f"{name} ({len(named) + 1})"
        named[name] = (
            Plane.load(path)
            if is_plane(path)
            else measure(path, estimator, workers=workers, progress=True)
        )
    return named


def judge_all(plane: Plane, subject: Path, *, full: bool, against: Sequence[Path]) -> Judged:
    """The further sections of a report: phases, sensitivity and mechanism of the run behind the plane, and other runs beside it.

    Raises:
        InputError: ``full`` is asked for and the run behind the plane is not where it was.
    """
    from infoplane.analysis.report import Judged

    pooled: Sequence[Pooled] = ()
    if against:
        from infoplane.analysis.studies.compare import pool

        spec = plane.estimators[0]
        pooled = pool({"this run": plane, **named_planes(against, spec)}, estimator=spec)
    if not full:
        return Judged(pooled=pooled)
    from infoplane.analysis.studies.mechanism import mechanism
    from infoplane.analysis.studies.phases import phases as judge
    from infoplane.analysis.studies.sensitivity import sensitivity as vary
    from infoplane.archive import open_archive
    from infoplane.archive.planes import is_plane
    from infoplane.errors import InputError

    run = plane.run_path if is_plane(subject) else subject
    if run is None or not run.exists():
        raise InputError(
            "--full needs the run behind the plane, which does not lie beside its file; say where it is: --run RUN"
        )
    archive = open_archive(run)
    return Judged(
        judge(archive, progress=True), vary(archive, progress=True), mechanism(archive), pooled
    )
