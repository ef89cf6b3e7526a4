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
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from dataclasses import asdict, fields, replace
from pathlib import Path

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
SECONDS = 75
WAIT = 1200
"""Tests that come first; most seconds of computing, beyond those of its tests, and of waiting,
after which a mutant hangs (and counts as killed).
"""
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


def in_child(tree: Path, work: object, seconds: float, *, computing: int = 3600) -> tuple[int, str]:
    """Runs ``work()`` in a fork inside the copied tree; its exit code (-1: too long) and what it
    wrote to its pipe.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (computing, computing + 1))
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        quiet = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(quiet, fd)
        code = BROKEN
        try:
            code, text = work()  # type: ignore[operator]
        except BaseException:
            text = traceback.format_exc()
        os.write(write, text.encode())
        os._exit(code)
    os.close(write)
    deadline = time.monotonic() + seconds
    status = None
    import select

    chunks = []
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.killpg(child, signal.SIGKILL)
            status = -1
            break
        part = os.read(read, 1 << 20)
        if not part:
            break
        chunks.append(part)
    os.close(read)
    code = os.waitpid(child, 0)[1]
    return (-1 if status == -1 else os.waitstatus_to_exitcode(code)), b"".join(chunks).decode()


def learn(tree: Path) -> tuple[dict[str, dict[str, list[str]]], dict[str, float]]:
    """Lines to tests, and seconds per test, of all fast tests.

    ``tests/test_a.py::`` for what runs while the file is imported, before any of its tests.
    """
    import pytest

    files = []
    for path in sorted((tree / "tests").glob("test_*.py")):
        if not any(word in path.name for word in SLOW_FILES):
            files.append(str(path.relative_to(tree)))
    table: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
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
    """Which tests a mutant is held against, from the table of lines and tests."""

    def __init__(
        self, table: dict[str, dict[str, list[str]]], seconds: dict[str, float], most: float
    ) -> None:
        self.table = table
        self.seconds = seconds
        self.most = most
        self.bodies = {file: _bodies((ROOT / file).read_text()) for file in table}
        self.share: dict[tuple[str, str], int] = Counter()
        self.total: dict[str, int] = Counter()
        for file, by_line in table.items():
            for line, tests in by_line.items():
                for t in tests if int(line) in self.bodies[file] else ():
                    self.share[file, t] += 1
                    self.total[t] += 1

    def of(self, m: Mutant) -> list[str]:
        """Those that run the mutant's statement, then the others of their files (which may share
        what a first one made), as long as time allows.

        First the tests that are about the file: those with the largest share of their lines in it.
        Of a line that runs at import (outside of every function): the tests that run any function
        of the file.
        """
        file = m.file
        if file.endswith("_compiled.py"):
            file = "analysis/" + COMPILED[Path(file).name.removesuffix("_compiled.py")]
        ran: set[str] = set()
        if file == m.file and m.line in self.bodies.get(file, ()):
            # A statement of several lines is known by one of the lines above.
            for line in range(m.line, max(0, m.line - 15), -1):
                ran = set(self.table.get(file, {}).get(str(line), []))
                if ran:
                    break
        ran |= {t for t in self.seconds if t.partition("::")[0] + "::" in ran}
        ran = ran & set(self.seconds) or {t for f, t in self.share if f == file}
        files = {t.partition("::")[0] for t in ran}
        shown = ">>> " in (ROOT / m.file).read_text()  # its examples are tests, too
        chosen = ["infoplane/" + m.file.removeprefix("infoplane/")] if shown else []
        left = self.most
        for t in sorted(
            (t for t in self.seconds if t.partition("::")[0] in files),
            key=lambda t: (t not in ran, -self._about(file, t)),
        ):
            if self.seconds[t] < left:
                chosen.append(t)
                left -= self.seconds[t]
        return chosen

    def _about(self, file: str, test: str) -> float:
        return self.share[file, test] / max(1, self.total[test])


def _bodies(source: str) -> set[int]:
    """The lines inside of functions."""
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
    """The mutants of a file of results with one of these verdicts, where the source has not changed
    since.
    """
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
    """Pytest's exit code; the likeliest few first, so that most mutants need few test files
    imported.
    """
    import pytest

    for part in (tests[:FIRST], tests[FIRST:]):
        if part:
            code = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *part])
            if code:
                return int(code)
    return 0


def judge(tree: Path, m: Mutant, tests: list[str], number: int, seconds: float) -> str:
    """``killed``, ``timeout``, ``survived`` or ``not run``, of tests that take so many seconds
    without it.
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
    return (
        "survived"
        if code == 0
        else "timeout"
        if code in (-1, -signal.SIGXCPU, -signal.SIGKILL)
        else "killed"
    )


