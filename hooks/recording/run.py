"""The run on disk: its header, and what is said about every capture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from infoplane.archive import RunWriter
from infoplane.errors import InputError
from infoplane.hooks.network.isolate import device_of
from infoplane.hooks.network.sites import selectors
from infoplane.hooks.probing.probe import Probe
from infoplane.hooks.recording.plan import Plan
from infoplane.hooks.recording.ranks import ProcessGroup
from infoplane.hooks.recording.weights import forget_weights
from infoplane.hooks.rows.rows import RowsInside
from infoplane.kinds import kind_of_inputs
from infoplane.positions import ChosenRows
from infoplane.positions.samples import sample_labels
from infoplane.row_info import DEFAULT_LABEL, RowInfo
from infoplane.rows import row_codes, row_digests
from infoplane.types import Chain, Kind


@dataclass(frozen=True, eq=False)
class ArchivedRows:
    """The rows of a run as its archive has them: N of them.

    Attributes:
        x: shape ``(N, ...)``, None where X is no array (a prefix).
        y: the first label set.
        labels: the further ones.
        ids: shape ``(N,)``, equal X, equal id.
        info: what a row is.
        positions: shape ``(N, 2)``, None of samples.
        split: shape ``(N,)`` of ``train``/``test``, None where nobody said.
    """

    x: NDArray[Any] | None  # Any: dtype of the inputs
    y: NDArray[Any] | None  # Any: dtype of the labels
    ids: NDArray[np.int64]
    labels: dict[str, NDArray[Any]]  # Any: dtype of the labels
    info: RowInfo
    positions: NDArray[np.int64] | None = None
    split: NDArray[Any] | None = None  # Any: texts

    def repeated(self, draws: int) -> ArchivedRows:
        """Return the rows of several draws, one draw after another."""
        if draws == 1:
            return self
        return replace(
            self,
            x=_repeated(self.x, draws),
            y=_repeated(self.y, draws),
            ids=np.tile(self.ids, draws),
            labels={name: np.concatenate([y] * draws) for name, y in self.labels.items()},
            positions=_repeated(self.positions, draws),
            split=_repeated(self.split, draws),
        )

    def x_kind(self, probe: Probe, stated: str | None) -> Kind:
        """Whether X are symbols or amounts: the inputs, or the tokens or features of a row."""
        if self.positions is None or self.x is None:
            return probe.kind_of_inputs(stated)
        return kind_of_inputs(self.x.dtype.kind, stated)


def _repeated(array: NDArray[Any] | None, draws: int) -> NDArray[Any] | None:  # Any: every dtype
    return None if array is None else np.concatenate([array] * draws)


def archived_rows(plan: Plan, probe: Probe) -> ArchivedRows:
    """X, labels and places of the rows of a run.

    Raises:
        InputError: row ids that do not fit, or labels that do not pair with samples.
    """
    wanted, rows = plan.options.rows, plan.row_kind
    if isinstance(rows, RowsInside):
        return _of_positions(plan, rows.chosen)
    x, options = probe.array(), plan.options
    ids = (
        row_codes(row_digests(x))
        if options.row_ids is None
        else np.asarray(options.row_ids, dtype=np.int64)
    )
    if len(ids) != probe.n:
        raise InputError(
            f"row_ids must hold one number for each of the {probe.n} probe rows, got {len(ids)}"
        )
    labels = sample_labels(wanted.y, probe.y, probe.n, options.y_kind)
    first = next(iter(labels), DEFAULT_LABEL)
    split = None if options.split is None else np.asarray(options.split)
    y = labels.pop(first, None)
    return ArchivedRows(x, y, ids, labels, RowInfo(label=first), split=split)


def _of_positions(plan: Plan, chosen: ChosenRows) -> ArchivedRows:
    if plan.options.row_ids is not None:
        raise InputError(f"row_ids= belongs to samples: rows={chosen.kind!r} makes its own, see x=")
    info = chosen.info(plan.options.rows, plan.row_kind.samples)
    labels = dict(chosen.labels)
    y = labels.pop(info.label, None)
    split = plan.options.split
    if split is not None:
        split = np.asarray(split)
        if len(split) == plan.row_kind.samples:  # a position has that of its sample
            split = split[chosen.places[:, 0]]
    return ArchivedRows(chosen.x_values, y, chosen.x_ids, labels, info, chosen.places, split)


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
    rows = archived_rows(plan, probe).repeated(options.draws)
    if team.split and options.draws > 1:
        raise InputError(
            "draws > 1 and ranks='split' cannot be combined: take the draws on one rank"
        )
    if options.overwrite:
        forget_weights(options.to)
    return RunWriter.create(
        options.to,
        layers=plan.infos,
        x=rows.x,
        y=rows.y,
        y_kind=options.y_kind,
        x_kind=rows.x_kind(probe, options.x_kind),
        row_ids=rows.ids,
        split=rows.split,
        chain=chain,
        labels=rows.labels,
        row_info=rows.info,
        positions=rows.positions,
        store_x=options.store_x,
        config=_config(plan, model, probe, team),
        overwrite=options.overwrite,
        resume=options.resume,
        durable=options.durable,
        **_share_of_rows(plan, probe, team),
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
        else [str(pattern) for pattern in np.atleast_1d(np.array(options.layers, dtype=object))],
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
