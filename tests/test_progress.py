"""Progress of a measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import one_step

import infoplane as ip
import infoplane.display.progress


def test_progress_is_shown_when_asked_for_and_told_to_who_wants_to_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, told = one_step(tmp_path / "run", a=("Linear", np.eye(4, dtype=np.float32))), []
    monkeypatch.setattr(infoplane.display.progress, "LOG_SECONDS", 0.0)
    for wish, said in (
        (False, False),
        (True, True),
        (lambda done, total: told.append((done, total)), False),
    ):
        ip.measure(archive, "exact", resume=False, progress=wish)
        assert ("measuring: 1 of 1" in capsys.readouterr().err) == said
    assert told == [(1, 1)]
