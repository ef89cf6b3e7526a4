"""`infoplane sensitivity`: the same activations under many conventions."""

from __future__ import annotations

from infoplane.commands.options import Picture, Run, Specs, Workers
from infoplane.display.terminal import say


def sensitivity(
    run: Run, estimator: Specs = None, output: Picture = None, workers: Workers = 1
) -> None:
    """Measure the same activations under ten conventions: under which does a layer compress?

    Each convention is an estimator; -e names others.

    Example: `infoplane sensitivity runs/first -o planes.png`
    """
    from infoplane.analysis.studies.sensitivity import CONVENTIONS
    from infoplane.analysis.studies.sensitivity import sensitivity as vary
    from infoplane.commands.outputs import PICTURES, prepare, write_picture
    from infoplane.commands.subjects import open_run

    archive = open_run(run)
    prepare(output, PICTURES)
    found = vary(archive, estimator or CONVENTIONS, workers=workers, progress=True)
    say(found)
    if output is not None:
        from infoplane.analysis.plot import draw_sensitivity

        write_picture(draw_sensitivity(found.plane), output)
