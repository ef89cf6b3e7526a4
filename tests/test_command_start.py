"""How commands start: which cores they use; a stored plane gives one picture on any number."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_dpi import chain_of, honest, write

import infoplane as ip
from infoplane import cli, cores
from infoplane.errors import InputError

linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux only")

_LOADED = """
import sys, numpy as np
from infoplane.rows import row_codes, row_digests
z = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
print(row_codes(z[[0, 1, 0]]).tolist(), row_digests(z)[5].tolist())
print([m for m in ("numba.np.arraymath", "scipy.linalg") if m in sys.modules])
from infoplane.analysis.dpi.significance import permutation_p
print(permutation_p(np.zeros(64, np.int64), np.arange(64) % 2, np.arange(64) % 2, draws=99))
"""


def _python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def never_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFOPLANE_CACHE", str(tmp_path / "cache"))
    first = honest()
    write(
        tmp_path / "run",
        [first, {"a": first["a"] / 9, "b": first["a"][:, :4] * 3}],
        chain=chain_of(["a", "b"]),
    )
    return ip.measure(
        tmp_path / "run", ["bin:saxe,width=0.5", "kde:variance=0.1"], resume=False
    ).save(tmp_path / "plane.h5")


def _plot(plane: Path, output: Path, threads: int) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "INFOPLANE_THREADS": str(threads)}
    command = [sys.executable, "-m", "infoplane", "plot", str(plane), "-o", str(output)]
    return subprocess.run(
        command, env=env, check=False, capture_output=True, text=True, timeout=120
    )


@pytest.mark.slow
def test_a_picture_is_the_same_whoever_judged_it_and_the_judgement_is_kept(
    never_judged: Path, tmp_path: Path
) -> None:
    pictures = []
    for threads in (2, 1):
        for old in [
            *(tmp_path / "cache").glob("check-*"),
            *(tmp_path / "run/planes").glob("halves*"),
        ]:
            old.unlink()
        done = _plot(never_judged, tmp_path / f"{threads}.png", threads)
        assert done.returncode == 0, done.stderr
        pictures.append((tmp_path / f"{threads}.png").read_bytes())
        assert len(list((tmp_path / "cache").glob("check-*"))) == 1
        # the run behind a plane from a file may be a stranger's: it is read only
        assert not (tmp_path / "run/planes/halves.jsonl").exists()
    assert pictures[0] == pictures[1]
    report = ip.check_dpi(ip.Plane.load(never_judged))
    assert any(f.verdict in ("estimator", "sampling", "bias") for f in report.findings), (
        "something to draw"
    )


@pytest.mark.slow
def test_what_is_wrong_with_a_plane_is_said_whoever_judges(
    tmp_path: Path, never_judged: Path
) -> None:
    from dataclasses import replace

    replace(ip.Plane.load(never_judged), points=()).save(tmp_path / "empty.h5")
    told = {_plot(tmp_path / "empty.h5", tmp_path / "x.png", threads).stderr for threads in (1, 2)}
    assert len(told) == 1 and re.match("infoplane: InputError: .*empty", told.pop())
    assert (
        "expected a file ending in .png"
        in _plot(tmp_path / "empty.h5", tmp_path / "x.jpg", 1).stderr
    ), "said before it is judged"


@pytest.mark.parametrize(
    ("ours", "omp", "expected"),
    [
        ("3", "5", 3),
        ("", "5", 5),
        ("", "4,2", 4),
        (" 2 ", None, 2),
        (None, "0", None),
        (None, "many", None),
        (None, None, None),
    ],
)
def test_cores_are_those_of_the_first_setting_that_says_a_number(
    ours: str | None, omp: str | None, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("INFOPLANE_THREADS", ours), ("OMP_NUM_THREADS", omp)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert cores.cores() == (cores.at_hand() if expected is None else expected)
    for wrong in ("0", "-1", "two"):
        monkeypatch.setenv("INFOPLANE_THREADS", wrong)
        with pytest.raises(InputError, match=f"positive number, got '{wrong}'"):
            cores.cores()


def test_compiling_is_said_once_for_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INFOPLANE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("infoplane.cli.tell_of_compiling", lambda tell: tell())
    said = []
    for folder in ("one", "one", "other"):
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / folder))
        cli.app(["estimators"], standalone_mode=False)
        said.append(capsys.readouterr().err.count("compiling, once"))
    assert said == [1, 0, 1]
