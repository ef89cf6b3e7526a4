"""`infoplane compile`: every kernel is compiled now, so that no first call waits for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from infoplane.display.say import say

SPECS = (
    "bin:szt",
    "bin:saxe",
    "bin:quantile,n=30",
    "bin:ebab",
    "kde:variance=0.001",
    "kde:variance=1",
    "kde:relative=0.1",
    "exact",
    "knn:k=5",
    "renyi",
)
"""Estimators whose kernels `compile_kernels` makes: those that commands measure unasked, and one
for every other kernel.
"""


def compile_kernels() -> None:
    """Measure and check a run of a few rows, as commands do.

    What they would compile is in the cache afterwards.
    """
    import numpy as np

    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.dpi.significance import permutation_p
    from infoplane.analysis.kernels.pairwise import block_sums
    from infoplane.analysis.measuring.measure import measure
    from infoplane.archive import RunWriter, open_archive
    from infoplane.rows import row_digests
    from infoplane.types import Chain, LayerInfo

    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 4)).astype(np.float32)  # a full tile of 512 rows and a part of one
    y = (x.sum(1) > 0).astype(np.int64)
    layers = {
        "wide": np.tanh(x @ rng.normal(size=(4, 32))),
        "narrow": np.tanh(x @ rng.normal(size=(4, 3)) / 30),
    }
    layers["last"] = layers["narrow"] * 30  # an excess, so that it is resampled
    infos = [
        LayerInfo(name, k, "Tanh", z.shape[1:], z.shape[1:])
        for k, (name, z) in enumerate(layers.items())
    ]
    chain = Chain(
        tuple(layers),
        (("no-path", "cut", "cut"), ("no-path", "no-path", "cut"), ("no-path",) * 3),
        rows=64,
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        with (
            RunWriter.create(run, layers=infos, x=x, y=y, chain=chain, durable=False) as writer,
            writer.step(0) as shard,
        ):
            for name, z in layers.items():
                shard.write(
                    name, z.astype(np.float32), row_digests=row_digests(z.astype(np.float32))
                )
        archive = open_archive(run)
        check_dpi(measure(archive, SPECS, resume=False), archive=archive)
    permutation_p(np.zeros_like(y), y, y, draws=9)
    for dim, variance in (
        (3, 1.0),
        (16, 1.0),
        (16, 1e-6),
    ):  # differences, products in float32, in float64
        block_sums(x[:, :1].repeat(dim, axis=1), np.array([variance]), y, 2)


def compile_() -> None:
    """Compile every kernel now, so that no first call waits for it: once for an installation, half
    a minute.
    """
    from infoplane.display.progress import working

    with working("compiling"):
        compile_kernels()
    say("compiled: kept beside the installed code, or in NUMBA_CACHE_DIR")
