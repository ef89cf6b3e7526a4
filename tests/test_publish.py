"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from infoplane.archive.publish import Sink, publish_text, publishing, publishing_h5, put_attrs
from infoplane.errors import ArchiveError, ArchiveExists, ArchiveLocked


def test_a_file_that_cannot_be_opened_closes_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    closed: list[int] = []
    monkeypatch.setattr(os, "open", lambda *_a, **_k: (_ for _ in ()).throw(PermissionError("no")))
    monkeypatch.setattr(os, "close", closed.append)
    with pytest.raises(ArchiveError, match="nothing was published"), publishing(tmp_path / "x.h5"):
        pass
    monkeypatch.undo()
    assert closed == []


def test_an_interrupt_right_behind_the_close_closes_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    real = os.close

    def close(fd: int) -> None:
        closed.append(fd)
        real(fd)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        with publishing(tmp_path / "f", durable=False) as sink:
            sink.write(b"all")
            patch.setattr(os, "close", close)
    assert len(closed) == 1 and list(tmp_path.iterdir()) == []


def test_a_disk_that_takes_a_file_in_parts_gets_every_byte_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:7], at))
    with (tmp_path / "f").open("w+b") as file:
        sink = Sink(file.fileno())
        sink.write(b"0123456789" * 3)
        sink.write(b"end")
    assert sink.error is None and (tmp_path / "f").read_bytes() == b"0123456789" * 3 + b"end"


def test_a_sink_writes_reads_and_cuts_like_a_file_and_keeps_the_first_error(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "f", os.O_RDWR | os.O_CREAT)
    sink = Sink(fd)
    assert (
        sink.write(b"0123456789") == 10
        and sink.tell() == 10
        and sink.seek(2) == 2
        and sink.write(b"ab") == 2
        and sink.tell() == 4
    )
    assert (
        sink.seek(1, 1) == 5
        and sink.read(2) == b"56"
        and sink.seek(-3, 2) == 7
        and sink.read(9) == b"789"
        and sink.tell() == 10
    )
    buffer = bytearray(3)
    sink.seek(2)
    assert sink.readinto(buffer) == 3 and buffer == b"ab4" and sink.tell() == 5
    assert sink.truncate(8) == 8 and os.fstat(fd).st_size == 8 and sink.error is None
    os.close(fd)
    assert sink.write(b"xy") == 2 and isinstance(sink.error, OSError) and sink.tell() == 7
    first = sink.error
    assert sink.write(np.zeros(2)) == 16 and sink.truncate(3) == 3 and sink.error is first  # type: ignore[arg-type]  # any buffer
    broken = Sink(fd)
    assert broken.truncate(1) == 1 and isinstance(broken.error, OSError)


def test_a_write_in_parts_ends_when_another_thread_gave_the_file_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def interrupted(fd: int, data: memoryview, at: int) -> int:
        written.append(at)
        sink.error = KeyboardInterrupt()
        return min(len(data), 7)

    monkeypatch.setattr(os, "pwrite", interrupted)
    with (tmp_path / "f").open("w+b") as file:
        sink = Sink(file.fileno())
        sink.write(b"0123456789" * 3)
    assert written == [0]


def test_publishing_is_whole_or_nothing_and_says_whose_error_it_was(tmp_path: Path) -> None:
    publish_text(tmp_path / "f", "one")
    with pytest.raises(ArchiveExists, match="f exists; choose another path or pass overwrite=True"):
        publish_text(tmp_path / "f", "two")
    publish_text(tmp_path / "f", "three", replace=True, durable=False)
    for error, kind, words in (
        (ValueError("mine"), ValueError, "mine"),
        (
            OSError(5, "of the disk"),
            ArchiveError,
            "could not write .*g: .*of the disk; nothing was published",
        ),
        (ArchiveLocked("held"), ArchiveLocked, "^held$"),
    ):
        with pytest.raises(kind, match=words), publishing(tmp_path / "g"):
            raise error
    assert sorted(os.listdir(tmp_path)) == ["f"] and (tmp_path / "f").read_text() == "three"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ArchiveExists):
        publish_text(tmp_path / "link", "through it")


def test_attributes_are_short_fixed_texts_and_plain_numbers(tmp_path: Path) -> None:
    with publishing_h5(tmp_path / "f.h5", durable=False) as f:
        put_attrs(f, {"text": "é" * 5000, "empty": "", "number": 3})
    with h5py.File(tmp_path / "f.h5") as f:
        assert (
            f.attrs["text"].decode() == "é" * 4096
            and f.attrs["number"] == 3
            and f.attrs["empty"] in (b"", b"\0")
        )
        assert h5py.h5a.open(f.id, b"text").get_type().is_variable_str() == 0


def test_texts_in_attributes_are_utf_8_for_other_tools(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as f:
        put_attrs(f, {"text": "Schicht µ", "number": 3})
        kind = h5py.h5a.open(f.id, b"text").get_type()
        assert (
            kind.get_class() == h5py.h5t.STRING
            and kind.get_cset() == h5py.h5t.CSET_UTF8
            and f.attrs["text"].decode() == "Schicht µ"
        )
        assert f.attrs["number"] == 3
