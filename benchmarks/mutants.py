"""The mutants of a source file: one changed place each, in code that does something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARE = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
BINARY = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.MatMult: ast.Add,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}


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
    """Every mutant of a file, in order of place; annotations, docstrings, messages and imports are
    left alone.
    """
    found = []
    lines = [0]
    for text in source.encode().splitlines(keepends=True):
        lines.append(lines[-1] + len(text))
    raw = source.encode()

    def span(node: ast.expr) -> tuple[int, int]:
        return lines[node.lineno - 1] + node.col_offset, lines[(node.end_lineno or 1) - 1] + (
            node.end_col_offset or 0
        )

    for node in _code(ast.parse(source)):
        start, stop = span(node)
        for after in _changes(node):
            found.append(
                Mutant(file, node.lineno, start, stop, raw[start:stop].decode(), f"({after})")
            )
    return sorted(set(found), key=lambda m: (m.start, m.stop, m.after))


def _code(tree: ast.AST) -> Iterator[ast.expr]:
    """Expressions that do something: no annotation, message, docstring, decorator or default of a
    dataclass field's metadata.
    """
    for child in ast.iter_child_nodes(tree):
        if isinstance(tree, (ast.FunctionDef, ast.AsyncFunctionDef)) and child in (
            *tree.decorator_list,
            tree.returns,
            tree.args,
        ):
            continue
        if isinstance(tree, ast.ClassDef) and child in tree.decorator_list:
            continue
        if (
            isinstance(child, ast.keyword) and child.arg == "strict"
        ):  # zip's: it changes nothing where both are of one length
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
        yield ast.unparse(
            ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        )
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
        other = {
            "min": "max",
            "max": "min",
            "sum": "mean",
            "mean": "sum",
            "any": "all",
            "all": "any",
            "sort": "argsort",
        }[node.func.attr]
        yield ast.unparse(ast.Call(ast.Attribute(node.func.value, other), node.args, node.keywords))
