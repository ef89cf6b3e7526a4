"""What training does beside the plane: saturation, zeros and merged rows.

Gradients and their signal-to-noise ratio.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from infoplane.analysis.plot import style
from infoplane.analysis.plot.layout import beside, height_points, settle
from infoplane.analysis.plot.small import layer_handles, layer_tones, plain_legend
from infoplane.analysis.plot.step_axis import step_axis
from infoplane.analysis.plot.tones import dashes
from infoplane.analysis.studies.mechanism import PANELS
from infoplane.errors import InputError

if TYPE_CHECKING:
    from infoplane.analysis.studies.mechanism import Mechanism

Gradients = Mapping[int, Mapping[str, Mapping[str, float]]]
"""Per step and parameter the numbers of `infoplane.hooks.gradients`."""

GRADIENTS = {
    "mean": "|mean gradient| / |W|",
    "sd": "sqrt(tr Cov) / |W|",
    "snr": "SNR = |mean| / sqrt(tr Cov)",
    "noise_scale": "noise scale [rows]",
}


@style.styled
def draw_mechanism(found: Sequence[Mechanism]) -> Figure:
    """Draw what activations do versus step, one line per layer.

    Saturated values, exact zeros, duplicate rows, used cells, clipped values and spread.
    """
    if not found:
        raise InputError("nothing to draw: no captured steps")
    by_layer: dict[str, list[Mechanism]] = {}
    for result in found:
        by_layer.setdefault(result.layer, []).append(result)
    layers = list(by_layer)
    figure, axes = style.new_panels(len(PANELS), 3, style.PAGE * 0.275, 0, sharex=True)
    tones = layer_tones(layers)
    for ax, (key, title) in zip(axes, PANELS.items(), strict=True):
        for index, (layer, results) in enumerate(by_layer.items()):
            steps = [result.step for result in results]
            values = [getattr(result, key) for result in results]
            gid = f"{key}-{index}"
            ax.plot(steps, values, color=tones[layer], ls=dashes(index), gid=gid)
        if key == "saturated" and all(np.isnan(result.saturated) for result in found):
            ax.text(
                0.5,
                0.5,
                "no bounded activation",
                transform=ax.transAxes,
                ha="center",
                color="#666666",
                fontsize=7,
            )
        _panel(ax, title, sorted({result.step for result in found}))
        if key != "spread":
            ax.set_ylim(-0.03, 1.03)
    plain_legend(figure, _dashed(axes[0], layers))
    return figure


@style.styled
def draw_gradients(statistics: Gradients) -> Figure:
    """Draw gradient statistics versus step, per parameter.

    Norm of the mean gradient, its standard deviation over batches (both over the weight norm), SNR
    and noise scale.
    """
    names = _parameters(statistics)
    figure, axes = style.new_panels(len(GRADIENTS), 2, style.PAGE * 0.275, 0, sharex=True)
    for ax, (key, title) in zip(axes, GRADIENTS.items(), strict=True):
        _lines(ax, statistics, names, key)
        _panel(ax, title, sorted(statistics))
    plain_legend(figure, _dashed(axes[0], names))
    return figure


@style.styled
def plot_gradient_snr(
    statistics: Gradients, *, ax: Axes | None = None, log: bool | None = None
) -> Axes:
    """Draw the signal-to-noise ratio of the gradients versus step, per weight matrix.

    ``|mean| / sqrt(tr Cov)`` over batches at a frozen checkpoint.

    The line at 1 parts drift (mean above noise) from diffusion (noise above mean). That the ratio
    falls is no sign of compression: it falls in ReLU networks, which do not compress, as well (Saxe
    et al. 2018).

    Args:
        statistics: per step and parameter the numbers of `infoplane.hooks.gradients`.
        ax: where to draw; None makes a new pyplot figure.
        log: logarithmic step axis; None decides from the steps.

    Raises:
        InputError: no statistics.
    """
    names = _parameters(statistics)
    ax = style.new_axes(ax, style.PAGE * 0.62, style.PAGE * 0.36)
    _lines(ax, statistics, names, "snr")
    ax.axhline(1.0, color="#555555", lw=0.8, ls="--", zorder=0, gid="one")
    step_axis(ax, sorted(statistics), log)
    plain_legend(ax, _dashed(ax, names), **beside(ax))
    settle(style.figure_of(ax))
    height = height_points(ax)
    turn = "\n" if height < 150 else " "
    definition = f" ={turn}|mean| / sqrt(tr Cov)" if height > 100 else ""
    ax.set_ylabel(f"gradient SNR{definition}")
    return ax


def _parameters(statistics: Gradients) -> list[str]:
    if not statistics:
        raise InputError(
            "no gradient statistics in this run: record with Recorder(..., gradients=loss_fn)"
        )
    return list(statistics[min(statistics)])


def _lines(ax: Axes, statistics: Gradients, names: Sequence[str], key: str) -> None:
    """One line per parameter on a logarithmic axis.

    Infinite values (no spread, no mean) are left out.
    """
    for index, (name, tone) in enumerate(layer_tones(names).items()):
        values = {}
        for step, of_step in sorted(statistics.items()):
            value = of_step.get(name, {}).get(key, np.nan)
            if np.isfinite(value) and value > 0:
                values[step] = value
        if values:
            ax.plot(
                list(values),
                list(values.values()),
                color=tone,
                ls=dashes(index),
                gid=f"{key}-{index}",
            )
    ax.set_yscale("log")


def _panel(ax: Axes, title: str, steps: Sequence[int]) -> None:
    ax.set_title(title, fontsize=8)
    step_axis(ax, steps)
    if not ax.get_subplotspec().is_last_row():  # type: ignore[union-attr]  # made by subplots
        ax.set_xlabel("")


def _dashed(ax: Axes, names: Sequence[str]) -> list[Artist]:
    handles = layer_handles(ax, names, marks=False)
    for index, handle in enumerate(handles):
        handle.set(linestyle=dashes(index))
    return handles
