"""What was given for the samples of an import: inputs, identities, split."""

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
    """n samples, of which the arrays of the layers hold one row each.

    Attributes:
        n: how many.
        inputs: by name, shape ``(n, ...)``; none where they are not at hand.
        ids: shape ``(n,)``, equal for equal samples.
        split: shape ``(n,)``, one word for each.
        y_kind, x_kind: what labels and inputs are, where that was said.
    """

    n: int
    inputs: Mapping[str, Array]
    ids: Array | None
    split: Array | None
    y_kind: str | None
    x_kind: str | None

    @property
    def told_apart(self) -> str:
        """By what samples are known to be equal."""
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
    """Check that what was given pairs with the n samples of the layers.

    Args:
        n: samples of the layers.
        inputs: shape ``(n, ...)``, or a mapping of names to such arrays, or None.
        row_ids, split: shape ``(n,)``, or None.
        y: labels; an array pairs with the samples too.
        y_kind, x_kind: what labels and inputs are, where that was said.

    Raises:
        InputError: arrays of other lengths.
    """
    given = {} if inputs is None else inputs if isinstance(inputs, Mapping) else {"x": inputs}
    arrays = {str(name): to_numpy(array) for name, array in given.items()}
    labels = None if isinstance(y, (str, Mapping)) else y
    more: dict[str, Any] = {"row_ids": row_ids, "split": split, "y": labels}  # Any: array-likes
    for name, array in [*arrays.items(), *more.items()]:
        if array is not None and len(array) != n:
            raise InputError(
                f"{name} has {len(array)} rows and the layers have {n}; they must pair"
            )
    ids = None if row_ids is None else to_numpy(row_ids)
    words = None if split is None else np.asarray(split)
    return Samples(n, arrays, ids, words, y_kind, x_kind)
