"""Run estimators over cases with known information."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from infoplane.analysis.calibrate.bank import bank_of, choose
from infoplane.analysis.calibrate.case import Case, Sample
from infoplane.analysis.calibrate.result import Calibration, Trial
from infoplane.analysis.calibrate.trial_log import TrialLog
from infoplane.analysis.estimators.spec import parse, prefix_of
from infoplane.analysis.resampling.resampled import Resampled
from infoplane.contract import Estimator, TakesNoise
from infoplane.errors import InfoplaneError, InputError
from infoplane.types import Variable

DEFAULT_ESTIMATORS = (
    "plugin:population",
    "knn:k=5",
    "ksg:k=5",
    "gauss",
    "gauss:copula=true",
    "noisy",
    "vinfo:family=mlp",
)


def calibrate(
    estimators: Sequence[str | Estimator] = DEFAULT_ESTIMATORS,
    cases: Sequence[str | Case] | None = None,
    *,
    judges: bool = False,
    bank: str = "own",
    n: int | None = None,
    seeds: int | Sequence[int] = 4,
    errorbars: int = 0,
    workers: int = 1,
    progress: bool = False,
    log: str | Path | None = None,
) -> Calibration:
    """Return error and coverage of every estimator on every case that it supports.

    Args:
        estimators: specs or estimators. Two of the same quantity are better than one:
            `Calibration.partings` tells where they differ.
        cases: families, names, globs or cases of your own; the whole bank by default.
        judges: the cases kept aside instead, on which nothing was ever tuned.
        bank: where names of cases are looked up: "own", or a published one of `BANKS`.
        n: rows of a draw; those of the bank by default, 2000 for our own.
        seeds: draws of a case, the same for every estimator: so many, or these seeds.
        errorbars: half-sample splits for intervals where an estimator has none of its own; 0 leaves
            those without.
        workers: threads; results do not depend on it.
        progress: a bar on the terminal.
        log: a file that keeps every trial as it is made (`TrialLog`); those that it holds are not
            made again.

    Raises:
        InputError: an unknown case, no case that any estimator supports, fewer than 1 seed, a log
            that is no file.

    Example:
        >>> found = calibrate(["gauss"], ["Gaussian, r=0.5"], n=500, seeds=2)
        >>> found.of("gauss", "1-D").error < 0.1
        True
    """
    n = bank_of(bank).rows if n is None else n
    draws = range(seeds) if isinstance(seeds, int) else seeds
    if not len(draws) or n < 8 or not estimators:
        raise InputError(
            f"expected at least 1 seed, 8 rows and 1 estimator, got seeds={seeds}, n={n}, "
            f"estimators={list(estimators)}"
        )
    chosen = _cases(cases, judges, bank)
    parsed = {_label(e): e for e in map(parse, estimators)}
    todo = [(case, seed) for seed in draws for case in chosen]
    trial_log = None if log is None else TrialLog(log, errorbars)
    work = _work(todo, parsed, n, errorbars, workers, progress, trial_log)
    found = [trial for trials in work for trial in trials]
    if not found:
        raise InputError(f"none of {list(parsed)} supports the kinds of {[c.name for c in chosen]}")
    order = {case.name: place for place, case in enumerate(chosen)}
    return Calibration(tuple(sorted(found, key=lambda trial: order[trial.case])))


def _label(estimator: Estimator) -> str:
    """Return the spec; for sample propagation without its noise, which is that of the case."""
    return prefix_of(estimator) if isinstance(estimator, TakesNoise) else estimator.name


def _cases(cases: Sequence[str | Case] | None, judges: bool, bank: str) -> tuple[Case, ...]:
    if cases is None:
        return choose(judges=judges, bank=bank)
    names = [c for c in cases if isinstance(c, str)]
    return (
        *(choose(names, judges=judges, bank=bank) if names else ()),
        *(c for c in cases if isinstance(c, Case)),
    )


def _work(
    todo: Sequence[tuple[Case, int]],
    parsed: dict[str, Estimator],
    n: int,
    errorbars: int,
    workers: int,
    progress: bool,
    log: TrialLog | None,
) -> Iterator[list[Trial]]:
    from joblib import Parallel, delayed

    def one(case: Case, seed: int) -> list[Trial]:
        return logged_trials_of(case, seed, parsed, n, errorbars, log)

    if workers > 1:
        work = Parallel(n_jobs=workers, prefer="threads", return_as="generator")(
            delayed(one)(case, seed) for case, seed in todo
        )
    else:
        work = (one(case, seed) for case, seed in todo)
    if not progress:
        yield from work
        return
    from rich.progress import track

    yield from track(work, description="calibrating", total=len(todo), transient=True)


def logged_trials_of(
    case: Case,
    seed: int,
    parsed: dict[str, Estimator],
    n: int,
    errorbars: int,
    log: TrialLog | None,
) -> list[Trial]:
    """Return every estimator on one draw; those that a log knows are taken from it."""
    if log is None:
        return trials_of(case, seed, parsed, n, errorbars)
    known = {spec: log.known(case.name, spec, n, seed) for spec in parsed}
    missing = {spec: estimator for spec, estimator in parsed.items() if known[spec] is None}
    made = trials_of(case, seed, missing, n, errorbars) if missing else []
    log.append(made)
    by_spec = {trial.estimator: trial for trial in made} | {
        spec: trial for spec, trial in known.items() if trial is not None
    }
    return [by_spec[spec] for spec in parsed if spec in by_spec]


def trials_of(
    case: Case, seed: int, parsed: dict[str, Estimator], n: int, errorbars: int
) -> list[Trial]:
    """Return every estimator on one draw."""
    sample = case.sample(n, seed)
    found = []
    for spec, estimator in parsed.items():
        if (given := given_to(estimator, sample)) is None:
            continue
        e, a, b = given
        rng = np.random.default_rng(
            [seed, n, zlib.crc32(spec.encode()), zlib.crc32(case.name.encode())]
        )
        place = (case.name, case.family, spec, n, seed, case.bits)
        shannon = e.traits.measures != "other"
        start = time.perf_counter()
        try:
            got = (Resampled(e, errorbars) if errorbars else e).estimate(a, b, rng=rng)
        except InfoplaneError as error:
            took = time.perf_counter() - start
            found.append(
                Trial(
                    *place, None, None, None, None, took, str(error), shannon, case.low_dimensional
                )
            )
            continue
        took = time.perf_counter() - start
        found.append(
            Trial(
                *place,
                got.bits,
                got.low,
                got.high,
                got.stderr,
                took,
                "",
                shannon,
                case.low_dimensional,
            )
        )
    return found


def given_to(estimator: Estimator, sample: Sample) -> tuple[Estimator, Variable, Variable] | None:
    """Return what the estimator gets of a sample.

    The clean layer and the noise for sample propagation, the pair for all others; None where
    unsupported.
    """
    if isinstance(estimator, TakesNoise):
        if sample.ids is None or sample.clean is None or sample.sigma is None:
            return None
        return estimator.with_noise(sample.sigma), sample.ids, sample.clean
    return (
        (estimator, sample.a, sample.b)
        if estimator.supports(sample.a.kind, sample.b.kind)
        else None
    )
