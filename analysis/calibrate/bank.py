"""The banks: the published ones, and our own with cases to tune on and others kept aside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import chain

from infoplane.analysis.calibrate import (
    bmi_cases,
    bmi_mixtures,
    continuous_cases,
    curve_cases,
    discrete_cases,
    label_cases,
    late_labels,
    late_wide,
    mutinfo_cases,
    network_cases,
    unseen_labels,
    unseen_scalars,
    unseen_tables,
    unseen_vectors,
    wide_cases,
)
from infoplane.analysis.calibrate.case import FAMILIES, Case
from infoplane.errors import InputError
from infoplane.patterns import did_you_mean

_MODULES = (discrete_cases, continuous_cases, label_cases, network_cases)
_UNSEEN = (unseen_tables, unseen_scalars, unseen_vectors, unseen_labels)


def _by_family(cases: Iterable[Sequence[Case]]) -> tuple[Case, ...]:
    """Return the cases of several files, family by family."""
    every = chain.from_iterable(cases)
    return tuple(sorted(every, key=lambda case: FAMILIES.index(case.family)))


CASES = _by_family(module.CASES for module in _MODULES)
"""The bank that our own tuning may look at."""

JUDGES = _by_family(module.JUDGES for module in _MODULES)
"""Cases of the same families, kept aside to judge.

The weights of `knn`'s correction were chosen with their numbers in sight: they do not judge it."""

UNSEEN = _by_family(module.CASES for module in _UNSEEN)
"""Distributions that were written down before any estimator had been run on them."""


@dataclass(frozen=True, eq=False)
class Bank:
    """Cases that are compared with each other.

    Attributes:
        name: as given to ``--bank``.
        cases: in the order of its tables.
        rows: of a draw, as published.
        published: whether its tables are by task and in nats, as those of its authors.
        judges: cases kept aside.
    """

    name: str
    cases: tuple[Case, ...]
    rows: int
    published: bool = True
    judges: tuple[Case, ...] = ()


BANKS = {
    bank.name: bank
    for bank in (
        Bank("own", CASES, 2000, published=False, judges=JUDGES),
        Bank("unseen", UNSEEN, 2000, published=False),
        Bank("curves", curve_cases.CASES, 1000, published=False),
        Bank("late-curves", curve_cases.LATE_CASES, 1000, published=False),
        Bank("late-labels", late_labels.CASES, 300, published=False),
        Bank("bmi", (*bmi_cases.CASES, *bmi_mixtures.CASES), 5000),
        Bank("bmi1", bmi_cases.CASES, 5000),
        Bank("bmi2", bmi_mixtures.CASES, 5000),
        Bank("mutinfo", mutinfo_cases.CASES, 10_000),
        Bank("wide", wide_cases.CASES, 3000),
        Bank("late-wide", late_wide.CASES, 3000),
    )
}


def bank_of(name: str) -> Bank:
    """Return a bank by its name.

    Raises:
        InputError: there is no such bank.
    """
    if name not in BANKS:
        raise InputError(f"no such bank: {name!r}; expected one of {', '.join(BANKS)}")
    return BANKS[name]


def choose(
    names: Sequence[str] | None = None, *, judges: bool = False, bank: str = "own"
) -> tuple[Case, ...]:
    """Return cases by family, name or glob, of a bank or of its judges; all of them by default.

    Args:
        names: families, names or globs; None for all.
        judges: whether those kept aside are meant.
        bank: its name.

    Raises:
        InputError: a name that fits no case, no such bank, or judges of a bank that has none.

    Example:
        >>> [c.name for c in choose(["binary*"])]
        ['binary symmetric channel, flip 0.1']
    """
    source = bank_of(bank)
    if judges and not source.judges:
        raise InputError(f"bank {bank!r} has no cases kept aside; leave judges out")
    pool = source.judges if judges else source.cases
    if not names:
        return pool
    families = dict.fromkeys(case.family for case in pool)
    chosen: set[str] = set()
    for name in names:
        found = {case.name for case in pool if _is_asked_for(case, name)}
        if not found:
            raise InputError(
                f"no such case or family: {name!r}; families are {', '.join(families)}; "
                f"see `infoplane calibrate --bank {bank} --list`"
                f"{did_you_mean(name, [*families, *(case.name for case in pool)])}"
            )
        chosen |= found
    return tuple(case for case in pool if case.name in chosen)


def _is_asked_for(case: Case, name: str) -> bool:
    return name in (case.family, case.name) or fnmatch(case.name, name)
