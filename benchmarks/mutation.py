"""Mutation testing: does a test fail when a line of the arithmetic or of the archive is changed?

python -m benchmarks.mutation --sample 12 --seed 0 --out mutants.jsonl [FILE ...]        needs ``pip install coverage``

A random sample per file (every comparison, operator, constant, condition, index and call that may be changed is a candidate), each mutant held against the
fast tests that run its line (learnt once by coverage), the fastest first, until one fails. The tree is copied, so nothing here is touched; a
process that has the big libraries loaded forks for every mutant. Compiled kernels are not seen by coverage: they are held against their families' test files.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DRAWN = (
    "analysis/plot/",
    "analysis/report/",
    "analysis/live/follow.py",
    "analysis/live/server.py",
)  # drawing: judged by eye and browser tests
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
]
KERNEL_TESTS = [
    "test_kernels_neighbours.py",
    "test_kernels_pairwise.py",
    "test_kde.py",
    "test_binned.py",
    "test_estimators.py",
    "test_dpi.py",
]
COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}  # fmt: skip
BINARY = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.MatMult: ast.Add, ast.LShift: ast.RShift, ast.RShift: ast.LShift}  # fmt: skip
SECONDS, WAIT = 60, 900
"""Most seconds of computing, and of waiting, that the tests of one mutant may take; more counts as killed (it hangs)."""


@dataclass(frozen=True)
class Mutant:
    """One changed place of one file: the text that replaces ``[start, stop)`` of the source."""

    file: str
    line: int
    start: int
    stop: int
    before: str
    after: str


def mutants(file: str, source: str) -> list[Mutant]:
    """Every mutant of a file, in order of place; annotations, docstrings, messages and imports are left alone."""
    found = []
    lines = [0]
    for text in source.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(text))
    raw = source.encode()

    def span(node: ast.expr) -> tuple[int, int]:
        return lines[node.lineno - 1] + node.col_offset, lines[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)

    for node in _code(ast.parse(source)):
        start, stop = span(node)
        for after in _changes(node):
            found.append(Mutant(file, node.lineno, start, stop, raw[start:stop].decode(), f"({after})"))
    return sorted(set(found), key=lambda m: (m.start, m.stop, m.after))


def _code(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions that do something: no annotation, message, docstring, decorator or default of a dataclass field's metadata."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)) and child in (*tree.decorator_list, tree.returns, tree.args):
            continue
        if isinstance(child, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom, ast.arg)) or (
            isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        ):
            continue
        if isinstance(tree, ast.AnnAssign) and child is tree.annotation:
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.expr):
            yield child
        yield from _code(child)


def _changes(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
        yield ast.unparse(ast.Compare(node.left, [COMPARE[type(node.ops[0])]()], node.comparators))
    elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
        yield ast.unparse(ast.BinOp(node.left, BINARY[type(node.op)](), node.right))
    elif isinstance(node, ast.BoolOp):
        yield ast.unparse(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield ast.unparse(node.operand)
    elif isinstance(node, ast.IfExp):
        yield ast.unparse(ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse))
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        yield repr(not node.value) if isinstance(node.value, bool) else repr(node.value + 1)
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("min", "max", "sum", "mean", "any", "all", "sort")
    ):
        other = {"min": "max", "max": "min", "sum": "mean", "mean": "sum", "any": "all", "all": "any", "sort": "argsort"}[node.func.attr]
        yield ast.unparse(ast.Call(ast.Attribute(node.func.value, other), node.args, node.keywords))


class _Coverage:
    """A pytest plug-in: which test runs which line of which file, and how long each takes."""

    def __init__(self, tree: Path) -> None:
        import coverage

        self.tree = tree
        self.cov = coverage.Coverage(data_file=None, source=[str(tree / "infoplane"), str(tree / "analysis")], config_file=False)
        self.seconds: dict[str, float] = {}
        self.cov.start()

    def pytest_runtest_setup(self, item: object) -> None:
        self.cov.switch_context(item.nodeid)  # type: ignore[attr-defined]

    def pytest_runtest_logreport(self, report: object) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration  # type: ignore[attr-defined]

    def table(self) -> dict[str, dict[int, list[str]]]:
        self.cov.stop()
        data, out = self.cov.get_data(), {}
        for name in data.measured_files():
            file = str(Path(name).resolve().relative_to(self.tree.resolve()))
            out[file] = data.contexts_by_lineno(name)
        return out


def in_child(tree: Path, work: object, seconds: float, *, computing: int = 3600) -> tuple[int, str]:
    """Runs ``work()`` in a fork inside the copied tree; its exit code (-1: too long) and what it wrote to its pipe."""
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
        code = 9
        with contextlib.suppress(BaseException):
            code, text = work()  # type: ignore[operator]
            os.write(write, text.encode())
        os._exit(code)
    os.close(write)
    deadline, status = time.monotonic() + seconds, None
    import select

    chunks = []
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.killpg(child, signal.SIGKILL)
            status = -1
            break
        if not (part := os.read(read, 1 << 20)):
            break
        chunks.append(part)
    os.close(read)
    code = os.waitpid(child, 0)[1]
    return (-1 if status == -1 else os.waitstatus_to_exitcode(code)), b"".join(chunks).decode()


def learn(tree: Path) -> tuple[dict[str, dict[str, list[str]]], dict[str, float]]:
    """Lines to tests, and seconds per test, of all fast tests."""
    import pytest

    files = [str(p.relative_to(tree)) for p in sorted((tree / "tests").glob("test_*.py")) if not any(word in p.name for word in SLOW_FILES)]
    table: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, float] = {}
    for file in files:  # each in a fork of its own: a crash of one loses one

        def work(file: str = file) -> tuple[int, str]:
            plugin = _Coverage(tree)
            code = pytest.main(["-q", "-m", "not slow", "-p", "no:cacheprovider", file], plugins=[plugin])
            return int(code), json.dumps([plugin.table(), plugin.seconds])

        code, text = in_child(tree, work, 900)
        if code != 0:
            print(f"{file}: exit code {code} without any mutant", flush=True)
        if text:
            lines, times = json.loads(text)
            seconds |= times
            for name, by_line in lines.items():
                for line, tests in by_line.items():
                    table[name][line] += tests
    return table, seconds


def tests_of(m: Mutant, by_line: dict[str, list[str]], seconds: dict[str, float]) -> list[str]:
    """The tests that run the mutant's statement, fastest first; of a line that runs at import every test of the file."""
    if m.file.startswith("analysis/kernels/") or "compiled" in m.file:
        return [f"tests/{name}" for name in KERNEL_TESTS]
    ran: set[str] = set()
    for line in range(m.line, max(0, m.line - 15), -1):  # a statement of several lines is known by one of the lines above
        if ran := set(by_line.get(str(line), [])):
            break
    if ran == {""}:
        ran = {t for tests in by_line.values() for t in tests}
    return sorted(ran - {""}, key=lambda t: seconds.get(t, 1))[:40]


