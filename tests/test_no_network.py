"""Reading, packing, verifying and plotting open no socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_CODE = """
import sys
def guard(event, args):
    if event.startswith("socket.") and event not in ("socket.gethostname",) and event != "socket.__new__":
        raise SystemExit(f"{event} {args}")
sys.addaudithook(guard)
import pathlib, infoplane as ip
from infoplane.archive import pack, merge, verify, ResultLog
path, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
archive = ip.open_archive(path)
for step, layer in archive:
    archive.z(step, layer)
assert verify(path) == []
pack(path, out / "p.h5", compression="gzip"); merge([path], out / "m")
ResultLog(out / "m").append("k", {"bits": 1.0})
ip.Plane((), ("a",), 3).save(out / "plane.h5"); ip.Plane.load(out / "plane.h5")
assert "torch" not in sys.modules
print("quiet")
"""  # noqa: E501


def test_reading_packing_verifying_and_planes_open_no_socket(tmp_path):
    golden = Path(__file__).parent / "golden/format-1.0.h5"
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(golden), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "quiet\n", done.stdout + done.stderr[-1500:]
