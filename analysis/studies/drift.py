"""Drift: how far a layer's distribution over the probe rows moved between two checkpoints.

As a KL divergence in bits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.measuring.open_run import open_run
from infoplane.analysis.measuring.plane_point import cell_rng
from infoplane.analysis.studies.divergences import (
    bound_of_reach,
    gaussian_kl_of_samples,
    gaussian_reason,
    out_of_reach,
    require_reach,
    unseen_note,
)
from infoplane.analysis.vocabulary import kl_binned, kl_from_samples
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import row_codes

if TYPE_CHECKING:
    from infoplane.archive import Archive

Method = Literal["auto", "knn", "gauss", "binned"]
METHODS: tuple[Method, ...] = ("auto", "knn", "gauss", "binned")
_NEIGHBOURS = 5
_FEWEST = 20
"""Rows from which neighbours are asked for a bias."""
_MOST_UNITS = 2
"""Units up to which neighbours are asked before a Gaussian fit."""
Reference = Literal["first", "previous"]


@dataclass(frozen=True)
class Drift:
    """D(p_step || p_reference) of one layer in bits.

    Attributes:
        bits: mean over random halves; may be slightly negative where nothing moved.
        stderr: of what other rows would say, and of the bias that finer cells or fewer rows show.
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
    archive: Archive | str | Path,
    *,
    reference: Reference | int = "first",
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    method: Method = "auto",
    splits: int = 4,
    seed: int = 0,
) -> tuple[Drift, ...]:
    """Measure the KL in bits of every layer from a reference checkpoint to the others.

    The reference is the first checkpoint, the previous one, or a step.

    The same probe rows are seen at both checkpoints, and a row's nearest neighbour at the other
    checkpoint would be itself, moved a little. So one random half of the rows stands for each
    distribution: independent samples; averaged over ``splits`` splits and both directions of each
    split.

    Args:
        method: ``knn`` for distinct rows, ``gauss`` for rows that Gaussian fits describe,
            ``binned`` where values repeat (after ReLU, dead units); ``auto`` chooses by the rows of
            each pair: cells where rows repeat, else neighbours in one or two units that reach each
            other, else Gaussian fits that the rows do not speak against.
        splits: random splits of the rows.

    Where rows lie where the reference has none, no rows show how large D is: ``knn`` then gives the
    lower bound that their share proves, ``binned`` what the cells show, and the note says that the
    truth is larger.

    When it lies: knn falls short in more than about 5 units; ``binned`` is a mean of
    one-dimensional divergences and sees no change of dependence.

    Raises:
        InputError: unknown layers or steps; fewer than 2 checkpoints; ``knn`` on rows that repeat;
            ``gauss`` on rows that are not Gaussian.
    """
    archive = open_run(archive)
    if method not in METHODS or splits < 1:
        raise InputError(
            f"expected method auto, knn, gauss or binned and splits >= 1, got method={method!r}, "
            f"splits={splits}"
        )
    pairs = step_pairs(archive, reference, steps)
    if unknown := sorted(set(layers or ()) - set(archive.layers)):
        raise InputError(f"no such layers: {unknown}; the archive has {list(archive.layers)}")
    found = []
    for name in archive.layers if layers is None else [n for n in archive.layers if n in layers]:
        for start, step in pairs:
            if archive.has(start, name) and archive.has(step, name):
                p, q = (
                    archive.z(s, name).reshape(archive.n_rows, -1).astype(np.float64)
                    for s in (step, start)
                )
                rng = cell_rng(seed, step, name, f"drift {start}")
                found.append(Drift(name, start, step, *_drift(p, q, method, splits, rng)))
    return tuple(found)


