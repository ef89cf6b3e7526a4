"""Mutation testing: does a test fail when a line of the arithmetic or of the archive is changed?

python -m benchmarks.mutation --sample 200 --seed 0 --out mutants.jsonl [FILE ...]

It needs ``pip install coverage``.

A random sample (every comparison, operator, constant, condition, index and call that may be changed
is a candidate), each mutant held against the fast tests that run its line (learnt once by coverage)
and the others of their files, those that are about the file first, until one fails. The tree is
copied, so nothing here is touched; a process that has the big libraries loaded forks for every
mutant.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import NoReturn

from benchmarks.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parent.parent
DRAWN = ("analysis/plot/", "analysis/report/", "analysis/live/follow.py", "analysis/live/server.py")
"""Left out: drawing, which is judged by eye, reference images and browser tests."""
SLOW_FILES = [
    "adapters",
    "browser",
    "notebooks",
    "docs",
    "wheel",
    "demo",
    "replications",
    "minilm",
    "ranks",
    "arrows",
    "tutorial",
    "soak",
    "crash",
    "mutation",
    "reference_images",
]
COMPILED = {
    "cells": "kernels/cells.py",
    "neighbours": "kernels/neighbours.py",
    "pairwise": "kernels/pairwise.py",
    "permutation": "dpi/significance.py",
}
"""Compiled kernels are not seen by coverage: each is held against the tests that run any line of
the module that calls it.
"""
FIRST = 12
"""Tests that come first."""
SECONDS = 75
"""Seconds of computing, beyond those of its tests, after which a mutant hangs: it counts as killed.
"""
WAIT = 1200
"""Seconds of waiting after which it does."""
BIG = (
    "h5py matplotlib.pyplot numba scipy.integrate scipy.optimize scipy.spatial scipy.stats "
    "sklearn.linear_model sklearn.neighbors torch"
)
BROKEN = 99
"""Exit code of a child that failed outside of the tests."""
CONTROL_EVERY = 25
"""So often an unchanged file is judged as if it were a mutant; if it does not survive, the figures
mean nothing and this ends.
"""

LinesToTests = dict[str, dict[str, list[str]]]
"""For every file and line, the tests that run it."""


class _Coverage:
    """A pytest plug-in: which test runs which line of which file, and how long each takes."""

    def __init__(self, tree: Path) -> None:
        import coverage

        self.tree = tree
        self.cov = coverage.Coverage(
            data_file=None,
            source=[str(tree / "infoplane"), str(tree / "analysis")],
            config_file=False,
        )
        self.seconds: dict[str, float] = {}
        self.cov.start()

    def pytest_runtest_setup(self, item: object) -> None:
        self.cov.switch_context(item.nodeid)  # type: ignore[attr-defined]

    def pytest_runtest_logreport(self, report: object) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration  # type: ignore[attr-defined]

    def table(self) -> dict[str, dict[int, list[str]]]:
        self.cov.stop()
        data = self.cov.get_data()
        out = {}
        for name in data.measured_files():
            file = str(Path(name).resolve().relative_to(self.tree.resolve()))
            out[file] = data.contexts_by_lineno(name)
        return out


def in_child(
    tree: Path, work: Callable[[], tuple[int, str]], seconds: float, *, computing: int = 3600
) -> tuple[int, str]:
    """Call ``work`` in a fork inside the copied tree; return its exit code and text.

    Args:
        tree: working directory of the child.
        work: returns an exit code and a text.
        seconds: after which the child is ended, with the code -1.
        computing: processor seconds that it may take.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(tree, work, write, computing)
    os.close(write)
    text = _read_until(read, time.monotonic() + seconds)
    os.close(read)
    if text is None:
        os.killpg(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if text is None:
        return -1, ""
    return os.waitstatus_to_exitcode(status), text


def _be_child(
    tree: Path, work: Callable[[], tuple[int, str]], write: int, computing: int
) -> NoReturn:
    """Do the work in this process, silently, write its text to a pipe and exit."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (computing, computing + 1))
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    quiet = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(quiet, descriptor)
    try:
        code, text = work()
    except BaseException:
        code, text = BROKEN, traceback.format_exc()
    os.write(write, text.encode())
    os._exit(code)


def _read_until(read: int, deadline: float) -> str | None:
    """Return what comes through a pipe until it is closed; None where that takes too long."""
    chunks: list[bytes] = []
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(read, 1 << 20)
        if not part:
            return b"".join(chunks).decode()
        chunks.append(part)


def learn(tree: Path) -> tuple[LinesToTests, dict[str, float]]:
    """Return lines to tests, and seconds per test, of all fast tests.

    ``tests/test_a.py::`` for what runs while the file is imported, before any of its tests.
    """
    import pytest

    files = []
    for path in sorted((tree / "tests").glob("test_*.py")):
        if not any(word in path.name for word in SLOW_FILES):
            files.append(str(path.relative_to(tree)))
    table: LinesToTests = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, float] = {}
    for file in files:  # each in a fork of its own: a crash of one loses one

        def work(file: str = file) -> tuple[int, str]:
            plugin = _Coverage(tree)
            code = pytest.main(
                ["-q", "-m", "not slow", "-p", "no:cacheprovider", file], plugins=[plugin]
            )
            return int(code), json.dumps([plugin.table(), plugin.seconds])

        code, text = in_child(tree, work, 900)
        if code != 0:
            print(
                f"{file}: exit code {code} without any mutant {text if code == BROKEN else ''}",
                flush=True,
            )
        if text and code != BROKEN:
            lines, times = json.loads(text)
            seconds |= times
            for name, by_line in lines.items():
                for line, tests in by_line.items():
                    table[name][line] += [t or f"{file}::" for t in tests]
    return table, seconds


class Selection:
    """Choose the tests that a mutant is held against.

    Attributes:
        table: for every file and line, the tests that run it.
        seconds: of every test.
        most: seconds that the tests of one mutant may take together.
    """

    def __init__(self, table: LinesToTests, seconds: dict[str, float], most: float) -> None:
        self.table = table
        self.seconds = seconds
        self.most = most
        self._bodies = {file: _bodies((ROOT / file).read_text()) for file in table}
        self._lines_in: dict[tuple[str, str], int] = Counter()  # of a file, that a test runs
        self._lines: dict[str, int] = Counter()  # of all files
        for file, by_line in table.items():
            for line, tests in by_line.items():
                if int(line) in self._bodies[file]:
                    self._lines.update(tests)
                    self._lines_in.update((file, test) for test in tests)

    def of(self, mutant: Mutant) -> list[str]:
        """List the tests that run the mutant's statement, then the others of their files.

        Those may share what a first one made. First come the tests that are about the file: those
        with the largest share of their lines in it. Of a line that runs at import, outside of every
        function: the tests that run any function of the file. As many as time allows.
        """
        file = mutant.file
        if file.endswith("_compiled.py"):
            file = "analysis/" + COMPILED[Path(file).name.removesuffix("_compiled.py")]
        running = self._running(file, mutant)
        files = {_file_of(test) for test in running}
        candidates = [test for test in self.seconds if _file_of(test) in files]
        candidates.sort(key=lambda test: (test not in running, -self._about(file, test)))
        chosen = []
        if ">>> " in (ROOT / mutant.file).read_text():  # its examples are tests, too
            chosen.append("infoplane/" + mutant.file.removeprefix("infoplane/"))
        left = self.most
        for test in candidates:
            if self.seconds[test] < left:
                chosen.append(test)
                left -= self.seconds[test]
        return chosen

    def _running(self, file: str, mutant: Mutant) -> set[str]:
        """Return the tests that run the mutant's statement, or any function of the file."""
        found: set[str] = set()
        if file == mutant.file and mutant.line in self._bodies.get(file, ()):
            # A statement of several lines is known by one of the lines above.
            for line in range(mutant.line, max(0, mutant.line - 15), -1):
                found = set(self.table.get(file, {}).get(str(line), []))
                if found:
                    break
        found |= {test for test in self.seconds if _file_of(test) + "::" in found}
        found &= set(self.seconds)
        return found or {test for name, test in self._lines_in if name == file}

    def _about(self, file: str, test: str) -> float:
        return self._lines_in[file, test] / max(1, self._lines[test])


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _bodies(source: str) -> set[int]:
    """Return the lines inside of functions."""
    functions = [
        n
        for n in ast.walk(ast.parse(source))
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lines: set[int] = set()
    for function in functions:
        lines.update(range(function.body[0].lineno, (function.end_lineno or 0) + 1))
    return lines


def earlier(path: Path, verdicts: tuple[str, ...]) -> list[Mutant]:
    """Read the mutants of a file of results with these verdicts whose source is still the same."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    names = [field.name for field in fields(Mutant)]
    found = []
    for row in rows:
        if row["verdict"] not in verdicts:
            continue
        mutant = Mutant(*(row[name] for name in names))
        now = (ROOT / mutant.file).read_bytes()[mutant.start : mutant.stop]
        if now == mutant.before.encode():
            found.append(mutant)
    return found


def _fails(tests: list[str]) -> int:
    """Return pytest's exit code; the likeliest few first, so that few test files are imported."""
    import pytest

    for part in (tests[:FIRST], tests[FIRST:]):
        if part:
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *part])
            if code:
                return int(code)
    return 0


