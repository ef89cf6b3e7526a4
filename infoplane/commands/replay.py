"""`infoplane replay`: activations from stored weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import Network, Overwrite
from infoplane.display.terminal import say


def replay(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run recorded with store='weights'.")
    ],
    model: Network,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the new run."),
    ],
    overwrite: Overwrite = False,
) -> None:
    """Compute the activations of a run that stored weights, and compare those it captured.

    Example: `infoplane replay runs/weights -m my_module:make_model -o runs/replayed`
    """
    from infoplane.commands.models import build_model
    from infoplane.commands.outputs import make_folder
    from infoplane.commands.subjects import open_run
    from infoplane.hooks.replay import replay as run_replay

    archive = open_run(run)
    make_folder(out.parent)
    network, probe = build_model(model, "--model")
    done = run_replay(archive.path, network, to=out, probe=probe, overwrite=overwrite)
    compared = f"{len(done.bitwise)} equal bit for bit"
    if done.rounded:
        compared += f", {len(done.rounded)} up to rounding"
    say(
        f"{done.path}: {len(done.steps)} steps replayed from weights; captured activations "
        f"compared: {compared}"
    )
