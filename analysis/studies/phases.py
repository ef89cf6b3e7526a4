"""Phases of training on the information plane.

Fitting, peak, compression, measured so that a plateau is not called a fall.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from infoplane.analysis.measuring.arguments import (
    Estimators,
    Run,
    estimators_of,
    open_run,
    require_whole,
)
from infoplane.analysis.measuring.choose import choose_estimators
from infoplane.analysis.measuring.freeze import freeze_edges
from infoplane.analysis.measuring.plane_point import (
    finite_cells_of,
    layers_of,
    plane_points,
    points_of_rows,
)
from infoplane.analysis.measuring.validity import noise_seen
from infoplane.analysis.measuring.variables import (
    groups_in_probe,
    input_variable,
    label_variable,
    layer_variable,
)
from infoplane.analysis.resampling.half_samples import random_halves, rows_of_halves
from infoplane.analysis.studies.compression import (
    FEWEST_STEPS,
    Compression,
    compression,
    counted_fall,
)
from infoplane.analysis.studies.phase_votes import PhaseVerdict, judge
from infoplane.archive import Archive
from infoplane.contract import Estimator, HasOutside
from infoplane.display.progress import progress as shown_progress
from infoplane.errors import EstimatorError, InputError
from infoplane.types import Estimate, Quantity, printable
from infoplane.types.arrays import Floats, Ids
from infoplane.user_warning import warn_user

QUANTILE_BINS = "bin:quantile,n=30"
"""A convention of a family of its own, in addition to those that can answer on the run."""
FEW_CHECKPOINTS = 8
"""With fewer, the later half of what follows a peak in the middle is a single checkpoint."""
HOW_MEASURED = (
    "drop and peak: chosen on one half of the rows and measured on the other (exact: counted on "
    "all rows); largest minus last value of the curve of all rows is another number"
)
_SATURATED = 0.5
_CLIPPED = 0.1


@dataclass(frozen=True)
class LayerPhase:
    """The verdict on one layer over all estimators.

    ``robust``, ``estimator-dependent``, ``exact`` or ``none``, and why.
    """

    layer: str
    verdict: PhaseVerdict
    explanation: str
    curves: tuple[Compression, ...]


@dataclass(frozen=True)
class Phases:
    """Phases of a run: one `LayerPhase` per layer, in order of execution."""

    layers: tuple[LayerPhase, ...]
    path: str = ""

    @property
    def caveat(self) -> str:
        """A sentence where the checkpoints are few; empty where they are not."""
        fewest = min((len(phase.curves[0].steps) for phase in self.layers), default=0)
        if not 0 < fewest < FEW_CHECKPOINTS:
            return ""
        return (
            f"{fewest} checkpoints are few: when a curve peaks is known to the nearest of them "
            "only, a fall between two of them is not seen, and whether it lasts rests on one or "
            f"two values; capture {FEW_CHECKPOINTS} or more"
        )

    def __str__(self) -> str:
        lines = [f"phases of {self.path}" if self.path else "phases"]
        for phase in self.layers:
            lines.append(
                printable(f"  layer {phase.layer}: {phase.verdict}: {phase.explanation}", 1000)
            )
            for curve in phase.curves:
                end = curve.fitting_end
                fitted = "" if end is None else f", fitted by step {end}"
                peak = curve.peak_text if curve.is_flat else f"peak at step {curve.peak_text}"
                lines.append(
                    f"    {curve.estimator:22s} drop {curve.drop:z6.3f} bits "
                    f"[{curve.low:z.3f}, {curve.high:z.3f}], {peak}{fitted}"
                )
        lines.append(f"  {HOW_MEASURED}")
        if self.caveat:
            lines.append(f"  {self.caveat}")
        return "\n".join(lines)

    def rows(self) -> list[dict[str, object]]:
        """Return one flat row per layer and estimator."""
        listed = []
        for phase in self.layers:
            for curve in phase.curves:
                row: dict[str, object] = {"verdict": phase.verdict, **vars(curve)}
                del row["steps"], row["bits"]
                listed.append(row)
        return listed


def phases(
    archive: Run,
    estimators: Estimators | None = None,
    *,
    layers: Sequence[str] | None = None,
    splits: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> Phases:
    """Return whether each layer compresses, when, and which estimators agree.

    Verdicts: ``exact``: the fall holds for an estimator that keeps the chain (exact codes,
    quantised or noisy network): information was lost. Where exact codes stand still, what falls
    elsewhere is resolution, and the verdict ``estimator-dependent``. Without exact codes:
    ``robust`` where at least two families (bins, kernel, neighbours ...) fall at the same time and
    no family stands still; ``estimator-dependent`` where some curve falls otherwise. ``none``: no
    curve falls. A family whose curves contradict each other, and clipped or saturated curves, have
    no vote.

    Args:
        archive: a run or its path.
        estimators: specs of at least two families; when left out, those of `choose_estimators` and
            quantile bins.
        layers: some of the run's; all by default.
        splits: random splits of the probe rows into halves.
        seed: of the splits, and of estimators that draw.
        progress: show how far it is, on stderr.

    Layers of fewer than 3 checkpoints without NaN or infinity are left out, with a warning.

    Raises:
        InputError: fewer than 3 checkpoints, or no estimator applies.
    """
    require_whole(1, splits=splits)
    require_whole(0, seed=seed)
    archive = open_run(archive)
    if len(archive.steps) < FEWEST_STEPS:
        raise InputError(
            f"{archive.path}: phases need at least {FEWEST_STEPS} captured steps, got "
            f"{len(archive.steps)}"
        )
    parsed = estimators_of(_usual(archive) if estimators is None else estimators)
    traits = {estimator.name: estimator.traits for estimator in parsed}
    names = layers_of(archive, layers)
    cells = finite_cells_of(archive, names, None)
    rng = np.random.default_rng(seed)
    halves = random_halves(archive.n_rows, splits, rng, groups=groups_in_probe(archive))
    rows = [None, *rows_of_halves(halves)]
    found = []
    frozen = freeze_edges(parsed, archive, layers=names)
    with shown_progress("judging phases", len(names) * len(parsed), shown=progress) as advance:
        for name in names:
            steps = [step for step, layer in cells if layer == name]
            if len(steps) < FEWEST_STEPS:
                warn_user(
                    f"{name}: left out, phases need at least {FEWEST_STEPS} of its checkpoints, "
                    f"got {steps}",
                    RuntimeWarning,
                )
                continue
            curves = []
            for estimator in frozen[name]:
                curve = _curve(archive, name, estimator, steps, rows, seed)
                if curve is not None:
                    curves.append(curve)
                advance()
            if not curves:
                raise InputError(f"none of {list(traits)} gives I(X;Z) of {name}")
            found.append(LayerPhase(name, *judge(curves, traits), tuple(curves)))
    if not found:
        raise InputError(
            f"{archive.path}: phases need at least {FEWEST_STEPS} steps without NaN or infinity"
        )
    return Phases(tuple(found), str(archive.path))


def _usual(archive: Archive) -> tuple[str, ...]:
    """Return conventions that can answer on this run, and quantile bins."""
    return tuple(dict.fromkeys((*choose_estimators(archive).specs, QUANTILE_BINS)))


@dataclass
class _Values:
    """I(X;Z) and I(Z;Y) of one layer under one estimator over training, in bits.

    R sets of rows, S checkpoints.

    Attributes:
        i_xz: shape ``(R, S)``, first of all rows, then of the two halves of each split.
        i_zy: of all rows, shape ``(S,)``; NaN where there is none.
        saturated: number of checkpoints at which all rows are saturated.
        outside: largest share of values beyond the cells.
    """

    i_xz: Floats
    i_zy: Floats
    saturated: int = 0
    outside: float = 0.0

    def note(self, quantity: Quantity, estimate: Estimate, rows: int, step: int) -> None:
        """Take the first value of either quantity; of halves I(X;Z) alone."""
        if quantity == "i_xz" and np.isnan(self.i_xz[rows, step]):
            self.i_xz[rows, step] = estimate.bits
            self.saturated += int(rows == 0 and estimate.saturated)
        elif quantity == "i_zy" and rows == 0 and np.isnan(self.i_zy[step]):
            self.i_zy[step] = estimate.bits


def _curve(
    archive: Archive,
    layer: str,
    estimator: Estimator,
    steps: Sequence[int],
    rows: list[Ids | None],
    seed: int,
) -> Compression | None:
    """Return the fall of I(X;Z) of one layer under one estimator.

    None where it gives none at some checkpoint, as exact codes of a layer that draws noise do not.
    """
    exact = estimator.traits.family == "exact codes"
    if exact and any(noise_seen(archive, step, layer) for step in steps):
        return None
    values = _values(archive, layer, estimator, steps, rows[:1] if exact else rows, seed)
    if values is None or np.isnan(values.i_xz).any():
        return None
    whole, halves = values.i_xz[0], values.i_xz[1:]
    labels = None if np.isnan(values.i_zy).any() else values.i_zy
    if exact:
        return counted_fall(steps, whole, layer=layer, estimator=estimator.name, labels=labels)
    pairs = list(zip(halves[::2], halves[1::2], strict=True))
    fall = compression(steps, pairs, whole, layer=layer, estimator=estimator.name, labels=labels)
    return replace(fall, mute=_why_mute(values.saturated / len(steps), values.outside))


def _values(
    archive: Archive,
    layer: str,
    estimator: Estimator,
    steps: Sequence[int],
    rows: Sequence[Ids | None],
    seed: int,
) -> _Values | None:
    """Estimate all rows (None) and halves of them at each checkpoint.

    None where some are refused.
    """
    inputs, labels = input_variable(archive, estimator), label_variable(archive, estimator)
    values = _Values(np.full((len(rows), len(steps)), np.nan), np.full(len(steps), np.nan))
    for checkpoint, step in enumerate(steps):
        whole = layer_variable(archive, step, layer, estimator)
        rng = np.random.default_rng([seed, step])
        if isinstance(estimator, HasOutside):
            values.outside = max(values.outside, estimator.share_outside(whole))
        for index, part in enumerate(rows):
            try:
                if part is None:
                    points = plane_points(estimator, inputs, whole, labels, rng)
                else:
                    points = points_of_rows(estimator, inputs, whole, None, part, rng)
            except EstimatorError:
                return None
            for quantity, estimate in points:
                values.note(quantity, estimate, index, checkpoint)
    return values


def _why_mute(saturated: float, outside: float) -> str:
    """Return why a curve has no vote.

    It follows from the share of saturated checkpoints and the largest of clipped values.
    """
    if outside > _CLIPPED:
        return f"clipped: {outside:.0%} of the values lie outside its cells"
    return "saturated" if saturated > _SATURATED else ""
