"""Reading files of others: the largest value that is accepted, the smallest that is refused."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import ACTIVATIONS, packed_with, write_run

from infoplane.archive import guard, layout, open_archive, pack, verify
from infoplane.archive.checksum import crc32
from infoplane.archive.guarded_file import Window, open_regular, read_text, reading_h5, refuse_link
from infoplane.archive.guarded_read import read_meta, read_placed
from infoplane.errors import DamagedArchive, NotAnArchive


def test_a_window_reads_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    window = Window(tmp_path / "f")
    try:
        assert (
            window.read(3) == b"012"
            and window.tell() == 3
            and window.read(99) == b"3456789"
            and window.tell() == 10
        )
        assert (
            window.seek(4) == 4
            and window.seek(2, 1) == 6
            and window.read(1) == b"6"
            and window.seek(-1, 2) == 9
            and window.read(9) == b"9"
        )
        buffer = bytearray(4)
        window.seek(8)
        assert window.readinto(buffer) == 2 and buffer[:2] == b"89" and window.tell() == 10
    finally:
        window.close()


def test_a_window_ends_reading_after_its_budget_of_reads_and_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(2048))
    for size, most in ((1, 50_002), (1 << 20, 64)):
        window, done = Window(tmp_path / "f"), 0
        try:
            with pytest.raises(OSError, match="read budget exceeded"):
                for _ in range(most + 1):
                    window.seek(0)
                    window.readinto(bytearray(size))
                    done += 1
            assert done == most
        finally:
            window.close()


def test_an_array_is_read_where_its_table_says_only_if_all_of_it_is_there_and_right(
    tmp_path: Path,
) -> None:
    a = np.arange(10, dtype="<f4")
    (tmp_path / "f").write_bytes(b"head" + a.tobytes())
    right = (tmp_path / "f", 4, (10,), "<f4", crc32(a.tobytes()))
    assert (read_placed(*right) == a).all()  # type: ignore[arg-type]  # as stated
    for k, wrong in (
        (1, 5),
        (1, -1),
        (1, True),
        (1, None),
        (1, 4.0),
        (2, (11,)),
        (2, (0,)),
        (4, 0),
        (4, None),
        (1, 10**18),
    ):
        assert read_placed(*right[:k], wrong, *right[k + 1 :]) is None  # type: ignore[arg-type]  # as above
    assert (
        read_placed(tmp_path / "f", 0, (4,), "|u1", crc32(b"head")) == np.frombuffer(b"head", "u1")
    ).all()  # type: ignore[union-attr]


def test_a_text_may_be_as_long_as_a_header_and_not_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr(layout, "MAX_JSON", 10)
    (tmp_path / "ten").write_bytes(b"0123456789")
    (tmp_path / "eleven").write_bytes(b"0123456789a")
    assert read_text(tmp_path / "ten") == b"0123456789"
    with pytest.raises(DamagedArchive, match="eleven: 11 bytes of JSON, more than the 10"):
        read_text(tmp_path / "eleven")


def test_a_header_inside_hdf5_may_have_the_same_length_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    run = write_run(tmp_path / "run", (0,))
    with h5py.File(run / "probe.h5") as f:
        size = f["meta"].dtype.itemsize
    with reading_h5(run / "probe.h5") as (file, window):
        monkeypatch.setattr(layout, "MAX_JSON", size)
        assert len(read_meta(file, window, "here")) == size
        monkeypatch.setattr(layout, "MAX_JSON", size - 1)
        with pytest.raises(
            DamagedArchive,
            match=f"here: key 'meta': claims {size} bytes of JSON, more than the {size - 1}",
        ):
            read_meta(file, window, "here")


def test_what_is_not_a_regular_file_is_refused_by_name_and_no_descriptor_stays_open(
    tmp_path: Path,
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for name, words in (
        ("link", "is a symbolic link"),
        ("missing", "No such file"),
        (".", "expected a regular file"),
    ):
        with pytest.raises(NotAnArchive, match=words):
            open_regular(tmp_path / name)
    with pytest.raises(DamagedArchive, match="link: is a symbolic link"):
        refuse_link(tmp_path / "link")
    refuse_link(tmp_path)
    assert not before or len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("options", "fine"),
    [
        ({"chunks": (2, 3)}, True),
        ({"chunks": (2, 3), "compression": "gzip"}, True),
        ({"chunks": (6, 3), "shuffle": True, "fletcher32": True}, True),
        ({"chunks": (6, 3), "compression": "gzip", "shuffle": True, "fletcher32": True}, True),
        ({"chunks": (6, 3), "compression": "lzf"}, False),
    ],
)
def test_filters_of_the_format_are_read_and_no_others(
    tmp_path: Path, options: dict[str, object], fine: bool
) -> None:
    packed = packed_with(tmp_path, **options)
    if fine:
        assert (open_archive(packed).z(0, "a") == ACTIVATIONS).all() and verify(packed) == []
    else:
        with pytest.raises(
            DamagedArchive,
            match=r"uses HDF5 filters \[32000\]; allowed are shuffle, fletcher32 and one of "
            r"deflate, zstd",
        ):
            open_archive(packed).z(0, "a")


def test_an_array_inside_its_own_header_is_read(tmp_path: Path) -> None:
    packed = pack(write_run(tmp_path / "run", (0,)), tmp_path / "p.h5")
    with h5py.File(packed, "r+") as f:
        (shard,) = f["ckpt"].values()
        del shard["layers/0000/call/0"]
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        d = h5py.h5d.create(
            shard["layers/0000/call"].id,
            b"0",
            h5py.h5t.IEEE_F32LE,
            h5py.h5s.create_simple(ACTIVATIONS.shape),
            compact,
        )
        h5py.Dataset(d)[...] = ACTIVATIONS
    assert (open_archive(packed).z(0, "a") == ACTIVATIONS).all() and verify(packed) == []


def test_a_chunk_may_have_the_stated_size_and_not_a_byte_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    packed = packed_with(tmp_path, chunks=(4, 3), compression="gzip")
    monkeypatch.setattr(guard, "MAX_CHUNK", 48)
    assert (open_archive(packed).z(0, "a") == ACTIVATIONS).all()
    monkeypatch.setattr(guard, "MAX_CHUNK", 47)
    with pytest.raises(
        DamagedArchive, match=r"claims chunks of shape \(4, 3\); a chunk may have 47 bytes"
    ):
        open_archive(packed).z(0, "a")


def test_an_hdf5_file_is_known_by_its_first_eight_bytes(tmp_path: Path) -> None:
    for content in (b"", b"\x89HDF\r\n\x1a", b"\x89HDF\r\n\x1a\r" + bytes(600)):
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(NotAnArchive, match="not an HDF5 file"), reading_h5(tmp_path / "f"):
            pass
