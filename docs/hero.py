"""The picture of the README: `python docs/hero.py RUN_TANH RUN_RELU` writes docs/images/hero.png
from two runs of the 12-bit task.

`infoplane demo` makes such runs, as does `infoplane replicate saxe2018-relu`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import infoplane as ip
from infoplane.analysis.plot import plot_plane, style

LAYERS = ["act1", "act2", "act3", "act4", "act5", "fc6"]
PANELS = (
    (0, "bin:szt", "tanh network, 30 bins\nlayers 4 to 6 seem to forget the input"),
    (0, "exact", "the same network, exact\nat most {lost:.2f} of its 12 bits are lost"),
    (1, "bin:saxe", "ReLU network, cells of one width\nno such fall"),
)


@style.styled
def draw(tanh: str, relu: str, path: Path) -> None:
    """Three planes on equal axes, drawn to ``path``."""
    archives = [ip.open_archive(run) for run in (tanh, relu)]
    figure = style.new_figure(1.45 * style.PAGE, 0.54 * style.PAGE)
    axes = figure.subplots(1, len(PANELS), sharex=True, sharey=True)
    for k, (ax, (which, spec, title)) in enumerate(zip(axes, PANELS, strict=True)):
        plane = ip.measure(archives[which], spec, layers=LAYERS, workers=2)
        plot_plane(plane, ax=ax, estimator=spec, legend=False, colour_bar=k == len(PANELS) - 1)
        lost = plane.log2_n - min(p.bits for p in plane if p.quantity == "i_xz")
        ax.set_title(title.format(lost=lost), loc="left", fontsize=9.5, linespacing=1.35)
        ax.set_xlim(0, 12.6)
        ax.set_ylim(0, 1.08)
        ax.set_xlabel(ax.get_xlabel(), fontsize=7.5)
        ax.set_ylabel(ax.get_ylabel() if k == 0 else "", fontsize=7.5)
    axes[1].annotate(
        "all six layers at all checkpoints",
        (11.6, 0.985),
        (1.0, 0.72),
        fontsize=9,
        arrowprops={"arrowstyle": "->", "color": "#555555", "shrinkB": 6},
    )
    figure.savefig(path, dpi=170)


if __name__ == "__main__":
    draw(*sys.argv[1:3], Path(__file__).parent / "images" / "hero.png")
