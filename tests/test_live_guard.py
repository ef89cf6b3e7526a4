"""Which requests the live page answers."""

from __future__ import annotations

import asyncio

from infoplane.analysis.live.guard import Guard, host_name, is_loopback


def test_a_request_passes_only_by_name_to_read_from_here_with_its_token() -> None:

    def scope(
        host: str = "localhost", method: str = "GET", query: str = "", **headers: str
    ) -> dict[str, object]:
        rows = [
            (b"host", host.encode()),
            *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()),
        ]
        return {"type": "http", "method": method, "headers": rows, "query_string": query.encode()}

    def said(guard: Guard, **request: str) -> int | None:
        refusal = guard.refusal(scope(**request))
        return None if refusal is None else refusal[0]

    open_here, asked = Guard(None), Guard(None, hosts=None, token="secret")  # type: ignore[arg-type]  # never called
    assert [said(open_here, method=m) for m in ("GET", "HEAD", "POST", "PUT", "OPTIONS")] == [
        None,
        None,
        405,
        405,
        405,
    ]
    assert [
        said(open_here, host=h)
        for h in ("LOCALHOST:1", "127.0.0.1", "[::1]:80", "evil.example", "")
    ] == [None, None, None, 421, 421]
    assert (
        said(open_here, sec_fetch_site="cross-site") == 403
        and said(open_here, sec_fetch_site="cross-site", sec_fetch_mode="navigate") is None
    )
    assert said(open_here, sec_fetch_site="same-origin") is None
    assert [
        said(asked, host="any.example", query=q)
        for q in ("token=secret", "token=Secret", "", "x=1&token=secret")
    ] == [
        None,
        401,
        401,
        None,
    ]
    assert [
        is_loopback(h) for h in ("localhost", "127.1.2.3", "::1", "192.168.0.1", "evil", "0.0.0.0")
    ] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert host_name(" localhost ") == "localhost" and host_name("a:1:2") == ""


def test_only_requests_and_the_start_of_the_server_reach_the_live_page() -> None:
    seen: list[str] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(str(scope["type"]))

    guard = Guard(app)  # type: ignore[arg-type]
    for kind in ("lifespan", "websocket"):
        asyncio.run(guard({"type": kind}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
