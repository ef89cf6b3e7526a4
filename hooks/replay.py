"""Activations from stored weights.

The probe of a run shown to the network as it was at every stored step.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.errors import CaptureError, NotAnArchive
from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.checkpoints.listing import Checkpoint
from infoplane.hooks.checkpoints.loading import Loader
from infoplane.hooks.checkpoints.series import CheckpointSeries
from infoplane.hooks.recording.recorded_setup import recorded_setup, require_same_rows
from infoplane.hooks.recording.weights import stored_weights, weight_steps
from infoplane.user_path import path_of


@dataclass(frozen=True)
class Replayed:
    """What a replay made.

    Attributes:
        path: the new run.
        steps: steps that were replayed.
        bitwise: steps whose row digests equal those of the captured run, in every layer.
        rounded: steps that agree with the captured run only up to rounding (another machine or
            thread count).
    """

    path: Path
    steps: tuple[int, ...]
    bitwise: tuple[int, ...]
    rounded: tuple[int, ...]


def replay(
    run: str | Path,
    model: nn.Module,
    *,
    to: str | Path,
    probe: object = None,
    layers: object = None,
    tolerance: float = 1e-5,
    **options: Any,
) -> Replayed:  # Any: passed to the Recorder
    """Capture the activations of every stored state dict of ``run`` into a new run.

    They are verified against what ``run`` captured.

    Args:
        run: directory of a run recorded with ``store="weights"``.
        model: the network, with any weights; left with those of the last step.
        to: directory of the new run.
        probe: needed when the network takes several inputs, or rows are positions such as tokens;
            else the probe of the run. Which rows, X and labels there are is known from the run; a
            mask that was given as an array is given again, ``mask=``.
        layers: other layers than the run's, if wanted.
        tolerance: relative to a layer's scale, for a step whose digests differ.
        options: further arguments of the `Recorder`.

    Raises:
        NotAnArchive: no weights in ``run``.
        CaptureError: the replayed activations differ from the captured ones: another model, probe
            or mode.
    """
    path, archive = path_of(run), open_archive(run)
    steps = weight_steps(path)
    if not steps:
        raise NotAnArchive(
            f"{path} holds no weights; record with Recorder(..., store='weights') to replay later"
        )
    if layers is not None:
        options["layers"] = layers
    rows, settings = recorded_setup(archive, probe, options)
    with CheckpointSeries(Loader(model), rows, Path(to), **settings) as series:
        series.capture([Checkpoint(step, stored_weights(path, step)) for step in steps])
    if archive.row_info.kind != "sample":
        require_same_rows(archive, open_archive(to))
    return Replayed(Path(to), steps, *_verify(archive, open_archive(to), tolerance))


def _verify(
    old: Archive, new: Archive, tolerance: float
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    bitwise: list[int] = []
    rounded: list[int] = []
    shared = [name for name in old.layers if name in new.layers]
    for step in sorted(set(old.steps) & set(new.steps)):
        differing = [
            name
            for name in shared
            if not np.array_equal(old.row_digests(step, name), new.row_digests(step, name))
        ]
        for name in differing:
            captured = old.z(step, name).astype(np.float64)
            replayed = new.z(step, name).astype(np.float64)
            if not same(torch.from_numpy(captured), torch.from_numpy(replayed), tolerance):
                worst = float(np.abs(captured - replayed).max())
                scale = float(np.abs(captured).max())
                raise CaptureError(
                    f"step {step}, layer {name!r}: replayed activations differ from the captured "
                    f"ones by {worst:.3g} (largest value {scale:.3g}); the model, its probe or its "
                    "mode is not the one that was recorded"
                )
        (rounded if differing else bitwise).append(step)
    return tuple(bitwise), tuple(rounded)
