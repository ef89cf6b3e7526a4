"""Run the checks that need a device, or say "no device" and end well.

python .ci/gpu.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the tests marked ``gpu``; 0 where there is no device."""
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
    elif torch.backends.mps.is_available():
        name = "MPS"
    else:
        print(f"no device: torch {torch.__version__} finds neither CUDA nor MPS here")
        return 0
    print(f"device: {name}, torch {torch.__version__}", flush=True)
    command = ["-m", "pytest", "-q", "-rs", "-s", "-m", "gpu", "tests/test_gpu.py"]
    return subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
