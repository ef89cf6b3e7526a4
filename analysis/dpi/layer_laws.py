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
    i_xz = {(g.estimator, g.sense): g.bits for g in grids if g.quantity == "i_xz"}
    for grid in grids:
        if not carries_bits(plane, grid.estimator):
            continue
        name, entropy, of = (
            ("I(X;Z)", plane.h_x_bits, "H(X)")
            if grid.quantity == "i_xz"
            else ("I(Z;Y)", plane.h_y_bits, "H(Y)")
        )
        excesses = {f"{name} >= 0": -grid.bits}
        if entropy is not None:
            excesses[f"{name} <= {of}"] = grid.bits - entropy
        if (
            grid.quantity == "i_zy"
            and plane.row_info.determines_layers
            and (above := i_xz.get((grid.estimator, grid.sense))) is not None
        ):
            excesses["I(Z;Y) <= I(X;Z)"] = grid.bits - above
        by_arithmetic = traits_of(grid.estimator).obeys_bounds
        for law, excess in excesses.items():
            compared += int(np.count_nonzero(~np.isnan(excess)))
            for step, layer in np.argwhere(excess > tolerance_bits(plane, grid.estimator)).tolist():
                found.append(
                    _broken(
                        law,
                        plane.steps[step],
                        grid.layers[layer],
                        grid.estimator,
                        float(excess[step, layer]),
                        by_arithmetic,
                        noisy=plane.chain is not None and grid.layers[layer] in plane.chain.noisy,
                    )
                )
    return compared, found


def _broken(
    law: str,
    step: int,
    layer: str,
    estimator: str,
    excess: float,
    by_arithmetic: bool,
    *,
    noisy: bool,
) -> Finding:
    if noisy and law == "I(X;Z) <= H(X)":
        text = (
            f"{layer} draws noise, so that the entropy of its cells is not I(X;Z): it exceeds H(X) "
            f"by {excess:.3f} bits"
        )
        return Finding(law, step, layer, layer, excess, "not comparable", text, estimator=estimator)
    verdict: Verdict = "violation" if by_arithmetic else "estimator"
    text = (
        f"{law} fails by {excess:.3f} bits at {layer}, and {estimator} obeys it by arithmetic: a "
        "bug in the estimator or the capture"
        if by_arithmetic
        else f"{law} fails by {excess:.3f} bits at {layer}: {estimator} is no plug-in, its error "
        "exceeds the law here"
    )
    return Finding(law, step, layer, layer, excess, verdict, text, estimator=estimator)
