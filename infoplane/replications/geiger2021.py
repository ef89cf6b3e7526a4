"""Geiger 2021, "On information plane analyses of neural network classifiers - a review" (arXiv
2003.09671).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from infoplane.replications.evidence import conclude
from infoplane.replications.frame import Claim, Context, Result

if TYPE_CHECKING:
    from infoplane.archive import Archive

GAINS = (0.1, 1.0)
ROWS = 20_000


def chain_run(ctx: Context) -> Archive:
    """The archive of the two linear layers Z1 = 0.1 X and Z2 = 10 Z1 on normal rows."""
    import torch

    import infoplane as ip
    from infoplane.archive import open_archive

    path = ctx.out / "runs" / "shrink-and-grow"
    if (path / "done").is_file():
        return open_archive(path)
    model = torch.nn.Sequential(
        torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    )
    with torch.no_grad():
        for weight, gain in zip(model.parameters(), (0.1, 10.0), strict=True):
            weight.fill_(gain)
    x = np.random.default_rng(0).normal(size=(ROWS, 1)).astype(np.float32)
    with ip.Recorder(
        model, probe=x, to=path, layers=["0", "1"], overwrite=True, durable=False, verbose=False
    ):
        pass
    (path / "done").write_text("")
    return open_archive(path)


def noise_after(ctx: Context) -> Result:
    """Z1 = 0.1 X, Z2 = 10 Z1.

    Noise of variance 0.1 added after each gives 0.069 < 1.730 bits, in closed form and by the
    Gaussian estimator.
    """
    import infoplane as ip
    from infoplane.plane import Plane, Point

    archive, rng = chain_run(ctx), np.random.default_rng(1)
    closed = [float(0.5 * np.log2(1 + g * g / 0.1)) for g in GAINS]
    noisy = [
        archive.z(0, name) + np.sqrt(0.1) * rng.normal(size=(ROWS, 1)) for name in archive.layers
    ]
    found = [
        ip.estimators.Gaussian().estimate(ip.continuous(archive.x), ip.continuous(z)) for z in noisy
    ]
    plane = Plane(
        tuple(Point(0, name, "i_xz", e) for name, e in zip(archive.layers, found, strict=True)),
        archive.layers,
        ROWS,
        chain=archive.chain,
        provenance={"archive": str(archive.path), "digest": archive.digest},
    )
    measured = [e.bits for e in found]
    holds = abs(closed[0] - 0.0688) < 1e-3 and abs(closed[1] - 1.7297) < 1e-3
    holds = holds and all(abs(a - b) < 0.02 for a, b in zip(closed, measured, strict=True))
    result = conclude(
        ctx,
        "geiger2021",
        holds,
        "I(X; Z1 + noise) = 0.069 < 1.730 = I(X; Z2 + noise), closed form, and measured within "
        "0.02 bit",
        {"closed form: Z1, Z2 [bits]": closed, "measured: Z1, Z2 [bits]": measured},
        archives=[archive],
        planes=[plane],
        note="noise added after each layer is no chain: the verdict on such an excess is "
        "`estimator`. No training, no seeds: the two dots are the two layers",
    )
    return result


CLAIMS = [
    Claim(
        "geiger2021",
        "noise added after the fact makes deeper layers look richer",
        __doc__ or "",
        "closed form, and 20,000 normal rows",
        noise_after,
    )
]