def judge(tree: Path, m: Mutant, tests: list[str]) -> str:
    """``killed``, ``timeout``, ``survived`` or ``not run``."""
    import pytest

    if not tests:
        return "not run"
    path = tree / m.file
    good = path.read_bytes()
    path.write_bytes(good[: m.start] + m.after.encode() + good[m.stop :])
    try:
        code, _ = in_child(
            tree, lambda: (int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests])), ""), WAIT, computing=SECONDS
        )
    finally:
        path.write_bytes(good)
        os.utime(path)
    return "survived" if code == 0 else "timeout" if code in (-1, -signal.SIGXCPU, -signal.SIGKILL) else "killed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--sample", type=int, default=12, help="mutants per file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("mutants.jsonl"))
    parser.add_argument("--map", type=Path, help="keep the table of lines and tests here, or take it from here")
    args = parser.parse_args()
    files = args.files or [
        str(p.relative_to(ROOT))
        for p in sorted([*(ROOT / "analysis").rglob("*.py"), *(ROOT / "infoplane/archive").glob("*.py")])
        if not str(p.relative_to(ROOT)).startswith(DRAWN)
    ]
    tree = Path(tempfile.mkdtemp()) / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", "runs", "*.pyc"))
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[:] = [p for p in sys.path if p not in ("", str(ROOT))]
    import h5py  # noqa: F401  # loaded once, before forking

    if args.map and args.map.exists():
        table, seconds = json.loads(args.map.read_text())
    else:
        table, seconds = learn(tree)
        if args.map:
            args.map.write_text(json.dumps([table, seconds]))
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    with args.out.open("a") as out:
        for file in files:
            possible = mutants(file, (ROOT / file).read_text())
            for m in random.Random(f"{args.seed} {file}").sample(possible, min(args.sample, len(possible))):
                tests = tests_of(m, table.get(file, {}), seconds)
                verdict = judge(tree, m, tests)
                tally[file][verdict] += 1
                out.write(json.dumps({**asdict(m), "verdict": verdict, "tests": len(tests)}) + "\n")
                out.flush()
            print(f"{file}: {dict(tally[file])} of {len(possible)} possible", flush=True)
    total = sum(tally.values(), Counter())
    killed = total["killed"] + total["timeout"]
    print(f"{killed} of {sum(total.values())} mutants killed ({100 * killed / max(1, sum(total.values())):.1f} %): {dict(total)}")
    shutil.rmtree(tree.parent, ignore_errors=True)


if __name__ == "__main__":
    main()
