"""The run on disk: its header, and what is said about every capture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from infoplane.archive import Archive, RunWriter
from infoplane.errors import InputError
from infoplane.hooks.choice.requests import listed
from infoplane.hooks.network.isolate import device_of
from infoplane.hooks.network.sites import selectors
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.plan import Plan
from infoplane.hooks.recording.ranks import ProcessGroup
from infoplane.hooks.recording.weights import forget_weights
from infoplane.hooks.rows.rows import RowsInside
from infoplane.kinds import kind_of_inputs
from infoplane.positions.archived_rows import ArchivedRows, rows_of_positions, rows_of_samples
from infoplane.positions.samples import sample_labels
from infoplane.types import Chain, Kind


def archived_rows(plan: Plan, probe: Probe) -> ArchivedRows:
    """X, labels and places of the rows of a run.

    Raises:
        InputError: row ids that do not fit, or labels that do not pair with samples.
    """
    options, rows = plan.options, plan.row_kind
    ids = None if options.row_ids is None else np.asarray(options.row_ids, dtype=np.int64)
    split = None if options.split is None else np.asarray(options.split)
    if isinstance(rows, RowsInside):
        if ids is not None:
            raise InputError(
                f"row_ids= belongs to samples: rows={rows.chosen.kind!r} makes its own, see x="
            )
        return rows_of_positions(rows.chosen, options.rows, rows.samples, split)
    if ids is not None and len(ids) != probe.n:
        raise InputError(
            f"row_ids must hold one number for each of the {probe.n} probe rows, got {len(ids)}"
        )
    labels = sample_labels(options.rows.y, probe.y, probe.n, options.y_kind)
    return rows_of_samples(labels, probe.array(), ids, split)


def _x_kind(rows: ArchivedRows, probe: Probe, stated: str | None) -> Kind:
    """Whether X are symbols or amounts: the inputs, or the tokens or features of a row."""
    if rows.positions is None or rows.x is None:
        return probe.kind_of_inputs(stated)
    return kind_of_inputs(rows.x.dtype.kind, stated)


def create_run(
    plan: Plan, model: nn.Module, probe: Probe, team: ProcessGroup, chain: Chain | None
) -> RunWriter:
    """Return the writer of this process's shards.

    The run is created or resumed as the options say.

    Args:
        plan: what is captured.
        model: the bare network.
        probe: its samples, of all processes.
        team: this process's part.
        chain: which layers screen the input off from which, if that was tested.

    Raises:
        InputError: row ids or draws that do not fit.
        ArchiveError: the run cannot be created there.
    """
    options = plan.options
    rows = archived_rows(plan, probe)
    kind = _x_kind(rows, probe, options.x_kind)
    if team.split and options.draws > 1:
        raise InputError(
            "draws > 1 and ranks='split' cannot be combined: take the draws on one rank"
        )
    if options.draws > 1:  # one draw after another
        rows = rows.take(np.tile(np.arange(plan.row_kind.n), options.draws))
    if options.overwrite:
        forget_weights(options.to)
    return RunWriter.create(
        options.to,
        layers=plan.infos,
        y_kind=options.y_kind,
        x_kind=kind,
        chain=chain,
        store_x=options.store_x,
        config=_config(plan, model, probe, team),
        overwrite=options.overwrite,
        resume=options.resume,
        durable=options.durable,
        **vars(rows),
        **_share_of_rows(plan, probe, team),
    )


def require_same_captures(previous: Archive, plan: Plan) -> None:
    """Refuse to go on with a run whose steps were captured in another way.

    Raises:
        InputError: with what differs.
    """
    options = plan.options
    asked: dict[str, object] = {
        "mode": options.mode,
        "noise": options.noise,
        "seed": options.seed,
    }
    differing = []
    selected = previous.config.get("selected", {})
    for layer, selector in selectors(plan.sites).items():
        if selected.get(layer, selector) != selector:
            differing.append(f"select={{{layer!r}: {selector!r}}} was {selected[layer]!r}")
    for name, value in asked.items():
        before = previous.config.get(name, value)
        if before != value:
            differing.append(f"{name} is {value!r} and was {before!r}")
    if differing:
        raise InputError(
            f"{options.to}: cannot resume: {'; '.join(differing)}: the steps of a run are captured "
            "in one way; give another folder"
        )


def _share_of_rows(plan: Plan, probe: Probe, team: ProcessGroup) -> dict[str, Any]:
    """The keywords by which a writer knows which rows are its own, where several write."""
    if not team.split:
        return {}
    own = plan.row_kind.span(*team.rows(probe.n))
    return {
        "rank": team.rank,
        "world_size": team.world,
        "row_start": own.start,
        "row_stop": own.stop,
    }


def _config(plan: Plan, model: nn.Module, probe: Probe, team: ProcessGroup) -> dict[str, object]:
    options = plan.options
    return {
        "schedule": str(options.schedule),
        "mode": options.mode,
        "draws": options.draws,
        "noise": options.noise,
        "seed": options.seed,
        "batch_size": plan.batch_size,
        "layers": options.layers
        if isinstance(options.layers, str)
        else list(map(str, listed(options.layers))),
        "selected": selectors(plan.sites),
        "autocast": options.autocast_name,
        "store": options.store,
        "ranks": team.world,
        "silent": list(plan.survey.silent),
        "notes": [*plan.survey.notes, *options.notes],
        "torch": torch.__version__,
        "model": type(model).__name__,
        "inputs": type(probe.inputs).__name__,
        "input_dtypes": [str(t.dtype).removeprefix("torch.") for t in probe.tensors().values()],
        "fixed": list(probe.fixed),
        "constants": {name: str(value) for name, value in probe.constants().items()},
        "bytes_per_capture": plan.bytes_per_capture,
        "tags": dict(options.tags),
    }


def capture_meta(plan: Plan, model: nn.Module) -> dict[str, object]:
    """Return how a capture was made: mode, types, device, batches, threads."""
    options = plan.options
    return {
        "mode": options.mode,
        "training": model.training,
        "autocast": options.autocast_name,
        "device": str(device_of(model)),
        "batch_size": plan.batch_size,
        "draws": options.draws,
        "noise": options.noise,
        "execution": "eager",
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "compute_dtype": next(
            (str(parameter.dtype).removeprefix("torch.") for parameter in model.parameters()),
            "float32",
        ),
    }
