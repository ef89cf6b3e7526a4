"""I(Z;Y) on the rows that were trained on and on those that were held out, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.measuring.arguments import (
    Estimators,
    Run,
    estimators_of,
    open_run,
    require_whole,
)
from infoplane.analysis.measuring.freeze import freeze_edges
from infoplane.analysis.measuring.plane_point import cell_rng, finite_cells_of
from infoplane.analysis.measuring.train_test import split_rows
from infoplane.analysis.measuring.variables import label_variable, layer_variable
from infoplane.analysis.resampling.resampled import Resampled, without_error
from infoplane.errors import InfoplaneError, InputError
from infoplane.types import Estimate, Variable
from infoplane.types.arrays import Ids


@dataclass(frozen=True)
class BothSides:
    """I(Z;Y) of one layer and checkpoint on trained-on and on held-out rows.

    Equally many of each, by one estimator.

    Attributes:
        train, test: the estimates, from ``n`` rows each: with fewer rows on one side its bias would
            differ.
        p: share of random divisions of the same rows whose gap is at least as large in absolute
            value; None when none was drawn.
    """

    step: int
    layer: str
    train: Estimate
    test: Estimate
    p: float | None = None

    @property
    def gap_stderr(self) -> float | None:
        """Standard error of the gap, the rows of both sides being independent.

        None where an estimate has none.
        """
        if self.train.stderr is None or self.test.stderr is None:
            return None
        return math.hypot(self.train.stderr, self.test.stderr)

    @property
    def gap_bits(self) -> float:
        """Train minus held out, in bits: what the layer knows of labels by heart."""
        return self.train.bits - self.test.bits

    def __str__(self) -> str:
        error = "" if self.gap_stderr is None else f" +- {self.gap_stderr:.2g}"
        p_value = "" if self.p is None else f", p {self.p:.3g}"
        return (
            f"step {self.step}, {self.layer}: train {self.train.bits:.4f}, held out "
            f"{self.test.bits:.4f} bits, gap {self.gap_bits:+.4f}{error}{p_value} "
            f"({self.train.estimator})"
        )


def train_and_held_out(
    archive: Run,
    estimators: Estimators = ("knn", "vinfo:family=linear"),
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    divisions: int = 0,
    errorbars: int = 0,
    seed: int = 0,
) -> tuple[BothSides, ...]:
    """Measure I(Z;Y) in bits on equally many ``train`` and ``test`` rows of the probe.

    The larger side gives a random part of its rows, the same at every checkpoint, so that both
    sides have one bias. Edges that are frozen over a run come from all rows, so both sides share
    their cells. Cells of the plane that an estimator refuses are left out.

    Args:
        archive: a run recorded with a split, or its path.
        estimators: specs or estimators.
        layers, steps: some of the run's; all by default.
        divisions: random divisions of these rows that give the gap a p-value; 0 for none.
        errorbars: half-sample splits for the standard error of every number that has none of its
            own; 0 for none.
        seed: of the rows, the divisions, and of estimators that draw.

    When it lies: the gap has the bias of neither side only where both have equally many rows of
    every class; a held-out class of few rows moves it. ``exact`` on distinct rows is H(Y) on both
    sides, and its gap says nothing.

    Raises:
        InputError: no ``split`` was recorded, no labels, no rows on a side, unknown layers or
            steps, or every cell was refused.
    """
    require_whole(0, divisions=divisions, errorbars=errorbars, seed=seed)
    archive = open_run(archive)
    train, test = split_rows(archive, seed=seed).values()
    labels = label_variable(archive)
    if labels is None:
        raise InputError(f"{archive.path}: I(Z;Y) needs labels; record with probe=(x, y)")
    frozen = freeze_edges(estimators_of(estimators), archive)
    found, refused = [], ""
    for step, name in finite_cells_of(archive, layers, steps):
        for plain in frozen[name]:
            estimator = Resampled(plain, errorbars)
            layer = layer_variable(archive, step, name, estimator)
            cell = _Cell(estimator, layer, labels_seen_by(estimator, labels), train, test)
            key = f"{estimator.name}|sides"
            generator = partial(cell_rng, seed, step, name, key)
            try:
                on_train = cell.estimate_with_error(train, generator)
                on_test = cell.estimate_with_error(test, generator)
                sides = BothSides(step, name, on_train, on_test)
                rng = cell_rng(seed, step, name, key + "|divisions")
                p_value = cell.chance_of_gap(abs(sides.gap_bits), divisions, rng)
            except InfoplaneError as error:
                refused = f"{name}, {estimator.name}: {error}"
            else:
                found.append(replace(sides, p=p_value))
    if not found:
        raise InputError(
            f"no cell has I(Z;Y) on both sides; the last refusal: "
            f"{refused or 'no layer was captured'}"
        )
    return tuple(found)


@dataclass(frozen=True)
class _Cell:
    """One estimator on one layer and checkpoint, and the rows of both sides, each ``(n,)``."""

    estimator: Resampled
    layer: Variable
    labels: Variable
    train: Ids
    test: Ids

    def estimate(self, rows: Ids, rng: Generator) -> Estimate:
        """Estimate I(Z;Y) on some rows."""
        plain = self.estimator.inner
        return plain.estimate(self.layer.take(rows), self.labels.take(rows), rng=rng)

    def estimate_with_error(self, rows: Ids, generator: Callable[[], Generator]) -> Estimate:
        """Estimate I(Z;Y) on some rows, with a standard error where no half of them is refused."""
        layer, labels = self.layer.take(rows), self.labels.take(rows)
        try:
            return self.estimator.estimate(layer, labels, rng=generator())
        except InputError:  # what refuses all rows does so again
            return without_error(self.estimate(rows, generator()))

    def chance_of_gap(self, gap_bits: float, divisions: int, rng: Generator) -> float | None:
        """Return the share of random divisions of the same rows with as large a gap.

        Args:
            gap_bits: the absolute gap between the sides.
            divisions: how many to draw; none without any.
            rng: of the divisions, and of an estimator that draws.
        """
        if not divisions:
            return None
        pool = np.concatenate([self.train, self.test])
        as_large = 0
        for _ in range(divisions):
            sides = np.split(rng.permutation(pool), [len(self.train)])
            one, other = (self.estimate(np.sort(rows), rng).bits for rows in sides)
            as_large += abs(one - other) >= gap_bits - 1e-12
        return (1 + as_large) / (1 + divisions)
