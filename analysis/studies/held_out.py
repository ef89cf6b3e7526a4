"""I(Z;Y) on the rows that were trained on and on those that were held out, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infoplane.analysis.estimators.label_bins import labels_seen_by
from infoplane.analysis.measuring.open_run import open_run
from infoplane.analysis.measuring.plane_point import (
    cell_rng,
    cells_of,
    label_variable,
    layer_variable,
)
from infoplane.analysis.measuring.train_test import split_rows
from infoplane.contract import Estimator
from infoplane.errors import InfoplaneError, InputError
from infoplane.types import Estimate

if TYPE_CHECKING:
    from infoplane.archive import Archive


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
    def gap_bits(self) -> float:
        """Train minus held out, in bits: what the layer knows of labels by heart."""
        return self.train.bits - self.test.bits

    def __str__(self) -> str:
        p = "" if self.p is None else f", p {self.p:.3g}"
        return (
            f"step {self.step}, {self.layer}: train {self.train.bits:.4f}, held out "
            f"{self.test.bits:.4f} bits, gap {self.gap_bits:+.4f}{p} ({self.train.estimator})"
        )


def train_and_held_out(
    archive: Archive | str | Path,
    estimators: Sequence[str | Estimator] | str | Estimator = ("knn", "vinfo:family=linear"),
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    divisions: int = 0,
    seed: int = 0,
) -> tuple[BothSides, ...]:
    """Measure I(Z;Y) in bits on equally many ``train`` and ``test`` rows of the probe.

    The larger side gives a random part of its rows, the same at every checkpoint, so that both
    sides have one bias. ``divisions`` random divisions of these rows give the gap a p-value. Cells
    that an estimator refuses are left out.

    Raises:
        InputError: no ``split`` was recorded, no labels, no rows on a side, unknown layers or
            steps, or every cell was refused.
    """
    from infoplane.analysis.estimators.spec import parse

    archive = open_run(archive)
    train, test = split_rows(archive, seed=seed).values()
    y = label_variable(archive)
    if y is None:
        raise InputError(f"{archive.path}: I(Z;Y) needs labels; record with probe=(x, y)")
    chosen = (
        [estimators]
        if isinstance(estimators, str) or not isinstance(estimators, Sequence)
        else list(estimators)
    )
    found, refused = [], ""
    for step, name in cells_of(archive, layers, steps):
        for e in map(parse, chosen):
            z, key = layer_variable(archive, step, name, e), f"{e.name}|sides"
            labels = labels_seen_by(e, y)
            try:
                a, b = (
                    e.estimate(z.take(rows), labels.take(rows), rng=cell_rng(seed, step, name, key))
                    for rows in (train, test)
                )
                gaps = []
                pool, rng = (
                    np.concatenate([train, test]),
                    cell_rng(seed, step, name, key + "|divisions"),
                )
                for _ in range(divisions):
                    order = rng.permutation(pool)
                    halves = (np.sort(order[: len(train)]), np.sort(order[len(train) :]))
                    one, two = (
                        e.estimate(z.take(rows), labels.take(rows), rng=rng).bits for rows in halves
                    )
                    gaps.append(abs(one - two))
                p = (
                    (1 + sum(g >= abs(a.bits - b.bits) - 1e-12 for g in gaps)) / (1 + divisions)
                    if divisions
                    else None
                )
                found.append(BothSides(step, name, a, b, p))
            except InfoplaneError as error:
                refused = f"{name}, {e.name}: {error}"
    if not found:
        raise InputError(
            "no cell has I(Z;Y) on both sides; the last refusal: "
            f"{refused or 'no layer was captured'}"
        )
    return tuple(found)
