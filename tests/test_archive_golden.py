"""Files of every released format version can be read.

A golden file is never rewritten; a new version adds one.
"""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import reseal

from infoplane.archive import load_plane, open_archive, verify
from infoplane.errors import ArchiveError
from infoplane.plane import Failure, Point
from infoplane.row_info import RowInfo
from infoplane.types import Estimate
from infoplane.types.estimate import Null

GOLDEN = Path(__file__).parent / "golden"


def test_the_golden_file_of_format_1_0_reads_as_it_was_written():
    archive = open_archive(GOLDEN / "format-1.0.h5")
    assert (
        archive.digest == "129b879e23d2b69895b5bcdb767a0e3c63ecf71c3c59c93860f517868393b588"
        and verify(archive.path) == []
    )
    assert (
        archive.steps == (0, 10)
        and archive.layers == ("fc1", "fc1#1", "head")
        and archive.config == {"seed": 5, "class_names": ["a", "b"]}
    )
    for step, layer in archive:
        info = archive.layer_info(layer)
        width = int(np.prod(info.shape, dtype=int))
        np.testing.assert_array_equal(
            archive.z(step, layer),
            (np.arange(8 * width).reshape(8, *info.shape) + step + info.ordinal).astype(np.float32),
        )
    assert (
        archive.y.tolist() == [0, 1] * 4 and archive.split.tolist() == ["train"] * 6 + ["test"] * 2
    )
    assert archive.metrics[10] == {"loss": 11.5} and archive.extra(0, "gradients") == {
        "snr": float("inf")
    }
    assert archive.chain.relation("fc1", "head") == "cut"


@pytest.mark.parametrize("command", ["info", "verify", "pack", "merge"])
def test_the_commands_about_a_run_work_on_the_golden_file(command, tmp_path):
    from typer.testing import CliRunner

    from infoplane.cli import app

    output = [] if command in ("info", "verify") else ["-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [command, str(GOLDEN / "format-1.0.h5"), *output])
    assert result.exit_code == 0, result.output
    assert {
        "info": "8 probe rows",
        "verify": "every checksum matches",
        "pack": "bytes",
        "merge": "2 steps",
    }[command] in result.output


def test_verify_exits_with_one_and_names_the_damage(tmp_path):
    from typer.testing import CliRunner

    from infoplane.cli import app

    data = bytearray((GOLDEN / "format-1.0.h5").read_bytes())
    at = data.index(np.arange(8 * 3, dtype=np.float32).tobytes())
    data[at + 5] ^= 4
    (tmp_path / "hurt.h5").write_bytes(data)
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "hurt.h5")])
    assert (
        result.exit_code == 1
        and "layers/0000/call/0" in result.output
        and "checksum mismatch" in result.output
    )


def test_the_golden_run_of_format_1_1_reads_as_it_was_written(tmp_path):
    run = GOLDEN / "format-1.1"
    archive, before = open_archive(run), open_archive(GOLDEN / "format-1.0.h5")
    assert (
        archive.digest == "129b879e23d2b69895b5bcdb767a0e3c63ecf71c3c59c93860f517868393b588"
        and verify(run) == []
    )
    assert [archive.header["format_version"], before.header["format_version"]] == ["1.1", "1.0"]
    for step, layer in before:
        np.testing.assert_array_equal(archive.z(step, layer), before.z(step, layer))
        np.testing.assert_array_equal(
            archive.row_digests(step, layer), before.row_digests(step, layer)
        )
        (shard,) = (archive.path / "ckpt").glob(f"*-s{step:012d}-*.h5")
        with h5py.File(shard) as file:
            rows = json.loads(file["meta"][()])["layers"]
        assert all({"offset", "rows_offset"} <= row.keys() for row in rows)


def test_an_array_is_read_at_its_place_without_hdf5_and_through_hdf5_where_the_place_does_not_hold(
    tmp_path, monkeypatch
):
    import shutil

    from infoplane.archive.store import Store

    run = tmp_path / "run"
    shutil.copytree(GOLDEN / "format-1.1", run)
    archive = open_archive(run)
    want = {key: archive.z(*key) for key in archive}
    opened = []
    monkeypatch.setattr(
        Store, "shard", lambda self, name, real=Store.shard: (opened.append(1), real(self, name))[1]
    )
    for key, z in want.items():
        np.testing.assert_array_equal(archive.z(*key), z)
    assert not opened
    for place in (0, 8, -1, 10**15, True, "12", None):
        moved = tmp_path / f"place-{place}"
        shutil.copytree(run, moved)
        for shard in (moved / "ckpt").glob("*.h5"):
            with h5py.File(shard, "r+") as file:
                layers = json.loads(file["meta"][()])["layers"]
                reseal(file, layers=[{**row, "offset": place} for row in layers])
        altered = open_archive(moved)
        opened.clear()  # of the headers
        for key, z in want.items():
            np.testing.assert_array_equal(altered.z(*key), z)
        assert len(opened) == len(want)


