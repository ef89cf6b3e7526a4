"""The archive at its limits: the last value that is allowed beside the first that is not, sizes, tags, times, and what files other tools write."""

from __future__ import annotations

import gc
import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from infoplane.archive import (
    ResultLog,
    RunWriter,
    layout,
    load_plane,
    merge,
    open_archive,
    pack,
    planes,
    save_plane,
    verify,
)
from infoplane.archive.checksum import crc32
from infoplane.archive.guard import (
    Window,
    open_regular,
    read_placed,
    read_text,
    reading_h5,
    refuse_link,
)
from infoplane.archive.layout import ShardName
from infoplane.archive.lock import WriterLock
from infoplane.archive.planes import is_plane
from infoplane.archive.probe import make_probe
from infoplane.archive.publish import Sink, publish_text, publishing, publishing_h5, put_attrs
from infoplane.archive.reader import _short, current
from infoplane.archive.writer import as_array, count_nonfinite, shard_names
from infoplane.errors import (
    ArchiveError,
    ArchiveExists,
    ArchiveLocked,
    DamagedArchive,
    InputError,
    NotAnArchive,
    VersionError,
)
from infoplane.plane import Plane, Point
from infoplane.types import Chain, Estimate, LayerInfo

N = 6
LAYERS = [LayerInfo("a", 0, shape=(3,)), LayerInfo("b#2", 1, shape=(2,), reduction="gap")]
X = np.arange(N * 2, dtype=np.float32).reshape(N, 2)
Z = np.arange(N * 3, dtype=np.float32).reshape(N, 3)
DIGESTS = np.arange(2 * N, dtype=np.uint64).reshape(N, 2)


def write(path: Path, steps: tuple[int, ...] = (0, 5), **options: object) -> Path:
    rows = slice(options.get("row_start", 0), options.get("row_stop"))  # type: ignore[misc]  # ints
    with RunWriter.create(
        path, **{"layers": LAYERS, "x": X, "y": np.arange(N) % 2, "durable": False, **options}
    ) as run:  # type: ignore[arg-type]
        for step in steps:
            with run.step(step, metrics={"loss": step / 2}) as shard:
                shard.write("a", Z[rows] + step)
                shard.write("b#2", Z[rows, :2], row_digests=DIGESTS[rows])
    return path


# ---- names, sizes, numbers --------------------------------------------------------------------------------------------------------------------------


def test_a_shard_says_its_place_in_its_name_and_only_such_names_are_shards() -> None:
    name = ShardName(3, 12, 1, 4, "0badf00d")
    assert (
        str(name) == "000003-s000000000012-r0001of0004-0badf00d.h5"
        and ShardName.parse(str(name)) == name
    )
    big = ShardName(10**7, 10**15, 9999, 9999, "00000000")
    assert ShardName.parse(str(big)) == big
    for text in (
        str(name)[1:],
        str(name) + "x",
        "x" + str(name),
        str(name).replace("0badf00d", "0BADF00D"),
        str(name).replace("-r", "-q"),
        "",
    ):
        assert ShardName.parse(text) is None
    assert ShardName.parse(str(name).replace("3", "٣")) is None, (
        "digits of other scripts are no digits here"
    )


def test_the_call_of_a_reused_module_is_the_number_behind_its_hash() -> None:
    assert [
        layout.call_index(n)
        for n in ("fc", "fc#2", "fc#12:h", "fc:h#3", "a#b", "a#", "a#12345678", "a#123456789")
    ] == [
        0,
        2,
        12,
        0,
        0,
        0,
        12345678,
        0,
    ]
    assert (
        layout.layer_path(LAYERS[1]) == "layers/0001/call/2"
        and layout.rows_path(LAYERS[1]) == "rows/0001"
    )


@pytest.mark.parametrize("size", [0, 1, (1 << 60) - 1])
def test_sizes_are_integers_below_two_to_the_sixty(size: int) -> None:
    assert layout.as_size(size) == size
    for wrong in (-1, 1 << 60, True, 1.0, "1", None):
        with pytest.raises(ValueError, match="expected a size"):
            layout.as_size(wrong)


def test_versions_of_this_major_are_read_and_no_other_text_is_a_version() -> None:
    for fine in ("1.0", "1.1", "1.999999999"):
        layout.check_version(fine, "f")
    for other in ("2.0", "0.9", "10.1"):
        with pytest.raises(
            VersionError, match=f"f: written in format {other}, this infoplane reads 1.x"
        ):
            layout.check_version(other, "f")
    for wrong in ("1", "1.", "1.0.0", "1.0000000000", "v1.0", None, "1.٠"):
        with pytest.raises(VersionError, match="expected format_version like"):
            layout.check_version(wrong, "f")


def test_arrays_are_stored_little_endian_contiguous_and_booleans_as_bytes() -> None:
    assert layout.storable(np.array([True, False]), "x").dtype == np.uint8
    big = np.arange(6, dtype=">f8").reshape(2, 3).T
    kept = layout.storable(big, "x")
    assert (
        kept.dtype.str == "<f8"
        and kept.flags.c_contiguous
        and (kept == big).all()
        and layout.storable(np.float32(2), "x").shape == ()
    )
    for wrong in (
        np.array(["a"]),
        np.array([1j]),
        np.array([None]),
        np.array([1], np.longdouble),
        np.array([1], "m8[s]"),
    ):
        with pytest.raises(InputError, match="x: expected real numbers of 1 to 8 bytes"):
            layout.storable(wrong, "x")


