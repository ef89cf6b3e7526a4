"""Choose estimators that can answer for this run.

What is saturated or out of range says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import Item, Run, open_run, step_of
from infoplane.analysis.measuring.variables import holds_symbols
from infoplane.archive import Archive
from infoplane.contract import Estimator, FreezesEdges
from infoplane.errors import EstimatorError
from infoplane.types import Variable, continuous, discrete
from infoplane.types.arrays import Array

UNIT_RANGE_BINS = "bin:szt"
"""Thirty bins on [-1, 1], the convention of the first papers; only for values that lie there."""
RANGE_BINS = tuple(f"bin:range,n={cells},scope=layer" for cells in (30, 10, 4))
"""Cells per unit over the range of a layer, from fine to coarse."""
WIDTHS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.5)
KERNELS = tuple(f"kde:relative={width}" for width in WIDTHS)
"""From fine to coarse: the noise as a share of the typical distance between two rows."""
USABLE = "vinfo:family=linear"
GROUND_TRUTH = "exact"

ROWS, LAYERS, STEPS = 1000, 8, 3
"""At most this many rows, layers and checkpoints are looked at."""
WIDE = 100
"""Units from which on a few thousand rows are too few for a layer's Shannon information."""
LEAST_BITS = 0.1
"""Below this all rows of a layer that moves lie in one cell: the cells are too wide for it."""
OPEN_SHARE = 0.5
"""A convention can answer where at least this share of the layers, at every checkpoint, is below
its ceiling.
"""
LEAST_COVERAGE = 0.65
"""Bins where fewer rows than this share their cell with others count rows.

On the rows looked at: of all rows more do.
"""
LEAST_SHARE = 0.5
"""Of what cells over this checkpoint's own range say: less remains where a layer has grown out of
its first range.
"""


@dataclass(frozen=True)
class Choice:
    """The estimators for a run, and why.

    Attributes:
        specs: what to measure; the first is the one to draw.
        reason: one sentence for the reader.
        saturated: whether every convention that was tried sits at its ceiling.
    """

    specs: tuple[str, ...]
    reason: str
    saturated: bool = False

    def __str__(self) -> str:
        return f"{', '.join(self.specs)} ({self.reason})"


def choose_estimators(archive: Run, *, growing: bool = False) -> Choice:
    """Return estimators whose numbers can move on this run, the one to draw first.

    A few layers of the first, middle and last checkpoint are tried on at most 1000 rows. Bins come
    first where some can answer: those on [-1, 1] where all values lie there (those of logits may
    not), else cells over the range of each layer. Then the finest kernel width that can answer.
    ``exact`` always comes along: it says what is lost whatever the resolution.

    Args:
        archive: from `infoplane.open_archive`, or its path.
        growing: leave out bins whose edges come from the whole run: they have no number before its
            end.

    Raises:
        InputError: the run has no checkpoint yet.

    Example:
        >>> import tempfile, torch, infoplane as ip
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))
        >>> run = tempfile.mkdtemp() + "/run"
        >>> probe = (torch.randn(200, 3), torch.arange(200) % 2)
        >>> with ip.Recorder(net, probe=probe, to=run, verbose=False) as rec:
        ...     _ = rec.step(1)
        >>> choose_estimators(run).specs[-1]
        'exact'
    """
    archive = open_run(archive)
    step_of(archive)
    if all(holds_symbols(archive, layer) for layer in archive.layers):
        return Choice((GROUND_TRUTH,), "every layer holds symbols")
    rows = np.asarray(evenly_spread(range(archive.n_rows), ROWS))
    looked_at = [
        list(_samples(archive, step, rows)) for step in evenly_spread(archive.steps, STEPS)
    ]
    checkpoints = list(filter(None, looked_at))
    samples = list(chain.from_iterable(checkpoints))
    inputs = discrete(archive.row_ids[rows], "X")
    bins: tuple[str, ...] = (UNIT_RANGE_BINS,) if _fits_unit_range(samples, archive) else ()
    bins += () if growing else RANGE_BINS
    answering = [_finest(candidates, checkpoints, inputs) for candidates in (bins, KERNELS)]
    finest = [spec for spec in answering if spec is not None]
    showing = [spec for spec in finest if not _swallowed(spec, checkpoints, inputs)]
    chosen = showing or finest
    if chosen:
        reason = _reason(chosen[0], samples)
        if archive.y is not None:
            reason += _hint(samples)
        return Choice((*chosen, GROUND_TRUTH), reason)
    if not samples:
        return Choice((KERNELS[0], GROUND_TRUTH), "every layer looked at holds one value", True)
    specs = (
        (KERNELS[-1], GROUND_TRUTH) if archive.y is None else (KERNELS[-1], USABLE, GROUND_TRUTH)
    )
    reason = (
        f"{archive.n_rows} rows are too few to tell widths of these layers apart: every cell and "
        "every kernel holds one row; usable information is what can be shown (`infoplane plot -k "
        "usable`)"
    )
    return Choice(specs, reason, saturated=True)


def _samples(archive: Archive, step: int, rows: NDArray[np.intp]) -> Iterator[Variable]:
    """Return layers of a checkpoint on some rows.

    Constant and broken ones, and symbols, are left out.
    """
    for layer in evenly_spread(archive.layers, LAYERS):
        if not archive.has(step, layer) or archive.n_nonfinite(step, layer):
            continue
        if holds_symbols(archive, layer):
            continue
        values = _rows_of(archive, step, layer, rows)
        if (values != values[:1]).any():
            yield continuous(values, layer)


