"""What a calibration found.

Every trial, scores by estimator and family, where estimators part, as rows and as a file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from infoplane.analysis.calibrate.case import FAMILIES, Family
from infoplane.analysis.calibrate.page import html_of, shown
from infoplane.errors import InputError
from infoplane.new_file import write_csv, write_text

_APART = 0.1


@dataclass(frozen=True)
class Trial:
    """One estimator on one draw of one case.

    ``bits`` is None where it refused, and ``refusal`` says why.

    Attributes:
        shannon: False for geometric numbers, which have no error against a Shannon truth.
        low_dimensional: whether the interval is held to its nominal coverage.
    """

    case: str
    family: Family
    estimator: str
    n: int
    seed: int
    truth_bits: float
    bits: float | None
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    seconds: float = 0.0
    refusal: str = ""
    shannon: bool = True
    low_dimensional: bool = True

    @property
    def error(self) -> float | None:
        """bits - truth; None where refused, infinite or not Shannon information."""
        if self.bits is None or not self.shannon or not math.isfinite(self.truth_bits):
            return None
        return self.bits - self.truth_bits

    @property
    def covered(self) -> bool | None:
        """Whether the 95 % interval holds the truth; None without an interval or an error."""
        if self.error is None or self.low is None or self.high is None:
            return None
        return self.low <= self.truth_bits <= self.high


@dataclass(frozen=True)
class Score:
    """An estimator on one family or case.

    Attributes:
        bias, error: mean and mean absolute difference from the truth in bits; None where there is
            no truth to differ from.
        stderr: of ``error`` over draws; None there too.
        coverage: share of 95 % intervals that hold the truth, over ``intervals`` low-dimensional
            trials; None without intervals.
        trials, refused: how many were made, and how many of them the estimator refused.
        seconds: mean of a trial.
    """

    estimator: str
    where: str
    bias: float | None
    error: float | None
    stderr: float | None
    coverage: float | None
    intervals: int
    trials: int
    refused: int
    seconds: float


@dataclass(frozen=True)
class Parting:
    """Two estimators of one information that differ by more than chance on a case.

    The lowest and the highest: mean bits of each, and the truth.
    """

    case: str
    low: str
    high: str
    low_bits: float
    high_bits: float
    truth_bits: float

    @property
    def texts(self) -> tuple[str, ...]:
        """The cells of a table: case, truth, the lowest and its bits, the highest and its bits."""
        truth, low, high = (
            f"{bits:.3f}" for bits in (self.truth_bits, self.low_bits, self.high_bits)
        )
        return self.case, truth, self.low, low, self.high, high


@dataclass(frozen=True)
class Coverage:
    """How often intervals hold the truth.

    Attributes:
        rate: share of the intervals.
        trials: how many intervals.
    """

    rate: float
    trials: int

    @property
    def half_width(self) -> float:
        """Half of the rate's own 95 % interval."""
        return 1.96 * math.sqrt(max(self.rate * (1 - self.rate), 1e-4) / self.trials)


