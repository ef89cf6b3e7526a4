"""I(X;Z) of bins against the width of the bins.

The curve behind every single number of a binned plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of, entropy_bits
from infoplane.analysis.kernels.cells import floor_keys
from infoplane.analysis.measuring.arguments import Run, open_run, require_known
from infoplane.analysis.measuring.choose import evenly_spread
from infoplane.errors import InputError
from infoplane.rows import codes_of_keys, row_codes
from infoplane.types import continuous
from infoplane.types.arrays import Floats

WIDTHS, MOST_STEPS = 30, 5


@dataclass(frozen=True)
class WidthSweep:
    """H(floor(Z / width)) of one layer, in bits.

    It is I(X;Z) of these bins where equal inputs give equal rows.

    Attributes:
        layer: whose.
        steps: checkpoints.
        widths: ascending, in the units of the activation.
        bits: shape ``(steps, widths)``.
        exact: per step the entropy of the exact rows: what no width exceeds, and what the narrowest
            reach.
        n: rows; log2 n is what no table of n rows exceeds.
    """

    layer: str
    steps: tuple[int, ...]
    widths: tuple[float, ...]
    bits: Floats
    exact: tuple[float, ...]
    n: int


def width_sweep(
    archive: Run,
    layer: str,
    *,
    widths: Sequence[float] | None = None,
    steps: Sequence[int] | None = None,
) -> WidthSweep:
    """Return the entropy of one layer's cells for every width at once, from its stored values.

    Args:
        archive: a run or its path.
        layer: one of its layers.
        widths: cell widths of `bin:saxe`; left out, 30 from a thousandth of the layer's largest
            magnitude up to its double.
        steps: checkpoints; left out, up to five from first to last, evenly spaced in their order.

    When it lies: as every binned number. A width says how far apart two rows must be to count as
    different, and the curve shows how much of a rise or fall is that choice: checkpoints whose
    curves cross compress for one width and expand for another.

    Raises:
        InputError: no such layer or step, never captured, a width that is not positive, or values
            that are not finite.
    """
    archive = open_run(archive)
    captured = [step for step in archive.steps if archive.has(step, layer)]
    if not captured:
        raise InputError(f"{archive.path}: layer {layer!r} was never captured")
    require_known("steps", steps, captured)
    if steps is None:
        steps = evenly_spread(captured, MOST_STEPS)
    values = [continuous(archive.z(step, layer), layer).values for step in steps]
    if widths is None:
        largest = max(float(np.abs(rows).max(initial=0)) for rows in values) or 1.0
        widths = np.geomspace(largest / 1000, 2 * largest, WIDTHS).tolist()
    ascending = _positive(widths)
    bits = np.array([entropies_of_widths(rows, ascending) for rows in values])
    exact = tuple(entropy_bits(counts_of(row_codes(rows))) for rows in values)
    return WidthSweep(layer, tuple(steps), tuple(ascending), bits, exact, archive.n_rows)


def _positive(widths: object) -> list[float]:
    """Return the widths, ascending."""
    try:
        ascending = np.sort(np.asarray(widths, np.float64).reshape(-1))
    except (TypeError, ValueError):
        ascending = np.empty(0)
    if not len(ascending) or not np.isfinite(ascending).all() or ascending[0] <= 0:
        raise InputError(f"expected positive widths, got {widths}")
    return list(map(float, ascending))


def entropies_of_widths(z: NDArray[np.floating], widths: Sequence[float]) -> Floats:
    """Return the plug-in entropy in bits of the rows of ``floor(z / width)`` for every width.

    Args:
        z: shape ``(n, dim)``.
        widths: each positive.

    Raises:
        EstimatorError: values so large that their cells have no number.
    """
    counts = [counts_of(codes_of_keys(floor_keys(z, width))) for width in widths]
    return np.array([entropy_bits(cells) for cells in counts])
