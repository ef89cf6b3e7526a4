"""Tests use public names only."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = sorted(Path(__file__).parent.glob("*.py"))
PRIVATE = re.compile(r"(^|\.)_[A-Za-z]\w*$")
# _exit: a documented name of os. _make_wrapper_subclass: so torch documents tensors without
# storage. The hooks of torch have no public list; `hooks_of` reads them for all tests.
ALLOWED = {"_exit", "_make_wrapper_subclass"}
OF_TORCH = {
    "_forward_hooks",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
}
FRAMES = {"_getframe", "currentframe", "f_back", "f_locals"}


def is_private(name: str) -> bool:
    """Whether somebody else's name begins with one underscore; ``_repr_html_`` is a protocol."""
    return PRIVATE.search(name) is not None and not name.endswith("_")


def patched(node: ast.Call) -> list[str]:
    """The names in texts that ``setattr``, ``delattr`` or ``getattr`` is called with."""
    if ast.unparse(node.func).rpartition(".")[2] not in ("setattr", "delattr", "getattr"):
        return []
    texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
    return [text for text in texts if isinstance(text, str)]


def private_names(source: str) -> list[str]:
    """Private names of other modules and objects that this source uses, with their lines."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            found.append((node.lineno, node.attr))
        elif isinstance(node, ast.ImportFrom):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.Call):
            found += [(node.lineno, name) for name in patched(node)]
    return [
        f"{line}: {name}"
        for line, name in found
        if (is_private(name) and name not in ALLOWED) or name in FRAMES
    ]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_tests_use_public_names_only(path: Path) -> None:
    found = private_names(path.read_text("utf-8"))
    if path.name == "builders.py":
        found = [use for use in found if use.rpartition(" ")[2] not in OF_TORCH]
    assert not found


@pytest.mark.parametrize(
    "source",
    [
        "from infoplane.rows import _codes",
        "rows._codes(z)",
        "self.writer._resumed = True",
        "monkeypatch.setattr(rows, '_codes', f)",
        "monkeypatch.setattr('infoplane.rows._codes', f)",
        "sys._getframe(1)",
        "inspect.currentframe()",
    ],
)
def test_a_private_name_is_found_however_it_is_used(source: str) -> None:
    assert private_names(source)


@pytest.mark.parametrize(
    "source",
    ["view._repr_html_()", "_mine = 1", "rows.codes_of(_mine)", "from a import __version__"],
)
def test_names_of_the_test_itself_and_protocols_are_free(source: str) -> None:
    assert not private_names(source)
