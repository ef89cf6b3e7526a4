"""`infoplane compare`: several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import Picture, Workers


def compare(
    run: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|PLANE...",
            help="Two or more runs or planes: seeds, activations, data sets.",
        ),
    ],
    estimator: Annotated[
        str,
        typer.Option(
            "-e",
            "--estimator",
            help="Spec to compare under. Left out: the first that the planes share, or that can answer on the first run.",
        ),
    ] = "",
    output: Picture = None,
    workers: Workers = 1,
) -> None:
    """Planes of several runs side by side, and pooled over runs with their range."""
    from infoplane.analysis.studies.compare import pool
    from infoplane.commands.outputs import PICTURES, prepare
    from infoplane.commands.pictures import write
    from infoplane.commands.planes import named_planes
    from infoplane.commands.subjects import is_plane_at
    from infoplane.display.tables import say_table

    for path in run:
        is_plane_at(path)
    prepare(output, PICTURES)
    planes, spec = named_planes(run, estimator or None, workers)
    pooled = pool(planes, estimator=spec)
    rows = []
    for p in pooled:
        low, high = p.band()
        rows.append(
            {
                "layer": p.layer,
                "quantity": "I(X;Z)" if p.quantity == "i_xz" else "I(Z;Y)",
                "median": f"{p.median[-1]:.3f}",
                "lowest run": f"{low[-1]:.3f}",
                "highest run": f"{high[-1]:.3f}",
            }
        )
    step = pooled[0].steps[-1]
    say_table(f"bits at step {step} under {spec}, {len(planes)} runs", rows)
    if output is not None:
        from infoplane.analysis.plot import draw_compared

        write(draw_compared(planes, pooled), output)
