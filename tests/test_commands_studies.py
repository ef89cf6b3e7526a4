"""Commands that show how far a number depends on its convention."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from builders import exit_code


@pytest.mark.parametrize(
    "command",
    [
        ["sensitivity", "RUN", "-e", "bin:szt", "-e", "exact"],
        ["phases", "RUN", "-e", "bin:szt", "-e", "exact", "--splits", "2"],
        ["invariance", "RUN", "--layer", "act5"],
        ["compare", "RUN", "RUN"],
    ],
)
def test_the_commands_print_and_draw(
    szt_run: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "picture.png"
    if command[0] == "compare":
        command = ["compare", str(szt_run), "OTHER"]
        import shutil

        shutil.copytree(szt_run, tmp_path / "other")
        command[2] = str(tmp_path / "other")
    words = [str(szt_run) if word == "RUN" else word for word in command]
    assert exit_code(*words, "-o", picture) == 0 and picture.stat().st_size > 5000
    assert "act5" in capsys.readouterr().out
    plt.close("all")