def judge(tree: Path, m: Mutant, tests: list[str], number: int, seconds: float) -> str:
    """Return ``killed``, ``timeout``, ``survived`` or ``not run``.

    Args:
        tree: copy of the repository; the file is changed in it for as long as this takes.
        m: the mutant.
        tests: to run.
        number: of the mutant.
        seconds: that the tests take without it.
    """
    if not tests:
        return "not run"
    path = tree / m.file
    good = path.read_bytes()
    stamp = path.stat().st_mtime_ns
    path.write_bytes(good[: m.start] + m.after.encode() + good[m.stop :])
    os.utime(
        path, ns=(stamp, stamp + (number + 1) * 10**9)
    )  # every mutant is compiled anew, the good file never
    try:
        code, text = in_child(
            tree, lambda: (_fails(tests), ""), WAIT, computing=int(SECONDS + seconds)
        )
    finally:
        path.write_bytes(good)
        os.utime(path, ns=(stamp, stamp))
    if code == BROKEN:
        raise RuntimeError(text)
    if code == 0:
        return "survived"
    return "timeout" if code in (-1, -signal.SIGXCPU, -signal.SIGKILL) else "killed"


def preload() -> None:
    """Load the big libraries before forking: nothing of ours, so that every child imports the
    changed tree.
    """
    for name in BIG.split():
        importlib.import_module(name)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument("--sample", type=int, default=200, help="mutants in all, at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("mutants.jsonl"),
        help="results, one line each; a mutant that has one is not judged again",
    )
    parser.add_argument(
        "--map", type=Path, help="store the table of lines and tests here, or take it from here"
    )
    parser.add_argument(
        "--of", type=Path, help="judge the survivors of these results again instead of a sample"
    )
    parser.add_argument(
        "--tests-seconds",
        type=float,
        default=15,
        help="most seconds of tests of one mutant, as they took without it",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=1e9,
        help="stop after so many; the same command goes on where it stopped",
    )
    return parser.parse_args()


