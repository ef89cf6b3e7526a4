"""The estimator of docs/plugins.md, installed by pip and found by its entry point."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the documented example, made of the page's own code and
    entry point.
    """
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.S)
    points = re.search(r"```toml\n(.*?)```", page, re.S)
    assert code and points
    source = tmp_path_factory.mktemp("package")
    (source / "my_package.py").write_text(code.group(1), "utf-8")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n\n'
        f'[project]\nname = "my-package"\nversion = "1.0"\n\n{points.group(1)}\n[tool.setuptools]\n'
        'py-modules = ["my_package"]\n',
        "utf-8",
    )
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return target


def infoplane(site: Path, *arguments: str) -> str:
    """Output of the command line with the package on its path."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)])])
    done = subprocess.run(
        [sys.executable, "-m", "infoplane", *arguments],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "160"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_documented_example_is_about_thirty_lines() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.S)
    assert code and len([line for line in code.group(1).splitlines() if line.strip()]) <= 32


@pytest.mark.slow
def test_an_installed_package_is_in_the_table_and_can_be_calibrated(site: Path) -> None:
    assert "correlation" in infoplane(site, "estimators")
    out = infoplane(
        site,
        "calibrate",
        "-e",
        "correlation",
        "-e",
        "gauss",
        "-c",
        "Gaussian, r=0.5",
        "-n",
        "400",
        "--seeds",
        "1",
    )
    assert "correlation" in out and "0/1" in out


@pytest.mark.slow
def test_an_installed_package_measures_an_archive(site: Path, tmp_path: Path) -> None:
    import numpy as np
    import torch

    import infoplane as ip

    x = np.random.default_rng(0).normal(size=(60, 1)).astype(np.float32)
    net = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Tanh())
    with ip.Recorder(
        net, probe=(x, (x[:, 0] > 0).astype(int)), to=tmp_path / "run", layers=["1"], verbose=False
    ):
        pass
    out = infoplane(
        site,
        "measure",
        str(tmp_path / "run"),
        "-e",
        "correlation",
        "-o",
        str(tmp_path / "plane.h5"),
    )
    assert "correlation" in out
    assert {p.estimator for p in ip.Plane.load(tmp_path / "plane.h5")} == {
        "correlation",
        "knn:k=5",  # beside a Gaussian fit, as its traits say
    }
