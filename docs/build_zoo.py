"""Writes docs/zoo.md: what ``layers="auto"`` takes of every network of tests/zoo."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

CAUTION = (
    "The rule was refined while the layers of these networks were looked at: "
    "the count is no score on networks that nobody has seen. "
)
HEAD = """# What `auto` takes of other networks

`make zoo` attaches a recorder to every network below (tiny, random weights, built from the
configurations of their packages) and holds each to four things: the layers are those of the table;
every stored bit is that of a plain forward; three steps of training end with the same bits as
without the recorder; the check finds no fault. Of networks whose residual stream is a sum of
functions (vit-pytorch, x-transformers) the certificate cuts every pair, too. Some of all are
tried whenever the tests run. vit-pytorch is installed without what it needs for training: `pip
install --no-deps vit-pytorch`. This page is written by `docs/build_zoo.py`; the rule is in [Attach
to any training](capture.md).

| network | package | layers |
|---|---|---|
"""


def main() -> None:
    """Write the page."""
    from zoo.networks import ZOO

    expected = json.loads((ROOT / "tests/zoo/expected.json").read_text(encoding="utf-8"))
    notes = json.loads((ROOT / "tests/zoo/exceptions.json").read_text(encoding="utf-8"))
    rows = [
        f"| {name} | {ZOO[name].package} | {_shortened(layers)} |"
        for name, layers in sorted(expected.items(), key=lambda item: item[0].lower())
    ]
    sensible = len(expected) - len(notes)
    text = HEAD + "\n".join(rows) + "\n\n"
    text += (
        CAUTION
        + f"{sensible} of {len(expected)} follow the rule to a choice that one would make by "
        "hand. The others:\n\n"
    )
    text += "\n".join(f"- {name}: {note}" for name, note in notes.items()) + "\n"
    text += _functional() + _held_out() + _named_before()
    (ROOT / "docs/zoo.md").write_text(text, encoding="utf-8")


def _functional() -> str:
    """Networks whose residual sums are functions, and what was found of their chains."""
    from zoo.functional import FUNCTIONAL

    names = ", ".join(FUNCTIONAL)
    return (
        f"\n## Residual sums by functions\n\nIn {len(FUNCTIONAL)} networks the sums are functions "
        f"in the forward of a stack, and no module gives them: {names}. `auto` takes the stream "
        "behind every sum, and the interchange test finds every pair of layers cut.\n"
    )


def _held_out() -> str:
    """The check on networks that were named before the rule was run on them."""
    found = json.loads((ROOT / "tests/zoo/held_out.json").read_text(encoding="utf-8"))
    sensible, missed, mended = found["sensible"], found["missed"], found["mended"]
    built = len(sensible) + len(missed)
    text = (
        f"\n## Networks that the rule had not seen\n\n{built + len(found['not_built'])} further "
        f"architectures were named before the rule was run on any of them; {built} could be built "
        f"from a tiny configuration. The choice was sensible in **{len(sensible)} of {built}**: "
        f"{', '.join(sensible)}. The others:\n\n"
    )
    text += "\n".join(f"- {name}: {why}" for name, why in missed.items())
    return (
        text
        + f"\n\nThe rule has since been changed by what was seen there ({', '.join(mended)}), so "
        f"that these are no longer unseen: {len(sensible) + len(mended)} of {built} would be "
        "sensible today.\n"
    )


def _named_before() -> str:
    """The later rounds: layers were written down, too, before the rule was run."""
    path = ROOT / "tests/zoo/named_before.json"
    text = (
        "\n## Layers written down beforehand\n\nOf these networks not only the names were written "
        "down before `auto` was run, but the layers that the rule should take: what must be there "
        "and what may, in the files named below. A choice counts as sensible where all of the "
        "first and nothing beside both is taken.\n"
    )
    for found in json.loads(path.read_text(encoding="utf-8"))["rounds"]:
        built, first, now = found["count"], found["first"], len(found["missed_now"])
        unbuilt = f" (not built: {', '.join(found['not_built'])})" if found["not_built"] else ""
        text += (
            f"\n**{found['title']}**{unbuilt}, `tests/zoo/{found['list']}`: **{first} of {built}** "
            f"at the first try, {built - now} of {built} by the rule as it is. The others at the "
            "first try:\n\n"
        )
        text += "\n".join(f"- {names}: {why}" for names, why in found["missed"].items()) + "\n"
    return text


def _shortened(layers: list[str]) -> str:
    """Names with blocks of one row written as one: ``layers.0 ... 3``."""
    said = []
    for _, group in groupby(layers, key=_stem):
        names = list(group)
        more = f" ... {_number(names[-1])}" if len(names) > 1 else ""
        said.append(f"`{names[0]}`{more}")
    return ", ".join(said)


def _stem(name: str) -> str:
    head, _, last = name.replace("#", ".").rpartition(".")
    return head if last.isdigit() and head else name


def _number(name: str) -> str:
    return name.replace("#", ".").rpartition(".")[2]


if __name__ == "__main__":
    main()
