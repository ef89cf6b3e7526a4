"""Figures against small stored pictures, within a tolerance.

A moved trajectory must be noticed.

``INFOPLANE_WRITE_REFERENCE=1 pytest tests/test_reference_images.py`` writes them anew; look at them
before you commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infoplane.analysis.plot import draw_histograms, plot_cloud
from infoplane.analysis.plot.save import draw, pixels
from infoplane.analysis.studies.compare import pool
from infoplane.analysis.studies.histograms import Histograms
from infoplane.plane import Plane, Point
from infoplane.types import DPIReport, Estimate, Finding

FOLDER, WIDTH = Path(__file__).parent / "reference", 360
TOLERANCE = 5.0
"""Root mean square difference of grey values (0..255) that other versions of a font may make."""

STEPS, LAYERS = (0, 1, 4, 20, 100, 900), ("act1", "act2", "act3")


def make_plane(shift: float = 0.0, seed: int = 0) -> Plane:
    """Three layers; ``shift`` moves the deepest one by so many bits."""
    noise = np.random.default_rng(seed)
    points = []
    for k, layer in enumerate(LAYERS):
        for i, step in enumerate(STEPS):
            x = (
                11.5
                - 2.5 * k
                - 0.5 * k * i
                + (shift if k == 2 else 0.0)
                + (0.3 * noise.normal() if seed else 0.0)
            )
            y = 0.25 + 0.14 * i - 0.03 * k
            points += [
                Point(step, layer, q, Estimate(v, 4096, "bin:szt", ceiling_bits=12.0))
                for q, v in (("i_xz", x), ("i_zy", y))
            ]  # type: ignore[arg-type]
    return Plane(
        tuple(points),
        LAYERS,
        4096,
        0.99916,
        metrics={s: {"loss": 1 / (1 + i), "accuracy": 0.5 + 0.08 * i} for i, s in enumerate(STEPS)},
    )


def make_report() -> DPIReport:
    found = (
        Finding("I(X;Z) pair", 100, "act1", "act2", 0.4, "estimator", "why", estimator="bin:szt"),
        Finding("exact leak", 20, "act2", "act3", 0.2, "fault", "why", estimator="exact"),
        Finding(
            "I(X;Z) pair", 20, "act1", "act3", 0.2, "not comparable", "why", estimator="bin:szt"
        ),
    )
    return DPIReport(9, found)


def make_histograms() -> list[Histograms]:
    edges = np.linspace(-1, 1, 21)
    centre = np.linspace(0, 0.8, len(STEPS))[:, None]
    counts = np.rint(1000 * np.exp(-((edges[:-1] - centre) ** 2) / 0.02)).astype(np.int64)
    return [Histograms(name, STEPS, edges, counts, (0,), counts[:, None], 1) for name in LAYERS]


FIGURES: dict[str, Callable[[float], Any]] = {
    "plane": lambda shift: draw(make_plane(shift), report=make_report()),
    "column": lambda shift: draw(make_plane(shift), report=make_report(), size="column"),
    "curves": lambda shift: draw(make_plane(shift), kind="curves"),
    "snapshots": lambda shift: draw(make_plane(shift), kind="snapshots"),
    "dpi": lambda shift: draw(
        make_plane(),
        kind="dpi",
        report=replace(make_report(), findings=make_report().findings[: 3 if shift == 0 else 1]),
    ),
    "cloud": lambda shift: (
        plot_cloud(pool({str(s): make_plane(shift, s) for s in range(1, 6)})).figure
    ),
    "histograms": lambda shift: draw_histograms(make_histograms()[: 3 if shift == 0 else 2]),
}


def seen(figure: Any) -> np.ndarray:
    """A figure as a person at arm's length sees it: grey, 360 pixels wide."""
    import matplotlib.pyplot as plt

    image = Image.fromarray(pixels(figure)).convert("L")
    plt.close("all")
    return np.asarray(
        image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.BOX),
        np.uint8,
    )


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference of grey values; of two sizes, infinite."""
    return (
        float(np.sqrt(np.mean((a.astype(float) - b.astype(float)) ** 2)))
        if a.shape == b.shape
        else float("inf")
    )


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_its_reference_and_a_change_is_noticed(name: str) -> None:
    drawn = seen(FIGURES[name](0.0))
    path = FOLDER / f"{name}.png"
    if os.environ.get("INFOPLANE_WRITE_REFERENCE"):
        FOLDER.mkdir(exist_ok=True)
        Image.fromarray(drawn).save(path, optimize=True)
    reference = np.asarray(Image.open(path))
    assert difference(drawn, reference) < TOLERANCE
    assert difference(seen(FIGURES[name](-1.5)), reference) > TOLERANCE
