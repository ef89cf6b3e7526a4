"""Is an excess more than chance, and does it shrink with the rows? The conditional permutation test and paired half-samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.cell import input_variable, label_variable, layer_variable, plane_points
from infoplane.analysis.estimators.entropies import counts_of, information_bits, joint_counts
from infoplane.analysis.kernels.threads import in_order
from infoplane.errors import InfoplaneError
from infoplane.rows import cell_codes, row_codes
from infoplane.types import Estimate, Quantity, Variable

if TYPE_CHECKING:
    from infoplane.analysis.evidence import Evidence
    from infoplane.archive import Archive

Codes = NDArray[np.int64]
_DRAWS = 250
"""Draws of the permutation test that a thread takes at a time."""


def permutation_p(upstream: Codes, downstream: Codes, y: Codes, *, draws: int = 1999, seed: int = 0) -> float:
    """p-value of ``I(T_j;Y) > I(T_i;Y)`` for codes of shape ``(n,)``: T_j against Y shuffled within the strata of T_i.

    On a chain X -> T_i -> T_j the labels say nothing about T_j beyond T_i, so that shuffling them within a stratum changes nothing in
    distribution: ``p = (1 + #{I* >= I}) / (1 + draws)`` is exact at every sampling level (Tsamardinos & Borboudakis 2010; Kim et al. 2022,
    arXiv 2112.11666), where the bootstrap and the plug-in z-test reject up to 100 %.

    Example:
        >>> y = np.arange(40) % 2
        >>> permutation_p(np.zeros(40, np.int64), y, y, draws=99)
        0.01
        >>> permutation_p(y, y, y, draws=99)
        1.0
    """
    from infoplane.analysis.kernels.permutation_compiled import exceedances

    order = np.argsort(upstream, kind="stable")
    starts = np.concatenate([np.flatnonzero(np.diff(upstream[order], prepend=-1)), [len(order)]])
    labels, n_labels = y[order].astype(np.int64), int(y.max()) + 1
    cells = downstream[order].astype(np.int64) * n_labels
    varied = [np.minimum.reduceat(v, starts[:-1]) < np.maximum.reduceat(v, starts[:-1]) for v in (labels, cells)]
    lengths = np.where(varied[0] & varied[1], np.diff(starts), 0)  # elsewhere no shuffle changes the table
    moving = np.repeat(lengths > 0, np.diff(starts))
    table = np.bincount((cells + labels)[~moving], minlength=int(cells.max()) + n_labels)
    starts = np.concatenate([[0], np.cumsum(lengths[lengths > 0])])
    cells, labels = cells[moving], labels[moving]

    def reached(part: range) -> int:
        return int(exceedances(starts, cells, labels, table, part.start, part.stop, seed % 2**31))

    parts = [range(k, min(k + _DRAWS, draws)) for k in range(0, draws, _DRAWS)]
    return (1 + sum(in_order(reached, parts))) / (1 + draws)


def holm(p: Sequence[float], tests: int) -> list[float]:
    """Holm's adjusted p-values of the given ones among ``tests`` comparisons (those not given count as 1).

    Example:
        >>> holm([0.01, 0.04], 3)
        [0.03, 0.08]
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, k in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, p[k] * (tests - rank)))
        adjusted[k] = largest
    return adjusted


def benjamini_hochberg(p: Sequence[float], tests: int) -> list[float]:
    """Adjusted p-values that control the false-discovery rate over ``tests`` comparisons (those not given count as 1).

    Example:
        >>> benjamini_hochberg([0.01, 0.02], 4)
        [0.04, 0.04]
    """
    adjusted, least = [1.0] * len(p), 1.0
    ascending = sorted(range(len(p)), key=p.__getitem__)
    for rank in range(len(p), 0, -1):
        k = ascending[rank - 1]
        least = min(least, p[k] * tests / rank)
        adjusted[k] = least
    return adjusted


@dataclass(frozen=True)
class Chance:
    """What resampling says of one excess: its p-value, standard error and value at half the rows, in bits; None where not computed."""

    p: float
    stderr: float | None
    half_bits: float | None
    corrected_bits: float | None = None


