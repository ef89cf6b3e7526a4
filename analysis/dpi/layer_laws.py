"""The laws that hold for one layer alone, whatever the network.

Bounds by entropies and by each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.units import carries_bits
from infoplane.grids import Grid
from infoplane.plane import Plane
from infoplane.types import Finding, Verdict
from infoplane.types.arrays import Floats


def tolerance_bits(plane: Plane, estimator: str = "") -> float:
    """Return max(0.01 bit, 1 % of min(H(Y), log2 N)); 0.02 bit for neighbours."""
    scale = plane.log2_n if plane.h_y_bits is None else min(plane.h_y_bits, plane.log2_n)
    least = traits_of(estimator).tolerance_bits
    return max(least, 0.01 * scale)


def broken_laws(plane: Plane, grids: Sequence[Grid]) -> tuple[int, list[Finding]]:
    """Check 0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <= H(Y) and I(Z;Y) <= I(X;Z) at every point.

    I(Z;Y) <= I(X;Z) is asked where X is all that reaches a row. Returns how many comparisons were
    made, and a finding for each excess beyond the tolerance.
    """
    compared, found = 0, []
    noisy = () if plane.chain is None else plane.chain.noisy
    for grid in grids:
        spec = grid.estimator
        if not carries_bits(plane, spec):
            continue
        by_arithmetic = traits_of(spec).obeys_bounds
        for law, excess in _excesses(plane, grid, grids).items():
            compared += int(np.count_nonzero(~np.isnan(excess)))
            for row, column in np.argwhere(excess > tolerance_bits(plane, spec)).tolist():
                step, layer, bits = (
                    plane.steps[row],
                    grid.layers[column],
                    float(excess[row, column]),
                )
                verdict, text = _cause(
                    law, layer, spec, bits, noisy=layer in noisy, by_arithmetic=by_arithmetic
                )
                found.append(Finding(law, step, layer, layer, bits, verdict, text, estimator=spec))
    return compared, found


def _excesses(plane: Plane, grid: Grid, grids: Sequence[Grid]) -> dict[str, Floats]:
    """Return by how many bits each law fails, shape ``(steps, layers)``; below 0 where it holds."""
    name, entropy, of = "I(X;Z)", plane.h_x_bits, "H(X)"
    if grid.quantity == "i_zy":
        name, entropy, of = "I(Z;Y)", plane.h_y_bits, "H(Y)"
    excesses = {f"{name} >= 0": -grid.bits}
    if entropy is not None:
        excesses[f"{name} <= {of}"] = grid.bits - entropy
    if grid.quantity == "i_zy" and plane.row_info.determines_layers:
        for other in grids:
            alike = (other.estimator, other.sense) == (grid.estimator, grid.sense)
            if alike and other.quantity == "i_xz":
                excesses["I(Z;Y) <= I(X;Z)"] = grid.bits - other.bits
    return excesses


def _cause(
    law: str, layer: str, spec: str, excess: float, *, noisy: bool, by_arithmetic: bool
) -> tuple[Verdict, str]:
    """Return the verdict on a broken law, and why."""
    if noisy and law == "I(X;Z) <= H(X)":
        return "not comparable", (
            f"{layer} draws noise, so that the entropy of its cells is not I(X;Z): it exceeds H(X) "
            f"by {excess:.3f} bits"
        )
    fails = f"{law} fails by {excess:.3f} bits at {layer}"
    if by_arithmetic:
        return "violation", (
            f"{fails}, and {spec} obeys it by arithmetic: a bug in the estimator or the capture"
        )
    return "estimator", f"{fails}: {spec} is no plug-in, its error exceeds the law here"
