"""The documentation is true: its code runs in order, its links lead somewhere, every public name has its entry, the site builds without a warning."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import infoplane as ip
from infoplane.analysis.estimators.spec import FAMILIES

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.M | re.S)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")


def blocks(page: Path) -> str:
    """The page's Python, one program. Fragments for frameworks of your own are fenced as `py` and are not run."""
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
    """Anchors of the headings as code hosts and myst make them: lower case, words joined by dashes, punctuation gone."""
    return {
        re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-")
        for h in re.findall(r"^#+ (.+)$", text, re.M)
    }


def test_every_public_name_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    classes = [target.partition(":")[2] for target in FAMILIES.values()]
    missing = [name for name in [*ip.__all__, *classes] if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_every_page_is_in_the_table_of_contents() -> None:
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    assert [
        p.stem
        for p in PAGES
        if p.parent.name == "docs"
        and p.stem != "index"
        and not re.search(rf"^{p.stem}$", index, re.M)
    ] == []


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
