"""Estimators against cases whose information is known.

The bank, the run over it, its tables and pages.
"""

from __future__ import annotations

from infoplane.analysis.calibrate.bank import BANKS, CASES, JUDGES, Bank, bank_of, choose
from infoplane.analysis.calibrate.case import FAMILIES, Case, Sample
from infoplane.analysis.calibrate.result import Calibration, Score, Trial
from infoplane.analysis.calibrate.run import DEFAULT_ESTIMATORS, calibrate
from infoplane.analysis.calibrate.tasks import BankScore, TaskScore, bank_scores, task_scores

__all__ = [
    "BANKS",
    "CASES",
    "DEFAULT_ESTIMATORS",
    "FAMILIES",
    "JUDGES",
    "Bank",
    "BankScore",
    "Calibration",
    "Case",
    "Sample",
    "Score",
    "TaskScore",
    "Trial",
    "bank_of",
    "bank_scores",
    "calibrate",
    "choose",
    "task_scores",
]
