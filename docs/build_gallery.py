"""Make the pictures of the pages anew: run their code where it belongs (`make gallery
[PAGES=tutorial]`).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
PAGES = {"gallery": "gallery-", "tutorial": "first-"}
"""Pages whose code saves pictures, and how the names of these begin."""


def main(pages: list[str]) -> None:
    """Run the code of each page in a temporary folder; pictures go to docs/images."""
    for page in pages or PAGES:
        text = (HERE / f"{page}.md").read_text("utf-8")
        code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
        with tempfile.TemporaryDirectory() as scratch:
            program = Path(scratch) / "page.py"
            program.write_text("import matplotlib\nmatplotlib.use('agg')\n" + code, "utf-8")
            subprocess.run([sys.executable, program.name], cwd=scratch, check=True)
            for picture in sorted(Path(scratch).glob(f"{PAGES[page]}*.*")):
                publish(picture)


def publish(picture: Path) -> None:
    """Shrink a picture and put it among those of the documentation."""
    target = HERE / "images" / picture.name
    if picture.suffix == ".png":
        shrink(picture)
    target.write_bytes(picture.read_bytes())
    print(picture.name, f"{target.stat().st_size / 1000:.0f} kB")


def shrink(picture: Path) -> None:
    """The picture with a palette of its own: a third of the bytes, no difference that one sees."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(192, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
