"""Run estimators over cases with known information."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
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
    parsed = {_label(estimator): estimator for estimator in map(parse, estimators)}
    todo = [(case, seed) for seed, case in product(draws, chosen)]
    trial_log = None if log is None else TrialLog(log, errorbars)
    settings = _Settings(parsed, n, errorbars, trial_log)
    found = list(chain.from_iterable(_work(todo, settings, workers, progress)))
    if not found:
        names = [case.name for case in chosen]
        raise InputError(f"none of {list(parsed)} supports the kinds of {names}")
    order = {case.name: place for place, case in enumerate(chosen)}
    return Calibration(tuple(sorted(found, key=lambda trial: order[trial.case])))


@dataclass(frozen=True, eq=False)
class _Settings:
    """What is done with every draw of a case.

    Attributes:
        estimators: by the name of their trials.
        n: rows of a draw.
        errorbars: half-sample splits.
        log: of the trials that are known; None for none.
    """

    estimators: dict[str, Estimator]
    n: int
    errorbars: int
    log: TrialLog | None


def _label(estimator: Estimator) -> str:
    """Return the spec; for sample propagation without its noise, which is that of the case."""
    return prefix_of(estimator) if isinstance(estimator, TakesNoise) else estimator.name


def _cases(cases: Sequence[str | Case] | None, judges: bool, bank: str) -> tuple[Case, ...]:
    if cases is None:
        return choose(judges=judges, bank=bank)
    names = [case for case in cases if isinstance(case, str)]
    found = choose(names, judges=judges, bank=bank) if names else ()
    return (*found, *(case for case in cases if isinstance(case, Case)))


def _work(
    todo: Sequence[tuple[Case, int]], settings: _Settings, workers: int, progress: bool
) -> Iterator[list[Trial]]:
    """Yield the trials of every draw.

    Args:
        todo: cases and seeds.
        settings: of all draws.
        workers: threads.
        progress: whether a bar is shown.
    """
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=max(1, workers), prefer="threads", return_as="generator")
    work = parallel(delayed(_logged_trials)(case, seed, settings) for case, seed in todo)
    if not progress:
        yield from work
        return
    from rich.progress import track

    yield from track(work, description="calibrating", total=len(todo), transient=True)


def _logged_trials(case: Case, seed: int, settings: _Settings) -> list[Trial]:
    """Return every estimator on one draw; those that the log knows are taken from it."""
    log = settings.log
    found = {} if log is None else dict(log.known(case.name, settings.n, seed))
    missing = {spec: one for spec, one in settings.estimators.items() if spec not in found}
    made = _trials(case, seed, settings, missing) if missing else []
    if log is not None:
        log.append(made)
    found |= {trial.estimator: trial for trial in made}
    return [found[spec] for spec in settings.estimators if spec in found]


def _trials(
    case: Case, seed: int, settings: _Settings, estimators: dict[str, Estimator]
) -> list[Trial]:
    """Return some estimators on one draw."""
    sample = case.sample(settings.n, seed)
    found = []
    for spec, estimator in estimators.items():
        given = given_to(estimator, sample)
        if given is None:
            continue
        chosen, a, b = given
        seeds = [seed, settings.n, zlib.crc32(spec.encode()), zlib.crc32(case.name.encode())]
        trial = Trial(
            case.name,
            case.family,
            spec,
            settings.n,
            seed,
            case.bits,
            None,
            shannon=chosen.traits.measures != "other",
            low_dimensional=case.low_dimensional,
        )
        if settings.errorbars:
            chosen = Resampled(chosen, settings.errorbars)
        start = time.perf_counter()
        try:
            got = chosen.estimate(a, b, rng=np.random.default_rng(seeds))
        except InfoplaneError as error:
            trial = replace(trial, refusal=str(error))
        else:
            trial = replace(trial, bits=got.bits, low=got.low, high=got.high, stderr=got.stderr)
        found.append(replace(trial, seconds=time.perf_counter() - start))
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
    if not estimator.supports(sample.a.kind, sample.b.kind):
        return None
    return estimator, sample.a, sample.b
