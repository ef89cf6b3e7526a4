"""The samples of an import: inputs, identities, split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from infoplane.errors import InputError
from infoplane.rows import row_codes, row_digests
from infoplane.types.arrays import Array, Ids, to_numpy


@dataclass(frozen=True, eq=False)
class Samples:
    """The n samples of an import; arrays of layers hold one row for each.

    Attributes:
        n: how many.
        inputs: by name, shape ``(n, ...)``; none where the user gives none.
        ids: shape ``(n,)``, equal for equal samples.
        split: shape ``(n,)``, ``train`` or ``test`` for each.
        y_kind, x_kind: kind of labels and inputs, where the user gives it.
    """

    n: int
    inputs: Mapping[str, Array]
    ids: Array | None
    split: Array | None
    y_kind: str | None
    x_kind: str | None

    @property
    def told_apart(self) -> str:
        """By what equal samples are recognised."""
        if self.inputs:
            return "inputs"
        return "all different" if self.ids is None else "row_ids"

    def codes(self) -> Ids:
        """Return ids that are equal for equal inputs, shape ``(n,)``."""
        digests = [row_digests(array) for array in self.inputs.values()]
        return row_codes(np.concatenate(digests, axis=1))


def samples_of(
    n: int,
    inputs: object,
    *,
    row_ids: object,
    split: object,
    y: object,
    y_kind: str | None,
    x_kind: str | None,
) -> Samples:
    """Return the samples, after checking that all arrays have n rows.

    Args:
        n: samples of the layers.
        inputs: shape ``(n, ...)``, or a mapping of names to such arrays, or None.
        row_ids, split: shape ``(n,)``, or None.
        y: labels; an array pairs with the samples too.
        y_kind, x_kind: kind of labels and inputs, where the user gives it.

    Raises:
        InputError: arrays of other lengths.
    """
    by_name = inputs if isinstance(inputs, Mapping) else {"x": inputs}
    arrays = {str(name): to_numpy(array) for name, array in by_name.items() if array is not None}
    labels = None if isinstance(y, (str, Mapping)) else y
    others: dict[str, Any] = {"row_ids": row_ids, "split": split, "y": labels}  # Any: array-likes
    for name, array in (*arrays.items(), *others.items()):  # an input may be named y, too
        if array is not None and len(array) != n:
            raise InputError(
                f"{name} has {len(array)} rows, expected {n}, as the layers have; give one for "
                "each row"
            )
    ids = None if row_ids is None else to_numpy(row_ids)
    names = None if split is None else np.asarray(split)
    return Samples(n, arrays, ids, names, y_kind, x_kind)
