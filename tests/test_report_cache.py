"""A stored report of the DPI check is read only where nothing that it depends on has changed."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import exit_code
from test_dpi import chain_of, honest, write

import infoplane as ip
from infoplane.analysis.dpi import check as dpi
from infoplane.analysis.dpi import report_cache as kept
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.archive import Archive, RunWriter, layout
from infoplane.errors import ArchiveError, DamagedArchive
from infoplane.plane import Plane
from infoplane.row_info import RowInfo

SPECS = ["bin:saxe,width=0.5", "kde:variance=0.1", "exact"]


@pytest.fixture
def subject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Plane, list[Plane]]:
    """A stored plane with excesses that are resampled, and the list to which every judgement that
    is made adds itself.
    """
    monkeypatch.setenv("INFOPLANE_CACHE", str(tmp_path / "cache"))
    first = honest()
    archive = write(
        tmp_path / "run",
        [first, {"a": first["a"] / 9, "b": first["a"][:, :4] * 3}],
        chain=chain_of(["a", "b"]),
    )
    path = ip.measure(archive, SPECS, resume=False).save(tmp_path / "plane.h5")
    made: list[Plane] = []
    evidence = dpi.Evidence

    def judged(plane: Plane, archive: Archive | None) -> object:
        made.append(plane)
        return evidence(plane, archive)

    monkeypatch.setattr(dpi, "Evidence", judged)
    return Plane.load(path), made


def check(plane: Plane, *, archive: Archive | None = None, **settings: float) -> ip.DPIReport:
    return ip.check_dpi(plane, DPISettings(**settings), archive=archive)  # type: ignore[arg-type]  # ints and a float


@contextmanager
def nothing_kept() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFOPLANE_CACHE", "")
        yield


def test_the_second_report_is_read_and_equals_the_first_and_an_unkept_one(
    subject: tuple[Plane, list[Plane]],
) -> None:
    plane, made = subject
    first, second = check(plane), check(plane)
    assert len(made) == 1 and first == second and str(first) == str(second)
    with nothing_kept():
        assert check(plane) == first and len(made) == 2
    assert any(f.p is not None or f.stderr is not None for f in first.findings), (
        "nothing was resampled: the test proves nothing"
    )


def test_saving_a_plane_judges_nothing(subject: tuple[Plane, list[Plane]], tmp_path: Path) -> None:
    plane, made = subject
    assert Plane.load(plane.save(tmp_path / "again.h5")) == plane
    assert made == [] and not (tmp_path / "cache").exists()


def test_a_run_that_changes_while_it_is_judged_is_judged_again(
    subject: tuple[Plane, list[Plane]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The report was kept under what the files had become."""
    plane, made = subject
    judged = dpi.Evidence

    def meanwhile(plane: Plane, archive: Archive | None) -> object:
        if not made:
            for shard in (tmp_path / "run/ckpt").iterdir():
                os.utime(shard, ns=(1, 1))
        return judged(plane, archive)

    monkeypatch.setattr(dpi, "Evidence", meanwhile)
    assert check(plane) == check(plane) == check(plane) and len(made) == 2


