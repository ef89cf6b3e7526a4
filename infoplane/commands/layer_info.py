"""`infoplane layer-info`: information between layers."""

from __future__ import annotations

from typing import Annotated

from infoplane.commands.options import Csv, Layers, Picture, Run, Seed, Step, count, one_spec
from infoplane.display.terminal import say
from infoplane.errors import InputError


def layer_info(
    run: Run,
    estimator: Annotated[
        str,
        one_spec("One for two layers: knn, ksg, gauss, sliced, renyi, cka, exact or bin."),
    ] = "knn",
    step: Step = None,
    layer: Layers = None,
    errorbars: Annotated[
        int,
        count("Half-sample splits for standard errors and 95 % intervals; 0 for none.", 0),
    ] = 0,
    seed: Seed = 0,
    csv: Csv = None,
    output: Picture = None,
) -> None:
    """Estimate I(Z_i;Z_j) in bits for every pair of layers at one checkpoint.

    Example: `infoplane layer-info runs/first -e knn -o layers.png`
    """
    from infoplane.analysis.studies.layer_information import layer_information
    from infoplane.commands.outputs import PICTURES, prepare, write_picture
    from infoplane.commands.subjects import open_run
    from infoplane.display.progress import working
    from infoplane.patterns import names_like

    archive = open_run(run)
    layers = names_like(layer, archive.layers)
    if layers is not None and len(layers) < 2:
        raise InputError(f"layer-info measures pairs of layers: expected at least 2, got {layers}")
    prepare(output, PICTURES)
    prepare(csv)
    with working("measuring pairs of layers"):
        found = layer_information(
            archive, estimator, step=step, layers=layers, errorbars=errorbars, seed=seed
        )
    say(found)
    if csv is not None:
        say(found.to_csv(csv))
    if output is not None:
        from infoplane.analysis.plot import plot_layer_information

        write_picture(plot_layer_information(found).figure, output)
