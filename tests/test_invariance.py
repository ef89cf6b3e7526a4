"""The battery of invertible maps and controls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders import Size

import infoplane as ip
from infoplane.analysis.studies import invariance as I
from infoplane.analysis.studies.invariance import CONTROLS, INVERTIBLE, invariance_of


def test_the_sign_map_turns_some_units_and_leaves_others() -> None:

    z = np.ones((3, 64))
    turned = INVERTIBLE["sign"](z, np.random.default_rng(0))
    assert (
        set(np.unique(turned)) == {-1.0, 1.0}
        and (turned == turned[:1]).all()
        and 16 < (turned[0] < 0).sum() < 48
    )


def test_the_battery_reports_the_largest_change_and_what_halving_costs() -> None:

    rng = np.random.default_rng(3)
    z, y = ip.continuous(rng.normal(size=(50, 5))), ip.discrete(np.arange(50) % 2)
    units = invariance_of(Size(lambda v: v.shape[1]), z, y, layer="l")  # type: ignore[arg-type]  # an Estimator
    assert (units.value, units.error, units.sensitivity, units.discriminability) == (
        5.0,
        0.0,
        3.0,
        1.0,
    ) and units.changes["noise added"] == 0.0
    spread = invariance_of(Size(lambda v: v.std(axis=0).sum()), z, y)  # type: ignore[arg-type]
    assert spread.changes["scale x10"] == pytest.approx(9 * spread.value) and spread.changes[
        "permutation"
    ] == pytest.approx(0, abs=1e-9)
    assert (
        spread.error == max(spread.changes[name] for name in INVERTIBLE)
        and spread.sensitivity == spread.changes["half of the units"] > 0
    )
    assert (
        spread.discriminability
        == pytest.approx(spread.sensitivity / (spread.sensitivity + spread.error))
        and spread.changes["noise added"] < 0
    )
    blind = invariance_of(Size(lambda v: 1.0), z, y)  # type: ignore[arg-type]
    assert blind.discriminability == 0.0 == blind.sensitivity and set(blind.changes) == {
        *INVERTIBLE,
        *CONTROLS,
    }
    grows = invariance_of(Size(lambda v: -v.shape[1]), z, y)  # type: ignore[arg-type]
    assert grows.sensitivity == -3.0 and grows.discriminability == 0.0
    one = ip.continuous(rng.normal(size=(50, 1)))
    assert invariance_of(Size(lambda v: v.shape[1]), one, y).sensitivity == 0.0  # type: ignore[arg-type]


def test_every_map_of_the_battery_can_be_undone() -> None:

    z = np.random.default_rng(4).normal(size=(40, 4)) * [0.3, 0.7, 3, 4]
    turned = I.INVERTIBLE["rotation"](z, np.random.default_rng(0))
    assert (
        np.linalg.norm(turned, axis=1) == pytest.approx(np.linalg.norm(z, axis=1))
        and abs(turned - z).max() > 0.1
    )
    scale = z.std(axis=0)
    assert I.INVERTIBLE["per-unit monotone"](z, np.random.default_rng(0)) == pytest.approx(
        z + 0.5 * z**3 / scale**2
    )
    assert (
        I.INVERTIBLE["per-unit monotone"](np.ones((3, 1)), np.random.default_rng(0)) == 1.5
    ).all(), "a constant unit has the scale 1"
    coupled, rng = (
        I.INVERTIBLE["affine coupling"](z, np.random.default_rng(0)),
        np.random.default_rng(0),
    )
    s = np.tanh(z[:, :2] @ rng.normal(size=(2, 2)) / math.sqrt(2))
    assert (coupled[:, :2] == z[:, :2]).all() and (coupled[:, 2:] - s) / np.exp(
        0.5 * s
    ) == pytest.approx(z[:, 2:])
    assert I.INVERTIBLE["affine coupling"](z[:, :1], np.random.default_rng(0)) == pytest.approx(
        I.INVERTIBLE["per-unit affine"](z[:, :1], np.random.default_rng(0))
    )
    rng = np.random.default_rng(0)
    assert I.INVERTIBLE["per-unit affine"](z, np.random.default_rng(0)) == pytest.approx(
        z * np.exp(rng.normal(size=4)) + rng.normal(size=4)
    )
