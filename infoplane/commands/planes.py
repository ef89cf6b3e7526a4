"""The plane that a command speaks of.

The one in the run where it is up to date, else one measured now; said on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.commands.options import refuse_together
from infoplane.commands.subjects import is_plane_at, open_run, tell_read_only
from infoplane.display.say import say
from infoplane.errors import ArchiveError, ArchiveExists, InputError
from infoplane.patterns import did_you_mean
from infoplane.types import printable

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

ASKED = "asked"
"""Key of a plane's provenance: the options of `infoplane measure` that it was made with."""


def plane_of(
    subject: Path,
    estimators: Sequence[str] | None = None,
    *,
    run: Path | None = None,
    workers: int = 1,
    doing: str = "drawn",
) -> Plane:
    """Return the plane that commands speak of when this path is named.

    For a plane's file that plane, for a run its ``plane.h5`` where that has the run's checkpoints,
    else one measured now.

    Args:
        subject: a run, a packed run, or a plane.
        estimators: only these. Of a plane they must be in it; of a run they are measured.
        run: of a plane: where its run lies.
        workers: threads for measuring.
        doing: what is said of the plane: ``judged`` or ``drawn``.

    Raises:
        InputError: an estimator that the plane has not.
    """
    from infoplane.analysis.measuring.measure import measure
    from infoplane.plane import Plane

    if is_plane_at(subject):
        refuse_together(f"{subject} is measured already", workers=workers > 1)
        return of_estimators(Plane.load(subject, run=run), estimators)
    archive = open_run(subject, run=run)
    stored = None if estimators else stored_plane(archive)
    if stored is None:
        tell_read_only(archive)
        return measure(archive, estimators or None, workers=workers, progress=True)
    specs = printable(", ".join(stored.estimators), 300)
    say(f"{doing}: {stored.file}, measured by {specs}", file=sys.stderr)
    return stored


def of_estimators(plane: Plane, estimators: Sequence[str] | None) -> Plane:
    """Return the plane with these estimators alone; all of them where none is named.

    Raises:
        InputError: one that the plane has not.
    """
    if not estimators:
        return plane
    for spec in estimators:
        if spec not in plane.estimators:
            raise InputError(
                f"the plane has no {spec!r}; it has {', '.join(plane.estimators)}; "
                f"measure the run by it to get another plane{did_you_mean(spec, plane.estimators)}"
            )
    return plane.select(estimator=list(estimators))


def first_below_ceiling(plane: Plane) -> str | None:
    """Return the first estimator most of whose layers are below their ceiling at the end.

    None where none is.
    """
    for spec in plane.estimators:
        last = plane.select(estimator=spec, quantity="i_xz", step=plane.steps[-1])
        saturated = sum(point.estimate.saturated for point in last)
        if len(last) and 2 * saturated <= len(last):
            return spec
    return None


def stored_plane(archive: Archive) -> Plane | None:
    """Return the plane in or beside a run.

    Where it is of the very checkpoints that the run has now.
    """
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    file = _plane_file(archive.path)
    if not is_plane(file):
        return None
    plane = Plane.load(file, run=archive.path)
    if plane.provenance.get("digest") == archive.digest and plane.points:
        return plane
    say(f"{file} is not of the checkpoints that the run has now: measured anew", file=sys.stderr)
    return None


def plane_target(archive: Archive) -> Path:
    """Where the plane of a run goes when nobody says.

    Into it or beside it, else to the user's cache.

    Raises:
        ArchiveError: neither may be written to.
    """
    from infoplane.archive.places import borrowed_folder, may_write

    run = archive.path
    beside = _plane_file(run)
    if may_write(beside):
        return beside
    folder = borrowed_folder(run, archive.run_uuid)
    if folder is None:
        raise ArchiveError(f"{run} may not be written to; say where the plane goes by --output")
    return folder / "plane.h5"


def _plane_file(run: Path) -> Path:
    return run / "plane.h5" if run.is_dir() else run.with_name(run.stem + "-plane.h5")


def asked_by(plane: Plane, options: str) -> Plane:
    """Return the plane with the options that it was asked for by."""
    return replace(plane, provenance={**plane.provenance, ASKED: options})


def refuse_to_replace(target: Path, options: str) -> None:
    """Refuse to write over anything but a plane of this run made by the same options.

    Raises:
        ArchiveExists: something else is there; says how it may be replaced.
    """
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    if not target.exists():
        return
    way_on = "--overwrite replaces it, -o FILE writes another one"
    if not target.is_file() or not is_plane(target):
        raise ArchiveExists(f"{target} is there and is no plane; give another -o FILE")
    plane = Plane.load(target)
    if plane.provenance.get(ASKED) != options:
        specs = printable(", ".join(plane.estimators), 200)
        raise ArchiveExists(
            f"{target} holds a plane that was asked for otherwise ({specs}); {way_on}"
        )


def named_planes(
    paths: Sequence[Path], estimator: str | None, workers: int = 1
) -> tuple[dict[str, Plane], str]:
    """Return planes by a name that tells runs apart, and their estimator.

    ``a/run`` and ``b/run`` keep their folders.

    Args:
        paths: runs or planes.
        estimator: spec; None for the first that the planes at hand share, else one that can answer
            on the first run.
        workers: threads for measuring.

    Raises:
        InputError: planes without an estimator in common.
    """
    from infoplane.analysis.measuring.measure import measure

    at_hand = [_at_hand(path) for path in paths]
    spec = estimator or _shared_estimator(paths, at_hand)
    for path, plane in zip(paths, at_hand, strict=True):
        if plane is not None and is_plane_at(path):
            of_estimators(plane, [spec])
    named: dict[str, Plane] = {}
    for path, known in zip(paths, at_hand, strict=True):
        name = path.parent.name + "/" + path.stem if path.stem in ("run", "plane") else path.stem
        name = name if name not in named else f"{name} ({len(named) + 1})"
        if known is None or (spec not in known.estimators and not is_plane_at(path)):
            plane = measure(open_run(path), spec, workers=workers, progress=True)
        else:
            plane = known
        named[name] = of_estimators(plane, [spec])
    return named, spec


def _at_hand(path: Path) -> Plane | None:
    from infoplane.plane import Plane

    return Plane.load(path) if is_plane_at(path) else stored_plane(open_run(path))


def _shared_estimator(paths: Sequence[Path], at_hand: Sequence[Plane | None]) -> str:
    """Return the first estimator of all planes at hand, or one that can answer on the first run."""
    from infoplane.analysis.measuring.measure import say_choice

    planes = [plane for plane in at_hand if plane is not None]
    if not planes:
        return say_choice(open_run(paths[0])).specs[0]
    shared = [s for s in planes[0].estimators if all(s in p.estimators for p in planes)]
    if not shared:
        have = "; ".join(", ".join(p.estimators) for p in planes)
        raise InputError(f"the planes share no estimator ({have}); name one to measure: -e SPEC")
    return shared[0]
