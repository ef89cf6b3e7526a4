"""Several runs of one kind: seeds, activations, data sets, side by side and pooled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from infoplane.errors import InputError
from infoplane.plane import Plane, require_plane
from infoplane.types import Quantity
from infoplane.types.arrays import Floats, Mask

CENTRES = ("median", "mean")
Item = TypeVar("Item", int, str)


@dataclass(frozen=True)
class Pooled:
    """One layer's curve over several runs, in bits.

    Attributes:
        layer: its name.
        quantity: ``i_xz`` or ``i_zy``.
        estimator: spec.
        names: the runs.
        steps: checkpoints that all runs share.
        values: shape ``(runs, steps)``, every run kept.
    """

    layer: str
    quantity: Quantity
    estimator: str
    names: tuple[str, ...]
    steps: tuple[int, ...]
    values: Floats

    @property
    def median(self) -> Floats:
        """Median over runs, shape ``(steps,)``."""
        return np.asarray(np.median(self.values, axis=0))

    def centre(self, how: str = "median") -> Floats:
        """Median or mean over runs, shape ``(steps,)``.

        Raises:
            InputError: neither of the two is asked for.
        """
        if how not in CENTRES:
            raise InputError(f"expected {' or '.join(CENTRES)}, got {how!r}")
        return np.asarray(self.values.mean(axis=0)) if how == "mean" else self.median

    def band(self) -> tuple[Floats, Floats]:
        """Return the smallest and the largest over runs; of a handful of runs a band is their
        range.
        """
        return self.values.min(axis=0), self.values.max(axis=0)


def sense_of(pooled: Pooled, planes: Mapping[str, Plane]) -> str:
    """Return which bound was pooled: the sense of the first run whose values these are."""
    plane = planes[pooled.names[0]]
    for sense in ("exact", "point", "upper", "lower"):
        steps, estimates = plane.series(pooled.layer, pooled.quantity, pooled.estimator, sense)
        bits = {step: estimate.bits for step, estimate in zip(steps, estimates, strict=True)}
        if [bits.get(step) for step in pooled.steps] == pooled.values[0].tolist():
            return sense
    return "point"


def mostly_saturated(pooled: Pooled, planes: Mapping[str, Plane]) -> Mask:
    """Return where more than half of the runs are saturated, shape ``(steps,)``."""
    sense = sense_of(pooled, planes)
    full = np.zeros(len(pooled.steps))
    for name in pooled.names:
        steps, estimates = planes[name].series(
            pooled.layer, pooled.quantity, pooled.estimator, sense
        )
        saturated = dict(zip(steps, [one.saturated for one in estimates], strict=True))
        full += [saturated.get(step, False) for step in pooled.steps]
    return np.asarray(full > len(pooled.names) / 2)


def _require_one_probe(planes: Mapping[str, Plane]) -> None:
    """Refuse planes of different probe sets.

    Their entropies and ceilings differ, a mean of them is of nothing.
    """
    probes: dict[str, list[str]] = {}
    for name, plane in planes.items():
        rows = f"{plane.n} rows, H(X) {plane.h_x_bits}, H(Y) {plane.h_y_bits}"
        probes.setdefault(plane.provenance.get("probe", rows), []).append(name)
    stated = {name for name, plane in planes.items() if "probe" in plane.provenance}
    sizes = {(plane.n, plane.h_x_bits, plane.h_y_bits) for plane in planes.values()}
    if len(sizes) > 1 or (len(stated) == len(planes) and len(probes) > 1):
        groups = "; ".join(", ".join(names) for names in probes.values())
        raise InputError(
            f"expected planes of one probe set, got {len(probes)} different ones ({groups}); "
            "record all runs with the same probe, or pool those that share one"
        )


def _in_all(several: Sequence[Collection[Item]]) -> list[Item]:
    """Return what all of several collections hold, in the order of the first."""
    shared = set(several[0]).intersection(*several[1:])
    return [item for item in several[0] if item in shared]


def pool(
    planes: Mapping[str, Plane], *, estimator: str | None = None, sense: str | None = None
) -> list[Pooled]:
    """Pool planes by layer and quantity under one estimator.

    Layers and steps that not all runs have are left out.

    Args:
        planes: by the name of their run.
        estimator: spec; the first that all planes have when left out.
        sense: which bound; as `Plane.series` when left out.

    Raises:
        InputError: fewer than 2 planes, planes of different probe sets, or no estimator, layer and
            step in common.
    """
    if not isinstance(planes, Mapping) or not all(
        isinstance(plane, Plane) for plane in planes.values()
    ):
        raise InputError(
            f"expected planes by the name of their run, such as {{'seed 0': plane}}, got {planes!r}"
        )
    if len(planes) < 2:
        raise InputError(f"expected at least 2 planes to compare, got {len(planes)}")
    for plane in planes.values():
        require_plane(plane, "comparing")
    _require_one_probe(planes)
    every = list(planes.values())
    shared = _in_all([plane.estimators for plane in every])
    spec = estimator or (shared[0] if shared else "")
    if spec not in shared:
        raise InputError(f"{spec or 'an estimator'} is not in all planes; they share {shared}")
    found = []
    quantities: tuple[Quantity, ...] = ("i_xz", "i_zy")
    for layer in _in_all([plane.layers for plane in every]):
        for quantity in quantities:
            curves = []
            for plane in every:
                steps, estimates = plane.series(layer, quantity, spec, sense)
                curves.append(dict(zip(steps, [one.bits for one in estimates], strict=True)))
            common = tuple(sorted(_in_all(curves)))
            if common:
                values = np.array([list(map(curve.__getitem__, common)) for curve in curves])
                found.append(Pooled(layer, quantity, spec, tuple(planes), common, values))
    if not found:
        raise InputError("the planes share no layer and step under this estimator")
    return found
