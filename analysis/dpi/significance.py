"""Is an excess more than chance, and does it shrink with the rows?

The conditional permutation test and paired half-samples.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import infoplane
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.estimators.copies import first_of_every
from infoplane.analysis.estimators.entropies import counts_of, information_bits, joint_counts
from infoplane.analysis.kernels.threads import in_order
from infoplane.analysis.measuring.measure import result_log
from infoplane.analysis.measuring.plane_point import points_of_rows
from infoplane.analysis.measuring.records import Record, identity_of, task_of
from infoplane.analysis.measuring.variables import (
    copies_in_probe,
    groups_in_probe,
    input_variable,
    label_variable,
    layer_variable,
    samples_in_probe,
)
from infoplane.analysis.resampling.half_samples import (
    balanced_halves,
    halves_from_one_pass,
    rows_of_halves,
)
from infoplane.contract import Estimator, Points
from infoplane.errors import ArchiveError, InfoplaneError
from infoplane.rows import cell_codes, row_codes
from infoplane.types.arrays import Codes, Floats, Ids, Mask

if TYPE_CHECKING:
    from infoplane.analysis.dpi.evidence import Evidence

Cell = tuple[int, str, str]
"""Step, layer and estimator."""
Halves = dict[tuple[str, str], Floats]
"""Bits of every half, by quantity and sense; codes have one information, whatever sense its points
have: theirs is empty.
"""
DRAWS_AT_ONCE = 250
"""Draws of the permutation test that a thread takes at a time."""


def permutation_p(
    upstream: Codes, downstream: Codes, y: Codes, *, draws: int = 1999, seed: int = 0
) -> float:
    """Return the p-value of ``I(T_j;Y) > I(T_i;Y)``: T_j against Y shuffled within strata of T_i.

    On a chain X -> T_i -> T_j the labels say nothing about T_j beyond T_i, so that shuffling them
    within a stratum changes nothing in distribution: ``p = (1 + #{I* >= I}) / (1 + draws)`` is
    exact at every sampling level (Tsamardinos & Borboudakis 2010; Kim et al. 2022, arXiv
    2112.11666), where the bootstrap and the plug-in z-test reject up to 100 %.

    Args:
        upstream, downstream, y: codes of T_i, T_j and Y, each of shape ``(n,)``.
        draws: shuffles.
        seed: of the shuffles.

    Example:
        >>> y = np.arange(40) % 2
        >>> permutation_p(np.zeros(40, np.int64), y, y, draws=99)
        0.01
        >>> permutation_p(y, y, y, draws=99)
        1.0
    """
    from infoplane.analysis.kernels.permutation_compiled import exceedances

    order = np.argsort(upstream, kind="stable")
    firsts = np.flatnonzero(np.diff(upstream[order], prepend=-1))  # of each symbol upstream
    sizes = np.diff(firsts, append=len(order))
    labels, n_labels = y[order].astype(np.int64), int(y.max()) + 1
    cells = downstream[order].astype(np.int64) * n_labels
    # elsewhere no shuffle changes the table
    varied = _varies(labels, firsts) & _varies(cells, firsts)
    moving = np.repeat(varied, sizes)
    table = np.bincount((cells + labels)[~moving], minlength=int(cells.max()) + n_labels)
    starts = np.concatenate([[0], np.cumsum(sizes[varied])])
    cells, labels = cells[moving], labels[moving]

    def reached(part: range) -> int:
        return int(exceedances(starts, cells, labels, table, part.start, part.stop, seed % 2**31))

    every = range(draws)
    parts = [every[first : first + DRAWS_AT_ONCE] for first in every[::DRAWS_AT_ONCE]]
    return (1 + sum(in_order(reached, parts))) / (1 + draws)


def _varies(values: Codes, firsts: NDArray[np.intp]) -> Mask:
    """Return which groups of consecutive values hold more than one, by where each begins."""
    return np.minimum.reduceat(values, firsts) < np.maximum.reduceat(values, firsts)


def holm(p: Sequence[float], tests: int) -> list[float]:
    """Return Holm's adjusted p-values of these among ``tests`` comparisons.

    The others count as 1.

    Example:
        >>> holm([0.01, 0.04], 3)
        [0.03, 0.08]
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, p[index] * (tests - rank)))
        adjusted[index] = largest
    return adjusted


def benjamini_hochberg(p: Sequence[float], tests: int) -> list[float]:
    """Return p-values adjusted for the false-discovery rate over ``tests``; others count as 1.

    Example:
        >>> benjamini_hochberg([0.01, 0.02], 4)
        [0.04, 0.04]
    """
    adjusted, least = [1.0] * len(p), 1.0
    ascending = sorted(range(len(p)), key=p.__getitem__)
    for rank in range(len(p), 0, -1):
        index = ascending[rank - 1]
        least = min(least, p[index] * tests / rank)
        adjusted[index] = least
    return adjusted


