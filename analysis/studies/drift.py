"""Drift: how far a layer's distribution over the probe rows moved between two checkpoints, as a KL divergence in bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.measuring.plane_point import cell_rng
from infoplane.analysis.vocabulary import kl_binned, kl_from_samples
from infoplane.errors import InputError
from infoplane.rows import row_codes

if TYPE_CHECKING:
    from infoplane.archive import Archive

Method = Literal["auto", "knn", "binned"]
Reference = Literal["first", "previous"]


@dataclass(frozen=True)
class Drift:
    """D(p_step || p_reference) of one layer in bits.

    Attributes:
        bits: mean over random halves; may be slightly negative where nothing moved. stderr: over the splits.
        method: ``knn`` (Wang et al. 2009) or ``binned`` (common cells per unit, mean over units).
    """

    layer: str
    reference: int
    step: int
    bits: float
    stderr: float
    method: str

    def __str__(self) -> str:
        return f"{self.layer}: D(step {self.step} || step {self.reference}) = {self.bits:.4g} +- {self.stderr:.2g} bits ({self.method})"


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
    """KL in bits between every layer's distribution at a checkpoint and at a reference checkpoint (the first, the previous, or a step).

    The same probe rows are seen at both checkpoints, and a row's nearest neighbour at the other checkpoint would be itself, moved a little. So one random
    half of the rows stands for each distribution: independent samples; averaged over ``splits`` splits and both directions of each split.

    Args:
        method: ``knn`` for distinct rows, ``binned`` where values repeat (after ReLU, dead units); ``auto`` chooses by the rows of each pair.

    When it lies: knn falls short beyond about 5 units; ``binned`` is a mean of one-dimensional divergences and sees no change of dependence.

    Raises:
        InputError: unknown layers or steps; fewer than 2 checkpoints; ``knn`` on rows that repeat.
    """
    from infoplane.archive import open_archive

    archive = open_archive(archive) if isinstance(archive, (str, Path)) else archive
    if method not in ("auto", "knn", "binned") or splits < 1:
        raise InputError(
            f"expected method auto, knn or binned and splits >= 1, got method={method!r}, splits={splits}"
        )
    pairs = _pairs(archive, reference, steps)
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
                bits, se, how = divergence(
                    p,
                    q,
                    method=method,
                    splits=splits,
                    rng=cell_rng(seed, step, name, f"drift {start}"),
                )
                found.append(Drift(name, start, step, bits, se, how))
    return tuple(found)


def divergence(
    p: NDArray[np.float64],
    q: NDArray[np.float64],
    *,
    method: Method = "auto",
    splits: int = 4,
    rng: np.random.Generator,
) -> tuple[float, float, str]:
    """D(p||q) in bits of paired rows ``(n, dim)``, its standard error over splits, and the method used: halves of the rows, see `drift`."""
    repeats = any(len(np.unique(row_codes(v))) < len(v) for v in (p, q))
    how = ("binned" if repeats else "knn") if method == "auto" else method
    value = kl_binned if how == "binned" else kl_from_samples
    values = []
    for _ in range(splits):
        order = rng.permutation(len(p))
        first, second = order[: len(p) // 2], order[len(p) // 2 :]
        values.append((value(p[first], q[second]) + value(p[second], q[first])) / 2)
    se = float(np.std(values, ddof=1)) if splits > 1 else 0.0
    return float(np.mean(values)), se, how


def _pairs(
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
            f"reference is 'first', 'previous' or a captured step, got {reference!r}; the archive has {have}"
        )
    return [(int(start), s) for s in chosen if s != start]
