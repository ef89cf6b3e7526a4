"""One point of the plane: what one estimator says of one layer at one checkpoint."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from infoplane.analysis.measuring.arguments import require_known
from infoplane.analysis.measuring.large_layers import StoredRows
from infoplane.analysis.measuring.validity import (
    noise_seen,
    possible,
    refuse_lone_symbols,
    whole_layer_note,
)
from infoplane.analysis.measuring.variables import input_variable, label_variable, layer_variable
from infoplane.archive import Archive
from infoplane.contract import Estimator, Points, SharesPlanePoint
from infoplane.errors import EstimatorError
from infoplane.types import Kind, Quantity, Variable
from infoplane.types.arrays import Ids
from infoplane.user_warning import warn_user


def cell_rng(seed: int, step: int, layer: str, spec: str) -> Generator:
    """Return the generator of one estimator in one cell.

    The same whatever the order of work or the number of workers.

    Args:
        seed: of the measurement.
        step, layer: the cell.
        spec: of the estimator.
    """
    names = [zlib.crc32(name.encode()) for name in (layer, spec)]
    return np.random.default_rng([seed, step, *names])


def cells_of(
    archive: Archive, layers: Sequence[str] | None, steps: Sequence[int] | None
) -> Iterator[tuple[int, str]]:
    """Yield every (step, layer) that was captured, in the order of time and of the network.

    Args:
        archive: the run.
        layers, steps: some of the run's; None for all.

    Raises:
        InputError: an unknown layer or step.
    """
    names = layers_of(archive, layers)
    require_known("steps", steps, archive.steps)
    for step in archive.steps if steps is None else sorted(steps):
        for name in names:
            if archive.has(step, name):
                yield step, name


def finite_cells_of(
    archive: Archive, layers: Sequence[str] | None, steps: Sequence[int] | None
) -> list[tuple[int, str]]:
    """Return the cells that hold numbers alone, and warn of those with NaN or infinity.

    A training that diverged leaves them at its last checkpoints; the others are as good as before.

    Args:
        archive: the run.
        layers, steps: some of the run's; None for all.

    Raises:
        InputError: an unknown layer or step.
    """
    cells = list(cells_of(archive, layers, steps))
    finite = [(step, name) for step, name in cells if not archive.n_nonfinite(step, name)]
    if len(finite) < len(cells):
        step, name = next(cell for cell in cells if cell not in finite)
        warn_user(
            f"{len(cells) - len(finite)} of {len(cells)} cells hold NaN or infinity, the first "
            f"{name} at step {step}: left out",
            RuntimeWarning,
        )
    return finite


def layers_of(archive: Archive, layers: Sequence[str] | None) -> list[str]:
    """Return these layers of a run, all for None, in the order of the network.

    Raises:
        InputError: an unknown layer.
    """
    require_known("layers", layers, archive.layers)
    return [name for name in archive.layers if layers is None or name in layers]


def points_of(
    archive: Archive,
    step: int,
    layer: str,
    estimator: Estimator,
    rng: Generator,
    z: Variable | None = None,
) -> Points:
    """Return I(X;Z) and I(Z;Y) of one cell by one estimator, as far as it supports their kinds.

    Args:
        archive: the run.
        step, layer: the cell.
        estimator: with its edges frozen.
        rng: for estimators that draw.
        z: the layer, shape ``(n, *features)``, where it has been read already.

    Raises:
        EstimatorError: it supports neither.
    """
    z = layer_variable(archive, step, layer, estimator) if z is None else z
    x, y = input_variable(archive, estimator), label_variable(archive, estimator)
    notes: tuple[str, ...] = ()
    if estimator.traits.wants == "row hashes":
        notes = whole_layer_note(archive, layer)
        noise = noise_seen(archive, step, layer)
        if noise:
            if y is None:
                raise EstimatorError(f"{estimator.name}: no I(X;Z): {noise}")
            x, notes = None, (*notes, f"no I(X;Z): {noise}")
    found = with_notes(plane_points(estimator, x, z, y, rng), notes, notes)
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
    rng: Generator,
) -> Points:
    """Estimate I(x;z) and I(z;y) as far as their kinds are supported, in one pass if there is one.

    Where one of the two is refused, the other says so in its notes.

    Args:
        estimator: with its edges frozen.
        x, z, y: paired rows, each of shape ``(n, *features)``; None where there are none.
        rng: for estimators that draw.

    Raises:
        EstimatorError: all that is supported was refused.
    """
    of_labels = () if y is None else y.notes
    if isinstance(estimator, SharesPlanePoint) and takes_both(estimator, x, z, y):
        return with_notes(estimator.estimate_plane_point(x, z, y, rng=rng), (), of_labels)
    found: Points = []
    refused: list[tuple[str, EstimatorError]] = []
    # of two columns of symbols, an estimator that counts takes the first for the layer
    layer_first = z.kind == "discrete" and estimator.traits.obeys_bounds
    layer_beside_x = (z, x) if layer_first else (x, z)
    pairs: list[tuple[Quantity, str, Variable | None, Variable | None]] = [
        ("i_xz", "I(X;Z)", *layer_beside_x),
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
    return with_notes(found, notes, (*of_labels, *notes))


def points_of_rows(
    estimator: Estimator,
    x: Variable | None,
    z: Variable,
    y: Variable | None,
    rows: Ids,
    rng: Generator,
) -> Points:
    """Estimate I(x;z) and I(z;y) on some of the rows, see `plane_points`.

    Args:
        estimator: with its edges frozen.
        x, z, y: paired rows; None where there are none.
        rows: row numbers.
        rng: for estimators that draw.
    """
    own_x, own_y = (None if side is None else side.take(rows) for side in (x, y))
    return plane_points(estimator, own_x, z.take(rows), own_y, rng)


def with_notes(found: Points, of_xz: tuple[str, ...], of_zy: tuple[str, ...]) -> Points:
    """Return the points with more notes.

    Args:
        found: the points.
        of_xz, of_zy: notes of I(X;Z) and of I(Z;Y).
    """
    noted = []
    for quantity, estimate in found:
        more = of_zy if quantity == "i_zy" else of_xz
        notes = tuple(dict.fromkeys((*estimate.notes, *more)))
        noted.append((quantity, replace(estimate, notes=notes) if more else estimate))
    return noted


def takes_both(
    estimator: Estimator, x: Variable | None, z: Variable | StoredRows, y: Variable | None
) -> bool:
    """Return whether a pass for I(x;z) and I(z;y) at once has both to say.

    Args:
        estimator: that has such a pass.
        x, z, y: paired rows; None where there are none.
    """
    kind: Kind = z.kind if isinstance(z, Variable) else "continuous"
    return x is not None and y is not None and estimator.supports(kind, y.kind)
