"""What a recording was asked for, checked once; the words are explained at `Recorder`."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from infoplane.errors import InputError
from infoplane.hooks.gradients import LossFunction
from infoplane.hooks.isolate import Isolation, Mode, device_of, isolated
from infoplane.hooks.layers import Layers
from infoplane.hooks.network_state import NetworkState
from infoplane.hooks.outputs import Selector
from infoplane.hooks.passes import draw_seed
from infoplane.hooks.probe import Forward, Probe
from infoplane.hooks.reduce import Custom
from infoplane.hooks.schedule import Every, Schedule
from infoplane.kinds import looks_like_classes
from infoplane.positions import WantedRows
from infoplane.positions.samples import sample_labels

Reduce = str | Custom | Mapping[str, str | Custom]
OnError = Literal["raise", "warn"]
Store = Literal["activations", "weights"]
Noise = Literal["undeclared", "independent"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Options:
    """The arguments of a `Recorder` but for model and probe."""

    to: Path
    layers: Layers = "auto"
    schedule: Schedule = field(default_factory=lambda: Every(1))
    reduce: Reduce = "none"
    select: Mapping[str, Selector] | None = None
    forward: Forward | None = None
    batch_size: int | None = None
    mode: Mode = "eval"
    draws: int = 1
    noise: Noise = "undeclared"
    autocast: torch.dtype | None = None
    dtype: str | None = None
    store: Store = "activations"
    chain: bool = True
    y_kind: Literal["discrete", "continuous"] | None = None
    x_kind: Literal["discrete", "continuous"] | None = None
    row_ids: NDArray[np.integer] | None = None
    split: Sequence[str] | NDArray[np.generic] | None = None
    rows: WantedRows = field(default_factory=WantedRows)
    on_error: OnError = "warn"
    background: bool = False
    max_bytes: int | None = None
    max_overhead: float | None = None
    gradients: LossFunction | None = None
    seed: int = 0
    overwrite: bool = False
    resume: bool = False
    durable: bool = True
    tags: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_choice("mode", self.mode, ("eval", "train", "user"))
        _check_choice("noise", self.noise, ("undeclared", "independent"))
        _check_choice("store", self.store, ("activations", "weights"))
        _check_choice("on_error", self.on_error, ("raise", "warn"))
        _check_choice("x_kind", self.x_kind, (None, "discrete", "continuous"))
        _check_choice("dtype", self.dtype, (None, "float16", "float32", "float64"))
        if self.draws < 1 or (self.batch_size is not None and self.batch_size < 1):
            raise InputError(
                f"draws and batch_size are at least 1, got draws={self.draws}, batch_size={self.batch_size}"
            )
        if not isinstance(self.schedule, Schedule):
            raise InputError(
                f"schedule must have due(step) and count(), e.g. ip.log_spaced(8000, 60), got {type(self.schedule).__name__}"
            )

    @property
    def autocast_name(self) -> str:
        """``off``, or the dtype of the autocast that the probe runs under."""
        return str(self.autocast).removeprefix("torch.") if self.autocast else "off"

    def reduction_of(self, layer: str) -> str | Custom | None:
        """The reduction that was asked for this layer."""
        if not isinstance(self.reduce, Mapping):
            return self.reduce
        plain = layer.partition("#")[0].partition(":")[0]
        for key, spec in self.reduce.items():
            if fnmatchcase(layer, key) or fnmatchcase(plain, key):
                return spec
        return None

    def isolated(
        self,
        model: nn.Module,
        *,
        step: int | None = None,
        mode: Mode | None = None,
        written: Collection[str] | None = None,
    ) -> contextlib.AbstractContextManager[NetworkState]:
        """The surroundings of looking at the network before anything is captured."""
        return isolated(
            model,
            mode=mode or self.mode,
            seed=self.seed if step is None else draw_seed(self.seed, step, 0),
            autocast=self.autocast,
            device=device_of(model),
            written=written,
        )

    def isolation(
        self, model: nn.Module, *, step: int, mode: Mode | None, written: Collection[str] | None
    ) -> Isolation:
        """Return the surroundings of the capture of ``step``."""
        return Isolation(
            model,
            mode=mode or self.mode,
            seed=draw_seed(self.seed, step, 0),
            autocast=self.autocast,
            device=device_of(model),
            written=written,
        )

    def check_labels(self, probe: Probe) -> None:
        """Refuse labels of which nobody said what they are, and labels of samples that are not one each."""
        if probe.y is not None and probe.y.dtype.kind not in "iubUSO" and self.y_kind is None:
            classes = (
                f" ({len(np.unique(probe.y))} different whole numbers)"
                if looks_like_classes(probe.y)
                else ""
            )
            raise InputError(
                f"labels are {probe.y.dtype}{classes}: say y_kind='discrete' (classes) or y_kind='continuous' (a regression target); it is never guessed"
            )
        if self.rows.kind == "sample":
            sample_labels(self.rows.y, probe.y, probe.n, self.y_kind)


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name} must be one of {allowed}, got {value!r}")
