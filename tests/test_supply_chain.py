"""What is installed is pinned and hashed, and nothing is fetched at run time."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    rows = (ROOT / "requirements-ci.txt").read_text().splitlines()
    found = [
        re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+) --hash=sha256:[0-9a-f]{64}", row)
        for row in rows
        if not row.startswith("#")
    ]
    assert all(found), "every line pins one version and one SHA-256; run `make lock`"
    return {canonical(row[1]): row[2] for row in found if row}


def test_every_pinned_package_is_hashed_at_the_same_version() -> None:
    pins = dict(
        row.split("==") for row in (ROOT / "constraints.txt").read_text().split() if "==" in row
    )
    lock = locked()
    wrong = {n: v for n, v in pins.items() if canonical(n) in lock and lock[canonical(n)] != v}
    assert not wrong, f"run `make lock`: constraints.txt pins {wrong}"


def test_every_direct_dependency_of_ci_is_hashed_except_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"]]
    for extra in re.findall(
        r"\[(.*?)\]", next(d for d in extras["dev"] if d.startswith("infoplane["))
    )[0].split(","):
        wanted += extras[extra.strip()]
    names = {canonical(re.split(r"[\[<>=!~; ]", d, maxsplit=1)[0]) for d in wanted} - {
        "infoplane",
        "torch",
    }
    assert names <= set(locked()), f"run `make lock`: not hashed: {sorted(names - set(locked()))}"


def test_ci_installs_with_hashes_before_anything_else() -> None:
    rules = (ROOT / "Makefile").read_text()
    assert "--require-hashes --no-deps -r requirements-ci.txt" in rules
    assert (
        rules.index("--require-hashes")
        < rules.index("$(PIP) $(TORCH_PIP) torch")
        < rules.index("-e '.[dev]'")
    )


def test_an_audit_is_strict_and_covers_torch() -> None:
    rule = (ROOT / "Makefile").read_text().partition("\naudit:\n")[2].partition("\n\n")[0]
    assert (
        "pip-audit --strict" in rule
        and "requirements-ci.txt" in rule
        and "grep '^torch==' constraints.txt" in rule
    )
    assert re.search(r"^torch==\S+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_the_releases_of_lightning_that_were_malicious_cannot_be_installed() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    rows = [d for deps in extras.values() for d in deps if "lightning>" in d]
    assert len(rows) >= 2 and all("!=2.6.2" in d and "!=2.6.3" in d for d in rows)
    assert locked()["lightning"] not in ("2.6.2", "2.6.3")


def promises() -> list[tuple[str, str]]:
    table = (
        (ROOT / "SECURITY.md")
        .read_text()
        .partition("## Promises")[2]
        .partition("## Not promised")[0]
    )
    return re.findall(r"^\| (?!promise)(.+?) \| (.+?) \|$", table, re.MULTILINE)


def test_every_promise_of_the_security_page_names_tests_that_exist() -> None:
    rows = promises()
    assert len(rows) >= 12
    for promise, held_by in rows:
        tests = re.findall(r"`(tests/[a-z_0-9]+\.py)(?:::(test_[a-z_0-9]+))?`", held_by)
        assert tests, f"no test is named for: {promise}"
        for file, name in tests:
            text = (ROOT / file).read_text()
            assert name and f"def {name}(" in text, f"{promise}: {file}::{name} is not there"


def test_no_source_unpickles_evaluates_or_loads_weights_that_may_execute() -> None:
    forbidden = re.compile(
        r"^(?!\s*#).*(\bpickle\.loads?\(|(?<![.\w])eval\(|(?<![.\w])exec\(|allow_pickle=True|yaml\.load\(|joblib\.load\()",
        re.MULTILINE,
    )
    for folder in ("hooks", "analysis", "data", "infoplane"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            assert not forbidden.search(text), f"{path}: {forbidden.search(text)}"
            assert text.count("torch.load(") == len(
                re.findall(r"torch\.load\([^)]*weights_only=True", text)
            ), path


_WHOLE = """
import sys
def guard(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname"):
        address = args[1] if event in ("socket.connect", "socket.sendto", "socket.bind") else args[0]
        host = address[0] if isinstance(address, tuple) else address
        if not (isinstance(host, (str, bytes)) and (host in ("", "localhost", "::1") or str(host).startswith(("127.", "/")))):
            raise SystemExit(f"{event} {host}")
sys.addaudithook(guard)
import pathlib, torch, infoplane as ip
from infoplane.archive import pack
root = pathlib.Path(sys.argv[1])
x, y = torch.randn(32, 3), torch.arange(32) % 2
net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
with ip.Recorder(net, probe=(x, y), to=root / "run", layers="auto", verbose=False, background=True) as rec:
    for step in range(1, 4):
        rec.step(step, loss=1.0)
    rec.selfcheck()
plane = ip.measure(root / "run", ["bin:szt", "kde:variance=0.1", "exact", "mixed", "renyi", "gauss"], workers=2)
report = ip.check_dpi(plane, archive=ip.open_archive(root / "run"))
ip.plot_plane(plane, report).figure.savefig(root / "plane.png")
ip.write_report(root / "report.html", plane, report)
pack(root / "run", root / "run.h5", compression="gzip")
print("quiet")
"""  # noqa: E501


@pytest.mark.slow
def test_capturing_measuring_judging_drawing_and_reporting_reach_no_address_but_this_machine(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _WHOLE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("quiet\n"), done.stdout + done.stderr[-2000:]


def test_the_guard_of_that_test_sees_a_connection_outwards() -> None:
    code = (
        _WHOLE.split("import pathlib", maxsplit=1)[0]
        + "import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "192.0.2.1" in done.stderr
