"""Reading a run: which shards count, blocks of rows, and where arrays lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import one_step, write_split_run

from infoplane.archive import open_archive, shard_part
from infoplane.archive.layout import ShardName
from infoplane.archive.reader import short_list
from infoplane.archive.store import current
from infoplane.errors import ArchiveError, InputError


def test_a_run_is_read_in_blocks_of_one_row_and_not_of_none(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    z = rng.normal(size=(6, 3)).astype(np.float32)
    archive = one_step(tmp_path / "run", a=("Linear", z))
    np.testing.assert_array_equal(np.concatenate(list(archive.chunks(0, "a", 1))), z)
    with pytest.raises(InputError, match="at least one row, got 0"):
        list(archive.chunks(0, "a", 0))


def test_the_table_of_a_shard_says_where_its_arrays_lie(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = rng.normal(size=(6, 2)).astype(np.float32)
    archive = one_step(tmp_path / "run", a=("Linear", z))
    placed: list[object] = []
    real = shard_part.read_placed

    def watched(path: Path, offset: object, *rest: object) -> object:
        placed.append(offset)
        return real(path, offset, *rest)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(shard_part, "read_placed", watched)
    np.testing.assert_array_equal(archive.z(0, "a"), z)
    archive.row_digests(0, "a")
    assert len(placed) == 2 and all(isinstance(offset, int) and offset > 0 for offset in placed)


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
        short_list(tuple(range(8))) == "[0, 1, 2, 3, 4, 5, 6, 7]"
        and short_list(tuple(range(9))) == "[0, 1, 2, 3, ..., 8]"
    )


@pytest.mark.parametrize("damage", [lambda raw: bytes(len(raw)), lambda raw: raw[: len(raw) // 2]])
def test_a_damaged_step_says_how_the_others_are_read(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    write_split_run(tmp_path / "run")
    [file] = (tmp_path / "run" / "ckpt").glob("*-s000000000001-*.h5")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ArchiveError, match="read the other 3 steps, move the file of step 1 out"):
        open_archive(tmp_path / "run")
    file.rename(tmp_path / file.name)
    assert open_archive(tmp_path / "run").steps == (0, 3, 7)
