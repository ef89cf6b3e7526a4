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
    """Refuse a host name that has no address."""
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be a name at all
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"--host {host!r}: no such address ({reason}); leave it out for this machine alone"
        ) from error


def watch(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The folder that a recorder writes to; it need not exist yet."
        ),
    ],
    estimator: Specs = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Only show what another process measures.",
        ),
    ] = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", callback=_port)] = 8321,
    linger: Annotated[
        float | None,
        typer.Option(
            hidden=True,
            help="Seconds without a reader after which it ends, once standard input is closed.",
        ),
    ] = None,
    listening: Annotated[
        int | None, typer.Option(hidden=True, help="An open socket to listen on.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(hidden=True, help="File of the secret that identifies the page.")
    ] = None,
    token: Annotated[
        str, typer.Option(help="Token in the address of the page; made if needed.")
    ] = "",
) -> None:
    """Show the plane of a running training live in the browser.

    The page changes nothing, and only this machine sees it unless --host names another address.
    Estimators are chosen for the run unless -e names them.

    Example: `infoplane watch runs/first`
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
