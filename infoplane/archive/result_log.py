"""The log of results of a run: one checked, synced line for each, as they arrive."""

from __future__ import annotations

import contextlib
import hmac
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from infoplane.archive import layout
from infoplane.archive.guarded_file import open_regular, refuse_link
from infoplane.archive.owner_mark import MARK_LETTERS, mark_of, own_key
from infoplane.archive.publish import make_folder
from infoplane.errors import ArchiveError
from infoplane.open_flags import NO_LINK
from infoplane.types.arrays import AnyPath, Json


class ResultLog:
    """Append-only results in ``RUN/planes/<name>.jsonl``: one checked, synced line per record.

    A kill loses at most the lines being written. A damaged line is ignored and measured again; so
    is a line without this user's mark, since the run of a stranger could hold any number.

    Attributes:
        foreign: lines of other users that were found and not read.
    """

    def __init__(
        self,
        run_path: AnyPath,
        name: str = "results",
        *,
        folder: Path | None = None,
    ) -> None:
        run = Path(run_path)
        inside = folder is None and run.is_dir()
        if inside:
            folder = run / layout.PLANE_DIR
        self._run = run if inside else None
        self.path = (folder or run.with_name(run.name + ".planes")) / f"{name}.jsonl"
        self._found: dict[str, Json] = {}
        self._file, self._at = (0, 0), 0  # which file was read, and how far
        self.foreign = 0

    def append(self, key: str, record: Mapping[str, Any]) -> None:  # Any: JSON
        """Add one record; synced before this returns.

        Raises:
            ArchiveError: as `extend`.
        """
        self.extend([(key, record)])

    def extend(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:  # Any: JSON
        """Add records with their keys, synced together before this returns.

        Raises:
            ArchiveError: the disk refused; whole lines were added and at most one torn one, which
                readers ignore.
        """
        texts = [layout.to_json({"key": key, "record": dict(record)}) for key, record in records]
        if not texts:
            return
        secret = own_key()
        bodies = [_marked(text, secret) for text in texts]
        if self._run is not None and not self._run.is_dir():
            raise ArchiveError(
                f"{self._run} is gone: it was deleted or moved while it was measured"
            )
        make_folder(self.path.parent)
        refuse_link(self.path.parent)
        try:
            self.add_lines(b"".join(b"%08x %b\n" % (zlib.crc32(body), body) for body in bodies))
        except OSError as error:
            raise ArchiveError(
                f"could not add a result to {self.path}: {error}; results added before are intact"
            ) from error

    def add_lines(self, lines: bytes) -> None:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | NO_LINK, 0o666)
        try:
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                lines = b"\n" + lines  # do not join a torn last line
            done = 0
            while done < len(lines):
                done += os.write(file, lines[done:])
            os.fsync(file)
        finally:
            os.close(file)

    def read(self) -> dict[str, Json]:
        """Return every sound record of this user by its key; of several with one key the last.

        Lines that this object has read are not read again while the file only grows.
        """
        if not os.path.lexists(self.path):
            self._found, self._at, self.foreign = {}, 0, 0
            return {}
        refuse_link(self.path.parent)
        with os.fdopen(open_regular(self.path), "rb") as file:
            self._forget_another_file(file)
            file.seek(self._at)
            torn = self._read_lines(file)
        return self._found | torn

    def _forget_another_file(self, file: IO[bytes]) -> None:
        """Read from the start where it is another file, or a shorter or changed one."""
        status = os.fstat(file.fileno())
        place = (status.st_dev, status.st_ino)
        same = place == self._file
        if same and self._at:
            same = os.pread(file.fileno(), 1, self._at - 1) == b"\n"
        if not same:
            self._file, self._found, self._at, self.foreign = place, {}, 0, 0

    def _read_lines(self, file: IO[bytes]) -> dict[str, Json]:
        """Add the records of whole lines; return that of a last line without its end."""
        torn: dict[str, Json] = {}
        key = own_key()
        for line in iter(lambda: file.readline(layout.MAX_JSON), b""):
            whole = line.endswith(b"\n")
            if whole:
                self._at = file.tell()
            body = _sound_body(line)
            if body is None:
                continue
            if _is_own(body, key):
                (self._found if whole else torn).update(record_of(body))
            elif whole:
                self.foreign += 1
        return torn


class BorrowedResultLog(ResultLog):
    """Results of a run that may not be written to.

    What lies in it is read, new ones go elsewhere.

    Args:
        run_path, name: as for `ResultLog`.
        folder: where new results go; None forgets them.
    """

    def __init__(self, run_path: AnyPath, name: str = "results", *, folder: Path | None) -> None:
        super().__init__(run_path, name)
        self._own = None if folder is None else ResultLog(run_path, name, folder=folder)

    def extend(self, records: Iterable[tuple[str, Mapping[str, Any]]]) -> None:  # Any: JSON
        """Add records where they may be written, if anywhere."""
        if self._own is not None:
            self._own.extend(records)

    def read(self) -> dict[str, Json]:
        """Return the records in the run and those of one's own."""
        return super().read() | ({} if self._own is None else self._own.read())


def _sound_body(line: bytes) -> bytes | None:
    """The JSON of a line; None of a torn or damaged one."""
    crc, _, body = line.rstrip(b"\n").partition(b" ")
    try:
        return body if int(crc, 16) == zlib.crc32(body) else None
    except ValueError:
        return None


_MARK = ',"mark":"%s"}'
_MARK_BYTES = len(_MARK) - len("%s") + MARK_LETTERS


def _marked(text: str, secret: bytes) -> bytes:
    """A JSON object with this user's mark of the rest of it as its last entry."""
    rest = text.removesuffix("}")
    return (rest + _MARK % mark_of(rest.encode(), secret)).encode()


def _is_own(body: bytes, key: bytes) -> bool:
    rest, end = body[:-_MARK_BYTES], body[-_MARK_BYTES:]
    return hmac.compare_digest(end, (_MARK % mark_of(rest, key)).encode())


def record_of(body: bytes) -> dict[str, Json]:
    """Return the record in a line by its key; none where it is malformed."""
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        entry = layout.parse_json(body)
        return {str(entry["key"]): dict(entry["record"])}
    return {}
