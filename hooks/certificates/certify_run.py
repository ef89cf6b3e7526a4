"""The interchange test of a run that is recorded already, from its archive and the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from infoplane.archive import Archive, open_archive
from infoplane.archive.certificate import write_chain
from infoplane.archive.lock import is_being_written
from infoplane.errors import CaptureError, InputError
from infoplane.hooks.checkpoints.listing import Checkpoint
from infoplane.hooks.checkpoints.loading import Loader
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.recording.recorded_setup import recorded_setup
from infoplane.hooks.recording.weights import stored_weights, weight_steps
from infoplane.types import Chain


def certify(
    run: str | Path,
    model: nn.Module,
    *,
    probe: object = None,
    step: int | None = None,
    progress: bool = True,
    **options: Any,  # Any: of the Recorder
) -> Chain:
    """Make the interchange test of a recorded run on every pair of layers, and store it.

    For runs of a large network, where ``chain="auto"`` left pairs ``unknown``, or of
    ``chain=False``. The network is first held against what the run stored of that step. What an
    earlier test saw stays.

    Args:
        run: folder of the run.
        model: the network with the weights of ``step``. Weights that the run stored are loaded into
            it, and stay there.
        probe: as for the recorder; that of the run when left out. It is needed for networks of
            several inputs.
        step: the last captured one when left out.
        progress: show how far the test is.
        options: further options of the Recorder that the run does not hold: ``forward``, ``fixed``.

    Returns:
        The certificate of the run, as `Archive.chain` gives it from now on.

    Raises:
        InputError: a packed run, one that was made from arrays or is being recorded, a step that is
            not there, or a probe that cannot be rebuilt.
        CaptureError: the network does not give what the run stored (other weights, another probe),
            or the test fails.

    Example:
        >>> import tempfile, torch
        >>> from infoplane.hooks.capture import capture
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh(), torch.nn.Linear(2, 2))
        >>> run = capture(net, torch.randn(20, 3), tempfile.mkdtemp() + "/run", chain=False)
        >>> certify(run.path, net).relation("1", "2")
        'cut'
    """
    archive = open_archive(run)
    if not archive.path.is_dir():
        raise InputError(
            f"{archive.path} is packed: certify the folder of the run, and pack it again"
        )
    if archive.chain is not None and is_being_written(archive.path):
        raise InputError(
            f"{archive.path}: its recorder is open, and would write its own certificate over this "
            "one: close it first"
        )
    step = _step_of(archive, step)
    if step in weight_steps(archive.path):
        Loader(model).load(Checkpoint(step, stored_weights(archive.path, step)))
    rows, settings = recorded_setup(archive, probe, options)
    recorder = Recorder(model, probe=rows, to=archive.path, **settings | {"verbose": False})
    recorder.look(archive)
    found = recorder.selfcheck(archive, step=step)
    if not found.passed:
        raise CaptureError(f"{archive.path}: this network is not the one of step {step}\n{found}")
    chain = recorder.certify(step, shown=progress)
    if not chain.covers(step):
        raise CaptureError(f"{archive.path}: {chain.reason}; the run is as it was")
    chain = _with_earlier(archive.chain, chain)
    write_chain(archive.path, archive.run_uuid, chain)
    return chain


def _with_earlier(earlier: Chain | None, newer: Chain) -> Chain:
    """What either test saw; of two steps that were tested the later one counts."""
    if earlier is None or earlier.layers != newer.layers:
        return newer
    joined = earlier.joined(newer)
    if earlier.through is None or newer.through is None:
        return joined
    return replace(joined, through=max(earlier.through, newer.through))


def _step_of(archive: Archive, step: int | None) -> int:
    if not archive.steps:
        raise InputError(f"{archive.path}: no captured step to certify")
    if step is None:
        return archive.steps[-1]
    if step not in archive.steps:
        raise InputError(f"{archive.path}: no step {step}; there are {list(archive.steps)[:12]}")
    return step
