"""Estimators of mutual information in bits: one family per file.

Names load on first use, so that reading a table imports nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import Any

_HERE = "infoplane.analysis.estimators"
_NAMES = {
    "Binned": "binned",
    "Exact": "exact",
    "KDE": "kde",
    "Plugin": "plugin",
    "Neighbours": "knn",
    "KSG": "ksg",
    "Ross": "ksg",
    "MixedKSG": "ksg",
    "Gaussian": "gaussian",
    "NoisyChannel": "noisy",
    "Sliced": "sliced",
    "InfoNCE": "neural",
    "NWJ": "neural",
    "MINE": "neural",
    "SMILE": "neural",
    "DensityRatio": "neural",
    "MatrixRenyi": "renyi",
    "DiffusionEntropy": "diffusion",
    "HSIC": "dependence",
    "CKA": "dependence",
    "VInformation": "vinfo",
    "parse": "spec",
    "catalogue": "spec",
}

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:  # Any: every public name passes here
    if name not in _NAMES:
        raise AttributeError(f"no estimator {name!r}; there are {sorted(_NAMES)}")
    value = getattr(importlib.import_module(f"{_HERE}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