def test_nan_and_infinities_are_counted_also_where_the_sum_hides_them() -> None:
    big = np.finfo(np.float32).max
    for values, bad in (
        ([1, 2], 0),
        ([big, big], 0),
        ([np.inf, -np.inf, 1], 2),
        ([np.nan], 1),
        ([np.inf], 1),
        ([big, big, np.nan], 1),
        ([], 0),
    ):
        assert count_nonfinite(np.array(values, np.float32)) == bad
    assert count_nonfinite(np.array([1, 2])) == 0


def test_json_keeps_what_it_can_and_refuses_the_rest() -> None:
    body = {
        "a": [float("nan"), float("inf"), -float("inf")],
        "b": np.float32(0.5),
        "c": (1, None, True),
        4: {"$float": "nan", "x": 1},
        "s": "\ud800",
    }
    back = layout.from_json(layout.to_json(body), "f")
    assert (
        math.isnan(back["a"][0])
        and back["a"][1:] == [math.inf, -math.inf]
        and back["b"] == 0.5
        and back["c"] == [1, None, True]
    )
    assert back["4"] == {"$float": "nan", "x": 1} and back["s"] == "\\ud800"
    assert layout.from_json('{"$float": "1e9"}', "f") == {"$float": "1e9"}
    for text in ("[1]", "3", "", "{"):
        with pytest.raises(DamagedArchive, match="f: expected a JSON object"):
            layout.from_json(text, "f")


def test_a_seal_covers_every_key_and_nothing_but_the_order_may_change() -> None:
    text = layout.sealed({"format": "k", "format_version": "1.1", "x": [1, {"y": 2}]})
    body = json.loads(text)
    assert layout.unsealed(json.dumps(dict(reversed(body.items()))), "k", "f")["x"] == [1, {"y": 2}]
    for key, value in (
        ("x", [1, {"y": 3}]),
        ("format_version", "1.0"),
        ("crc32", body["crc32"] + 1),
        ("new", 1),
    ):
        with pytest.raises(DamagedArchive, match="does not match the text"):
            layout.unsealed(json.dumps({**body, key: value}), "k", "f")
    with pytest.raises(NotAnArchive, match="expected format 'other', got 'k'"):
        layout.unsealed(text, "other", "f")


def test_floats_that_json_lacks_are_read_however_they_are_spelt() -> None:
    text = layout.sealed(
        {
            "format": "k",
            "format_version": "1.1",
            "x": math.inf,
            "s": "é",
            "deep": [{"y": -math.inf}],
            "n": 1e300,
        }
    )
    for spelt in (
        text,
        text.replace("$float", "\\u0024float"),
        text.replace("$float", "\\u0024\\u0066loat"),
        text.encode(),
    ):
        body = layout.unsealed(spelt, "k", "f")
        assert (body["x"], body["deep"], body["s"], body["n"]) == (
            math.inf,
            [{"y": -math.inf}],
            "é",
            1e300,
        )
        assert layout.from_json(spelt, "f")["x"] == math.inf
    plain = layout.sealed({"format": "k", "format_version": "1.1", "x": 'no "float" here'})
    assert layout.unsealed(plain, "k", "f") == json.loads(plain)
    with pytest.raises(DamagedArchive, match="does not match"):
        layout.unsealed(plain.replace("here", "HERE"), "k", "f")


def test_a_text_says_its_format_wherever_it_stands() -> None:
    ours = layout.sealed({"format": "infoplane/k", "format_version": "1.1"})
    other = json.dumps(dict(reversed(json.loads(ours).items())))
    assert layout.says_format(ours.encode(), "infoplane/k", "f") and layout.says_format(
        other.encode(), "infoplane/k", "f"
    )
    assert not layout.says_format(ours.encode(), "infoplane", "f") and not layout.says_format(
        other.encode(), "k", "f"
    )
    with pytest.raises(DamagedArchive, match="expected a JSON object"):
        layout.says_format(b"{", "k", "f")


def test_loading_a_plane_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    path = save_plane(
        Plane(
            (Point(0, "a", "i_xz", Estimate(1.0, N, "exact", "exact", notes=("said",))),), ("a",), N
        ),
        tmp_path / "p.h5",
    )
    bad = tmp_path / "bad.h5"
    bad.write_bytes(path.read_bytes().replace(b'"said"', b'"sayd"'))
    assert bad.read_bytes() != path.read_bytes()
    for looks in (True, False):
        (gc.enable if looks else gc.disable)()
        try:
            assert (
                load_plane(path).points[0].estimate.notes == ("said",) and gc.isenabled() == looks
            )
            with pytest.raises(DamagedArchive):
                load_plane(bad)
            assert gc.isenabled() == looks
        finally:
            gc.enable()


def test_a_later_capture_outdates_what_lies_after_it_rank_by_rank() -> None:
    def shards(*places: tuple[int, int, int]) -> list[ShardName]:
        return [ShardName(seq, step, rank, 2, "00000000") for seq, step, rank in places]

    kept = current(
        shards((0, 0, 0), (1, 5, 0), (2, 9, 0), (3, 5, 0), (0, 0, 1), (1, 5, 1), (2, 9, 1))
    )
    assert [(s.step, s.rank, s.seq) for s in kept] == [
        (0, 0, 0),
        (0, 1, 0),
        (5, 0, 3),
        (5, 1, 1),
        (9, 1, 2),
    ]


