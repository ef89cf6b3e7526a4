"""Vectors up to 3+3 units: the default beside every peer on the bank, the curves and BMI's tasks.

`python -m benchmarks.three_banks --python VENV/bin/python ... [--write PAGE]`

Each interpreter runs the peers that it has, on the same draws (`benchmarks.calibration_peers`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.calibration import LOW, errors_by_draw, markdown, paired, put, run_peers
from infoplane.analysis.calibrate import bank_of, calibrate, choose
from infoplane.analysis.calibrate.case import Case

DEFAULT = "knn:k=5"
UNITS = 3


@dataclass(frozen=True, eq=False)
class Group:
    """Cases that are compared together.

    Attributes:
        title: of the group.
        cases: of at most 3+3 units.
        rows: of a draw.
        draws: of each case.
    """

    title: str
    cases: tuple[Case, ...]
    rows: int
    draws: int


def groups() -> tuple[Group, ...]:
    """Bank and judges, all noisy curves, and the tasks of the published benchmark."""
    own = [case for case in choose() + choose(judges=True) if case.family in LOW]
    curves = [*bank_of("curves").cases, *bank_of("late-curves").cases]
    both_sides = [case for case in curves if case.name.endswith("both sides")]
    return (
        Group("bank and judges", _small(own), 2000, 2),
        Group("27 noisy curves", _small(curves), 1000, 2),
        Group("of these 18 with noise on both sides", _small(both_sides), 1000, 2),
        Group("BMI, forty tasks", _small(bank_of("bmi1").cases), 5000, 1),
    )


def _small(cases: Sequence[Case]) -> tuple[Case, ...]:
    """The cases whose truth is finite and whose sides have at most three units each."""
    return tuple(case for case in cases if case.finite and _most_units(case) <= UNITS)


def _most_units(case: Case) -> int:
    sample = case.sample(20, 0)
    return max(sample.a.dim, sample.b.dim)


def table(pythons: Sequence[str]) -> str:
    """The default beside every peer of every group, paired by draw."""
    rows = []
    for group in groups():
        ours = errors_by_draw(
            calibrate([DEFAULT], group.cases, n=group.rows, seeds=group.draws).trials
        )
        theirs = run_peers(group.cases, group.draws, group.rows, pythons)
        for peer in dict.fromkeys(trial.estimator for trial in theirs):
            errors = errors_by_draw([trial for trial in theirs if trial.estimator == peer])
            common = sorted(set(errors) & set(ours))
            if len(common) > 1:
                pairs = np.array([(abs(ours[draw]), abs(errors[draw])) for draw in common])
                rows.append((group.title, peer, *paired(pairs)))
                print(*rows[-1], flush=True)
    head = ("cases", "peer", "its error [bits]", "our error", "ours - its", "ours is", "draws")
    return markdown(head, rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", default=[], help="an interpreter with peers")
    parser.add_argument("--write", type=Path, help="page with markers to put the table into")
    asked = parser.parse_args()
    text = table(asked.python)
    print(text)
    if asked.write:
        put(asked.write, "three-banks", text)


if __name__ == "__main__":
    main()
