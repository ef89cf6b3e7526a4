"""What a measurement has to do: results that are known already, and the jobs that remain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from infoplane.analysis.measuring.executors import Job, as_of
from infoplane.analysis.measuring.records import (
    Record,
    Result,
    Task,
    checked_result,
    identity_of,
    task_of,
)
from infoplane.archive import Archive
from infoplane.contract import Estimator

Cell = tuple[int, str]
"""Step and layer."""

CEILING_TOLERANCE_BITS = 1e-6
"""Rounding by which a stored estimate may exceed its ceiling."""


@dataclass
class Plan:
    """What a measurement has to do.

    Attributes:
        known: results from the log.
        reused: records of an identical activation at another checkpoint.
        jobs: what is still to be measured.
    """

    known: list[Result] = field(default_factory=list)
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
    same: dict[str, Record] = {}
    for record in log.values():
        if "same" in record and "error" not in record:
            same[str(record["same"])] = record
    identities = {id(e): identity_of(e, seed) for e in chain.from_iterable(estimators.values())}
    missing: dict[Cell, list[Task]] = {}
    for step, layer in cells:
        for estimator in estimators[layer]:
            task = task_of(archive, step, layer, estimator, identities[id(estimator)])
            known = _usable(log.get(task.key), step, layer, estimator)
            equal = same.get(task.same)
            if known is not None:
                plan.known.append(known)
            elif equal is not None and _sound(equal, estimator) is not None:
                plan.reused.append(as_of(equal, step, task.key))
            else:
                missing.setdefault((step, layer), []).append(task)
    plan.jobs = _jobs(archive, missing, device)
    return plan


def _jobs(archive: Archive, missing: Mapping[Cell, Sequence[Task]], device: str) -> list[Job]:
    """Return one job for all cells whose layer holds the same activation, bit for bit."""
    by_content: dict[tuple[str, str], list[tuple[int, tuple[Task, ...]]]] = {}
    for (step, layer), tasks in missing.items():
        content = (layer, archive.content_key(step, layer))
        by_content.setdefault(content, []).append((step, tuple(tasks)))
    return [Job(layer, tuple(cells), device) for (layer, _), cells in by_content.items()]


def _usable(record: Record | None, step: int, layer: str, estimator: Estimator) -> Result | None:
    """Return the result, if it is one of this very cell; a failure is tried again."""
    if record is None or "error" in record:
        return None
    named = (record.get("step"), record.get("layer"), record.get("estimator"))
    return _sound(record, estimator) if named == (step, layer, estimator.name) else None


def _sound(record: Record, estimator: Estimator) -> Result | None:
    """Return the result in a record, if it can be true.

    To measure again costs time, a false number a conclusion. An estimate of these very rows lies
    below its ceiling, and below log2 of the rows where the estimator obeys bounds by arithmetic.
    One of the population may lie above the entropy of these rows.
    """
    result = checked_result(record)
    if result is None:
        return None
    obeys_bounds = estimator.traits.obeys_bounds
    for point in result.points:
        estimate = point.estimate
        ceiling = math.log2(estimate.n) if obeys_bounds else math.inf
        if estimate.ceiling_bits is not None and estimate.target == "probe-set":
            ceiling = min(ceiling, estimate.ceiling_bits)
        if estimate.sense != "upper" and estimate.bits > ceiling + CEILING_TOLERANCE_BITS:
            return None
    return result
