"""A run that cannot be written to is measured, checked and reported."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip

WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]
"""Root writes anywhere; without these capabilities it obeys permissions."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Path]:
    """A run of three steps whose files and folders are read-only."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    steps = {s: {"a": np.tanh(x * (s + 1)), "b": np.tanh(x[:, :2])} for s in range(3)}
    path = tmp_path / "of-a-colleague"
    ip.from_arrays(steps, x=x, y=np.arange(60) % 3, to=path)
    everything = [path, *path.rglob("*")]
    for p in everything:
        p.chmod(p.stat().st_mode & ~0o222)
    yield path
    for p in everything:
        p.chmod(p.stat().st_mode | stat.S_IWUSR)


def infoplane(*arguments: object, cache: Path | str) -> subprocess.CompletedProcess[str]:
    """The command line as a user without write permission."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root writes anywhere, and setpriv is not here")
    obeying = WITHOUT_RIGHTS if os.geteuid() == 0 else []
    return subprocess.run(
        [*obeying, sys.executable, "-m", "infoplane", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "INFOPLANE_CACHE": str(cache)},
    )


@pytest.mark.slow
def test_a_plane_goes_where_the_user_says_and_results_to_the_cache(
    run: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    out = tmp_path / "plane.h5"
    done = infoplane("measure", run, "-e", "bin:szt", "-o", out, cache=cache)
    assert done.returncode == 0, done.stderr
    assert out.is_file() and "may not be written to: results go to" in done.stderr
    assert list(cache.rglob("results.jsonl")) and not (run / "planes").exists()


@pytest.mark.slow
def test_a_plane_without_a_place_goes_to_the_cache_and_the_message_says_where(
    run: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    done = infoplane("measure", run, "-e", "bin:szt", cache=cache)
    assert done.returncode == 0, done.stderr
    (plane,) = cache.rglob("plane.h5")
    assert str(plane) in done.stdout.replace("\n", "")


def test_without_a_cache_the_place_is_asked_for(run: Path, tmp_path: Path) -> None:
    done = infoplane("measure", run, "-e", "bin:szt", cache="")
    assert done.returncode == 2 and "--output" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "phases", "report"])
def test_it_is_checked_and_reported(command: str, run: Path, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "r.html"] if command == "report" else []
    done = infoplane(command, run, *out, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr


def test_results_in_the_run_are_read_although_it_may_not_be_written_to(
    run: Path, tmp_path: Path
) -> None:
    for p in (run, *run.rglob("*")):
        p.chmod(p.stat().st_mode | stat.S_IWUSR)
    ip.measure(run, "bin:szt")
    lines = run / "planes" / "results.jsonl"
    for p in (run, *run.rglob("*")):
        p.chmod(p.stat().st_mode & ~0o222)
    before = lines.read_bytes()
    done = infoplane("measure", run, "-e", "bin:szt", cache=tmp_path / "cache")
    assert done.returncode == 0 and lines.read_bytes() == before
    assert not list((tmp_path / "cache").rglob("results.jsonl"))
    for p in run.rglob("*"):
        p.chmod(p.stat().st_mode | stat.S_IWUSR)
