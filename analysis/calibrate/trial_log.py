"""Trials kept in a file line by line: a long calibration goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from infoplane.analysis.calibrate.result import Trial
from infoplane.analysis.measuring.records import RESULTS
from infoplane.errors import InputError


class TrialLog:
    """Trials by case, rows, seed and estimator.

    A line is a JSON object with the fields of `Trial`. Lines that a stopped process left
    unfinished, and those of other settings or of estimators that have changed since, are made
    again.

    Args:
        path: of the file; made by the first trial.
        errorbars: half-sample splits, as in `calibrate`.

    Raises:
        InputError: the path is no file, or cannot be read.
    """

    def __init__(self, path: str | Path, errorbars: int) -> None:
        self.path = Path(path)
        self._settings = {"errorbars": errorbars, "results": RESULTS}
        self._trials: dict[tuple[str, int, int], dict[str, Trial]] = {}
        for trial in self._read():
            draw = (trial.case, trial.n, trial.seed)
            self._trials.setdefault(draw, {})[trial.estimator] = trial

    def known(self, case: str, n: int, seed: int) -> dict[str, Trial]:
        """Return the trials of one draw that the file holds, by estimator."""
        return self._trials.get((case, n, seed), {})

    def append(self, trials: Iterable[Trial]) -> None:
        """Write trials to the end of the file."""
        lines = [json.dumps(self._settings | asdict(trial)) + "\n" for trial in trials]
        try:
            with self.path.open("a+b") as file:
                if _ends_inside_a_line(file):
                    lines.insert(0, "\n")
                file.write("".join(lines).encode())
        except OSError as error:
            raise InputError(f"{self.path}: expected a file to add trials to: {error}") from error

    def _read(self) -> list[Trial]:
        if not self.path.exists():
            return []
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError) as error:
            raise InputError(f"{self.path}: expected a file of trials: {error}") from error
        trials = []
        for line in lines:
            record = _parse(line)
            if all(record.pop(name, None) == value for name, value in self._settings.items()):
                trials.append(Trial(**record))
        return trials


def _ends_inside_a_line(file: BinaryIO) -> bool:
    """Return whether a stopped process left the last line unfinished."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _parse(line: str) -> dict[str, Any]:  # Any: JSON
    """Return the object of a line; an empty one where the line is not whole."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    fields = {"errorbars", "results", *Trial.__dataclass_fields__}
    return record if isinstance(record, dict) and set(record) == fields else {}
