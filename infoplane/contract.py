"""What the rest of the program may ask of an estimator.

It has traits and two methods, and may fit some of the narrow protocols.

Plug-ins get all of it: a protocol is found by ``isinstance``, so that a class has only to have the
method. See docs/plugins.md; `infoplane.testing.check_estimator` tries the traits on data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from infoplane.errors import SpecError
from infoplane.types import Estimate, Kind, Quantity, Unit, Variable
from infoplane.types.arrays import Ids, Mask, Values

Family = Literal[
    "fixed bins",
    "adaptive bins",
    "exact codes",
    "table",
    "kde",
    "neighbours",
    "gaussian",
    "noisy network",
    "slices",
    "variational",
    "usable",
    "geometry",
    "other",
]
Measures = Literal["information", "bound", "coarsened", "usable", "other"]
Edges = Literal["none", "layer", "run"]
Wants = Literal["values", "row hashes"]
XAs = Literal["row ids", "values"]
Points = list[tuple[Quantity, Estimate]]
"""Estimates of one layer at one checkpoint, each with its quantity."""
Range = tuple[float, ...] | None
Generator = np.random.Generator


@dataclass(frozen=True)
class Traits:
    """What the rest of the program may rely on; one row of the table in docs/estimators.md.

    Attributes:
        family: the way in which it resolves a layer; estimators of two families are two witnesses.
        unit: ``none`` for numbers that are no bits (HSIC, CKA): never drawn on the plane, never
            judged by laws of bits.
        measures: ``information`` for a point estimate of the Shannon information itself, ``bound``
            for a bound of it, ``coarsened`` for the information that is left behind cells or added
            noise, ``usable`` for what predictors can use, ``other`` for numbers without a Shannon
            truth.
        keeps_chain: the data processing inequality holds for the numbers themselves.
        obeys_bounds: the number is counted from a table of the rows, so that 0 <= I <= H holds by
            arithmetic: exceeding it is a bug, not an error of estimation. With `HasCodes` the table
            is that of the codes.
        dpi_exempt: the number may grow with depth (usable information).
        tolerance_bits: how far an inequality may be missed before it is looked at.
        edges: over what its cells are frozen before measuring, see `FreezesEdges`.
        wants: ``row hashes`` where the exact digests of the rows are all that it needs of a layer.
        x_as: whether the input enters as row identities or as its values.
        target, bound, validity: cells of the table: what the number is, what it bounds, when to
            believe it.

    Raises:
        SpecError: a word that is not among those of its trait.
    """

    family: Family
    unit: Unit = "bits"
    measures: Measures = "information"
    keeps_chain: bool = False
    obeys_bounds: bool = False
    dpi_exempt: bool = False
    tolerance_bits: float = 0.01
    edges: Edges = "none"
    wants: Wants = "values"
    x_as: XAs = "row ids"
    target: str = ""
    bound: str = ""
    validity: str = ""

    def __post_init__(self) -> None:
        words = {
            "family": (self.family, Family),
            "unit": (self.unit, Unit),
            "measures": (self.measures, Measures),
            "edges": (self.edges, Edges),
            "wants": (self.wants, Wants),
            "x_as": (self.x_as, XAs),
        }
        for trait, (given, expected) in words.items():
            if given not in get_args(expected):
                one_of = ", ".join(get_args(expected))
                raise SpecError(f"trait {trait}: expected one of {one_of}, got {given!r}")


NO_PROMISES = Traits(family="other", measures="other")
"""Of an estimator that is not installed here."""


@runtime_checkable
class Estimator(Protocol):
    """What every estimator has.

    Implementations are frozen dataclasses whose fields are their parameters.
    """

    @property
    def name(self) -> str:
        """The spec string."""

    @property
    def traits(self) -> Traits:
        """See `Traits`."""

    def supports(self, a: Kind, b: Kind) -> bool:
        """Say whether it takes two variables of these kinds."""

    def estimate(self, a: Variable, b: Variable, *, rng: Generator | None = None) -> Estimate:
        """Estimate I(a;b) from paired rows.

        Args:
            a, b: of the same rows.
            rng: for estimators that draw.
        """


@runtime_checkable
class HasAxisLabel(Protocol):
    """An estimator with its own words for the axes of a figure."""

    def axis_label(self, quantity: str, n: int) -> str:
        """Name the quantity (``i_xz`` or ``i_zy``) and the convention, for n rows."""


@runtime_checkable
class HasCodes(Protocol):
    """An estimator whose number is the information of symbols, one for each row."""

    def codes(self, z: Variable) -> Ids:
        """Return dense symbols of the rows, shape ``(n,)``."""


@runtime_checkable
class HasOutside(Protocol):
    """An estimator whose cells cover a range, beyond which values share one cell."""

    def share_outside(self, z: Variable) -> float:
        """Return the share of values beyond the range, in [0, 1]."""


@runtime_checkable
class BinsLabels(Protocol):
    """An estimator that takes continuous labels as symbols, in bins of their own."""

    def labels_of(self, y: Variable) -> Variable:
        """Return the labels as it takes them."""


@runtime_checkable
class FreezesEdges(Protocol):
    """An estimator with ``traits.edges`` other than ``none``.

    Its cells come from all checkpoints of a layer or a run.
    """

    def fit(self, variables: Iterable[Variable]) -> Estimator:
        """Return the same estimator with its edges frozen over these variables; its name stays."""


@runtime_checkable
class HasFrozenRange(Protocol):
    """An estimator whose results depend on edges that its spec does not name."""

    @property
    def frozen_range(self) -> tuple[Range, Range]:
        """The frozen lower and upper ends; None where nothing is frozen."""


@runtime_checkable
class SharesPlanePoint(Protocol):
    """An estimator with one pass for I(X;Z) and I(Z;Y)."""

    def estimate_plane_point(
        self, x: Any, z: Any, y: Any, *, rng: Generator | None = None
    ) -> Points:  # Any: variables; some families take None for one that is not there
        """Estimate both quantities of one layer.

        Args:
            x: the input.
            z: the layer.
            y: the labels, or None.
            rng: for estimators that draw.
        """


@runtime_checkable
class SharesLayer(Protocol):
    """An estimator with one pass over a layer for several estimators of its class."""

    @property
    def shares_layer(self) -> bool:
        """Whether these parameters can share: False where random numbers are drawn."""

    @staticmethod
    def estimate_together(several: Sequence[Any], x: Any, z: Any, y: Any) -> list[Points]:
        """Return for each of ``several`` the points that it gives alone.

        Args:
            several: estimators of one family.
            x: the input.
            z: the layer.
            y: the labels, or None.
        """


@runtime_checkable
class SharesHalves(Protocol):
    """An estimator with one pass for both halves of several splits of the rows."""

    def estimate_halves(
        self,
        x: Variable,
        z: Variable,
        y: Variable,
        splits: Sequence[Mask],
        *,
        rng: Generator | None = None,
    ) -> list[Points]:
        """Return the points of the first and the second half of each split, shape ``(n,)`` each.

        Args:
            x: the input.
            z: the layer.
            y: the labels, or None.
            splits: which rows are in the first half.
            rng: for estimators that draw.
        """


@runtime_checkable
class SharesLabels(Protocol):
    """An estimator with one pass for several labellings of the rows."""

    def estimate_labels(
        self,
        z: Variable,
        labels: Sequence[Ids],
        *,
        rng: Generator | None = None,
    ) -> list[Points]:
        """Return the points of I(Z;Y) for each labelling, shape ``(n,)`` each.

        Args:
            z: the layer.
            labels: the labellings.
            rng: for estimators that draw.
        """


@runtime_checkable
class Rows(Protocol):
    """Rows of a layer, shape ``(n, units)``, in blocks: a layer that may not fit into memory."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and units."""

    @property
    def dtype(self) -> np.dtype[Any]:  # Any: float32 or float64
        """float32 or float64."""

    def blocks(self, rows: int) -> Iterator[Values]:
        """Yield all rows in order, at most so many at a time; may be called again."""


