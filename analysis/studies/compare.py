"""Several runs of one kind: seeds, activations, data sets, side by side and pooled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import Quantity

CENTRES = ("median", "mean")


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
    values: NDArray[np.float64]

    @property
    def median(self) -> NDArray[np.float64]:
        """Median over runs, shape ``(steps,)``."""
        return np.asarray(np.median(self.values, axis=0))

    def centre(self, how: str = "median") -> NDArray[np.float64]:
        """Median or mean over runs, shape ``(steps,)``.

        Raises:
            InputError: neither of the two is asked for.
        """
        if how not in CENTRES:
            raise InputError(f"expected {' or '.join(CENTRES)}, got {how!r}")
        return np.asarray(self.values.mean(axis=0)) if how == "mean" else self.median

    def band(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def mostly_saturated(pooled: Pooled, planes: Mapping[str, Plane]) -> NDArray[np.bool_]:
    """Return where more than half of the runs are saturated, shape ``(steps,)``."""
    sense = sense_of(pooled, planes)
    full = np.zeros(len(pooled.steps))
    for name in pooled.names:
        steps, estimates = planes[name].series(
            pooled.layer, pooled.quantity, pooled.estimator, sense
        )
        at = {step for step, e in zip(steps, estimates, strict=True) if e.saturated}
        full += [step in at for step in pooled.steps]
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


def pool(
    planes: Mapping[str, Plane], *, estimator: str | None = None, sense: str | None = None
) -> list[Pooled]:
    """Pool planes by layer and quantity under one estimator.

    Layers and steps that not all runs have are left out.

    Raises:
        InputError: fewer than 2 planes, planes of different probe sets, or no estimator, layer and
            step in common.
    """
    if len(planes) < 2:
        raise InputError(f"expected at least 2 planes to compare, got {len(planes)}")
    every = list(planes.values())
    _require_one_probe(planes)
    shared = [e for e in every[0].estimators if all(e in p.estimators for p in every)]
    spec = estimator or (shared[0] if shared else "")
    if spec not in shared:
        raise InputError(f"{spec or 'an estimator'} is not in all planes; they share {shared}")
    layers = [name for name in every[0].layers if all(name in p.layers for p in every)]
    found = []
    quantities: tuple[Quantity, ...] = ("i_xz", "i_zy")
    for layer in layers:
        for quantity in quantities:
            curves = [
                dict(zip(*p.series(layer, quantity, spec, sense), strict=True)) for p in every
            ]
            steps = sorted(set.intersection(*(set(c) for c in curves))) if curves else []
            if steps:
                values = np.array([[c[s].bits for s in steps] for c in curves])
                found.append(Pooled(layer, quantity, spec, tuple(planes), tuple(steps), values))
    if not found:
        raise InputError("the planes share no layer and step under this estimator")
    return found