@dataclass(frozen=True)
class Chance:
    """What resampling says of one excess.

    Its p-value, standard error and value at half the rows, in bits; None where not computed.
    """

    p: float
    stderr: float | None
    half_bits: float | None
    corrected_bits: float | None = None


class Resampler:
    """Tests excesses of a plane from its archive.

    Estimates of halves are results like any other: `keep` adds them to those of the run, in a log
    of their own, and nobody makes them again.
    """

    def __init__(self, evidence: Evidence, settings: DPISettings) -> None:
        self.evidence, self.settings = evidence, settings
        self._step: int | None = None
        self._sides: list[tuple[Ids, dict[str, Codes]]] = []
        self._values: dict[Cell, Halves | None] = {}
        self._fresh: dict[str, Record] = {}
        assert evidence.archive is not None  # without activations nothing is resampled
        self._archive = evidence.archive
        # the run behind a plane from a file is read only: the file may be a stranger's
        own = evidence.plane.file is None
        self._log = result_log(self._archive, "halves") if own else None
        self._known: dict[str, Record] = {}
        if self._log is not None:
            with contextlib.suppress(ArchiveError, OSError):
                self._known = self._log.read()

    @cached_property
    def _labels(self) -> Codes | None:
        labels = label_variable(self._archive)
        if labels is None or labels.kind != "discrete":
            return None
        return row_codes(labels.values)

    @cached_property
    def _copies(self) -> Codes | None:
        return copies_in_probe(self._archive)

    @cached_property
    def _rows_depend(self) -> bool:
        """Whether rows are positions of samples, which halves take whole."""
        return samples_in_probe(self._archive) is not None

    @cached_property
    def _groups(self) -> Codes | None:
        return groups_in_probe(self._archive)

    def prepare(self, groups: Iterable[Iterable[Cell]]) -> Iterator[None]:
        """Estimate the halves of these cells, which have no codes, on all cores.

        After each group `test` finds its cells.
        """

        def computed(cells: Iterable[Cell]) -> dict[Cell, Halves | None]:
            return {cell: self._computed(cell) for cell in dict.fromkeys(cells)}

        for found in in_order(computed, groups):
            self._values.update(found)
            yield

    def keep(self) -> None:
        """Add what was estimated to the results of the run.

        One that may not be written to stays as it is.
        """
        if self._log is not None:
            with contextlib.suppress(ArchiveError):
                self._log.extend(self._fresh.items())
        self._fresh = {}

    def test(
        self, step: int, spec: str, quantity: str, sense: str, up: str, down: str, excess: float
    ) -> Chance | None:
        """Return the evidence on one excess.

        None where it cannot be resampled (values gone, too few rows).

        Args:
            step: the checkpoint.
            spec, quantity, sense: of the numbers that are compared.
            up, down: the layers, upstream and downstream.
            excess: in bits.
        """
        of_up = self.half_values((step, up, spec))
        of_down = self.half_values((step, down, spec))
        series = (quantity, "" if self.evidence.has_codes(spec) else sense)
        if of_up is None or of_down is None or series not in of_up or series not in of_down:
            return None
        differences = of_down[series] - of_up[series]
        stderr = float(np.std(differences, ddof=1))
        half_bits = float(differences.mean())
        upstream = self.evidence.codes(step, up, spec)
        downstream = self.evidence.codes(step, down, spec)
        if upstream is not None and quantity == "i_xz":
            return Chance(0.0, None, half_bits)  # entropies of these very rows: nothing is sampled
        if upstream is None or downstream is None or self._labels is None:
            return Chance(_one_sided_p(excess, stderr), stderr, half_bits)
        p_value, bias = self._shuffled(step, upstream, downstream, self._labels)
        if self._rows_depend:  # no label of theirs may be exchanged
            p_value = _one_sided_p(excess - bias, stderr)
        return Chance(p_value, stderr, half_bits, excess - bias)

    def _shuffled(
        self, step: int, upstream: Codes, downstream: Codes, labels: Codes
    ) -> tuple[float, float]:
        """Return the p-value of an excess of I(Z;Y) of codes, and its plug-in bias in bits.

        Of copies of a row one is read.

        Args:
            step: the checkpoint, for the seed.
            upstream, downstream, labels: codes, each of shape ``(n,)``.
        """
        if self._copies is not None:
            rows = first_of_every(self._copies)
            upstream, downstream, labels = upstream[rows], downstream[rows], labels[rows]
        draws, seed = self.settings.permutations, self.settings.seed + step
        p_value = permutation_p(upstream, downstream, labels, draws=draws, seed=seed)
        bias = plug_in_bias(downstream, labels) - plug_in_bias(upstream, labels)
        return p_value, bias

    def half_values(self, cell: Cell) -> Halves | None:
        if cell not in self._values:
            self._values[cell] = self._computed(cell)
        return self._values[cell]

    def _computed(self, cell: Cell) -> Halves | None:
        has_codes = self.evidence.has_codes(cell[2])
        try:
            return self._of_codes(cell) if has_codes else self._of_values(cell)
        except InfoplaneError:
            return None

    def _of_codes(self, cell: Cell) -> Halves | None:
        step, layer, spec = cell
        codes = self.evidence.codes(step, layer, spec)
        if codes is None:
            return None
        found: dict[str, list[float]] = {}
        for rows, sides in self._halves_of_codes(step):
            here = cell_codes(codes[rows][:, None])
            for quantity, other in sides.items():
                found.setdefault(quantity, []).append(information_bits(here, other))
        return {(quantity, ""): np.asarray(bits) for quantity, bits in found.items()}

    def _of_values(self, cell: Cell) -> Halves | None:
        step, layer, spec = cell
        archive, estimator = self._archive, self.evidence.fitted(spec, layer)
        if estimator is None or not archive.has(step, layer):
            return None
        splits, seed = self.settings.splits, self.settings.seed
        task = task_of(archive, step, layer, estimator, identity_of(estimator, seed))
        key = _key_of_halves(task.key, splits)
        known = _halves_in(self._known.get(key), splits)
        if known is not None:
            return known
        bits: dict[tuple[str, str], list[float]] = {}
        for points in self._points_of_halves(step, layer, estimator):
            for quantity, estimate in points:
                bits.setdefault((quantity, estimate.sense), []).append(estimate.bits)
        self._fresh[key] = {
            "step": step,
            "layer": layer,
            "estimator": spec,
            "halves": [[*series, values] for series, values in bits.items()],
        }
        return {series: np.asarray(values) for series, values in bits.items()}

    def _points_of_halves(self, step: int, layer: str, estimator: Estimator) -> Iterable[Points]:
        """Return the points of both halves of every split, from one pass where there is one."""
        archive = self._archive
        layer_rows = layer_variable(archive, step, layer, estimator)
        inputs, labels = input_variable(archive, estimator), label_variable(archive, estimator)
        splits = self.splits_of(step, archive.n_rows)
        seed = [self.settings.seed, step, 1]
        rng = np.random.default_rng(seed)
        shared = halves_from_one_pass(estimator, inputs, layer_rows, labels, splits, rng)
        if shared is not None:
            return shared

        def points(half: tuple[int, Codes]) -> Points:
            number, rows = half
            own_rng = np.random.default_rng([*seed, number])
            return points_of_rows(estimator, inputs, layer_rows, labels, rows, own_rng)

        return in_order(points, enumerate(rows_of_halves(splits)))

    def splits_of(self, step: int, n: int) -> list[Mask]:
        """Return the random splits of this step; see `groups_in_probe`."""
        rng, groups = np.random.default_rng([self.settings.seed, step]), self._groups
        if groups is None:
            return balanced_halves(n, self.settings.splits, rng)
        kinds = int(groups.max()) + 1
        return [first[groups] for first in balanced_halves(kinds, self.settings.splits, rng)]

    def _halves_of_codes(self, step: int) -> list[tuple[Ids, dict[str, Codes]]]:
        """Return halves with the codes of their row ids and labels; those of one step are held."""
        if step != self._step:
            sides = {"i_xz": self._archive.row_ids}
            if self._labels is not None:
                sides["i_zy"] = self._labels
            self._step, self._sides = step, []
            for rows in rows_of_halves(self.splits_of(step, self._archive.n_rows)):
                codes = {name: cell_codes(side[rows][:, None]) for name, side in sides.items()}
                self._sides.append((rows, codes))
        return self._sides


