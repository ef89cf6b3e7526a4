"""The files that a command writes: names are checked and folders made before work begins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infoplane.display.terminal import say
from infoplane.errors import ArchiveError, InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive

PICTURES = (".png", ".svg", ".pdf")
MOVIES = (".gif", ".mp4")
PLANES = (".h5", ".hdf5", ".nc")


def prepare(path: Path | None, suffixes: Sequence[str] = ()) -> None:
    """Check the name of an output, and make its folder.

    Args:
        path: the file to be written; None for none.
        suffixes: endings that are allowed; any when empty.

    Raises:
        InputError: another ending, or a folder of this name.
        ArchiveError: the folder cannot be made or written to.
    """
    if path is None:
        return
    if suffixes and path.suffix.lower() not in suffixes:
        known = ", ".join(suffixes)
        raise InputError(f"expected a file ending in {known}, got {path.name!r}")
    if path.is_dir():
        raise InputError(f"{path}: expected the name of a file, found a folder of this name")
    make_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder for outputs, with those above it.

    Raises:
        ArchiveError: it cannot be made or written to.
    """
    from infoplane.archive.places import may_write

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or "a file is in the way"
        raise ArchiveError(f"{folder}: no folder can be made there: {reason}") from error
    if not may_write(folder):
        raise ArchiveError(f"{folder}: may not be written to; give another --output")


def write_picture(figure: Any, path: Path) -> None:  # Any: a matplotlib figure
    """Write a figure and print its path."""
    from infoplane.analysis.plot.save import write_figure

    say(write_figure(figure, path))


def say_new_run(archive: Archive, present: Collection[int] = ()) -> None:
    """Print what was stored, and what to do next.

    Args:
        archive: the run.
        present: steps that were there before.
    """
    from infoplane.types import counted

    rows = archive.row_info.counted(archive.n_rows)
    old = len(set(present) & set(archive.steps))
    before = f" ({old} of them were there)" if old else ""
    say(
        f"{archive.path}: {counted(len(archive.steps), 'step')}{before}, "
        f"{counted(len(archive.layers), 'layer')}, {rows}. Next: infoplane measure {archive.path}"
    )
