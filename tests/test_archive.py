"""The archive gives back what was written: folders, packed files, merged and resumed runs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from infoplane.archive import (
    ResultLog,
    RunWriter,
    layer_array,
    layout,
    load_plane,
    merge,
    open_archive,
    pack,
    save_plane,
    verify,
)
from infoplane.errors import (
    ArchiveError,
    ArchiveExists,
    ArchiveLocked,
    InputError,
    NotAnArchive,
    VersionError,
)
from infoplane.plane import Failure, Plane, Point
from infoplane.rows import row_digests
from infoplane.types import Chain, Estimate, LayerInfo

N = 24
LAYERS = [
    LayerInfo("a/b", 0, "Linear", (5,)),
    LayerInfo("conv#2", 1, "Conv2d", (2, 3)),
    LayerInfo("scalar", 2),
]
X = np.random.default_rng(0).standard_normal((N, 4)).astype(np.float32)
Y = np.arange(N) % 3


def z_of(step: int, layer: LayerInfo) -> np.ndarray:
    return (
        np.random.default_rng([step, layer.ordinal])
        .standard_normal((N, *layer.shape))
        .astype(np.float32)
    )


def write(path: Path, steps=(0, 2, 7), **options) -> Path:
    rows = slice(options.get("row_start", 0), options.get("row_stop"))
    with RunWriter.create(
        path, **{"layers": LAYERS, "x": X, "y": Y, "durable": False, **options}
    ) as writer:
        for step in steps:
            with writer.step(
                step, metrics={"loss": 1 / (step + 1)}, meta={"mode": "eval"}
            ) as shard:
                for layer in LAYERS:
                    shard.write(layer.name, z_of(step, layer)[rows])
                shard.attach("gradients", {"step": step, "snr": float("nan")})
    return path


def test_everything_written_comes_back(tmp_path):
    chain = Chain(tuple(i.name for i in LAYERS), (("cut",) * 3,) * 3, rows=N)
    archive = open_archive(
        write(
            tmp_path / "run", chain=chain, split=["train"] * 20 + ["test"] * 4, config={"seed": 3}
        )
    )
    assert (
        archive.steps == (0, 2, 7)
        and archive.layers == ("a/b", "conv#2", "scalar")
        and archive.n_rows == N
    )
    for step, layer in archive:
        np.testing.assert_array_equal(archive.z(step, layer), z_of(step, archive.layer_info(layer)))
        np.testing.assert_array_equal(
            np.concatenate(list(archive.chunks(step, layer, 7))), archive.z(step, layer)
        )
        assert archive.row_digests(step, layer).shape == (N, 2)
    np.testing.assert_array_equal(archive.x, X)
    np.testing.assert_array_equal(archive.y, Y)
    assert (
        archive.y_kind == "discrete"
        and archive.split.tolist().count("test") == 4
        and archive.chain == chain
    )
    assert (
        archive.config["seed"] == 3
        and archive.metrics[2] == {"loss": 1 / 3}
        and archive.meta(2) == {"mode": "eval"}
    )
    assert (
        archive.extra(2, "gradients")["step"] == 2
        and np.isnan(archive.extra(2, "gradients")["snr"])
        and archive.extra(2, "none") is None
    )
    assert verify(tmp_path / "run") == []


def test_what_is_looked_at_beside_the_writing_is_the_same(tmp_path, monkeypatch):
    plain = open_archive(write(tmp_path / "plain"))
    monkeypatch.setattr(layer_array, "LARGE_BYTES", 1)
    monkeypatch.setattr(layer_array, "CACHED_BYTES", 50)  # a few rows at a time
    monkeypatch.setattr(layer_array, "has_spare_core", lambda: True)
    before = threading.active_count()
    beside = open_archive(write(tmp_path / "beside"))
    assert (
        beside.digest == plain.digest
        and verify(beside.path) == []
        and threading.active_count() == before
    )
    for step, layer in plain:
        np.testing.assert_array_equal(
            beside.row_digests(step, layer), plain.row_digests(step, layer)
        )
    z = np.full((N, 5), np.nan, np.float32)
    z[3:] = 0
    with (
        RunWriter.create(tmp_path / "nan", layers=LAYERS[:1], x=X, y=Y) as writer,
        writer.step(0) as shard,
    ):
        shard.write("a/b", z)
        assert shard.nonfinite == {"a/b": 15}


def test_a_piece_is_the_callers_again_also_after_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(layer_array, "LARGE_BYTES", 1)
    monkeypatch.setattr(layer_array, "has_spare_core", lambda: True)
    looked = []
    monkeypatch.setattr(
        layer_array,
        "look_at_pieces",
        lambda a, found, size, pieces: (time.sleep(0.05), looked.append(len(a)), 0)[-1],
    )

    def refuse(raw, crc):
        raise MemoryError("no room")

    with (
        RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y) as writer,
        pytest.raises(MemoryError, match="no room"),
    ):
        with writer.step(0) as shard:
            monkeypatch.setattr(layer_array, "crc32", refuse)
            try:
                shard.write("a/b", z_of(0, LAYERS[0]))
            finally:
                assert looked == [N]


def test_every_piece_is_looked_at_once_by_whichever_thread_is_free(tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    z = rng.standard_normal((4000, 8)).astype(np.float32)
    z[rng.random(z.shape) < 0.01] = np.nan
    monkeypatch.setattr(layer_array, "LARGE_BYTES", 1)
    monkeypatch.setattr(layer_array, "CACHED_BYTES", 1)  # 64 rows at a time, the fewest
    monkeypatch.setattr(layer_array, "has_spare_core", lambda: True)
    at_work, digest = set(), layer_array.digested

    def slowly(rows):
        at_work.add(threading.get_ident())
        assert len(rows) in (64, 1000 % 64, (4000 - 1064) % 64)
        time.sleep(1e-3)
        return digest(rows)

    monkeypatch.setattr(layer_array, "digested", slowly)
    with (
        RunWriter.create(
            tmp_path / "run", layers=[LayerInfo("z", 0, shape=(8,))], x=z, y=None
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.append("z", z[:1000])
        shard.append("z", z[1000:1064])
        shard.append("z", z[1064:])
    archive = open_archive(tmp_path / "run")
    assert (
        len(at_work) == 2
        and archive.n_nonfinite(0, "z") == np.isnan(z).sum()
        and verify(archive.path) == []
    )
    np.testing.assert_array_equal(archive.z(0, "z"), z)
    np.testing.assert_array_equal(archive.row_digests(0, "z"), row_digests(z))


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="a system that takes no advice")
@pytest.mark.parametrize("refuses", [False, True])
def test_the_disk_begins_with_large_writes_of_what_will_be_synced(tmp_path, monkeypatch, refuses):
    told = []

    def advise(fd, offset, length, advice):
        told.append((length, advice))
        if refuses:
            raise OSError("not on this file system")

    monkeypatch.setattr(os, "posix_fadvise", advise)
    z = np.random.default_rng(0).standard_normal((2048, 65)).astype(np.float32)
    for durable, small in ((True, False), (True, True), (False, False)):
        told.clear()
        rows = z[: 900 if small else 2048]
        path = tmp_path / f"{durable}{small}"
        with RunWriter.create(
            path, layers=[LayerInfo("z", 0, shape=(65,))], x=rows, y=None, durable=durable
        ) as writer:
            told.clear()
            with writer.step(0) as shard:
                shard.write("z", rows)
        assert told == ([(rows.nbytes, os.POSIX_FADV_DONTNEED)] if durable and not small else [])
        assert verify(path) == []
        np.testing.assert_array_equal(open_archive(path).z(0, "z"), rows)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "i4", "i8"])
def test_every_tool_that_reads_hdf5_finds_what_was_written(tmp_path, dtype):
    layers = [
        LayerInfo(f"l{k}", 0, shape=shape) for k, shape in enumerate([(5,), (2, 3), (), (0,)])
    ]
    arrays = {
        info.name: (np.random.default_rng(4).normal(size=(N, *info.shape)) * 9).astype(dtype)
        for info in layers
    }
    with (
        RunWriter.create(tmp_path / "run", layers=layers, x=X, y=None) as writer,
        writer.step(0) as shard,
    ):
        for name, a in arrays.items():
            shard.append(name, a[:1])
            shard.append(name, a[1:])
    archive = open_archive(tmp_path / "run")
    with h5py.File(next((tmp_path / "run" / "ckpt").glob("*.h5"))) as file:
        for k, (name, a) in enumerate(arrays.items()):
            stored, digests = file[f"layers/{k:04d}/call/0"], file[f"rows/{k:04d}"]
            assert (
                stored.dtype == a.dtype
                and stored.shape == a.shape
                and digests.dtype == np.uint64
                and digests.shape == (N, 2)
            )
            np.testing.assert_array_equal(stored[...], a)
            np.testing.assert_array_equal(digests[...], row_digests(a))
            np.testing.assert_array_equal(archive.row_digests(0, name), digests[...])
            assert stored.attrs["name"].decode() == name and file.attrs["complete"] == 1


def test_a_resumed_writer_lets_training_roll_back_once_and_a_closed_one_writes_no_more(tmp_path):
    write(tmp_path / "run")
    layers, steps = LAYERS, open_archive(tmp_path / "run").steps
    with RunWriter.create(tmp_path / "run", layers=layers, x=X, y=Y, resume=True) as writer:
        with writer.step(steps[-1]) as shard:
            for info in layers:
                shard.write(info.name, z_of(0, info))
        with pytest.raises(InputError, match="steps must ascend"), writer.step(steps[-1]):
            pass
    with pytest.raises(ArchiveError, match="this writer is closed"), writer.step(steps[-1] + 1):
        pass


def test_a_second_thread_is_taken_only_where_the_training_waits_for_this_one(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    for name in ("INFOPLANE_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert layer_array.has_spare_core()
    elsewhere = []
    background = threading.Thread(target=lambda: elsewhere.append(layer_array.has_spare_core()))
    background.start()
    background.join()
    assert elsewhere == [False]
    for setting in ("1", "many"):  # what is no number is told of where something is measured
        monkeypatch.setenv("INFOPLANE_THREADS", setting)
        assert not layer_array.has_spare_core()
    monkeypatch.setenv("INFOPLANE_THREADS", "2")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert not layer_array.has_spare_core()


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_packed_file_has_the_content_and_the_digest_of_its_folder(tmp_path, compression):
    run = open_archive(write(tmp_path / "run"))
    packed = open_archive(pack(run.path, tmp_path / "run.h5", compression=compression))
    assert (
        packed.digest == run.digest and packed.metrics == run.metrics and verify(packed.path) == []
    )
    for step, layer in run:
        np.testing.assert_array_equal(packed.z(step, layer), run.z(step, layer))
    with pytest.raises(ArchiveExists, match="overwrite=True"):
        pack(run.path, packed.path)


def test_the_digest_follows_the_content_and_nothing_else(tmp_path):
    one, two = (
        open_archive(write(tmp_path / "one")),
        open_archive(write(tmp_path / "two", config={"seed": 9})),
    )
    assert one.digest == two.digest and one.run_uuid != two.run_uuid
    assert open_archive(write(tmp_path / "three", steps=(0, 2, 8))).digest != one.digest
    assert (
        one.content_key(0, "scalar") == two.content_key(0, "scalar") != one.content_key(2, "scalar")
    )


def test_ranks_are_joined_in_row_order_and_an_incomplete_step_is_not_a_step(tmp_path):
    write(tmp_path / "run", world_size=2, rank=0, row_stop=10)
    write(tmp_path / "run", steps=(0, 2), world_size=2, rank=1, row_start=10)
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (0, 2)
    np.testing.assert_array_equal(archive.z(2, "a/b"), z_of(2, LAYERS[0]))
    assert any("step 7 is not complete" in problem for problem in verify(archive.path))
    joined = open_archive(merge([archive.path], tmp_path / "joined"))
    assert joined.digest == open_archive(write(tmp_path / "whole", steps=(0, 2))).digest
    assert verify(joined.path) == []


def test_folders_of_separate_ranks_merge_and_other_probes_do_not(tmp_path):
    write(tmp_path / "r0", row_stop=9)
    write(tmp_path / "r1", row_start=9)
    joined = open_archive(merge([tmp_path / "r1", tmp_path / "r0"], tmp_path / "joined"))
    assert joined.digest == open_archive(write(tmp_path / "whole")).digest
    write(tmp_path / "other", x=X + 1)
    with pytest.raises(InputError, match="different probes"):
        merge([tmp_path / "r0", tmp_path / "other"], tmp_path / "no")
    with pytest.raises(InputError, match="no step is complete"):
        merge([tmp_path / "r0"], tmp_path / "no")


def test_a_run_resumes_and_a_rollback_sets_later_steps_aside(tmp_path):
    write(tmp_path / "run")
    with RunWriter.create(
        tmp_path / "run", layers=LAYERS, x=X, y=Y, resume=True, durable=False
    ) as writer:
        assert writer.steps_written == (0, 2, 7)
        with writer.step(2) as shard:
            shard.write("scalar", np.ones(N, np.float32))
        assert writer.steps_written == (0, 2)
    archive = open_archive(tmp_path / "run")
    assert archive.steps == (0, 2) and archive.has(2, "scalar") and not archive.has(2, "a/b")
    assert len(list((tmp_path / "run/ckpt/superseded-0").glob("*-s000000000007-*.h5"))) == 1
    with pytest.raises(InputError, match="was not captured at step 2"):
        archive.z(2, "a/b")


def test_a_run_looked_at_again_reads_only_what_is_new_and_never_mixes_runs(tmp_path, monkeypatch):
    from infoplane.archive import store

    run, read = write(tmp_path / "run"), []
    one = open_archive(run)
    real = store.read_meta
    monkeypatch.setattr(store, "read_meta", lambda *a: read.append(a[2]) or real(*a))
    with RunWriter.create(run, layers=LAYERS, x=X, y=Y, resume=True, durable=False) as writer:
        read.clear()
        with writer.step(2, metrics={"loss": 5.0}) as shard:  # rolled back: 2 again, 7 no more
            shard.write("scalar", np.ones(N, np.float32))
    two = one.refresh()
    assert (
        two.steps == (0, 2)
        and two.metrics == {0: {"loss": 1.0}, 2: {"loss": 5.0}}
        and not two.has(2, "a/b")
    )
    assert len(read) == 1 and "-s000000000002-" in read[0] and one.steps == (0, 2, 7)
    shutil.rmtree(run)
    write(run)
    assert two.refresh().run_uuid != two.run_uuid and two.refresh().metrics == one.metrics


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X + 1}, "the probe .* differs"),
        ({"y": Y[::-1]}, "the probe .* differs"),
        ({"layers": LAYERS[:2]}, "the layers differ"),
        ({"world_size": 2}, "written by 1 ranks"),
    ],
)
def test_a_resume_with_other_content_is_refused(tmp_path, change, message):
    write(tmp_path / "run")
    with pytest.raises(InputError, match=message):
        RunWriter.create(
            tmp_path / "run", **{"layers": LAYERS, "x": X, "y": Y, "resume": True, **change}
        )
    RunWriter.create(
        tmp_path / "run", layers=LAYERS, x=X, y=Y, resume=True
    ).close()  # the refusal released its lock


def test_nothing_is_overwritten_unasked_and_files_of_others_are_never_removed(tmp_path):
    write(tmp_path / "run")
    (tmp_path / "run/notes.txt").write_text("mine")
    with pytest.raises(ArchiveExists, match="overwrite=True to replace it or resume=True"):
        write(tmp_path / "run")
    write(tmp_path / "run", steps=(1,), overwrite=True)
    assert (
        open_archive(tmp_path / "run").steps == (1,)
        and (tmp_path / "run/notes.txt").read_text() == "mine"
    )
    (tmp_path / "home").mkdir()
    (tmp_path / "home/thesis.tex").write_text("x")
    for how in ({}, {"overwrite": True}, {"resume": True}):
        with pytest.raises(ArchiveExists, match="not empty and not a run"):
            write(tmp_path / "home", **how)
    assert os.listdir(tmp_path / "home/") in (
        ["thesis.tex"],
        ["thesis.tex", "ckpt"],
        ["ckpt", "thesis.tex"],
    )


def test_two_recorders_on_one_run_the_second_is_told_who_holds_it(tmp_path):
    with RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y):
        with pytest.raises(
            ArchiveLocked,
            match=f"another recorder of this very process .{os.getpid()}. writes to this run",
        ):
            RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y, resume=True)
    RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y, resume=True).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_neither_writes_nor_keeps_the_lock(tmp_path):
    writer = RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with writer.step(0):
                code = b"wrote"
        except ArchiveLocked:
            code = b"refused"
        os.write(ready[1], code)
        os.read(done[0], 1)  # stays alive while the parent gives the lock up and takes it again
        os._exit(0)
    assert os.read(ready[0], 20) == b"refused"
    writer.close()
    RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y, resume=True).close()
    os.write(done[1], b".")
    os.waitpid(child, 0)
    for fd in (*ready, *done):
        os.close(fd)


def test_an_error_inside_a_step_leaves_no_file_and_the_writer_usable(tmp_path):
    with RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y) as writer:
        for error in (ValueError("reduce failed"), KeyboardInterrupt(), MemoryError()):
            with pytest.raises(type(error)), writer.step(0) as shard:
                shard.write("scalar", np.ones(N))
                raise error
            assert os.listdir(tmp_path / "run/ckpt") == []
        with writer.step(0) as shard:
            shard.write("scalar", np.ones(N))
    assert open_archive(tmp_path / "run").steps == (0,)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda s: s.write("fc", np.ones(N)), "no such layer: 'fc'; this run has"),
        (lambda s: s.write("scalar", np.ones(N + 1)), r"expected shape \(24,\).*got \(25,\)"),
        (lambda s: s.write("scalar", np.ones(N, complex)), "got dtype complex128"),
        (lambda s: [s.write("scalar", np.ones(N)) for _ in range(2)], "already written"),
        (lambda s: s.attach("f", {"f": open}), "cannot be stored as JSON"),
    ],
)
def test_wrong_writes_say_what_was_expected(tmp_path, use, message):
    with (
        RunWriter.create(tmp_path / "run", layers=LAYERS, x=X, y=Y) as writer,
        pytest.raises(InputError, match=message),
        writer.step(0) as shard,
    ):
        use(shard)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ({"x": X, "y": Y[:5]}, "same positive number of rows"),
        ({"x": None, "y": None}, "same positive number of rows"),
        ({"x": X[:0], "y": Y[:0]}, "same positive number of rows"),
        ({"x": X, "y": Y.astype(float)}, "state y_kind='continuous'"),
        ({"x": X, "y": np.where(Y == 0, np.nan, 1.0), "y_kind": "continuous"}, "NaN or infinity"),
        ({"x": X, "y": Y / 7, "y_kind": "discrete"}, "soft labels"),
        ({"x": X, "y": np.array([{}] * N)}, "mixed objects"),
        ({"x": X, "y": Y, "split": ["dev"] * N}, "'train', 'test' or ''"),
        ({"x": X, "y": Y, "row_ids": np.ones(N)}, "row_ids: expected integers"),
    ],
)
def test_a_probe_that_does_not_fit_is_refused(tmp_path, probe, message):
    with pytest.raises(InputError, match=message):
        RunWriter.create(tmp_path / "run", layers=LAYERS, **probe)
    assert not (tmp_path / "run").exists()


def test_string_labels_are_coded_and_their_names_kept(tmp_path):
    archive = open_archive(write(tmp_path / "run", y=np.array(["dog", "cat"] * 12)))
    assert (
        archive.y.tolist()[:2] == [1, 0]
        and archive.config["class_names"] == ["cat", "dog"]
        and archive.y_kind == "discrete"
    )


def test_equal_inputs_share_a_row_id_even_when_inputs_are_not_stored(tmp_path):
    x = X.copy()
    x[5], x[7, 0], x[8] = x[3], 0.0, x[7]
    x[8, 0], x[7, 0] = -0.0, 0.0
    x[8, 1:] = x[7, 1:]
    archive = open_archive(write(tmp_path / "run", x=x, store_x=False))
    ids = archive.row_ids
    assert (
        archive.x is None
        and ids[5] == ids[3]
        and ids[7] == ids[8]
        and len(set(ids.tolist())) == N - 2
    )


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u1", "i8", "?", ">f4"])
def test_every_dtype_round_trips(tmp_path, dtype):
    values = np.random.default_rng(1).integers(0, 2, (N, 3)).astype(dtype)
    with (
        RunWriter.create(
            tmp_path / "run", layers=[LayerInfo("l", 0, shape=(3,))], x=X, y=Y
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write("l", values)
    np.testing.assert_array_equal(open_archive(tmp_path / "run").z(0, "l"), values)


def test_nan_inf_denormals_and_negative_zero_are_kept_bit_for_bit(tmp_path):
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4e38] * 4, np.float32)
    with (
        RunWriter.create(tmp_path / "run", layers=[LayerInfo("l", 0)], x=X, y=Y) as writer,
        writer.step(0) as shard,
    ):
        shard.write("l", values)
    assert (
        open_archive(tmp_path / "run").z(0, "l").tobytes() == values.tobytes()
        and verify(tmp_path / "run") == []
    )


def test_a_reduced_layer_needs_the_digests_of_its_raw_rows(tmp_path):
    with RunWriter.create(
        tmp_path / "run", layers=[LayerInfo("l", 0, reduction="gap")], x=X, y=Y
    ) as writer:
        with (
            pytest.raises(InputError, match="pass row_digests of the raw activation"),
            writer.step(0) as shard,
        ):
            shard.write("l", np.ones(N, np.float32))


def test_an_archive_pickles_and_is_read_by_many_threads_at_once(tmp_path):
    archive = pickle.loads(pickle.dumps(open_archive(write(tmp_path / "run"))))
    wrong: list[object] = []

    def read() -> None:
        for step, layer in list(archive) * 5:
            if not np.array_equal(archive.z(step, layer), z_of(step, archive.layer_info(layer))):
                wrong.append((step, layer))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_unknown_steps_and_layers_are_named(tmp_path):
    archive = open_archive(write(tmp_path / "run"))
    with pytest.raises(InputError, match=r"no such step: 5; the archive has \[0, 2, 7\]"):
        archive.z(5, "scalar")
    with pytest.raises(InputError, match="no such layer: 'fc'"):
        archive.z(0, "fc")
    with pytest.raises(InputError, match="no such layer"):
        archive.has(0, 3)  # type: ignore[arg-type]


def test_what_is_no_archive_is_refused_by_name(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    with h5py.File(tmp_path / "foreign.h5", "w") as f:
        f["data"] = [1]
    (tmp_path / "empty").mkdir()
    for name, message in [
        ("text.h5", "not an HDF5 file"),
        ("foreign.h5", "key 'meta' is missing"),
        ("empty", "has no run.json"),
        ("gone", "no such file"),
    ]:
        with pytest.raises(NotAnArchive, match=message):
            open_archive(tmp_path / name)
        assert len(verify(tmp_path / name)) == 1
    with pytest.raises(NotAnArchive, match="not an HDF5 file"):
        load_plane(tmp_path / "text.h5")


def test_an_empty_run_opens_with_no_steps(tmp_path):
    archive = open_archive(write(tmp_path / "run", steps=()))
    assert (
        archive.steps == ()
        and list(archive) == []
        and verify(tmp_path / "run") == []
        and "0 steps" in repr(archive)
    )


def test_a_newer_major_version_is_refused_and_a_newer_minor_read(tmp_path):
    path = write(tmp_path / "run") / "run.json"
    body = json.loads(path.read_text())
    body.pop("crc32")
    path.write_text(layout.sealed({**body, "format_version": "1.9", "later": 1}))
    assert open_archive(tmp_path / "run").steps == (0, 2, 7)
    path.write_text(layout.sealed({**body, "format_version": "2.0"}))
    with pytest.raises(
        VersionError,
        match=r"run.json: written in format 2.0, this infoplane reads 1.x; install a newer",
    ):
        open_archive(tmp_path / "run")


def test_a_layer_name_is_shown_escaped(tmp_path):
    with RunWriter.create(tmp_path / "run", layers=[LayerInfo("<script>", 0)], x=X, y=Y):
        pass
    assert "<script>" not in open_archive(tmp_path / "run")._repr_html_()


@pytest.mark.slow
def test_ten_thousand_layers_and_a_megabyte_of_config(tmp_path):
    layers = [LayerInfo(f"block.{i}", i) for i in range(10_000)]
    with (
        RunWriter.create(
            tmp_path / "run", layers=layers, x=X, y=Y, config={"text": "x" * 10**6}, durable=False
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write("block.9999", np.ones(N, np.float32))
    archive = open_archive(tmp_path / "run")
    assert (
        len(archive.layers) == 10_000
        and archive.z(0, "block.9999").sum() == N
        and len(archive.config["text"]) == 10**6
    )


def test_a_plane_comes_back_equal_and_its_grid_is_labelled(tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    points = tuple(
        Point(s, name, q, Estimate(s + 0.5, 9, "bin:szt", "point", notes=("n",)))
        for s in (0, 3)
        for name in ("a", "b")
        for q in ("i_xz", "i_zy")
    )
    plane = Plane(
        points,
        ("a", "b"),
        9,
        0.9,
        3.1,
        metrics={0: {"loss": float("inf")}},
        failures=(Failure(3, "a", "ksg", "why"),),
        provenance={"seed": "0"},
    )
    assert load_plane(save_plane(plane, tmp_path / "p.h5")) == plane
    with xarray.open_dataset(tmp_path / "p.h5", engine="h5netcdf") as grid:
        assert float(grid["bits"].sel(quantity="i_zy", layer="b", step=3).squeeze()) == 3.5
    with pytest.raises(ArchiveExists):
        save_plane(plane, tmp_path / "p.h5")


def test_a_torn_result_line_is_measured_again_and_never_joined_to_the_next(tmp_path):
    log = ResultLog(write(tmp_path / "run"))
    log.append("a", {"bits": 1.0})
    log.append("b", {"bits": float("inf")})
    whole = log.path.read_bytes()
    for cut in range(len(whole)):
        log.path.write_bytes(whole[:cut])
        assert set(log.read()) <= {"a", "b"}
    log.path.write_bytes(whole[:-3])
    log.append("c", {})
    assert log.read() == {"a": {"bits": 1.0}, "c": {}}


def test_a_flipped_digit_in_run_json_is_noticed(tmp_path):
    path = write(tmp_path / "run") / "run.json"
    path.write_text(path.read_text().replace('"n_rows": 24', '"n_rows": 23'))
    with pytest.raises(ArchiveError, match="'crc32' does not match"):
        open_archive(tmp_path / "run")
