"""Tables of docs/calibration.md about distributions that were chosen before any look.

`python -m benchmarks.unseen TABLE`, where TABLE is one of

- `errors`: the default beside plain neighbours and NPEET's formula, on curves and other pairs
- `coverage`: how often 95 % intervals hold the truth, and how often none is given
- `classes`: the same of labels beside three and more units

Each prints Markdown and, with `--write docs/calibration.md`, puts it between its markers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.calibration import markdown, put
from benchmarks.calibration_peers import npeet_bits
from infoplane.analysis.calibrate import bank_of, calibrate
from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.estimators.spec import parse

SPECS = ("knn:k=5", "ksg:k=3", "ksg:k=5")
INTERVALS = {
    "plugin:population": 600,
    "knn:k=5": 300,
    "ksg:k=5": 300,
    "ross:k=5": 300,
    "mixed:k=5": 300,
}
"""Rows of a draw for every estimator whose interval is asked."""

CLASS_ROWS = (300, 1000)
"""Rows of a draw of labels beside three and more units."""

Errors = dict[str, list[float]]


def _estimator(spec: str) -> Callable[[Sample], float]:
    estimator = parse(spec)
    return lambda s: float(estimator.estimate(s.a, s.b, rng=np.random.default_rng(0)).bits)


def _npeet(sample: Sample) -> float:
    return npeet_bits(sample.a.values, sample.b.values)


def errors_of(cases: Sequence[Case], n: int, draws: int) -> Errors:
    """Absolute errors in bits by estimator: of every case the mean over draws."""
    asked = {spec: _estimator(spec) for spec in SPECS} | {"NPEET's formula, k=3": _npeet}
    found: Errors = {name: [] for name in asked}
    for case in cases:
        for name, estimate in asked.items():
            gaps = [abs(estimate(case.sample(n, seed)) - case.bits) for seed in range(draws)]
            found[name].append(float(np.mean(gaps)))
        print(case.name, *(f"{values[-1]:.3f}" for values in found.values()), flush=True)
    return found


def errors(draws: int) -> str:
    """The mean absolute error of every estimator on the curves and on the other pairs."""
    rows = []
    pairs = [c for c in bank_of("unseen").cases if c.family not in ("discrete", "label", "mixed")]
    curves = bank_of("curves").cases
    groups = (
        ("curves, noise on one side", [c for c in curves if c.name.endswith("one side")], 1000),
        ("curves, noise on both sides", [c for c in curves if c.name.endswith("both sides")], 1000),
        ("later curves, noise on both sides", bank_of("late-curves").cases, 1000),
        ("pairs", pairs, 2000),
    )
    for title, cases, n in groups:
        for name, values in errors_of(cases, n, draws).items():
            shown = f"`{name}`" if name in SPECS else name
            error = f"{np.mean(values):.4f}"
            rows.append((title, str(len(cases)), str(n), shown, error, f"{np.max(values):.3f}"))
    head = ("cases", "of them", "n", "estimator", "mean error [bits]", "largest of a case")
    return f"{draws} draws of each case.\n\n" + markdown(head, rows)


def coverage(draws: int, only: Sequence[str]) -> str:
    """By case: the share of given intervals that hold the truth, and how many were given."""
    specs = [spec for spec in INTERVALS if not only or spec in only]
    rows = []
    for case in bank_of("unseen").cases:
        cells = [_held(case, spec, draws, INTERVALS[spec]) for spec in specs]
        rows.append((case.name, f"{case.bits:.3f}", *cells))
        print(rows[-1], flush=True)
    head = ("case", "truth [bits]", *(f"`{spec}`, n={INTERVALS[spec]}" for spec in specs))
    return f"{draws} draws of each case, 10 half-sample splits.\n\n" + markdown(head, rows)


def classes(draws: int) -> str:
    """By case of three and more units: the share of given intervals that hold the truth."""
    rows = []
    for case in bank_of("late-labels").cases:
        cells = [_held(case, "ross:k=5", draws, n) for n in CLASS_ROWS]
        rows.append((case.name, f"{case.bits:.3f}", *cells))
        print(rows[-1], flush=True)
    head = ("case", "truth [bits]", *(f"`ross:k=5`, n={n}" for n in CLASS_ROWS))
    return f"{draws} draws of each case, 10 half-sample splits.\n\n" + markdown(head, rows)


def _held(case: Case, spec: str, draws: int, n: int) -> str:
    sample = case.sample(20, 0)
    if not parse(spec).supports(sample.a.kind, sample.b.kind):
        return ""
    found = calibrate([spec], [case], n=n, seeds=draws, errorbars=10)
    given = [trial.covered for trial in found.trials if trial.covered is not None]
    return shown(sum(given), len(given), draws)


def shown(held: int, given: int, draws: int) -> str:
    """One cell: the share of intervals that hold, and how many were given if not all."""
    if not given:
        return "none given"
    return f"{held / given:.0%}" + ("" if given == draws else f" of {given} given")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=("errors", "coverage", "classes"))
    parser.add_argument("--draws", type=int, help="of every case: 3 for errors, 100 for coverage")
    parser.add_argument("--only", action="append", default=[], help="coverage: this estimator")
    parser.add_argument("--write", type=Path, help="page with markers to put the table into")
    asked = parser.parse_args()
    if asked.table == "errors":
        text = errors(asked.draws or 3)
    elif asked.table == "classes":
        text = classes(asked.draws or 40)
    else:
        text = coverage(asked.draws or 100, asked.only)
    print(text)
    if asked.write:
        put(asked.write, f"unseen-{asked.table}", text)


if __name__ == "__main__":
    main()
