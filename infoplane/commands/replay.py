"""`infoplane replay`: activations from stored weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.display.say import say


def replay(
    run: Annotated[Path, typer.Argument(help="A run recorded with store='weights'.")],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="module:factory or path/file.py:factory; the factory returns the network, or "
            "(network, probe).",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Directory of the new run with the activations.")
    ],
    overwrite: Annotated[bool, typer.Option(help="Replace a run that is there.")] = False,
) -> None:
    """Replay a run of stored weights: verify, and write the activations of every step."""
    from infoplane.commands.models import build_model
    from infoplane.commands.outputs import make_folder
    from infoplane.commands.subjects import open_run
    from infoplane.hooks.replay import replay as run_replay  # before anything of a folder's

    archive = open_run(run)
    make_folder(out.parent)
    network, probe = build_model(model, "--model")
    done = run_replay(archive.path, network, to=out, probe=probe, overwrite=overwrite)
    checked = f"{len(done.bitwise)} verified bit for bit" + (
        f", {len(done.rounded)} up to rounding" if done.rounded else ""
    )
    say(
        f"{done.path}: {len(done.steps)} steps replayed from weights; against captured "
        f"activations: {checked or 'none to compare'}"
    )
