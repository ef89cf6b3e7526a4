"""Writes docs/zoo.md: what ``layers="auto"`` takes of every network of tests/zoo."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ZOO_FOLDER = ROOT / "tests/zoo"
sys.path.insert(0, str(ROOT / "tests"))

_OWN_TABLE = 4
"""A package with fewer networks is listed among others."""
INTRODUCTION = """# What `auto` takes of other networks

This page shows, network by network, which layers `layers="auto"` takes. The rule is in
[Attach to any training](capture.md#which-layers). The networks are tiny, have random weights, and
are built from the configurations of their packages or written by hand.

**A choice is right** if it holds every block, the embedding or the first layers, the last
normalisation and the output, and nothing else: no layer that is the same for all rows, none that
never reaches the output, no part of a block.

**{right} of {count} choices are right.** The others are marked in the tables, and
[explained here](#choices-that-differ). The rule was improved with most of these networks in view,
so this share says little about a network that nobody has looked at. For that, see
[networks named beforehand](#networks-named-beforehand).
"""
TESTS = """
## What is tested

`make zoo` attaches a recorder to every network and holds it to four things: the layers are those of
the tables below; every stored bit is that of a plain forward; three steps of training end with the
same bits as without the recorder; `check` finds no fault. Some of the networks are tried whenever
the tests run.

In {functional} networks the residual sums are functions in the forward of a stack, and no module
gives them ({names}). `auto` takes the stream behind every sum, and the interchange test certifies
every pair of layers.
"""
NAMED_BEFORE = """
## Networks named beforehand

Six times, networks were written down before `auto` was run on any of them. The first time only
their names; then also the layers that the rule should take. A choice is right here if it holds all
of the layers that must be there, and nothing besides these and those that may be. "Today" is the
count by the present rule, which was improved by what was seen.

| networks | list | right at the first try | today |
|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    from zoo.functional import FUNCTIONAL
    from zoo.networks import ZOO

    expected: dict[str, list[str]] = _read("expected.json")
    exceptions: dict[str, str] = _read("exceptions.json")
    packages = defaultdict(list)
    for name in sorted(expected, key=str.lower):
        packages[ZOO[name].package].append(name)
    text = INTRODUCTION.format(right=len(expected) - len(exceptions), count=len(expected))
    text += _differing(exceptions)
    text += _named_before()
    text += TESTS.format(functional=len(FUNCTIONAL), names=_without_package(FUNCTIONAL))
    text += "".join(_tables(packages, expected, exceptions))
    (ROOT / "docs/zoo.md").write_text(text, encoding="utf-8")


def _read(name: str) -> Any:  # Any: JSON
    return json.loads((ZOO_FOLDER / name).read_text(encoding="utf-8"))


def _differing(exceptions: dict[str, str]) -> str:
    """The choices that are not right, and why."""
    text = "\n## Choices that differ\n\n| network | what differs |\n|---|---|\n"
    for name, reason in sorted(exceptions.items(), key=lambda item: item[0].lower()):
        text += f"| {name} | {reason} |\n"
    return text


def _named_before() -> str:
    """The lists that were written before the rule was run: counts, then what was missed."""
    names, rounds = _read("held_out.json"), _read("named_before.json")["rounds"]
    right = len(names["sensible"])
    count = right + len(names["missed"])
    now = right + len(names["mended"])
    text = NAMED_BEFORE
    text += f"| {count} networks, by name | `held_out.json` | {right} of {count} | {now} |\n"
    for found in rounds:
        now = found["count"] - len(found["missed_now"])
        first = f"{found['first']} of {found['count']}"
        text += f"| {found['title']} | `{found['list']}` | {first} | {now} |\n"
    text += "\nWhat was missed at the first try:\n"
    missed_now = set(names["missed"]) - set(names["mended"])
    text += _missed({**names, "title": f"{count} networks, by name", "missed_now": missed_now})
    for found in rounds:
        text += _missed(found)
    return text


def _missed(found: dict[str, Any]) -> str:  # Any: JSON
    """One list: networks, what happened at the first try, and what happens today."""
    text = f"\n### {found['title']}\n\n| network | at the first try | today |\n|---|---|---|\n"
    sentences = found.get("today", {})
    for names, reason in found["missed"].items():
        today = sentences.get(names) or _today(names.split(", "), found["missed_now"])
        text += f"| {names} | {reason} | {today} |\n"
    if found["not_built"]:
        text += f"\nNot built: {', '.join(found['not_built'])}.\n"
    return text


def _today(names: Sequence[str], missed_now: Collection[str]) -> str:
    """Whether these networks are still missed."""
    still = [name for name in names if name in missed_now]
    if not still:
        return "right"
    return "the same" if len(still) == len(names) else f"the same: {', '.join(still)}"


def _tables(
    packages: Mapping[str, Sequence[str]],
    expected: dict[str, list[str]],
    exceptions: dict[str, str],
) -> Iterator[str]:
    """Yield a table of every package with several networks, and one of all others.

    Args:
        packages: names of the networks of each; ``torch`` for those written by hand.
        expected: the layers of every network.
        exceptions: the networks whose choice is not right.
    """
    others: list[str] = []
    for package, names in sorted(packages.items(), key=lambda item: -len(item[1])):
        if len(names) < _OWN_TABLE:
            others += names
            continue
        title = "Written by hand" if package == "torch" else f"`{package}`"
        yield _table(f"{title}: {len(names)} networks", names, expected, exceptions)
    title = f"Other packages: {len(others)} networks"
    yield _table(title, sorted(others, key=str.lower), expected, exceptions)


def _table(
    title: str,
    names: Sequence[str],
    expected: dict[str, list[str]],
    exceptions: dict[str, str],
) -> str:
    """One table: the layers of every network, and whether the choice is right.

    Args:
        title: above it.
        names: of its networks.
        expected: the layers of every network.
        exceptions: the networks whose choice is not right.
    """
    text = f"\n## {title}\n\n| network | layers | right |\n|---|---|---|\n"
    for name in names:
        right = "[no](#choices-that-differ)" if name in exceptions else "yes"
        text += f"| {name} | {_shortened(expected[name])} | {right} |\n"
    return text


def _shortened(layers: Sequence[str]) -> str:
    """Names with blocks of one row written as one: ``layers.0 ... 3``."""
    parts = []
    for _, group in groupby(layers, key=_without_number):
        names = list(group)
        more = f" ... {_number(names[-1])}" if len(names) > 1 else ""
        parts.append(f"`{names[0]}`{more}")
    return ", ".join(parts)


def _without_number(name: str) -> str:
    head, _, last = name.replace("#", ".").rpartition(".")
    return head if last.isdigit() and head else name


def _number(name: str) -> str:
    return name.replace("#", ".").rpartition(".")[2]


def _without_package(names: Iterable[str]) -> str:
    return ", ".join(name.removeprefix("vit_pytorch ") for name in names)


if __name__ == "__main__":
    main()
