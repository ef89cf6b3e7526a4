"""Packing a run into one file, and joining the runs of several ranks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import ACTIVATIONS, DIGESTS, INPUTS, LAYERS, ROWS, write_run

from infoplane.archive import RunWriter, merge, open_archive, pack, verify
from infoplane.archive.run_folder import shard_names
from infoplane.errors import ArchiveExists, DamagedArchive, InputError
from infoplane.types import LayerInfo


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
        write_run(tmp_path / "1", (0, 5), row_stop=2),
        write_run(tmp_path / "2", (0, 7), row_start=2),
    )
    joined = open_archive(merge([second, first], tmp_path / "joined"))
    assert (
        joined.steps == (0,)
        and (joined.z(0, "a") == ACTIVATIONS).all()
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
                write_run(
                    tmp_path / "3",
                    layers=[LAYERS[0], replace(LAYERS[1], reduction="none")],
                    row_start=2,
                ),
            ],
            tmp_path / "other",
        )
    with pytest.raises(InputError, match="probe_sha256 differs"):
        merge([first, write_run(tmp_path / "4", x=INPUTS + 1, row_start=2)], tmp_path / "other")
    assert not any((tmp_path / name).exists() for name in ("half", "none", "other"))


def test_damage_is_placed_in_the_file_of_a_folder_and_under_the_key_of_a_packed_file(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path / "run", (0,))
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


def test_the_shards_of_a_joined_run_are_those_of_one_rank(tmp_path: Path) -> None:
    for rank, rows in enumerate((slice(0, 4), slice(4, ROWS))):
        write_run(
            tmp_path / "run",
            (0,),
            rank=rank,
            world_size=2,
            row_start=rows.start,
            row_stop=rows.stop,
        )
    joined = merge([tmp_path / "run"], tmp_path / "joined")
    assert [(s.rank, s.world) for s in shard_names(joined)] == [(0, 1)] and verify(joined) == []
