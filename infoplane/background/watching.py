"""The live page of a recording: `infoplane watch` in a process of its own, found again by a training that was killed and started anew."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import urllib.request
import warnings
from importlib.util import find_spec
from pathlib import Path

from infoplane.background.live import PYTHON, child_environment
from infoplane.errors import InputError, MissingExtra

FIRST_PORT, PORTS = 8321, 20
LINGER_SECONDS = 60.0
"""How long a page outlives its training when nobody looks at it."""

DEFAULT = ("bin:szt",)
"""What is measured for a page when the recorder was not told what to measure."""


def checked_port(watch: bool | int) -> int | None:
    """The port asked for; None to look for a free one.

    Raises:
        InputError: not True and no port number. MissingExtra: the page's libraries are not installed.
    """
    if watch is not True and not 1 <= int(watch) <= 65535:
        raise InputError(f"watch is True, False or a port from 1 to 65535, got {watch!r}")
    for module, extra in (("starlette", "live"), ("uvicorn", "live"), ("plotly", "report")):
        if find_spec(module) is None:
            raise MissingExtra(module, extra)
    return None if watch is True else int(watch)


class LivePage:
    """A page that follows the result lines of ``run``. A page of the same run that is still up, from before a kill, is taken over.

    The page ends by itself: when this process has ended, in whatever way, and nobody has looked for ``linger`` seconds. Training never waits for it.

    Attributes:
        address: where to look.

    Args:
        run: the run's folder. port: where to listen; the first free one from 8321 when left out.
    """

    def __init__(
        self, run: str | Path, *, port: int | None = None, linger: float = LINGER_SECONDS
    ) -> None:
        self.run = Path(run).resolve()
        self._process: subprocess.Popen[bytes] | None = None
        chosen, theirs = find_port(self.run, port)
        self.address = f"http://127.0.0.1:{chosen}/"
        if not theirs:
            command = [
                *PYTHON,
                "-m",
                "infoplane",
                "watch",
                str(self.run),
                "--follow",
                "--port",
                str(chosen),
                "--linger",
                str(linger),
            ]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # closes with this process, however it ends
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=child_environment(),
                start_new_session=True,  # a Ctrl-C meant for the training does not hit it
            )

    def release(self) -> None:
        """Training is over: the page stays for whoever looks, and ends when nobody does."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            if self._process.poll():
                warnings.warn(
                    f"the live page ended with exit code {self._process.returncode}; see `infoplane watch {self.run}`",
                    stacklevel=3,
                )
            self._process.returncode = (
                self._process.returncode or 0
            )  # it outlives us by design: no ResourceWarning about a running child


def find_port(run: Path, port: int | None) -> tuple[int, bool]:
    """A port for the page of ``run``, and whether its page already listens there.

    Raises:
        InputError: the port asked for, or every port of the range, is taken by somebody else.
    """
    wanted = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else (port,)
    for candidate in wanted:
        if _free(candidate):
            return candidate, False
        if _page_of(candidate) == str(run):
            return candidate, True
    raise InputError(
        f"ports {wanted[0]} to {wanted[-1]} of this machine are taken; give another one: watch=9000"
    )


def _free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a port that was left a moment ago is free, as it is for the server
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _page_of(port: int) -> str:
    """The run whose live page listens there; empty where something else does."""
    with contextlib.suppress(OSError, ValueError):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/which.json", timeout=2) as answer:
            return str(json.loads(answer.read(10_000)).get("run", ""))
    return ""
