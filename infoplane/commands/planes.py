"""The plane that a command uses: the one stored with the run if up to date, else measured now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.commands.options import refuse_together
from infoplane.commands.subjects import is_plane_at, open_run, tell_read_only
from infoplane.display.terminal import say
from infoplane.errors import ArchiveError, ArchiveExists, InputError, SpecError
from infoplane.patterns import did_you_mean
from infoplane.types import printable

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane

OPTIONS = "measure options"
"""Key of a plane's provenance: the options of `infoplane measure` that made it."""
FIRST_OPTIONS = "asked"
"""The same in planes stored before the key had a name that says what it holds."""


def plane_of(
    subject: Path,
    estimators: Sequence[str] | None = None,
    *,
    run: Path | None = None,
    workers: int = 1,
    doing: str = "drawn",
    needed: str = "",
) -> Plane:
    """Return the plane at a path.

    A plane's file is loaded. For a run it is ``plane.h5``, if that has the run's checkpoints; else
    the run is measured.

    Args:
        subject: a run, a packed run, or a plane.
        estimators: only these. A plane must have them; a run is measured by them.
        run: for a plane: its run.
        workers: threads for measuring.
        doing: verb of the message that names the stored plane, such as ``drawn``.
        needed: a spec without which the run is not measured; empty for none.

    Raises:
        InputError: an estimator that the plane does not have, or the one that is needed.
    """
    from infoplane.analysis.measuring.measure import measure
    from infoplane.plane import Plane

    if is_plane_at(subject):
        refuse_together(f"{subject} is measured already", workers=workers > 1)
        return of_estimators(Plane.load(subject, run=run), estimators)
    archive = open_run(subject, run=run)
    stored = None if estimators else stored_plane(archive)
    if stored is None:
        specs = _chosen_with(archive, needed) if needed else estimators or None
        tell_read_only(archive)
        return measure(archive, specs, workers=workers, progress=True)
    names = printable(", ".join(stored.estimators), 300)
    say(f"{doing}: {stored.file}, measured by {names}", file=sys.stderr)
    return stored


def _chosen_with(archive: Archive, needed: str) -> Sequence[str]:
    """Return the estimators chosen for a run.

    Raises:
        InputError: the one that is needed is not among them; with the command that measures it.
        SpecError: it is no estimator.
    """
    from infoplane.analysis.estimators.spec import parse
    from infoplane.analysis.measuring.measure import say_choice

    parse(needed)
    chosen = say_choice(archive).specs
    if full_spec(needed) not in map(full_spec, chosen):
        raise InputError(
            f"{archive.path} is not measured by {needed!r}; measure it first: infoplane measure "
            f"{archive.path} -e {needed}"
        )
    return chosen


def of_estimators(plane: Plane, estimators: Sequence[str] | None) -> Plane:
    """Return the plane with only these estimators; with all where none is named.

    Raises:
        InputError: one that the plane does not have.
    """
    if not estimators:
        return plane
    return plane.select(estimator=[spec_in(plane, spec) for spec in estimators])


def spec_in(plane: Plane, spec: str) -> str:
    """Return the spec of an estimator as the plane has it.

    Raises:
        InputError: the plane does not have it.
    """
    full = spec if spec in plane.estimators else full_spec(spec)
    if full not in plane.estimators:
        raise InputError(
            f"the plane has no {spec!r}; it has {', '.join(plane.estimators)}; measure the run "
            f"with -e {spec} to get it{_command_for(plane, spec)}"
            f"{did_you_mean(spec, plane.estimators)}"
        )
    return full


def _command_for(plane: Plane, spec: str) -> str:
    """Return the command that measures one more estimator; nothing for what is no spec."""
    from infoplane.analysis.estimators.spec import parse

    try:
        parse(spec)
    except SpecError:
        return ""
    run = plane.run_path
    usual = None if run is None else _plane_file(run).resolve()
    elsewhere = plane.file is not None and plane.file.resolve() != usual
    place = f"-o {plane.file}" if elsewhere else "--overwrite"
    specs = " ".join(f"-e {name}" for name in (*plane.estimators, spec))
    return f": infoplane measure {run or 'RUN'} {specs} {place}"


def full_spec(spec: str) -> str:
    """Return a spec as planes write it: `knn` is ``knn:k=5``. What is no spec stays as it is."""
    from infoplane.analysis.estimators.spec import parse

    try:
        return str(parse(spec))
    except SpecError:
        return spec


