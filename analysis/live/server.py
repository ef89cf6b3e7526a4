"""The live page: starlette, server-sent events, read-only.

The report's page drawn from a plane that grows.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from infoplane.analysis.live.guard import LOOPBACK, App, Guard, is_loopback
from infoplane.analysis.report.content import page_data
from infoplane.analysis.report.write import page, plotly_source
from infoplane.errors import InfoplaneError, InputError, MissingExtra

if TYPE_CHECKING:
    from infoplane.analysis.live.follow import RunSource

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; img-src "
    "data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
MOST_CONNECTIONS = 500
"""Open at once; more are answered by 503, so that a flood costs bounded memory and file
descriptors.
"""
POLL_SECONDS, KEEP_ALIVE_SECONDS = 0.4, 15.0


class Viewers:
    """How many browsers hold a page open, and for how long there has been none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._count, self._since, self._lock = clock, 0, clock(), threading.Lock()

    def __enter__(self) -> Viewers:
        with self._lock:
            self._count += 1
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._count, self._since = self._count - 1, self._clock()

    def absent_seconds(self) -> float:
        """Return seconds since the last one left; 0 while somebody looks."""
        return 0.0 if self._count else self._clock() - self._since


def application(
    source: RunSource,
    *,
    title: str = "",
    token: str | None = None,
    hosts: frozenset[str] | None = LOOPBACK,
    viewers: Viewers | None = None,
    answer: Callable[[str], str] | None = None,
) -> App:
    """Return the ASGI application of the live page.

    Args:
        source: what to follow.
        title: heading.
        token: required in the query string when given.
        viewers: counts who looks.
        answer: what `/which` says to a question, so that a restarted training knows its page.
        hosts: names in the Host header that are answered; None answers all (give a token then).

    Raises:
        MissingExtra: starlette or plotly is not installed.
        InputError: any host is allowed and no token is set.
    """
    if hosts is None and not token:
        raise InputError("a page that answers to any host needs a token")
    try:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import HTMLResponse, Response, StreamingResponse
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtra("starlette", "live") from error
    looking, library, one_at_a_time = viewers or Viewers(), plotly_source(), threading.Lock()

    @lru_cache(1)  # made once per version however many viewers ask
    def data_of(version: str) -> str:
        plane = source.plane()
        data = page_data(plane, title=title)
        data["count"] = len(plane)
        data["status"] = time.strftime("last change seen %H:%M:%S")
        return json.dumps(data, allow_nan=False, separators=(",", ":"))

    def home(request: Request) -> Response:
        query = f"?{request.url.query}" if token else ""
        return HTMLResponse(
            page(None, policy=POLICY, plotly=f'<script src="plotly.js{escape(query)}"></script>'),
            headers={"content-security-policy": POLICY},
        )

    def script(request: Request) -> Response:
        return Response(library, media_type="text/javascript")

    def data(request: Request) -> Response:
        try:
            with one_at_a_time:
                return Response(data_of(source.version()), media_type="application/json")
        # the run is not there yet, or its trainer is just making it
        except InfoplaneError as error:
            words = {
                "error": str(error),
                "waiting": f"Waiting for the first checkpoint of {title or 'the run'}: {error}",
            }
            return Response(json.dumps(words), 503, media_type="application/json")

    def events(request: Request) -> Response:
        return StreamingResponse(_changes(source, looking), media_type="text/event-stream")

    def which(request: Request) -> Response:
        question = request.query_params.get("question", "")
        return Response("" if answer is None else answer(question), media_type="text/plain")

    return Guard(
        Starlette(
            routes=[
                Route("/", home),
                Route("/plotly.js", script),
                Route("/data.json", data),
                Route("/events", events),
                Route("/which", which),
            ]
        ),
        hosts=hosts,
        token=token,
    )


async def _changes(source: RunSource, viewers: Viewers) -> AsyncIterator[str]:
    """One ``change`` event now and at every later change.

    Comments in between keep the connection open.
    """
    with viewers:
        yield "retry: 1000\n\n"
        last, quiet = "", 0.0
        while True:
            version = await asyncio.to_thread(source.version)
            if version != last:
                last, quiet = version, 0.0
                yield f"event: change\ndata: {json.dumps(version)}\n\n"
            elif quiet > KEEP_ALIVE_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(POLL_SECONDS)
            quiet += POLL_SECONDS


def serve(
    source: RunSource,
    *,
    host: str = "127.0.0.1",
    port: int = 8321,
    title: str = "",
    token: str | None = None,
    answer: Callable[[str], str] | None = None,
    listening: socket.socket | None = None,
    linger: float | None = None,
) -> None:
    """Serve the live page until interrupted; prints its address.

    Args:
        source: what to follow.
        host, port: where; beyond loopback a token is required.
        title: heading.
        token: required in the query string; made beyond loopback when none is given.
        answer: what `/which` says to a question.
        listening: a socket that is listening already.
        linger: seconds after which it also ends when standard input has closed (whoever started it
            is gone) and nobody has looked.

    Raises:
        MissingExtra: starlette, uvicorn or plotly is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtra("uvicorn", "live") from error
    local = is_loopback(host)
    if not local and token is None:
        token = secrets.token_urlsafe(16)
    viewers = Viewers()
    app = application(
        source,
        title=title,
        token=token,
        hosts=LOOPBACK if local else None,
        viewers=viewers,
        answer=answer,
    )
    shown = f"[{host}]" if ":" in host else host
    print(
        f"live page: http://{shown}:{port}/"
        + (f"?token={token}" if token else "")
        + "   (Ctrl-C stops it)",
        flush=True,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            ws="none",
            limit_concurrency=MOST_CONNECTIONS,
            lifespan="off",
            timeout_graceful_shutdown=1,
            access_log=False,
        )
    )
    if linger is not None:
        threading.Thread(
            target=_end_when_alone, args=(server, viewers, linger), daemon=True
        ).start()
    server.run(sockets=None if listening is None else [listening])


def _end_when_alone(server: Any, viewers: Viewers, linger: float) -> None:  # Any: a uvicorn server
    """Wait for the end of standard input, then for an empty room."""
    sys.stdin.buffer.read()
    left = time.monotonic()
    while min(viewers.absent_seconds(), time.monotonic() - left) < linger:
        time.sleep(POLL_SECONDS)
    server.should_exit = True
