"""Frozen edges: one spec gives one number on the plane, in phases and while a run grows."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.live.follow import RunSource, measure_beside
from infoplane.analysis.measuring.follow import Budget, follow
from infoplane.archive import Archive, RunWriter, open_archive
from infoplane.archive.lock import is_being_written
from infoplane.types import LayerInfo, entropy_of_counts

SPEC = "bin:range,n=8,scope=run"
GAINS = {"narrow": (1.0, 0.2, 0.05), "wide": (10.0, 10.0, 10.0)}
"""Layers of two scales; the cells of the run are set by the wide one, so that the narrow one has
few.
"""


def write(path: Path) -> RunWriter:
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, (64, 2))
    infos = [LayerInfo(name, k, "", (2,)) for k, name in enumerate(GAINS)]
    writer = RunWriter.create(path, layers=infos, x=z, y=(z[:, 0] > 0).astype(int), durable=False)
    for step in range(3):
        with writer.step(step) as shard:
            for name, gains in GAINS.items():
                shard.write(name, (gains[step] * z).astype(np.float32))
    return writer


@pytest.fixture
def run(tmp_path: Path) -> Archive:
    with write(tmp_path / "run"):
        pass
    return open_archive(tmp_path / "run")


def narrow(plane: ip.Plane) -> list[float]:
    return [e.bits for e in plane.series("narrow", "i_xz", SPEC)[1]]


def test_phases_and_the_plane_show_one_number_for_one_spec(run: Archive) -> None:
    whole = narrow(ip.measure(run, SPEC, resume=False))
    (layer,) = ip.phases(run, [SPEC], layers=["narrow"]).layers
    assert layer.curves[0].naive == pytest.approx(max(whole) - whole[-1])


def test_a_part_of_the_run_has_the_edges_of_the_whole(run: Archive) -> None:
    whole = narrow(ip.measure(run, SPEC, resume=False))
    part = ip.measure(run, SPEC, layers=["narrow"], steps=[1], resume=False)
    assert narrow(part) == [whole[1]]


def test_judging_sees_the_edges_of_the_plane_also_when_the_run_has_grown(tmp_path: Path) -> None:
    with write(tmp_path / "run") as writer:
        early = ip.measure(tmp_path / "run", SPEC, layers=["narrow"], steps=[0], resume=False)
        with writer.step(3) as shard:
            for name in GAINS:
                shard.write(name, np.full((64, 2), 1000.0, np.float32))
    archive = open_archive(tmp_path / "run")
    codes = Evidence(early, archive).codes(0, "narrow", SPEC)
    assert codes is not None
    assert entropy_of_counts(np.bincount(codes)) == pytest.approx(narrow(early)[0])


@pytest.mark.parametrize("growing", [False, True])
def test_a_watched_run_shows_no_other_numbers_than_a_measured_one(
    tmp_path: Path, growing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, stop = write(tmp_path / "run"), threading.Event()
    if not growing:
        writer.close()
    looks: list[float] = []
    monkeypatch.setattr(
        stop, "wait", lambda timeout=None: looks.append(timeout) or (len(looks) > 2 and stop.set())
    )
    measure_beside(tmp_path / "run", [SPEC], stop)
    shown = narrow(RunSource(tmp_path / "run").plane())
    writer.close()
    whole = narrow(ip.measure(tmp_path / "run", SPEC, resume=False))
    assert shown == ([] if growing else whole)  # edges of a run are known at its end


def test_following_a_run_that_ends_gives_the_plane_of_measuring_it(tmp_path: Path) -> None:
    with write(tmp_path / "run"):
        pass
    plane = follow(
        tmp_path / "run",
        [SPEC],
        over=threading.Event(),
        gone=threading.Event(),
        budget=Budget(64.0),
        ended=lambda: not is_being_written(tmp_path / "run"),
    )
    assert plane is not None
    assert narrow(plane) == narrow(ip.measure(tmp_path / "run", SPEC, resume=False))


def test_a_run_is_being_written_while_its_writer_lives(tmp_path: Path) -> None:
    writer = write(tmp_path / "run")
    assert is_being_written(tmp_path / "run")
    writer.close()
    assert not is_being_written(tmp_path / "run") and not is_being_written(tmp_path / "none")
