"""The oldest and the newest supported versions of pyproject.toml, for `make matrix`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = ("torch", "numpy", "scikit-learn")
"""The dependencies whose versions the table shows."""


def oldest(dependency: str) -> str:
    """Turn a lower bound into a demand for that series: 'numpy>=1.26' into 'numpy==1.26.*'."""
    name, _, bound = dependency.partition(";")[0].strip().partition(">=")
    return f"{name}=={bound}.*" if bound.count(".") < 2 else f"{name}=={bound}"


def torches(end: str) -> list[tuple[str, str]]:
    """Return the demands for torch, the best first, each with the sentence that owns up to it."""
    pin = re.search(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    best = oldest("torch>=" + bound("torch")) if end == "oldest" else "torch"
    return [("", best), *([(f"{pin[0]} instead", pin[0])] if pin else [])]


def package_sets(end: str) -> list[tuple[str, list[str]]]:
    """Return the demands for all else, the best first."""
    plain = [text.partition(";")[0] for text in PROJECT["dependencies"] if "torch" not in text]
    if end == "newest":
        return [("", plain)]
    three = [oldest(text) if text.startswith(NAMED) else text for text in plain]
    every = [oldest(text) for text in plain]
    return [("", every), ("only numpy and scikit-learn are at their oldest", three)]


def bound(name: str) -> str:
    """Return the lower bound of a dependency."""
    return next(t for t in PROJECT["dependencies"] if t.startswith(name + ">=")).split(">=")[1]
