"""Both numbers of a point of the plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.types import Variable


@pytest.mark.parametrize(
    "spec",
    [
        "bin:szt",
        "kde:variance=0.1",
        "renyi",
        "renyi:alpha=2",
        "renyi:alpha=2,width=alignment",
        "dse",
        "noisy:sigma=0.3,draws=40",
    ],
)
def test_both_numbers_of_a_plane_point_are_the_estimates_of_each_side(
    rng: np.random.Generator, spec: str
) -> None:
    z, ids, y = (
        Variable("z", np.tanh(rng.normal(size=(60, 3))), "continuous"),
        Variable("x", np.arange(60)[:, None], "discrete"),
        Variable("y", np.arange(60)[:, None] % 3, "discrete"),
    )
    estimator = parse(spec)
    points = estimator.estimate_plane_point(ids, z, y, rng=np.random.default_rng(0))
    for quantity, pair in (("i_xz", (ids, z)), ("i_zy", (z, y))):
        if spec.endswith("alignment") and quantity == "i_xz":  # its kernel is that of the labels
            continue
        both = [e.bits for q, e in points if q == quantity]
        assert estimator.estimate(*pair, rng=np.random.default_rng(0)).bits == pytest.approx(
            both[-1] if len(both) == 1 else both[0], abs=0.02
        )


def point_of(plane: ip.Plane, quantity: str) -> ip.Estimate:
    (point,) = [point for point in plane if point.quantity == quantity]
    return point.estimate


@pytest.mark.parametrize("labelled", [True, False])
def test_exact_codes_of_a_layer_of_16_symbols_are_below_the_ceiling_of_the_rows(
    tmp_path: Path, labelled: bool
) -> None:
    x = np.arange(256)
    layer = (x % 16).astype(np.float32)[:, None]
    run = ip.from_arrays(
        {"quantised": layer}, x=x[:, None] / 256, y=x % 3 if labelled else None, to=tmp_path / "r"
    )
    found = point_of(ip.measure(run, "exact"), "i_xz")
    assert (found.bits, found.ceiling_bits, found.coverage) == pytest.approx((4, 8, 1))
    assert not found.saturated


@pytest.mark.parametrize("spec", ["exact", "bin:szt"])
def test_a_layer_of_tokens_has_the_entropy_of_x_as_its_ceiling(tmp_path: Path, spec: str) -> None:
    tokens = np.arange(256) % 64
    run = ip.from_arrays({"ids": tokens[:, None] // 8}, x=tokens[:, None], to=tmp_path / "r")
    found = point_of(ip.measure(run, spec), "i_xz")
    assert (found.bits, found.ceiling_bits) == pytest.approx((3, 6))
    assert not found.saturated


@pytest.mark.parametrize(
    ("spec", "ceiling"), [("hsic", None), ("cka", None), ("renyi", np.log2(256))]
)
def test_estimators_that_do_not_count_keep_their_own_ceiling_of_a_layer_of_tokens(
    tmp_path: Path, spec: str, ceiling: float | None
) -> None:
    tokens = np.arange(256) % 64
    run = ip.from_arrays(
        {"ids": tokens[:, None] // 8}, x=tokens[:, None], y=tokens % 2, to=tmp_path / "r"
    )
    for point in ip.measure(run, spec, null=0):
        assert point.estimate.ceiling_bits == ceiling


def test_exact_codes_that_tell_all_rows_apart_stay_saturated(tmp_path: Path) -> None:
    x = np.arange(256.0)[:, None]
    run = ip.from_arrays({"copy": x.astype(np.float32)}, x=x, to=tmp_path / "r")
    assert point_of(ip.measure(run, "exact"), "i_xz").saturated
