"""Tables of docs/calibration.md.

`python -m benchmarks.calibration TABLE`, where TABLE is one of

- `errors`: mean error of our estimators per family, on the bank and on the judges
- `oracle`: tables, our error beside that of one who knows every probability
- `coverage`: how often 95 % intervals hold the truth
- `peers --python VENV/bin/python ...`: ours and peers on the same draws, paired

Each prints Markdown and, with `--write docs/calibration.md`, puts it between its markers.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from itertools import product
from pathlib import Path

import numpy as np

from infoplane.analysis.calibrate import FAMILIES, Score, Trial, calibrate, choose
from infoplane.analysis.calibrate.case import Case
from infoplane.analysis.calibrate.discrete_cases import TABLES
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.estimators.surprise import surprise_of_symbols
from infoplane.analysis.estimators.vinfo import VInformation
from infoplane.contract import Estimator
from infoplane.types.arrays import Array

HERE = Path(__file__).parent
OURS = (
    "ksg:k=5",
    "ksg:k=3,correct=true",
    "knn:k=5",
    "mixed:k=5",
    "ross:k=5",
    "gauss",
    "gauss:copula=true",
    "noisy",
    "plugin:population",
    "vinfo:family=mlp",
)
BESIDE = tuple(
    spec for spec in OURS if not spec.startswith(("vinfo", "noisy", "gauss")) or "copula" in spec
)
"""Those of ours that have peers."""
LOW = ("1-D", "vector", "heavy-tailed", "warped")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(
        [
            "| " + " | ".join(head) + " |",
            "|" + "---|" * len(head),
            *("| " + " | ".join(row) + " |" for row in rows),
        ]
    )


FITTING: dict[str, tuple[str, ...]] = {
    "discrete": ("plugin:population",),
    "label": ("ross:k=5", "knn:k=5", "gauss:copula=true", "vinfo:family=mlp"),
    "mixed": ("knn:k=5", "mixed:k=5"),
    "channel": ("noisy",),
    "noisy network": ("noisy",),
}
"""Estimators of a family's error table; those of continuous pairs elsewhere."""


def errors(seeds: int, n: int) -> str:
    """Mean absolute error, per family, on the bank and on the judges."""
    rows = []
    for family, judges in product(FAMILIES, (False, True)):
        if not any(case.family == family and case.finite for case in choose(judges=judges)):
            continue
        ours = FITTING.get(family, ("ksg:k=5", "knn:k=5", "gauss:copula=true"))
        found = calibrate(ours, [family], judges=judges, n=n, seeds=seeds)
        for score in found.scores():
            if score.error is not None:
                rows.append(_error_row(score, judges))
                print(rows[-1], flush=True)
    head = ("family", "cases", "estimator", "error [bits]", "bias", "refused")
    return f"n = {n}, {seeds} draws of each case.\n\n" + markdown(head, rows)


def _error_row(score: Score, judges: bool) -> tuple[str, ...]:
    spread = "" if score.stderr is None else f" ± {score.stderr:.4f}"
    return (
        score.where,
        "judges" if judges else "bank",
        f"`{score.estimator}`",
        f"{score.error:.4f}{spread}",
        f"{score.bias:+.4f}",
        f"{score.refused}/{score.trials}",
    )


COVERED = {
    "ksg:k=5": ("1-D", "heavy-tailed", "warped"),
    "ross:k=5": ("label",),
    "knn:k=5": ("mixed",),  # elsewhere it is ksg or ross
    "mixed:k=5": ("1-D", "heavy-tailed", "warped", "label", "mixed"),
    "plugin:population": ("discrete",),
    "vinfo:family=gaussian": ("label",),
    "vinfo:family=linear": ("label",),
    "gauss": ("Gaussian, r=*",),
    "gauss:copula=true": (
        "Gaussian, r=*",
        "log-normal pair*",
        "half-cube pair*",
        "exponent of one side*",
    ),
}
"""Where each estimator's model holds: intervals are about chance, not about a wrong model."""


