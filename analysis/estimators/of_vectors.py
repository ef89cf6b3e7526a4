"""Which kinds of variables an estimator of vectors takes, and what it says to others."""

from __future__ import annotations

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.errors import EstimatorError
from infoplane.types import Kind, Variable


class OfVectors(SpecString):
    """An estimator of two vectors, or of a vector and symbols."""

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept at least one continuous variable."""
        return "continuous" in (a, b)

    def require_supported(self, a: Variable, b: Variable) -> None:
        """Refuse two discrete variables, and rows that are not paired.

        Raises:
            EstimatorError: what they are, and what to use.
        """
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: {a.name} and {b.name} are both discrete; use plugin:population"
            )
        same_rows(a, b, self.name)


class OfVectorAndSymbols(SpecString):
    """An estimator of one vector and symbols.

    Attributes:
        _TAKES: what it expects, for errors.
    """

    _TAKES = "one continuous variable (the layer) and one discrete (row ids or labels)"

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept one continuous variable and one discrete."""
        return {a, b} == {"continuous", "discrete"}

    def vector_and_symbols(self, a: Variable, b: Variable) -> tuple[Variable, Variable]:
        """Return the continuous and the discrete one of two paired variables.

        Raises:
            EstimatorError: two of one kind, unpaired rows, or a single row.
        """
        if not self.supports(a.kind, b.kind):
            raise EstimatorError(
                f"{self.name}: expected {self._TAKES}, got {a.name} {a.kind} and {b.name} {b.kind}"
            )
        same_rows(a, b, self.name)
        return (a, b) if a.kind == "continuous" else (b, a)