def _rows_of(archive: Archive, step: int, layer: str, rows: NDArray[np.intp]) -> Array:
    """Return some rows of a layer, read in blocks: it is never whole in memory."""
    parts, start = [], 0
    for block in archive.chunks(step, layer, 4096):
        here = rows[(rows >= start) & (rows < start + len(block))]
        parts.append(block[here - start])
        start += len(block)
    return np.concatenate(parts)


def evenly_spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most ``most`` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[place] for place in np.linspace(0, len(items) - 1, most).round().astype(int)]


def _fits_unit_range(samples: Sequence[Variable], archive: Archive) -> bool:
    """Return whether bins on [-1, 1] lose nothing that is asked for.

    The last layer looked at may exceed them where it gives scores of classes: not where it gives
    values of a continuous target.
    """
    beyond = _beyond_unit_range(samples)
    if not beyond:
        return bool(samples)
    names = list(dict.fromkeys(sample.name for sample in samples))
    logits = names[-1:] if len(names) > 1 and archive.y_kind != "continuous" else []
    return beyond == logits


def _beyond_unit_range(samples: Sequence[Variable]) -> list[str]:
    """Return the layers with values outside [-1, 1]."""
    return list(dict.fromkeys(sample.name for sample in samples if sample.largest > 1))


def _finest(
    candidates: Sequence[str], checkpoints: Sequence[Sequence[Variable]], inputs: Variable
) -> str | None:
    """Return the first candidate that can answer."""
    return next((spec for spec in candidates if _can_answer(spec, checkpoints, inputs)), None)


def _can_answer(spec: str, checkpoints: Sequence[Sequence[Variable]], inputs: Variable) -> bool:
    """Return whether the estimator resolves enough of the layers at every checkpoint."""
    plain = parse(spec)
    by_layer = _fitted(plain, checkpoints)
    for samples in checkpoints:
        resolved = sum(_resolves(plain, by_layer[one.name], inputs, one) for one in samples)
        if resolved < OPEN_SHARE * len(samples):
            return False
    return bool(checkpoints)


def _swallowed(spec: str, checkpoints: Sequence[Sequence[Variable]], inputs: Variable) -> list[str]:
    """Return layers that lie at nothing wherever they were looked at, though their rows differ.

    Of a layer whose rows are nearly all equal nothing is expected.

    Args:
        spec: a convention that can answer for the other layers.
        checkpoints: the layers looked at, by checkpoint.
        inputs: X as row identities.
    """
    exact, fitted = parse(GROUND_TRUTH), _fitted(parse(spec), checkpoints)
    shown: dict[str, bool] = {}
    for sample in chain.from_iterable(checkpoints):
        rows_differ = exact.estimate(inputs, sample).bits >= LEAST_BITS
        seen = fitted[sample.name].estimate(inputs, sample, rng=np.random.default_rng(0)).bits
        if rows_differ:
            shown[sample.name] = shown.get(sample.name, False) or seen >= LEAST_BITS
    return [name for name, is_shown in shown.items() if not is_shown]


def _fitted(plain: Estimator, checkpoints: Sequence[Sequence[Variable]]) -> dict[str, Estimator]:
    """Return the estimator for every layer.

    It has edges over its checkpoints where its rule has edges.
    """
    by_layer: dict[str, list[Variable]] = {}
    for sample in chain.from_iterable(checkpoints):
        by_layer.setdefault(sample.name, []).append(sample)
    if not isinstance(plain, FreezesEdges) or plain.traits.edges == "none":
        return dict.fromkeys(by_layer, plain)
    return {name: plain.fit(samples) for name, samples in by_layer.items()}


def _resolves(plain: Estimator, fitted: Estimator, inputs: Variable, sample: Variable) -> bool:
    """Return whether a layer's number can answer at this checkpoint.

    Below its ceiling, of cells that rows share, on a range that fits.

    Args:
        plain: the estimator with edges of this checkpoint alone.
        fitted: the same with edges over all checkpoints.
        inputs: X as row identities.
        sample: rows of the layer.
    """
    try:
        estimate = fitted.estimate(inputs, sample, rng=np.random.default_rng(0))
        if estimate.saturated or estimate.bits < LEAST_BITS:
            return False
        if estimate.coverage is not None and estimate.coverage < LEAST_COVERAGE:
            return False
        if fitted is plain:
            return True
        own = plain.estimate(inputs, sample, rng=np.random.default_rng(0))
    except EstimatorError:
        return False
    return estimate.bits >= LEAST_SHARE * own.bits


def _reason(first: str, samples: Sequence[Variable]) -> str:
    if first == UNIT_RANGE_BINS:
        beyond = "".join(f" but those of layer {name}" for name in _beyond_unit_range(samples))
        return f"activations{beyond} lie in [-1, 1], where these bins are below their ceiling"
    if first in RANGE_BINS:
        return "cells cover the range of each layer, as fine as its rows allow"
    widest = max(sample.dim for sample in samples)
    return (
        f"no bins suit all of these layers (up to {widest} units): they would be too fine or too "
        "coarse; with this kernel at least half of the layers stay below their ceiling"
    )


def _hint(samples: Sequence[Variable]) -> str:
    """Return what else to measure where layers are wide; empty where none is."""
    if max(sample.dim for sample in samples) < WIDE:
        return ""
    return f"; for layers of hundreds of units add usable information: {USABLE}"
