"""`infoplane certify`: the interchange test of a recorded run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import Network
from infoplane.display.terminal import say


def certify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")],
    model: Network,
    step: Annotated[
        int | None,
        typer.Option(help="Checkpoint whose weights the network has; by default the last."),
    ] = None,
) -> None:
    """Run the interchange test on every pair of layers of a run, and store the result.

    The network must give the stored activations of the checkpoint. Weights that the run stored are
    loaded.

    Example: `infoplane certify runs/first --model my_module:make_model`
    """
    from infoplane.commands.models import build_model
    from infoplane.commands.subjects import open_run
    from infoplane.hooks.certificates.certify_run import certify as certify_run

    archive = open_run(run)
    network, probe = build_model(model, "--model")
    chain = certify_run(archive.path, network, probe=probe, step=step)
    counts = {name: chain.count(name) for name in ("cut", "partial", "no-path", "unknown")}
    tally = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(f"{archive.path}: {len(chain.layers)} layers certified on {chain.rows} rows: {tally}")
    if chain.reason:
        say(f"  {chain.reason}")