def _drift(
    p: NDArray[np.float64],
    q: NDArray[np.float64],
    method: Method,
    splits: int,
    rng: np.random.Generator,
) -> tuple[float, float, str, str]:
    """Return bits, standard error, method and note of one pair of checkpoints."""
    how = _method(p, q) if method == "auto" else method
    if how == "knn" and (share := out_of_reach(p, q)):
        bits, se = bound_of_reach(share, len(p))
        return bits, se, how, f"at least: {share:.0%} of the rows lie where the reference has none"
    found = divergence(p, q, method=how, splits=splits, rng=rng)
    if how == "binned":
        return *found, unseen_note(p, q)
    if how == "gauss" and (share := out_of_reach(p, q)):
        note = (
            f"the tails of a Gaussian fit say so: {share:.0%} of the rows lie where the reference "
            "has none"
        )
        return *found, note
    most = float(np.log2(len(p) // 2 / _NEIGHBOURS))
    full = how == "knn" and found[0] > most - 1
    return *found, f"at least: {len(p)} rows show no more than {most:.1f} bits" if full else ""


def divergence(
    p: NDArray[np.float64],
    q: NDArray[np.float64],
    *,
    method: Method = "auto",
    splits: int = 4,
    rng: np.random.Generator,
) -> tuple[float, float, str]:
    """Return D(p||q) in bits of rows ``(n, dim)``, its standard error, and the method used.

    Halves of the rows, see `drift`.

    The two directions of a split share no row of a sample: half of their difference is a standard
    error of their mean. What finer cells or fewer rows show of the bias is added.

    Raises:
        EstimatorError: rows of p where q has none, or a Gaussian fit that the rows speak against.
    """
    how = _method(p, q) if method == "auto" else method
    if how == "gauss":
        if reason := gaussian_reason(p, q):
            raise EstimatorError(
                f"gauss: the rows are not Gaussian, or too few: {reason}; use knn or binned"
            )
    elif how == "knn":
        require_reach(p, q)
    halves, biases = np.empty((2, splits)), []
    for split in range(splits):
        order = rng.permutation(len(p))
        first, second = order[: len(p) // 2], order[len(p) // 2 :]
        for side, (here, there) in enumerate(((first, second), (second, first))):
            halves[side, split] = _value(p[here], q[there], how)
            biases.append(_bias_seen(p[here], q[there], how, halves[side, split]))
    chance = float(np.sqrt(((halves[0] - halves[1]) ** 2).mean())) / 2
    se = float(np.hypot(chance, max(0.0, float(np.mean(biases))))) if splits > 1 else 0.0
    return float(halves.mean()), se, how


def _value(p: NDArray[np.float64], q: NDArray[np.float64], how: Method) -> float:
    if how == "gauss":
        return gaussian_kl_of_samples(p, q)
    return kl_binned(p, q) if how == "binned" else kl_from_samples(p, q, k=_NEIGHBOURS)


def _bias_seen(p: NDArray[np.float64], q: NDArray[np.float64], how: Method, value: float) -> float:
    """Return how far the value may fall short, in bits.

    By what fewer rows or finer cells say of the same rows.

    The shortfall of neighbours falls as ``n^(-1/d)``: from a quarter of the rows to all of them it
    shrinks by ``4^(1/d)``. Half of the shortfall so continued counts as a standard error.
    """
    quarter = len(p) // 4
    if how == "binned":
        return abs(kl_binned(p, q, bins=60) - value)
    if how == "gauss" or quarter < _FEWEST:
        return 0.0
    fewer = kl_from_samples(p[:quarter], q[:quarter], k=_NEIGHBOURS)
    return (value - fewer) / (4 ** (1 / p.shape[1]) - 1) / 2


def _method(p: NDArray[np.float64], q: NDArray[np.float64]) -> Method:
    """Return the method for these rows.

    ``knn`` also where none will do, which `out_of_reach` then says.
    """
    if any(len(np.unique(row_codes(v))) < len(v) for v in (p, q)):
        return "binned"
    if p.shape[1] <= _MOST_UNITS:
        with contextlib.suppress(EstimatorError):
            require_reach(p, q)
            return "knn"
    return "knn" if gaussian_reason(p, q) else "gauss"


def step_pairs(
    archive: Archive, reference: Reference | int, steps: Sequence[int] | None
) -> list[tuple[int, int]]:
    have = list(archive.steps)
    if len(have) < 2:
        raise InputError(
            f"{archive.path}: drift compares two checkpoints, the archive has {len(have)}"
        )
    if unknown := sorted(set(steps or ()) - set(have)):
        raise InputError(f"no such steps: {unknown}; the archive has {have}")
    chosen = have if steps is None else sorted(steps)
    if reference == "previous":
        return [(have[k - 1], s) for s in chosen if (k := have.index(s)) > 0]
    start = have[0] if reference == "first" else reference
    if start not in have:
        raise InputError(
            f"reference is 'first', 'previous' or a captured step, got {reference!r}; the archive "
            f"has {have}"
        )
    return [(int(start), s) for s in chosen if s != start]
