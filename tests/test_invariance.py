"""The battery of invertible maps and controls."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from builders import Size

import infoplane as ip
from infoplane.analysis.plot import plot_invariance
from infoplane.analysis.studies import invariance as I
from infoplane.analysis.studies.invariance import CONTROLS, INVERTIBLE, invariance_of
from infoplane.errors import InputError
from infoplane.types import continuous, discrete


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


def test_exact_codes_are_invariant_and_useless() -> None:
    rng = np.random.default_rng(0)
    found = invariance_of(
        ip.estimators.Exact(),
        continuous(rng.normal(size=(300, 4))),
        discrete(rng.integers(0, 2, 300)),
    )
    assert found.error == 0 and found.sensitivity == 0 and found.discriminability == 0


@pytest.mark.parametrize(
    ("spec", "maps"),
    [
        (
            "bin:quantile,n=4",
            ["permutation", "scale x10", "per-unit affine", "sign", "per-unit monotone"],
        ),
        ("ksg:k=3,scores=true", ["permutation", "scale x10", "sign", "per-unit monotone"]),
        (
            "gauss:copula=true",
            ["permutation", "scale x10", "per-unit affine", "sign", "per-unit monotone"],
        ),
        ("gauss", ["permutation", "scale x10", "per-unit affine", "sign", "rotation"]),
        ("kde:relative=0.3", ["permutation", "scale x10", "sign", "rotation"]),
        ("renyi:alpha=2", ["permutation", "sign", "rotation"]),
    ],
)
def test_maps_that_an_estimator_cannot_see(spec: str, maps: list[str]) -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 300)
    z = rng.normal(size=(300, 4)) + y[:, None]
    found = invariance_of(ip.estimators.parse(spec), continuous(z), discrete(y))
    for name in maps:
        limit = (
            0.02 if spec.startswith("bin:quantile") and name == "sign" else 1e-4
        )  # ties of reversed cells
        assert found.changes[name] <= limit, (spec, name)


def test_a_scale_moves_fixed_bins() -> None:
    rng = np.random.default_rng(4)
    z = 0.1 * rng.normal(size=(300, 2))
    assert (
        invariance_of(ip.estimators.Binned("szt"), continuous(z), discrete(z[:, 0] > 0)).changes[
            "scale x10"
        ]
        > 0.05
    )


@pytest.mark.parametrize("name", sorted(INVERTIBLE))
def test_every_map_of_the_battery_keeps_all_rows_apart(name: str) -> None:
    z = np.random.default_rng(0).normal(size=(500, 3))
    assert len(np.unique(INVERTIBLE[name](z, np.random.default_rng(1)), axis=0)) == 500


def test_v_information_stays_out(szt_run: Path) -> None:
    with pytest.raises(InputError, match="that it changes under invertible maps is its meaning"):
        ip.invariance(szt_run, ["vinfo:family=linear"])
    found = ip.invariance(szt_run, ["bin:szt", "exact"], layers=["act5"])
    assert [f.estimator for f in found] == ["bin:szt", "exact"]
    assert "discriminability" in plot_invariance(found).get_xlabel()
    plt.close("all")
