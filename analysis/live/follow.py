"""A run as a live page follows it.

The result lines as they arrive, measured during the training on request.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.analysis.measuring.records import Result, checked_result
from infoplane.analysis.measuring.variables import entropy_of_rows
from infoplane.display.terminal import say
from infoplane.errors import InfoplaneError
from infoplane.plane import Failure, Plane, Point

if TYPE_CHECKING:
    from infoplane.analysis.measuring.records import Record
    from infoplane.archive import Archive, ResultLog

WAIT_SECONDS = 0.5
_UNLIMITED = 64.0
"""Share of a core: a page that somebody looks at need not wait."""


class RunSource:
    """Follows ``RUN``: captured steps, metrics and result lines.

    Reads only; a torn last line is left for the next look.
    """

    def __init__(self, run: str | Path) -> None:
        self.run = Path(run)
        self._archive: Archive | None = None
        self._log: ResultLog | None = None
        self._parsed: dict[str, tuple[Record, Result | None]] = {}

    def version(self) -> str:
        """Return what changes whenever `plane` would; cheap, and never raises.

        Names and sizes of the files that a new result or checkpoint touches.
        """
        seen = []
        for folder in ("ckpt", "planes"):
            try:
                with os.scandir(self.run / folder) as entries:
                    shown = [entry for entry in entries if not entry.name.startswith(".")]
                    seen += sorted(f"{entry.name}:{entry.stat().st_size}" for entry in shown)
            except OSError:  # not there yet, or renamed between the listing and the look
                seen.append(folder)
        return f"{hash(tuple(seen)):x}"

    def plane(self) -> Plane:
        """Return everything measured so far, the newest result of each cell."""
        from infoplane.archive import ResultLog, open_archive

        self._archive = archive = (
            open_archive(self.run) if self._archive is None else self._archive.refresh()
        )
        self._log = self._log or ResultLog(self.run)
        points: list[Point] = []
        failures: list[Failure] = []
        for result in self._newest(archive, self._log):
            points += result.points
            failures += result.failures
        points.sort(key=lambda point: (point.step, archive.layers.index(point.layer)))
        labels = archive.y if archive.y is not None and archive.y_kind == "discrete" else None
        return Plane(
            tuple(points),
            archive.layers,
            archive.n_rows,
            None if labels is None else entropy_of_rows(labels),
            entropy_of_rows(archive.row_ids),
            chain=archive.chain,
            metrics=archive.metrics,
            reductions={info.name: info.reduction for info in archive.infos},
            failures=tuple(failures),
            provenance={"archive": str(archive.path), "run_uuid": archive.run_uuid},
            row_info=archive.row_info,
        )

    def _newest(self, archive: Archive, log: ResultLog) -> Collection[Result]:
        """Return the newest result of each cell.

        Each record is parsed once: those of 10,000 cells take 0.7 s.
        """
        cells: dict[tuple[int, str, str], Result] = {}
        for key, record in log.read().items():
            if key not in self._parsed or self._parsed[key][0] is not record:
                self._parsed[key] = (record, checked_result(record))
            found = self._parsed[key][1]
            if found is None:
                continue
            step, layer = int(record["step"]), str(record["layer"])
            if layer in archive.layers and step in archive.steps:
                cells[step, layer, str(record["estimator"])] = found
        return cells.values()


def measure_beside(
    run: str | Path, estimators: Sequence[str] | None, stop: threading.Event
) -> None:
    """Measure every checkpoint of ``run`` as it appears, until ``stop`` is set.

    Results go to the run's own result lines.

    Runs in the watching process, so training neither waits nor shares its memory. A run that is not
    there yet is waited for, and one that is resumed is followed again.

    Args:
        run: its folder.
        estimators: specs; None takes those that can answer at its first checkpoint.
        stop: ends it.
    """
    from infoplane.analysis.measuring.follow import Budget, follow
    from infoplane.analysis.measuring.measure import say_choice
    from infoplane.archive import open_archive
    from infoplane.archive.lock import is_being_written

    last = ""
    while not stop.is_set():
        try:
            if estimators is None:
                estimators = say_choice(open_archive(run), growing=True).specs
            follow(
                run,
                estimators,
                over=stop,
                gone=stop,
                budget=Budget(_UNLIMITED),
                ended=lambda: not is_being_written(Path(run)),
            )  # until nobody writes; at once where nothing was added since
        # still being made, or rolled back under our eyes: look again
        except InfoplaneError as error:
            if str(error) != last:
                last = str(error)
                say(f"waiting: {last}", file=sys.stderr, flush=True)
        stop.wait(WAIT_SECONDS)
