"""`infoplane compile`: the numerical kernels, compiled before they are needed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from infoplane.display.terminal import say

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
"""Estimators that use every kernel: those that are measured by default, and some others."""


def compile_kernels() -> None:
    """Measure and check a small run, which compiles what later commands need."""
    import numpy as np

    from infoplane.analysis.dpi.check import check_dpi
    from infoplane.analysis.dpi.significance import permutation_p
    from infoplane.analysis.kernels.block_sums import block_sums
    from infoplane.analysis.measuring.measure import measure
    from infoplane.sources import from_arrays

    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(700, 4)).astype(np.float32)  # more than one tile of 512 rows
    labels = (inputs.sum(1) > 0).astype(np.int64)
    wide = np.tanh(inputs @ rng.normal(size=(4, 32)))
    narrow = np.tanh(inputs @ rng.normal(size=(4, 3)) / 30)
    layers = {
        "wide": wide.astype(np.float32),
        "narrow": narrow.astype(np.float32),
        "last": (narrow * 30).astype(np.float32),  # breaks the inequality, so that it is resampled
    }
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        archive = from_arrays(layers, x=inputs, y=labels, to=run, chain="sequential")
        check_dpi(measure(archive, SPECS, resume=False), archive=archive)
    permutation_p(np.zeros_like(labels), labels, labels, draws=9)
    for units, scale in (
        (3, 1.0),
        (16, 1.0),
        (16, 1e-6),
    ):  # differences; products: float32, float64
        block_sums(inputs[:, :1].repeat(units, axis=1), scale, labels, 2)


def compile() -> None:
    """Compile the numerical kernels now, so that no later command waits for it.

    Needed once for an installation.

    Example: `infoplane compile`
    """
    from infoplane.display.progress import working

    with working("compiling"):
        compile_kernels()
    say("compiled; stored with the installed code, or in NUMBA_CACHE_DIR")
