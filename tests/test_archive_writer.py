"""Writing a run: ranks, steps, pieces of layers, and refusals."""

from __future__ import annotations

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from builders import ACTIVATIONS, DIGESTS, INPUTS, LAYERS, ROWS, one_step, write_run

from infoplane.archive import RunWriter, layout, open_archive
from infoplane.archive.layer_array import count_nonfinite
from infoplane.archive.lock import WriterLock
from infoplane.archive.run_folder import wait_for
from infoplane.archive.shard_writer import as_array
from infoplane.archive.store import shard_names
from infoplane.errors import ArchiveError, ArchiveExists, InputError
from infoplane.types import LayerInfo


def test_a_file_of_another_rank_is_waited_for_and_then_missed(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(ArchiveError, match="did not appear within 0 s"):
        wait_for(tmp_path / "never", seconds=0.3)
    assert 0.3 <= time.monotonic() - start < 5


def test_a_run_that_cannot_be_resumed_names_the_layers_that_changed(tmp_path: Path) -> None:
    layers = {name: ("Linear", np.zeros((4, 2), np.float32)) for name in "abc"}
    one_step(tmp_path / "run", **layers)
    layers["b"] = ("Linear", np.zeros((4, 3), np.float32))
    infos = [
        LayerInfo(name, k, cls, z.shape[1:], store_dtype=str(z.dtype))
        for k, (name, (cls, z)) in enumerate(layers.items())
    ]
    with pytest.raises(InputError, match=r"3 instead of 3; changed: \['b'\]"):
        RunWriter.create(
            tmp_path / "run",
            layers=infos,
            x=np.eye(4),
            y=np.arange(4) % 2,
            durable=False,
            resume=True,
        )


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


def test_a_header_that_would_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by reading: such a shard was published, and refused by every reader: its activations
    were lost.
    """
    monkeypatch.setattr(layout, "MAX_JSON", 4000)
    with (
        RunWriter.create(
            tmp_path / "run", layers=[LayerInfo("a", 0, shape=(3,))], x=ACTIVATIONS, y=None
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write("a", ACTIVATIONS)
        shard.attach("small", {"text": "x" * 2000})
        with pytest.raises(InputError, match="expected at most 4000; attach less"):
            shard.attach("large", {"text": "µ" * 1000})
        shard.attach("again", {"text": "x" * 500})
    archive = open_archive(tmp_path / "run")
    np.testing.assert_array_equal(archive.z(0, "a"), ACTIVATIONS)
    assert (
        archive.extra(0, "small") is not None
        and archive.extra(0, "large") is None
        and archive.extra(0, "again") is not None
    )


@pytest.mark.parametrize(
    ("rank", "world", "rows", "fine"),
    [
        (0, 1, (0, 6), True),
        (0, 1, (0, 7), False),
        (0, 1, (-1, 6), False),
        (0, 1, (3, 3), False),
        (0, 1, (2, 3), True),
        (1, 1, (0, 6), False),
        (-1, 1, (0, 6), False),
        (0, 0, (0, 6), False),
        (0, 9999, (0, 6), True),
        (0, 10_000, (0, 6), False),
    ],
)
def test_a_rank_writes_rows_that_exist_of_a_world_that_has_it(
    tmp_path: Path, rank: int, world: int, rows: tuple[int, int], fine: bool
) -> None:
    def create() -> None:
        RunWriter.create(
            tmp_path / "run",
            layers=LAYERS,
            x=INPUTS,
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
    with RunWriter.create(tmp_path / "run", layers=LAYERS, x=INPUTS, y=None, durable=False) as run:
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
        tmp_path / "run", layers=LAYERS, x=INPUTS, y=None, durable=False, resume=True
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
    with RunWriter.create(tmp_path / "run", layers=LAYERS, x=INPUTS, y=None, durable=False) as run:
        with run.step(0) as shard:
            for piece in (slice(0, 1), slice(1, 1), slice(1, 6)):
                shard.append("a", ACTIVATIONS[piece])
            assert shard.nonfinite == {}
        for pieces, words in (
            ((slice(0, 5),), "expected 6 rows in this step, got 5"),
            ((slice(0, 4), slice(0, 3)), "rows 4:7 of float32 do not go into 6 rows"),
        ):
            with pytest.raises(InputError, match=words), run.step(1) as shard:
                for piece in pieces:
                    shard.append("a", ACTIVATIONS[piece])
        with pytest.raises(InputError, match="rows 3:6 of float64 do not go"), run.step(1) as shard:
            shard.append("a", ACTIVATIONS[:3])
            shard.append("a", ACTIVATIONS[3:].astype(np.float64))
        with (
            pytest.raises(
                InputError, match=r"expected row_digests of shape \(6, 2\), got \(6, 1\)"
            ),
            run.step(1) as shard,
        ):
            shard.append("a", ACTIVATIONS, row_digests=DIGESTS[:, :1])
        for wrong in (ACTIVATIONS[:, :2], np.float32(3)):
            with (
                pytest.raises(InputError, match=r"expected rows of shape \(3,\)"),
                run.step(1) as shard,
            ):
                shard.append("a", wrong)
        with run.step(2) as shard:
            shard.append("a", np.where(ACTIVATIONS == 4, np.nan, ACTIVATIONS))
            shard.append("b#2", np.full((ROWS, 2), np.inf), row_digests=DIGESTS)
            assert shard.nonfinite == {"a": 1, "b#2": 12}
    archive = open_archive(tmp_path / "run")
    assert (
        (archive.z(0, "a") == ACTIVATIONS).all()
        and archive.n_nonfinite(2, "b#2") == 12
        and archive.n_nonfinite(0, "a") == 0
    )
    assert (
        archive.has(0, "a")
        and not archive.has(0, "b#2")
        and not archive.has(1, "a")
        and list(archive) == [(0, "a"), (2, "a"), (2, "b#2")]
    )


def test_a_layer_of_several_writes_is_read_back_to_the_last_byte(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (3, 524_287), dtype=np.uint8)
    run = one_step(tmp_path / "run", wide=("Linear", values))
    assert np.array_equal(run.z(0, "wide"), values)


def test_metrics_with_names_that_an_attribute_can_have_are_attributes_too(tmp_path: Path) -> None:
    names = {"loss": 0.5, "x" * 255: 1.0, "y" * 256: 2.0, "a\0b": 3.0, "": 4.0}
    with (
        RunWriter.create(tmp_path / "run", layers=LAYERS, x=INPUTS, y=None, durable=False) as run,
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
    run = write_run(tmp_path / "run")
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
            run, layers=LAYERS, x=INPUTS, y=np.arange(ROWS) % 2, durable=False, resume=True
        ).close()
        return [path.exists() for path in left]

    leave(0)
    assert resume() == [False, False, True, True]
    monkeypatch.setattr(WriterLock, "take", lambda self: None)  # a filesystem that cannot lock
    for age, stays in ((3500, True), (3700, False)):
        leave(age)
        assert resume() == [stays, stays, True, True]


def test_tensors_lists_and_halves_become_arrays() -> None:

    assert (
        as_array([[1, 2]], "x").dtype == np.int64
        and as_array(torch.ones(2, dtype=torch.bfloat16), "x").dtype == np.float32
    )
    assert as_array(torch.ones(2, dtype=torch.float16, requires_grad=True), "x").dtype == np.float16


def test_shards_without_a_header_are_what_a_killed_overwriting_leaves_and_nothing_else(
    tmp_path: Path,
) -> None:
    (write_run(tmp_path / "run", (0,)) / "run.json").unlink()
    with pytest.raises(ArchiveExists, match="not empty and not a run"):
        write_run(tmp_path / "run", (1,))
    assert open_archive(write_run(tmp_path / "run", (1,), overwrite=True)).steps == (1,)