class Resampler:
    """Tests excesses of a plane from its archive; holds the half-samples of one step at a time.

    Args:
        permutations: draws of the permutation test. splits: half-sample splits (two halves each). seed: of both.
    """

    def __init__(self, evidence: Evidence, *, permutations: int, splits: int, seed: int) -> None:
        self.evidence, self.permutations, self.splits, self.seed = evidence, permutations, splits, seed
        self._step: int | None = None
        self._halves: list[NDArray[np.int64]] = []
        self._others: dict[int, dict[str, Codes]] = {}
        self._values: dict[tuple[str, str], dict[tuple[str, str], NDArray[np.float64]] | None] = {}
        archive = evidence.archive
        y = None if archive is None else label_variable(archive)
        self._labels = row_codes(y.values) if y is not None and y.kind == "discrete" else None

    def test(self, step: int, spec: str, quantity: str, sense: str, up: str, down: str, excess: float) -> Chance | None:
        """The evidence on one excess; None where it cannot be resampled (no archive, values gone, too few rows)."""
        archive = self.evidence.archive
        if archive is None:
            return None
        if step != self._step:
            rng = np.random.default_rng([self.seed, step])
            self._step, self._values, self._halves, self._others = step, {}, [], {}
            for _ in range(self.splits):
                order = rng.permutation(archive.n_rows)
                self._halves += [np.sort(order[: len(order) // 2]), np.sort(order[len(order) // 2 :])]
        a, b = self._half_values(step, up, spec), self._half_values(step, down, spec)
        if a is None or b is None or (quantity, sense) not in a or (quantity, sense) not in b:
            return None
        differences = b[quantity, sense] - a[quantity, sense]
        se, half = float(np.std(differences, ddof=1)), float(differences.mean())
        ti, tj = self.evidence.codes(step, up, spec), self.evidence.codes(step, down, spec)
        if ti is not None and tj is not None and quantity == "i_zy" and self._labels is not None:
            y = self._labels
            p = permutation_p(ti, tj, y, draws=self.permutations, seed=self.seed + step)
            return Chance(p, se, half, excess - (_plug_in_bias(tj, y) - _plug_in_bias(ti, y)))
        if ti is not None and quantity == "i_xz":  # entropies of the codes of these very rows: nothing is sampled
            return Chance(0.0, None, half)
        p = 0.5 * math.erfc(excess / se / math.sqrt(2)) if se > 0 else 0.0
        return Chance(p, se, half)

    def _half_values(self, step: int, layer: str, spec: str) -> dict[tuple[str, str], NDArray[np.float64]] | None:
        if (layer, spec) not in self._values:
            try:
                self._values[layer, spec] = self._compute(step, layer, spec)
            except InfoplaneError:
                self._values[layer, spec] = None
        return self._values[layer, spec]

    def _compute(self, step: int, layer: str, spec: str) -> dict[tuple[str, str], NDArray[np.float64]] | None:
        archive, estimator = self.evidence.archive, self.evidence.fitted(spec, layer)
        if archive is None or estimator is None or not archive.has(step, layer):
            return None
        codes = self.evidence.codes(step, layer, spec)
        found: dict[tuple[str, str], list[float]] = {}
        if codes is not None:
            sense = str(getattr(estimator, "sense", "lower" if spec.startswith("bin") else "exact"))
            for k, rows in enumerate(self._halves):
                here = cell_codes(codes[rows][:, None])
                for quantity, other in self._sides(archive, k).items():
                    bits = information_bits(here, other)
                    for each in (sense, "point", "lower", "exact"):
                        found.setdefault((quantity, each), []).append(bits)
            return {key: np.asarray(values[: len(self._halves)]) for key, values in found.items()}
        z = layer_variable(archive, step, layer, estimator)
        others: tuple[Variable | None, ...] = (input_variable(archive, estimator), label_variable(archive))

        def points(k: int) -> list[tuple[Quantity, Estimate]]:
            x, y = (None if v is None else v.take(self._halves[k]) for v in others)
            return plane_points(estimator, x, z.take(self._halves[k]), y, np.random.default_rng([self.seed, step, 1, k]))

        for half in in_order(points, range(len(self._halves))):
            for quantity, e in half:
                found.setdefault((quantity, e.sense), []).append(e.bits)
        return {key: np.asarray(values) for key, values in found.items()}

    def _sides(self, archive: Archive, k: int) -> dict[str, Codes]:
        """Codes of row identities and of labels in half ``k``."""
        if k not in self._others:
            sides = {"i_xz": archive.row_ids, "i_zy": self._labels}
            self._others[k] = {q: cell_codes(v[self._halves[k]][:, None]) for q, v in sides.items() if v is not None}
        return self._others[k]


def _plug_in_bias(t: Codes, y: Codes) -> float:
    """Leading bias of a plug-in I(T;Y) in bits: ``(K_TY - K_T - K_Y + 1) / (2 N ln 2)``."""
    pairs, ts, ys = (int(np.count_nonzero(c)) for c in (joint_counts(t, y), counts_of(t), counts_of(y)))
    return float(pairs - ts - ys + 1) / (2 * len(t) * np.log(2))
