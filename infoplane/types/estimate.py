"""One number with all that is needed to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.types.text import printable

Unit = Literal["bits", "none"]
Sense = Literal["point", "lower", "upper", "exact"]
Bound = Literal["lower", "upper", "exact", "none", "difference of bounds"]
Target = Literal["probe-set", "population"]
_UNITS, _BOUNDS = get_args(Unit), get_args(Bound)
Quantity = Literal["i_xz", "i_zy"]


@dataclass(frozen=True)
class Null:
    """What an estimator reports about shuffled labels, in bits.

    No estimate of anything, never to be subtracted.

    Attributes:
        mean: mean over the draws.
        low, high: 2.5 and 97.5 % quantiles.
        draws: permutations.
        p: ``(1 + #{null >= value}) / (1 + draws)``.
    """

    mean: float
    low: float
    high: float
    p: float
    draws: int

    def __str__(self) -> str:
        return (
            f"label permutation null: mean {self.mean:.4g}, 95 % band {self.low:.4g} to "
            f"{self.high:.4g}, p {self.p:.3g} ({self.draws} draws)"
        )


def bound_of_sense(sense: str) -> Bound:
    """Return the bound that a sense implies."""
    bounds: dict[str, Bound] = {"lower": "lower", "upper": "upper", "exact": "exact"}
    return bounds.get(sense, "none")


def _float_of(bits: object, estimator: str) -> float:
    """Return a number of bits as a float.

    Raises:
        InputError: it is no real number.
    """
    try:
        if isinstance(bits, str):
            raise TypeError("a text")
        return float(bits)  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{estimator}: an estimate must be one number of bits, got {bits!r}"
        ) from error


def saturation_width(ceiling_bits: float) -> float:
    """Return how far below its ceiling a value is saturated: half a bit, or 5 % where less.

    Example:
        >>> saturation_width(12.0), saturation_width(8.0)
        (0.5, 0.4)
    """
    return min(0.5, 0.05 * ceiling_bits)


@dataclass(frozen=True)
class Estimate:
    """One number with everything needed to read it honestly. Never clipped.

    Attributes:
        bits: the value, in bits (dimensionless where ``unit`` says so); negative values are
            legitimate.
        n: rows it was made from.
        estimator: spec string of the estimator that made it (``str(estimator)``).
        sense: ``exact`` | ``point`` | ``lower`` | ``upper``: tells the curves of one estimator
            apart.
        low, high: 95 % interval in bits, where one was computed.
        stderr: standard error in bits, where one was computed.
        ceiling_bits: the largest value the estimator could have returned here.
        target: what it is an estimate of: these very rows (``probe-set``) or the ``population``
            behind them.
        coverage: 1 - share of rows alone in their cell, for estimators with cells.
        notes: short warnings that must travel with the number; sentences for people, never read by
            the program.
        bound: what the number bounds: ``lower``, ``upper``, ``exact``, ``none`` or ``difference of
            bounds``; left out, what the sense says.
        unit: ``bits``, or ``none`` for a dimensionless number, which no law of bits concerns.
        null: what the estimator says about shuffled labels, where they were drawn.
    """

    bits: float
    n: int
    estimator: str
    sense: Sense = "point"
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    ceiling_bits: float | None = None
    target: Target = "probe-set"
    coverage: float | None = None
    notes: tuple[str, ...] = ()
    bound: Bound | None = None
    unit: Unit = "bits"
    null: Null | None = None

    def __post_init__(self) -> None:
        if type(self.bits) is not float:  # a NumPy or torch scalar
            object.__setattr__(self, "bits", _float_of(self.bits, self.estimator))
        if not math.isfinite(self.bits):
            raise InputError(
                f"{self.estimator}: an estimate must be a finite number of bits, got {self.bits}; "
                "raise EstimatorError instead"
            )
        if self.n < 1:
            raise InputError(
                f"{self.estimator}: an estimate comes from at least one row, got n={self.n}"
            )
        if isinstance(self.notes, str):
            raise InputError(f"{self.estimator}: notes are a tuple of texts, got {self.notes!r}")
        if self.sense not in ("point", "lower", "upper", "exact"):
            raise InputError(
                f"{self.estimator}: sense must be point, lower, upper or exact, got {self.sense!r}"
            )
        if self.target not in ("probe-set", "population"):
            raise InputError(
                f"{self.estimator}: target must be 'probe-set' or 'population', got {self.target!r}"
            )
        if self.bound is None:
            object.__setattr__(self, "bound", bound_of_sense(self.sense))
        if self.bound not in _BOUNDS or self.unit not in _UNITS:
            raise InputError(
                f"{self.estimator}: bound must be one of {_BOUNDS} and unit one of "
                f"{_UNITS}, got {self.bound!r} and {self.unit!r}"
            )

    @property
    def saturated(self) -> bool:
        """Whether the value is at its ceiling, or over half of the rows are alone in their cell.

        At its ceiling means within 0.5 bit or 5 %.
        """
        if self.coverage is not None and self.coverage < 0.5:
            return True
        ceiling = self.ceiling_bits
        if ceiling is None or ceiling <= 0:
            return False
        return self.bits > ceiling - saturation_width(ceiling)

    def with_error(self, stderr: float) -> Estimate:
        """Return the estimate with its standard error in bits and its normal 95 % interval.

        Example:
            >>> str(Estimate(1.0, 100, "noisy").with_error(0.1))
            '1 bits (noisy, point, n=100, probe-set, 95% [0.804, 1.196])'
        """
        reach = 1.96 * stderr
        return replace(self, stderr=stderr, low=self.bits - reach, high=self.bits + reach)

    def __str__(self) -> str:
        unit = "bits " if self.unit == "bits" else ""
        text = f"{self.bits:.4g} {unit}({self.estimator}, {self.sense}, n={self.n}, {self.target}"
        if self.low is not None and self.high is not None:
            text += f", 95% [{self.low:.4g}, {self.high:.4g}]"
        elif self.stderr is not None:
            text += f", se {self.stderr:.2g}"
        if self.ceiling_bits is not None:
            text += f", ceiling {self.ceiling_bits:.4g}"
        if self.saturated:
            text += ", SATURATED"
        return text + ")" + "".join(f"; {printable(note, 300)}" for note in self.notes)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """Return a JSON-ready form; `Estimate.from_dict` reads it back."""
        return {**vars(self), "null": None if self.null is None else dict(vars(self.null))}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Estimate:  # Any: JSON
        """Return an estimate from `to_dict`'s form, also from one without the later fields.

        Raises:
            TypeError: an unknown key, or a null that is none.
            InputError: a value that no estimate has.
        """
        fields = {**stored, "notes": tuple(stored.get("notes", ()))}
        if fields.get("null") is not None:
            fields["null"] = Null(**fields["null"])
        return cls(**fields)

    def _repr_html_(self) -> str:
        import html

        return f"<code>{html.escape(str(self))}</code>"


def entropy_of_counts(counts: Sequence[int] | NDArray[np.integer]) -> float:
    """Return the plug-in entropy in bits of a table of counts: ``-sum p log2 p``.

    Example:
        >>> entropy_of_counts([1, 1, 2])
        1.5
    """
    different, times = np.asarray(counts), np.ones(1, np.int64)
    integers = different.size > 64 and different.dtype.kind == "i" and different.min() >= 0
    if integers and 0 < different.max() < 2 * different.size:  # one logarithm for each
        every = np.bincount(different)
        different = np.flatnonzero(every[1:]) + 1
        times = every[different]
    else:
        different = different[different > 0]
    if different.size == 0:
        raise InputError("expected at least one positive count")
    rows = (different * times).astype(np.float64)
    n = rows.sum()
    return float(np.log2(n) - (rows @ np.log2(different)) / n)
