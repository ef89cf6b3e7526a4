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
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from infoplane.analysis.calibrate import FAMILIES, Calibration, Trial, calibrate, choose
from infoplane.analysis.calibrate.case import Case
from infoplane.analysis.calibrate.discrete_cases import TABLES
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.estimators.surprise import surprise_of_symbols
from infoplane.analysis.estimators.vinfo import VInformation
from infoplane.contract import Estimator

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
    for family in FAMILIES:
        for judges in (False, True):
            if not any(c.family == family and c.finite for c in choose(judges=judges)):
                continue
            ours = FITTING.get(family, ("ksg:k=5", "knn:k=5", "gauss:copula=true"))
            for s in calibrate(ours, [family], judges=judges, n=n, seeds=seeds).scores():
                if s.error is not None:
                    se = "" if s.stderr is None else f" ± {s.stderr:.4f}"
                    rows.append(
                        (
                            family,
                            "judges" if judges else "bank",
                            f"`{s.estimator}`",
                            f"{s.error:.4f}{se}",
                            f"{s.bias:+.4f}",
                            f"{s.refused}/{s.trials}",
                        )
                    )
                    print(rows[-1], flush=True)
    return f"n = {n}, {seeds} draws of each case.\n\n" + markdown(
        ("family", "cases", "estimator", "error [bits]", "bias", "refused"), rows
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
            s = case.draw(rows + fresh, rng)
            y = np.unique(s.b.values, return_inverse=True)[1].reshape(-1)
            base, used = surprise_of_symbols(
                s.a.values, y, np.arange(rows), np.arange(rows, rows + fresh), estimator, rng
            )
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
    s = case.sample(n, 0)
    return any(
        _WRONG_HERE in note
        for note in estimator.estimate(s.a, s.b, rng=np.random.default_rng(0)).notes
    )


def coverage(draws: int, n: int, only: Sequence[str], splits: int, fresh: int) -> str:
    """Share of nominal 95 % intervals that hold the truth, case by case, on the bank and on the
    judges.

    A share of 200 draws is off by 1 to 2 points itself, so that of a hundred cases a few lie
    outside of bounds by chance. Cases within two points of a bound, on either side, are judged by
    ``fresh`` other draws alone.
    """
    rows = []
    near = []
    for spec, where in COVERED.items():
        for judges in (False, True):
            names = {
                c.name: c
                for name in where
                for c in choose(judges=judges)
                if name == c.family or fnmatch(c.name, name)
            }
            estimator = parse(spec)
            if only and spec not in only:
                continue
            cases = [
                c for c in names.values() if c.low_dimensional and not says_so(estimator, c, n)
            ]
            if not cases:
                continue
            if isinstance(estimator, VInformation):
                cases = [c for c in (held_out(c, estimator, n) for c in cases) if c.bits > _NOTHING]
            found = calibrate([spec], cases, n=n, seeds=draws, errorbars=splits)
            every = {s.where: s.coverage for s in found.by_case() if s.coverage is not None}
            kind = "judges" if judges else "bank"
            inside = sum(LEAST <= c <= MOST for c in every.values())
            pooled = np.mean([t.covered for t in found.trials if t.covered is not None])
            ends = [
                f"{every[c]:.1%} ({c})"
                for c in (min(every, key=every.__getitem__), max(every, key=every.__getitem__))
            ]
            rows.append((f"`{spec}`", kind, f"{pooled:.1%}", f"{inside} of {len(every)}", *ends))
            print(rows[-1], *(f"{v:.1%}" for v in every.values()), flush=True)
            close = [
                c
                for c in cases
                if fresh and c.name in every and not LEAST + 0.02 < every[c.name] < MOST - 0.02
            ]
            if close:
                again = calibrate(
                    [spec], close, n=n, seeds=range(draws, draws + fresh), errorbars=splits
                ).by_case()
                near += [
                    (f"`{spec}`", kind, s.where, f"{every[s.where]:.1%}", f"{s.coverage:.1%}")
                    for s in again
                ]
                print(*near[-len(again) :], sep="\n", flush=True)
    return (
        f"n = {n}, {draws} draws of each low-dimensional case, {splits} half-sample splits.\n\n"
        + markdown(
            ("estimator", "cases", "coverage, pooled", "cases within 90 to 99 %", "least", "most"),
            rows,
        )
        + f"\n\nCases within two points of a bound, on either side, and what {fresh} other draws "
        "say:\n\n"
        + markdown(("estimator", "cases", "case", f"{draws} draws", f"{fresh} other draws"), near)
    )


def oracle(draws: int, n: int) -> str:
    """Tables: our error beside that of one who knows every probability and takes the mean of ``log2
    p(a,b) / (p(a) p(b))`` over the same rows: what no estimator gets below.
    """
    estimator = parse("plugin:population")
    rows = []
    for judges in (False, True):
        ours = []
        known = []
        for case in choose(["discrete"], judges=judges):
            p = TABLES[case.name]()
            score = np.log2(np.where(p > 0, p, 1) / (p.sum(1)[:, None] * p.sum(0)[None]))
            for seed in range(draws):
                s = case.sample(n, seed)
                ours.append(
                    abs(estimator.estimate(s.a, s.b, rng=np.random.default_rng(0)).bits - case.bits)
                )
                known.append(
                    abs(
                        float(
                            score[s.a.values[:, 0].astype(int), s.b.values[:, 0].astype(int)].mean()
                        )
                        - case.bits
                    )
                )
        rows.append(
            (
                "judges" if judges else "bank",
                f"{np.mean(ours):.4f}",
                f"{np.mean(known):.4f}",
                str(len(ours)),
            )
        )
    return f"n = {n}, {draws} draws of each case.\n\n" + markdown(
        ("cases", "`plugin:population`", "who knows the table", "draws"), rows
    )


def peers(seeds: int, n: int, pythons: Sequence[str]) -> str:
    """Ours and peers on the same draws; the difference of absolute errors is paired by draw."""
    cases = [
        c
        for c in choose() + choose(judges=True)
        if c.finite and c.family not in ("channel", "noisy network", "high-dimensional")
    ]
    theirs = run_peers(cases, seeds, n, pythons)
    ours = Calibration(
        tuple(
            t
            for judges in (False, True)
            for t in calibrate(
                BESIDE, sorted({c.family for c in cases}), judges=judges, n=n, seeds=seeds
            ).trials
        )
    )
    return f"n = {n}, {seeds} draws of each case of bank and judges.\n\n" + compared(ours, theirs)


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


def compared(ours: Calibration, theirs: Sequence[Trial]) -> str:
    """The table of every peer beside ours on the same draws: the first named for these cases, `knn`
    where it differs, and the one with the least error.
    """
    groups = (("up to 3+3 dimensions", LOW), *((f, (f,)) for f in FAMILIES))
    rows = []
    for title, families in groups:
        specs = AGAINST.get(
            title, ("ksg:k=5", "knn:k=5", "ksg:k=3,correct=true", "gauss:copula=true")
        )
        mine = {
            spec: errors_by_draw(
                [t for t in ours.trials if t.estimator == spec and t.family in families]
            )
            for spec in specs
        }
        for name in dict.fromkeys(t.estimator for t in theirs if t.family in families):
            peer = errors_by_draw(
                [t for t in theirs if t.estimator == name and t.family in families]
            )
            gaps = {}
            for spec, errors_of in mine.items():
                common = sorted(set(peer) & set(errors_of))
                if peer and len(common) >= 0.9 * len(peer):
                    gaps[spec] = np.array([(abs(errors_of[k]), abs(peer[k])) for k in common])
            best = min(gaps, key=lambda spec: float(gaps[spec][:, 0].mean()), default="")
            for spec in dict.fromkeys([specs[0], "knn:k=5", best]):
                if spec in gaps and (
                    spec == specs[0] or not np.array_equal(gaps[spec], gaps[specs[0]])
                ):
                    rows.append((title, name, f"`{spec}`", *paired(gaps[spec])))
    return markdown(
        (
            "cases",
            "peer",
            "ours",
            "its error [bits]",
            "our error",
            "ours - its, paired",
            "ours is",
            "draws",
        ),
        rows,
    )


def errors_by_draw(trials: Sequence[Trial]) -> dict[tuple[str, int], float]:
    return {(t.case, t.seed): t.error for t in trials if t.error is not None}


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
    import os

    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}


def put(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    old = page.read_text("utf-8")
    new, times = re.subn(
        rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
        lambda m: f"{m[1]}\n{text}\n\n{m[2]}",
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
    a = parser.parse_args()
    text = (
        errors(a.seeds, a.n)
        if a.table == "errors"
        else oracle(a.seeds, a.n)
        if a.table == "oracle"
        else coverage(a.seeds, a.n, a.only, a.splits, a.fresh)
        if a.table == "coverage"
        else peers(a.seeds, a.n, a.python)
    )
    print(text)
    if a.write:
        put(a.write, a.table, text)


if __name__ == "__main__":
    main()
