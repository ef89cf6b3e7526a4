"""`infoplane invariance`: estimates under maps that keep, or remove, information."""

from __future__ import annotations

from typing import Annotated

import typer

from infoplane.commands.options import Layers, Picture, Run, Specs, Step, one_of
from infoplane.display.terminal import say

USUAL = ("bin:szt", "bin:quantile,n=30", "kde:relative=0.1", "exact")


def invariance(
    run: Run,
    estimator: Specs = None,
    step: Step = None,
    layer: Layers = None,
    about: Annotated[
        str,
        typer.Option(
            help="labels for I(Z;Y), inputs for I(X;Z).", callback=one_of("labels", "inputs")
        ),
    ] = "labels",
    output: Picture = None,
) -> None:
    """Measure how estimates change under maps of a layer that keep, or remove, information.

    Estimators are fixed bins, quantile bins, a kernel and exact codes unless -e names others.

    Example: `infoplane invariance runs/first --about inputs`
    """
    from infoplane.analysis.studies.invariance import INVERTIBLE
    from infoplane.analysis.studies.invariance import invariance as battery
    from infoplane.commands.outputs import PICTURES, prepare, write_picture
    from infoplane.commands.subjects import open_run
    from infoplane.display.progress import working
    from infoplane.display.tables import print_table
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
    for result in found:
        rows.append(
            {
                "layer": result.layer,
                "estimator": result.estimator,
                "bits": f"{result.value:.3f}",
                "error": f"{result.error:.3f}",
                "worst map": max(INVERTIBLE, key=result.changes.__getitem__),
                "sensitivity": f"{result.sensitivity:.3f}",
                "discriminability": f"{result.discriminability:.2f}",
            }
        )
    what = "I(Z;Y)" if about == "labels" else "I(X;Z)"
    print_table(f"reparameterisation invariance, {what} in bits", rows)
    say(
        "error: largest change under a map that changes no information. sensitivity: loss when "
        "half of the units go. discriminability: share of signal."
    )
    if output is not None:
        from infoplane.analysis.plot import plot_invariance

        write_picture(plot_invariance(found).figure, output)
