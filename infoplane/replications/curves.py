"""Numbers of a plane as the papers read them: curves over training, their falls, their ends."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infoplane.archive import Archive
    from infoplane.plane import Plane, Point
    from infoplane.types import Estimate, Quantity


def plane_of(
    archive: Archive,
    specs: list[str],
    layers: list[str] | None = None,
    *,
    steps: list[int] | None = None,
) -> Plane:
    """Return the plane of a run; it is measured once, whoever asks.

    Args:
        archive: the run.
        specs: the estimators.
        layers, steps: only these.
    """
    import infoplane as ip

    return ip.measure(archive, specs, layers=layers, steps=steps, workers=2)


def plane_from(archive: Archive, points: Sequence[Point]) -> Plane:
    """Return the plane of points that were computed from a run."""
    from infoplane.plane import Plane

    return Plane(
        tuple(points),
        archive.layers,
        archive.n_rows,
        chain=archive.chain,
        metrics=archive.metrics,
        provenance={"archive": str(archive.path), "digest": archive.digest},
    )


def bits_of(plane: Plane, layer: str, spec: str, quantity: Quantity = "i_xz") -> list[float]:
    """Return one curve in bits, ascending in step.

    Args:
        plane: the plane.
        layer, spec, quantity: which curve.
    """
    return [estimate.bits for estimate in plane.series(layer, quantity, spec)[1]]


def curves(
    planes: Sequence[Plane], layers: Sequence[str], spec: str, quantity: Quantity = "i_xz"
) -> dict[str, list[list[float]]]:
    """Return by layer one curve for every seed.

    Args:
        planes: one for every seed.
        layers, spec, quantity: which curves.
    """
    return {layer: [bits_of(p, layer, spec, quantity) for p in planes] for layer in layers}


def difference_in_errors(later: Estimate, earlier: Estimate) -> float:
    """Return a difference in units of its standard error, of two independent estimates."""
    error = math.hypot(later.stderr or 0.0, earlier.stderr or 0.0)
    return (later.bits - earlier.bits) / error


def fall(curve: Sequence[float]) -> float:
    """Return how far a curve falls from its largest to its last value."""
    return max(curve) - curve[-1]


def drop(plane: Plane, layer: str, spec: str) -> float:
    """Return the fall of I(X;Z) in bits, as the papers read their figures.

    Args:
        plane: of one seed.
        layer, spec: which curve.
    """
    return fall(bits_of(plane, layer, spec))


def mean_drops(planes: Sequence[Plane], layers: Sequence[str], spec: str) -> list[float]:
    """Return for every seed the mean fall of I(X;Z) in bits over some layers.

    Args:
        planes: one for every seed.
        layers, spec: which curves.
    """
    return [statistics.mean(drop(plane, layer, spec) for layer in layers) for plane in planes]
