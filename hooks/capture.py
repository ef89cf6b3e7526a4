"""A run from a network that is trained already.

As it stands, or over the checkpoints of its training.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.errors import CaptureError, InputError
from infoplane.hooks.checkpoints.listing import Checkpoints, StepFrom, find_checkpoints
from infoplane.hooks.checkpoints.loading import Loader
from infoplane.hooks.checkpoints.series import SOURCE, CheckpointSeries
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.schedule import at


def capture(
    model: nn.Module,
    probe: object,
    to: str | Path,
    *,
    checkpoints: Checkpoints | None = None,
    step: int = 0,
    step_from: StepFrom | None = None,
    strict: bool = True,
    prefix: str | None = None,
    entry: str | None = None,
    progress: bool = False,
    overwrite: bool = False,
    **options: Any,  # Any: of the Recorder
) -> Archive:
    """Capture a network as it stands, or at every checkpoint of a training that is over.

    With ``checkpoints`` one set of weights and one batch of the probe are in memory, whatever the
    number of checkpoints; the model is left with the weights of the last. What cannot be read is
    recorded in the archive and passed over. A second call goes on where the first ended: steps
    whose checkpoint has not changed are not captured again.

    Args:
        model: any ``nn.Module``; wrappers are taken off.
        probe: as for `infoplane.Recorder`.
        to: directory of the run.
        checkpoints: a glob (``"ckpts/*.pt"``), a folder, ``{step: path or state dict}``, or an
            iterator of ``(step, state dict)``; see docs/sources.md for the formats.
        step: of the model as it stands.
        step_from: where the step is in the name of a checkpoint: a regular expression with one
            group, or a function of the path; the only number, or the one after "step", when left
            out.
        strict: refuse a checkpoint with missing or unexpected keys; False loads what fits, and the
            archive says so.
        prefix: of the stored keys, e.g. ``"student."``; found when left out.
        entry: of a file with several state dicts, e.g. ``"ema"``; found when left out.
        progress: show a bar over the checkpoints; by default nothing is shown.
        overwrite: replace a run that is there.
        options: further options of `infoplane.Recorder`: ``layers``, ``reduce``, ``mode`` ...

    Raises:
        InputError: the steps cannot be told, or the probe or an option is not what was expected.
        CheckpointMismatch: the weights of a checkpoint do not fit the model.
        DamagedCheckpoint: not one checkpoint can be read.
        ArchiveExists: another run is there.

    Example:
        >>> import tempfile, torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
        >>> stored = {10: net.state_dict(), 20: {k: 2 * v for k, v in net.state_dict().items()}}
        >>> run = tempfile.mkdtemp() + "/run"
        >>> capture(net, (torch.eye(3), [0, 1, 1]), run, checkpoints=stored).steps
        (10, 20)
    """
    if "schedule" in options:
        raise InputError(
            "capture() takes every checkpoint; choose them by the glob, not by schedule="
        )
    settings: dict[str, Any] = {"verbose": False, "on_error": "raise"} | options  # Any: as given
    if checkpoints is None:
        recorder = Recorder(
            model, probe=probe, to=to, schedule=at(step), overwrite=overwrite, **settings
        )
        with recorder.open(capture=False, training=False):
            recorder.attach(SOURCE, {"name": "the model as it stands"})
            recorder.capture(step)
        return open_archive(to)
    loader = Loader(model, strict=strict, prefix=prefix, entry=entry)
    found = find_checkpoints(checkpoints, step_from)
    with CheckpointSeries(loader, probe, Path(to), overwrite=overwrite, **settings) as series:
        series.capture(found, progress=progress)
    return open_archive(to)


def preview(
    model: nn.Module,
    probe: object,
    *,
    checkpoints: Checkpoints | None = None,
    step_from: StepFrom | None = None,
    strict: bool = True,
    prefix: str | None = None,
    entry: str | None = None,
    **options: Any,  # Any: of the Recorder
) -> str:
    """Say what `capture` would read as what, and what it would store; nothing is written.

    Args:
        model, probe: as for `capture`.
        checkpoints, step_from, strict, prefix, entry: as for `capture`; every checkpoint is read.
        options: of the Recorder.
    """
    lines = []
    loader = Loader(model, strict=strict, prefix=prefix, entry=entry)
    try:
        for checkpoint in () if checkpoints is None else find_checkpoints(checkpoints, step_from):
            try:
                read = loader.load(checkpoint).describe()
            except CaptureError as error:
                read = f"{type(error).__name__}: {error}"
            lines.append(f"step {checkpoint.step}: {checkpoint.name}: {read}")
        with tempfile.TemporaryDirectory() as folder:
            settings: dict[str, Any] = {"verbose": False, "chain": False} | options  # Any: as given
            recorder = Recorder(model, probe=probe, to=Path(folder) / "run", **settings)
            with recorder.open(capture=False, training=False):
                lines.append(recorder.describe())
    finally:
        loader.close()
    return "\n".join(lines)
