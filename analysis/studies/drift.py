"""Drift: how far a layer's distribution over the probe rows moved between two checkpoints.

As a KL divergence in bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal

import numpy as np
from numpy.random import Generator

from infoplane.analysis.measuring.arguments import Run, open_run, require_known, require_whole
from infoplane.analysis.measuring.plane_point import cell_rng, finite_cells_of, layers_of
from infoplane.analysis.studies.divergences import (
    bound_of_reach,
    out_of_reach,
    unseen_note,
)
from infoplane.analysis.studies.paired_divergence import (
    NEIGHBOURS,
    SPLITS,
    Divergence,
    Method,
    choose_method,
    divergence,
    require_rows,
)
from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.rows import row_codes
from infoplane.types.arrays import Floats

METHODS: tuple[Method, ...] = ("auto", "knn", "gauss", "binned")
_FEW_MOVED = 0.05
"""Share of rows that may be equal to another row of the reference by chance."""
Reference = Literal["first", "previous"]


@dataclass(frozen=True)
class Drift:
    """D(p_step || p_reference) of one layer in bits.

    Attributes:
        bits: may be slightly negative where nothing moved.
        stderr: of what other rows would say, and of the shortfall that wider balls, finer cells or
            fewer rows show.
        method: ``knn`` (Wang et al. 2009) and ``gauss`` (Gaussian fits): of the whole layer's
            vectors; ``binned``: a mean over units of one-dimensional divergences.
        note: why the truth is larger than the bits, where it is.
    """

    layer: str
    reference: int
    step: int
    bits: float
    stderr: float
    method: str
    note: str = ""

    def __str__(self) -> str:
        of = "mean per unit" if self.method == "binned" else "of the whole layer"
        return (
            f"{self.layer}: D(step {self.step} || step {self.reference}) = {self.bits:.4g} +- "
            f"{self.stderr:.2g} bits ({self.method}, {of}){self.note and '; ' + self.note}"
        )


def drift(
    archive: Run,
    *,
    reference: Reference | int = "first",
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    method: Method = "auto",
    splits: int = SPLITS,
    seed: int = 0,
) -> tuple[Drift, ...]:
    """Measure the KL in bits of every layer from a reference checkpoint to the others.

    The reference is the first checkpoint, the previous one, or a step.

    The same probe rows are seen at both checkpoints, and a row's nearest neighbour at the other
    checkpoint would be itself, moved a little. So ``knn`` leaves it out, and the others compare one
    half of the rows here with the other half there. Two errors hold the truth in 19 of 20 cases,
    see `infoplane.analysis.studies.paired_divergence.divergence`.

    Args:
        archive: a run or its path.
        reference: checkpoint to compare with.
        layers, steps: some of the run's; all by default.
        method: ``knn`` for distinct rows, ``gauss`` for rows that Gaussian fits describe,
            ``binned`` where values repeat (after ReLU, dead units); ``auto`` chooses by the rows of
            each pair: cells where rows repeat, else neighbours in one or two units that reach each
            other, else Gaussian fits that the rows do not speak against.
        splits: random splits of the rows into halves, which the error is read from.
        seed: of the splits.

    Where rows lie where the reference has none, no rows show how large D is: ``knn`` then gives the
    lower bound that their share proves, ``binned`` what the cells show, and the note says that the
    truth is larger.

    When it lies: knn falls short in more than about 3 units, and the error says by how much;
    ``binned`` is a mean of one-dimensional divergences and sees no change of dependence.

    Raises:
        InputError: unknown layers or steps; fewer than 2 checkpoints; ``knn`` on rows that repeat.
        EstimatorError: fewer than 12 rows; ``gauss`` on rows that are not Gaussian.
    """
    archive = open_run(archive)
    require_whole(1, splits=splits)
    require_whole(0, seed=seed)
    if method not in METHODS:
        raise InputError(f"expected method auto, knn, gauss or binned, got {method!r}")
    pairs = step_pairs(archive, reference, steps)
    compared = sorted(set(chain.from_iterable(pairs))) or None
    finite = set(finite_cells_of(archive, layers, compared))
    found = []
    for name in layers_of(archive, layers):
        for start, step in pairs:
            if {(start, name), (step, name)} <= finite:
                rng = cell_rng(seed, step, name, f"drift {start}")
                now, before = (_rows(archive, at, name) for at in (step, start))
                result, note = _drift(now, before, method, splits, rng)
                found.append(Drift(name, start, step, *result, note))
    return tuple(found)


def _rows(archive: Archive, step: int, layer: str) -> Floats:
    """Return a layer's values, shape ``(n, units)``."""
    return archive.z(step, layer).reshape(archive.n_rows, -1).astype(np.float64)


