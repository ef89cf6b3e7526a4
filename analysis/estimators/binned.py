"""Binning applied after the fact: the layer's symbol is the whole row of per-unit cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from infoplane.analysis.estimators import binrules
from infoplane.analysis.estimators.cells import (
    Symbols,
    estimate_of_codes,
    estimates_of_keys,
    same_rows,
    symbols,
    symbols_of,
)
from infoplane.analysis.estimators.copies import without_copies
from infoplane.analysis.estimators.entropies import CORRECTIONS, Correction
from infoplane.analysis.estimators.label_bins import quantile_labels
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.kernels.cells import edge_keys, floor_keys
from infoplane.contract import Points, Range, Rows, Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import cell_keys, codes_of, codes_of_keys
from infoplane.types import Estimate, Kind, Quantity, Variable, continuous
from infoplane.types.arrays import Codes, Keys, Mask

Rule = Literal["szt", "saxe", "saxe-paper", "range", "quantile", "ebab"]
SAXE_WIDTH = 0.07
"""Width of ``saxe`` unless another is given."""
RULES: tuple[Rule, ...] = get_args(Rule)
Scope = Literal["run", "layer", "unit", "step"]
_FEW = 64  # labels that are counted in a table of cells by labels
_BLOCK_BYTES = 2 << 20  # of rows that are read at a time
_CELLS = 30
"""Cells per unit unless another number is given."""
_WITH_N = ("range", "quantile", "ebab")
_SCOPES: dict[str, tuple[Scope, ...]] = {
    "range": ("run", "layer", "unit", "step"),
    "quantile": ("unit", "layer"),
}

_TRAITS = Traits(
    family="fixed bins",
    measures="coarsened",
    obeys_bounds=True,
    target="I(X;bin(Z)) = H(bin(Z)) and I(bin(Z);Y) on the probe rows",
    bound="lower bound of the population's I, up to sampling bias",
    validity="the number belongs to the bin width; read with its coverage; breaks the chain",
)


@dataclass(frozen=True)
class Binned(SpecString):
    """Estimate I(X;bin(Z)) and I(bin(Z);Y) on the probe rows.

    For a deterministic network I(X;bin(Z)) is H(bin(Z)) = -sum_c p_c log2 p_c over the rows of
    cells c. The rules are those of Shwartz-Ziv & Tishby 2017 (arXiv 1703.00810), Saxe et al. 2018
    and Chelombiev et al. 2019 (arXiv 1902.09037).

    A lower bound of I(X;Z) and I(Z;Y) of the population behind the rows, up to sampling bias; it
    does not keep the Markov chain: a later layer may come out higher because its values fall apart
    into more cells.

    Attributes:
        rule: ``szt`` | ``saxe`` (width) | ``saxe-paper`` | ``range`` (n, scope) | ``quantile`` (n,
            scope unit or layer) | ``ebab`` (n). See `infoplane.analysis.estimators.binrules`.
        width: cell width of ``saxe`` (0.07 for the SZT network, 0.5 for MNIST).
        n: number of cells of ``range``, ``quantile`` and ``ebab`` (30).
        scope: ``range``: the minimum and maximum of the ``run``, of the ``layer`` over the run, of
            each ``unit`` over the run, or of this ``step`` alone; ``quantile``: per ``unit`` or per
            ``layer``.
        correction: of the sampling bias, for the population behind the rows: ``cwj`` (the best on
            undersampled tables), ``chao-shen``, ``grassberger``, ``jackknife``, ``mm``,
            ``quadratic``; ``none``: these rows are everything.
        frozen_low, frozen_high: the range that `fit` found; not part of the spec.

    Continuous labels enter as symbols, by quantile bins of their own
    (`infoplane.analysis.estimators.label_bins`); two continuous variables given to `estimate` share
    these cells, and the notes say so.

    When it lies: the number belongs to the bin width. Too fine and every row is alone (coverage
    near 0, value log2 N); too coarse and nothing is left. Bins on [-1, 1] put every larger ReLU
    value into one cell: the share is noted.

    Example:
        >>> from infoplane.types import continuous, discrete
        >>> z = continuous([-0.9, -0.89, 0.0, 0.9])
        >>> Binned(rule="szt").estimate(discrete([0, 1, 2, 3]), z).bits
        1.5
    """

    rule: Rule = "szt"
    width: float | None = None
    n: int | None = None
    scope: Scope | None = None
    correction: Correction = "none"
    frozen_low: tuple[float, ...] | None = field(default=None, repr=False)
    frozen_high: tuple[float, ...] | None = field(default=None, repr=False)

    _FIRST = "rule"

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"no such bin rule: {self.rule!r}; choose one of {', '.join(RULES)}")
        if self.width is not None and (self.rule != "saxe" or not self.width > 0):
            raise InputError(
                f"width is a positive number and belongs to rule 'saxe', got width={self.width} "
                f"with rule {self.rule!r}"
            )
        if self.n is not None and (self.rule not in _WITH_N or self.n < 1):
            raise InputError(
                f"n is at least 1 and belongs to rules {', '.join(_WITH_N)}, got n={self.n} "
                f"with rule {self.rule!r}"
            )
        if self.correction not in CORRECTIONS:
            raise InputError(
                f"no such correction: {self.correction!r}; choose one of {', '.join(CORRECTIONS)}"
            )
        scopes = _SCOPES.get(self.rule, ())
        if self.scope is not None and self.scope not in scopes:
            raise InputError(
                f"scope of rule {self.rule!r} is one of {scopes or '(none)'}, got {self.scope!r}"
            )

    def __str__(self) -> str:
        given = {
            "width": self.width,
            "n": self.n,
            "scope": self.scope,
            "correction": None if self.correction == "none" else self.correction,
        }
        written = [f",{key}={value}" for key, value in given.items() if value is not None]
        return f"bin:{self.rule}" + "".join(written)

    @property
    def cells_per_unit(self) -> int:
        """Number of cells asked for, per unit."""
        return self.n or _CELLS

    @property
    def traits(self) -> Traits:
        """As the rule, its scope and the correction say.

        A corrected number is no longer counted from the table alone.
        """
        return replace(
            _TRAITS,
            family="adaptive bins" if self.rule in ("quantile", "ebab") else "fixed bins",
            obeys_bounds=self.correction == "none",
            edges=self._edges,
        )

    @property
    def _edges(self) -> Literal["none", "layer", "run"]:
        if self.frozen_low is not None or self.rule not in ("range", "saxe-paper"):
            return "none"
        if self.rule == "saxe-paper" or self.scope in (None, "run"):
            return "run"
        return "none" if self.scope == "step" else "layer"

    @property
    def frozen_range(self) -> tuple[Range, Range]:
        """The ends that `fit` found, per unit under scope ``unit``; None before."""
        return self.frozen_low, self.frozen_high

    @property
    def row_by_row(self) -> bool:
        """Whether the cell of a row depends on that row alone: edges are known beforehand."""
        return self.rule in ("szt", "saxe") or self.frozen_low is not None

    def fit(self, variables: Iterable[Variable]) -> Binned:
        """Return the estimator, by the same name, with its range frozen over these checkpoints.

        Args:
            variables: the layer at each checkpoint, shape ``(n, dim)`` each.

        Raises:
            InputError: nothing to fit.
        """
        axis = 0 if self.scope == "unit" else None
        lows = []
        highs = []
        for v in variables:
            lows.append(np.atleast_1d(v.values.min(axis=axis)))
            highs.append(np.atleast_1d(v.values.max(axis=axis)))
        if not lows:
            raise InputError(
                f"{self.name}: expected at least one checkpoint to fit the range on, got none"
            )
        low = np.min(lows, axis=0)
        high = np.max(highs, axis=0)
        return replace(self, frozen_low=tuple(map(float, low)), frozen_high=tuple(map(float, high)))

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text, e.g. ``H(bin(Z)) [bits], 30 bins on [-1,1]``."""
        where = {
            "szt": "30 bins on [-1,1]",
            "saxe": f"width {self.width or SAXE_WIDTH:g}",
            "saxe-paper": "30 on [-1,1] or 100 on range",
            "range": f"{self.cells_per_unit} bins on {self.scope or 'run'} range",
            "quantile": f"{self.cells_per_unit} quantiles per {self.scope or 'unit'}",
            "ebab": f"{self.cells_per_unit} adaptive bins",
        }[self.rule]
        what = "H(bin(Z))" if quantity == "i_xz" else "I(bin(Z);Y)"
        return f"{what} [bits], {where}"

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept any kinds: continuous variables are binned, discrete ones are symbols already."""
        return True

    def cells(self, z: Variable) -> NDArray[np.integer]:
        """Return cells per unit, shape ``(n, dim)``."""
        values = z.values
        if self.rule == "szt":
            return binrules.szt_cells(values)
        if self.rule == "saxe":
            return binrules.saxe_cells(values, self.width or SAXE_WIDTH)
        if self.rule == "quantile":
            per_unit = self.scope != "layer"
            return binrules.quantile_cells(values, self.cells_per_unit, per_unit=per_unit)
        if self.rule == "ebab":
            return binrules.ebab_cells(values, self.cells_per_unit)
        frozen = self if self.frozen_low is not None else self.fit([z])
        low = np.array(frozen.frozen_low)
        high = np.array(frozen.frozen_high)
        if self.rule == "range":
            return binrules.equal_cells(values, low, high, self.cells_per_unit)
        if low.min() >= -1 and high.max() <= 1 and low.min() < 0:
            return binrules.equal_cells(values, -1.0, 1.0, 30)
        return binrules.equal_cells(values, low, high, 100)

    def labels_of(self, y: Variable) -> Variable:
        """Return continuous labels in quantile bins of their own."""
        return quantile_labels(y)

    def share_outside(self, z: Variable) -> float:
        """Return the share of values beyond [-1, 1] under ``szt``, 0 under rules that cover all."""
        return _share(np.abs(z.values) > 1) if self.rule == "szt" else 0.0

    def codes(self, z: Variable) -> Codes:
        """Return dense symbols of the rows, shape ``(n,)``.

        A discrete variable's rows are symbols as they are.
        """
        return codes_of(z) if z.kind == "discrete" else codes_of_keys(self.keys(z))

    def keys(self, z: Variable) -> Keys:
        """Return 64-bit keys of the rows of cells, shape ``(n,)``.

        Where cells do not depend on other rows, keys of blocks can be joined.
        """
        if self.rule == "saxe":
            return floor_keys(z.values, self.width or SAXE_WIDTH)
        if self.rule == "szt":
            return edge_keys(z.values, binrules.SZT_EDGES)
        return cell_keys(self.cells(z))

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I(a;b) in bits with every continuous variable binned.

        Of two discrete variables the first is taken for the layer, as `Exact` does.

        Args:
            a: shape ``(n, da)``.
            b: shape ``(n, db)``.
            rng: not used.

        Raises:
            EstimatorError: unpaired rows, or fewer than 2.
        """
        same_rows(a, b, self.name)
        n = a.n
        copied: list[str] = []
        if self.correction != "none":
            a, b, copied = without_copies(a, b)
        layer, other = (b, a) if b.kind == "continuous" and a.kind == "discrete" else (a, b)
        cells = self.codes(layer)
        notes = (*self._notes(layer), *_one_cell(layer, cells), *self._shared_cells(layer, other))
        found = self._of_codes(
            cells,
            self.codes(other),
            None if other.kind == "discrete" else float(np.log2(layer.n)),
            (*copied, *notes),
        )
        return replace(found, n=n) if copied else found

    def _of_codes(
        self, cells: Codes, other: Codes, ceiling: float | None, notes: tuple[str, ...]
    ) -> Estimate:
        return estimate_of_codes(
            cells,
            other,
            self.name,
            "point",
            notes,
            ceiling_bits=ceiling,
            correction=self.correction,
        )

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: Generator | None = None
    ) -> Points:
        """Estimate I(X;bin(Z)) and I(bin(Z);Y) from one quantisation of Z.

        Args:
            x: discrete row identities, shape ``(n, 1)``.
            z: the layer, shape ``(n, dim)``.
            y: the labels, n rows.
            rng: not used.
        """
        same_rows(x, z, self.name)
        y = self.labels_of(y)
        if self.correction != "none" and z.kind == "continuous" and without_copies(z, y)[2]:
            return [("i_xz", self.estimate(x, z)), ("i_zy", self.estimate(z, y))]
        keys = cell_keys(codes_of(z)[:, None]) if z.kind == "discrete" else self.keys(z)
        notes = (*self._notes(z), *_one_cell(z, keys))
        return self._points(keys, (("i_xz", x), ("i_zy", y)), notes)

    def estimate_rows(
        self,
        x: Variable | None,
        z: Rows,
        y: Variable | None,
        *,
        rng: Generator | None = None,
    ) -> Points:
        """Estimate as `estimate_plane_point` a layer that does not fit into memory, block by block.

        Args:
            x: discrete row identities, n rows; None where I(X;Z) is not asked.
            z: the layer, shape ``(n, dim)``, read in blocks.
            y: the labels, n rows; None where I(Z;Y) is not asked.
            rng: not used.

        Raises:
            EstimatorError: a rule whose cells depend on all rows at once.
        """
        if not self.row_by_row:
            raise EstimatorError(
                f"{self.name}: its cells need all rows at once, and this layer is larger than "
                "INFOPLANE_MEMORY; use szt, saxe or range"
            )
        keys = []
        below = 0
        above = 0
        for block in z.blocks(max(1, _BLOCK_BYTES // (z.shape[1] * z.dtype.itemsize or 1))):
            keys.append(self.keys(continuous(block)))
            below += int((block < -1).sum())
            above += int((block > 1).sum())
        sides: list[tuple[Quantity, Variable]] = []
        if x is not None:
            sides.append(("i_xz", x))
        if y is not None:
            sides.append(("i_zy", self.labels_of(y)))
        size = z.shape[0] * z.shape[1]
        return self._points(np.concatenate(keys), sides, self._shares(below / size, above / size))

    def _points(
        self, keys: Keys, sides: Sequence[tuple[Quantity, Variable]], notes: tuple[str, ...]
    ) -> Points:
        """Estimate every quantity from the cells of the layer.

        Args:
            keys: of the rows of cells, shape ``(n,)``.
            sides: quantities, each with the variable beside the layer.
            notes: about the layer.
        """
        given: list[tuple[Symbols, float | None]] = []
        for _, other in sides:
            if other.kind == "discrete":
                given.append((symbols_of(other), None))
            else:
                given.append((symbols(self.codes(other)), float(np.log2(len(keys)))))
        numbers = [side.number for side, _ in given]
        if self.correction == "none" and all(k <= _FEW or k == len(keys) for k in numbers):
            found = estimates_of_keys(keys, given, self.name, notes)  # in one pass over the keys
        else:
            cells = codes_of_keys(keys)
            found = [self._of_codes(cells, side.codes, top, notes) for side, top in given]
        return [(quantity, estimate) for (quantity, _), estimate in zip(sides, found, strict=True)]

    def _notes(self, z: Variable) -> tuple[str, ...]:
        if z.kind == "discrete":
            return ()
        notes: tuple[str, ...] = ()
        if self.rule == "szt" and z.largest > 1:
            notes = self._shares(_share(z.values < -1), _share(z.values > 1))
        if self._edges == "none":
            return notes
        return (*notes, "range taken from these rows alone, not frozen over the run")

    def _shared_cells(self, a: Variable, b: Variable) -> tuple[str, ...]:
        if a.kind == b.kind == "continuous" and self.rule not in ("quantile", "ebab"):
            return (
                f"{a.name} and {b.name} share the cells of {self.name}: scaling either moves the "
                "number",
            )
        return ()

    def _shares(self, below: float, above: float) -> tuple[str, ...]:
        if self.rule != "szt":
            return ()
        shares = {"below -1": below, "above 1": above}
        return tuple(
            f"{share:.1%} of values {where} share one cell"
            for where, share in shares.items()
            if share
        )


def _share(yes: Mask) -> float:
    return int(np.count_nonzero(yes)) / yes.size


def _one_cell(z: Variable, cells: NDArray[np.integer]) -> tuple[str, ...]:
    """Return the note of a layer that moves within one cell.

    Args:
        z: the layer.
        cells: shape ``(n,)``; equal where rows share their cells.
    """
    if (cells != cells[0]).any() or (z.values == z.values[0]).all():
        return ()
    return ("all rows lie in one cell: these cells are too wide for this layer",)
