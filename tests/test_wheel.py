"""What is shipped equals what is in the tree, under one top-level name, and runs from another folder."""

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
        files |= {str((Path(folder) / n).relative_to(ROOT)) for n in names if Path(n).suffix in SHIPPED or n == "py.typed"}
    return {f for f in files if "__pycache__" not in f}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel and the sdist, built from a copy of the tracked tree with the build tools at hand."""
    import shutil

    out = tmp_path_factory.mktemp("dist")
    source = out / "source"
    ignore = shutil.ignore_patterns(".venv", ".git", "*.egg-info", "__pycache__", "build", "dist", "runs", ".*_cache", "_build")
    shutil.copytree(ROOT, source, symlinks=True, ignore=ignore)
    command = [sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", "--outdir", str(out), str(source)]
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


@pytest.mark.slow
def test_the_installed_wheel_runs_from_another_folder(dist: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    wheel = str(next(dist.glob("*.whl")))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check", "--target", str(target), wheel]
    subprocess.run(pip, check=True, timeout=200, capture_output=True)
    code = "import infoplane, infoplane.hooks.schedule, infoplane.analysis.estimators; print(infoplane.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(target)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(target))
