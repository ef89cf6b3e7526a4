"""Try the wheel with every interpreter of this machine, at the oldest and the newest dependencies.

python .ci/matrix.py [FOLDER [ROW ...]]

FOLDER: where environments are made, a temporary folder when left out.
ROW: such as 3.11-oldest; all of them when left out.

Each row is a clean environment: the wheel is installed, the demo runs from another folder, and a
few tests run against what was installed. A row that this machine cannot have is skipped with a
sentence. MATRIX_PYTHONS names more interpreters, separated by colons. MATRIX_CUDA=1 takes builds
for CUDA.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from wanted import NAMED, PROJECT, ROOT, package_sets, torches

TESTS = ("archive_golden", "dpi", "plot_paper", "recorder")
TESTS_WITHOUT_TORCH = ("exact", "gaussian", "ksg", "kernels_cells", "plot_paper")
TOOLS = ("pytest>=8.2", "pytest-timeout", "hypothesis", "psutil")


@dataclass
class Row:
    """One interpreter at one end of the supported versions, and what became of it."""

    python: Path
    version: str
    end: str  # "oldest" or "newest"
    versions: dict[str, str] = field(default_factory=dict)
    install: str = "-"
    demo: str = "-"
    tests: str = "-"
    notes: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(cell.startswith("failed") for cell in (self.install, self.demo, self.tests))


def interpreters() -> list[tuple[Path, str]]:
    """Return the supported interpreters found, one for each minor version."""
    oldest = int(re.search(r"3\.(\d+)", PROJECT["requires-python"])[1])  # type: ignore[index]
    candidates = [Path(name) for name in os.environ.get("MATRIX_PYTHONS", "").split(":") if name]
    for minor in range(oldest, oldest + 9):
        on_path = shutil.which(f"python3.{minor}")
        managed = sorted(glob.glob(str(Path.home() / f".pyenv/versions/3.{minor}.*/bin/python")))
        candidates += [Path(name) for name in [*managed[-1:], on_path] if name]
    found: dict[str, Path] = {}
    for path in [Path(sys.executable), *candidates]:
        asked = run([path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        version = asked.stdout.strip()
        if asked.returncode == 0 and int(version.split(".")[1]) >= oldest:
            found.setdefault(version, path)
    by_minor = sorted(found, key=lambda version: int(version.split(".")[1]))
    return [(found[version], version) for version in by_minor]


def run(
    command: list, cwd: Path | None = None, timeout_s: float = 1800, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command outside of the tree and return what it printed; 124 where it took too long."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    words = [str(part) for part in command]
    try:
        return subprocess.run(
            words,
            cwd=cwd or tempfile.gettempdir(),
            env={**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "MPLBACKEND": "Agg", **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"ERROR: no answer in {timeout_s:.0f} s")


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the tree, so that nothing is left in it."""
    left = (".venv*", ".git", "*.egg-info", "__pycache__", "build", "dist", "runs", "_build")
    source = folder / "source"
    shutil.copytree(ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(*left, ".*_cache"))
    backend = ["--no-isolation", "--skip-dependency-check"]
    built = run([sys.executable, "-m", "build", "--wheel", *backend, "-o", folder, source])
    if built.returncode:
        raise SystemExit(f"the wheel could not be built:\n{built.stdout}{built.stderr}")
    return next(folder.glob("*.whl"))


def choose(row: Row, pip: list) -> list[str] | None:
    """Return what to install: the first demands that can be had here; None where none can."""
    torch: list[str] = []
    for note, demand in torches(row.end):
        refused = refusal(pip, [demand])
        if not refused:
            torch = [demand]
            row.notes += [note] if note else []
            break
        row.notes.append(f"{demand}: {refused}")
    else:
        row.notes.append("without torch, what needs none was tried: reading, measuring, drawing")
    for note, packages in package_sets(row.end):
        refused = refusal(pip, [*torch, *packages])
        if not refused:
            row.notes += [note] if note else []
            return [*torch, *packages]
        row.notes.append(f"{packages[0]} and the others: {refused}")
    return None


