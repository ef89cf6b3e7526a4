"""Both numbers of a point of the plane."""

from __future__ import annotations

import numpy as np
import pytest

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
