"""How a training finds its own live page again after a kill.

It knows it by a secret that only its user can read.

Any user of the machine may listen on any port. A listener is taken for the page only when it
answers a question as nobody can who does not know the secret; it is asked directly, without
redirects and proxies, and for a limited time.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import secrets
import socket
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from infoplane.owner_files import read_owned, state_folder, write_owned

ANSWER_SECONDS = 1.0
"""For the whole of an answer."""
ANSWER_BYTES = 4000


@dataclass(frozen=True)
class PageSecret:
    """Where the page of a run listens, and what only it and its user know."""

    port: int
    secret: str

    def answer(self, question: str) -> str:
        """Return what the page says to a question."""
        return hmac.digest(self.secret.encode(), question.encode(), "sha256").hex()

    def page_is_there(self) -> bool:
        """Return whether our page, and nobody else, listens there."""
        question = secrets.token_hex(16)
        with contextlib.suppress(OSError):
            got = _ask(self.port, f"/which?question={question}")
            said = got.rpartition(b"\r\n\r\n")[2]
            return hmac.compare_digest(said, self.answer(question).encode())
        return False


def secret_file(run: Path) -> Path:
    """Return the file, readable by its owner alone, with the secret of the page of a run."""
    return state_folder() / "pages" / sha256(str(run.resolve()).encode()).hexdigest()[:32]


def make_secret(run: Path, port: int) -> Path:
    """Make and write down the secret of a new page.

    Where that fails the page is not found again.

    Raises:
        OSError: nothing can be written there.
    """
    file = secret_file(run)
    content = {"port": port, "secret": secrets.token_hex(32)}
    write_owned(file, json.dumps(content).encode())
    return file


def read_secret(file: Path) -> PageSecret | None:
    """Return the secret of a page; None where there is none that only its owner can read."""
    try:
        found = json.loads(read_owned(file))
        return PageSecret(int(found["port"]), str(found["secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask(port: int, path: str) -> bytes:
    until = time.monotonic() + ANSWER_SECONDS
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        while len(received) < ANSWER_BYTES and time.monotonic() < until:
            connection.settimeout(max(until - time.monotonic(), 0.001))
            piece = connection.recv(ANSWER_BYTES)
            if not piece:
                break
            received += piece
    return received
