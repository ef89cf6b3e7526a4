"""Planes of runs, and their curves over training as the papers read them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import infoplane as ip
from infoplane.archive import Archive
from infoplane.plane import Plane, Point
from infoplane.types import Estimate, Quantity


def planes_of(
    archives: Sequence[Archive],
    specs: list[str],
    layers: list[str] | None = None,
    *,
    at_end: bool = False,
) -> list[Plane]:
    """Return the plane of every run.

    Args:
        archives: one for every seed.
        specs: the estimators.
        layers: only these.
        at_end: only the last checkpoint.
    """
    planes = []
    for archive in archives:
        steps = [archive.steps[-1]] if at_end else None
        planes.append(ip.measure(archive, specs, layers=layers, steps=steps, workers=2))
    return planes


def plane_from(archive: Archive, points: Sequence[Point]) -> Plane:
    """Return the plane of points that were computed from a run."""
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


def final_bits(planes: Sequence[Plane], layer: str, spec: str, quantity: Quantity) -> list[float]:
    """Return for every seed the bits after training.

    Args:
        planes: one for every seed.
        layer, spec, quantity: which curve.
    """
    return [bits_of(plane, layer, spec, quantity)[-1] for plane in planes]


def curves_of(
    planes: Sequence[Plane], layers: Sequence[str], spec: str, quantity: Quantity = "i_xz"
) -> dict[str, list[list[float]]]:
    """Return by layer one curve for every seed.

    Args:
        planes: one for every seed.
        layers, spec, quantity: which curves.
    """
    found = {}
    for layer in layers:
        found[layer] = [bits_of(plane, layer, spec, quantity) for plane in planes]
    return found


def difference_in_errors(later: Estimate, earlier: Estimate) -> float:
    """Return a difference in units of its standard error, of two independent estimates."""
    error = math.hypot(later.stderr or 0.0, earlier.stderr or 0.0)
    return (later.bits - earlier.bits) / error


def fall(curve: Sequence[float]) -> float:
    """Return how far a curve falls from its largest to its last value."""
    return max(curve) - curve[-1]


def drops(planes: Sequence[Plane], layer: str, spec: str) -> list[float]:
    """Return for every seed the fall of I(X;Z) in bits, as the papers read their figures.

    Args:
        planes: one for every seed.
        layer, spec: which curve.
    """
    return [fall(bits_of(plane, layer, spec)) for plane in planes]


def drops_of_layers(plane: Plane, layers: Sequence[str], spec: str) -> list[float]:
    """Return for every layer the fall of I(X;Z) in bits.

    Args:
        plane: of one seed.
        layers, spec: which curves.
    """
    return [fall(bits_of(plane, layer, spec)) for layer in layers]


def mean_drops(planes: Sequence[Plane], layers: Sequence[str], spec: str) -> list[float]:
    """Return for every seed the mean fall of I(X;Z) in bits over some layers.

    Args:
        planes: one for every seed.
        layers, spec: which curves.
    """
    return [statistics.mean(drops_of_layers(plane, layers, spec)) for plane in planes]
