"""Result lines of this user are read; those of anyone else are measured again."""

from __future__ import annotations

import hmac
import json
import math
import os
import stat
import zlib
from pathlib import Path

import numpy as np
import pytest
from builders import run_of, write_run
from typer.testing import CliRunner

import infoplane as ip
from infoplane.analysis.live.follow import RunSource
from infoplane.analysis.report.content import page_data
from infoplane.archive import ResultLog, pack, result_log
from infoplane.archive.owner_mark import mark_of, own_key
from infoplane.cli import app


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one layer whose 120 rows all differ: I(X;Z) is log2 120."""
    z = np.random.default_rng(0).normal(size=(120, 2)).astype(np.float32)
    return run_of(tmp_path / "run", [{"l": z}], x=z, y=np.arange(120) % 3).path


def forge(log: Path, bits: float, **more: object) -> None:
    """Rewrite the lines of a log with other numbers and right checksums."""
    lines = []
    for line in log.read_text().splitlines():
        entry = json.loads(line.partition(" ")[2])
        for point in entry["record"]["points"]:
            point.update(bits=bits, **more)
        body = json.dumps(entry, ensure_ascii=False).encode()
        lines.append(b"%08x %b\n" % (zlib.crc32(body), body))
    log.write_bytes(b"".join(lines))


def test_forged_numbers_under_right_keys_and_checksums_are_measured_again(run: Path) -> None:
    truth = [p.bits for p in ip.measure(run, "exact")]
    forge(run / "planes/results.jsonl", 77.0, ceiling_bits=None)
    assert [p.bits for p in ip.measure(run, "exact")] == truth
    assert truth[0] == pytest.approx(np.log2(120))


def test_own_lines_are_read_again_and_lines_under_another_key_are_not(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ip.measure(run, "exact")
    log = ResultLog(run)
    assert len(log.read()) == 1 and log.foreign == 0
    monkeypatch.setenv("INFOPLANE_STATE", str(tmp_path / "somebody else"))
    theirs = ResultLog(run)
    assert theirs.read() == {} and theirs.foreign == 1


def test_verify_counts_the_lines_of_others(run: Path) -> None:
    ip.measure(run, "exact")
    forge(run / "planes/results.jsonl", 1.0)
    result = CliRunner().invoke(app, ["verify", str(run)])
    assert result.exit_code == 0 and "1 were written by another user" in result.output


def test_an_own_line_beyond_its_ceiling_is_measured_again(run: Path) -> None:
    truth = [p.bits for p in ip.measure(run, "exact")]
    log = ResultLog(run)
    ((key, record),) = log.read().items()
    points = json.loads(json.dumps(record["points"]).replace(str(truth[0]), "77.0"))
    log.append(key, {**record, "points": points})
    assert "77.0" in json.dumps(ResultLog(run).read()[key])
    assert [p.bits for p in ip.measure(run, "exact")] == truth


WRONG_VALUES: tuple[dict[str, object], ...] = (
    {"stderr": "much"},
    {"low": {}, "high": []},
    {"notes": [1]},
    {"notes": "a"},
    {"n": 1.5},
    {"n": True},
    {"estimator": []},
    {"sense": ["lower"]},
    {"quantity": 3},
    {"coverage": "all"},
    {"null": {"mean": "0", "low": 0, "high": 0, "p": 1, "draws": 9}},
    {"unknown": 1},
)


@pytest.mark.parametrize("wrong", WRONG_VALUES, ids=str)
def test_an_own_line_with_a_value_of_another_type_is_measured_again_and_not_shown(
    run: Path, wrong: dict[str, object]
) -> None:
    truth = [p.bits for p in ip.measure(run, "exact")]
    log = ResultLog(run)
    ((key, record),) = log.read().items()
    log.append(key, {**record, "points": [{**row, **wrong} for row in record["points"]]})
    assert page_data(RunSource(run).plane(), title="t")["series"] == []
    assert [p.bits for p in ip.measure(run, "exact")] == truth


def test_the_live_page_has_the_entropies_of_the_measured_plane(run: Path) -> None:
    plane, shown = ip.measure(run, "exact"), RunSource(run).plane()
    assert (shown.h_x_bits, shown.h_y_bits) == (plane.h_x_bits, plane.h_y_bits)


@pytest.mark.parametrize("key", ["step", "layer", "estimator", "points"])
def test_an_own_line_without_one_of_its_keys_is_measured_again(run: Path, key: str) -> None:
    truth = [p.bits for p in ip.measure(run, "exact")]
    log = ResultLog(run)
    ((name, record),) = log.read().items()
    log.append(name, {k: v for k, v in record.items() if k != key})
    assert len(RunSource(run).plane()) == 0
    assert [p.bits for p in ip.measure(run, "exact")] == truth


def test_fresh_measures_what_was_measured_before(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infoplane.analysis.measuring import executors

    ip.measure(run, "exact")
    made: list[int] = []
    plain = executors.measure_cell
    monkeypatch.setattr(executors, "measure_cell", lambda *args: [made.append(1), plain(*args)][1])
    command = ["measure", str(run), "-e", "exact", "--alone", "--no-check"]
    assert CliRunner().invoke(app, command).exit_code == 0 and made == []
    assert CliRunner().invoke(app, [*command, "--fresh"]).exit_code == 0 and made == [1]


@pytest.mark.skipif(os.name == "nt", reason="permissions of a file are those of POSIX")
def test_the_secret_is_made_once_and_only_its_owner_can_read_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("INFOPLANE_STATE", str(tmp_path / "state"))
    mark = mark_of(b"text", own_key())
    key = tmp_path / "state/result-lines.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and len(key.read_bytes()) == 32
    assert [p.name for p in key.parent.iterdir()] == [key.name]
    assert mark_of(b"text", own_key()) == mark != mark_of(b"other", own_key())


@pytest.mark.parametrize("how", ["readable", "link", "short", "pipe"])
def test_a_secret_that_others_may_know_is_not_used(
    how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    key = folder / "result-lines.key"
    if how == "pipe":
        os.mkfifo(key, 0o600)
    elif how == "link":
        (tmp_path / "known").write_bytes(b"k" * 32)
        (tmp_path / "known").chmod(0o600)
        key.symlink_to(tmp_path / "known")
    else:
        key.write_bytes(b"k" * (32 if how == "readable" else 5))
        key.chmod(0o644 if how == "readable" else 0o600)
    monkeypatch.setenv("INFOPLANE_STATE", str(folder))
    known = hmac.digest(b"k" * (5 if how == "short" else 32), b"text", "sha256").hex()[:32]
    assert (
        mark_of(b"text", own_key()) != known
    )  # and neither waits nor fails: this process has one of its own


def test_result_lines_lie_beside_a_packed_file_and_inside_a_folder(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", (0,))
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
    run = write_run(tmp_path / "run", (0,))
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
    run = write_run(tmp_path / "run", (0,))
    writer, reader, looked = ResultLog(run), ResultLog(run), []
    plain = result_log.record_of
    monkeypatch.setattr(result_log, "record_of", lambda line: (looked.append(line), plain(line))[1])
    assert reader.read() == {}
    writer.extend((f"k{k}", {"bits": float(k)}) for k in range(3))
    first = reader.read()
    assert len(first) == len(looked) == 3 and reader.read() == first and len(looked) == 3
    with writer.path.open("ab") as file:
        file.write(b"0000 {torn")
    assert reader.read() == first and len(looked) == 3
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
