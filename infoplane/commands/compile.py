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
    from infoplane.analysis.kernels.block_sums import block_sums
    from infoplane.analysis.measuring.measure import measure
    from infoplane.sources import from_arrays

    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 4)).astype(np.float32)  # a full tile of 512 rows and a part of one
    y = (x.sum(1) > 0).astype(np.int64)
    wide = np.tanh(x @ rng.normal(size=(4, 32)))
    narrow = np.tanh(x @ rng.normal(size=(4, 3)) / 30)
    layers = {
        "wide": wide.astype(np.float32),
        "narrow": narrow.astype(np.float32),
        "last": (narrow * 30).astype(np.float32),  # an excess, so that it is resampled
    }
    with tempfile.TemporaryDirectory() as folder:
        archive = from_arrays(layers, x=x, y=y, to=Path(folder) / "run", chain="sequential")
        check_dpi(measure(archive, SPECS, resume=False), archive=archive)
    permutation_p(np.zeros_like(y), y, y, draws=9)
    block_sums(x[:, :1].repeat(3, axis=1), np.array([1.0]), y, 2)  # by differences
    block_sums(x[:, :1].repeat(16, axis=1), np.array([1.0]), y, 2)  # by products in float32
    block_sums(x[:, :1].repeat(16, axis=1), np.array([1e-6]), y, 2)  # by products in float64


def compile_() -> None:
    """Compile every kernel now, so that no first call waits for it.

    Once for an installation, half a minute.
    """
    from infoplane.display.progress import working

    with working("compiling"):
        compile_kernels()
    say("compiled: kept beside the installed code, or in NUMBA_CACHE_DIR")
