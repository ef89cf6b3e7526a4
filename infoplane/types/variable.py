"""Random variables, seen through paired rows: what estimators take."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InputError
from infoplane.types.arrays import Array, to_numpy

Kind = Literal["continuous", "discrete"]


SMALLEST = 1e-140
"""Scales of float64 values below this, or beyond its inverse, have no squares."""


@dataclass(frozen=True, eq=False)
class Variable:
    """A random variable, seen through ``n`` paired rows; every estimator takes two of these.

    Attributes:
        name: in messages.
        values: shape ``(n, dim)``; float32 or float64 when continuous, int64 symbols when discrete
            (a row of several columns is one symbol).
        kind: stated by the caller, never guessed from a dtype.
        notes: go with every number made of it, e.g. how it was binned.
        samples: of each row the sample that it is a position of, shape ``(n,)``; None where rows
            are samples.
        largest: the largest magnitude of continuous values, 0 of symbols.

    Raises:
        InputError: not 2-D, no rows, no columns, wrong dtype for the kind, NaN or infinity, or a
            float64 scale whose squares overflow or vanish (beyond 1e140 or below 1e-140): distances
            would be infinite or 0 and the numbers silently wrong.
    """

    name: str
    values: Array
    kind: Kind
    notes: tuple[str, ...] = ()
    samples: NDArray[np.int64] | None = None
    largest: float = field(init=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        values = self.values
        if self.kind not in ("continuous", "discrete"):
            raise InputError(
                f"{self.name}: kind must be 'continuous' or 'discrete', got {self.kind!r}"
            )
        if not isinstance(values, np.ndarray) or values.ndim != 2:
            got = getattr(values, "shape", type(values).__name__)
            raise InputError(
                f"{self.name}: expected an array of shape (n, dim), got {got}; use "
                "ip.continuous(a) or ip.discrete(a)"
            )
        if values.shape[0] == 0 or values.shape[1] == 0:
            raise InputError(
                f"{self.name}: expected at least one row and one column, got shape {values.shape}"
            )
        if self.kind == "discrete" and values.dtype != np.int64:
            raise InputError(
                f"{self.name}: expected int64 symbols of a discrete variable, got {values.dtype}; "
                "use ip.discrete(a)"
            )
        if self.kind == "continuous":
            if values.dtype not in (np.float32, np.float64):
                raise InputError(
                    f"{self.name}: expected float32 or float64 of a continuous variable, got "
                    f"{values.dtype}; use ip.continuous(a)"
                )
            low, high = float(values.min()), float(values.max())
            if not (math.isfinite(low) and math.isfinite(high)):
                bad = int((~np.isfinite(values)).any(axis=1).sum())
                raise InputError(
                    f"{self.name}: {bad} of {len(values)} rows hold NaN or infinity; find the step "
                    "where they appear before measuring"
                )
            largest = max(abs(low), abs(high))
            if largest and not SMALLEST <= largest <= 1 / SMALLEST:
                raise InputError(
                    f"{self.name}: the largest value is {largest:.3g}, whose square no float64 can "
                    "hold; multiply all values by one constant first"
                )
            object.__setattr__(self, "largest", largest)

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def dim(self) -> int:
        """Number of columns."""
        return self.values.shape[1]

    def take(self, rows: NDArray[np.integer]) -> Variable:
        """Return the same variable on some of its rows."""
        samples = None if self.samples is None else self.samples[rows]
        return Variable(self.name, self.values[rows], self.kind, self.notes, samples)


def _two_dimensional(values: ArrayLike, name: str) -> NDArray[np.generic]:
    rows = to_numpy(values)
    if rows.ndim == 0:
        raise InputError(f"{name}: expected rows, got a single number")
    if rows.ndim == 1:
        rows = rows[:, None]
    flat = rows.reshape(len(rows), -1) if len(rows) else rows.reshape(0, 1)
    return np.ascontiguousarray(flat)


def continuous(values: ArrayLike, name: str = "values") -> Variable:
    """Return a continuous `Variable` from ``(n,)`` or ``(n, ...)``, flattened to ``(n, dim)``.

    float32 and float64 stay; float16 and integers become float32 and float64, and so does a
    float32 layer of a scale beyond 1e15 or below 1e-15.

    Raises:
        InputError: not numeric, empty, NaN or infinity.

    Example:
        >>> continuous([0.0, 0.5, 1.0]).values.shape
        (3, 1)
    """
    rows = _two_dimensional(values, name)
    if rows.dtype == np.float16:
        rows = rows.astype(np.float32)
    elif rows.dtype.kind in "iub" or (
        rows.dtype.kind == "f" and rows.dtype not in (np.float32, np.float64)
    ):
        rows = rows.astype(np.float64)
    if rows.dtype.kind != "f":
        raise InputError(
            f"{name}: expected real numbers, got dtype {rows.dtype}; complex values, strings and "
            "objects are not continuous"
        )
    if rows.dtype.byteorder not in ("=", "|"):
        rows = rows.astype(rows.dtype.newbyteorder("="))
    if rows.dtype == np.float32 and rows.size:
        largest = max(abs(float(rows.min())), abs(float(rows.max())))
        if largest and not 1e-15 <= largest <= 1e15:
            rows = rows.astype(np.float64)  # such squares overflow or vanish in float32
    return Variable(name, rows, "continuous")


def discrete(values: ArrayLike, name: str = "values") -> Variable:
    """Return a discrete `Variable` from symbols of shape ``(n,)`` or ``(n, columns)``.

    A row of several columns is one symbol. Integers and booleans stay; floats and strings are
    coded per column by their sorted distinct values.

    Raises:
        InputError: empty, NaN, or a dtype that has no order.

    Example:
        >>> discrete(["cat", "dog", "cat"]).values.ravel().tolist()
        [0, 1, 0]
    """
    rows = _two_dimensional(values, name)
    if rows.dtype.kind == "f" and np.isnan(rows).any():
        raise InputError(
            f"{name}: NaN is not a symbol; {int(np.isnan(rows).any(axis=1).sum())} rows hold NaN: "
            "leave them out"
        )
    if rows.dtype.kind == "u" and rows.dtype.itemsize == 8:
        codes = rows.view(np.int64)
    elif rows.dtype.kind in "iub":
        codes = rows.astype(np.int64)
    else:
        try:
            columns = [np.unique(column, return_inverse=True)[1] for column in rows.T]
        except TypeError as error:
            raise InputError(
                f"{name}: expected integers, booleans, floats or strings, got mixed objects"
            ) from error
        codes = np.stack(columns, axis=1).astype(np.int64) if columns else rows.astype(np.int64)
    return Variable(name, np.ascontiguousarray(codes), "discrete")


def require_same_rows(a: Variable, b: Variable) -> None:
    """Refuse variables that are not paired row by row.

    Raises:
        InputError: different numbers of rows.
    """
    if a.n != b.n:
        raise InputError(
            f"expected the same rows on both sides, got {a.n} rows of {a.name} and {b.n} of "
            f"{b.name}"
        )
