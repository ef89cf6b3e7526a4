"""What a measurement has to do: results that are known already, and the jobs that remain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infoplane.analysis.measuring.executors import Job, as_of
from infoplane.analysis.measuring.records import Record, is_result, points_from, result_key
from infoplane.contract import Estimator
from infoplane.types import Estimate

if TYPE_CHECKING:
    from infoplane.archive import Archive

Cell = tuple[int, str]
"""Step and layer."""

CEILING_TOLERANCE_BITS = 1e-6
"""Rounding by which a stored estimate may exceed its ceiling."""


@dataclass
class Plan:
    """What a measurement has to do.

    Attributes:
        known: results from the log.
        reused: results of an identical activation at another checkpoint.
        jobs: what is still to be measured.
    """

    known: list[Record] = field(default_factory=list)
    reused: list[Record] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


def make_plan(
    archive: Archive,
    cells: Sequence[Cell],
    estimators: Mapping[str, Sequence[Estimator]],
    log: Mapping[str, Record],
    *,
    seed: int,
    device: str = "",
) -> Plan:
    """Return what is known of these cells and what is left to measure.

    Args:
        archive: the run.
        cells: what is asked for.
        estimators: by layer.
        log: results by their key.
        seed: of every random number.
        device: of the kernels, for the jobs.
    """
    plan = Plan()
    same = {str(r["same"]): r for r in log.values() if "same" in r and "error" not in r}
    missing: dict[Cell, list[Estimator]] = {}
    for step, layer in cells:
        for estimator in estimators[layer]:
            key = result_key(archive, step, layer, estimator, seed)
            known = _usable(log.get(key), step, layer, estimator)
            if known is not None:
                plan.known.append(known)
                continue
            equal = None
            if same:
                content = result_key(archive, step, layer, estimator, seed, any_step=True)
                equal = _sound(same.get(content), estimator)
            if equal is not None:
                plan.reused.append(as_of(equal, step, key))
            else:
                missing.setdefault((step, layer), []).append(estimator)
    plan.jobs = _jobs(archive, missing, device)
    return plan


def _jobs(archive: Archive, missing: Mapping[Cell, Sequence[Estimator]], device: str) -> list[Job]:
    """Return cells whose layer holds the same activation, bit for bit, are one job."""
    by_content: dict[tuple[str, str], list[tuple[int, tuple[Estimator, ...]]]] = {}
    for (step, layer), estimators in missing.items():
        content = (layer, archive.content_key(step, layer))
        by_content.setdefault(content, []).append((step, tuple(estimators)))
    return [Job(layer, tuple(cells), device) for (layer, _), cells in by_content.items()]


def _usable(record: Record | None, step: int, layer: str, estimator: Estimator) -> Record | None:
    """Return the record, if it is a result of this very cell; a failure is tried again."""
    sound = _sound(record, estimator)
    if sound is None or "error" in sound:
        return None
    named = (sound["step"], sound["layer"], sound["estimator"])
    return sound if named == (step, layer, estimator.name) else None


def _sound(record: Record | None, estimator: Estimator) -> Record | None:
    """Return the record, if it is a result that can be true.

    To measure again costs time, a false number a conclusion.
    """
    if record is None or not is_result(record):
        return None
    estimates = [point.estimate for point in points_from(record)[0]]
    return record if all(_can_be_true(e, estimator) for e in estimates) else None


def _can_be_true(estimate: Estimate, estimator: Estimator) -> bool:
    """Return whether an estimate lies below its ceiling.

    By arithmetic also below log2 of the rows, where the estimator obeys bounds.
    """
    ceilings = [] if estimate.ceiling_bits is None else [estimate.ceiling_bits]
    if estimator.traits.obeys_bounds:
        ceilings.append(math.log2(estimate.n))
    return estimate.sense == "upper" or all(
        estimate.bits <= ceiling + CEILING_TOLERANCE_BITS for ceiling in ceilings
    )
