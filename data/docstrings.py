"""Text that comes with Python: documentation strings of the standard library, as characters."""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from types import ModuleType

import numpy as np

from infoplane.types.arrays import Ids

MODULES = (
    "argparse",
    "ast",
    "asyncio.base_events",
    "bisect",
    "calendar",
    "codecs",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "email.message",
    "enum",
    "fractions",
    "functools",
    "gettext",
    "glob",
    "heapq",
    "html.parser",
    "http.client",
    "inspect",
    "ipaddress",
    "itertools",
    "json",
    "logging",
    "math",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "queue",
    "random",
    "re",
    "sched",
    "selectors",
    "shelve",
    "shutil",
    "socket",
    "statistics",
    "string",
    "subprocess",
    "tarfile",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "tokenize",
    "traceback",
    "typing",
    "unittest",
    "urllib.request",
    "uuid",
    "weakref",
    "zipfile",
)
LETTERS = "abcdefghijklmnopqrstuvwxyz .,\n"
"""The characters; a token is the index of a character plus one, and 0 is a mask."""
MASK, VOCABULARY = 0, len(LETTERS) + 1


def text() -> str:
    """Return all documentation strings in lower case, characters other than `LETTERS` as spaces.

    About 0.5 million characters.
    """
    found: set[str] = set()
    for name in MODULES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            found |= _documented(importlib.import_module(name))
    joined = "\n".join(sorted(found)).lower()
    plain = "".join(letter if letter in LETTERS else " " for letter in joined)
    return re.sub(r"\n[\n ]*", "\n", re.sub(r" +", " ", plain))


def _documented(module: ModuleType) -> set[str]:
    """Return documentation strings of a module, its functions and classes, and their methods."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        owners: list[object] = [module, *vars(module).values()]
    for owner in list(owners):
        if inspect.isclass(owner):
            owners += vars(owner).values()
    docs = [getattr(owner, "__doc__", None) for owner in owners]
    return {inspect.cleandoc(doc) for doc in docs if isinstance(doc, str)}


def tokens() -> Ids:
    """Return the text as tokens from 1, shape ``(characters,)``."""
    codes = {letter: code for code, letter in enumerate(LETTERS, start=1)}
    return np.array([codes[letter] for letter in text()], dtype=np.int64)


def windows(source: Ids, length: int, count: int, rng: np.random.Generator) -> Ids:
    """Return random pieces of a text, shape ``(count, length)``.

    Args:
        source: the text as tokens, shape ``(characters,)``.
        length, count: of a piece, and how many.
        rng: draws their starts.
    """
    starts = rng.integers(0, len(source) - length, count)
    return source[starts[:, None] + np.arange(length)]
