"""A plane that shows nothing says so in words, on the figure and in the report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from builders import plane_with, point
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import infoplane as ip
from infoplane.analysis import caveats
from infoplane.analysis.caveats import caveats_of
from infoplane.analysis.report.content import page_data
from infoplane.types import Null


def capture(path: Path, net: nn.Module, x: np.ndarray, y: np.ndarray, layers: list[str]) -> Path:
    with ip.Recorder(net, probe=(x, y), to=path, layers=layers, verbose=False):
        pass
    return path


def warnings_of(plane: ip.Plane, estimator: str | None = None) -> list[str]:
    return list(caveats_of(plane, estimator).warnings)


def says(plane: ip.Plane, words: str) -> None:
    assert any(words in sentence for sentence in warnings_of(plane)), warnings_of(plane)
    assert any(words in sentence["text"] for sentence in page_data(plane)["cannot"])
    assert words.split(maxsplit=1)[0] in ip.plot_plane(plane).get_title(loc="left")
    plt.close("all")


def test_random_labels_show_nothing(tmp_path: Path) -> None:
    x, _ = ip.data.szt.load()
    y = np.random.default_rng(3).integers(0, 2, 4096)
    net = ip.data.szt.network("tanh", seed=0)
    plane = ip.measure(capture(tmp_path / "run", net, x, y, ["act4", "act5"]), "bin:szt", null=19)
    says(plane, "no larger than for shuffled labels")
    true = ip.measure(
        capture(tmp_path / "true", net, *ip.data.szt.load(), ["act4", "act5"]), "bin:szt", null=19
    )
    assert not any("shuffled" in w for w in warnings_of(true))


def test_a_saturated_plane_counts_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 8))
    plane = ip.measure(
        capture(
            tmp_path / "run",
            net,
            rng.normal(size=(300, 5)).astype(np.float32),
            rng.integers(0, 2, 300),
            ["1", "2"],
        ),
        "bin:saxe,width=0.01",
    )
    says(plane, "saturated: 2 of 2 layers sit at the ceiling")


def test_an_estimate_below_what_the_network_proves_is_too_coarse(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    x = (0.01 * (2 * y - 1))[:, None].astype(np.float32)
    net = nn.Sequential(nn.Linear(1, 2), nn.Identity(), nn.Linear(2, 2))
    with torch.no_grad():
        for layer, weight in (
            (net[0], [[1.0], [-1.0]]),
            (net[2], [[400.0, -400.0], [-400.0, 400.0]]),
        ):
            layer.weight.copy_(torch.tensor(weight))
            layer.bias.zero_()
    plane = ip.measure(
        capture(tmp_path / "run", net, x, y, ["0", "2"]), ["bin:szt", "exact", "bin:range,n=1"]
    )
    says(plane.select(estimator="bin:range,n=1"), "bits in 0, 2, the estimate is too coarse")
    says(plane.select(estimator="bin:szt"), "below the floor")
    (sentence,) = [w for w in warnings_of(plane) if "range,n=1: below the floor" in w]
    proved = float(re.findall(r">= (\S+) bits", sentence)[0])
    assert proved <= caveats_of(plane).lower_bound_bits
    assert (
        caveats_of(plane).lower_bound_bits > 0.5
        and caveats_of(ip.Plane((), (), 4)).lower_bound_bits == 0.0
    )
    assert (
        plane.series("0", "i_zy", "bin:szt")[1][0].bits
        < 0.01
        < plane.series("0", "i_zy", "exact")[1][0].bits
    )


def test_a_damaged_run_proves_nothing_and_stops_no_picture(tmp_path: Path) -> None:
    x, y = ip.data.szt.load()
    plane = ip.measure(
        capture(tmp_path / "run", ip.data.szt.network("tanh", seed=0), x, y, ["act5", "fc6"]),
        ["bin:szt"],
    )
    (shard,) = (tmp_path / "run" / "ckpt").glob("*.h5")
    raw = shard.read_bytes()
    shard.write_bytes(raw[: len(raw) // 2])
    assert caveats_of(plane).lower_bound_bits == 0.0 and warnings_of(plane) == []
    ip.plot_plane(plane)
    plt.close("all")


def test_a_good_plane_says_nothing(tmp_path: Path) -> None:
    x, y = ip.data.szt.load()
    net = ip.data.szt.network("tanh", seed=0)
    plane = ip.measure(capture(tmp_path / "run", net, x, y, ["act4", "act5", "fc6"]), ["bin:szt"])
    assert warnings_of(plane) == [] and ip.plot_plane(plane).get_title(loc="left") == ""
    plt.close("all")


@pytest.mark.parametrize("plane", [ip.Plane((), (), 4)])
def test_an_empty_plane_has_no_words(plane: ip.Plane) -> None:
    assert warnings_of(plane) == []


def test_bands_and_floors_are_drawn_and_named(tmp_path: Path) -> None:
    x, y = ip.data.szt.load()
    net = ip.data.szt.network("tanh", seed=0)
    ip.data.szt.train(net, epochs=30, seed=0)
    plane = ip.measure(
        capture(tmp_path / "run", net, x, y, ["act3", "act5", "fc6"]), "bin:szt", null=19
    )
    battery = ip.invariance(tmp_path / "run", ["bin:szt"], layers=["act5"])
    ax = ip.plot_plane(plane, invariance=battery)
    (band,) = [line for line in ax.lines if line.get_gid() == "notation-1"]
    assert float(np.ptp(band.get_ydata())) == pytest.approx(2 * battery[0].error)
    drawn = {str(a.get_gid()) for a in ax.get_children()}
    assert {"floor", "null-0", "null-1", "null-2", "crosses-0"} <= drawn
    words = [t.get_text() for t in ax.get_legend().get_texts()]
    assert {
        "invariance error",
        "shuffled labels, 95 %",
        "floor: proved by the predictions",
        "crossed: saturated",
    } <= set(words)
    plt.close("all")


def test_lower_bounds_are_raised_by_the_layers_downstream() -> None:
    from infoplane.plane import Point
    from infoplane.types import Chain, Estimate

    points = []
    for layer, xz, zy in (("a", 9.0, 0.2), ("b", 8.0, 0.7), ("c", 7.0, 0.5)):
        points.append(Point(0, layer, "i_xz", Estimate(xz, 1000, "infonce")))
        points.append(Point(0, layer, "i_zy", Estimate(zy, 1000, "infonce", "lower")))
    relations = (("no-path", "cut", "cut"), ("no-path", "no-path", "cut"), ("no-path",) * 3)
    plane = ip.Plane(
        tuple(points),
        ("a", "b", "c"),
        1000,
        h_y_bits=1.0,
        chain=Chain(("a", "b", "c"), relations, rows=64),
    )
    ax = ip.plot_plane(plane)
    raised = {
        str(line.get_gid()): list(line.get_ydata())
        for line in ax.lines
        if "tightened" in str(line.get_gid())
    }
    assert raised == {"tightened-0": [0.2, 0.7]}
    assert "lower bound, raised by layers downstream" in [
        t.get_text() for t in ax.get_legend().get_texts()
    ]
    plt.close("all")


def test_saturation_and_labels_that_mean_nothing_are_said_of_the_last_step_only() -> None:
    full, free = {"ceiling_bits": 2.05}, {"ceiling_bits": 6.0}
    null = Null(0.1, 0.05, 0.3, 0.4, 99)
    last = [
        point("a", "i_xz", 2.0, 1, **full),
        point("b", "i_xz", 2.0, 1, **full),
        point("c", "i_xz", 2.0, 1, **free),
    ]
    labels = [point(name, "i_zy", 0.3, 1, null=null) for name in ("a", "b")]
    said = warnings_of(plane_with([*last, *labels], ("a", "b", "c")))
    assert (
        len(said) == 2
        and "2 of 3 layers sit at the ceiling" in said[0]
        and "no larger than for shuffled labels" in said[1]
    )
    half = [point("a", "i_xz", 2.0, 1, **full), point("b", "i_xz", 2.0, 1, **free)]
    above = [point("a", "i_zy", 0.3, 1, null=null), point("b", "i_zy", 0.31, 1, null=null)]
    early = [point(name, "i_xz", 2.0, 0, **full) for name in ("a", "b")]
    (of_one,) = warnings_of(plane_with([*early, *half, *above]))
    assert "no larger than for shuffled labels in a: nothing" in of_one
    exact = [point(name, "i_xz", 2.0, 1, "exact", **full) for name in ("a", "b")]
    bound = [point(name, "i_xz", 2.0, 1, sense="lower", **full) for name in ("a", "b")]
    assert (
        warnings_of(plane_with(exact))
        == []
        == warnings_of(plane_with(bound))
        == warnings_of(plane_with([]))
    )
    assert warnings_of(plane_with([*last, *labels], ("a", "b", "c")), "exact") == []


@given(st.lists(st.integers(1, 3000), min_size=2, max_size=6))
def test_labels_that_are_nearly_all_the_same_are_told_by_how_many(counts: list[int]) -> None:
    shares = np.array(counts) / sum(counts)
    entropy = float(-(shares * np.log2(shares)).sum())
    plane = replace(plane_with([point("a", "i_zy", 0.0)]), h_y_bits=entropy)
    told = [text for text in warnings_of(plane) if "have the same label" in text]
    assert bool(told) == (entropy < caveats.ONE_SIDED_BITS)
    for text in told:
        least = float(re.findall(r"at least ([\d.]+) %", text)[0])
        assert 94 < least <= 100 * shares.max() + 1e-6


@pytest.mark.parametrize(("of_100", "percent"), [(96, 96), (99, 99)])
def test_of_two_classes_the_share_of_the_commoner_is_named(of_100: int, percent: int) -> None:
    shares = np.array([of_100, 100 - of_100]) / 100
    entropy = float(-(shares * np.log2(shares)).sum())
    plane = replace(plane_with([point("a", "i_zy", 0.0)]), h_y_bits=entropy)
    assert f"at least {percent} % of the rows" in " ".join(warnings_of(plane))


def test_of_many_layers_some_leave_the_band_by_chance() -> None:
    inside, outside = Null(0.1, 0.05, 0.3, 0.4, 19), Null(0.1, 0.05, 0.15, 0.05, 19)
    names = tuple(f"l{number}" for number in range(40))
    points = [point(name, "i_zy", 0.2, null=inside) for name in names[2:]]
    points += [point(name, "i_zy", 0.2, null=outside) for name in names[:2]]
    (sentence,) = warnings_of(plane_with(points, names))
    assert sentence.endswith("of 40 numbers chance alone takes about 2 out of the band")
