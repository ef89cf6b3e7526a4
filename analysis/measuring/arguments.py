"""Arguments as people give them in Python, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from numbers import Integral
from pathlib import Path
from typing import TypeAlias, TypeVar

from infoplane.analysis.estimators.spec import parse
from infoplane.archive import Archive, open_archive
from infoplane.contract import Estimator
from infoplane.errors import InputError
from infoplane.patterns import did_you_mean
from infoplane.types import Variable

Item = TypeVar("Item", int, str)
Estimators: TypeAlias = Sequence[str | Estimator] | str | Estimator
"""Specs or estimators, one or several."""
Run: TypeAlias = Archive | str | Path
"""A run: an open archive, or the path of one."""


def open_run(run: Run) -> Archive:
    """Return the archive; a path is opened.

    Raises:
        InputError: neither an archive nor a path.
        NotAnArchive, VersionError, DamagedArchive: nothing that can be read lies at the path.
    """
    if isinstance(run, str | Path):
        return open_archive(run)
    if not isinstance(run, Archive):
        raise InputError(
            f"expected an archive, or the path of a run, got {type(run).__name__}: record one, or "
            "make it from arrays by ip.from_arrays"
        )
    return run


def step_of(archive: Archive, step: int | None = None) -> int:
    """Return a captured step, the last when left out.

    Raises:
        InputError: a run without steps, or no such step.
    """
    if not archive.steps:
        raise InputError(
            f"{archive.path}: no captured steps yet; run the training loop with a Recorder first"
        )
    if step is None:
        return archive.steps[-1]
    if step not in archive.steps:
        raise InputError(f"no such step: {step}; the archive has {list(archive.steps)}")
    return step


def estimators_of(given: Estimators) -> list[Estimator]:
    """Return the estimators that someone names, one or several, each of them once.

    Raises:
        InputError: none, an unknown one, or two different ones of one name: their numbers could not
            be told apart.
    """
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not several:
        raise InputError(
            "expected at least one estimator, for example 'bin:szt'; see `infoplane estimators`"
        )
    chosen = list({repr(estimator): estimator for estimator in map(parse, several)}.values())
    by_name: dict[str, Estimator] = {}
    for estimator in chosen:
        if not isinstance(estimator.name, str) or not estimator.name:
            raise InputError(f"an estimator's name is a text, got {estimator.name!r}")
        other = by_name.setdefault(estimator.name, estimator)
        if other is not estimator:
            raise InputError(
                f"two estimators are called {estimator.name!r}: {other!r} and {estimator!r}; their "
                "numbers could not be told apart"
            )
    return chosen


def require_whole(least: int, **given: object) -> None:
    """Refuse what is no whole number from ``least`` up, by the name of its argument.

    Example:
        >>> require_whole(0, seed=-1)
        Traceback (most recent call last):
        ...
        infoplane.errors.InputError: seed: expected a whole number from 0 up, got -1
    """
    for name, value in given.items():
        if not isinstance(value, Integral) or value < least:
            raise InputError(f"{name}: expected a whole number from {least} up, got {value!r}")


def require_known(what: str, wanted: Sequence[Item] | None, known: Sequence[Item]) -> None:
    """Refuse layers or steps that a run does not have; None stands for all.

    Args:
        what: ``layers`` or ``steps``.
        wanted: what is asked for.
        known: what the run has.
    """
    if wanted is None:
        return
    is_list = isinstance(wanted, Collection) and not isinstance(wanted, str)
    if not is_list or not len(wanted):
        raise InputError(f"expected a list of {what}, such as {list(known[:2])}, got {wanted!r}")
    unknown = [item for item in wanted if item not in known]
    if unknown:
        alike = isinstance(unknown[0], str if what == "layers" else Integral)
        hint = did_you_mean(str(unknown[0]), list(map(str, known))) if alike else ""
        raise InputError(f"no such {what}: {unknown}; the archive has {list(known)}{hint}")


def require_variables(*given: object) -> None:
    """Refuse arrays where variables are wanted, which know whether they are symbols or amounts."""
    for one in given:
        if not isinstance(one, Variable):
            raise InputError(
                "expected variables, made by ip.discrete or ip.continuous, got "
                f"{type(one).__name__}"
            )
