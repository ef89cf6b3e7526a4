"""Whether a point of the plane may be believed.

Numbers that cannot be, truths that are infinite, layers that draw noise.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from infoplane.analysis.estimators.cells import symbols_of
from infoplane.analysis.estimators.limits import SLACK_BITS, require_possible
from infoplane.analysis.measuring.large_layers import is_large
from infoplane.archive import Archive
from infoplane.contract import Estimator, Points, Traits
from infoplane.errors import EstimatorError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Variable

_ROW_BITS = 3.0
"""Generous standard deviation, in bits, of what one row adds to an estimate that states no error.
"""
_INFINITE = (
    "if {b} is a function of {a} alone, I({a};{b}) is infinite: compare such numbers at one N only"
)
_MOST_PAIRS = 256
_NOISE = 1e-3
"""Relative difference of two passes of one input from which they differ by more than rounding."""


def possible(
    estimator: Estimator, a: Variable, b: Variable, rng: np.random.Generator | None
) -> Estimate:
    """Estimate I(a;b) where it can be one, with a note where the truth is infinite.

    Args:
        estimator: of the two.
        a, b: paired rows.
        rng: for estimators that draw.

    Raises:
        EstimatorError: the estimator refuses, or its number is outside [0, H] by more than its
            error.
    """
    found = estimator.estimate(a, b, rng=rng)
    require_estimate(found, estimator.name)
    if estimator.traits.measures != "information" or estimator.traits.obeys_bounds:
        return found
    symbols = [side for side in (a, b) if side.kind == "discrete"]
    ceilings = [(symbols_of(side).bits, f"H({side.name})") for side in symbols]
    ceiling, words = min([*ceilings, (float(np.log2(a.n)), "log2 N")])
    require_possible(
        found,
        ceiling=ceiling,
        ceiling_words=words,
        remedy="the estimator does not fit this layer: choose another one",
        slack=SLACK_BITS + (0.0 if found.stderr is not None else _ROW_BITS / float(np.sqrt(a.n))),
    )
    if symbols or symbols_of(a).number < a.n:
        return found
    return replace(found, notes=(*found.notes, _INFINITE.format(a=a.name, b=b.name)))


def whole_layer_note(archive: Archive, layer: str) -> tuple[str, ...]:
    """Return the note of a number made of a layer's digests where less is stored."""
    reduction = archive.layer_info(layer).reduction
    if reduction in ("none", "flatten"):
        return ()
    return (f"of the whole layer, not of what {reduction} keeps of it",)


def require_estimate(found: object, name: str) -> None:
    """Refuse a result that is no estimate, or whose error or interval is none.

    Args:
        found: what an estimator returned.
        name: of the estimator.

    Raises:
        EstimatorError: with what was expected and what came.
    """
    if not isinstance(found, Estimate):
        raise EstimatorError(f"{name}: expected an Estimate, got {type(found).__name__}")
    if found.stderr is not None and not 0 <= found.stderr < math.inf:
        raise EstimatorError(f"{name}: a standard error is a number from 0 up, got {found.stderr}")
    if found.low is not None and found.high is not None and not found.low <= found.high:
        raise EstimatorError(
            f"{name}: an interval ends above where it begins, got {found.low} to {found.high}"
        )


def require_own(found: Points, estimator: Estimator, n: int) -> None:
    """Refuse points that are none of the plane, or none of this estimator.

    Args:
        found: its points.
        estimator: that made them.
        n: rows of the run.

    Raises:
        EstimatorError: another quantity than I(X;Z) and I(Z;Y), no `Estimate`, another name, or
            another number of rows.
    """
    for quantity, estimate in found:
        if quantity not in ("i_xz", "i_zy"):
            raise EstimatorError(
                f"{estimator.name}: a point is of i_xz or of i_zy, got {quantity!r}"
            )
        require_estimate(estimate, estimator.name)
        if estimate.estimator != estimator.name or estimate.n != n:
            raise EstimatorError(
                f"{estimator.name}: an estimate carries the name of its estimator and the number "
                f"of its rows, {n}; got {estimate.estimator!r} and {estimate.n}"
            )


def draws_note(archive: Archive, layer: str, traits: Traits) -> tuple[str, ...]:
    """Return the note of an I(X;Z) of cells or kernels where the layer draws noise.

    X enters as the number of its row. Each input comes once, so that what noise adds to a row
    looks like information about X.

    Args:
        archive: the run.
        layer: its name.
        traits: of the estimator.
    """
    if archive.chain is None or layer not in archive.chain.drawn:
        return ()
    if traits.measures != "coarsened" or traits.x_as == "values":
        return ()
    return (
        f"{layer} draws noise: cells count the draws too, so that this is no I(X;Z) but the "
        "entropy of its coarsened rows; use knn or noisy",
    )


def noise_seen(archive: Archive, step: int, layer: str) -> str:
    """Return what shows that a layer draws noise: two forwards or equal inputs that differ.

    Empty where nothing does.

    Args:
        archive: the run.
        step, layer: where.
    """
    if archive.chain is not None and layer in archive.chain.drawn:
        return (
            f"{layer} draws noise (two forwards of the same rows differ): its exact rows count "
            "the draws, not the information; use knn or noisy"
        )
    if is_large(archive, layer) or not archive.row_info.determines_layers:
        return ""  # equal tokens in other sentences differ without noise
    order = np.argsort(archive.row_ids, kind="stable")
    ids = archive.row_ids[order]
    again = np.flatnonzero(ids[1:] == ids[:-1])[:_MOST_PAIRS]
    if not len(again):
        return ""
    values = np.asarray(archive.z(step, layer), np.float64).reshape(archive.n_rows, -1)
    one, other = values[order[again]], values[order[again + 1]]
    scale = float(np.abs(values).max()) or 1.0
    differ = int((np.abs(one - other).max(axis=1) > _NOISE * scale).sum())
    if not differ:
        return ""
    return (
        f"{layer} draws noise, or sees other rows ({differ} of {len(again)} repeated inputs came "
        "out different): its exact rows count the draws, not the information; use knn or noisy"
    )


def refuse_lone_symbols(x: Variable, estimator: Estimator) -> None:
    """Refuse I(X;Z) of a density fit where X is symbols most of which one row has.

    Nothing is near a name.

    Raises:
        EstimatorError: more than half of the rows are alone with their symbol.
    """
    if x.kind != "discrete":
        return
    alone = int((np.unique(row_codes(x.values), return_counts=True)[1] == 1).sum())
    if 2 * alone > x.n:
        raise EstimatorError(
            f"{estimator.name}: X holds symbols, not amounts, and {alone} of {x.n} rows are alone "
            "with theirs: choose exact or bin; if the integers are amounts, record with "
            "x_kind='continuous'"
        )
