"""Edges of cells that are frozen before anything is measured.

One rule for every command and study, so that one spec is one number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from infoplane.analysis.measuring.large_layers import pays_in_blocks
from infoplane.analysis.measuring.plane_point import cells_of
from infoplane.analysis.measuring.variables import holds_symbols
from infoplane.archive import Archive
from infoplane.contract import Estimator, FreezesEdges
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import Variable, continuous

EDGES_UNTIL = "edges_until"
"""Key of a plane's provenance: the last checkpoint that its edges have seen."""
_BLOCK_ROWS = 4096


def freeze_edges(
    estimators: Sequence[Estimator],
    archive: Archive,
    *,
    layers: Sequence[str] | None = None,
    until: int | None = None,
) -> dict[str, list[Estimator]]:
    """Return per layer the estimators, their edges frozen where ``traits.edges`` asks for it.

    Edges of scope ``run`` come from all layers and checkpoints of the run, edges of scope ``layer``
    from all checkpoints of the layer, whatever part of them is measured then. Symbols have no
    edges, and values that are not finite none that mean anything: both are left out.

    Args:
        estimators: as parsed.
        archive: the run.
        layers: those to be measured; all by default.
        until: the last checkpoint that counts; the last that is there by default. A plane names its
            own, see `edges_until`.
    """
    whole = archive.layers
    over_run = [_freeze(one, archive, whole, until, scope="run") for one in estimators]
    frozen = {}
    for layer in whole if layers is None else layers:
        frozen[layer] = [_freeze(one, archive, [layer], until, scope="layer") for one in over_run]
    return frozen


def edges_until(plane: Plane) -> int | None:
    """Return the last checkpoint that the edges of a plane have seen.

    None where it does not say.
    """
    text = plane.provenance.get(EDGES_UNTIL, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _freeze(
    estimator: Estimator, archive: Archive, layers: Sequence[str], until: int | None, *, scope: str
) -> Estimator:
    """Return the estimator frozen over these layers, where its edges are of this scope."""
    if not isinstance(estimator, FreezesEdges) or estimator.traits.edges != scope:
        return estimator
    cells = []
    for step, layer in cells_of(archive, layers, None):
        in_time = until is None or step <= until
        if in_time and not archive.n_nonfinite(step, layer) and not holds_symbols(archive, layer):
            cells.append((step, layer))
    if not cells:
        return estimator
    frozen = estimator.fit(_values(archive, cells))
    if not isinstance(frozen, Estimator):
        raise InputError(
            f"{estimator.name}: fit(variables) returns the estimator with its edges frozen, got "
            f"{type(frozen).__name__}"
        )
    return frozen


def _values(archive: Archive, cells: Sequence[tuple[int, str]]) -> Iterator[Variable]:
    """Yield the activations of these cells, those of large layers in blocks of rows."""
    for step, layer in cells:
        if pays_in_blocks(archive, layer):
            for block in archive.chunks(step, layer, _BLOCK_ROWS):
                yield continuous(block, layer)
        else:
            yield continuous(archive.z(step, layer), layer)