def judged_files() -> list[str]:
    """List the files that mutants are drawn from where the command names none."""
    paths = [*(ROOT / "analysis").rglob("*.py"), *(ROOT / "infoplane/archive").glob("*.py")]
    names = sorted(str(path.relative_to(ROOT)) for path in paths)
    return [name for name in names if not name.startswith(DRAWN)]


def copied_tree() -> Path:
    """Copy the repository, and let this process and its children import the copy alone."""
    tree = Path(tempfile.mkdtemp()) / "tree"
    unneeded = shutil.ignore_patterns(".git", "runs", "*.pyc")
    shutil.copytree(ROOT, tree, symlinks=True, ignore=unneeded)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[:] = [path for path in sys.path if path not in ("", str(ROOT))]
    return tree


def table_of_tests(tree: Path, stored: Path | None) -> tuple[LinesToTests, dict[str, float]]:
    """Read which tests run which lines from a file, or learn it and store it there."""
    if stored and stored.exists():
        table, seconds = json.loads(stored.read_text())
        return table, seconds
    table, seconds = learn(tree)
    if stored:
        stored.write_text(json.dumps([table, seconds]))
    return table, seconds


def all_mutants(files: list[str]) -> list[Mutant]:
    """List every mutant of some files."""
    found: list[Mutant] = []
    for file in files:
        found += mutants(file, (ROOT / file).read_text())
    return found


