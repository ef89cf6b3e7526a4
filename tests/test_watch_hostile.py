"""The live page under attack: slow and many clients, malformed and oversized requests."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infoplane.analysis.live.follow import RunSource
from infoplane.analysis.live.guard import Guard, host_name
from infoplane.analysis.live.server import MOST_CONNECTIONS

sys.path.insert(0, str(Path(__file__).parent))
from test_watch import ask, running  # tests/ is no package

SECRET = b"the secret beside the run"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real run with a file beside it and one inside it that is none of the page's business."""
    from infoplane.archive import merge

    folder = tmp_path_factory.mktemp("served")
    (folder / "secret.txt").write_bytes(SECRET)
    run = merge([Path(__file__).parent / "golden/format-1.0.h5"], folder / "run")
    (run / "notes.txt").write_bytes(SECRET)
    with running(RunSource(run), limit_concurrency=MOST_CONNECTIONS) as number:  # type: ignore[arg-type]  # a Source
        yield number


def raw(port: int, request: bytes, *, patience: float = 5.0, done: bool = True) -> bytes:
    """What the server says to some bytes; empty when it just hangs up or waits for more."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as link:
        said = b""
        with contextlib.suppress(OSError):
            link.sendall(request)
            if done:
                link.shutdown(socket.SHUT_WR)
            while part := link.recv(1 << 16):
                said += part
        return said


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join(
        [f"GET {path} HTTP/1.1", *(headers or ("Host: localhost",)), "Connection: close", "", ""]
    ).encode("latin-1")


def alive(port: int) -> bool:
    return ask(port, "/data.json")[0] == 200


WAYS_OUT = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%5csecret.txt",
    "/....//secret.txt",
    "//secret.txt",
    "/notes.txt",
    "/run/notes.txt",
    "/ckpt/../notes.txt",
    "/data.json/../../secret.txt",
    "/data.json%00/../secret.txt",
    "/plotly.js/..%2f..%2fsecret.txt",
    "/events/../notes.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "file:///etc/passwd",
    "/etc/passwd",
    "/run.json",
    "/probe.h5",
    "/?file=../secret.txt",
    "/data.json?run=../secret",
    "*",
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_no_path_leads_to_a_file(port: int, path: str) -> None:
    said = raw(
        port, get(path), done=False
    )  # the server closes; older ones of uvicorn give no answer to a client that closed first
    assert SECRET not in said and b"root:" not in said and b"infoplane.run" not in said
    assert said.split(b"\r\n", 1)[0].split()[1:2] in ([b"404"], [b"400"]) or path.startswith(
        ("/?", "/data.json?")
    )


FOREIGN = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "[::1].evil.example",
    "[::1]evil",
    "localhost:80.evil.example",
    "evil@localhost",
    "localhost@evil.example",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "localhost.",
    "localhost:",
    "local\thost",
    "",
    "localhost, evil.example",
    "localhost evil",
    "[::1",
    "localhost:80:80",
    "127.0.0.1:99999999",
]


@pytest.mark.parametrize("host", FOREIGN)
def test_only_the_machines_own_names_are_answered(port: int, host: str) -> None:
    said = raw(port, get("/data.json", f"Host: {host}"))
    assert b"200 OK" not in said and b'"points"' not in said


def test_two_host_headers_or_none_are_refused(port: int) -> None:
    for hosts in (
        ("Host: localhost", "Host: evil.example"),
        ("Host: evil.example", "Host: localhost"),
        ("X: y",),
    ):
        assert b"200 OK" not in raw(port, get("/data.json", *hosts))
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [(b"host", b"evil.example"), (b"host", b"localhost")],
        "query_string": b"",
    }
    assert (Guard(None).refusal(scope) or (0, ""))[0] == 421  # type: ignore[arg-type]  # also under a server that lets two pass
    assert (
        host_name("localhost:8000") == "localhost"
        and host_name("[::1]:80") == "::1"
        and host_name("localhost:x") == ""
    )


def test_an_absolute_address_does_not_get_around_the_host_check(port: int) -> None:
    assert b"200 OK" not in raw(port, get("http://evil.example/data.json", "Host: evil.example"))


MALFORMED = [
    b"",
    b"\0" * 100,
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\xff\xfe" * 500,
    b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
    b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET /%zz%0d%0aSet-Cookie:x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"A" * 5_000_000,
    b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"b" * 2_000_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    + b"".join(b"X%d: y\r\n" % i for i in range(50_000))
    + b"\r\n",
    b"POST /data.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"
    + b"c" * 3_000_000,
]


@pytest.mark.parametrize("request_bytes", MALFORMED, ids=[str(i) for i in range(len(MALFORMED))])
def test_malformed_and_oversized_requests_are_turned_away_and_hurt_nobody(
    port: int, request_bytes: bytes
) -> None:
    said = raw(port, request_bytes)
    assert (
        b"500 Internal" not in said
        and b"Traceback" not in said
        and b"set-cookie" not in said.lower()
    )
    assert alive(port)


def test_random_bytes_never_end_the_server(port: int) -> None:
    rng = random.Random(0)
    whole = get("/data.json")
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        assert b"Traceback" not in raw(port, bytes(data))
    assert alive(port)


def test_slow_clients_keep_nobody_waiting(port: int) -> None:
    """Fifty that never finish their request, ten that never read a large answer."""
    slow = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(60)]
    try:
        for i, link in enumerate(slow):
            link.sendall(
                b"GET / HTT" if i < 50 else b"GET /plotly.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
            )
        began = time.monotonic()
        assert alive(port) and time.monotonic() - began < 5
    finally:
        for link in slow:
            link.close()
    assert alive(port)


@pytest.mark.slow
def test_two_hundred_connections_are_told_of_changes_and_let_go(port: int) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    assert alive(port)
    before, threads = descriptors(), threading.active_count()
    links = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(200)]
    try:
        for link in links:
            link.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for link in links:
            said = b""
            while b"event: change" not in said:
                part = link.recv(4096)
                assert part, "a viewer was hung up on"
                said += part
        assert alive(port), "an ordinary request is answered beside 200 open streams"
        assert threading.active_count() - threads < 64, "viewers cost no thread each"
    finally:
        for link in links:
            link.close()
    deadline = time.monotonic() + 20
    while descriptors() > before + 10 and time.monotonic() < deadline:
        threading.Event().wait(0.1)
    assert descriptors() <= before + 10 and alive(port)


def test_more_connections_than_the_limit_are_refused_and_the_page_lives_on(tmp_path: Path) -> None:
    from infoplane.archive import merge

    run = merge([Path(__file__).parent / "golden/format-1.0.h5"], tmp_path / "run")
    with running(RunSource(run), limit_concurrency=20) as small:  # type: ignore[arg-type]  # a Source
        links = [socket.create_connection(("127.0.0.1", small), timeout=10) for _ in range(40)]
        assert ask(small, "/data.json")[0] == 503
        for link in links:
            link.close()
        deadline = time.monotonic() + 10
        while ask(small, "/data.json")[0] == 503 and time.monotonic() < deadline:
            threading.Event().wait(0.05)
        assert alive(small)
