"""A pair of variables made ready for neighbours.

Live units, rounding undone, classes that are shared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infoplane.analysis.estimators.cells import same_rows
from infoplane.analysis.estimators.copies import without_copies, without_repeats
from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.estimators.lattice import is_coarse_lattice
from infoplane.analysis.estimators.live_units import live_columns
from infoplane.analysis.estimators.near_copies import near_copies_note
from infoplane.analysis.estimators.quantisation import class_keys, row_keys, spread_ties
from infoplane.analysis.estimators.rank_scores import standard_columns
from infoplane.analysis.estimators.repeated_values import has_density
from infoplane.analysis.estimators.shared_symbols import with_shared_symbols
from infoplane.analysis.estimators.upsampled import without_upsampling
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of, row_codes, row_digests
from infoplane.types import Variable, counted
from infoplane.types.arrays import Array, Codes, Floats, Keys, Mask


@dataclass(frozen=True)
class Side:
    """One variable as neighbours take it.

    Attributes:
        values: shape ``(n, dim)``, rounding spread, constant units left out; None for symbols.
        codes: shape ``(n,)``; equal rows share a dense code.
    """

    values: Floats | None
    codes: Codes

    @property
    def constant(self) -> bool:
        """Whether all rows are equal."""
        return int(self.codes.max()) == 0

    def repeated(self, k: int) -> Mask:
        """Return which rows share their value with more than k or are symbols, shape ``(n,)``."""
        if self.values is None:
            return np.ones(len(self.codes), np.bool_)
        return (counts_of(self.codes) > k)[self.codes]

    def scaled(self, scale: Callable[[Floats], Floats]) -> Side:
        """Return the side with its values scaled; as it is where there are none."""
        if self.values is None or self.constant:
            return self
        values = scale(self.values)
        return Side(values, row_codes(values))

    @property
    def has_density(self) -> bool:
        """Whether it has values of which hardly any repeat."""
        return self.values is not None and has_density(self.values)

    @property
    def repeated_share(self) -> float:
        """The share of rows that repeat another row."""
        return 1.0 - float((counts_of(self.codes) == 1).sum()) / len(self.codes)


def symbol_entropy(a: Variable, b: Variable) -> float | None:
    """Return the entropy in bits of the discrete one of two variables; None where there is none."""
    for v in (a, b):
        if v.kind == "discrete":
            return entropy_bits(counts_of(codes_of(v)))
    return None


@dataclass(frozen=True)
class Pair:
    """Paired rows of two variables.

    Attributes:
        a, b: the sides, of equally many rows.
        notes: what was done to the rows, for the estimate.
    """

    a: Side
    b: Side
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.a.codes)

    def vector_and_symbols(self) -> tuple[Floats, Codes]:
        """Return the values of the continuous side, ``(n, dim)``, and the codes of the other."""
        vector, symbols = (self.a, self.b) if self.b.values is None else (self.b, self.a)
        assert vector.values is not None  # at least one variable is continuous
        return vector.values, symbols.codes

    @property
    def constant(self) -> bool:
        """Whether one side is constant, so that it carries no information."""
        return self.a.constant or self.b.constant


def prepare_pair(
    a: Variable,
    b: Variable,
    k: int,
    *,
    name: str,
    scale: Callable[[Floats], Floats] = standard_columns,
    spread_lattices: bool = True,
) -> Pair:
    """Make two variables, of which at least one is continuous, ready for neighbours.

    - Rows that all come equally often are taken once, and copies of a row of two vectors.
    - Of rows that come oftener with some labels than with others each is taken once.
    - Rows whose symbol no other row has are left out: they have no neighbour within their class.
    - Units that are constant over the rows are left out.
    - Rounded values are spread over their cells (`infoplane.analysis.estimators.quantisation`).

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
        k: neighbours; a value that more rows share can be an atom.
        name: of the estimator, for errors.
        scale: what is done to the live columns of each side at the end, shape ``(n, dim)``.
        spread_lattices: whether a vector of few levels (`is_coarse_lattice`) is spread also beside
            one that has a density, for formulas that cannot tell its repeats apart
            (`infoplane.analysis.estimators.repeated_values`).

    Raises:
        EstimatorError: two discrete variables, over a third of rows alone, or fewer than k + 2.
    """
    same_rows(a, b, name)
    a, b, copied = without_copies(a, b)
    a, b, repeated = without_repeats(a, b)
    a, b, alone = with_shared_symbols(a, b)
    a, b, upsampled = without_upsampling(a, b)
    notes = [*copied, *repeated, *alone, *upsampled, *near_copies_note([a, b])]
    if a.n < k + 2:
        raise EstimatorError(
            f"{name}: expected at least {k + 2} rows for k={k} neighbours, got {a.n}"
        )
    live_a = live_columns(a)
    live_b = live_columns(b)
    dead = a.dim - live_a.shape[1] + b.dim - live_b.shape[1]
    if dead:
        notes.append(f"{dead} constant units left out")
    keys_a = _keys(a, live_a)
    keys_b = _keys(b, live_b)
    if a.kind == "discrete":
        keys_a = class_keys(codes_of(a), keys_b)
    if b.kind == "discrete":
        keys_b = class_keys(codes_of(b), keys_a)
    # Sides of equal rows draw differently, too.
    keys_of_partner = ~keys_a if keys_a.sum() == keys_b.sum() else keys_a
    pair_keys_a = row_keys(keys_a, keys_b)
    pair_keys_b = row_keys(keys_b, keys_of_partner)
    side_a, spread_a = _side(a, live_a, pair_keys_a, k)
    side_b, spread_b = _side(b, live_b, pair_keys_b, k)
    if not spread_lattices:
        lattice_a = _is_repeating_lattice(a, live_a, k)
        lattice_b = _is_repeating_lattice(b, live_b, k)
        if lattice_a and not lattice_b and side_b.has_density:
            side_a, spread_a = _side(a, live_a, pair_keys_a, k, spread_lattice=False)
        if lattice_b and not lattice_a and side_a.has_density:
            side_b, spread_b = _side(b, live_b, pair_keys_b, k, spread_lattice=False)
        if lattice_a and lattice_b:
            notes.append("two layers of few levels: falls short where they share several bits")
    if spread_a + spread_b:
        units = counted(spread_a + spread_b, "unit")
        notes.append(
            f"rounded values in {units}: each is moved at random within its rounding step, so that "
            "few tie"
        )
    return Pair(side_a.scaled(scale), side_b.scaled(scale), tuple(notes))


def _keys(v: Variable, live: Array) -> Keys:
    """Return a digest of every row of a continuous variable, shape ``(n,)``; 0 of symbols."""
    if v.kind == "discrete" or not live.shape[1]:
        return np.zeros(v.n, np.uint64)
    return np.ascontiguousarray(row_digests(live)[:, 0])


def _is_repeating_lattice(v: Variable, live: Array, k: int) -> bool:
    """Return whether a variable is a coarse lattice of which many rows repeat.

    Args:
        v: the variable.
        live: its columns that are not constant, shape ``(n, live)``.
        k: neighbours.
    """
    if v.kind == "discrete":
        return False
    rows = live.astype(np.float64)
    return is_coarse_lattice(rows, k) and not has_density(rows)


def _side(
    v: Variable, live: Array, keys: Keys, k: int, *, spread_lattice: bool = True
) -> tuple[Side, int]:
    """Return the side of a variable, and how many of its columns were spread.

    Args:
        v: the variable, n rows.
        live: its columns that are not constant, shape ``(n, live)``.
        keys: a digest of every row of the pair, shape ``(n,)``.
        k: neighbours.
        spread_lattice: whether columns of few levels are spread where they make a coarse lattice.
    """
    if v.kind == "discrete":
        return Side(None, codes_of(v)), 0
    rows = live.astype(np.float64)
    few_levels = spread_lattice and is_coarse_lattice(rows, k)
    values, spread = spread_ties(rows, keys, k, few_levels=few_levels)
    codes = row_codes(values) if values.shape[1] else np.zeros(v.n, np.int64)
    return Side(values, codes), spread