@dataclass(frozen=True)
class Calibration:
    """Every trial of a calibration."""

    trials: tuple[Trial, ...]

    @property
    def estimators(self) -> tuple[str, ...]:
        """Specs, in the order given."""
        return tuple(dict.fromkeys(trial.estimator for trial in self.trials))

    @property
    def cases(self) -> tuple[str, ...]:
        """Names of the cases, in the order of the bank."""
        return tuple(dict.fromkeys(trial.case for trial in self.trials))

    def groups(self, by: Callable[[Trial], str]) -> dict[tuple[str, str], list[Trial]]:
        """Return the trials by a key of them and by estimator."""
        found: dict[tuple[str, str], list[Trial]] = {}
        for trial in self.trials:
            found.setdefault((by(trial), trial.estimator), []).append(trial)
        return found

    def scores(self, by: Callable[[Trial], str] = lambda trial: trial.family) -> tuple[Score, ...]:
        """Return scores of every estimator by family, or by any other key of a trial."""
        groups = self.groups(by).items()
        return tuple(_score(estimator, where, trials) for (where, estimator), trials in groups)

    def by_case(self) -> tuple[Score, ...]:
        """Return scores of every estimator on every case."""
        return self.scores(lambda trial: trial.case)

    def of(self, estimator: str, where: str) -> Score:
        """Return the score of an estimator on a family or case.

        Raises:
            InputError: no such trials.
        """
        for score in self.scores() + self.by_case():
            if (score.estimator, score.where) == (estimator, where):
                return score
        raise InputError(
            f"no trials of {estimator!r} on {where!r}; there are {list(self.estimators)} on "
            f"{list(FAMILIES)} and the cases"
        )

    def coverage(self, estimator: str) -> Coverage | None:
        """Return the coverage of an estimator's 95 % intervals on low-dimensional cases.

        None where it gave none.
        """
        own = [trial for trial in self.trials if trial.estimator == estimator]
        held = _held(own)
        return Coverage(sum(held) / len(held), len(held)) if held else None

    def truth_bits(self, case: str) -> float:
        """Return the truth of a case in bits."""
        return next(trial.truth_bits for trial in self.trials if trial.case == case)

    def partings(self) -> tuple[Parting, ...]:
        """Return the cases where point estimators part: one of them is wrong there.

        The lowest and the highest mean differ by more than 0.1 bit and 3 standard errors.
        """
        found = []
        for name in self.cases:
            bits = self._shannon_bits(name)
            if len(bits) < 2:
                continue
            means = {estimator: float(np.mean(values)) for estimator, values in bits.items()}
            low = min(means, key=means.__getitem__)
            high = max(means, key=means.__getitem__)
            errors = [np.std(bits[end]) / math.sqrt(len(bits[end])) for end in (low, high)]
            if means[high] - means[low] > max(_APART, 3 * math.hypot(*errors)):
                truth = self.truth_bits(name)
                found.append(Parting(name, low, high, means[low], means[high], truth))
        return tuple(found)

    def _shannon_bits(self, case: str) -> dict[str, list[float]]:
        """Return the bits that every estimator of Shannon information gave on a case."""
        bits: dict[str, list[float]] = {}
        for trial in self.trials:
            if trial.case == case and trial.bits is not None and trial.shannon:
                bits.setdefault(trial.estimator, []).append(trial.bits)
        return bits

    def rows(self) -> list[dict[str, object]]:
        """Return one row per trial."""
        return [
            asdict(trial) | {"error": trial.error, "covered": trial.covered}
            for trial in self.trials
        ]

    def to_csv(self, path: str | Path) -> Path:
        """Write `rows`; returns the path."""
        rows = self.rows()
        return write_csv(path, list(rows[0]), rows)

    def write_html(self, path: str | Path) -> Path:
        """Write one self-contained page: scores, pictures, cases and partings; returns the path."""
        return write_text(path, html_of(self))

    def __str__(self) -> str:
        lines = [
            f"{'family':18s}{'estimator':30s}{'error':>8s}{'bias':>9s}{'coverage':>10s}"
            f"{'refused':>9s}"
        ]
        for score in sorted(self.scores(), key=lambda score: FAMILIES.index(score.where)):  # type: ignore[arg-type]  # scores by family
            error = shown(score.error, ".4f")
            bias = shown(score.bias, "+.4f")
            coverage = shown(score.coverage, ".1%")
            lines.append(
                f"{score.where:18s}{score.estimator:30s}{error:>8s}{bias:>9s}{coverage:>10s}"
                f"{score.refused:>6d}/{score.trials}"
            )
        return "\n".join(lines)


def _held(trials: Iterable[Trial]) -> list[bool]:
    """Return of every interval of low-dimensional cases whether it holds the truth."""
    covered = [trial.covered for trial in trials if trial.low_dimensional]
    return [held for held in covered if held is not None]


def _score(estimator: str, where: str, trials: Sequence[Trial]) -> Score:
    errors = np.array([trial.error for trial in trials if trial.error is not None])
    sizes = np.abs(errors)
    held = _held(trials)
    known = len(errors) > 0
    return Score(
        estimator,
        where,
        float(errors.mean()) if known else None,
        float(sizes.mean()) if known else None,
        float(sizes.std(ddof=1) / np.sqrt(len(sizes))) if len(sizes) > 1 else None,
        float(np.mean(held)) if held else None,
        len(held),
        len(trials),
        sum(trial.bits is None for trial in trials),
        float(np.mean([trial.seconds for trial in trials])),
    )