def test_verify_looks_through_hdf5_at_what_other_tools_would_read(tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(GOLDEN / "format-1.1", run)
    shard = min((run / "ckpt").iterdir())
    whole = shard.read_bytes()
    hidden = 0
    for at in [
        k for k in range(len(whole)) if whole[k : k + 4] == b"OHDR"
    ]:  # every object header, alone: the arrays stay whole
        data = bytearray(whole)
        data[at + 12] ^= 0xFF
        shard.write_bytes(data)
        try:
            _ = [open_archive(run).z(*key) for key in open_archive(run)]
        except ArchiveError:
            continue
        hidden += verify(run) != []
    assert hidden >= 3  # reading saw nothing, verifying did


@pytest.mark.parametrize("version", ["1.1", "2.0"])
def test_the_golden_plane_of_either_format_reads_as_it_was_written(version):
    plane = load_plane(GOLDEN / f"plane-{version}.h5")
    assert plane.points == (
        Point(
            0,
            "fc1",
            "i_xz",
            Estimate(
                2.5, 8, "bin:szt", "lower", ceiling_bits=3.0, coverage=0.25, notes=("one", "two")
            ),
        ),
        Point(
            0,
            "fc1",
            "i_zy",
            Estimate(-0.125, 8, "bin:szt", "lower", low=-0.5, high=0.25, stderr=0.1),
        ),
        Point(
            10,
            "head#1",
            "i_xz",
            Estimate(1.0, 4, "kde:variance=0.001", "upper", target="population"),
        ),
        Point(10, "head#1", "i_zy", Estimate(0.5, 8, "exact", "exact")),
    )
    assert (plane.layers, plane.n, plane.h_y_bits, plane.h_x_bits) == (
        ("fc1", "head#1"),
        8,
        1.0,
        3.0,
    )
    assert (
        plane.chain is not None
        and plane.chain.relation("fc1", "head#1") == "cut"
        and plane.chain.tolerance == 1e-6
    )
    assert (
        np.isnan(plane.metrics[0]["loss"])
        and plane.metrics[10] == {"acc": 0.5}
        and plane.reductions == {"head#1": "gap"}
    )
    assert plane.failures == (Failure(10, "fc1", "ksg", "too few rows"),) and plane.provenance == {
        "archive": "run",
        "seed": "0",
    }


def test_the_golden_run_of_format_1_2_reads_as_it_was_written():
    archive = open_archive(GOLDEN / "format-1.2")
    assert (
        archive.digest == "dda24479eb772246b16a20fbbbf8585b8072bddcaecd4a35612c22f92b6be1d5"
        and verify(archive.path) == []
    )
    assert archive.header["format_version"] == "1.2"
    info = archive.row_info
    assert (info.kind, info.x, info.label, info.grid, info.samples) == (
        "token",
        "token",
        "next",
        (4,),
        3,
    )
    assert info.settings["mask"] == "attention_mask"
    sample, position = [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 1, 3, 0, 2, 0, 1, 2, 3]
    assert archive.positions.tolist() == [list(pair) for pair in zip(sample, position, strict=True)]
    assert archive.labels == ("next", "tag", "place")
    assert archive.y.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    tag, place = archive.with_label("tag"), archive.with_label("place")
    assert tag.class_names == ("a", "b", "c") and tag.y.tolist() == [0, 1, 2] * 3
    assert place.y.tolist() == position
    assert archive.x_kind == "discrete" and archive.row_ids.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    for step, layer in archive:
        found = archive.layer_info(layer)
        width = int(np.prod(found.shape, dtype=int))
        np.testing.assert_array_equal(
            archive.z(step, layer),
            (np.arange(9 * width).reshape(9, *found.shape) + step + found.ordinal).astype(
                np.float32
            ),
        )
    assert archive.extra(10, "source") == {"name": "ckpt_10.pt"}


def test_the_golden_plane_of_format_2_1_reads_as_it_was_written():
    plane = load_plane(GOLDEN / "plane-2.1.h5")
    assert plane.row_info == RowInfo("token", "prefix", "next", (4,), 3, {"skip_first": 1})
    assert [p.estimate for p in plane.points] == [
        Estimate(2.5, 9, "bin:szt", "point", ceiling_bits=3.0),
        Estimate(1.25, 9, "bin:szt", "point", null=Null(1.0, 0.75, 1.5, 0.25, 20)),
        Estimate(0.5, 9, "hsic", unit="none"),
    ]
    assert (plane.n, plane.h_y_bits, plane.h_x_bits) == (9, 2.0, 2.5)
    assert plane.failures == (Failure(0, "h.0", "ksg", "too few rows"),)
