"""A random variable seen through paired rows.

The gate through which arrays enter an estimator.
"""

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
    """A random variable seen through ``n`` paired rows.

    The one gate through which arrays enter an estimator.

    Attributes:
        name: what to call it in messages.
        values: shape ``(n, dim)``; float32 or float64 when continuous, int64 symbols when discrete
            (a row of several columns is one symbol).
        kind: stated by the caller, never guessed from a dtype.
        notes: what must travel with every number made of it, e.g. how it was binned.
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
    largest: float = field(init=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        v = self.values
        if self.kind not in ("continuous", "discrete"):
            raise InputError(
                f"{self.name}: kind must be 'continuous' or 'discrete', got {self.kind!r}"
            )
        if not isinstance(v, np.ndarray) or v.ndim != 2:
            raise InputError(
                f"{self.name}: expected an array of shape (n, dim), got "
                f"{getattr(v, 'shape', type(v).__name__)}; use ip.continuous(a) or ip.discrete(a)"
            )
        if v.shape[0] == 0 or v.shape[1] == 0:
            raise InputError(
                f"{self.name}: expected at least one row and one column, got shape {v.shape}"
            )
        if self.kind == "discrete" and v.dtype != np.int64:
            raise InputError(
                f"{self.name}: discrete values are int64 symbols, got {v.dtype}; use ip.discrete(a)"
            )
        if self.kind == "continuous":
            if v.dtype not in (np.float32, np.float64):
                raise InputError(
                    f"{self.name}: continuous values are float32 or float64, got {v.dtype}; use "
                    "ip.continuous(a)"
                )
            low, high = float(v.min()), float(v.max())
            if not (math.isfinite(low) and math.isfinite(high)):
                bad = int((~np.isfinite(v)).any(axis=1).sum())
                raise InputError(
                    f"{self.name}: {bad} of {v.shape[0]} rows hold NaN or infinity; find the step "
                    "where they appear before measuring"
                )
            if (largest := max(abs(low), abs(high))) and not SMALLEST <= largest <= 1 / SMALLEST:
                raise InputError(
                    f"{self.name}: the largest value is {largest:.3g}, whose square no float64 can "
                    "hold; multiply all values by one constant first"
                )
            object.__setattr__(self, "largest", largest)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    @property
    def dim(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def take(self, rows: NDArray[np.integer]) -> Variable:
        """Return the same variable on some of its rows."""
        return Variable(self.name, self.values[rows], self.kind, self.notes)


def _two_dimensional(a: ArrayLike, name: str) -> NDArray[np.generic]:
    v = to_numpy(a)
    if v.ndim == 0:
        raise InputError(f"{name}: expected rows, got a single number")
    if v.ndim == 1:
        v = v[:, None]
    return np.ascontiguousarray(v.reshape(v.shape[0], -1) if v.shape[0] else v.reshape(0, 1))


def continuous(a: ArrayLike, name: str = "values") -> Variable:
    """Return a continuous `Variable` from ``(n,)`` or ``(n, ...)``, flattened to ``(n, dim)``.

    float32 and float64 are kept; float16 and integers become float32 and float64, and so does a
    float32 layer of a scale beyond 1e15 or below 1e-15.

    Raises:
        InputError: not numeric, empty, NaN or infinity.

    Example:
        >>> continuous([0.0, 0.5, 1.0]).values.shape
        (3, 1)
    """
    v = _two_dimensional(a, name)
    if v.dtype == np.float16:
        v = v.astype(np.float32)
    elif v.dtype.kind in "iub" or (v.dtype.kind == "f" and v.dtype not in (np.float32, np.float64)):
        v = v.astype(np.float64)
    if v.dtype.kind != "f":
        raise InputError(
            f"{name}: expected real numbers, got dtype {v.dtype}; complex values, strings and "
            "objects are not continuous"
        )
    if v.dtype.byteorder not in ("=", "|"):
        v = v.astype(v.dtype.newbyteorder("="))
    if (
        v.dtype == np.float32
        and v.size
        and (largest := max(abs(float(v.min())), abs(float(v.max()))))
        and not 1e-15 <= largest <= 1e15
    ):
        v = v.astype(np.float64)  # squares of such values overflow or vanish in float32
    return Variable(name, v, "continuous")


def discrete(a: ArrayLike, name: str = "values") -> Variable:
    """Return a discrete `Variable` from symbols of shape ``(n,)`` or ``(n, columns)``.

    A row of several columns is one symbol.

    Integers and booleans are kept; floats and strings are coded per column by their sorted distinct
    values.

    Raises:
        InputError: empty, NaN, or a dtype that has no order.

    Example:
        >>> discrete(["cat", "dog", "cat"]).values.ravel().tolist()
        [0, 1, 0]
    """
    v = _two_dimensional(a, name)
    if v.dtype.kind == "f" and np.isnan(v).any():
        raise InputError(
            f"{name}: NaN is not a symbol; {int(np.isnan(v).any(axis=1).sum())} rows hold NaN"
        )
    if v.dtype.kind == "u" and v.dtype.itemsize == 8:
        codes = v.view(np.int64)
    elif v.dtype.kind in "iub":
        codes = v.astype(np.int64)
    else:
        try:
            columns = [
                np.unique(v[:, j], return_inverse=True)[1].reshape(-1) for j in range(v.shape[1])
            ]
        except TypeError as error:
            raise InputError(
                f"{name}: expected integers, booleans, floats or strings, got mixed objects"
            ) from error
        codes = np.stack(columns, axis=1).astype(np.int64) if columns else v.astype(np.int64)
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
