"""`infoplane watch`: a running training in the browser."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Annotated

import typer

from infoplane.commands.options import Specs, refuse_together
from infoplane.errors import InputError


def _port(value: int) -> int:
    if not 1 <= value <= 65535:
        raise typer.BadParameter(f"expected a port from 1 to 65535, got {value}")
    return value


def _require_address(host: str) -> None:
    """Refuse a name that stands for no address.

    Raises:
        InputError: it does not.
    """
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name at all
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"--host {host!r}: no such address ({reason}); leave it out for this machine alone"
        ) from error


def watch(
    run: Annotated[
        Path, typer.Argument(help="RUN, the directory a Recorder writes to; it may not exist yet.")
    ],
    estimator: Specs = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Measure nothing, only show the result lines that another process writes.",
        ),
    ] = False,
    host: Annotated[
        str, typer.Option(help="Address to bind; beyond loopback a token is required.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port.", callback=_port)] = 8321,
    linger: Annotated[
        float | None,
        typer.Option(
            hidden=True, help="End when standard input closes and nobody looks for so long."
        ),
    ] = None,
    listening: Annotated[
        int | None, typer.Option(hidden=True, help="A socket that listens already.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(hidden=True, help="File of the secret by which it is known.")
    ] = None,
    token: Annotated[
        str, typer.Option(help="Token for the address; made when needed and left out.")
    ] = "",
) -> None:
    """Show a running training live in the browser.

    Read-only, and for this machine only unless told otherwise.
    """
    from infoplane.analysis.estimators.spec import parse
    from infoplane.analysis.live.follow import RunSource, measure_beside
    from infoplane.analysis.live.server import serve
    from infoplane.background.page_secret import read_secret

    known = None if secret is None else read_secret(secret)

    if follow:
        refuse_together("--follow measures nothing", estimator=estimator)
    if run.is_file():
        raise InputError(f"{run} is a file; watch follows the folder that a Recorder writes to")
    for spec in estimator or ():
        parse(spec)
    _require_address(host)
    stop = threading.Event()
    if not follow:
        threading.Thread(
            target=measure_beside, args=(run, estimator or None, stop), daemon=True
        ).start()
    try:
        serve(
            RunSource(run),
            host=host,
            port=port,
            title=run.name,
            token=token or None,
            answer=None if known is None else known.answer,
            listening=None if listening is None else socket.socket(fileno=listening),
            linger=linger,
        )
    finally:
        stop.set()
