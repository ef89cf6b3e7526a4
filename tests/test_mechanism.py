"""Saturation of activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from builders import one_step

import infoplane as ip
from infoplane.analysis.plot import draw_mechanism
from infoplane.analysis.studies import mechanism
from infoplane.archive import RunWriter
from infoplane.types import LayerInfo


def test_shares_near_a_bound_are_of_the_bounds_of_that_activation(tmp_path: Path) -> None:
    low = {"Tanh": -1.0, "Sigmoid": 0.0, "Softsign": -1.0, "Hardtanh": -1.0, "Hardsigmoid": 0.0}
    values = {
        name: np.array(
            [[least + 0.9 * near], [least + 1.1 * near], [1 - 0.9 * near], [1 - 1.1 * near]],
            np.float32,
        )
        for name, least in low.items()
        for near in [0.05 * (1.0 - least) / 2]
    }
    split_run = one_step(tmp_path / "r", **{name: (name, z) for name, z in values.items()})
    assert [m.saturated for m in ip.mechanism(split_run)] == [0.5] * 5


def test_saturation_is_nearness_to_the_ends_of_an_activation(tmp_path: Path) -> None:
    z = np.array([[-0.99, 0.0], [0.99, 0.2], [0.5, 0.5], [0.94, -0.94]], np.float32)
    archive = one_step(
        tmp_path / "run", tanh=("Tanh", z), logistic=("Sigmoid", np.abs(z)), linear=("Linear", z)
    )
    found = {m.layer: m.saturated for m in mechanism.mechanism(archive)}
    assert (found["tanh"], found["logistic"]) == (2 / 8, 3 / 8) and np.isnan(
        found["linear"]
    )  # within 0.05 of -1 and 1, within 0.025 of 0 and 1


def test_the_mechanism_counts_what_it_says(tmp_path: Path) -> None:
    z = np.array([[0.99, 0.0], [0.99, 0.0], [-0.96, 0.0], [0.5, 0.0]], np.float32)
    with RunWriter.create(
        tmp_path / "run",
        layers=[LayerInfo("t", 0, "Tanh", (2,), (2,))],
        x=np.arange(4.0),
        y=None,
        durable=False,
    ) as writer:
        with writer.step(0) as shard:
            shard.write("t", z)
    m = ip.mechanism(tmp_path / "run")[0]
    assert (m.saturated, m.zeros, m.dead, m.duplicates, m.used_cells, m.clipped) == (
        3 / 8,
        0.5,
        0.5,
        0.25,
        0.75,
        0,
    )
    assert len(draw_mechanism(ip.mechanism(tmp_path / "run")).axes) == 6
