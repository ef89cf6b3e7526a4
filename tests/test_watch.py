"""The live page: who is answered, what is sent, and that changes arrive."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infoplane.analysis.live.guard import LOOPBACK, is_loopback
from infoplane.analysis.live.server import application
from infoplane.errors import InputError, NotAnArchive
from infoplane.plane import Plane, Point
from infoplane.types import Estimate


class Growing:
    """A source that a test lets grow."""

    def __init__(self, steps: int = 1) -> None:
        self.steps, self.broken = steps, False

    def version(self) -> str:
        return f"{self.steps}{self.broken}"

    def plane(self) -> Plane:
        if self.broken:
            raise NotAnArchive("run: no run.json yet")
        points = tuple(
            Point(s, "fc", q, Estimate(1.0, 8, "exact", "exact"))
            for s in range(self.steps)
            for q in ("i_xz", "i_zy")
        )  # type: ignore[arg-type]
        return Plane(points, ("fc",), 8)


@contextmanager
def running(
    source: Growing, *, limit_concurrency: int | None = None, **options: Any
) -> Iterator[int]:
    """The server on a free port, in a thread of this process."""
    import uvicorn

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = int(s.getsockname()[1])
    server = uvicorn.Server(
        uvicorn.Config(
            application(source, **options),
            port=port,
            log_level="error",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
            limit_concurrency=limit_concurrency,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(10)


def ask(
    port: int, path: str = "/", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = link.getresponse()
    result = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    link.close()
    return result


@pytest.fixture(scope="module")
def source() -> Growing:
    return Growing()


@pytest.fixture(scope="module")
def port(source: Growing) -> Iterator[int]:
    with running(source, title="run") as number:
        yield number


def test_the_page_and_its_data_are_served(port: int, source: Growing) -> None:
    status, headers, body = ask(port)
    assert status == 200 and b"infoplane" in body and b'id="data">null<' in body
    assert "connect-src 'self'" in headers["content-security-policy"]
    data = json.loads(ask(port, "/data.json")[2])
    assert data["title"] == "run" and data["count"] == 2 * source.steps
    assert len(ask(port, "/plotly.js")[2]) > 1_000_000


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8321",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.3",
        "",
    ],
)
def test_a_foreign_host_header_is_refused(port: int, host: str) -> None:
    for path in ("/", "/data.json", "/events"):
        status, _, body = ask(port, path, Host=host)
        assert status == 421 and b"answers only to" in body


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_this_machine_is_answered_under_its_own_names(port: int, host: str) -> None:
    assert ask(port, "/data.json", Host=host)[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_but_reading_is_allowed(port: int, method: str) -> None:
    assert ask(port, "/data.json", method)[0] == 405


def test_other_sites_may_not_read_and_get_no_cors_header(port: int) -> None:
    assert (
        ask(
            port,
            "/data.json",
            Origin="https://evil.example",
            Sec_Fetch_Site="cross-site",
            Sec_Fetch_Mode="cors",
        )[0]
        == 403
    )
    headers = ask(port, "/data.json", Origin="https://evil.example")[1]
    assert not [h for h in headers if h.startswith("access-control")]
    assert (
        headers["x-frame-options"] == "DENY"
        and headers["cross-origin-resource-policy"] == "same-origin"
        and headers["x-content-type-options"] == "nosniff"
    )


def test_no_other_path_exists(port: int) -> None:
    for path in ("/run.json", "/../etc/passwd", "/%2e%2e/etc/passwd", "/ckpt/", "/docs"):
        assert ask(port, path)[0] == 404


def test_a_run_that_is_not_there_yet_is_waited_for(port: int, source: Growing) -> None:
    source.broken = True
    status, _, body = ask(port, "/data.json")
    source.broken = False
    assert status == 503 and b"no run.json yet" in body
    assert ask(port, "/data.json")[0] == 200


def test_every_change_is_announced(port: int, source: Growing) -> None:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    link.request("GET", "/events")
    stream = link.getresponse()
    assert stream.getheader("content-type", "").startswith("text/event-stream")

    def next_change() -> str:
        while True:
            line = stream.readline().decode()
            if line.startswith("data:"):
                return line

    first = next_change()
    source.steps += 1
    assert next_change() != first
    link.close()


def test_a_token_is_asked_for_where_one_is_set() -> None:
    with running(Growing(), token="sesame", hosts=None) as port:
        assert ask(port, "/data.json", Host="box.lan")[0] == 401
        assert ask(port, "/data.json?token=wrong", Host="box.lan")[0] == 401
        assert ask(port, "/data.json?token=sesame", Host="box.lan")[0] == 200
        assert b'src="plotly.js?token=sesame"' in ask(port, "/?token=sesame", Host="box.lan")[2]


def test_a_page_open_to_all_hosts_needs_a_token() -> None:
    with pytest.raises(InputError, match="needs a token"):
        application(Growing(), hosts=None)


def test_only_loopback_addresses_are_local() -> None:
    assert [
        h
        for h in (
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "localhost",
            "0.0.0.0",
            "192.168.1.4",
            "box",
            "::",
        )
        if is_loopback(h)
    ] == [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "localhost",
    ]
    assert {"127.0.0.1", "localhost", "::1"} == LOOPBACK
