"""How much an estimator's number depends on how a layer is written down.

Invertible maps that must not move it, losses that must.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import (
    Estimators,
    Run,
    estimators_of,
    open_run,
    require_variables,
    require_whole,
    step_of,
)
from infoplane.analysis.measuring.plane_point import layers_of
from infoplane.analysis.measuring.variables import input_variable, label_variable
from infoplane.contract import Estimator
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Quantity, Variable, continuous
from infoplane.types.arrays import Floats

Map = Callable[[Floats, Generator], Floats]


def _rotation(z: Floats, rng: Generator) -> Floats:
    return np.asarray(z @ np.linalg.qr(rng.normal(size=(z.shape[1], z.shape[1])))[0])


def _monotone(z: Floats, rng: Generator) -> Floats:
    scale = np.where(z.std(axis=0) > 0, z.std(axis=0), 1.0)
    scaled = z / scale
    return np.asarray(scale * (scaled + 0.5 * scaled**3))


def _coupling(z: Floats, rng: Generator) -> Floats:
    """Return one half of the units scaled and shifted by functions of the other half.

    Invertible, not linear.
    """
    half = z.shape[1] // 2
    if half < 1:
        return _affine(z, rng)
    still, moved = z[:, :half], z[:, half:]
    shift = np.tanh(still @ rng.normal(size=(half, moved.shape[1])) / np.sqrt(half))
    return np.concatenate([still, moved * np.exp(0.5 * shift) + shift], axis=1)


def _affine(z: Floats, rng: Generator) -> Floats:
    return np.asarray(z * np.exp(rng.normal(size=z.shape[1])) + rng.normal(size=z.shape[1]))


INVERTIBLE: dict[str, Map] = {
    "permutation": lambda z, rng: z[:, rng.permutation(z.shape[1])],
    "scale x10": lambda z, rng: 10.0 * z,
    "per-unit affine": _affine,
    "sign": lambda z, rng: z * rng.choice([-1.0, 1.0], z.shape[1]),
    "rotation": _rotation,
    "per-unit monotone": _monotone,
    "affine coupling": _coupling,
}
"""Maps under which I(X;Z) and I(Z;Y) are unchanged, by theorem."""

CONTROLS: dict[str, Map] = {
    "half of the units": lambda z, rng: z[
        :, rng.permutation(z.shape[1])[: max(1, z.shape[1] // 2)]
    ],
    "noise added": lambda z, rng: z + z.std() * rng.normal(size=z.shape),
}
"""Losses, which must move a number that measures anything."""


@dataclass(frozen=True)
class Invariance:
    """The battery's result for one estimator, layer and quantity, in bits.

    Attributes:
        value: on the layer as it is.
        changes: per transform ``|I(psi Z) - I(Z)|``; controls as signed losses ``I(Z) - I(changed
            Z)``.
        error: the largest change over invertible maps: what part of the number is notation.
        sensitivity: ``I(Z) - I(half of the units)``.
        discriminability: ``sensitivity / (sensitivity + error)`` in [0, 1], 0 where halving the
            layer lowers nothing. Exact codes: perfectly invariant and useless, 0.
    """

    estimator: str
    layer: str
    quantity: Quantity
    value: float
    changes: dict[str, float]
    error: float
    sensitivity: float
    discriminability: float


def invariance_of(
    estimator: str | Estimator,
    z: Variable,
    other: Variable,
    *,
    layer: str = "",
    quantity: Quantity = "i_zy",
    seed: int = 0,
) -> Invariance:
    """Run the battery on one layer, shape ``(n, dim)``, against row ids, inputs or labels.

    Args:
        estimator: or its spec.
        z: the layer.
        other: row ids, inputs or labels of the same rows.
        layer, quantity: what to call it.
        seed: of the maps, and of estimators that draw.

    Raises:
        EstimatorError: the estimator refuses the layer, or the layer is not continuous.

    Example:
        >>> from infoplane.analysis.estimators import parse
        >>> from infoplane.types import discrete
        >>> z = np.random.default_rng(0).normal(size=(200, 4))
        >>> found = invariance_of(parse("bin:quantile,n=4"), continuous(z), discrete(z[:, 0] > 0))
        >>> found.changes["per-unit monotone"]
        0.0
    """
    require_variables(z, other)
    estimator = parse(estimator)
    if z.kind != "continuous":
        raise EstimatorError(f"the battery transforms continuous layers, {z.name} is discrete")
    values = z.values.astype(np.float64)

    def bits(rows: Floats) -> float:
        rng = np.random.default_rng(seed)
        return estimator.estimate(continuous(rows, z.name), other, rng=rng).bits

    base = bits(values)
    changes: dict[str, float] = {}
    for number, (name, psi) in enumerate(INVERTIBLE.items()):
        changes[name] = abs(bits(psi(values, np.random.default_rng([seed, number]))) - base)
    losses: dict[str, float] = {}
    for number, (name, psi) in enumerate(CONTROLS.items(), 100):
        losses[name] = base - bits(psi(values, np.random.default_rng([seed, number])))
    error, sensitivity = max(changes.values()), losses["half of the units"]
    gained = max(sensitivity, 0.0)
    return Invariance(
        estimator.name,
        layer or z.name,
        quantity,
        base,
        changes | losses,
        error,
        sensitivity,
        gained / (gained + error) if gained > 1e-12 else 0.0,
    )


def invariance(
    archive: Run,
    estimators: Estimators = (
        "bin:szt",
        "bin:quantile,n=30",
        "kde:relative=0.1",
        "exact",
    ),
    *,
    step: int | None = None,
    layers: Sequence[str] | None = None,
    quantity: Quantity = "i_zy",
    seed: int = 0,
) -> list[Invariance]:
    """Return the battery over the layers of one checkpoint (the last when left out).

    The error is the largest ``|I(psi Z) - I(Z)|`` over invertible maps psi, which leave the true
    information as it is; the sensitivity is the loss when half of the units are left out.
    V-information is refused: to change under an invertible map is its meaning.

    When it lies: redundant units make the loss of half of them small, whatever the estimator; a map
    that moves a layer beyond the cells of a fixed rule tells of the cells alone.

    Args:
        archive: a run or its path.
        estimators: specs or estimators.
        step: the checkpoint.
        layers: some of the run's; all by default.
        quantity: ``i_xz`` or ``i_zy``.
        seed: of the maps, and of estimators that draw.

    Raises:
        InputError: unknown step or layer, no labels for ``i_zy``, or an estimator that the data
            processing inequality does not concern.
    """
    require_whole(0, seed=seed)
    if quantity not in ("i_xz", "i_zy"):
        raise InputError(f"quantity: expected i_xz or i_zy, got {quantity!r}")
    archive = open_run(archive)
    step = step_of(archive, step)
    found = []
    for estimator in estimators_of(estimators):
        if estimator.traits.dpi_exempt:
            raise InputError(
                f"{estimator.name} measures usable information: that it changes under invertible "
                "maps is its meaning"
            )
        other = (
            label_variable(archive, estimator)
            if quantity == "i_zy"
            else input_variable(archive, estimator)
        )
        if other is None:
            raise InputError(f"{archive.path}: no labels, so no I(Z;Y); give quantity='i_xz'")
        if not estimator.supports("continuous", other.kind):
            continue
        for name in layers_of(archive, layers):
            layer = continuous(archive.z(step, name), name)
            found.append(invariance_of(estimator, layer, other, quantity=quantity, seed=seed))
    if not found:
        raise InputError("none of the estimators takes this archive's variables")
    return found
