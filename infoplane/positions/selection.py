"""The rows of a plane whose rows are positions, the same at every checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from infoplane.errors import InputError
from infoplane.positions.inputs import in_sample, prefix_ids, sequence_ids
from infoplane.positions.label_rules import ranks
from infoplane.positions.labels import LabelSet, label_sets
from infoplane.positions.masks import Sequences
from infoplane.positions.row_request import WantedRows
from infoplane.row_info import DEFAULT_LABEL, RowInfo
from infoplane.types.arrays import Array, Ids, Mask, Shape, to_numpy


@dataclass(frozen=True, eq=False)
class ChosenRows:
    """Which positions of which samples are rows, in order of sample and position; R of them.

    Attributes:
        kind: ``token``, ``pixel`` or ``node``.
        x: what X is: ``prefix``, ``sequence``, ``token``, ``image``, ``pixel``, ``graph`` or
            ``node``.
        grid: positions per sample: ``(T,)``, or ``(H, W)``.
        sample, position: shape ``(R,)``: where each row comes from; positions of a grid count row
            by row.
        x_ids: shape ``(R,)``: equal X, equal id.
        x_values: shape ``(R, k)``: X as values, of token and node features; None else.
        labels: by name, shape ``(R,)`` or ``(R, k)``; the first is the default.
        notes: what was left out, and how often.
    """

    kind: str
    x: str
    grid: Shape
    sample: Ids
    position: Ids
    x_ids: Ids
    x_values: Array | None
    labels: dict[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.sample)

    def info(self, wanted: WantedRows, samples: int) -> RowInfo:
        """Return what a row is, for the archive.

        Args:
            wanted: which rows the user wanted.
            samples: of the probe.
        """
        settings = wanted.record() | {"notes": list(self.notes)}
        label = next(iter(self.labels), DEFAULT_LABEL)
        return RowInfo(self.kind, self.x, label, self.grid, samples, settings)

    def of_samples(self, samples: Ids) -> ChosenRows:
        """Return the rows of these samples, which ascend, with new sample numbers."""
        rows = np.flatnonzero(np.isin(self.sample, samples))
        return replace(
            self,
            sample=np.searchsorted(samples, self.sample[rows]),
            position=self.position[rows],
            x_ids=self.x_ids[rows],
            x_values=None if self.x_values is None else self.x_values[rows],
            labels={name: values[rows] for name, values in self.labels.items()},
        )

    def span(self, start: int, stop: int) -> slice:
        """Return the rows that come from samples ``start`` to ``stop``."""
        first, last = np.searchsorted(self.sample, [start, stop])
        return slice(int(first), int(last))


def choose_rows(
    wanted: WantedRows,
    shape: Shape,
    *,
    sequences: Sequences | None = None,
    samples: Ids | None = None,
    features: Array | None = None,
    labels: object = None,
    causal: bool = False,
) -> ChosenRows:
    """Choose which positions are rows, with their X and their labels.

    Args:
        wanted: which rows the user wants.
        shape: ``(n, T)``, ``(n, H, W)`` of pixels, or ``(nodes,)``.
        sequences: the tokens with their mask, see `infoplane.positions.masks.sequences_of`; None
            where the input has no positions.
        samples: ids of the samples ``(n,)``, equal for equal ones; all different when left out.
        features: values at each position ``(n, *grid, k)``, of pixels and nodes.
        labels: those of the probe, used unless ``wanted.y`` says otherwise.
        causal: whether a position sees only earlier ones: then X is the prefix by default.

    Raises:
        InputError: no row is left, or labels or X that the probe cannot give.
    """
    n, grid = shape[0], (tuple(shape[1:]) or (1,))
    flat = (n, int(np.prod(grid)))
    valid = _valid(wanted, flat, sequences)
    sets = label_sets(wanted.y, labels, flat, sequences, wanted.ignore_index)
    chosen, notes = _choose(wanted, valid, sequences, sets)
    sample, position = np.nonzero(chosen)
    x = wanted.x or _default_x(wanted.kind, causal=causal)
    ids, values = _x_of(x, valid, sequences, samples, features)
    return ChosenRows(
        kind=wanted.kind,
        x=x,
        grid=grid,
        sample=sample.astype(np.int64),
        position=position.astype(np.int64),
        x_ids=np.unique(ids[sample, position], return_inverse=True)[1].reshape(-1).astype(np.int64),
        x_values=None if values is None else values.reshape(*valid.shape, -1)[sample, position],
        labels={labels.name: labels.values[sample, position] for labels in sets},
        notes=tuple(notes),
    )


def _default_x(kind: str, *, causal: bool) -> str:
    return {"token": "prefix" if causal else "sequence", "pixel": "image", "node": "graph"}[kind]


def _valid(wanted: WantedRows, flat: tuple[int, int], sequences: Sequences | None) -> Mask:
    if sequences is not None:
        return sequences.valid
    if wanted.mask is None or isinstance(wanted.mask, str):
        return np.ones(flat, np.bool_)
    given = to_numpy(wanted.mask).astype(np.bool_)
    if given.size != flat[0] * flat[1]:
        raise InputError(
            f"mask: expected one value for each of {flat} positions, got shape {given.shape}"
        )
    return given.reshape(flat)


def _choose(
    wanted: WantedRows,
    valid: Mask,
    sequences: Sequences | None,
    sets: list[LabelSet],
) -> tuple[Mask, list[str]]:
    """Which positions are rows, shape ``(n, T)``, and what was left out for which reason."""
    chosen, notes = valid.copy(), []
    if not valid.all():
        notes.append(f"{int((~valid).sum())} positions of padding are no rows")
    if wanted.skip_first:
        rank = ranks(sequences) if sequences is not None else np.cumsum(valid, axis=1) - 1
        chosen &= rank >= wanted.skip_first
        notes.append(f"the first {wanted.skip_first} positions of every sequence are no rows")
    for labels in sets:
        missing = int((chosen & ~labels.present).sum())
        if missing:
            notes.append(f"{missing} positions without a label {labels.name!r} are no rows")
        chosen &= labels.present
    count = int(chosen.sum())
    if count < 2:
        raise InputError(
            f"{count} rows are left of {valid.size} positions: "
            f"{'; '.join(notes) or 'the probe is too small'}"
        )
    if wanted.max_rows is not None and count > wanted.max_rows:
        rng = np.random.default_rng([wanted.seed, 0x526F7773])
        drawn = rng.choice(np.flatnonzero(chosen), size=wanted.max_rows, replace=False)
        chosen = np.isin(np.arange(chosen.size), drawn).reshape(valid.shape)
        notes.append(f"{wanted.max_rows} of {count} rows, drawn once")
    return chosen, notes


def _x_of(
    x: str,
    valid: Mask,
    sequences: Sequences | None,
    samples: Ids | None,
    features: Array | None,
) -> tuple[Ids, Array | None]:
    """Ids of X at every position, shape ``(n, T)``, and its values; None where X is no value."""
    from infoplane.rows import row_codes

    if x in ("token", "prefix") and sequences is None:
        raise InputError(
            f"x={x!r} needs an input with positions, and the probe has none: use x='sequence'"
        )
    if sequences is not None:
        if x == "prefix" and sequences.packed:
            raise InputError(
                "position_ids start again inside a sample (packed sequences): what a position can "
                "see is not known from the probe; unpack them to one sequence per sample, or use "
                "x='token' or x='sequence'"
            )
        if x == "token":
            return sequences.content, sequences.tokens
        return prefix_ids(sequences) if x == "prefix" else sequence_ids(sequences), None
    if x in ("pixel", "node"):
        if features is None:
            raise InputError(
                f"x={x!r}: the layers' grid is not that of the input, so a row has no {x}; leave x "
                "out"
            )
        return row_codes(features.reshape(valid.size, -1)).reshape(valid.shape), features
    codes = np.arange(len(valid), dtype=np.int64) if samples is None else samples
    return in_sample(codes, np.ones_like(valid)), None