@runtime_checkable
class ReadsBlocks(Protocol):
    """An estimator that can read a layer in blocks of rows, where it does not fit into memory."""

    def estimate_rows(
        self, x: Variable | None, z: Rows, y: Variable | None, *, rng: Generator | None = None
    ) -> Points:
        """Estimate both quantities from blocks of rows.

        Args:
            x: the input.
            z: the layer, block by block.
            y: the labels, or None.
            rng: for estimators that draw.
        """


@runtime_checkable
class ReadsRowByRow(ReadsBlocks, Protocol):
    """An estimator that gives the same numbers whether it reads blocks or the whole layer."""

    @property
    def row_by_row(self) -> bool:
        """Whether the symbol of a row depends on that row alone."""


@runtime_checkable
class HoldsCopies(Protocol):
    """An estimator that holds copies of a layer, so that a layer may be too large for it."""

    def bytes_needed(self, rows: int, units: int) -> int:
        """Return the bytes that an estimate needs in addition to the layer."""


@runtime_checkable
class HasNeighbours(Protocol):
    """An estimator by k neighbours that also works with fewer of them."""

    @property
    def k(self) -> int:
        """Number of neighbours."""

    def with_fewer_neighbours(self) -> Any:  # Any: the same class, or None
        """Return the estimator with fewer neighbours; None where these are all."""


@runtime_checkable
class HasBiasExponent(Protocol):
    """An estimator that knows how its bias falls with the rows; 1/2 is taken elsewhere."""

    def bias_exponent(self, a: Variable, b: Variable) -> float:
        """Return the power of 1/n with which the bias falls."""


@runtime_checkable
class KnowsItsReach(Protocol):
    """An estimator that knows for which rows it can give no valid interval."""

    def no_interval(self, a: Variable, b: Variable) -> str | None:
        """Return why no interval is given, in one clause; None where one is given."""


@runtime_checkable
class ReadsWidth(Protocol):
    """An estimator whose width follows from the layer; some rows are read at the width of all."""

    def at_width_of(self, z: Variable) -> Estimator:
        """Return the estimator with the width of this layer."""


@runtime_checkable
class TakesNoise(Protocol):
    """An estimator of a noisy layer from its clean values and its noise."""

    def with_noise(self, sigma: float) -> Estimator:
        """Return the estimator for noise of this standard deviation."""