def held_out(
    case: Case, estimator: VInformation, n: int, fits: int = 200, fresh: int = 4000
) -> Case:
    """The case with what `VInformation` estimates for a truth: the expected held-out bits of
    predictors fitted on the rows of a training fold, read on fresh rows.

    Less than I(A;B), by what the family cannot express and by what a fit on so few rows loses.
    """

    def truth() -> float:
        rows = n - n // estimator.folds
        found = []
        for seed in range(fits):
            rng = np.random.default_rng([seed, 17])
            sample = case.draw(rows + fresh, rng)
            labels = np.unique(sample.b.values, return_inverse=True)[1].reshape(-1)
            train = np.arange(rows)
            test = np.arange(rows, rows + fresh)
            values = sample.a.values
            base, used = surprise_of_symbols(values, labels, train, test, estimator, rng)
            found.append(float((base - used).mean()))
        return float(np.mean(found))

    return replace(case, truth=truth)


_NOTHING = 1e-3
"""Bits that a family cannot use at all: it answers the base rates, and its interval of a few
thousandths around 0 holds the truth always.
"""

LEAST = 0.90
MOST = 0.99
"""Between these a nominal 95 % interval is to hold the truth."""

_WRONG_HERE = "at an atom of both variables"


def says_so(estimator: Estimator, case: Case, n: int) -> bool:
    """Whether the notes of an estimate tell the user that this estimator is not for these rows: a
    known failure (`tests/test_errorbars.py`), of which no interval is asked.
    """
    sample = case.sample(n, 0)
    estimate = estimator.estimate(sample.a, sample.b, rng=np.random.default_rng(0))
    return any(_WRONG_HERE in note for note in estimate.notes)


def coverage(draws: int, n: int, only: Sequence[str], splits: int, fresh: int) -> str:
    """Share of nominal 95 % intervals that hold the truth, case by case, on the bank and on the
    judges.

    A share of 200 draws is off by 1 to 2 points itself, so that of a hundred cases a few lie
    outside of bounds by chance. Cases within two points of a bound, on either side, are judged by
    ``fresh`` other draws alone.
    """
    rows = []
    near = []
    for spec, judges in product(COVERED, (False, True)):
        cases = [] if only and spec not in only else covered_cases(spec, judges, n)
        if not cases:
            continue
        kind = "judges" if judges else "bank"
        found = calibrate([spec], cases, n=n, seeds=draws, errorbars=splits)
        shares = {s.where: s.coverage for s in found.by_case() if s.coverage is not None}
        inside = sum(LEAST <= share <= MOST for share in shares.values())
        pooled = np.mean([trial.covered for trial in found.trials if trial.covered is not None])
        ends = [min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)]
        shown = [f"{shares[case]:.1%} ({case})" for case in ends]
        rows.append((f"`{spec}`", kind, f"{pooled:.1%}", f"{inside} of {len(shares)}", *shown))
        print(rows[-1], *(f"{share:.1%}" for share in shares.values()), flush=True)
        doubtful = {
            case for case, share in shares.items() if not LEAST + 0.02 < share < MOST - 0.02
        }
        close = [case for case in cases if fresh and case.name in doubtful]
        if close:
            seeds = range(draws, draws + fresh)
            for score in calibrate([spec], close, n=n, seeds=seeds, errorbars=splits).by_case():
                shown = (f"{shares[score.where]:.1%}", f"{score.coverage:.1%}")
                near.append((f"`{spec}`", kind, score.where, *shown))
                print(near[-1], flush=True)
    head = ("estimator", "cases", "coverage, pooled", "cases within 90 to 99 %", "least", "most")
    head_near = ("estimator", "cases", "case", f"{draws} draws", f"{fresh} other draws")
    return (
        f"n = {n}, {draws} draws of each low-dimensional case, {splits} half-sample splits.\n\n"
        f"{markdown(head, rows)}\n\n"
        f"Cases within two points of a bound, on either side, and what {fresh} other draws say:\n\n"
        f"{markdown(head_near, near)}"
    )


def covered_cases(spec: str, judges: bool, n: int) -> list[Case]:
    """The cases whose intervals an estimator is asked for, with what it estimates for a truth."""
    names = COVERED[spec]
    estimator = parse(spec)
    cases = []
    for case in choose(judges=judges):
        named = any(case.family == name or fnmatch(case.name, name) for name in names)
        if named and case.low_dimensional and not says_so(estimator, case, n):
            cases.append(case)
    if not isinstance(estimator, VInformation):
        return cases
    truths = [held_out(case, estimator, n) for case in cases]
    return [case for case in truths if case.bits > _NOTHING]


