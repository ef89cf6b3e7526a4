"""One point of the plane: what one estimator says of one layer at one checkpoint."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from infoplane.analysis.measuring.large_layers import StoredRows
from infoplane.analysis.measuring.validity import (
    noise_seen,
    possible,
    refuse_lone_symbols,
    whole_layer_note,
)
from infoplane.analysis.measuring.variables import input_variable, label_variable, layer_variable
from infoplane.contract import (
    Estimator,
    SharesPlanePoint,
)
from infoplane.errors import EstimatorError, InputError
from infoplane.patterns import did_you_mean
from infoplane.types import Estimate, Kind, Quantity, Variable

if TYPE_CHECKING:
    from infoplane.archive import Archive


def cell_rng(seed: int, step: int, layer: str, spec: str) -> np.random.Generator:
    """Return the generator of one estimator in one cell.

    The same whatever the order of work or the number of workers.
    """
    return np.random.default_rng(
        [seed, step, zlib.crc32(layer.encode()), zlib.crc32(spec.encode())]
    )


def cells_of(
    archive: Archive, layers: Sequence[str] | None, steps: Sequence[int] | None
) -> Iterator[tuple[int, str]]:
    """Yield every (step, layer) that was captured, in the order of time and of the network.

    All of them, or those asked for.

    Raises:
        InputError: an unknown layer or step.
    """
    for what, wanted, known in (
        ("layers", layers, archive.layers),
        ("steps", steps, archive.steps),
    ):
        if unknown := [w for w in wanted or () if w not in known]:
            raise InputError(
                f"no such {what}: {unknown}; the archive has {list(known)}"
                f"{did_you_mean(str(unknown[0]), list(map(str, known)))}"
            )
    for step in archive.steps if steps is None else sorted(steps):
        for name in archive.layers:
            if (layers is None or name in layers) and archive.has(step, name):
                yield step, name


def points_of(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    rng: np.random.Generator,
    z: Variable | None = None,
) -> list[tuple[Quantity, Estimate]]:
    """Return I(X;Z) and I(Z;Y) of one cell by one estimator, as far as it supports their kinds.

    ``z`` where it has been read already.

    Raises:
        EstimatorError: it supports neither.
    """
    z = layer_variable(archive, step, layer, estimator) if z is None else z
    x, y = input_variable(archive, estimator), label_variable(archive, estimator)
    notes: tuple[str, ...] = ()
    if estimator.traits.wants == "row hashes":
        notes = whole_layer_note(archive, layer)
        if noise := noise_seen(archive, step, layer):
            if y is None:
                raise EstimatorError(f"{estimator.name}: no I(X;Z): {noise}")
            x, notes = None, (*notes, f"no I(X;Z): {noise}")
    found = with_notes(plane_points(estimator, x, z, y, rng), None, notes)
    if not found:
        raise EstimatorError(
            f"{estimator.name} supports neither I(X;Z) nor I(Z;Y) of this archive: Z is {z.kind}, "
            f"X {archive.x_kind}, Y {archive.y_kind}; choose exact or bin for symbols"
        )
    return found


def plane_points(
    estimator: Estimator,
    x: Variable | None,
    z: Variable,
    y: Variable | None,
    rng: np.random.Generator,
) -> list[tuple[Quantity, Estimate]]:
    """Estimate I(x;z) and I(z;y) as far as their kinds are supported.

    In one pass where there is one.

    Where one of the two is refused, the other says so in its notes.

    Raises:
        EstimatorError: all that is supported was refused.
    """
    if isinstance(estimator, SharesPlanePoint) and takes_both(estimator, x, z, y):
        return with_notes(estimator.estimate_plane_point(x, z, y, rng=rng), y, ())
    found: list[tuple[Quantity, Estimate]] = []
    refused: list[tuple[str, EstimatorError]] = []
    pairs: list[tuple[Quantity, str, Variable | None, Variable | None]] = [
        ("i_xz", "I(X;Z)", x, z),
        ("i_zy", "I(Z;Y)", z, y),
    ]
    for quantity, words, a, b in pairs:
        if a is not None and b is not None and estimator.supports(a.kind, b.kind):
            try:
                if a is x and estimator.traits.x_as == "values":
                    refuse_lone_symbols(a, estimator)
                found.append((quantity, possible(estimator, a, b, rng)))
            except EstimatorError as error:  # an infinite I(X;Z) must not cost I(Z;Y)
                refused.append((words, error))
    if refused and not found:
        raise refused[0][1]
    notes = tuple(f"no {words}: {error}" for words, error in refused)
    return with_notes(found, y, notes)


def with_notes(
    found: list[tuple[Quantity, Estimate]], y: Variable | None, every: tuple[str, ...]
) -> list[tuple[Quantity, Estimate]]:
    """Return the points with these notes, those of I(Z;Y) also with what must be said of Y."""
    of_labels = (*(() if y is None else y.notes), *every)

    def noted(quantity: Quantity, e: Estimate) -> Estimate:
        more = of_labels if quantity == "i_zy" else every
        return replace(e, notes=tuple(dict.fromkeys((*e.notes, *more)))) if more else e

    return [(quantity, noted(quantity, e)) for quantity, e in found]


def takes_both(
    estimator: Estimator, x: Variable | None, z: Variable | StoredRows, y: Variable | None
) -> bool:
    """Return whether a pass for I(x;z) and I(z;y) at once has both to say."""
    kind: Kind = z.kind if isinstance(z, Variable) else "continuous"
    return x is not None and y is not None and estimator.supports(kind, y.kind)
