"""The live page of a recording.

`infoplane watch` in a process of its own, found again by a training that was killed and started
anew.
"""

from __future__ import annotations

import contextlib
import os
import socket
from importlib.util import find_spec
from pathlib import Path

from infoplane.background.companion import CompanionProcess
from infoplane.background.page_secret import make_secret, read_secret, secret_file
from infoplane.errors import InputError, MissingExtra
from infoplane.user_warning import warn_user

LINGER_SECONDS = 60.0
"""How long a page outlives its training when nobody looks at it."""


def checked_port(watch: bool | int) -> int | None:
    """Return the port asked for; None to look for a free one.

    Raises:
        InputError: not True and no port number. MissingExtra: the page's libraries are not
            installed.
    """
    if watch is not True and not 1 <= int(watch) <= 65535:
        raise InputError(f"watch is True, False or a port from 1 to 65535, got {watch!r}")
    for module, extra in (("starlette", "live"), ("uvicorn", "live"), ("plotly", "report")):
        if find_spec(module) is None:
            raise MissingExtra(module, extra)
    return None if watch is True else int(watch)


class LivePage:
    """A page that follows the result lines of ``run``.

    A page of the same run that is still up, from before a kill, is taken over.

    The page ends by itself: when this process has ended, in whatever way, and nobody has looked for
    ``linger`` seconds. Training never waits for it.

    Attributes:
        address: where to look.

    Args:
        run: the run's folder.
        port: where to listen; one that the system chooses when left out.
    """

    def __init__(
        self, run: str | Path, *, port: int | None = None, linger: float = LINGER_SECONDS
    ) -> None:
        self.run = Path(run).resolve()
        self._process: CompanionProcess | None = None
        known = read_secret(secret_file(self.run))
        if known is not None and port in (None, known.port) and known.page_is_there():
            self.address = f"http://127.0.0.1:{known.port}/"
            return
        with listen(port) as listening:
            chosen = int(listening.getsockname()[1])
            self.address = f"http://127.0.0.1:{chosen}/"
            self._process = self._start(listening, chosen, linger)

    def _start(self, listening: socket.socket, port: int, linger: float) -> CompanionProcess:
        options = ["--follow", "--port", str(port), "--linger", str(linger)]
        with contextlib.suppress(
            OSError
        ):  # else a training that is started anew opens another page
            options += ["--secret", str(make_secret(self.run, port))]
        inherited: tuple[int, ...] = ()
        if os.name == "posix":
            inherited = (listening.fileno(),)
            options += ["--listening", str(listening.fileno())]
        else:
            listening.close()
        return CompanionProcess(
            ["-m", "infoplane", "watch", str(self.run), *options], inherited=inherited
        )

    def release(self) -> None:
        """Let the page stay for whoever looks, and end when nobody does: training is over."""
        code = None if self._process is None else self._process.release()
        if code:
            warn_user(
                f"the live page ended with exit code {code}; see `infoplane watch {self.run}`",
            )


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine alone, on any free port if none is given.

    Raises:
        InputError: the port is taken.
    """
    listening = socket.socket()
    # a port that was left a moment ago is free
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port or 0))
        listening.listen()
    except OSError as error:
        listening.close()
        raise InputError(
            f"port {port} of this machine cannot be had: {error}; give another one, for example "
            "watch=9000, or watch=True"
        ) from error
    return listening
