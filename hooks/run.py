"""The run on disk: its header, and what is said about every capture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from infoplane.archive import RunWriter
from infoplane.errors import InputError
from infoplane.hooks.isolate import device_of
from infoplane.hooks.plan import Plan
from infoplane.hooks.probe import Probe
from infoplane.hooks.ranks import Team
from infoplane.hooks.weights import forget_weights
from infoplane.rows import row_codes, row_digests
from infoplane.types import Chain


def create_run(
    plan: Plan, model: nn.Module, probe: Probe, team: Team, chain: Chain | None
) -> RunWriter:
    """The writer of this process's shards, in a run that is created or resumed as the options say.

    Raises:
        InputError: row ids or draws that do not fit.
        ArchiveError: the run cannot be created there.
    """
    o, x = plan.options, probe.array()
    ids = row_codes(row_digests(x)) if o.row_ids is None else np.asarray(o.row_ids, dtype=np.int64)
    if len(ids) != probe.n:
        raise InputError(
            f"row_ids must hold one number for each of the {probe.n} probe rows, got {len(ids)}"
        )
    if team.split and o.draws > 1:
        raise InputError(
            "draws > 1 and ranks='split' cannot be combined: take the draws on one rank"
        )
    if o.overwrite:
        forget_weights(o.to)
    start, stop = team.rows(probe.n)
    share: dict[str, Any] = (
        {"rank": team.rank, "world_size": team.world, "row_start": start, "row_stop": stop}
        if team.split
        else {}
    )  # Any: known keywords

    def tiled(
        a: NDArray[Any] | None,
    ) -> NDArray[Any] | None:  # Any: every dtype of inputs and labels
        return a if a is None or o.draws == 1 else np.concatenate([a] * o.draws)

    return RunWriter.create(
        o.to,
        layers=plan.infos,
        x=tiled(x),
        y=tiled(probe.y),
        y_kind=o.y_kind,
        x_kind=probe.kind_of_inputs(o.x_kind),
        row_ids=tiled(ids),
        split=tiled(None if o.split is None else np.asarray(o.split)),
        chain=chain,
        config=_config(plan, model, probe, team),
        overwrite=o.overwrite,
        resume=o.resume,
        durable=o.durable,
        **share,
    )


def _config(plan: Plan, model: nn.Module, probe: Probe, team: Team) -> dict[str, object]:
    o = plan.options
    return {
        "schedule": str(o.schedule),
        "mode": o.mode,
        "draws": o.draws,
        "noise": o.noise,
        "seed": o.seed,
        "batch_size": plan.batch_size,
        "layers": o.layers
        if isinstance(o.layers, str)
        else [str(p) for p in np.atleast_1d(np.array(o.layers, dtype=object))],
        "autocast": o.autocast_name,
        "store": o.store,
        "ranks": team.world,
        "silent": list(plan.survey.silent),
        "notes": [*plan.survey.notes, *o.notes],
        "torch": torch.__version__,
        "model": type(model).__name__,
        "inputs": type(probe.inputs).__name__,
        "bytes_per_capture": plan.bytes_per_capture,
        "tags": dict(o.tags),
    }


def capture_meta(plan: Plan, model: nn.Module) -> dict[str, object]:
    """How a capture was made: mode, types, device, batches, threads."""
    o = plan.options
    return {
        "mode": o.mode,
        "training": model.training,
        "autocast": o.autocast_name,
        "device": str(device_of(model)),
        "batch_size": plan.batch_size,
        "draws": o.draws,
        "noise": o.noise,
        "execution": "eager",
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "compute_dtype": next(
            (str(p.dtype).removeprefix("torch.") for p in model.parameters()), "float32"
        ),
    }
