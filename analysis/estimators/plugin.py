"""Plug-in information of symbols, for these rows or for the population behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from infoplane.analysis.estimators.dependent_rows import without_error_of_rows
from infoplane.analysis.estimators.entropies import (
    CORRECTIONS,
    Correction,
    counts_of,
    entropy_bits,
    information_bits,
    joint_counts,
)
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.estimators.table_errors import table_interval
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Kind, Target, Variable

_TRAITS = Traits(
    family="table",
    keeps_chain=True,
    obeys_bounds=True,
    target="I of the table of counts (these rows) or of the population behind it",
    bound="exact for the rows; none for the population",
    validity="discrete variables; population: several rows per occupied symbol pair",
)


_FEW_ALONE = 10
"""Rows alone in their pair of symbols that never matter."""
_MOST_ALONE = 0.1
"""Share of rows alone in their pair of symbols beyond which corrections are off by more than their
standard error.
"""


@dataclass(frozen=True)
class Plugin(SpecString):
    """Estimate I(A;B) of discrete variables from their table of counts.

    ``H(A) + H(B) - H(A,B)``, each entropy plug-in or corrected
    (`infoplane.analysis.estimators.entropies.entropy_bits` names the sources).

    Attributes:
        target: ``probe-set`` (the rows are everything: no bias, exact) or ``population`` (the rows
            are a sample).
        correction: for a population: ``cwj`` (default there), ``chao-shen``, ``grassberger``,
            ``jackknife``, ``mm``, ``none``.

    When it lies: with about one row per symbol pair, every correction is a guess; see the coverage
    of the estimate.

    Example:
        >>> from infoplane.types import discrete
        >>> Plugin().estimate(discrete([0, 1, 0, 1]), discrete([0, 1, 0, 1])).bits
        1.0
    """

    target: Target = "probe-set"
    correction: Correction | None = None

    _FIRST = "target"
    _AXIS = "I({pair}) [bits], plug-in ({self.target}, {self.used_correction}), N={n}"

    def __post_init__(self) -> None:
        if self.target not in ("probe-set", "population"):
            raise InputError(f"target must be 'probe-set' or 'population', got {self.target!r}")
        if self.correction is not None and self.correction not in CORRECTIONS:
            raise InputError(
                f"no such correction: {self.correction!r}; choose one of {', '.join(CORRECTIONS)}"
            )
        if self.target == "probe-set" and self.correction not in (None, "none"):
            raise InputError(
                "a probe set has no sampling bias: give target='population' with a correction"
            )

    @property
    def traits(self) -> Traits:
        """A corrected number is no longer counted from the table alone.

        It obeys no law by arithmetic.
        """
        plain = self.used_correction == "none"
        return replace(_TRAITS, keeps_chain=plain, obeys_bounds=plain)

    @property
    def used_correction(self) -> Correction:
        """The correction in force."""
        return self.correction or ("cwj" if self.target == "population" else "none")

    def __str__(self) -> str:
        if self.target == "probe-set":
            return "plugin"
        return "plugin:population" + (f",correction={self.correction}" if self.correction else "")

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept symbols only."""
        return a == b == "discrete"

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I(a;b) in bits; for a population with the interval of `table_errors`.

        Args:
            a: shape ``(n, da)``, discrete.
            b: shape ``(n, db)``, discrete.
            rng: not used.

        No interval where more than a tenth of the rows are alone in their pair of symbols: there
        the bias of pairs that never appeared exceeds every error. Elsewhere it reaches as far as
        the correction differs from Chao, Wang & Jost's.

        Raises:
            EstimatorError: a continuous variable.
        """
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"plugin needs discrete variables, got {a.name} {a.kind} and {b.name} {b.kind}; "
                "bin them or use ip.discrete"
            )
        codes_a = codes_of(a)
        codes_b = codes_of(b)
        bits = information_bits(codes_a, codes_b, self.used_correction)
        ceiling = min(entropy_bits(counts_of(codes_a)), entropy_bits(counts_of(codes_b)))
        if self.target == "probe-set":
            return Estimate(bits, a.n, self.name, "exact", ceiling_bits=ceiling)
        stderr, low, high = table_interval(codes_a, codes_b, self.used_correction)
        alone = float((joint_counts(codes_a, codes_b) == 1).sum()) / a.n
        found = Estimate(
            bits,
            a.n,
            self.name,
            stderr=stderr,
            ceiling_bits=ceiling,
            target="population",
            coverage=1 - alone,
        )
        if alone * a.n > max(_FEW_ALONE, _MOST_ALONE * a.n):
            note = (
                f"no interval: {alone:.0%} of the rows are alone in their pair of symbols, the "
                "bias of unseen pairs is unknown"
            )
            return without_error_of_rows(replace(found, notes=(note,)), a, b)
        apart = abs(bits - information_bits(codes_a, codes_b, "cwj"))
        found = replace(found, low=low - apart, high=high + apart)
        return without_error_of_rows(found, a, b)
