"""`infoplane certify`: the interchange test of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.display.say import say


def certify(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="module:factory or path/file.py:factory; the factory returns the network, or "
            "(network, probe).",
        ),
    ],
    step: Annotated[
        int | None,
        typer.Option(help="Step whose weights the network has; the last one when left out."),
    ] = None,
) -> None:
    """Make the interchange test on every pair of layers of a recorded run, and store it.

    The network is held against the stored activations of the step first. Weights that the run
    stored are loaded.
    """
    from infoplane.commands.models import build_model
    from infoplane.commands.subjects import open_run
    from infoplane.hooks.certificates.certify_run import (
        certify as make,
    )  # before anything of a folder's

    archive = open_run(run)
    network, probe = build_model(model, "--model")
    chain = make(archive.path, network, probe=probe, step=step)
    counts = {name: chain.count(name) for name in ("cut", "partial", "no-path", "unknown")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(f"{archive.path}: {len(chain.layers)} layers certified on {chain.rows} rows: {said}")
    if chain.reason:
        say(f"  {chain.reason}")