def oracle(draws: int, n: int) -> str:
    """Tables: our error beside that of one who knows every probability and takes the mean of ``log2
    p(a,b) / (p(a) p(b))`` over the same rows: what no estimator gets below.
    """
    estimator = parse("plugin:population")
    rows = []
    for judges in (False, True):
        ours = []
        known = []
        for case, seed in product(choose(["discrete"], judges=judges), range(draws)):
            table = TABLES[case.name]()
            independent = table.sum(1)[:, None] * table.sum(0)[None]
            score = np.log2(np.where(table > 0, table, 1) / independent)
            sample = case.sample(n, seed)
            estimate = estimator.estimate(sample.a, sample.b, rng=np.random.default_rng(0))
            a, b = (v.values[:, 0].astype(int) for v in (sample.a, sample.b))
            ours.append(abs(estimate.bits - case.bits))
            known.append(abs(float(score[a, b].mean()) - case.bits))
        kind = "judges" if judges else "bank"
        rows.append((kind, f"{np.mean(ours):.4f}", f"{np.mean(known):.4f}", str(len(ours))))
    head = ("cases", "`plugin:population`", "who knows the table", "draws")
    return f"n = {n}, {draws} draws of each case.\n\n" + markdown(head, rows)


def peers(seeds: int, n: int, pythons: Sequence[str]) -> str:
    """Ours and peers on the same draws; the difference of absolute errors is paired by draw."""
    cases = [
        case
        for case in choose() + choose(judges=True)
        if case.finite and case.family not in ("channel", "noisy network", "high-dimensional")
    ]
    theirs = run_peers(cases, seeds, n, pythons)
    families = sorted({case.family for case in cases})
    trials: list[Trial] = []
    for judges in (False, True):
        trials += calibrate(BESIDE, families, judges=judges, n=n, seeds=seeds).trials
    text = f"n = {n}, {seeds} draws of each case of bank and judges.\n\n"
    return text + compared(trials, theirs)


def paired(pairs: np.ndarray) -> tuple[str, ...]:
    """Mean errors, ours first in the columns of ``pairs``, their paired difference and what it
    says.
    """
    gap = pairs[:, 0] - pairs[:, 1]
    se = float(gap.std(ddof=1) / math.sqrt(len(gap)))
    verdict = "better" if gap.mean() < -2 * se else "worse" if gap.mean() > 2 * se else "equal"
    return (
        f"{pairs[:, 1].mean():.4f}",
        f"{pairs[:, 0].mean():.4f}",
        f"{gap.mean():+.4f} ± {se:.4f}",
        verdict,
        str(len(gap)),
    )


AGAINST: dict[str, tuple[str, ...]] = {
    "label": ("ross:k=5", "gauss:copula=true"),
    "mixed": ("knn:k=5", "mixed:k=5"),
    "discrete": ("plugin:population",),
}
"""Which of ours stand beside the peers of a family; elsewhere those of continuous pairs."""


def compared(ours: Sequence[Trial], theirs: Sequence[Trial]) -> str:
    """The table of every peer beside ours on the same draws: the first named for these cases, `knn`
    where it differs, and the one with the least error.
    """
    rows = []
    for title, families in (("up to 3+3 dimensions", LOW), *((f, (f,)) for f in FAMILIES)):
        fitting = AGAINST.get(
            title, ("ksg:k=5", "knn:k=5", "ksg:k=3,correct=true", "gauss:copula=true")
        )
        own = [trial for trial in ours if trial.family in families]
        others = [trial for trial in theirs if trial.family in families]
        for name in dict.fromkeys(trial.estimator for trial in others):
            peer = errors_of(name, others)
            gaps = {}
            for spec in fitting:
                pairs = common_errors(errors_of(spec, own), peer)
                if peer and len(pairs) >= 0.9 * len(peer):
                    gaps[spec] = pairs
            best = min(gaps, key=lambda spec: float(gaps[spec][:, 0].mean()), default="")
            first = gaps.get(fitting[0])
            for spec in dict.fromkeys([fitting[0], "knn:k=5", best]):
                if spec in gaps and (spec == fitting[0] or not np.array_equal(gaps[spec], first)):
                    rows.append((title, name, f"`{spec}`", *paired(gaps[spec])))
    head = ("cases", "peer", "ours", "its error [bits]", "our error", "ours - its, paired")
    return markdown((*head, "ours is", "draws"), rows)