def test_long_lists_are_shown_by_their_ends() -> None:
    assert (
        _short(tuple(range(8))) == "[0, 1, 2, 3, 4, 5, 6, 7]"
        and _short(tuple(range(9))) == "[0, 1, 2, 3, ..., 8]"
    )


# ---- reading ------------------------------------------------------------------------------------------------------------------------------------------


def test_a_window_reads_like_a_file_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"0123456789")
    window = Window(tmp_path / "f")
    try:
        assert (
            window.read(3) == b"012"
            and window.tell() == 3
            and window.read() == b"3456789"
            and window.tell() == 10
        )
        assert (
            window.seek(4) == 4
            and window.seek(2, 1) == 6
            and window.read(1) == b"6"
            and window.seek(-1, 2) == 9
            and window.read() == b"9"
        )
        buffer = bytearray(4)
        window.seek(8)
        assert window.readinto(buffer) == 2 and buffer[:2] == b"89" and window.tell() == 10
        for refused in (lambda: window.write(b"x"), window.truncate, lambda: window.truncate(3)):
            with pytest.raises(OSError, match="opened for reading"):
                refused()
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
    from infoplane.archive import guard

    monkeypatch.setattr(guard, "MAX_JSON", 10)
    (tmp_path / "ten").write_bytes(b"0123456789")
    (tmp_path / "eleven").write_bytes(b"0123456789a")
    assert read_text(tmp_path / "ten") == b"0123456789"
    with pytest.raises(DamagedArchive, match="eleven: 11 bytes of JSON, more than the 10"):
        read_text(tmp_path / "eleven")


def test_a_header_inside_hdf5_may_have_the_same_length_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infoplane.archive import guard

    run = write(tmp_path / "run", (0,))
    with h5py.File(run / "probe.h5") as f:
        size = f["meta"].dtype.itemsize
    with reading_h5(run / "probe.h5") as (file, window):
        monkeypatch.setattr(guard, "MAX_JSON", size)
        assert len(guard.read_meta(file, "meta", window, "here")) == size
        monkeypatch.setattr(guard, "MAX_JSON", size - 1)
        with pytest.raises(
            DamagedArchive,
            match=f"here: key 'meta': claims {size} bytes of JSON, more than the {size - 1}",
        ):
            guard.read_meta(file, "meta", window, "here")


