"""What `verify` reports about an archive."""

from __future__ import annotations

import shutil
from pathlib import Path

from builders import ACTIVATIONS, DIGESTS, INPUTS, LAYERS, write_run

from infoplane.archive import RunWriter, open_archive, pack, verify


def test_verify_names_what_is_no_shard_and_digests_of_other_rows_and_nothing_else(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path / "run")
    assert verify(run) == [] == verify(pack(run, tmp_path / "p.h5"))
    for harmless in (".tmp-r0000-1-x", "superseded-0"):
        (run / "ckpt" / harmless).mkdir()
    (run / "ckpt/notes.txt").write_text("mine")
    assert verify(run) == [f"{run}/ckpt/notes.txt: not a shard; readers ignore it"]
    (run / "ckpt/notes.txt").unlink()
    with (
        RunWriter.create(
            tmp_path / "wrong", layers=LAYERS, x=INPUTS, y=None, durable=False
        ) as writer,
        writer.step(0) as shard,
    ):
        shard.write(
            "a", ACTIVATIONS, row_digests=DIGESTS
        )  # of an unreduced layer: they are recomputed
        shard.write(
            "b#2", ACTIVATIONS[:, :2], row_digests=DIGESTS
        )  # of a reduced one: of rows that nobody has any more
    assert verify(tmp_path / "wrong") == [
        f"{tmp_path}/wrong: step 0, layer 'a': row digests do not belong to the rows"
    ]

    shutil.rmtree(tmp_path / "wrong/ckpt")
    assert verify(tmp_path / "wrong") == [] and open_archive(tmp_path / "wrong").steps == ()
