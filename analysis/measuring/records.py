"""Result lines of a run: their keys, and the points that they hold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infoplane.contract import (
    Estimator,
    HasFrozenRange,
)
from infoplane.errors import InputError
from infoplane.plane import Failure, Point
from infoplane.types import Estimate

if TYPE_CHECKING:
    from infoplane.archive import Archive


Record = dict[str, Any]  # Any: JSON, as a result line stores it


RESULTS = "6"
"""Of results in a run's log: a change of what estimators give changes it, and results of before are
measured again.
"""


def result_key(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    seed: int,
    *,
    any_step: bool = False,
) -> str:
    """Name one result of a run: equal inputs have equal keys.

    Args:
        archive: the run.
        step, layer: where its activation lies.
        estimator: with the range over which its edges are frozen, if any.
        seed: of its random numbers.
        any_step: name the result of this very activation at whatever step it appears.
    """
    frozen = estimator.frozen_range if isinstance(estimator, HasFrozenRange) else (None, None)
    place = (layer,) if any_step else (step, layer)
    content = archive.content_key(step, layer)
    parts = (RESULTS, archive.identity, *place, content, estimator, repr(estimator), frozen, seed)
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:32]


def points_from(record: Mapping[str, Any]) -> tuple[list[Point], list[Failure]]:  # Any: JSON
    """Return the points or the failure that a record holds."""
    step, layer = int(record["step"]), str(record["layer"])
    if "error" in record:
        return [], [Failure(step, layer, str(record["estimator"]), str(record["error"]))]
    points = []
    for row in record["points"]:
        fields = {k: v for k, v in row.items() if k != "quantity"}
        points.append(
            Point(
                step,
                layer,
                row["quantity"],
                Estimate.from_dict(fields),
            )
        )
    return points, []


def is_result(record: Mapping[str, Any]) -> bool:  # Any: JSON
    """Return whether a stored line is a result at all.

    A run may come from anyone, and a line that is none is measured again.
    """
    from infoplane.archive.schemas import is_result_record

    if not is_result_record(record):
        return False
    try:
        points_from(record)
    except (KeyError, TypeError, InputError):  # no points, or a value that no estimate has
        return False
    return True
