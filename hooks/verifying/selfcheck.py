"""Is what the archive says what the network does?

A stored step held against a fresh pass of the live model, with a name for what differs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from infoplane.archive import Archive
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.network.isolate import Mode
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.plan import Plan
from infoplane.hooks.recording.probe_pass import Gathered
from infoplane.hooks.recording.run import archived_rows
from infoplane.positions.archived_rows import ArchivedRows
from infoplane.rows import codes_of_digests, row_codes, row_digests
from infoplane.types.arrays import Array

TOLERANCE = 1e-5
"""Relative to the layer's largest absolute value, as for the rounding of exact codes."""
Values = Mapping[str, Array]


@dataclass(frozen=True)
class SelfCheck:
    """What a self-check found.

    Attributes:
        step: the stored step that was replayed.
        problems: one sentence each; empty when archive and network agree.
        bitwise: layers that agree to the last bit.
        rounded: layers that agree up to rounding.
        random: layers that two forwards of the same rows do not repeat.
    """

    step: int
    problems: tuple[str, ...]
    bitwise: tuple[str, ...] = ()
    rounded: tuple[str, ...] = ()
    random: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True when nothing differs beyond rounding."""
        return not self.problems

    def __str__(self) -> str:
        head = (
            f"self-check of step {self.step}: {len(self.bitwise)} layers to the last bit, "
            f"{len(self.rounded)} up to rounding"
        )
        lines = [head + (". PASSED" if self.passed else ". FAILED")]
        lines += [f"  {problem}" for problem in self.problems]
        if self.random and self.passed:
            lines.append(f"  random, as declared: {', '.join(self.random)}")
        return "\n".join(lines)


def check_live(
    archive: Archive, step: int, plan: Plan, model: nn.Module, probe: Probe
) -> SelfCheck:
    """Hold a stored step against fresh passes of the live network.

    The network is left as it was found.

    The network is run again with the seeds of the step, and once more with others: in eval mode
    nothing may change by that.

    Args:
        archive: the stored run.
        step: which of its steps.
        plan: of the recording.
        model: the live network, with the weights of that step.
        probe: its rows.
    """
    options = plan.options

    def values(mode: Mode, seeds_of: int) -> dict[str, Array]:
        gathered = Gathered(plan.kept, plan.rows)
        isolation = plan.isolation(model, step=seeds_of, mode=mode)
        with isolation, isolation:
            isolation.prepare()
            plan.run(model, probe, gathered, seeds_of)
        return {name: t.numpy() for name, t in gathered.values.items()}

    live = values(options.mode, step)
    random = _differing(live, values(options.mode, step + 1))
    unseeded = _differing(live, values(options.mode, step)) if random else ()
    in_train_mode: tuple[str, ...] = ()
    if options.mode == "eval":
        with contextlib.suppress(Exception):  # it need not run, or give these shapes, in train mode
            in_train_mode = _differing(live, values("train", step))
    rows = archived_rows(plan, probe)
    found = compare(archive, step, live, rows, in_train_mode=in_train_mode, unrepeatable=unseeded)
    problems = list(found.problems)
    declared = options.draws > 1 or options.mode == "train" or options.noise == "independent"
    if random and not declared:
        problems.append(
            f"{', '.join(random)}: random in {options.mode} mode: two forwards of the same rows "
            "differ. Noise is drawn in the network or in forward= (dropout as a function without "
            "training=self.training, a sampling layer): switch it off, or record it with draws=k "
            "and noise='independent'"
        )
    return replace(found, problems=tuple(problems), random=random)


def _differing(one: Values, two: Values) -> tuple[str, ...]:
    return tuple(name for name in one if _agreement(one[name], two[name]) == "different")


def compare(
    archive: Archive,
    step: int,
    live: Values,
    rows: ArchivedRows,
    *,
    in_train_mode: Collection[str],
    unrepeatable: Collection[str],
) -> SelfCheck:
    """Hold every layer of a stored step against the live values; name why one differs.

    Args:
        live: per layer the values of the network as it is now, as stored (reduced), shape ``(n,
            ...)``.
        rows: labels and inputs of the recorder's probe.
        in_train_mode: layers that differ in train mode.
        unrepeatable: layers whose noise follows no seed, so that nothing can be held against them.
    """
    problems: list[str] = []
    agreeing: dict[str, list[str]] = {"bitwise": [], "rounded": []}
    y = archive.y
    if rows.y is not None and y is not None and not _same_labels(y, rows.y, archive.y_kind):
        problems.append(
            "labels: the archive's labels are not those of this probe, row by row: they were "
            "shifted, shuffled or belong to other rows"
        )
    x = archive.x
    if rows.x is not None and x is not None and not _same_inputs(np.asarray(x), rows.x):
        problems.append("inputs: the archive's probe rows are not those of this probe")
    names = [name for name in archive.layers if name in live and name not in unrepeatable]
    for name in names:
        stored = archive.z(step, name)
        agreement = _agreement(stored, live[name])
        if agreement == "different":
            problems.append(f"{name}: {_cause(archive, step, name, stored, live, in_train_mode)}")
        else:
            agreeing[agreement].append(name)
    missing = [name for name in archive.layers if name not in live]
    if missing and names:
        problems.append(f"layers {missing} are in the archive but not in this recorder")
    bitwise, rounded = tuple(agreeing["bitwise"]), tuple(agreeing["rounded"])
    if len(problems) > 1 and not bitwise and not rounded:
        problems = [
            f"no layer agrees: the network's weights are not those of step {step} (trained on "
            "since?), or its probe is another one",
            *problems,
        ]
    return SelfCheck(step, tuple(problems), bitwise, rounded)


def _agreement(stored: Array, fresh: Array) -> str:
    if np.array_equal(stored, fresh, equal_nan=True):
        return "bitwise"
    rounded = same(torch.tensor(stored), torch.tensor(fresh), TOLERANCE)
    return "rounded" if rounded else "different"


def _cause(
    archive: Archive,
    step: int,
    name: str,
    stored: Array,
    live: Values,
    in_train_mode: Collection[str],
) -> str:
    own = live[name]
    if _is_finite(own) and not _is_finite(stored):
        return (
            "holds infinities or NaN where the network is finite: overflow of a half-precision "
            "type on the way to disk"
        )
    if stored.shape != own.shape:
        return (
            f"has shape {stored.shape[1:]}, the network gives {own.shape[1:]}: the layer "
            "was swapped or the network changed"
        )
    if _same_rows(stored, own):
        return "holds the right rows in another order: they were shuffled on the way to disk"
    for other, values in live.items():
        if other != name and _agreement(stored, values) != "different":
            return f"holds the activations of {other}: two layers were swapped"
    for other_step in archive.steps:
        if (
            other_step != step
            and archive.has(other_step, name)
            and _agreement(stored, archive.z(other_step, name)) == "bitwise"
        ):
            return f"holds the activations of step {other_step}: one layer of another checkpoint"
    if name in in_train_mode:
        return (
            "differs from the network in eval mode, and the network is random in train mode "
            "(dropout, batch-norm): captured with train() on?"
        )
    apart = np.abs(stored.astype(np.float64) - own.astype(np.float64)) > 0
    share = float(apart.reshape(len(own), -1).any(axis=1).mean())
    return (
        f"differs from the network in {share:.0%} of the rows: other weights, another mode, or "
        "damage before storing"
    )


def _is_finite(values: Array) -> bool:
    return bool(np.isfinite(values.astype(np.float64)).all())


def _same_rows(stored: Array, fresh: Array) -> bool:
    """Whether both hold the same rows, in whatever order."""
    codes = codes_of_digests(np.concatenate([row_digests(stored), row_digests(fresh)]))
    return bool(np.array_equal(*np.sort(codes.reshape(2, -1))))


def _same_inputs(stored: Array, x: Array) -> bool:
    """Whether the stored rows are those of the probe, once for every draw."""
    draws = len(stored) // max(len(x), 1)
    return bool(np.array_equal(row_digests(stored), np.tile(row_digests(x), (draws, 1))))


def _same_labels(stored: Array, y: Array, kind: str | None) -> bool:
    """Whether the stored labels are those of the probe, once for every draw."""
    if len(stored) % len(y):
        return False
    stored = stored[: len(y)]
    if stored.dtype.kind in "iub" and y.dtype.kind in "iub":
        return bool(np.array_equal(stored, y))
    if kind == "discrete":  # names were coded: the same partition of the rows
        codes = row_codes(stored.reshape(len(y), -1))
        given = np.unique(y, return_inverse=True)[1].reshape(len(y), -1)
        return bool(np.array_equal(codes, row_codes(given)))
    return bool(np.allclose(stored, y))