def first_below_ceiling(plane: Plane) -> str | None:
    """Return the first estimator with most layers below their ceiling at the end, or None."""
    for spec in plane.estimators:
        last = plane.select(estimator=spec, quantity="i_xz", step=plane.steps[-1])
        saturated = sum(point.estimate.saturated for point in last)
        if len(last) and 2 * saturated <= len(last):
            return spec
    return None


def stored_plane(archive: Archive) -> Plane | None:
    """Return the plane stored with a run; None where its checkpoints are not those of the run."""
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    file = _plane_file(archive.path)
    if not is_plane(file):
        return None
    plane = Plane.load(file, run=archive.path)
    if plane.provenance.get("digest") == archive.digest and plane.points:
        return plane
    say(f"{file} has other checkpoints than the run: measured again", file=sys.stderr)
    return None


def plane_target(archive: Archive) -> Path:
    """Return the default file of a run's plane: in the run or next to it, else in the user's cache.

    Raises:
        ArchiveError: neither may be written to.
    """
    from infoplane.archive.places import borrowed_folder, may_write

    run = archive.path
    file = _plane_file(run)
    if may_write(file):
        return file
    folder = borrowed_folder(run, archive.run_uuid)
    if folder is None:
        raise ArchiveError(f"{run} may not be written to; give the file of the plane by --output")
    return folder / "plane.h5"


def _plane_file(run: Path) -> Path:
    return run / "plane.h5" if run.is_dir() else run.with_name(run.stem + "-plane.h5")


def refuse_to_replace(target: Path, options: str) -> None:
    """Refuse to replace anything but a plane made by the same options.

    Raises:
        ArchiveExists: something else is there; names the option that replaces it.
    """
    from infoplane.archive.planes import is_plane
    from infoplane.plane import Plane

    if not target.exists():
        return
    if not target.is_file() or not is_plane(target):
        raise ArchiveExists(f"{target} exists and is no plane; give another file: -o FILE")
    plane = Plane.load(target)
    made_by = plane.provenance.get(OPTIONS, plane.provenance.get(FIRST_OPTIONS))
    if made_by != options:
        specs = printable(", ".join(plane.estimators), 200)
        raise ArchiveExists(
            f"{target} holds a plane made with other options ({specs}); --overwrite replaces it, "
            "-o FILE writes another one"
        )


def named_planes(
    paths: Sequence[Path], estimator: str | None, workers: int = 1
) -> tuple[dict[str, Plane], str]:
    """Return planes by distinct names, and the estimator that they share.

    Runs named ``a/run`` and ``b/run`` keep their folders in the name.

    Args:
        paths: runs or planes.
        estimator: spec; None for the first that all stored planes have, else one that is chosen for
            the first run.
        workers: threads for measuring.

    Raises:
        InputError: planes without an estimator in common.
    """
    from infoplane.analysis.measuring.measure import measure

    stored = [_stored_at(path) for path in paths]
    spec = full_spec(estimator) if estimator else _shared_estimator(paths, stored)
    for path, plane in zip(paths, stored, strict=True):
        if plane is not None and is_plane_at(path):
            of_estimators(plane, [spec])  # refused before anything is measured
    named: dict[str, Plane] = {}
    for path, known in zip(paths, stored, strict=True):
        name = f"{path.parent.name}/{path.stem}" if path.stem in ("run", "plane") else path.stem
        if name in named:
            name = f"{name} ({len(named) + 1})"
        plane = known
        if plane is None or (spec not in plane.estimators and not is_plane_at(path)):
            plane = measure(open_run(path), spec, workers=workers, progress=True)
        named[name] = of_estimators(plane, [spec])
    return named, spec


def _stored_at(path: Path) -> Plane | None:
    from infoplane.plane import Plane

    return Plane.load(path) if is_plane_at(path) else stored_plane(open_run(path))


def _shared_estimator(paths: Sequence[Path], stored: Sequence[Plane | None]) -> str:
    """Return the first estimator that all stored planes have, or one chosen for the first run."""
    from infoplane.analysis.measuring.measure import say_choice

    specs = [plane.estimators for plane in stored if plane is not None]
    if not specs:
        return say_choice(open_run(paths[0])).specs[0]
    shared = set(specs[0]).intersection(*specs[1:])
    for spec in specs[0]:
        if spec in shared:
            return spec
    listed = "; ".join(", ".join(names) for names in specs)
    raise InputError(f"the planes share no estimator ({listed}); name one to measure: -e SPEC")
