"""Estimate the information of wide layers: compress, predict held-out rows, or refuse."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from infoplane.analysis.estimators.copies import without_copies, without_repeats
from infoplane.analysis.estimators.dependent_rows import (
    FEWEST_SAMPLES,
    copies_as_samples,
    count_of,
    label_of_sample,
    samples_of,
)
from infoplane.analysis.estimators.entropies import LN2, counts_of, entropy_bits
from infoplane.analysis.estimators.ksg import CONSTANT
from infoplane.analysis.estimators.neighbour_rows import symbol_entropy
from infoplane.analysis.estimators.of_vectors import OfVectors
from infoplane.analysis.estimators.wide_features import Scores, principal_scores
from infoplane.analysis.estimators.wide_pairs import BOOKS, largest_sides, link, read_blocks
from infoplane.analysis.estimators.wide_readings import (
    Folds,
    Reading,
    deal_folds,
    left_over_bits,
    read_gaussian,
    read_labels,
)
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Codes, Ids

_FEWEST_ROWS = 500
_ROWS_PER_CLASS = 20
_MOST_LEFT = 2.0
"""Times ``growth``: rows that lie in a wrong block alone share up to 0.2 bit within blocks."""
_MOST_GROWTH = 1 / 3
"""Share of what two layers are seen to share that a doubling of the rows may have brought."""
_CLEAR_OF_ZERO = 0.03
"""Bits below which a reading may be chance, and its growth tells nothing."""
_CLEAR_NATS = 67.0
"""Times one over the rows: the least information that is clear on the inner rows of a fold."""
_CLEAR_NATS_OF_LAYERS = 200.0
"""The same of two layers: what ten classes must share to be worth their table and their codes."""


@dataclass(frozen=True)
class Wide(OfVectors):
    """Estimate I(Z;Y) or I(X;Z) of layers of tens to thousands of units by held-out prediction.

    Each layer is compressed to at most 64 principal scores and to the directions in which it agrees
    with the other variable. Labels are predicted from these by neighbours, a logistic fit and a
    table of what follows the label that neighbours name. Two layers are coded each by itself, and
    their codes are merged into the blocks that the pairs support (`merge_codes`); beside that
    stands the log ratio of normal densities. All is cross-fitted, so that each reading is a lower
    bound in expectation, and 0 without dependence; the largest is taken. What twice as many
    training rows brought is added once more, for the loss that is left shrinks as one over the
    rows. The sum is an estimate; the reading without it, which the notes name, is the bound.

    Refused, with the lower bound in the message, is a number that the held-out rows do not support:
    where twice as many rows bring more than ``growth`` bits, or a third of all that two layers are
    seen to share; where the blocks are as many as codes can show; or where the layers still share
    twice ``growth`` within the blocks.

    Attributes:
        growth: most bits that a doubling of the rows may bring.

    When it lies: too low, for two layers whose rows show their classes to no fit (0.05 to 0.1 bit
    of digits, as one who knows the classes) or that share more than a few dozen classes, and for
    dependence that neither classes nor canonical directions show; too high, of labels, for copies
    of a row on both sides of a fold where not all rows come equally often.

    Example:
        >>> from infoplane.types import continuous, discrete
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(0, 4, 1000)
        >>> z = 3 * np.eye(4)[y] @ rng.normal(size=(4, 100)) + rng.normal(size=(1000, 100))
        >>> round(Wide().estimate(continuous(z), discrete(y)).bits, 1)
        2.0
    """

    growth: float = 0.15

    _FIRST = "growth"
    _PREFIX = "wide"
    _AXIS = "I({pair}) [bits], {self}, held out, N={n}"
    traits = Traits(
        family="variational",
        tolerance_bits=0.1,
        x_as="values",
        target="Shannon MI of the population, read on held-out rows",
        bound="none; its held-out part, in the notes, is a lower bound in expectation",
        validity=(
            "500 rows and more, tens to thousands of units; classes or canonical directions; "
            "refuses where held-out rows do not support a number"
        ),
    )

    def __post_init__(self) -> None:
        if not self.growth > 0:
            raise InputError(f"growth is above 0 bits, got {self.growth}")

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """I(a;b) in bits. ``rng`` deals out the folds; seed 0 without.

        Raises:
            EstimatorError: two discrete variables, fewer than 500 rows or than 20 a class, or a
                number that the held-out rows do not support.
        """
        self.require_supported(a, b)
        if any((v.values == v.values[0]).all() for v in (a, b)):
            return Estimate(
                0.0,
                a.n,
                self.name,
                ceiling_bits=symbol_entropy(a, b),
                target="population",
                notes=(CONSTANT,),
            )
        n = a.n
        a, b, copied = without_copies(a, b)
        if a.kind == b.kind:
            a, b, repeated = without_repeats(a, b)
            copied += repeated
        a, b, upsampled = copies_as_samples(a, b)
        copied += upsampled
        if a.n < _FEWEST_ROWS:
            raise EstimatorError(
                f"{self.name}: expected at least {_FEWEST_ROWS} rows to hold some out, got {a.n}; "
                "use knn:k=5 on few units, or more probe rows"
            )
        samples = samples_of(a, b)
        if samples is not None and count_of(samples) < FEWEST_SAMPLES:
            few = f"{count_of(samples)} samples are fewer than {FEWEST_SAMPLES}"
            copied.append(f"{few}: what is held out is of samples that were fitted on")
            samples = None
        rng = np.random.default_rng(0) if rng is None else rng
        folds = deal_folds(a.n, samples, rng)
        if "discrete" in (a.kind, b.kind):
            layer, labels = (a, b) if b.kind == "discrete" else (b, a)
            found = self._of_labels(layer, labels, folds, samples)
        else:
            found = self._of_layers(a, b, folds, samples)
        return replace(found, n=n, notes=(*copied, *found.notes))

    def _of_labels(
        self, layer: Variable, labels: Variable, folds: Folds, samples: Codes | None
    ) -> Estimate:
        """Estimate I(Z;Y).

        Args:
            layer: n rows.
            labels: of these rows.
            folds: of the rows.
            samples: that rows are positions of, shape ``(n,)``; None where folds split samples.
        """
        codes = codes_of(labels)
        counts = counts_of(codes)
        if layer.n < _ROWS_PER_CLASS * len(counts):
            raise EstimatorError(
                f"{self.name}: expected at least {_ROWS_PER_CLASS} rows for each symbol of "
                f"{labels.name}, got {layer.n} rows of {len(counts)} symbols"
            )
        reading = read_labels(principal_scores(layer.values), codes, folds)
        self._require_settled(reading)
        independent = layer.n
        if samples is not None and label_of_sample(labels):
            independent = count_of(samples)
        unseen_bits = _CLEAR_NATS / independent / LN2
        return self._estimate(reading, samples, unseen_bits, ceiling_bits=entropy_bits(counts))

    def _of_layers(self, a: Variable, b: Variable, folds: Folds, samples: Codes | None) -> Estimate:
        """Estimate I(X;Z); the arguments are as in `_of_labels`."""
        first, second = principal_scores(a.values), principal_scores(b.values)
        readings = (
            read_gaussian(first.white, second.white, folds),
            read_blocks(first, second, folds),
        )
        best = max(readings, key=lambda reading: reading.lower_bits)
        self._require_settled(best)
        if best.bits > _CLEAR_OF_ZERO and best.growth > _MOST_GROWTH * best.lower_bits:
            raise self._refusal(
                best, f"{best.growth:.2f} of these bits came with the last doubling of the rows"
            )
        if best is not readings[0] or not best.full.any():
            fold = folds[0][0]
            every_row = np.concatenate([fold.train, fold.tested])  # in random order
            self._require_nothing_left(best, first, second, every_row)
        unseen_bits = _CLEAR_NATS_OF_LAYERS / a.n / LN2
        return self._estimate(best, samples, unseen_bits)

    def _require_settled(self, reading: Reading) -> None:
        if reading.growth > self.growth:
            raise self._refusal(
                reading, f"twice as many rows brought {reading.growth:.2f} bits, and more may come"
            )

    def _require_nothing_left(
        self, reading: Reading, first: Scores, second: Scores, rows: Ids
    ) -> None:
        linked = link(first, second, largest_sides(first, second), rows)
        blocks = max(int(labels.max()) + 1 for labels in linked.labels)
        if 2 * blocks > BOOKS[-1]:
            raise self._refusal(
                reading, f"the pairs support {blocks} classes, and more than {BOOKS[-1]} may exist"
            )
        left = left_over_bits(first.white, second.white, linked.labels)
        if left > _MOST_LEFT * self.growth:
            raise self._refusal(
                reading, f"within the classes the layers share {left:.2f} bits and more"
            )

    def _refusal(self, reading: Reading, reason: str) -> EstimatorError:
        shown = f"the information is at least {reading.lower_bits:.2f} bits"
        if reading.lower_bits <= 0:
            shown = "the held-out rows show no information"
        return EstimatorError(
            f"{self.name}: {reason}; {shown} (held out, by {reading.name}); use more probe rows"
        )

    def _estimate(
        self,
        reading: Reading,
        samples: Codes | None,
        unseen_bits: float,
        ceiling_bits: float | None = None,
    ) -> Estimate:
        """Return the estimate of a reading that the held-out rows support.

        Args:
            reading: of n rows.
            samples: as in `_of_labels`.
            unseen_bits: the least information that is clear in these rows.
            ceiling_bits: entropy of the labels, of labels.
        """
        n = reading.full.shape[1]
        notes = [
            f"held out: {reading.lower_bits:.3f} bits by {reading.name}; "
            f"twice as many rows brought {reading.growth:+.3f}"
        ]
        untold = float((reading.full == 0).mean())  # share of rows whose folds told nothing
        if untold:
            of_classes = "of ten classes, " if ceiling_bits is None else ""
            notes.append(f"{of_classes}less than {unseen_bits:.2f} bits are not seen in {n} rows")
        return Estimate(
            reading.bits,
            n,
            self.name,
            stderr=float(np.hypot(reading.stderr(samples), untold * unseen_bits / 1.96)),
            ceiling_bits=ceiling_bits,
            target="population",
            notes=tuple(notes),
        )
