"""A second process during a training.

What it runs, what it inherits, and how it learns that the training is over.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

PYTHON = (sys.executable, "-P")
"""Python that does not look for modules in the working directory: what lies there may be anybody's.
"""


def child_environment() -> dict[str, str]:
    """Return this process's environment, with this very package importable and one thread."""
    here = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": here + (os.pathsep + path if path else ""),
        "OMP_NUM_THREADS": "1",
        "INFOPLANE_THREADS": "1",
    }


class CompanionProcess:
    """A Python process that ends, or gets a signal, when the process that made it ends.

    It has a session of its own.

    Its standard input closes when the training ends, however it ends. A Ctrl-C meant for the
    training does not hit it.

    Args:
        arguments: of Python, such as ``["-m", "infoplane", "watch", run]``.
        errors: where its standard error goes; nowhere when left out.
        inherited: file descriptors that it keeps open.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        errors: IO[bytes] | None = None,
        inherited: tuple[int, ...] = (),
    ) -> None:
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [*PYTHON, *arguments],
            pass_fds=inherited,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if errors is None else errors,
            env=child_environment(),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def is_ours(self) -> bool:
        """Whether this process made it: a forked child leaves its parent's companion alone."""
        return os.getpid() == self._owner

    def tell(self, word: bytes = b"") -> None:
        """Write a last word to its standard input, and close that; once."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.closed:
            with contextlib.suppress(OSError):
                stdin.write(word)
            with contextlib.suppress(OSError):
                stdin.close()

    def stop(self) -> None:
        """End it, and wait for that."""
        self.tell()
        self._process.terminate()
        self._process.wait()

    def release(self) -> int:
        """Let it outlive this process; return its exit code if it has ended already, else 0."""
        self.tell()
        code = self._process.poll() or 0
        self._process.returncode = code  # else Python warns of a child that still runs
        return code
