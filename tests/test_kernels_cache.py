"""A kernel gives one number, whether compiled here or read from the cache."""

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
"""  # noqa: E501


@pytest.mark.slow
def test_a_kernel_from_the_cache_gives_the_bits_of_the_process_that_compiled_it(
    tmp_path: Path,
) -> None:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    told = []
    for _ in range(2):
        told.append(
            subprocess.run(
                [sys.executable, "-c", _ASK],
                env=env,
                check=True,
                capture_output=True,
                text=True,
                timeout=200,
            ).stdout
        )
        assert list(tmp_path.rglob("*.nbc"))
    assert told[0] == told[1] and len(told[0].split()) == 16


_TOLD = """
from infoplane.compiling import tell_of_compiling
tell_of_compiling(lambda: print("compiling"))
import sys, numpy as np
assert "numba" not in sys.modules
from infoplane.rows import row_codes
row_codes(np.zeros((3, 2), np.float32)), row_codes(np.zeros((3, 2), np.float64))
"""

_COMMANDS = """
import sys
from pathlib import Path
import numpy as np
from numba.core import event
from infoplane.archive import RunWriter
from infoplane.rows import row_digests
from infoplane.types import Chain, LayerInfo
made = []
class Compiled(event.Listener):
    def on_start(self, e):
        if type(e.data["dispatcher"]._cache).__name__ != "NullCache":  # helpers are compiled into the kernels that are cached
            made.append((e.data["dispatcher"].py_func.__name__, e.data["args"]))
    def on_end(self, e): pass
event.register("numba:compile", Compiled())
rng = np.random.default_rng(1)
x = rng.normal(size=(1500, 12)).astype(np.float32)
z = {f"act{k}": np.tanh(x[:, :d] * g).astype(np.float32) for k, (d, g) in enumerate([(12, 0.1), (5, 1.0), (2, 9.0)])}
infos = [LayerInfo(n, k, "Tanh", a.shape[1:], a.shape[1:]) for k, (n, a) in enumerate(z.items())]
cut = tuple(tuple("cut" if j > i else "no-path" for j in range(3)) for i in range(3))
run = Path(sys.argv[1])
with RunWriter.create(run, layers=infos, x=x, y=(x.sum(1) > 0).astype(np.int64), chain=Chain(tuple(z), cut, rows=64), durable=False) as w:
    for step in (0, 7):
        with w.step(step) as shard:
            for n, a in z.items():
                shard.write(n, a, row_digests=row_digests(a))
from infoplane.cli import app
for command in (["measure", str(run), "-e", "bin:szt", "-e", "bin:saxe", "-e", "kde:variance=0.001", "-e", "exact"], ["check", str(run / "plane.h5")]):
    try: app(command)
    except SystemExit as end: assert end.code in (0, 1), end.code
assert not made, made
"""  # noqa: E501


def _run(code: str, *args: str, cache: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_a_process_that_compiles_says_so_once_and_one_that_reads_the_cache_does_not(
    tmp_path: Path,
) -> None:
    first, second = _run(_TOLD, cache=tmp_path), _run(_TOLD, cache=tmp_path)
    assert (first.stdout, second.stdout) == ("compiling\n", ""), first.stderr + second.stderr


@pytest.mark.slow
def test_after_infoplane_compile_measuring_and_checking_compile_nothing(tmp_path: Path) -> None:
    done = _run("from infoplane.cli import app; app(['compile'])", cache=tmp_path / "cache")
    assert (
        done.returncode == 0
        and "compiled" in done.stdout
        and done.stderr.count("compiling, once") == 1
    ), done.stderr
    after = _run(_COMMANDS, str(tmp_path / "run"), cache=tmp_path / "cache")
    assert after.returncode == 0 and "compiling" not in after.stderr, after.stderr
