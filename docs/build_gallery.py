"""Make the pictures of gallery.md anew: run its code where they belong (`make gallery`)."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import matplotlib as mpl


def main() -> None:
    """Runs of the code stay in a temporary folder; pictures go to docs/images."""
    here = Path(__file__).parent
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", (here / "gallery.md").read_text("utf-8"), re.M | re.S))
    mpl.use("agg")
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        exec(compile(code, "gallery.md", "exec"), {"__name__": "gallery"})
        for picture in sorted(Path(scratch).glob("gallery-*.*")):
            (here / "images" / picture.name).write_bytes(picture.read_bytes())
            print(picture.name, f"{picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