def _key_of_halves(cell: str, splits: int) -> str:
    """Return the key of one cell's halves; other versions of this package have other keys."""
    return f"{cell}-{splits}-balanced-{infoplane.__version__}"


def _halves_in(record: Record | None, splits: int) -> Halves | None:
    """Return the halves that a line of results has.

    None where it is no such line, since a run may come from anyone.
    """
    found: Halves = {}
    try:
        for quantity, sense, values in record["halves"] if record else ():
            bits = np.array(values, np.float64)
            if bits.shape != (2 * splits,) or not np.isfinite(bits).all():
                return None
            found[str(quantity), str(sense)] = bits
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return found or None


def _one_sided_p(excess: float, stderr: float) -> float:
    """Return the chance of a normal deviate as large as the excess; 0 without any error."""
    return 0.5 * math.erfc(excess / stderr / math.sqrt(2)) if stderr > 0 else 0.0


def plug_in_bias(t: Codes, y: Codes) -> float:
    """Return leading bias of a plug-in I(T;Y) in bits: ``(K_TY - K_T - K_Y + 1) / (2 N ln 2)``."""
    tables = (joint_counts(t, y), counts_of(t), counts_of(y))
    pairs, ts, ys = (int(np.count_nonzero(table)) for table in tables)
    return float(pairs - ts - ys + 1) / (2 * len(t) * np.log(2))
