"""Estimators against cases whose information is known: the bank, the run over it, its tables and pages."""

from __future__ import annotations

from infoplane.analysis.calibrate.bank import CASES, JUDGES, choose
from infoplane.analysis.calibrate.case import FAMILIES, Case, Sample
from infoplane.analysis.calibrate.result import Calibration, Score, Trial
from infoplane.analysis.calibrate.run import DEFAULT_ESTIMATORS, calibrate

__all__ = [
    "CASES",
    "DEFAULT_ESTIMATORS",
    "FAMILIES",
    "JUDGES",
    "Calibration",
    "Case",
    "Sample",
    "Score",
    "Trial",
    "calibrate",
    "choose",
]
