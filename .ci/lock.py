"""Write requirements-ci.txt: every package that CI installs, with its version and the SHA-256 of
the file taken here.

python .ci/lock.py [REPORT.json]

The report is what `pip install --dry-run --ignore-installed --report` writes; made when left out.

torch is left out: its CPU builds come from an index or a folder of the machine, each with another
hash.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WITHOUT = {"infoplane", "torch"}
HEAD = (
    "# What CI installs, by `make lock`: pip refuses a file with another hash. Linux, x86-64, "
    "CPython 3.11; torch apart, see .ci/lock.py.\n"
)


def report() -> Path:
    """What pip would install into an empty environment, as its report says."""
    path = Path(tempfile.mkdtemp()) / "report.json"
    wanted = ["setuptools>=77", "-e", f"{ROOT}[dev]", "-c", str(ROOT / "constraints.txt")]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--dry-run",
            "--ignore-installed",
            "--report",
            str(path),
            *wanted,
        ],
        check=True,
    )
    return path


def lines(found: Path) -> list[str]:
    """One pinned and hashed requirement per package, sorted by name."""
    rows = {}
    for item in json.loads(found.read_text())["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        if name.lower() not in WITHOUT:
            rows[name.lower().replace("_", "-")] = (
                f"{name}=={version} "
                f"--hash=sha256:{item['download_info']['archive_info']['hashes']['sha256']}\n"
            )
    return [rows[name] for name in sorted(rows)]


if __name__ == "__main__":
    (ROOT / "requirements-ci.txt").write_text(
        HEAD + "".join(lines(Path(sys.argv[1]) if len(sys.argv) > 1 else report()))
    )
