"""What no estimate can honestly exceed, as the pictures of one estimator show it."""

from __future__ import annotations

from collections.abc import Mapping

from infoplane.plane import Ceiling, Plane
from infoplane.types import Quantity

Ceilings = Mapping[Quantity, Ceiling]


def ceilings_of(plane: Plane, estimator: str) -> Ceilings:
    """Return log2 N and H(Y); of a continuous Y, the most that this estimator can give.

    That is the entropy of the labels in bins where it counts cells, log2 N where every row is a
    symbol of its own, and nothing where its numbers have no ceiling.

    Example:
        >>> from infoplane.plane import Point
        >>> from infoplane.types import Estimate
        >>> point = Point(0, "fc", "i_zy", Estimate(1.2, 600, "bin:szt", ceiling_bits=3.9069))
        >>> ceilings_of(Plane((point,), ("fc",), 600), "bin:szt")["i_zy"]
        Ceiling(name='H(bin(Y))', bits=3.9069)
    """
    ceilings = plane.ceilings
    if plane.h_y_bits is not None:
        return ceilings
    found = set()
    for point in plane:
        if point.estimator == estimator and point.quantity == "i_zy":
            found.add(point.estimate.ceiling_bits)
    stated = [bits for bits in found if bits is not None]
    if not stated or len(stated) < len(found):
        return ceilings
    highest = max(stated)
    rows = abs(highest - plane.log2_n) < 1e-6
    name = "log2 N" if rows else f"H(bin({plane.row_info.y}))"
    return {**ceilings, "i_zy": Ceiling(name, highest)}