def judge_all(tree: Path, chosen: list[Mutant], selection: Selection, end: float, to: Path) -> None:
    """Judge mutants one after the other, and write each result as a line.

    Args:
        tree: copy of the repository.
        chosen: mutants without a result.
        selection: chooses the tests of a mutant.
        end: on the monotonic clock, when no other is begun.
        to: file that lines are added to.

    Raises:
        SystemExit: the tests of a line fail without any mutant.
    """
    seconds = selection.most
    with to.open("a") as out:
        for number, mutant in enumerate(chosen):
            if time.monotonic() > end:
                return
            tests = selection.of(mutant)
            if number % CONTROL_EVERY == 0:
                unchanged = replace(mutant, after=mutant.before)
                verdict = judge(tree, unchanged, tests, 10**6 + number, seconds)
                if verdict not in ("survived", "not run"):
                    raise SystemExit(
                        f"{mutant.file}: the tests of line {mutant.line} fail without any mutant: "
                        f"{tests}"
                    )
            verdict = judge(tree, mutant, tests, number, seconds)
            record = {**asdict(mutant), "verdict": verdict, "tests": len(tests)}
            out.write(json.dumps(record) + "\n")
            out.flush()


def print_results(path: Path, possible: int) -> None:
    """Print how many mutants of every file were killed, and of all.

    Args:
        path: file of results.
        possible: how many mutants there are.
    """
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    for row in map(json.loads, path.read_text().splitlines()):
        tally[row["file"]][row["verdict"]] += 1
    for file, verdicts in tally.items():
        print(f"{file}: {dict(verdicts)}")
    total = sum(tally.values(), Counter())
    killed = total["killed"] + total["timeout"]
    share = killed / max(1, total.total())
    print(
        f"of {possible} possible mutants {total.total()} tried, {killed} killed "
        f"({100 * share:.1f} %): {dict(total)}"
    )


def main() -> None:
    """Judge a random sample of mutants, or the survivors of one."""
    asked = options()
    end = time.monotonic() + 60 * asked.minutes
    tree = copied_tree()
    preload()
    table, seconds = table_of_tests(tree, asked.map)
    possible = all_mutants(asked.files or judged_files())
    if asked.of:
        chosen = earlier(asked.of, ("survived", "not run"))
    else:  # in random order: what is done so far is a sample too
        size = min(asked.sample, len(possible))
        chosen = random.Random(asked.seed).sample(possible, size)
    done: set[Mutant] = set()
    if asked.out.exists():
        done.update(earlier(asked.out, ("killed", "timeout", "survived", "not run")))
    chosen = [mutant for mutant in chosen if mutant not in done]
    selection = Selection(table, seconds, asked.tests_seconds)
    judge_all(tree, chosen, selection, end, asked.out)
    print_results(asked.out, len(possible))
    shutil.rmtree(tree.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