def errors_of(name: str, trials: Sequence[Trial]) -> dict[tuple[str, int], float]:
    """Errors of one estimator by case and seed."""
    return errors_by_draw([trial for trial in trials if trial.estimator == name])


def common_errors(ours: dict[tuple[str, int], float], peer: dict[tuple[str, int], float]) -> Array:
    """Absolute errors on the draws that both answered, shape ``(draws, 2)``, ours first."""
    draws = sorted(set(peer) & set(ours))
    return np.array([(abs(ours[draw]), abs(peer[draw])) for draw in draws]).reshape(-1, 2)


def errors_by_draw(trials: Sequence[Trial]) -> dict[tuple[str, int], float]:
    return {(trial.case, trial.seed): trial.error for trial in trials if trial.error is not None}


def run_peers(cases: Sequence[Case], seeds: int, n: int, pythons: Sequence[str]) -> list[Trial]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        draws = {}
        arrays = {}
        for case in cases:
            for seed in range(seeds):
                key = f"{len(draws):05d}"
                s = case.sample(n, seed)
                draws[key] = (case, seed)
                arrays[key + "/a"], arrays[key + "/b"] = s.a.values, s.b.values
        np.savez(f"{folder}/draws.npz", **arrays)
        for k, python in enumerate(pythons or [sys.executable]):
            done = ";".join({t.estimator for t in found})
            command = [
                python,
                str(HERE / "calibration_peers.py"),
                f"{folder}/draws.npz",
                f"{folder}/{k}.csv",
                done,
            ]
            subprocess.run(command, check=True, cwd=folder, env=_bare())
            for row in csv.DictReader(Path(f"{folder}/{k}.csv").read_text().splitlines()):
                case, seed = draws[row["draw"]]
                value = None if row["bits"].startswith("refused") else float(row["bits"])
                refusal = row["bits"] if value is None or not math.isfinite(value) else ""
                value = None if refusal else value
                found.append(
                    Trial(
                        case.name,
                        case.family,
                        row["peer"],
                        n,
                        seed,
                        case.bits,
                        value,
                        seconds=float(row["seconds"]),
                        refusal=refusal,
                    )
                )
    return found


def _bare() -> dict[str, str]:
    """The environment without this project's own modules."""
    return {key: os.environ[key] for key in {*os.environ} - {"PYTHONPATH", "PYTHONHOME"}}


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    old = page.read_text("utf-8")
    new, times = re.subn(
        rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
        lambda found: f"{found[1]}\n{text}\n\n{found[2]}",
        old,
        flags=re.S,
    )
    if not times:
        raise SystemExit(f"{page}: no markers <!-- {name} --> ... <!-- /{name} -->")
    page.write_text(new, "utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=("errors", "oracle", "coverage", "peers"))
    parser.add_argument(
        "--seeds", type=int, default=10, help="draws of every case (200 for coverage)"
    )
    parser.add_argument("-n", type=int, default=2000)
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        help="interpreter of an environment with peers; may be given several times",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        help="coverage: this estimator of ours; may be given several times",
    )
    parser.add_argument("--splits", type=int, default=10, help="coverage: half-sample splits")
    parser.add_argument(
        "--fresh",
        type=int,
        default=1000,
        help="coverage: other draws of the cases within two points of a bound",
    )
    parser.add_argument("--write", type=Path, help="page with markers to put the table into")
    asked = parser.parse_args()
    tables = {
        "errors": lambda: errors(asked.seeds, asked.n),
        "oracle": lambda: oracle(asked.seeds, asked.n),
        "coverage": lambda: coverage(asked.seeds, asked.n, asked.only, asked.splits, asked.fresh),
        "peers": lambda: peers(asked.seeds, asked.n, asked.python),
    }
    text = tables[asked.table]()
    print(text)
    if asked.write:
        put(asked.write, asked.table, text)


if __name__ == "__main__":
    main()
