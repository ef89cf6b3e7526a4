"""From a run to a picture of what its activations and gradients do: the kinds of `infoplane plot` that need more than a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from infoplane.analysis.measuring.train_test import split_planes
from infoplane.analysis.plot import style
from infoplane.analysis.plot.histograms import draw_histograms, draw_unit_histograms
from infoplane.analysis.plot.matrix import draw_side_by_side
from infoplane.analysis.plot.training import draw_gradients, draw_mechanism, plot_gradient_snr
from infoplane.analysis.plot.widths import draw_widths
from infoplane.analysis.studies.bin_width import width_sweep
from infoplane.analysis.studies.histograms import histograms
from infoplane.analysis.studies.mechanism import mechanism
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.archive import Archive

KINDS = ("histograms", "units", "mechanism", "widths", "gradients", "snr", "split")


@style.styled
def draw_run(
    archive: Archive,
    kind: str,
    *,
    layers: Sequence[str] | None = None,
    estimator: str | None = None,
) -> Figure:
    """A figure of a run, of one of `KINDS`.

    ``histograms``: activations over training, a panel per layer; ``units``: the same per unit of one layer (the first given, else the last that
    was captured); ``mechanism``: saturation, zeros, duplicates, cells; ``widths``: I(X;Z) of bins against their width; ``gradients``, ``snr``: gradient statistics; ``split``: the planes of
    training and held-out rows side by side.

    Raises:
        InputError: an unknown kind or layer, or a run that did not record what the kind needs.
    """
    chosen = list(layers or archive.layers)
    if kind == "histograms":
        return draw_histograms([histograms(archive, layer) for layer in chosen])
    if kind == "units":
        return draw_unit_histograms(histograms(archive, chosen[0] if layers else chosen[-1]))
    if kind == "mechanism":
        return draw_mechanism(
            [m for m in mechanism(archive, estimator=estimator or "bin:szt") if m.layer in chosen]
        )
    if kind == "widths":
        return draw_widths([width_sweep(archive, layer) for layer in chosen])
    if kind == "split":
        return draw_side_by_side(dict(split_planes(archive, [estimator or "bin:szt"])))
    if kind in ("gradients", "snr"):
        found = {
            step: extra
            for step in archive.steps
            if (extra := archive.extra(step, "gradients")) is not None
        }
        return (
            draw_gradients(found)
            if kind == "gradients"
            else style.figure_of(plot_gradient_snr(found))
        )
    raise InputError(f"expected kind {', '.join(KINDS)}, got {kind!r}")
