"""From a plane to one HTML file that works offline.

Plotly, style, script and data are all inside.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

from infoplane.analysis.report.content import Table, page_data
from infoplane.analysis.report.sections import Judged
from infoplane.errors import ArchiveExists, InputError, MissingExtra
from infoplane.new_file import write_text
from infoplane.plane import Plane, require_plane
from infoplane.types import DPIReport
from infoplane.user_path import path_of

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: "
    "blob:; base-uri 'none'; form-action 'none'"
)
"""What a browser lets the file do: run what is inside it, and reach nothing else."""

SCRIPTS = (
    "page_state.js",
    "page_text.js",
    "page_plane.js",
    "page_curves.js",
    "page_tables.js",
    "sections.js",
    "page.js",
    "live.js",
)
"""The parts of the page's one script, in order: `page.js` begins to draw, once all others are
there.
"""


def plotly_source() -> str:
    """Return the JavaScript of plotly, from the installed package.

    Raises:
        MissingExtra: plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtra("plotly", "report") from error
    return str(get_plotlyjs())


def embed(data: Mapping[str, Any]) -> str:  # Any: JSON
    """Return data as JSON that can stand inside a script element.

    ASCII, and no ``<`` that could end it.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def page(
    data: Mapping[str, Any] | None, *, policy: str = POLICY, plotly: str | None = None
) -> str:  # Any: JSON
    """Return the page as HTML.

    Args:
        data: from `page_data`; None for a page that asks its own server for them (the live
            page).
        policy: what a browser lets the page do.
        plotly: a script element for the library; None puts the library inside.
    """
    folder = resources.files("infoplane.analysis.report")
    parts = {
        "%POLICY%": policy,
        "%CSS%": (folder / "page.css").read_text("utf-8"),
        "%PLOTLY%": f"<script>{plotly_source()}</script>" if plotly is None else plotly,
        "%DATA%": "null" if data is None else embed(data),
        "%SCRIPT%": "\n".join((folder / name).read_text("utf-8") for name in SCRIPTS),
    }
    text = (folder / "page.html").read_text("utf-8")
    # in one pass: nothing inside a replacement is ever replaced again
    return re.sub("|".join(parts), lambda mark: parts[mark[0]], text)


def write_report(
    path: str | Path,
    plane: Plane,
    report: DPIReport | None = None,
    *,
    title: str = "",
    tables: Table | None = None,
    judged: Judged | None = None,
    estimator: str | None = None,
    paths: bool = False,
    overwrite: bool = True,
) -> Path:
    """Write one self-contained interactive HTML file; returns its path.

    Args:
        path: FILE.html; written beside and renamed, so a reader never sees half a page.
        plane: what was measured.
        report: the DPI check, None to leave it out.
        title: heading; the archive's name when empty.
        tables: further results as rows of a table each, e.g. ``{"Phases": [{"layer": "0",
            "verdict": "robust"}]}``.
        judged: phases, sensitivity, mechanism and other runs, each a section of its own.
        estimator: spec that the page shows first; None takes the plane's first whose numbers are
            bits.
        paths: keep the full path of the run in the file; its name alone otherwise, since a page is
            sent to others.
        overwrite: replace an existing file.

    Raises:
        InputError: the plane is empty or the file does not end in .html.
        ArchiveExists: the file exists and ``overwrite`` is False.
        MissingExtra: plotly is not installed.
    """
    path = path_of(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"expected a file ending in .html, got {path.name!r}")
    require_plane(plane, "reporting")
    if path.exists() and not overwrite:
        raise ArchiveExists(f"{path} exists; pass overwrite=True to replace it")
    shown = plane if paths else without_paths(plane)
    text = page(
        page_data(shown, report, title=title, tables=tables, judged=judged, estimator=estimator)
    )
    return write_text(path, text)


def without_paths(plane: Plane) -> Plane:
    """Return the plane with the name of its run in place of the path on this machine."""
    stated = plane.provenance.get("archive", "")
    provenance = {**plane.provenance, "archive": Path(stated).name}
    return replace(plane, provenance=provenance, run=plane.run_path)