def _drift(
    p: Floats, q: Floats, method: Method, splits: int, rng: Generator
) -> tuple[Divergence, str]:
    """Return the divergence of one pair of checkpoints, and what to note about it."""
    require_rows(p)
    q, moved = _paired(p, q)
    found, note = _divergence(p, q, method, splits, rng)
    return found, "; ".join(filter(None, (note, moved)))


def _paired(p: Floats, q: Floats) -> tuple[Floats, str]:
    """Return the rows of the reference in the order of these, and a note where it was another one.

    Equal rows at other places belong together: a neighbour that is the row itself has distance 0.
    """
    here, there = np.split(row_codes(np.concatenate([p, q])), 2)
    if len(np.unique(here)) < len(p) or len(np.unique(there)) < len(p):
        return q, ""
    _, at_p, at_q = np.intersect1d(here, there, return_indices=True)
    moved = int((at_p != at_q).sum())
    if moved <= _FEW_MOVED * len(p):
        return q, ""
    order = np.full(len(p), -1)
    order[at_p] = at_q
    order[order < 0] = np.setdiff1d(np.arange(len(p)), at_q)
    return q[order], (
        f"{moved} of {len(p)} rows of the reference come at other places here: were the rows "
        "captured in another order?"
    )


def _divergence(
    p: Floats, q: Floats, method: Method, splits: int, rng: Generator
) -> tuple[Divergence, str]:
    """Return the divergence of paired rows, and what to note about it."""
    how = choose_method(p, q) if method == "auto" else method
    share = 0.0 if how == "binned" else out_of_reach(p, q)
    where = f"{share:.0%} of the rows lie where the reference has none"
    if how == "knn" and share:
        return Divergence(*bound_of_reach(share, len(p)), how), f"at least: {where}"
    found = divergence(p, q, method=how, splits=splits, rng=rng)
    if how == "binned":
        return found, unseen_note(p, q)
    if share:
        return found, f"the tails of a Gaussian fit say so: {where}"
    most = float(np.log2(len(p) / NEIGHBOURS))
    if how == "knn" and found.bits > most - 1:
        return found, f"at least: {len(p)} rows show no more than {most:.1f} bits"
    return found, ""


def step_pairs(
    archive: Archive, reference: Reference | int, steps: Sequence[int] | None
) -> list[tuple[int, int]]:
    """Return which checkpoints to compare, each reference first.

    Args:
        archive: the run.
        reference: ``first``, ``previous`` or a step.
        steps: to be compared with it; all by default.

    Raises:
        InputError: fewer than two checkpoints, or one that is not in the run.
    """
    have = list(archive.steps)
    if len(have) < 2:
        raise InputError(
            f"{archive.path}: drift compares two checkpoints, the archive has {len(have)}"
        )
    require_known("steps", steps, have)
    chosen = have if steps is None else sorted(steps)
    if reference == "previous":
        return [pair for pair in pairwise(have) if pair[1] in chosen]
    start = have[0] if reference == "first" else reference
    if start not in have:
        raise InputError(
            f"reference is 'first', 'previous' or a captured step, got {reference!r}; the archive "
            f"has {have}"
        )
    return [(int(start), step) for step in chosen if step != start]
