"""Scores as published benchmarks give them: by task, mean over seeds, in nats."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.calibrate.result import Calibration, Trial

WITHIN_NATS = 0.1
_LN2 = math.log(2)


@dataclass(frozen=True)
class TaskScore:
    """What one estimator says of one task.

    Attributes:
        task: name of the case.
        estimator: its spec.
        truth_nats: the information.
        nats: mean of the estimates over seeds; None where all were refused.
        deviation_nats: standard deviation over seeds; None of fewer than two.
        refused: how many of the ``trials`` were refused.
        trials: how many were made.
    """

    task: str
    estimator: str
    truth_nats: float
    nats: float | None
    deviation_nats: float | None
    refused: int
    trials: int

    @property
    def error_nats(self) -> float | None:
        """The mean estimate minus the truth; None where refused or where the truth is infinite."""
        if self.nats is None or not math.isfinite(self.truth_nats):
            return None
        return self.nats - self.truth_nats


@dataclass(frozen=True)
class BankScore:
    """What one estimator says of a whole bank.

    Attributes:
        estimator: its spec.
        error_nats: mean over tasks of the absolute error of the mean estimate; None without any.
        within: tasks whose mean estimate is at most 0.1 nat from the truth.
        answered: tasks with an estimate.
        tasks: all that the estimator supports.
    """

    estimator: str
    error_nats: float | None
    within: int
    answered: int
    tasks: int

    @property
    def error_bits(self) -> float | None:
        """`error_nats` in bits."""
        return None if self.error_nats is None else self.error_nats / _LN2


def task_scores(calibration: Calibration) -> tuple[TaskScore, ...]:
    """Return the score of every estimator on every task, in the order of the trials.

    Example:
        >>> from infoplane.analysis.calibrate import calibrate
        >>> found = calibrate(["gauss"], ["Bivariate*"], bank="bmi", n=500, seeds=2)
        >>> round(task_scores(found)[0].truth_nats, 4)
        0.4133
    """
    return tuple(map(_task_score, calibration.groups(lambda trial: trial.case).values()))


def _task_score(trials: list[Trial]) -> TaskScore:
    first = trials[0]
    bits = [trial.bits for trial in trials if trial.bits is not None]
    nats = np.array(bits, np.float64) * _LN2
    return TaskScore(
        first.case,
        first.estimator,
        first.truth_bits * _LN2,
        float(nats.mean()) if len(nats) else None,
        float(nats.std(ddof=1)) if len(nats) > 1 else None,
        len(trials) - len(nats),
        len(trials),
    )


def bank_scores(scores: tuple[TaskScore, ...]) -> tuple[BankScore, ...]:
    """Return the score of every estimator over all its tasks."""
    by_estimator: dict[str, list[TaskScore]] = {}
    for score in scores:
        by_estimator.setdefault(score.estimator, []).append(score)
    return tuple(_bank_score(estimator, own) for estimator, own in by_estimator.items())


def _bank_score(estimator: str, scores: list[TaskScore]) -> BankScore:
    found = [score.error_nats for score in scores if score.error_nats is not None]
    errors = np.abs(np.array(found, np.float64))
    return BankScore(
        estimator,
        float(errors.mean()) if len(errors) else None,
        int((errors <= WITHIN_NATS).sum()),
        len(errors),
        len(scores),
    )
