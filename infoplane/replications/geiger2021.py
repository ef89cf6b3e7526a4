"""Repeat results of Geiger 2021."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import infoplane as ip
from infoplane.archive import Archive
from infoplane.plane import Point
from infoplane.replications import (
    Context,
    Result,
    claim,
    conclude,
    plane_from,
    recorder,
    stored_run,
)

REFERENCE = (
    'Geiger 2021, "On information plane analyses of neural network classifiers - a review" '
    "(arXiv 2003.09671)."
)

GAINS = (0.1, 1.0)
"""Of X in the two layers."""
NOISE = 0.1
"""Variance of what is added."""
PRINTED = (0.0688, 1.7297)
"""Bits in the paper."""
ROWS = 20_000


def chain_run(ctx: Context) -> Archive:
    """Return the archive of the two linear layers Z1 = 0.1 X and Z2 = 10 Z1 on normal rows."""

    def train(path: Path) -> None:
        from torch import nn

        layers = [nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)]
        for layer, gain in zip(layers, (0.1, 10.0), strict=True):
            nn.init.constant_(layer.weight, gain)
        rows = np.random.default_rng(0).normal(size=(ROWS, 1)).astype(np.float32)
        with recorder(nn.Sequential(*layers), path, probe=rows, layers=["0", "1"]):
            pass

    return stored_run(ctx, "shrink-and-grow", train)


@claim(
    "geiger2021",
    "noise added after the fact makes deeper layers look richer",
    REFERENCE,
    "closed form, and 20,000 normal rows",
)
def noise_after(ctx: Context) -> Result:
    """Z1 = 0.1 X, Z2 = 10 Z1.

    Noise of variance 0.1 added after each gives 0.069 < 1.730 bits, in closed form and by the
    Gaussian estimator.
    """
    archive = chain_run(ctx)
    closed_form = [float(0.5 * np.log2(1 + gain**2 / NOISE)) for gain in GAINS]
    rng = np.random.default_rng(1)
    points = []
    for layer in archive.layers:
        noisy = archive.z(0, layer) + np.sqrt(NOISE) * rng.normal(size=(ROWS, 1))
        bits = ip.estimators.Gaussian().estimate(ip.continuous(archive.x), ip.continuous(noisy))
        points.append(Point(0, layer, "i_xz", bits))
    measured = [point.bits for point in points]
    return conclude(
        ctx,
        np.allclose(closed_form, PRINTED, rtol=0, atol=1e-3)
        and np.allclose(closed_form, measured, rtol=0, atol=0.02),
        "I(X; Z1 + noise) = 0.069 < 1.730 = I(X; Z2 + noise), closed form, and measured within "
        "0.02 bit",
        {"closed form: Z1, Z2 [bits]": closed_form, "measured: Z1, Z2 [bits]": measured},
        planes=[plane_from(archive, points)],
        note="noise added after each layer is no chain: the verdict on such an excess is "
        "`estimator`. No training, no seeds: the two dots are the two layers",
    )
