"""The documentation is true: its code runs, its links resolve, every public name is in it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from command_pages import commands, markdown, options_of

import infoplane as ip
from infoplane.analysis.estimators.spec import FAMILIES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.M | re.S)
COMMAND = re.compile(r"(?:^|`)infoplane ([a-z][a-z-]*)([^`\n]*)", re.M)
"""A command in a fence or between backticks, and what follows it."""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")


def blocks(page: Path) -> str:
    """The page's Python, one program.

    Fragments for frameworks of your own are fenced as `py` and are not run.
    """
    return "\n".join(
        textwrap.dedent(found.group(2)) for found in BLOCK.finditer(page.read_text("utf-8"))
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(blocks(page), "utf-8")
    environment = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "HF_HUB_OFFLINE": "1",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_local_links_lead_to_files(page: Path) -> None:
    targets = [
        t
        for t in LINK.findall(BLOCK.sub("", page.read_text("utf-8")))
        if not re.match(r"[a-z]+:", t)
    ]
    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_into_a_page_lead_to_a_heading(page: Path) -> None:
    wrong = []
    for path, anchor in re.findall(
        r"\[[^\]]*\]\(([^)\s#]*)#([^)\s]+)\)", BLOCK.sub("", page.read_text("utf-8"))
    ):
        target = page if not path else page.parent / path
        if not re.match(r"[a-z]+:", path) and anchor not in _anchors(target.read_text("utf-8")):
            wrong.append(f"{path}#{anchor}")
    assert wrong == []


def _anchors(text: str) -> set[str]:
    """Anchors of the headings as code hosts and myst make them: lower case, words joined by dashes,
    punctuation gone.
    """
    return {
        re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-")
        for h in re.findall(r"^#+ (.+)$", text, re.M)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_has_words(page: Path) -> None:
    assert re.findall(r"(?<!!)\[\]\([^)]*\)", page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_and_options_of_a_page_exist(page: Path) -> None:
    known = {name: set(options_of(command)) for name, command in commands().items()}
    wrong = []
    for name, rest in COMMAND.findall(page.read_text("utf-8")):
        options = re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest.partition("  #")[0])
        unknown = [o for o in options if o not in known.get(name, set())]
        if name not in known or unknown:
            wrong.append(f"{name} {unknown}")
    assert wrong == []


def test_the_page_of_the_command_line_has_every_command_and_option() -> None:
    text = markdown()
    for name, command in commands().items():
        section = text.partition(f"## {name}\n")[2].partition("\n## ")[0]
        asked = {o for o in options_of(command) if o not in ("--help", "-h")}
        assert [o for o in asked if f"`{o}`" not in section] == [], name


@pytest.mark.parametrize("name", commands())
def test_the_help_of_a_command_has_an_example_that_it_accepts(name: str) -> None:
    command = commands()[name]
    example = re.search(rf"Example: `infoplane {name}(.*)`", command.help)
    assert example, "no example"
    assert command.make_context(name, shlex.split(example[1]))


def test_every_public_name_is_in_the_reference() -> None:
    pages = (ROOT / "docs").glob("reference*.md")
    text = "".join(page.read_text("utf-8") for page in pages)
    classes = [target.partition(":")[2] for target in FAMILIES.values()]
    missing = [name for name in [*ip.__all__, *classes] if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_every_page_is_in_the_table_of_contents() -> None:
    trees = "".join(
        found
        for page in PAGES
        for found in re.findall(r"^```{toctree}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    )
    listed = set(trees.split("\n")) | {"index", "README"}
    assert [page.stem for page in PAGES if page.stem not in listed] == []


def test_every_key_that_is_written_is_in_the_specification(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    with ip.Recorder(
        net,
        probe=(torch.eye(3), [0, 1, 1]),
        split=["train", "train", "test"],
        to=tmp_path / "run",
        verbose=False,
    ) as rec:
        rec.step(1, loss=0.5)
    ip.archive.pack(tmp_path / "run", tmp_path / "run.h5")
    plane = ip.measure(tmp_path / "run", "exact")
    plane.save(tmp_path / "plane.h5")
    found: set[str] = set()
    for path in [
        tmp_path / "run" / "run.json",
        *tmp_path.rglob("*.h5"),
        *tmp_path.rglob("*.jsonl"),
    ]:
        raw = path.read_bytes().decode("latin-1")
        found |= set(re.findall(r'"([a-z_0-9]+)":', raw))
    free = {
        "config",
        "writer",
        "meta",
        "metrics",
        "versions",
    }  # free-form objects: their content is the writer's own
    text = (ROOT / "docs" / "format.md").read_text("utf-8")
    own = _keys_below(tmp_path / "run" / "run.json", free)
    assert len(found) > 40
    missing = sorted(k for k in found - own if not re.search(rf"\b{k}\b", text))
    assert missing == []


def _keys_below(run: Path, names: set[str]) -> set[str]:
    """Keys inside the free-form objects of a run and of its shards, whatever they are."""
    from infoplane.archive.reader import open_archive

    header = json.loads(run.read_text("utf-8"))
    archive = open_archive(run.parent)
    inside: set[str] = set()
    stack: list[object] = (
        [header[n] for n in names & set(header)]
        + [archive.meta(s) for s in archive.steps]
        + [archive.metrics]
    )
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            inside |= {str(k) for k in top}
            stack += list(top.values())
        elif isinstance(top, list):
            stack += top
    return inside


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_nb")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "-q",
            "-b",
            "html",
            str(ROOT / "docs"),
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "tutorial.html").is_file()
    page = re.sub("<[^>]+>", "", (tmp_path / "cli.html").read_text("utf-8"))
    assert "infoplane measure" in page