def refusal(pip: list, packages: list[str]) -> str:
    """Return why these packages cannot be had here; "" where they can."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        dry = ["--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", report.name]
        asked = run([*pip, "install", "-q", *dry, *packages], timeout_s=900)
        if asked.returncode:
            errors = [line for line in asked.stderr.splitlines() if "ERROR" in line]
            return (errors or ["pip gave no reason"])[-1].replace("ERROR: ", "")[:110]
        items = json.loads(Path(report.name).read_text())["install"]
    names = [item["metadata"]["name"] for item in items]
    cuda = [name for name in names if name.startswith(("nvidia-", "triton", "cuda-"))]
    if cuda and os.environ.get("MATRIX_CUDA") != "1":
        return f"brings {len(cuda)} CUDA packages of some gigabytes (MATRIX_CUDA=1 takes them)"
    return ""


def install(row: Row, wheel: Path, home: Path) -> bool:
    """Make a clean environment with the wheel in it; say in the row what could not be had."""
    made = run([row.python, "-m", "venv", "--without-pip", home])
    if made.returncode:
        row.notes.append(f"no environment: {made.stderr.strip()[-100:]}")
        return False
    pip = [sys.executable, "-m", "pip", "--python", home / "bin" / "python"]
    packages = choose(row, pip)
    if packages is None:
        return False
    done = run([*pip, "install", "-q", "--no-compile", "--only-binary", ":all:", *packages, *TOOLS])
    done = done if done.returncode else run([*pip, "install", "-q", "--no-deps", wheel])
    with_torch = any(part.startswith("torch") for part in packages)
    if with_torch and not done.returncode:
        done = run([*pip, "check"])
    row.install = "ok" if not done.returncode else f"failed: {(done.stdout + done.stderr)[-300:]}"
    for name in NAMED:
        code = f"from importlib.metadata import version; print(version({name!r}))"
        row.versions[name] = run([home / "bin" / "python", "-c", code]).stdout.strip() or "none"
    return row.install == "ok"


def try_out(row: Row, home: Path, work: Path) -> None:
    """Run the demo, or without torch the commands about a stored run, and the tests."""
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    work.mkdir()
    command = home / "bin" / "infoplane"
    stored = work / "stored.h5"
    shutil.copy(ROOT / "tests" / "golden" / "format-1.0.h5", stored)
    if row.versions["torch"] == "none":
        plane = work / "plane.h5"
        steps = [["measure", stored, "-o", plane], ["check", plane], ["plot", plane, "-o", "a.png"]]
    else:
        steps = [["demo", "--out", work / "demo"]]
    begun = time.monotonic()
    for step in steps:
        done = run([command, *step], cwd=work, **threads)
        if done.returncode:
            row.demo = f"failed: {(done.stdout + done.stderr)[-600:]}"
            break
    else:
        row.demo = f"ok, {time.monotonic() - begun:.0f} s"
    shutil.copytree(ROOT / "tests", work / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", work)
    names = TESTS_WITHOUT_TORCH if row.versions["torch"] == "none" else TESTS
    options = ["-o", "filterwarnings=default", "-o", "pythonpath=tests", "-m", "not slow"]
    files = [f"tests/test_{name}.py" for name in names]
    pytest = run([home / "bin" / "pytest", "-q", *options, *files], cwd=work, **threads)
    last = (pytest.stdout.strip().splitlines() or ["no output"])[-1].strip("= ")
    row.tests = last if not pytest.returncode else f"failed: {last}"
    if pytest.returncode:
        print(pytest.stdout[-4000:], pytest.stderr[-1000:], file=sys.stderr)


def show(rows: list[Row]) -> None:
    """Print the table of what was run, and the sentences below it."""
    heads = ("python", "end", *NAMED, "install", "demo", "tests")
    table = [heads]
    for row in rows:
        cells = [row.versions.get(name, "-") for name in NAMED]
        outcome = [cell.partition(":")[0] for cell in (row.install, row.demo)]
        table.append((row.version, row.end, *cells, *outcome, row.tests))
    widths = [max(len(line[column]) for line in table) for column in range(len(heads))]
    print()
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    print()
    for row in rows:
        for note in [*row.notes, *(c for c in (row.install, row.demo) if c.startswith("failed"))]:
            print(f"{row.version} {row.end}: {note}")


def main() -> int:
    """Run the matrix; 1 where something that was run failed."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="matrix-"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    wheel = build_wheel(folder)
    print(f"built {wheel.name}", flush=True)
    rows = []
    for python, version in interpreters():
        for end in ("oldest", "newest"):
            home = folder / f"{version}-{end}"
            if sys.argv[2:] and home.name not in sys.argv[2:]:
                continue
            row = Row(python, version, end)
            print(f"Python {version} ({python}), {end} dependencies", flush=True)
            if install(row, wheel, home):
                try_out(row, home, folder / f"{version}-{end}-work")
            shutil.rmtree(home, ignore_errors=True)  # an environment may hold gigabytes
            print(f"  install {row.install[:60]}; demo {row.demo[:60]}; {row.tests}", flush=True)
            rows.append(row)
    show(rows)
    return int(any(row.failed for row in rows))


if __name__ == "__main__":
    sys.exit(main())
