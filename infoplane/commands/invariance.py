"""`infoplane invariance`: how much of a number is notation."""

from __future__ import annotations

from typing import Annotated

import typer

from infoplane.commands.options import Layers, Picture, Run, Specs, one_of
from infoplane.display.say import say

USUAL = ("bin:szt", "bin:quantile,n=30", "kde:relative=0.1", "exact")


def invariance(
    run: Run,
    estimator: Specs = None,
    step: Annotated[int | None, typer.Option(help="Checkpoint; the last when left out.")] = None,
    layer: Layers = None,
    about: Annotated[
        str,
        typer.Option(help="labels: I(Z;Y); inputs: I(X;Z).", callback=one_of("labels", "inputs")),
    ] = "labels",
    output: Picture = None,
) -> None:
    """Show how much of a number is notation, by maps that must, or must not, move it."""
    from infoplane.analysis.studies.invariance import INVERTIBLE
    from infoplane.analysis.studies.invariance import invariance as battery
    from infoplane.commands.outputs import PICTURES, prepare
    from infoplane.commands.pictures import write
    from infoplane.commands.subjects import open_run
    from infoplane.display.progress import working
    from infoplane.display.tables import say_table
    from infoplane.patterns import names_like

    archive = open_run(run)
    layers = names_like(layer, archive.layers)
    prepare(output, PICTURES)
    with working("mapping layers"):
        found = battery(
            archive,
            estimator or USUAL,
            step=step,
            layers=layers,
            quantity="i_zy" if about == "labels" else "i_xz",
        )
    rows = []
    for f in found:
        worst = max(INVERTIBLE, key=f.changes.__getitem__)
        rows.append(
            {
                "layer": f.layer,
                "estimator": f.estimator,
                "bits": f"{f.value:.3f}",
                "error": f"{f.error:.3f}",
                "worst map": worst,
                "sensitivity": f"{f.sensitivity:.3f}",
                "discriminability": f"{f.discriminability:.2f}",
            }
        )
    what = "I(Z;Y)" if about == "labels" else "I(X;Z)"
    say_table(f"reparameterisation invariance, {what} in bits", rows)
    say(
        "error: largest change under a map that changes no information. sensitivity: loss when "
        "half of the units go. discriminability: share of signal."
    )
    if output is not None:
        from infoplane.analysis.plot import plot_invariance

        write(plot_invariance(found).figure, output)
