"""The plane on the rows that were trained on and on those that were held out.

One measurement per side, on equally many rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infoplane.analysis.measuring.arguments import Run, estimators_of, open_run, require_whole
from infoplane.analysis.measuring.freeze import freeze_edges
from infoplane.analysis.measuring.plane_point import cell_rng, points_of_rows
from infoplane.analysis.measuring.variables import (
    entropy_of_rows,
    input_variable,
    label_variable,
    layer_variable,
)
from infoplane.archive import Archive
from infoplane.contract import Estimator
from infoplane.errors import EstimatorError, InputError
from infoplane.plane import Failure, Plane, Point
from infoplane.types.arrays import Ids


def split_planes(
    archive: Run,
    estimators: Sequence[str | Estimator] | None = None,
    *,
    equal_rows: bool = True,
    seed: int = 0,
    errorbars: int = 0,
) -> dict[str, Plane]:
    """Return ``{"train": Plane, "test": Plane}``.

    Every layer and checkpoint measured on the probe rows of each side, in bits.

    The larger side gives a random part of its rows, the same at every checkpoint: the ceiling log2
    N and the bias depend on N, and planes of different N must not be compared. Edges that are
    frozen over a run come from all rows, so both sides share their cells.

    Args:
        archive: a run recorded with a split.
        estimators: specs; None takes those that can answer for this run, see `choose_estimators`.
        equal_rows: False measures each side on all of its rows; the planes then differ by N too.
        seed: of the rows that are taken, and of estimators that draw.
        errorbars: half-sample splits for the standard error of every number that has none of its
            own; 0 for none.

    Raises:
        InputError: the run knows no split, or one side has fewer than 2 rows.
    """
    from infoplane.analysis.measuring.measure import say_choice
    from infoplane.analysis.resampling.resampled import Resampled

    require_whole(0, seed=seed, errorbars=errorbars)
    archive = open_run(archive)
    sides = split_rows(archive, equal_rows=equal_rows, seed=seed)
    cells = [(step, layer) for step, layer in archive]
    if estimators is None:
        estimators = say_choice(archive).specs
    frozen = freeze_edges(estimators_of(estimators), archive)
    if errorbars:
        for layer, chosen in frozen.items():
            frozen[layer] = [Resampled(estimator, errorbars) for estimator in chosen]
    return {side: _plane(archive, rows, cells, frozen, seed) for side, rows in sides.items()}


def split_rows(archive: Archive, *, equal_rows: bool = True, seed: int = 0) -> dict[str, Ids]:
    """Return row numbers of the ``train`` and the ``test`` side, ascending.

    Args:
        archive: a run recorded with a split.
        equal_rows: take equally many of each side.
        seed: of those that are taken.

    Raises:
        InputError: the run knows no split, or one side has fewer than 2 rows.
    """
    if archive.split is None:
        raise InputError(
            f"{archive.path}: no split was recorded; pass it while recording: Recorder(..., "
            "split=...)"
        )
    sides = {side: np.flatnonzero(np.asarray(archive.split) == side) for side in ("train", "test")}
    short = {side: len(rows) for side, rows in sides.items() if len(rows) < 2}
    if short:
        raise InputError(f"{archive.path}: expected at least 2 rows on each side, got {short}")
    if not equal_rows:
        return sides
    size = min(map(len, sides.values()))
    rng = np.random.default_rng(seed)
    return {side: np.sort(rng.permutation(rows)[:size]) for side, rows in sides.items()}


def _plane(
    archive: Archive,
    rows: Ids,
    cells: Sequence[tuple[int, str]],
    frozen: dict[str, list[Estimator]],
    seed: int,
) -> Plane:
    """Return one side's plane."""
    points: list[Point] = []
    failures: list[Failure] = []
    for step, layer in cells:
        for estimator in frozen[layer]:
            inputs, labels = input_variable(archive, estimator), label_variable(archive, estimator)
            whole = layer_variable(archive, step, layer, estimator)
            rng = cell_rng(seed, step, layer, estimator.name)
            try:
                found = points_of_rows(estimator, inputs, whole, labels, rows, rng)
            except EstimatorError as error:
                failures.append(Failure(step, layer, estimator.name, str(error)))
            else:
                points += [Point(step, layer, quantity, estimate) for quantity, estimate in found]
    h_y_bits = None
    if archive.y is not None and archive.y_kind == "discrete":
        h_y_bits = entropy_of_rows(archive.y[rows])
    return Plane(
        tuple(points),
        archive.layers,
        len(rows),
        h_y_bits,
        entropy_of_rows(archive.row_ids[rows]),
        metrics=archive.metrics,
        reductions={info.name: info.reduction for info in archive.infos},
        failures=tuple(failures),
    )
