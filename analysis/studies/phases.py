"""Phases of training on the information plane: fitting, peak, compression, measured so that a plateau is not called a fall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.measuring.plane_point import (
    input_variable,
    label_variable,
    layer_variable,
    plane_points,
    random_halves,
    rows_of_halves,
)
from infoplane.contract import Estimator, FreezesEdges
from infoplane.display.progress import progress as shown_progress
from infoplane.errors import EstimatorError, InputError
from infoplane.types import printable

if TYPE_CHECKING:
    from infoplane.archive import Archive

PhaseVerdict = Literal["robust", "estimator-dependent", "exact", "none"]
DEFAULT_ESTIMATORS = ("bin:szt", "bin:quantile,n=30", "kde:relative=0.1", "exact")
_FLOOR_BITS = 0.05
_FLOOR_SHARE = 0.02
_FITTED = 0.9
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Compression:
    """Fall of one layer's I(X;Z) under one estimator, in bits.

    Attributes:
        layer, estimator: which curve.
        drop: fall from the peak to the end, the peak chosen on one half of the rows and measured on the other; averaged over splits.
        low, high: 95 % interval of the drop.
        onset: step of the peak (median over splits). onset_low, onset_high: 2.5 and 97.5 % quantiles over splits.
        naive: maximum minus final value of the whole curve: biased upwards, it alarms on 44 % of plateaus.
        stays: whether the later half of what follows the peak stays below it throughout.
        fitting_end: first step with I(Z;Y) >= I_0 + 0.9 (max - I_0); None without labels.
        threshold: ``max(0.05 bit, 2 % of the peak)``: what the interval's lower end must exceed.
    """

    layer: str
    estimator: str
    drop: float
    low: float
    high: float
    onset: int
    onset_low: int
    onset_high: int
    naive: float
    stays: bool
    fitting_end: int | None
    threshold: float

    @property
    def compresses(self) -> bool:
        """Whether the fall is beyond chance, beyond the threshold, and lasting."""
        return self.low > self.threshold and self.stays


@dataclass(frozen=True)
class LayerPhase:
    """The verdict on one layer over all estimators: ``robust``, ``estimator-dependent``, ``exact`` or ``none``, and why."""

    layer: str
    verdict: PhaseVerdict
    explanation: str
    curves: tuple[Compression, ...]


@dataclass(frozen=True)
class Phases:
    """Phases of a run: one `LayerPhase` per layer, in order of execution."""

    layers: tuple[LayerPhase, ...]
    path: str = ""

    def __str__(self) -> str:
        lines = [f"phases of {self.path}" if self.path else "phases"]
        for phase in self.layers:
            lines.append(printable(f"  {phase.layer}: {phase.verdict}: {phase.explanation}", 1000))
            for c in phase.curves:
                lines.append(
                    f"    {c.estimator:22s} drop {c.drop:6.3f} bits [{c.low:.3f}, {c.high:.3f}], peak at step {c.onset} "
                    f"[{c.onset_low}, {c.onset_high}]"
                    + ("" if c.fitting_end is None else f", fitted by step {c.fitting_end}")
                )
        return "\n".join(lines)

    def rows(self) -> list[dict[str, object]]:
        """One flat row per layer and estimator."""
        from dataclasses import asdict

        return [
            {"verdict": phase.verdict, **asdict(c)} for phase in self.layers for c in phase.curves
        ]


def split_half_drop(first: Floats, second: Floats) -> tuple[float, int]:
    """Fall from the peak to the end, in the units given, of two curves of shape ``(steps,)`` from two halves of the rows; and the peak's place.

    The peak is chosen on one half and measured on the other, then the halves are swapped and the two falls averaged: choosing the largest of
    many noisy values no longer inflates the value it is chosen for.

    Example:
        >>> split_half_drop(np.array([0.0, 2.0, 1.0]), np.array([0.0, 2.2, 1.0]))
        (1.1, 1)
    """
    one, two = int(np.argmax(first)), int(np.argmax(second))
    return float((second[one] - second[-1] + first[two] - first[-1]) / 2), one


def compression(
    steps: Sequence[int],
    halves: Sequence[tuple[Floats, Floats]],
    whole: Floats,
    *,
    layer: str = "",
    estimator: str = "",
    labels: Floats | None = None,
) -> Compression:
    """Judge one curve from several splits of the rows into halves.

    Args:
        steps: checkpoints, ascending, at least 3.
        halves: per split the curves of the two halves, each of shape ``(steps,)``, in bits.
        whole: the curve of all rows. labels: I(Z;Y) of all rows, for the end of fitting.

    The interval: falls of single halves vary over splits as the fall varies over data sets (see `infoplane.analysis.resampling.intervals`), so
    their standard deviation is the standard error at N.

    Raises:
        InputError: fewer than 3 checkpoints or 2 splits.
    """
    if len(steps) < 3 or len(halves) < 2:
        raise InputError(
            f"phases need at least 3 checkpoints and 2 splits, got {len(steps)} and {len(halves)}"
        )
    falls, peaks, single = [], [], []
    for first, second in halves:
        fall, peak = split_half_drop(first, second)
        falls.append(fall)
        peaks += [peak, int(np.argmax(second))]
        one, two = int(np.argmax(first)), int(np.argmax(second))
        single += [second[one] - second[-1], first[two] - first[-1]]
    drop, se = float(np.mean(falls)), float(np.std(single, ddof=1))
    place = int(np.median(peaks))
    low_place, high_place = (int(v) for v in np.quantile(peaks, [0.025, 0.975], method="nearest"))
    later = whole[place:][len(whole[place:]) // 2 :]
    stays = bool((later < whole[place]).all()) if drop > 0 else False
    fitted = None
    if labels is not None and len(labels) == len(steps):
        goal = labels[0] + _FITTED * (labels.max() - labels[0])
        fitted = int(steps[int(np.argmax(labels >= goal))])
    return Compression(
        layer,
        estimator,
        drop,
        drop - 1.96 * se,
        drop + 1.96 * se,
        int(steps[place]),
        int(steps[low_place]),
        int(steps[high_place]),
        float(whole.max() - whole[-1]),
        stays,
        fitted,
        max(_FLOOR_BITS, _FLOOR_SHARE * float(whole.max())),
    )


def phases(
    archive: Archive | str | Path,
    estimators: Sequence[str | Estimator] = DEFAULT_ESTIMATORS,
    *,
    layers: Sequence[str] | None = None,
    splits: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> Phases:
    """Whether each layer compresses, when, and on whose word.

    Verdicts: ``exact``: the fall holds for an estimator that keeps the chain (exact codes, quantised or noisy network): information was lost.
    ``robust``: it holds in at least two resolution families (bins, kernel, neighbours ...). ``estimator-dependent``: in one family only.
    ``none``: in none.

    Args:
        archive: a run or its path. estimators: specs of at least two families; `DEFAULT_ESTIMATORS` when left out.
        splits: random splits of the probe rows into halves.

    Raises:
        InputError: fewer than 3 checkpoints, or no estimator applies.
    """
    from infoplane.analysis.estimators.spec import parse
    from infoplane.archive import open_archive

    archive = open_archive(archive) if isinstance(archive, (str, Path)) else archive
    parsed = [parse(e) for e in estimators]
    names = list(archive.layers) if layers is None else list(layers)
    if unknown := [name for name in names if name not in archive.layers]:
        raise InputError(f"no such layers: {unknown}; the archive has {list(archive.layers)}")
    if len(archive.steps) < 3:
        raise InputError(
            f"{archive.path}: phases need at least 3 captured steps, got {len(archive.steps)}"
        )
    rng = np.random.default_rng(seed)
    rows = [None, *rows_of_halves(random_halves(archive.n_rows, splits, rng))]
    found = []
    with shown_progress("judging phases", len(names) * len(parsed), shown=progress) as advance:
        for name in names:
            curves = []
            for e in parsed:
                curve = _curve(archive, name, e, rows, seed)
                curves += [] if curve is None else [curve]
                advance()
            if not curves:
                raise InputError(f"none of {[e.name for e in parsed]} gives I(X;Z) of {name}")
            found.append(LayerPhase(name, *_verdict(curves, parsed), tuple(curves)))
    return Phases(tuple(found), str(archive.path))


def _curve(
    archive: Archive,
    layer: str,
    estimator: Estimator,
    rows: list[NDArray[np.int64] | None],
    seed: int,
) -> Compression | None:
    steps = [s for s in archive.steps if archive.has(s, layer)]
    if isinstance(estimator, FreezesEdges) and estimator.traits.edges != "none":
        from infoplane.types import continuous

        estimator = estimator.fit(continuous(archive.z(s, layer), layer) for s in steps)
    x, y = input_variable(archive, estimator), label_variable(archive, estimator)
    values = np.full((len(rows), len(steps)), np.nan)
    labels = np.full(len(steps), np.nan)
    for k, step in enumerate(steps):
        z = layer_variable(archive, step, layer, estimator)
        rng = np.random.default_rng([seed, step])
        for r, part in enumerate(rows):
            taken = [v if v is None or part is None else v.take(part) for v in (x, z, y)]
            try:
                found = plane_points(
                    estimator,
                    taken[0],
                    taken[1],  # type: ignore[arg-type]  # z is there
                    taken[2] if part is None else None,
                    rng,
                )
            except EstimatorError:
                return None
            for quantity, e in found:
                if quantity == "i_xz" and np.isnan(values[r, k]):
                    values[r, k] = e.bits
                elif quantity == "i_zy" and part is None and np.isnan(labels[k]):
                    labels[k] = e.bits
    if np.isnan(values).any():
        return None
    halves = [(values[r], values[r + 1]) for r in range(1, len(rows), 2)]
    told = None if np.isnan(labels).any() else labels
    return compression(steps, halves, values[0], layer=layer, estimator=estimator.name, labels=told)


def _verdict(
    curves: Sequence[Compression], parsed: Sequence[Estimator]
) -> tuple[PhaseVerdict, str]:
    traits = {e.name: e.traits for e in parsed}
    falling = [c for c in curves if c.compresses]
    exact = [c for c in falling if traits[c.estimator].keeps_chain]
    if exact:
        worst = max(exact, key=lambda c: c.drop)
        return "exact", f"rows truly merge: {worst.estimator} falls by {worst.drop:.2f} bits"
    families = sorted({traits[c.estimator].family for c in falling})
    silent = [c.estimator for c in curves if not c.compresses]
    if len(families) >= 2:
        largest = max(falling, key=lambda c: c.drop)
        return (
            "robust",
            f"falls under {', '.join(families)}, most by {largest.drop:.2f} bits ({largest.estimator}); not under {', '.join(silent) or 'none'}",
        )
    if families:
        largest = max(falling, key=lambda c: c.drop)
        return (
            "estimator-dependent",
            f"falls by {largest.drop:.2f} bits under {largest.estimator}, not under {', '.join(silent)}",
        )
    return (
        "none",
        "no fall beyond chance and "
        + f"{max(c.threshold for c in curves):.2f} bits under any estimator",
    )
