"""The ceiling of a continuous Y is what the estimator can give at most, and has a name."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

import infoplane as ip
from infoplane.analysis.plot import caption_of, plot_curves, plot_plane, style
from infoplane.analysis.plot.labels import ceilings_of
from infoplane.plane import Plane, Point
from infoplane.types import Estimate

ROWS = 300


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Plane:
    torch.manual_seed(0)
    x = torch.randn(ROWS, 4)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    run = tmp_path_factory.mktemp("run") / "regression"
    probe = (x, x.sum(1) + 0.1 * torch.randn(ROWS))
    with ip.Recorder(net, probe=probe, to=run, y_kind="continuous", verbose=False) as rec:
        rec.step(1)
    return ip.measure(run, ["bin:saxe", "exact", "knn"])


def test_bins_of_labels_are_the_ceiling_of_an_estimator_that_counts_cells(
    regression: Plane,
) -> None:
    ceiling = ceilings_of(regression, "bin:saxe")["i_zy"]
    assert ceiling.name == "H(bin(Y))"
    assert ceiling.bits == pytest.approx(np.log2(15), abs=1e-3)


def test_the_rows_are_the_ceiling_of_exact_codes(regression: Plane) -> None:
    ceiling = ceilings_of(regression, "exact")["i_zy"]
    assert ceiling.name == "log2 N" and ceiling.bits == pytest.approx(np.log2(ROWS))


def test_numbers_without_a_ceiling_get_none(regression: Plane) -> None:
    assert ceilings_of(regression, "knn:k=5")["i_zy"].bits is None


def test_plane_and_curves_draw_and_name_it(regression: Plane) -> None:
    plane = style.new_figure().add_subplot()
    curves = style.new_figure().add_subplot()
    plot_plane(regression, estimator="bin:saxe", ax=plane)
    plot_curves(regression, estimator="bin:saxe", quantity="i_zy", ax=curves)
    for ax in (plane, curves):
        assert any("H(bin(Y)) = 3.907" in text.get_text() for text in ax.texts)
    assert "H(bin(Y)) = 3.907 bits" in caption_of(regression, estimator="bin:saxe")


def test_repeated_values_of_a_target_are_the_ceiling_of_exact_codes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(ROWS, 2)).astype(np.float32)
    target = np.round(2 * z[:, 0], 1)
    archive = ip.from_arrays({"z": z}, x=z, y=target, y_kind="continuous", to=tmp_path / "run")
    plane = ip.measure(archive, "exact")
    counts = np.unique(target, return_counts=True)[1]
    entropy = -(counts / ROWS * np.log2(counts / ROWS)).sum()
    (point,) = plane.select(quantity="i_zy")
    assert point.estimate.ceiling_bits == pytest.approx(entropy)
    assert point.estimate.saturated and point.bits == pytest.approx(entropy)
    assert f"H(Y) = {entropy:.4g} bits" in caption_of(plane, estimator="exact")


@pytest.mark.parametrize(("rows", "width"), [(4096, 0.5), (256, 0.4)])
def test_the_shade_holds_what_is_saturated(rows: int, width: float) -> None:
    ceiling = math.log2(rows)
    points = [
        Point(0, "a", quantity, Estimate(1.0, rows, "bin:szt", ceiling_bits=ceiling))
        for quantity in ("i_xz", "i_zy")
    ]
    ax = plot_plane(Plane(tuple(points), ("a",), rows, 1.0), ax=Figure().add_subplot())
    (shade,) = [patch for patch in ax.patches if patch.get_gid() == "saturated"]
    assert shade.get_x() == pytest.approx(ceiling - width)  # type: ignore[attr-defined]