def preload() -> None:
    """Load the big libraries before forking: nothing of ours, so that every child imports the
    changed tree.
    """
    for name in BIG.split():
        importlib.import_module(name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*")
    parser.add_argument(
        "--sample", type=int, default=200, help="mutants in all, every possible one as likely"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("mutants.jsonl"),
        help="results, one line each; those that are there are kept",
    )
    parser.add_argument(
        "--map", type=Path, help="keep the table of lines and tests here, or take it from here"
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
    args = parser.parse_args()
    end = time.monotonic() + 60 * args.minutes
    files = args.files or [
        str(p.relative_to(ROOT))
        for p in sorted(
            [*(ROOT / "analysis").rglob("*.py"), *(ROOT / "infoplane/archive").glob("*.py")]
        )
        if not str(p.relative_to(ROOT)).startswith(DRAWN)
    ]
    tree = Path(tempfile.mkdtemp()) / "tree"
    shutil.copytree(
        ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "runs", "*.pyc")
    )
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[:] = [p for p in sys.path if p not in ("", str(ROOT))]
    preload()
    if args.map and args.map.exists():
        table, seconds = json.loads(args.map.read_text())
    else:
        table, seconds = learn(tree)
        if args.map:
            args.map.write_text(json.dumps([table, seconds]))
    possible: list[Mutant] = []
    for file in files:
        possible += mutants(file, (ROOT / file).read_text())
    # In random order: what is done so far is a sample too.
    chosen = random.Random(args.seed).sample(possible, min(args.sample, len(possible)))
    if args.of:
        chosen = earlier(args.of, ("survived", "not run"))
    done = (
        set(earlier(args.out, ("killed", "timeout", "survived", "not run")))
        if args.out.exists()
        else set()
    )
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    selection = Selection(table, seconds, args.tests_seconds)
    with args.out.open("a") as out:
        for i, m in enumerate(m for m in chosen if m not in done):
            if time.monotonic() > end:
                break
            tests = selection.of(m)
            unchanged = replace(m, after=m.before)
            if i % CONTROL_EVERY == 0 and judge(
                tree, unchanged, tests, 10**6 + i, args.tests_seconds
            ) not in ("survived", "not run"):
                raise SystemExit(
                    f"{m.file}: the tests of line {m.line} fail without any mutant: {tests}"
                )
            verdict = judge(tree, m, tests, i, args.tests_seconds)
            record = {**asdict(m), "verdict": verdict, "tests": len(tests)}
            out.write(json.dumps(record) + "\n")
            out.flush()
    for row in map(json.loads, args.out.read_text().splitlines()):
        tally[row["file"]][row["verdict"]] += 1
    for file, verdicts in tally.items():
        print(f"{file}: {dict(verdicts)}")
    total = sum(tally.values(), Counter())
    killed = total["killed"] + total["timeout"]
    print(
        f"of {len(possible)} possible mutants {sum(total.values())} tried, {killed} killed "
        f"({100 * killed / max(1, sum(total.values())):.1f} %): {dict(total)}"
    )
    shutil.rmtree(tree.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
