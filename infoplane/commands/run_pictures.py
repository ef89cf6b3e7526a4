"""Pictures of the activations and gradients of a run: each kind is measured, then drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infoplane.errors import DamagedArchive

if TYPE_CHECKING:
    from infoplane.analysis.plot.show import Figure
    from infoplane.archive import Archive


@dataclass(frozen=True)
class PictureOptions:
    """Options of a picture of a run.

    Attributes:
        layers: names of layers; None for all.
        estimator: spec; empty for the kind's own.
        errorbars: half-sample splits for the intervals of kind ``split``; 0 for none.
        title: of the figure of kind ``split``.
    """

    layers: Sequence[str] | None = None
    estimator: str = ""
    errorbars: int = 0
    title: str = ""


def _histograms(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.plot import draw_histograms
    from infoplane.analysis.studies.histograms import histograms

    layers = options.layers or archive.layers
    return draw_histograms([histograms(archive, layer) for layer in layers])


def _units(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.plot import draw_unit_histograms
    from infoplane.analysis.studies.histograms import histograms

    layer = options.layers[0] if options.layers else archive.layers[-1]
    return draw_unit_histograms(histograms(archive, layer))


def _mechanism(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.plot import draw_mechanism
    from infoplane.analysis.studies.mechanism import mechanism

    layers = options.layers or archive.layers
    found = mechanism(archive, estimator=options.estimator or "bin:szt")
    return draw_mechanism([one for one in found if one.layer in layers])


def _widths(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.plot import draw_widths
    from infoplane.analysis.studies.bin_width import width_sweep

    layers = options.layers or archive.layers
    return draw_widths([width_sweep(archive, layer) for layer in layers])


def _gradients(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.plot import draw_gradients

    return draw_gradients(_gradient_statistics(archive))


def _snr(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.plot import plot_gradient_snr
    from infoplane.analysis.plot.style import figure_of

    return figure_of(plot_gradient_snr(_gradient_statistics(archive)))


def _gradient_statistics(archive: Archive) -> Mapping[int, Any]:  # Any: statistics by parameter
    import msgspec

    found = {}
    for step in archive.steps:
        stored = archive.extra(step, "gradients")
        try:
            statistics = msgspec.convert(stored, dict[str, dict[str, float]] | None)
        except msgspec.ValidationError as error:
            raise DamagedArchive(f"{archive.path}: step {step}: 'gradients': {error}") from error
        if statistics is not None:
            found[step] = statistics
    return found


def _split(archive: Archive, options: PictureOptions) -> Figure:
    from infoplane.analysis.measuring.train_test import split_planes
    from infoplane.analysis.plot import View, draw_side_by_side

    specs = [options.estimator] if options.estimator else None
    planes = split_planes(archive, specs, errorbars=options.errorbars)
    return draw_side_by_side(planes, view=View(title=options.title))


RUN_KINDS: Mapping[str, Callable[[Archive, PictureOptions], Figure]] = {
    "histograms": _histograms,
    "units": _units,
    "mechanism": _mechanism,
    "widths": _widths,
    "gradients": _gradients,
    "snr": _snr,
    "split": _split,
}
"""``histograms``: activations over training, a panel per layer; ``units``: the same per unit of one
layer, the last where none is named; ``mechanism``: saturation, zeros, duplicates, cells;
``widths``: I(X;Z) of bins against their width; ``gradients``, ``snr``: gradient statistics;
``split``: the planes of training and held-out rows side by side."""
