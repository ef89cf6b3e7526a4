"""Result lines of a run: their keys, and the points that they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from infoplane.archive import Archive
from infoplane.contract import Estimator, HasFrozenRange
from infoplane.errors import InputError
from infoplane.plane import Failure, Point
from infoplane.types import Estimate

Record = dict[str, Any]  # Any: JSON, as a result line stores it


RESULTS = "11"
"""Of results in a run's log: a change of what estimators give changes it, and results of before are
measured again.
"""


@dataclass(frozen=True)
class Task:
    """One estimator to be used in one cell, and the names of its result in the log of the run.

    Attributes:
        estimator: with its edges frozen.
        key: of this result.
        same: of the result of this very activation, at whatever step it appears.
    """

    estimator: Estimator
    key: str
    same: str


def identity_of(estimator: Estimator, seed: int) -> str:
    """Name an estimator with the range over which its edges are frozen, and its seed."""
    frozen = estimator.frozen_range if isinstance(estimator, HasFrozenRange) else (None, None)
    return f"{estimator}|{estimator!r}|{frozen}|{seed}"


def task_of(archive: Archive, step: int, layer: str, estimator: Estimator, identity: str) -> Task:
    """Name one result of a run: equal inputs have equal keys.

    Args:
        archive: the run.
        step, layer: where its activation lies.
        estimator: with its edges frozen.
        identity: of the estimator, see `identity_of`.
    """
    head = f"{RESULTS}|{archive.identity}|"
    tail = f"{layer}|{archive.content_key(step, layer)}|{identity}"
    return Task(estimator, _digest(f"{head}{step}|{tail}"), _digest(head + tail))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Result(NamedTuple):
    """What a record holds: points, or the failure to give any."""

    points: list[Point]
    failures: list[Failure]


def result_of(record: Mapping[str, Any]) -> Result:  # Any: JSON
    """Return the points or the failure that a record holds."""
    step, layer = int(record["step"]), str(record["layer"])
    if "error" in record:
        return Result([], [Failure(step, layer, str(record["estimator"]), str(record["error"]))])
    points = []
    for row in record["points"]:
        fields = dict(row)
        quantity = fields.pop("quantity")
        points.append(Point(step, layer, quantity, Estimate.from_dict(fields)))
    return Result(points, [])


def checked_result(record: Mapping[str, Any]) -> Result | None:  # Any: JSON
    """Return what a stored line holds; None where it is no result.

    A run may come from anyone, and a line that is no result is measured again.
    """
    from infoplane.archive.schemas import is_result_record

    if not is_result_record(record):
        return None
    try:
        return result_of(record)
    except (KeyError, TypeError, InputError):  # no points, or a value that no estimate has
        return None
