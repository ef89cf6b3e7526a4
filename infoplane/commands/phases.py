"""`infoplane phases`: does a layer compress, when, and which estimators agree?"""

from __future__ import annotations

from typing import Annotated

from infoplane.commands.options import Picture, Runs, Seed, Specs, count


def phases(
    run: Runs,
    estimator: Specs = None,
    output: Picture = None,
    splits: Annotated[
        int,
        count("Random splits of the probe rows into halves.", 1),
    ] = 5,
    seed: Seed = 0,
) -> None:
    """Report for every layer whether and when it compresses, and which estimators agree.

    The peak is chosen on one half of the rows and measured on the other. Estimators are chosen for
    the run unless -e names them.

    Example: `infoplane phases runs/first -o phases.png`
    """
    from infoplane.analysis.studies.phases import phases as judge
    from infoplane.commands.outputs import PICTURES, prepare, write_picture
    from infoplane.commands.subjects import open_run
    from infoplane.display.tables import print_phases

    archives = [open_run(path) for path in run]
    prepare(output, PICTURES)
    for number, archive in enumerate(archives, 1):
        found = judge(archive, estimator or None, splits=splits, seed=seed, progress=True)
        print_phases(found)
        if output is not None:
            from infoplane.analysis.plot import plot_phases

            numbered = output.with_stem(f"{output.stem}-{number}")
            write_picture(plot_phases(found).figure, output if len(run) == 1 else numbered)
