"""One number, whether a kernel was compiled by this process or read from the cache that another one left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ASK = """
import numpy as np
import infoplane as ip
rng = np.random.default_rng(0)
y = ip.discrete(np.arange(700) % 3)
for d in (3, 12):
    for dtype in (np.float32, np.float64):
        z = ip.continuous(np.tanh(rng.normal(size=(700, d))).astype(dtype))
        for e in (ip.estimators.KDE(variance=0.1), ip.estimators.KDE(variance=0.1, bound="lower"), ip.estimators.Ross(), ip.estimators.Binned()):
            print(repr(float(e.estimate(z, y).bits)))
"""


@pytest.mark.slow
def test_a_kernel_from_the_cache_gives_the_bits_of_the_process_that_compiled_it(tmp_path: Path) -> None:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    told = []
    for _ in range(2):
        told.append(subprocess.run([sys.executable, "-c", _ASK], env=env, check=True, capture_output=True, text=True, timeout=200).stdout)
        assert list(tmp_path.rglob("*.nbc"))
    assert told[0] == told[1] and len(told[0].split()) == 16
