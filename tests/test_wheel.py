"""The wheel holds the tree under one top-level name and runs elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = {".py", ".h5", ".html", ".js", ".css", ".mplstyle", ".typed", ".md"}


def _tree() -> set[str]:
    """Library files by wheel path, walking the three links once."""
    files = set()
    for folder, _, names in os.walk(ROOT / "infoplane", followlinks=True):
        files |= {
            str((Path(folder) / n).relative_to(ROOT))
            for n in names
            if Path(n).suffix in SHIPPED or n == "py.typed"
        }
    return {f for f in files if "__pycache__" not in f}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist, built from a copy of the tracked tree."""
    import shutil

    out = tmp_path_factory.mktemp("dist")
    source = out / "source"
    ignore = shutil.ignore_patterns(
        ".venv", ".git", "*.egg-info", "__pycache__", "build", "dist", "runs", ".*_cache", "_build"
    )
    shutil.copytree(ROOT, source, symlinks=True, ignore=ignore)
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--skip-dependency-check",
        "--outdir",
        str(out),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out


@pytest.mark.slow
def test_the_wheel_holds_the_tree_and_nothing_else(dist: Path) -> None:
    names = zipfile.ZipFile(next(dist.glob("*.whl"))).namelist()
    tops = {n.split("/")[0] for n in names}
    assert tops - {t for t in tops if t.endswith(".dist-info")} == {"infoplane"}
    assert {n for n in names if n.startswith("infoplane/")} == _tree()


@pytest.mark.slow
def test_the_sdist_holds_the_library(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {"/".join(n.split("/")[1:]) for n in archive.getnames()}
    assert not _tree() - names


@pytest.fixture(scope="module")
def site(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the wheel."""
    target = tmp_path_factory.mktemp("site")
    wheel = str(next(dist.glob("*.whl")))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--disable-pip-version-check",
        "--target",
        str(target),
        wheel,
    ]
    subprocess.run(pip, check=True, timeout=200, capture_output=True)
    return target


def _run(code: str, site: Path, cwd: Path, **settings: str) -> str:
    """What the code prints in a process of its own that finds the installed package."""
    environment = {**os.environ, "PYTHONPATH": str(site), "NUMBA_CACHE_DIR": "", **settings}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_the_installed_wheel_runs_from_another_folder(site: Path, tmp_path: Path) -> None:
    code = (
        "import infoplane, infoplane.hooks.schedule, infoplane.analysis.estimators; "
        "print(infoplane.__file__)"
    )
    assert _run(code, site, tmp_path).startswith(str(site))


@pytest.mark.slow
def test_the_wheel_is_for_every_machine(dist: Path) -> None:
    assert next(dist.glob("*.whl")).name.endswith("-py3-none-any.whl")
