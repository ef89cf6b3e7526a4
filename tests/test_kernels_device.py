"""The device on which pairs of rows are summed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif("os.path.exists('/dev/nvidia0')", reason="there is a card to be seen")
def test_torch_is_not_loaded_to_see_that_there_is_no_device() -> None:
    code = (
        "from infoplane.analysis.kernels.device import chosen_device\nimport sys\nassert "
        "chosen_device() == 'cpu' and 'torch' not in sys.modules"
    )
    env = {k: v for k, v in os.environ.items() if k != "INFOPLANE_DEVICE"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
