"""Files for the user: written under a temporary name and renamed, whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from infoplane.errors import ArchiveError
from infoplane.open_flags import NO_LINK
from infoplane.user_path import path_of


@contextlib.contextmanager
def new_file(target: str | Path) -> Iterator[Path]:
    """Yield the path of an empty file that becomes ``target`` when the block ends without error.

    Its name cannot be guessed, and an existing file is never opened. A link at ``target`` is
    replaced, not followed, so that the owner of the folder cannot choose which of the user's files
    is overwritten.

    Args:
        target: where the file will be; the temporary file has the same suffix.

    Raises:
        ArchiveError: the system refuses, or ``target`` is a device, a pipe or a folder.

    Example:
        >>> import tempfile
        >>> target = Path(tempfile.mkdtemp()) / "table.csv"
        >>> with new_file(target) as path:
        ...     _ = path.write_text("a,b", encoding="utf-8")
        >>> target.read_text(encoding="utf-8")
        'a,b'
    """
    target = path_of(target)
    part = target.with_name(f".{secrets.token_hex(12)}{target.suffix}")
    try:
        _require_replaceable(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK
        os.close(os.open(part, flags, 0o666))
    except OSError as error:
        raise ArchiveError(f"{target}: cannot be written: {error}") from error
    try:
        yield part
        try:
            os.replace(part, target)
        except OSError as error:
            raise ArchiveError(f"{target}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _require_replaceable(target: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise ArchiveError(f"{target}: expected the name of a file, found something else there")


def write_text(target: str | Path, text: str) -> Path:
    """Write a UTF-8 file by `new_file`; return its path."""
    with new_file(target) as part:
        part.write_text(text, encoding="utf-8")
    return Path(target)


def write_csv(
    target: str | Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]
) -> Path:
    """Write rows as UTF-8 CSV with a header by `new_file`; return its path.

    Args:
        target: the file.
        columns: its header.
        rows: one mapping for each line.
    """
    with new_file(target) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return Path(target)
