"""The information plane as most people want it.

The caveats are looked up, then it is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infoplane.analysis.caveats import Caveats, caveats_of
from infoplane.plane import Plane
from infoplane.types import DPIReport

if TYPE_CHECKING:
    from infoplane.analysis.plot.show import Axes


def plot_plane(
    plane: Plane,
    report: DPIReport | None = None,
    *,
    estimator: str | None = None,
    caveats: Caveats | None = None,
    **options: Any,  # Any: of the drawing function
) -> Axes:
    """Draw the information plane of one estimator, with what a reader must know first.

    One trajectory per layer, coloured by step; bars are 95 % intervals where the estimates have
    them. The run behind the plane, where it is at hand, says what the network's predictions prove.

    Args:
        plane: what was measured.
        report: the DPI check, whose findings are marked; None marks none.
        estimator: spec to draw; None takes the plane's first.
        caveats: warnings shown with the numbers; None looks them up.
        options: ``ax``, ``view`` and the others of `infoplane.analysis.plot.plot_plane`.

    Returns:
        The Axes.

    Raises:
        InputError: empty plane, unknown estimator or layer, or no layer with both I(X;Z) and
            I(Z;Y).
    """
    from infoplane.analysis.plot.labels import choose_estimator
    from infoplane.analysis.plot.plane import plot_plane as draw

    spec = choose_estimator(plane, estimator)
    if caveats is None:
        shown = plane.select(estimator=spec, layer=options.get("layers"))
        caveats = caveats_of(shown, spec)
    return draw(plane, report, estimator=spec, caveats=caveats, **options)


def show_plane(
    plane: Plane, report: DPIReport | None = None, **options: Any
) -> Axes:  # Any: of plot_plane
    """Draw by `plot_plane` and show; without a display the Axes is only returned."""
    from infoplane.analysis.plot.show import show_screen

    ax = plot_plane(plane, report, **options)
    show_screen()
    return ax
