"""Activations from stored weights: the probe of a run shown to the network as it was at every stored step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.errors import CaptureError, InputError, NotAnArchive
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.schedule import at
from infoplane.hooks.weights import load_weights, weight_steps


@dataclass(frozen=True)
class Replayed:
    """What a replay made.

    Attributes:
        path: the new run.
        steps: steps that were replayed.
        bitwise: steps whose row digests equal those of the captured run, in every layer.
        rounded: steps that agree with the captured run only up to rounding (another machine or thread count).
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
    """Captures the activations of every stored state dict of ``run`` into a new run, and verifies them against what ``run`` captured.

    Args:
        run: directory of a run recorded with ``store="weights"``.
        model: the network, with any weights; left with those of the last step.
        to: directory of the new run.
        probe: needed when the network takes several inputs; else the probe of the run.
        layers: other layers than the run's, if wanted.
        tolerance: relative to a layer's scale, for a step whose digests differ.
        options: further arguments of the `Recorder`.

    Raises:
        NotAnArchive: no weights in ``run``.
        CaptureError: the replayed activations differ from the captured ones: another model, probe or mode.
    """
    path, archive = Path(run), open_archive(run)
    steps = weight_steps(path)
    if not steps:
        raise NotAnArchive(
            f"{path} holds no weights; record with Recorder(..., store='weights') to replay later"
        )
    config = archive.config
    given = {
        "batch_size": config["batch_size"],
        "mode": config["mode"],
        "draws": config["draws"],
        "noise": config["noise"],
        "seed": config["seed"],
        "autocast": None
        if config["autocast"] == "off"
        else getattr(torch, str(config["autocast"])),
        "reduce": {i.name: i.reduction for i in archive.infos} if layers is None else "none",
    }
    recorder = Recorder(
        model,
        probe=_probe(archive, probe),
        to=to,
        layers=list(archive.layers) if layers is None else layers,  # type: ignore[arg-type]  # checked there
        schedule=at(*steps),
        y_kind=archive.y_kind,
        x_kind=archive.x_kind,
        **(given | {"verbose": False} | options),
    )
    try:
        for step in steps:  # the first weights before the recorder looks: the chain certificate and a PCA basis belong to them
            metrics = _load(model, path, step)
            recorder.open(capture=False).capture(step, **metrics)
    finally:
        recorder.close()
    bitwise, rounded = _verify(archive, open_archive(to), tolerance)
    return Replayed(Path(to), steps, bitwise, rounded)


def _load(model: nn.Module, run: Path, step: int) -> dict[str, float]:
    state, metrics = load_weights(run, step)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise CaptureError(f"the weights of step {step} do not fit this model: {error}") from error
    return metrics


def _probe(archive: Archive, probe: object) -> object:
    if probe is not None:
        return probe
    if archive.x is None or archive.config.get("inputs") != "Tensor":
        raise InputError(
            f"{archive.path}: the probe of this run cannot be rebuilt (several inputs, or x was not stored); pass probe="
        )
    n = archive.n_rows // int(archive.config["draws"])
    return torch.from_numpy(np.array(archive.x[:n])), None if archive.y is None else archive.y[:n]


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
            a, b = (np.asarray(archive.z(step, name), dtype=np.float64) for archive in (old, new))
            worst, scale = float(np.abs(a - b).max()), float(np.abs(a).max())
            if not worst <= tolerance * scale:
                raise CaptureError(
                    f"step {step}, layer {name!r}: replayed activations differ from the captured ones by {worst:.3g} (largest value {scale:.3g}); "
                    "the model, its probe or its mode is not the one that was recorded"
                )
        (rounded if differing else bitwise).append(step)
    return tuple(bitwise), tuple(rounded)