def test_a_header_that_would_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by reading: such a shard was published, and refused by every reader: its activations were lost."""
    monkeypatch.setattr(layout, "MAX_JSON", 4000)
    with (
        RunWriter.create(
            tmp_path / "run", layers=[LayerInfo("a", 0, shape=(3,))], x=Z, y=None
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write("a", Z)
        shard.attach("small", {"text": "x" * 2000})
        with pytest.raises(InputError, match="at most 4000 are read.*attach less"):
            shard.attach("large", {"text": "µ" * 1000})
        shard.attach("again", {"text": "x" * 500})
    archive = open_archive(tmp_path / "run")
    np.testing.assert_array_equal(archive.z(0, "a"), Z)
    assert (
        archive.extra(0, "small") is not None
        and archive.extra(0, "large") is None
        and archive.extra(0, "again") is not None
    )


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


def packed_with(tmp_path: Path, **options: object) -> Path:
    """A packed run whose one array is stored anew with these HDF5 options."""
    packed = pack(write(tmp_path / "run", (0,)), tmp_path / "p.h5")
    with h5py.File(packed, "r+") as f:
        (shard,) = f["ckpt"].values()
        del shard["layers/0000/call/0"]
        shard.create_dataset("layers/0000/call/0", data=Z, **options)
    return packed


@pytest.mark.parametrize(
    ("options", "fine"),
    [
        ({"chunks": (2, 3)}, True), ({"chunks": (2, 3), "compression": "gzip"}, True), ({"chunks": (6, 3), "shuffle": True, "fletcher32": True}, True),
        ({"chunks": (6, 3), "compression": "gzip", "shuffle": True, "fletcher32": True}, True), ({"chunks": (6, 3), "compression": "lzf"}, False),
    ],
)  # fmt: skip
def test_filters_of_the_format_are_read_and_no_others(
    tmp_path: Path, options: dict[str, object], fine: bool
) -> None:
    packed = packed_with(tmp_path, **options)
    if fine:
        assert (open_archive(packed).z(0, "a") == Z).all() and verify(packed) == []
    else:
        with pytest.raises(
            DamagedArchive,
            match=r"uses HDF5 filters \[32000\]; allowed are shuffle, fletcher32 and one of deflate, zstd",
        ):
            open_archive(packed).z(0, "a")


def test_an_array_inside_its_own_header_is_read(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "run", (0,)), tmp_path / "p.h5")
    with h5py.File(packed, "r+") as f:
        (shard,) = f["ckpt"].values()
        del shard["layers/0000/call/0"]
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        d = h5py.h5d.create(
            shard["layers/0000/call"].id,
            b"0",
            h5py.h5t.IEEE_F32LE,
            h5py.h5s.create_simple(Z.shape),
            compact,
        )
        h5py.Dataset(d)[...] = Z
    assert (open_archive(packed).z(0, "a") == Z).all() and verify(packed) == []


def test_a_chunk_may_have_the_stated_size_and_not_a_byte_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infoplane.archive import guard

    packed = packed_with(tmp_path, chunks=(4, 3), compression="gzip")
    monkeypatch.setattr(guard, "MAX_CHUNK", 48)
    assert (open_archive(packed).z(0, "a") == Z).all()
    monkeypatch.setattr(guard, "MAX_CHUNK", 47)
    with pytest.raises(
        DamagedArchive, match=r"claims chunks of shape \(4, 3\); a chunk may have 47 bytes"
    ):
        open_archive(packed).z(0, "a")


def test_a_plane_a_run_a_packed_run_and_other_files_are_told_apart(tmp_path: Path) -> None:
    plane = Plane((Point(0, "a", "i_xz", Estimate(1.0, N, "exact", "exact")),), ("a",), N)
    run = write(tmp_path / "run", (0,))
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["x"] = 1
    (tmp_path / "text.h5").write_text("no HDF5")
    found = {
        p.name: is_plane(p)
        for p in (
            save_plane(plane, tmp_path / "plane.h5"),
            run,
            pack(run, tmp_path / "p.h5"),
            tmp_path / "other.h5",
            tmp_path / "text.h5",
            tmp_path / "none",
        )
    }
    assert found == {
        "plane.h5": True,
        "run": False,
        "p.h5": False,
        "other.h5": False,
        "text.h5": False,
        "none": False,
    }


@pytest.mark.parametrize("key", ["h_y_bits", "h_x_bits"])
def test_the_entropies_of_a_plane_are_finite_numbers_or_none(tmp_path: Path, key: str) -> None:
    path = save_plane(Plane((), ("a",), N, 1.0, h_x_bits=2), tmp_path / "p.h5")
    assert load_plane(path).h_y_bits == 1.0 and load_plane(path).h_x_bits == 2
    for value, fine in (
        (None, True),
        (0, True),
        (math.nan, False),
        (math.inf, False),
        ("1", False),
        ([], False),
    ):
        with h5py.File(path, "r+") as f:
            body = {**json.loads(f["meta"][()]), key: value}
            body.pop("crc32")
            text = layout.sealed(body).encode()
            del f["meta"]
            f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))
        if fine:
            assert getattr(load_plane(path), key) == value
        else:
            with pytest.raises(DamagedArchive, match=f"malformed plane: .*{key}"):
                load_plane(path)


def test_verify_names_what_is_no_shard_and_digests_of_other_rows_and_nothing_else(
    tmp_path: Path,
) -> None:
    run = write(tmp_path / "run")
    assert verify(run) == [] == verify(pack(run, tmp_path / "p.h5"))
    for harmless in (".tmp-r0000-1-x", "superseded-0"):
        (run / "ckpt" / harmless).mkdir()
    (run / "ckpt/notes.txt").write_text("mine")
    assert verify(run) == [f"{run}/ckpt/notes.txt: not a shard; readers ignore it"]
    (run / "ckpt/notes.txt").unlink()
    with (
        RunWriter.create(tmp_path / "wrong", layers=LAYERS, x=X, y=None, durable=False) as writer,
        writer.step(0) as shard,
    ):
        shard.write("a", Z, row_digests=DIGESTS)  # of an unreduced layer: they are recomputed
        shard.write(
            "b#2", Z[:, :2], row_digests=DIGESTS
        )  # of a reduced one: of rows that nobody has any more
    assert verify(tmp_path / "wrong") == [
        f"{tmp_path}/wrong: step 0, layer 'a': row digests do not belong to the rows"
    ]
    import shutil

    shutil.rmtree(tmp_path / "wrong/ckpt")
    assert verify(tmp_path / "wrong") == [] and open_archive(tmp_path / "wrong").steps == ()


# ---- writing --------------------------------------------------------------------------------------------------------------------------------------------


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
        and sink.read() == b"789"
        and sink.tell() == 10
    )
    buffer = bytearray(3)
    sink.seek(2)
    assert sink.readinto(buffer) == 3 and buffer == b"ab4" and sink.tell() == 5
    assert (
        sink.truncate() == 5
        and sink.truncate(8) == 8
        and os.fstat(fd).st_size == 8
        and sink.error is None
    )
    os.close(fd)
    assert sink.write(b"xy") == 2 and isinstance(sink.error, OSError) and sink.tell() == 7
    first = sink.error
    assert sink.write(np.zeros(2)) == 16 and sink.truncate(3) == 3 and sink.error is first  # type: ignore[arg-type]  # any buffer
    broken = Sink(fd)
    assert broken.truncate(1) == 1 and isinstance(broken.error, OSError)


def test_publishing_is_whole_or_nothing_and_says_whose_error_it_was(tmp_path: Path) -> None:
    publish_text(tmp_path / "f", "one")
    with pytest.raises(ArchiveExists, match="f exists; choose another path or pass overwrite=True"):
        publish_text(tmp_path / "f", "two")
    publish_text(tmp_path / "f", "three", replace=True, durable=False)
    for error, kind, words in (
        (ValueError("mine"), ValueError, "mine"), (OSError(5, "of the disk"), ArchiveError, "could not write .*g: .*of the disk; nothing was published"),
        (ArchiveLocked("held"), ArchiveLocked, "^held$"),
    ):  # fmt: skip
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


def test_a_lock_tells_its_holder_and_may_be_released_twice(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path, 3)
    assert (
        lock.exclusive
        and json.loads((tmp_path / "writer-r0003.lock").read_text())["pid"] == os.getpid()
    )
    with pytest.raises(ArchiveLocked, match=str(os.getpid())):
        WriterLock(tmp_path, 3)
    other = WriterLock(tmp_path, 4)
    lock.release()
    fd = os.open(
        tmp_path / "a file that gets the number of the released one", os.O_CREAT | os.O_RDWR
    )
    lock.release()
    os.fstat(fd)  # not closed by the second release
    WriterLock(tmp_path, 3).release()
    other.release()
    os.close(fd)
    longer = tmp_path / "writer-r0003.lock"
    longer.write_text("x" * 300)
    WriterLock(tmp_path, 3).release()
    assert json.loads(longer.read_text())["pid"] == os.getpid(), (
        "what an earlier holder wrote is cut off"
    )


@pytest.mark.parametrize(
    ("rank", "world", "rows", "fine"),
    [(0, 1, (0, 6), True), (0, 1, (0, 7), False), (0, 1, (-1, 6), False), (0, 1, (3, 3), False), (0, 1, (2, 3), True), (1, 1, (0, 6), False), (-1, 1, (0, 6), False),
     (0, 0, (0, 6), False), (0, 9999, (0, 6), True), (0, 10_000, (0, 6), False)],
)  # fmt: skip
def test_a_rank_writes_rows_that_exist_of_a_world_that_has_it(
    tmp_path: Path, rank: int, world: int, rows: tuple[int, int], fine: bool
) -> None:
    def create() -> None:
        RunWriter.create(
            tmp_path / "run",
            layers=LAYERS,
            x=X,
            y=None,
            durable=False,
            rank=rank,
            world_size=world,
            row_start=rows[0],
            row_stop=rows[1],
        ).close()

    if fine:
        create()
    else:
        with pytest.raises(InputError, match=f"rank {rank} of {world} cannot write rows"):
            create()
        assert not (tmp_path / "run").exists()


def test_steps_are_whole_numbers_that_ascend_below_ten_to_the_eighteen(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=None, durable=False) as run:
        for step in (0, np.int32(1), 10**18 - 1):
            with run.step(step):  # type: ignore[arg-type]  # an integer of numpy
                pass
        for wrong in (-1, 10**18, True, 1.0, "1"):
            with pytest.raises(InputError, match="expected a step of 0 or more"), run.step(wrong):  # type: ignore[arg-type]
                pass
        for late in (10**18 - 1, 1):
            with (
                pytest.raises(
                    InputError,
                    match=f"steps must ascend: step {late} comes after step {10**18 - 1}",
                ),
                run.step(late),
            ):
                pass
        assert run.steps_written == (0, 1, 10**18 - 1) and [
            s.seq for s in shard_names(tmp_path / "run")
        ] == [0, 1, 2]
    with pytest.raises(ArchiveError, match="this writer is closed"), run.step(5):
        pass
    with RunWriter.create(
        tmp_path / "run", layers=LAYERS, x=X, y=None, durable=False, resume=True
    ) as run:
        assert run.steps_written == (0, 1, 10**18 - 1)
        with run.step(
            1
        ):  # rolled back to a step that is there: it is captured anew, the later one set aside
            pass
        with pytest.raises(InputError, match="steps must ascend"), run.step(1):
            pass
    assert (
        open_archive(tmp_path / "run").steps == (0, 1)
        and len(list((tmp_path / "run/ckpt/superseded-0").iterdir())) == 1
    )


def test_rows_of_a_layer_may_come_in_pieces_and_only_as_many_as_there_are(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=None, durable=False) as run:
        with run.step(0) as shard:
            for piece in (slice(0, 1), slice(1, 1), slice(1, 6)):
                shard.append("a", Z[piece])
            assert shard.nonfinite == {}
        for pieces, words in (
            ((slice(0, 5),), "5 of 6 rows were written"),
            ((slice(0, 4), slice(0, 3)), "rows 4:7 of float32 do not go into 6 rows"),
        ):
            with pytest.raises(InputError, match=words), run.step(1) as shard:
                for piece in pieces:
                    shard.append("a", Z[piece])
        with pytest.raises(InputError, match="rows 3:6 of float64 do not go"), run.step(1) as shard:
            shard.append("a", Z[:3])
            shard.append("a", Z[3:].astype(np.float64))
        with (
            pytest.raises(
                InputError, match=r"expected row_digests of shape \(6, 2\), got \(6, 1\)"
            ),
            run.step(1) as shard,
        ):
            shard.append("a", Z, row_digests=DIGESTS[:, :1])
        for wrong in (Z[:, :2], np.float32(3)):
            with (
                pytest.raises(InputError, match=r"expected rows of shape \(3,\)"),
                run.step(1) as shard,
            ):
                shard.append("a", wrong)
        with run.step(2) as shard:
            shard.append("a", np.where(Z == 4, np.nan, Z))
            shard.append("b#2", np.full((N, 2), np.inf), row_digests=DIGESTS)
            assert shard.nonfinite == {"a": 1, "b#2": 12}
    archive = open_archive(tmp_path / "run")
    assert (
        (archive.z(0, "a") == Z).all()
        and archive.n_nonfinite(2, "b#2") == 12
        and archive.n_nonfinite(0, "a") == 0
    )
    assert (
        archive.has(0, "a")
        and not archive.has(0, "b#2")
        and not archive.has(1, "a")
        and list(archive) == [(0, "a"), (2, "a"), (2, "b#2")]
    )


def test_metrics_with_names_that_an_attribute_can_have_are_attributes_too(tmp_path: Path) -> None:
    names = {"loss": 0.5, "x" * 255: 1.0, "y" * 256: 2.0, "a\0b": 3.0, "": 4.0}
    with (
        RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=None, durable=False) as run,
        run.step(0, metrics=names),
    ):
        pass
    assert open_archive(tmp_path / "run").metrics[0] == names
    (shard,) = (tmp_path / "run/ckpt").glob("0*.h5")
    with h5py.File(shard) as f:
        assert dict(f["scalars"].attrs) == {"loss": 0.5, "x" * 255: 1.0}


def test_a_writer_sweeps_what_its_own_rank_left_and_without_a_lock_only_what_is_an_hour_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write(tmp_path / "run")
    left = [
        run / "ckpt/.tmp-r0000-1-a",
        run / ".tmp-77-a",
        run / "ckpt/.tmp-r0001-1-a",
        run / ".tmp-other",
    ]

    def leave(age: float) -> None:
        for path in left:
            path.write_text("")
            os.utime(path, (time.time() - age,) * 2)

    def resume() -> list[bool]:
        RunWriter.create(
            run, layers=LAYERS, x=X, y=np.arange(N) % 2, durable=False, resume=True
        ).close()
        return [path.exists() for path in left]

    leave(0)
    assert resume() == [False, False, True, True]
    monkeypatch.setattr(WriterLock, "_take", lambda self: None)  # a filesystem that cannot lock
    for age, stays in ((3500, True), (3700, False)):
        leave(age)
        assert resume() == [stays, stays, True, True]


@pytest.mark.parametrize(
    ("y", "kind", "stored"),
    [
        ([True, False], None, [1, 0]), (["b", "a"], None, [1, 0]), (np.array(["x", "y"], object), None, [0, 1]), ([1.0, 2.0], "discrete", [1, 2]),
        (np.array([2**64 - 1, 1], np.uint64), None, [-1, 1]), ([1, 2], "continuous", [1.0, 2.0]), ([0.5, 2.0], "continuous", [0.5, 2.0]),
    ],
)  # fmt: skip
def test_labels_of_every_kind_are_stored_as_integers_or_targets(
    y: object, kind: str | None, stored: list[float]
) -> None:
    probe = make_probe(None, y, y_kind=kind)  # type: ignore[arg-type]  # an array
    assert (
        probe.y is not None
        and probe.y.tolist() == stored
        and probe.y.dtype.kind == ("f" if kind == "continuous" else "i")
    )
    assert probe.y_kind == (kind or "discrete") and probe.row_ids.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"y": np.array(["a", 1], object)}, "got mixed objects"), ({"y": [1j, 2j]}, "got dtype complex128"), ({"y": [0.5, 1.0]}, "state y_kind="),
        ({"y": [np.nan, 1.0], "y_kind": "continuous"}, "every probe row needs a label"), ({"y": [0.5, 1.0], "y_kind": "discrete"}, "holds fractions"),
        ({"y": [1, 2], "y_kind": "ordinal"}, "y_kind must be"), ({"y": 3}, "expected rows, got a single value"), ({"y": [[1], [2, 3]]}, "rectangular"),
        ({}, "same positive number of rows, got {}"), ({"y": np.zeros(0, int)}, "same positive number"), ({"x": X, "y": [1, 2]}, "same positive number of rows"),
        ({"x": X, "row_ids": np.zeros(N)}, r"row_ids: expected integers of shape \(6,\)"), ({"x": X, "row_ids": np.zeros((N, 1), int)}, "row_ids"),
        ({"x": X, "split": ["train"] * 5}, "split: expected 6"), ({"x": X, "split": ["valid"] * 6}, "split"), ({"x": X, "split": [1] * 6}, "split"),
    ],
)  # fmt: skip
def test_a_probe_that_is_none_is_refused_in_words(given: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_probe(given.pop("x", None), given.pop("y", None), **given)  # type: ignore[arg-type]  # hostile by intent


def test_the_digest_of_a_probe_sees_every_part_of_it_also_inputs_that_are_not_stored() -> None:
    y, split = np.arange(N) % 2, ["train"] * 5 + ["test"]
    one = make_probe(X, y, split=split)
    others = [
        make_probe(X + 1, y, split=split), make_probe(X, 1 - y, split=split), make_probe(X, y), make_probe(X, y, split=["test", *split[1:]]),
        make_probe(X, y, split=split, row_ids=np.zeros(N, int)), make_probe(X.astype(np.float64), y, split=split), make_probe(X + 1, y, split=split, store_x=False),
    ]  # fmt: skip
    assert (
        len({one.sha256, *(p.sha256 for p in others)}) == 7
        and others[0].sha256 == others[-1].sha256
        and others[-1].x is None
    )
    assert make_probe(X, y, split=split, store_x=False).sha256 == one.sha256 and one.n == N
    assert one.split is not None and one.split.tolist() == [1] * 5 + [2]
    assert make_probe(np.zeros((3, 2)), None).row_ids.tolist() == [0, 0, 0]


# ---- packing and merging --------------------------------------------------------------------------------------------------------------------------------


def test_large_arrays_are_packed_in_chunks_of_about_four_mebibytes_and_small_ones_whole(
    tmp_path: Path,
) -> None:
    layers = [LayerInfo("wide", 0, shape=(1 << 17,)), LayerInfo("narrow", 1)]
    with (
        RunWriter.create(
            tmp_path / "run", layers=layers, x=np.zeros((20, 1)), y=None, durable=False
        ) as run,
        run.step(0) as shard,
    ):
        shard.write("wide", np.zeros((20, 1 << 17), np.float32))
        shard.write("narrow", np.zeros(20, np.float32))
    for compression in ("gzip", None):
        packed = pack(tmp_path / "run", tmp_path / f"{compression}.h5", compression=compression)  # type: ignore[arg-type]  # as in the list
        with h5py.File(packed) as f:
            (shard,) = f["ckpt"].values()
            wide, narrow = shard["layers/0000/call/0"], shard["layers/0001/call/0"]
            assert wide.chunks == ((8, 1 << 17) if compression else None) and narrow.chunks is None
            assert wide.compression == compression and wide.shuffle == bool(compression)
            assert "offset" not in json.loads(shard["meta"][()])["layers"][0], (
                "places hold in the file where they were written"
            )
    assert (tmp_path / "gzip.h5").stat().st_size < 10**6 < (tmp_path / "None.h5").stat().st_size
    with pytest.raises(InputError, match="compression must be None, 'gzip' or 'zstd', got 'bz2'"):
        pack(tmp_path / "run", tmp_path / "x.h5", compression="bz2")  # type: ignore[arg-type]  # not in the list
    with pytest.raises(ArchiveExists):
        pack(tmp_path / "run", tmp_path / "gzip.h5")
    assert pack(tmp_path / "None.h5", tmp_path / "gzip.h5", overwrite=True) == tmp_path / "gzip.h5"


def test_ranks_that_hold_all_rows_are_joined_once_and_what_lacks_rows_is_left_out(
    tmp_path: Path,
) -> None:
    first, second = (
        write(tmp_path / "1", (0, 5), row_stop=2),
        write(tmp_path / "2", (0, 7), row_start=2),
    )
    joined = open_archive(merge([second, first], tmp_path / "joined"))
    assert (
        joined.steps == (0,)
        and (joined.z(0, "a") == Z).all()
        and (joined.row_digests(0, "b#2") == DIGESTS).all()
        and verify(joined.path) == []
    )
    assert joined.header["world_size"] == 1 and joined.metrics == {0: {"loss": 0.0}}
    with pytest.raises(ArchiveExists, match="joined exists; choose another folder"):
        merge([first, second], tmp_path / "joined")
    with pytest.raises(InputError, match="no step is complete: .* never cover all 6 rows"):
        merge([first], tmp_path / "half")
    with pytest.raises(InputError, match="at least one run"):
        merge([], tmp_path / "none")
    with pytest.raises(InputError, match="cannot merge with .*: the layers differ"):
        merge(
            [
                first,
                write(
                    tmp_path / "3",
                    layers=[LAYERS[0], replace(LAYERS[1], reduction="none")],
                    row_start=2,
                ),
            ],
            tmp_path / "other",
        )
    with pytest.raises(InputError, match="probe_sha256 differs"):
        merge([first, write(tmp_path / "4", x=X + 1, row_start=2)], tmp_path / "other")
    assert not any((tmp_path / name).exists() for name in ("half", "none", "other"))


def test_the_grid_of_a_plane_has_every_number_at_its_place(tmp_path: Path) -> None:
    chain = Chain(("a", "b"), (("cut", "cut"), ("no-path", "cut")), rows=N)
    points = tuple(
        Point(step, layer, quantity, Estimate(step + k + (10 if quantity == "i_zy" else 0), N, spec, sense))  # type: ignore[arg-type]  # as listed
        for step in (0, 4) for k, layer in enumerate("ab") for quantity in ("i_xz", "i_zy") for spec, sense in (("exact", "exact"), ("kde", "lower"))
    )  # fmt: skip
    path = save_plane(Plane(points[:-1], ("a", "b"), N, chain=chain), tmp_path / "p.h5")
    with h5py.File(path) as f:
        assert [v.decode() for v in f["series"][()]] == ["exact exact", "kde lower"] and f["step"][
            ()
        ].tolist() == [0, 4]
        assert [[d[0].name for d in f["bits"].dims]] == [
            ["/quantity", "/series", "/layer", "/step"]
        ] and f["bits"].attrs["units"] == b"bit"
        grid = f["bits"][()]
    assert np.isnan(grid).sum() == 1 and np.isnan(grid[1, 1, 1, 1])
    assert (
        grid[0, 0].tolist() == [[0, 4], [1, 5]]
        and grid[1, 0].tolist() == [[10, 14], [11, 15]]
        and grid[1, 1, 1, 0] == 11
    )
    with pytest.raises(ArchiveExists):
        save_plane(Plane((), ("a",), N), path)
    with h5py.File(save_plane(Plane((), ("a",), N), path, overwrite=True)) as f:
        assert "bits" not in f and load_plane(path).points == ()


def test_result_lines_lie_beside_a_packed_file_and_inside_a_folder(tmp_path: Path) -> None:
    run = write(tmp_path / "run", (0,))
    inside, beside = ResultLog(run), ResultLog(pack(run, tmp_path / "p.h5"), "more")
    assert (
        inside.path == run / "planes/results.jsonl"
        and beside.path == tmp_path / "p.h5.planes/more.jsonl"
        and beside.read() == {}
    )
    for log in (inside, beside):
        log.append("k", {"a": 1, "bad": math.inf})
        log.append("k", {"a": 2})
        assert log.read() == {"k": {"a": 2}} and log.path.read_bytes().count(b"\n") == 2


def test_result_lines_of_one_call_are_synced_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write(tmp_path / "run", (0,))
    log, synced = ResultLog(run), []
    plain = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(fd), plain(fd))[1])
    log.extend([])
    assert not log.path.exists() and synced == []
    log.extend((f"k{k}", {"bits": float(k)}) for k in range(5))
    assert len(synced) == 1 and log.read() == {f"k{k}": {"bits": float(k)} for k in range(5)}
    log.path.write_bytes(log.path.read_bytes()[:-3])  # killed while the last line was written
    log.extend([("k5", {"bits": 5.0}), ("k6", {"bits": 6.0})])
    assert set(log.read()) == {"k0", "k1", "k2", "k3", "k5", "k6"}


def test_result_lines_that_were_read_are_not_read_again_unless_the_file_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write(tmp_path / "run", (0,))
    writer, reader, looked = ResultLog(run), ResultLog(run), []
    plain = planes._record
    monkeypatch.setattr(planes, "_record", lambda line: (looked.append(line), plain(line))[1])
    assert reader.read() == {}
    writer.extend((f"k{k}", {"bits": float(k)}) for k in range(3))
    first = reader.read()
    assert len(first) == len(looked) == 3 and reader.read() == first and len(looked) == 3
    with writer.path.open("ab") as file:
        file.write(b"0000 {torn")
    assert reader.read() == first and len(looked) == 4
    writer.append("k3", {"bits": 3.0})
    writer.append("k0", {"bits": 9.0})
    assert (
        reader.read() == ResultLog(run).read() == first | {"k3": {"bits": 3.0}, "k0": {"bits": 9.0}}
    )
    whole = writer.path.read_bytes()
    writer.path.write_bytes(whole[:-1])  # the end of its line is not there yet, all else is
    assert reader.read()["k0"] == {"bits": 9.0}
    writer.path.write_bytes(whole.splitlines(keepends=True)[1])
    assert reader.read() == {"k1": {"bits": 1.0}}
    writer.path.unlink()
    assert reader.read() == {}
    writer.append("k7", {"bits": 7.0})
    assert reader.read() == {"k7": {"bits": 7.0}}


def test_tensors_lists_and_halves_become_arrays() -> None:
    import torch

    assert (
        as_array([[1, 2]], "x").dtype == np.int64
        and as_array(torch.ones(2, dtype=torch.bfloat16), "x").dtype == np.float32
    )
    assert as_array(torch.ones(2, dtype=torch.float16, requires_grad=True), "x").dtype == np.float16


def test_an_hdf5_file_is_known_by_its_first_eight_bytes(tmp_path: Path) -> None:
    for content in (b"", b"\x89HDF\r\n\x1a", b"\x89HDF\r\n\x1a\r" + bytes(600)):
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(NotAnArchive, match="not an HDF5 file"), reading_h5(tmp_path / "f"):
            pass


def test_shards_without_a_header_are_what_a_killed_overwriting_leaves_and_nothing_else(
    tmp_path: Path,
) -> None:
    (write(tmp_path / "run", (0,)) / "run.json").unlink()
    with pytest.raises(ArchiveExists, match="not empty and not a run"):
        write(tmp_path / "run", (1,))
    assert open_archive(write(tmp_path / "run", (1,), overwrite=True)).steps == (1,)


def test_a_split_code_beyond_the_table_is_damage(tmp_path: Path) -> None:
    run = write(tmp_path / "run", (0,), split=np.array(["train"] * 5 + ["test"]))
    assert open_archive(run).split.tolist() == ["train"] * 5 + ["test"]
    with h5py.File(run / "probe.h5", "r+") as f:
        f["split"][0] = len(layout.SPLITS)
    with pytest.raises(DamagedArchive, match="split"):
        _ = open_archive(run).split


def test_damage_is_placed_in_the_file_of_a_folder_and_under_the_key_of_a_packed_file(
    tmp_path: Path,
) -> None:
    run = write(tmp_path / "run", (0,))
    shard = next((run / "ckpt").glob("*.h5"))
    packed = pack(run, tmp_path / "p.h5")
    for path, inside in ((shard, ""), (packed, f"ckpt/{shard.name}/")):
        with h5py.File(path, "r+") as f:
            f[inside + "layers/0000/call/0"][0, 0] += 1
    for archive, where in (
        (open_archive(run), str(shard)),
        (open_archive(packed), f"{packed}: ckpt/{shard.name}"),
    ):
        with pytest.raises(DamagedArchive) as raised:
            archive.z(0, "a")
        assert str(raised.value).startswith(where)


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


def test_the_shards_of_a_joined_run_are_those_of_one_rank(tmp_path: Path) -> None:
    for rank, rows in enumerate((slice(0, 4), slice(4, N))):
        write(
            tmp_path / "run",
            (0,),
            rank=rank,
            world_size=2,
            row_start=rows.start,
            row_stop=rows.stop,
        )
    joined = merge([tmp_path / "run"], tmp_path / "joined")
    assert [(s.rank, s.world) for s in shard_names(joined)] == [(0, 1)] and verify(joined) == []


@pytest.mark.parametrize("change", [{"arrays": []}, {"y_kind": "ordinal"}])
def test_a_probe_header_is_whole_in_every_part(tmp_path: Path, change: dict[str, object]) -> None:
    run = write(tmp_path / "run", (0,))
    with h5py.File(run / "probe.h5", "r+") as f:
        body = {**json.loads(f["meta"][()]), **change}
        body.pop("crc32")
        text = layout.sealed(body).encode()
        del f["meta"]
        f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))
    with pytest.raises(DamagedArchive, match="malformed probe header"):
        _ = open_archive(run).y
