"""Adds to what is installed the machine code of its kernels, made where the package is built, so that no first call has to wait for a compiler.

Everything else stands in pyproject.toml. Numba knows its cached code by the content of the source, its own version and the processor: where one differs,
kernels compile on first use. ``INFOPLANE_COMPILE=no`` leaves the code out and makes a wheel for every machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

WANTED = os.environ.get("INFOPLANE_COMPILE", "") != "no"
DEPENDENCIES = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"][
    "dependencies"
]
NEEDED = [
    d
    for d in DEPENDENCIES
    if d.partition(">")[0] in ("numba", "numpy", "scipy", "h5py", "threadpoolctl")
]


class BuildWithKernels(build_py):
    """The modules, and beside them what ``infoplane compile`` caches."""

    def run(self) -> None:
        super().run()
        if not WANTED:
            return
        package = Path.cwd() if self.editable_mode else Path(self.build_lib).resolve()
        path = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {
            **os.environ,
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
            "NUMBA_CACHE_DIR": "",
        }
        command = [
            sys.executable,
            "-P",
            "-c",
            "from infoplane.compiling import compile_kernels; compile_kernels()",
        ]
        with tempfile.TemporaryDirectory() as elsewhere:
            done = subprocess.run(
                command, env=environment, cwd=elsewhere, capture_output=True, text=True, check=False
            )
        if done.returncode:
            print(
                f"kernels are not compiled here but on first use (or by `infoplane compile`): {done.stderr[-2000:]}",
                file=sys.stderr,
            )


class WithMachineCode(Distribution):
    """Installed for this kind of machine only."""

    def has_ext_modules(self) -> bool:
        return WANTED


setup(
    cmdclass={"build_py": BuildWithKernels},
    distclass=WithMachineCode,
    setup_requires=NEEDED if WANTED else [],
)
