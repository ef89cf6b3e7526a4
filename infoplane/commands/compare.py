"""`infoplane compare`: several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import Picture, Workers, one_of, one_spec, refuse_together
from infoplane.errors import InputError


def compare(
    run: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN|PLANE...",
            help="Two or more runs or planes, e.g. of several seeds.",
        ),
    ],
    estimator: Annotated[
        str,
        one_spec(
            "Estimator. By default the first that all planes have, or one that is chosen for "
            "the first run."
        ),
    ] = "",
    output: Picture = None,
    kind: Annotated[
        str,
        typer.Option(
            "-k",
            "--kind",
            help="Kind of picture: planes (side by side, pooled curves below) or pooled (one plane "
            "with the range as a band).",
            callback=one_of("planes", "pooled"),
        ),
    ] = "planes",
    centre: Annotated[
        str,
        typer.Option(
            help="For kind pooled: median or mean over runs.", callback=one_of("median", "mean")
        ),
    ] = "median",
    workers: Workers = 1,
) -> None:
    """Compare the planes of several runs, side by side and pooled with their range.

    Example: `infoplane compare runs/seed1 runs/seed2 runs/seed3 -o seeds.png`
    """
    from infoplane.analysis.studies.compare import pool
    from infoplane.commands.outputs import PICTURES, prepare, write_picture
    from infoplane.commands.planes import named_planes
    from infoplane.commands.subjects import is_plane_at
    from infoplane.display.tables import print_table

    if output is None or kind != "pooled":
        refuse_together("only a picture of kind pooled has a centre", centre=centre != "median")
    if output is None:
        refuse_together("a kind needs a picture, -o FILE", kind=kind != "planes")
    seen: set[Path] = set()
    for path in run:
        is_plane_at(path)
        if path.resolve() in seen:
            raise InputError(f"{path} is given twice; compare takes different runs or planes")
        seen.add(path.resolve())
    prepare(output, PICTURES)
    planes, spec = named_planes(run, estimator or None, workers)
    pooled = pool(planes, estimator=spec)
    rows = []
    for curve in pooled:
        low, high = curve.band()
        rows.append(
            {
                "layer": curve.layer,
                "quantity": "I(X;Z)" if curve.quantity == "i_xz" else "I(Z;Y)",
                "median": f"{curve.median[-1]:.3f}",
                "lowest run": f"{low[-1]:.3f}",
                "highest run": f"{high[-1]:.3f}",
            }
        )
    step = pooled[0].steps[-1]
    print_table(f"bits at step {step} under {spec}, {len(planes)} runs", rows)
    if output is None:
        return
    from infoplane.analysis.plot import draw_compared
    from infoplane.analysis.plot.pooled import draw_pooled

    if kind == "pooled":
        figure = draw_pooled(planes, pooled, centre=centre)
    else:
        figure = draw_compared(planes, pooled)
    write_picture(figure, output)
