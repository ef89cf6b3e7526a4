"""Who may talk to the live page: this machine, by its own name, to read."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]  # Any: ASGI
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def is_loopback(host: str) -> bool:
    """Return whether an address to bind reaches this machine only.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Return the name in a Host header, without its port.

    Empty when the header is no name with an optional port.

    Example:
        >>> hosts = "localhost:8000", "[::1]:8000", "EVIL.example", "[::1].evil.example"
        >>> tuple(map(host_name, hosts))
        ('localhost', '::1', 'evil.example', '')
    """
    found = _HOST.fullmatch(header.strip(" ").lower())
    return "" if found is None else found[1].strip("[]")


class Guard:
    """ASGI middleware that refuses what is no reading of the page by its owner.

    Foreign Host headers (DNS rebinding), requests made by other sites, wrong tokens.

    Attributes:
        hosts: names a request may address; None accepts any (only together with a token).
        token: what ``?token=`` must hold; None asks for none.
    """

    def __init__(
        self, app: App, *, hosts: frozenset[str] | None = LOOPBACK, token: str | None = None
    ) -> None:
        self.app, self.hosts, self.token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *HEADERS]
            await send(message)

        refusal = self.refusal(scope)
        answer = self.app
        if refusal is not None:
            status, text = refusal
            answer = PlainTextResponse(text, status)
        await answer(scope, receive, with_headers)

    def refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason when a request is refused, None when it may pass."""
        from starlette.datastructures import Headers

        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        name = host_name(hosts[0]) if len(hosts) == 1 else ""
        if self.hosts is not None and name not in self.hosts:
            known = ", ".join(sorted(self.hosts))
            return 421, f"this page answers only to {known}, not to {name!r}"
        if scope["method"] not in ("GET", "HEAD"):
            return 405, "read only"
        is_foreign = headers.get("sec-fetch-site") == "cross-site"
        if is_foreign and headers.get("sec-fetch-mode") != "navigate":
            return 403, "other sites may not read this page"
        if self.token is not None:
            given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                return 401, "open the address that `infoplane watch` printed; it holds the token"
        return None
