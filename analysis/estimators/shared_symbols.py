"""Rows whose symbol another row shares: neighbours within a class need two."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of
from infoplane.types import Variable
from infoplane.types.arrays import Codes, Mask

_MOST_ALONE = 1 / 3


def in_company(codes: Codes) -> Mask:
    """Return which rows share their symbol with another row, shape ``(n,)``.

    Args:
        codes: shape ``(n,)``; dense codes of the symbols.

    Raises:
        EstimatorError: none does.
    """
    shared = counts_of(codes)[codes] > 1
    if not shared.any():
        raise EstimatorError(
            "every class has one row: there is no neighbour within a class; give labels, not row "
            "ids"
        )
    return shared


def with_shared_symbols(
    a: Variable, b: Variable, *, of: Variable | None = None
) -> tuple[Variable, Variable, list[str]]:
    """Return the rows whose symbol has another row, and a note; all rows of two continuous
    variables.

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
        of: the one whose symbols count; None for both.

    Raises:
        EstimatorError: every symbol has one row, or more than a third of the rows are alone.
    """
    for v in (a, b):
        if v.kind != "discrete" or (of is not None and v is not of):
            continue
        kept = in_company(codes_of(v))
        alone = v.n - int(kept.sum())
        if alone > _MOST_ALONE * v.n:
            raise EstimatorError(
                f"{alone} of {v.n} rows ({alone / v.n:.0%}) are alone with their symbol of "
                f"{v.name}: the number would fall as symbols become more; give more rows, or fewer "
                "symbols"
            )
        if alone:
            note = (
                f"{alone} of {v.n} rows ({alone / v.n:.0%}) left out: no other row has their "
                f"symbol of {v.name}; the number is about the others"
            )
            rows = np.flatnonzero(kept)
            return a.take(rows), b.take(rows), [note]
    return a, b, []
