"""Execute every notebook from its paired script: `python notebooks/build.py [NAME...]`.

Writes the .ipynb with its pictures.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient

HERE = Path(__file__).parent


def build(script: Path) -> None:
    """Run one script in an empty folder and write the notebook beside it."""
    notebook = jupytext.read(script)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
        ).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = (
            f"cell-{number}"  # the same at every build, so that a change shows what changed
        )
        cell.metadata.pop("execution", None)
    jupytext.write(notebook, script.with_suffix(".ipynb"))


if __name__ == "__main__":
    wanted = sys.argv[1:]
    for script in sorted(HERE.glob("[0-9]*.py")):
        if not wanted or any(name in script.name for name in wanted):
            began = time.perf_counter()
            build(script)
            print(
                f"{script.stem}: {time.perf_counter() - began:.0f} s, {script.with_suffix('.ipynb').stat().st_size / 1024:.0f} KiB"
            )