def test_a_judgement_that_cannot_be_kept_is_a_judgement(
    subject: tuple[Plane, list[Plane]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plane, made = subject

    def unreadable(self: Archive, step: int) -> list[tuple[str, int, int]]:
        raise ArchiveError("the shard is gone")

    before = check(plane, seed=5)
    monkeypatch.setattr(Archive, "stamp", unreadable)
    kept_before = len(list((tmp_path / "cache").iterdir()))
    assert check(plane, seed=5) == before and len(made) == 2
    assert len(list((tmp_path / "cache").iterdir())) == kept_before


def _moved(plane: Plane) -> Plane:
    point = plane.points[0]
    return replace(
        plane,
        points=(
            replace(point, estimate=replace(point.estimate, bits=np.nextafter(point.bits, 9.0))),
            *plane.points[1:],
        ),
    )


CHANGES: dict[str, tuple[Callable[[Plane], Plane], dict[str, float]]] = {
    "a number, by its last bit": (_moved, {}),
    "a point less": (lambda plane: replace(plane, points=plane.points[:-1]), {}),
    "the certificate": (lambda plane: replace(plane, chain=chain_of(["a", "b"], "partial")), {}),
    "what a row is": (lambda plane: replace(plane, row_info=RowInfo("token", "prefix")), {}),
    "a reduction": (lambda plane: replace(plane, reductions={"a": "none", "b": "pca:2"}), {}),
    "the level": (lambda plane: plane, {"alpha": 0.01}),
    "the draws": (lambda plane: plane, {"permutations": 99}),
    "the splits": (lambda plane: plane, {"splits": 3}),
    "the seed": (lambda plane: plane, {"seed": 1}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_judged_again(subject: tuple[Plane, list[Plane]], what: str) -> None:
    plane, made = subject
    check(plane)
    change, settings = CHANGES[what]
    found = check(change(plane), **settings)
    assert len(made) == 2
    with nothing_kept():
        assert check(change(plane), **settings) == found


@pytest.mark.parametrize("what", ["a byte of the last shard", "its time", "the run's header"])
def test_other_activations_behind_the_same_plane_are_judged_again(
    what: str, subject: tuple[Plane, list[Plane]]
) -> None:
    plane, made = subject
    check(plane)
    run = Path(plane.provenance["archive"])
    shard = sorted((run / "ckpt").glob("*.h5"))[-1]
    if what == "a byte of the last shard":
        raw = bytearray(shard.read_bytes())
        raw[len(raw) // 2] ^= 1
        shard.write_bytes(raw)
        with pytest.raises(DamagedArchive, match=shard.name):
            check(plane)
        assert len(made) == 2
        return
    elif what == "its time":
        os.utime(shard, ns=(0, shard.stat().st_mtime_ns + 1))
    else:
        body = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(layout.sealed({**body, "config": {"changed": 1}}))
    check(plane)
    assert len(made) == 2


def test_a_step_that_the_run_has_captured_since_is_no_reason_to_judge_again(
    subject: tuple[Plane, list[Plane]],
) -> None:
    plane, made = subject
    check(plane)
    run = ip.open_archive(plane.provenance["archive"])
    with (
        RunWriter.create(run.path, layers=run.infos, x=run.x, y=run.y, resume=True) as writer,
        writer.step(run.steps[-1] + 1) as shard,
    ):
        for name in run.layers:
            shard.write(
                name, run.z(run.steps[-1], name), row_digests=run.row_digests(run.steps[-1], name)
            )
    check(plane)
    assert len(made) == 1 and len(ip.open_archive(run.path).steps) == len(run.steps) + 1


def test_a_kept_report_is_found_without_opening_a_shard(
    subject: tuple[Plane, list[Plane]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, _ = subject
    report = check(plane)

    def opened(self: Archive, name: object) -> dict[str, object]:
        raise AssertionError(f"{name} was read")

    monkeypatch.setattr(Archive, "shard_head", opened)
    assert check(plane) == report


CODE = [
    "analysis/dpi/check.py",
    "analysis/estimators/kde.py",
    "analysis/kernels/pairwise_compiled.py",
    "analysis/resampling/half_samples.py",
    "analysis/measuring/plane_point.py",
    "archive/reader.py",
    "types/findings.py",
    "rows_compiled.py",
]
"""A file of every room that a verdict goes through."""


@pytest.mark.parametrize("changed", CODE)
def test_other_code_judges_again(
    subject: tuple[Plane, list[Plane]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changed: str,
) -> None:
    plane, made = subject
    package = shutil.copytree(
        Path(ip.__file__).parent, tmp_path / "copy", ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(ip, "__file__", str(package / "__init__.py"))
    check(plane)
    check(plane)
    assert len(made) == 1
    with (package / changed).open("a") as file:
        file.write("# another version")
    check(plane)
    assert len(made) == 2


def test_metrics_and_the_day_of_measuring_judge_nothing_again(
    subject: tuple[Plane, list[Plane]],
) -> None:
    plane, made = subject
    check(plane)
    check(
        replace(
            plane, metrics={0: {"loss": 1.0}}, provenance={**plane.provenance, "created": "later"}
        )
    )
    assert len(made) == 1


def test_a_kept_report_that_cannot_be_read_is_made_anew(
    subject: tuple[Plane, list[Plane]], tmp_path: Path
) -> None:
    plane, made = subject
    first = check(plane)
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()
    packed = [
        gzip.compress(text)
        for text in (
            b"[]",
            b'{"findings": [{}], "episodes": []}',
            b"\xff",
            gzip.decompress(whole)[:-9],
        )
    ]
    for raw in (
        whole[: len(whole) // 2],
        whole[:-4] + b"\0\0\0\0",
        b"\x1f\x8b\x08" + bytes(40),
        b"",
        *packed,
    ):
        path.write_bytes(raw)
        assert check(plane) == first
    assert len(made) == 9


def test_nothing_is_kept_without_a_folder_an_archive_or_for_plug_ins(
    subject: tuple[Plane, list[Plane]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plane, made = subject
    foreign = replace(
        plane,
        points=tuple(
            replace(p, estimate=replace(p.estimate, estimator="theirs")) for p in plane.points
        ),
    )
    for other in (replace(plane, provenance={}), foreign):
        check(other)
        check(other)
    monkeypatch.setenv("INFOPLANE_CACHE", "")
    check(plane)
    assert len(made) == 5 and not (tmp_path / "cache").exists()
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("INFOPLANE_CACHE", str(tmp_path / "file"))
    assert check(plane).findings  # nowhere to write is no reason to fail


def test_the_oldest_reports_go_first(
    subject: tuple[Plane, list[Plane]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plane, made = subject
    monkeypatch.setattr(kept, "KEPT", 2)
    for seed in (0, 1, 2):
        check(plane, seed=seed)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    check(plane, seed=2)
    assert len(made) == 3


def test_reports_take_no_more_room_than_they_may(
    subject: tuple[Plane, list[Plane]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plane, made = subject
    check(plane)
    (first,) = (tmp_path / "cache").iterdir()
    os.utime(first, (1, 1))
    monkeypatch.setattr(kept, "KEPT_BYTES", 2.5 * first.stat().st_size)
    check(plane, seed=1)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    check(plane, seed=2)
    assert len(list((tmp_path / "cache").iterdir())) == 2 and not first.exists()
    monkeypatch.setattr(kept, "KEPT_BYTES", 1)
    check(plane, seed=3)
    check(plane, seed=3)
    assert len(list((tmp_path / "cache").iterdir())) == 1 and len(made) == 4, (
        "the newest is kept whatever its size"
    )


def test_reports_go_to_the_users_cache_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("INFOPLANE_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kept.cache_folder() == tmp_path / "infoplane"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert kept.cache_folder() == Path.home() / ".cache" / "infoplane"


def test_measuring_in_a_shell_judges_so_that_check_and_plot_read(
    subject: tuple[Plane, list[Plane]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: object) -> str:
        assert exit_code(*words) == 0
        return capsys.readouterr().out

    plane, made = subject
    specs = [word for spec in SPECS for word in ("-e", spec)]
    said = run("measure", tmp_path / "run", *specs, "-o", tmp_path / "new.h5")
    assert (
        len(made) == 1
        and f"DPI check: {ip.check_dpi(plane).tally}. Which: infoplane check {tmp_path / 'new.h5'}"
        in said
    )
    run("check", tmp_path / "new.h5")
    run("plot", tmp_path / "new.h5", "-o", tmp_path / "new.png")
    assert len(made) == 1
    assert (
        "DPI"
        not in run("measure", tmp_path / "run", *specs, "-o", tmp_path / "other.h5", "--no-check")
        and len(made) == 1
    )
