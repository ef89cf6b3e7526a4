"""Pictures of a `Plane`.

Functions that take and return a matplotlib Axes, compute no statistic and never touch global style.

Names are loaded on first use, so that importing this package imports no matplotlib.
"""

from __future__ import annotations

from infoplane.lazy_names import lazy_names

_PUBLIC = {
    "plot_curves": "infoplane.analysis.plot.curves",
    "plot_metrics": "infoplane.analysis.plot.metrics",
    "draw_side_by_side": "infoplane.analysis.plot.side_by_side",
    "plot_dpi_matrix": "infoplane.analysis.plot.matrix",
    "plot_snapshots": "infoplane.analysis.plot.snapshots",
    "save_animation": "infoplane.analysis.plot.animate",
    "draw_curves": "infoplane.analysis.plot.curves",
    "plot_plane": "infoplane.analysis.plot.plane",
    "plot_phases": "infoplane.analysis.plot.judged",
    "plot_invariance": "infoplane.analysis.plot.judged",
    "draw_sensitivity": "infoplane.analysis.plot.judged",
    "draw_mechanism": "infoplane.analysis.plot.training",
    "draw_gradients": "infoplane.analysis.plot.training",
    "plot_gradient_snr": "infoplane.analysis.plot.training",
    "View": "infoplane.analysis.plot.view",
    "caption_of": "infoplane.analysis.plot.caption",
    "MARKS": "infoplane.analysis.plot.marks",
    "draw_pooled": "infoplane.analysis.plot.pooled",
    "plot_pooled": "infoplane.analysis.plot.pooled",
    "draw_compared": "infoplane.analysis.plot.runs",
    "draw_clouds": "infoplane.analysis.plot.runs",
    "plot_cloud": "infoplane.analysis.plot.runs",
    "plot_histogram": "infoplane.analysis.plot.histograms",
    "draw_histograms": "infoplane.analysis.plot.histograms",
    "draw_unit_histograms": "infoplane.analysis.plot.histograms",
    "plot_layer_information": "infoplane.analysis.plot.between",
    "plot_profile": "infoplane.analysis.plot.usable",
    "draw_usable": "infoplane.analysis.plot.usable",
    "draw_widths": "infoplane.analysis.plot.widths",
    "draw_calibration": "infoplane.analysis.plot.calibration",
}

__all__ = list(_PUBLIC)
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
