"""Which numbers of a plane are bits.

Those alone are drawn on the plane and judged by laws of information.
"""

from __future__ import annotations

from infoplane.analysis.estimators.spec import traits_of
from infoplane.plane import Plane


def carries_bits(plane: Plane, spec: str) -> bool:
    """Return whether the numbers of an estimator are bits.

    Its traits say so, and its estimates.

    An estimator that is not installed here is known by its estimates alone.
    """
    if traits_of(spec).unit == "none":
        return False
    units = (point.estimate.unit for point in plane if point.estimator == spec)
    return next(units, "bits") == "bits"


def specs_in_bits(plane: Plane) -> tuple[str, ...]:
    """Return the estimators of a plane whose numbers are bits."""
    return tuple(spec for spec in plane.estimators if carries_bits(plane, spec))
