"""Measure an archive into a `Plane`.

Every layer and checkpoint, every estimator, on any number of workers with identical results.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infoplane.analysis.measuring.arguments import (
    Estimators,
    Run,
    estimators_of,
    open_run,
    require_whole,
    step_of,
)
from infoplane.analysis.measuring.executors import run
from infoplane.analysis.measuring.freeze import EDGES_UNTIL, freeze_edges
from infoplane.analysis.measuring.large_layers import say_saturation
from infoplane.analysis.measuring.plan import Cell, make_plan
from infoplane.analysis.measuring.plane_point import cells_of
from infoplane.analysis.measuring.records import Result, result_of
from infoplane.analysis.measuring.variables import entropy_of_rows
from infoplane.contract import Estimator
from infoplane.display.terminal import say
from infoplane.errors import InputError
from infoplane.plane import Failure, Plane, Point

if TYPE_CHECKING:
    from infoplane.analysis.measuring.choose import Choice
    from infoplane.archive import Archive, ResultLog

Advance = Callable[[int, int], object]


def measure(
    archive: Run,
    estimators: Estimators | None = None,
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    workers: int = 1,
    seed: int = 0,
    resume: bool = True,
    progress: bool | Advance = False,
    dask: str | None = None,
    device: str | None = None,
    errorbars: int = 0,
    null: int | None = None,
    label: str | None = None,
) -> Plane:
    """Return the information plane of an archive, all values in bits.

    Args:
        archive: from `infoplane.open_archive`, or its path.
        estimators: spec strings or estimators, e.g. ``["bin:szt", "kde:variance=0.001", "exact"]``.
            Left out, those that can answer on this run, see `choose_estimators`; a line on stderr
            says which and why.
        layers, steps: some of the archive's; all by default.
        workers: threads on this machine, each with a cell of its own; with one, every kernel uses
            all cores (`INFOPLANE_THREADS`). Results do not depend on it.
        seed: one seed gives one plane, whatever the order of work.
        resume: read and append result lines in ``RUN/planes``; a run measured before costs nothing.
        progress: True for a bar on the terminal, or a function of (done, total); by default nothing
            is shown, however long it takes.
        dask: address of a dask scheduler, or ``local`` for a cluster of ``workers`` processes; they
            open the archive by its path and return numbers only.
        device: a torch device (``cuda``, ``mps``) for the kernels that know one, the pairwise pass
            of KDE and of Renyi at order 2; ``cpu`` for the compiled pass. By default
            ``INFOPLANE_DEVICE``, or an NVIDIA card where there is one. Never run on an accelerator
            by us.
        errorbars: half-sample splits for the standard error of every number that has none of its
            own; 10 is a good choice, costs 10 passes.
        null: label permutations: mean, 95 % band and p-value go into `Estimate.null` of I(Z;Y). By
            default 20 where the labels have more symbols than a tenth of the rows, or where
            labels shuffled once give over half of I(Z;Y) in some layer below its ceiling, see
            `infoplane.analysis.resampling.unasked`; 0 for none in any case.
        label: which of the run's label sets is Y; the first when left out.

    Raises:
        InputError: an empty archive, an unknown layer, step, label or estimator, a device that
            torch does not have.
    """
    from infoplane.analysis.kernels.device import require_device
    from infoplane.analysis.kernels.threads import on_device

    require_whole(1, workers=workers)
    require_whole(0, seed=seed, errorbars=errorbars, null=null or 0)
    archive = open_run(archive)
    if label is not None:
        archive = archive.with_label(label)
    if estimators is None:
        estimators = say_choice(archive).specs
    parsed = estimators_of(estimators)
    if device and dask is None:
        require_device(device)
    step_of(archive)
    cells = list(cells_of(archive, layers, steps))
    require_measurable(archive)
    captured = {layer for _, layer in cells}
    measured = [layer for layer in archive.layers if layer in captured]
    say_saturation(archive, [estimator.traits for estimator in parsed], measured)
    fitted = freeze_edges(parsed, archive, layers=measured)
    with on_device("" if device is None or dask else device):
        draws = _draws(archive, fitted, null, resume=resume)
    for layer, frozen in fitted.items():
        fitted[layer] = [resampled(one, errorbars, draws[one.name]) for one in frozen]
    log = result_log(archive) if resume else None
    results = measure_cells(
        archive,
        cells,
        fitted,
        log,
        seed=seed,
        workers=workers,
        progress=progress,
        dask=dask,
        device=device or "",
    )
    return _plane(archive, results, parsed, measured, seed)


def _draws(
    archive: Archive, fitted: Mapping[str, Sequence[Estimator]], null: int | None, *, resume: bool
) -> dict[str, int]:
    """Return the label permutations by spec: those asked for, else those that are needed."""
    from infoplane.analysis.resampling.unasked import draws_unasked

    if null is None:
        return draws_unasked(archive, fitted, result_log(archive, "nulls") if resume else None)
    return dict.fromkeys((one.name for one in itertools.chain(*fitted.values())), null)


def resampled(estimator: Estimator, errorbars: int, draws: int) -> Estimator:
    """Return the estimator with error bars and null.

    Args:
        estimator: with its edges frozen.
        errorbars: half-sample splits; 0 for none.
        draws: label permutations; 0 for none.
    """
    from infoplane.analysis.resampling.resampled import Resampled

    return Resampled(estimator, errorbars, draws) if errorbars or draws else estimator


def say_choice(archive: Archive, *, growing: bool = False) -> Choice:
    """Choose estimators for a run (see `choose_estimators`) and say on stderr which and why."""
    from infoplane.analysis.measuring.choose import choose_estimators

    choice = choose_estimators(archive, growing=growing)
    say(f"estimators: {choice}", file=sys.stderr)
    return choice


def require_measurable(archive: Archive) -> None:
    """Refuse a single row, which carries no information.

    Raises:
        InputError: fewer than 2 rows.
    """
    if archive.n_rows < 2:
        raise InputError(
            f"{archive.path}: expected at least 2 probe rows, got {archive.n_rows}; one row "
            "carries no information"
        )


def measure_cells(
    archive: Archive,
    cells: Sequence[Cell],
    estimators: Mapping[str, Sequence[Estimator]],
    log: ResultLog | None,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: bool | Advance = False,
    dask: str | None = None,
    device: str = "",
) -> list[Result]:
    """Return the results of these cells.

    Those that the log has, and the others, measured now and added to it.

    Args:
        archive: the run.
        cells: steps and layers.
        estimators: by layer.
        log: results of before; None to measure everything and keep nothing.
        seed: of every random number.
        workers, dask: who works, see `measure`.
        progress: True for a bar, or a function of (done, total).
        device: of the kernels.
    """
    known = {} if log is None else log.read()
    plan = make_plan(archive, cells, estimators, known, seed=seed, device=device)
    results = [*plan.known, *map(result_of, plan.reused)]
    if log is not None:  # whoever follows the log sees the steps of reused records too
        log.extend((record["key"], record) for record in plan.reused)
    with _progress(progress, sum(len(job.cells) for job in plan.jobs)) as advance:
        for fresh in run(archive, plan.jobs, seed, workers=workers, dask=dask):
            results += map(result_of, fresh)
            if log is not None:
                log.extend((record["key"], record) for record in fresh)
            for _ in {record["step"] for record in fresh}:
                advance()
    return results


def result_log(archive: Archive, name: str = "results") -> ResultLog | None:
    """Return where results of a run folder are written down: in it, or in the user's cache.

    None for a packed run.
    """
    from infoplane.archive.places import borrowed_folder, may_write
    from infoplane.archive.result_log import BorrowedResultLog, ResultLog

    if not archive.path.is_dir():
        return None
    log = ResultLog(archive.path, name)
    if may_write(log.path):
        return log
    folder = borrowed_folder(archive.path, archive.run_uuid)
    return BorrowedResultLog(archive.path, name, folder=folder)


@contextmanager
def _progress(progress: bool | Advance, total: int) -> Iterator[Callable[[], object]]:
    from infoplane.display.progress import progress as shown

    count = 0
    with shown("measuring", total, shown=not callable(progress) and progress) as advance:

        def tell() -> None:
            nonlocal count
            count += 1
            advance()
            if callable(progress):
                progress(count, total)

        yield tell


def _in_order(results: Sequence[Result], layers: Sequence[str], specs: Sequence[str]) -> Result:
    """Return all points and failures, in the order of steps, layers and estimators."""
    every = Result([], [])
    for result in results:
        every.points.extend(result.points)
        every.failures.extend(result.failures)
    layer_rank = {name: rank for rank, name in enumerate(layers)}
    spec_rank = {spec: rank for rank, spec in enumerate(specs)}

    def place(item: Point | Failure) -> tuple[int, int, int]:
        rank = spec_rank.get(item.estimator, len(spec_rank))
        return item.step, layer_rank[item.layer], rank

    every.points.sort(key=lambda point: (*place(point), point.quantity, point.sense))
    every.failures.sort(key=place)
    return every


def _plane(
    archive: Archive,
    results: Sequence[Result],
    parsed: Sequence[Estimator],
    layers: Sequence[str],
    seed: int,
) -> Plane:
    from infoplane import __version__

    ordered = _in_order(results, archive.layers, [estimator.name for estimator in parsed])
    labels = archive.y if archive.y is not None and archive.y_kind == "discrete" else None
    provenance = {
        "archive": str(archive.path.resolve()),
        "digest": archive.digest,
        "run_uuid": archive.run_uuid,
        "probe": str(archive.header["probe_sha256"]),
        "seed": str(seed),
        "infoplane": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if any(estimator.traits.edges != "none" for estimator in parsed):
        provenance[EDGES_UNTIL] = str(archive.steps[-1])
    return Plane(
        points=tuple(ordered.points),
        layers=tuple(layers),
        n=archive.n_rows,
        h_y_bits=None if labels is None else entropy_of_rows(labels),
        h_x_bits=entropy_of_rows(archive.row_ids),
        chain=archive.chain,
        metrics=archive.metrics,
        reductions={info.name: info.reduction for info in archive.infos},
        failures=tuple(ordered.failures),
        provenance=provenance,
        row_info=archive.row_info,
    )
