"""`make matrix`: what it tries, and what it reports as unavailable."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def matrix(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    monkeypatch.syspath_prepend(ROOT / ".ci")
    spec = importlib.util.spec_from_file_location("matrix_script", ROOT / ".ci" / "matrix.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("bound", "series"),
    [
        ("numpy>=1.26", "numpy==1.26.*"),
        ("typer>=0.15.4", "typer==0.15.4"),
        ("rich>=13", "rich==13.*"),
    ],
)
def test_a_lower_bound_becomes_its_oldest_series(
    matrix: ModuleType, bound: str, series: str
) -> None:
    assert sys.modules["wanted"].oldest(bound) == series


def test_every_declared_dependency_is_asked_for(matrix: ModuleType) -> None:
    names = {text.split(">=")[0] for text in matrix.PROJECT["dependencies"]} - {"torch"}
    for end in ("oldest", "newest"):
        for _, packages in matrix.package_sets(end):
            assert {text.split("==")[0].split(">=")[0] for text in packages} == names


def test_the_interpreter_that_runs_it_is_found(matrix: ModuleType) -> None:
    found = dict((version, path) for path, version in matrix.interpreters())
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in found


def test_a_row_that_cannot_be_had_is_in_the_table_with_its_sentence(
    matrix: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    skipped = matrix.Row(Path("python3.14"), "3.14", "oldest", notes=["numpy: no build for it"])
    ran = matrix.Row(
        Path("python3"), "3.11", "newest", install="ok", demo="ok, 9 s", tests="3 passed"
    )
    matrix.show([skipped, ran])
    printed = capsys.readouterr().out
    assert "3.14    oldest  -" in printed and "3.14 oldest: numpy: no build for it" in printed
    assert "3 passed" in printed and not ran.failed


def test_a_refused_package_is_a_sentence(matrix: ModuleType, tmp_path: Path) -> None:
    wheels = ["--no-index", "--find-links", str(tmp_path)]
    pip = [sys.executable, "-m", "pip"]
    assert "No matching distribution" in matrix.refusal(pip, [*wheels, "numpy==1.26.*"])
