"""What may be chosen of a DPI check."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

from infoplane.analysis.measuring.arguments import require_whole
from infoplane.errors import InputError


@dataclass(frozen=True)
class DPISettings:
    """How a plane is judged.

    Attributes:
        alpha: an excess that chance explains at this level (Holm over the pairs of a checkpoint,
            Benjamini-Hochberg over the run) is ``sampling``.
        permutations: draws of the conditional permutation test of I(Z;Y) with codes; 0 leaves
            ``sampling`` and ``bias`` out.
        splits: half-sample splits, for estimators without codes and for the question whether the
            excess shrinks with the rows.
        seed: of both.

    Raises:
        InputError: alpha outside (0, 1), or a number that is not whole or too small.
    """

    alpha: float = 0.05
    permutations: int = 1999
    splits: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.alpha, Real) or not 0 < self.alpha < 1:
            raise InputError(f"alpha is a level between 0 and 1, got {self.alpha!r}")
        require_whole(0, permutations=self.permutations, seed=self.seed)
        require_whole(1, splits=self.splits)
