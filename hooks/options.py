"""What a recording may be asked for: every option declared, typed and explained once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from infoplane.errors import InputError
from infoplane.hooks.choice.requests import Layers
from infoplane.hooks.gradients import LossFunction
from infoplane.hooks.network.isolate import Isolation, Mode
from infoplane.hooks.network.outputs import Selector
from infoplane.hooks.option_types import check_option, check_options
from infoplane.hooks.probing.probe import Forward, Probe
from infoplane.hooks.recording.ranks import Ranks
from infoplane.hooks.reduce import Custom
from infoplane.hooks.schedule import Every, Schedule
from infoplane.kinds import looks_like_classes
from infoplane.patterns import did_you_mean, fits, plain_name
from infoplane.positions import WantedRows
from infoplane.positions.row_request import Labels
from infoplane.positions.samples import sample_labels
from infoplane.types import Kind
from infoplane.types.arrays import Array

Reduce = str | Custom | Mapping[str, str | Custom] | None
OnError = Literal["raise", "warn"]
Store = Literal["activations", "weights"]
Noise = Literal["undeclared", "independent"]
StoredType = Literal["float16", "float32", "float64"]
_LEAST = {"draws": 1, "batch_size": 1, "seed": 0, "max_bytes": 1, "rank_timeout": 0}
"""The smallest value of an option that is a number."""
_CHECKED_ELSEWHERE = ("layers", "schedule", "max_overhead")
"""Options whose own check says more than their type."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CaptureOptions:
    """Options of a `Recorder` beyond those of every day; each is taken by keyword too.

    Args:
        select: ``{name or glob: index, key or callable}`` for layers that return several tensors.
        forward: ``f(model, inputs)`` for networks that are not called as ``model(x)``,
            ``model(*xs)`` or ``model(**xs)``.
        batch_size: rows per probe forward; chosen from the activations' size when left out. Part of
            the result: it moves last bits.
        draws: forwards per row with independent noise, for networks that are random in this mode;
            row ``d * n + i`` is draw d of row i.
        noise: ``independent`` declares that layers share no noise; without it data-processing
            verdicts of a noisy mode are not comparable.
        autocast: dtype to probe under autocast in; off by default whatever the loop does.
        dtype: ``float32`` (halves are stored as float32, float64 stays), or ``float16``,
            ``float64``.
        store: ``activations``, or ``weights``: state dicts on the schedule, activations at the
            first capture only; `infoplane replay` does the rest.
        chain: the interchange test. ``auto`` exchanges layers until 24 forwards of its few rows are
            spent, or three seconds where these are more, and leaves ``unknown`` what that does not
            reach (`infoplane.certify` tests it later); True tests every pair, False none.
        x_kind: ``discrete``: the inputs are symbols, such as token ids; ``continuous``: amounts,
            such as pixels. Integers are symbols unless said otherwise.
        store_x: whether the inputs are stored with the run. False keeps their row ids alone, for
            probes that are large or secret; a replay then needs ``probe=``.
        x: what X is at a token: ``prefix`` (causal networks, the default there), ``sequence`` or
            ``token``; ``image`` or ``pixel``; ``graph`` or ``node``.
        mask: real positions: the name of an input or an array ``(n, T)``; ``attention_mask`` and
            ``key_padding_mask`` are found by their names.
        skip_first: so many positions at the start of every sequence are no rows.
        max_rows: at most so many rows, a random subset drawn once and stored.
        ignore_index: the integer label that means none; its positions are no rows.
        fixed: names of inputs without a row axis (the edges of a graph), by number in a tuple:
            every forward gets them whole.
        row_ids: shape ``(n,)``: equal number, equal input; from the inputs themselves when left
            out.
        split: shape ``(n,)`` of ``train``/``test``.
        on_error: ``warn``: a capture that fails while training is dropped, recorded in the archive
            and warned of once, and training goes on; ``raise`` stops at it. What fails on entry,
            before training, always raises. A full disk always warns.
        background: write on a thread of its own; training waits for the disk only when more than
            256 MiB are waiting.
        max_bytes: refuse to start when the scheduled captures would exceed it; stop capturing when
            an endless schedule does.
        ranks: see `infoplane.hooks.recording.ranks`.
        rank_timeout: seconds to wait for another rank.
        gradients: ``loss_fn(output, labels)``: at every capture also per-batch gradients over one
            pass of the probe, see `infoplane.hooks.gradients`.
        seed: of noise draws, random projections and samples.
        durable: sync every file, so that it survives a power cut and not only a kill.
        tags: anything of yours that is JSON.

    Example:
        >>> CaptureOptions(draws=2).draws
        2
    """

    select: Mapping[str, Selector] | None = None
    forward: Forward | None = None
    batch_size: int | None = None
    draws: int = 1
    noise: Noise = "undeclared"
    autocast: torch.dtype | None = None
    dtype: StoredType | None = None
    store: Store = "activations"
    chain: bool | Literal["auto"] = "auto"
    x_kind: Kind | None = None
    store_x: bool = True
    x: str | None = None
    mask: str | ArrayLike | None = None
    skip_first: int = 0
    max_rows: int | None = None
    ignore_index: int = -100
    fixed: Sequence[str | int] = ()
    row_ids: NDArray[np.integer] | None = None
    split: Sequence[str] | Array | None = None
    on_error: OnError = "warn"
    background: bool = False
    max_bytes: float | None = None
    ranks: Ranks = "auto"
    rank_timeout: float = 60.0
    gradients: LossFunction | None = None
    seed: int = 0
    durable: bool = True
    tags: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_options(self, without=_CHECKED_ELSEWHERE)
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} must be at least {least}, got {value!r}")
        if self.autocast is not None and not self.autocast.is_floating_point:
            raise InputError(
                f"autocast must be a floating type such as torch.bfloat16, got {self.autocast}"
            )
        if self.row_ids is not None and np.asarray(self.row_ids).dtype.kind not in "iu":
            raise InputError(
                "row_ids must be whole numbers, the same for equal inputs, got "
                f"{np.asarray(self.row_ids).dtype}"
            )

    def wanted_rows(self, rows: str, y: Labels | None) -> WantedRows:
        """Return which rows and labels are asked for.

        Args:
            rows: as the `Recorder` takes it.
            y: labels that are not in the probe.

        Raises:
            InputError: no such rows, or options that belong to others.
        """
        return WantedRows(
            rows=rows,
            x=self.x,
            y=y,
            mask=self.mask,
            skip_first=self.skip_first,
            max_rows=self.max_rows,
            ignore_index=self.ignore_index,
            seed=self.seed,
        )


class CaptureKeywords(TypedDict, total=False):
    """The types of `CaptureOptions` where they are given by keyword."""

    select: Mapping[str, Selector] | None
    forward: Forward | None
    batch_size: int | None
    draws: int
    noise: Noise
    autocast: torch.dtype | None
    dtype: StoredType | None
    store: Store
    chain: bool | Literal["auto"]
    x_kind: Kind | None
    store_x: bool
    x: str | None
    mask: str | ArrayLike | None
    skip_first: int
    max_rows: int | None
    ignore_index: int
    fixed: Sequence[str | int]
    row_ids: NDArray[np.integer] | None
    split: Sequence[str] | Array | None
    on_error: OnError
    background: bool
    max_bytes: float | None
    ranks: Ranks
    rank_timeout: float
    gradients: LossFunction | None
    seed: int
    durable: bool
    tags: Mapping[str, object]


def chosen_options(options: CaptureOptions | None, more: Mapping[str, Any]) -> CaptureOptions:
    """Return the options given as one object with those given by keyword in their place.

    Raises:
        InputError: a keyword that is no option, or a value that an option does not take.
    """
    check_option("options", options, CaptureOptions | None)
    known = [option.name for option in fields(CaptureOptions)]
    for name in more:
        if name not in known:
            near = get_close_matches(name, [*known, *EVERY_DAY], 3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise InputError(f"Recorder has no option {name!r}{hint}")
    given = {name: value for name, value in more.items() if name != "tags" or value is not None}
    return replace(options or CaptureOptions(), **given)


EVERY_DAY = (
    "probe",
    "to",
    "layers",
    "schedule",
    "reduce",
    "rows",
    "y",
    "mode",
    "y_kind",
    "measure",
    "watch",
    "max_overhead",
    "overwrite",
    "resume",
    "verbose",
)
"""Options that the constructor of the `Recorder` shows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Options(CaptureOptions):
    """What a recording was asked for: the arguments of a `Recorder` but for model and probe."""

    to: Path
    layers: Layers = "auto"
    schedule: Schedule = field(default_factory=lambda: Every(1))
    reduce: Reduce = "none"
    rows: WantedRows = field(default_factory=WantedRows)
    mode: Mode = "eval"
    y_kind: Kind | None = None
    measure: Sequence[str] | str | None = None
    watch: bool | int = False
    max_overhead: float | None = None
    overwrite: bool = False
    resume: bool = False
    verbose: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_share(self.max_overhead)
        if self.store == "weights" and (self.measure is not None or self.watch):
            raise InputError(
                "measure= needs activations (and so does watch=), and store='weights' keeps none "
                "of them: leave one of the two out, and see `infoplane replay`"
            )
        if not isinstance(self.schedule, Schedule):
            raise InputError(
                "schedule must have due(step) and count(), e.g. ip.log_spaced(8000, 60), got "
                f"{type(self.schedule).__name__}"
            )

    @property
    def autocast_name(self) -> str:
        """``off``, or the dtype of the autocast that the probe runs under."""
        return str(self.autocast).removeprefix("torch.") if self.autocast else "off"

    def reduction_of(self, layer: str, layers: Collection[str]) -> str | Custom | None:
        """Return the reduction that was asked for this layer.

        Args:
            layer: its name.
            layers: names of all captured layers. The full name of one means that layer alone; other
                names and globs also mean the calls and ends of a module.
        """
        if not isinstance(self.reduce, Mapping):
            return self.reduce
        plain = plain_name(layer)
        for key, spec in self.reduce.items():
            if key == layer:
                return spec
            if key not in layers and (fits(layer, key) or fits(plain, key)):
                return spec
        return None

    def check_names(self, layers: Collection[str], modules: Collection[str]) -> None:
        """Refuse names in ``reduce=`` and ``select=`` that fit nothing.

        Args:
            layers: names of the captured layers.
            modules: names of all modules.

        Raises:
            InputError: one fits none; it says what was perhaps meant.
        """
        if isinstance(self.reduce, Mapping):
            _require_names("reduce", self.reduce, [*layers, *map(plain_name, layers)])
        if self.select is not None:
            inputs = [f"{module}:input" for module in modules]
            _require_names("select", self.select, [*modules, *inputs])

    def isolation(
        self,
        model: nn.Module,
        *,
        step: int | None = None,
        mode: Mode | None = None,
        written: Collection[str] | None = None,
    ) -> Isolation:
        """Return the surroundings of a capture, or of looking at the network before any.

        Args:
            model: the bare network.
            step: whose seed is taken; None for that of the run.
            mode: another one than that of the captures.
            written: names of what forwards write into; None where that is unknown.
        """
        seed = self.seed if step is None else draw_seed(self.seed, step, 0)
        how = mode or self.mode
        return Isolation(model, mode=how, seed=seed, autocast=self.autocast, written=written)

    def check_labels(self, probe: Probe) -> None:
        """Refuse labels of which nobody said what they are, and samples without one label each."""
        if probe.y is not None and probe.y.dtype.kind not in "iubUSO" and self.y_kind is None:
            classes = (
                f" ({len(np.unique(probe.y))} different whole numbers)"
                if looks_like_classes(probe.y)
                else ""
            )
            raise InputError(
                f"labels are {probe.y.dtype}{classes}: say y_kind='discrete' (classes) or "
                "y_kind='continuous' (a regression target); it is never guessed"
            )
        if self.rows.kind == "sample":
            sample_labels(self.rows.y, probe.y, probe.n, self.y_kind)


def draw_seed(seed: int, step: int, draw: int) -> int:
    """Return the seed of one draw of a network's own noise, the same in every repetition.

    Args:
        seed: of the recording.
        step: the checkpoint.
        draw: which forward of it, from 0.
    """
    return int(np.random.SeedSequence([seed, step, draw]).generate_state(1)[0])


def _require_names(option: str, patterns: Collection[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(fits(name, pattern) for name in names):
            raise InputError(
                f"{option}= names {pattern!r}, which fits none of {list(dict.fromkeys(names))[:20]}"
                + did_you_mean(pattern, names)
            )


def _check_share(share: object) -> None:
    """Refuse what is no share of the time: measuring beside a training takes at most 64 cores."""
    if share is None:
        return
    if isinstance(share, Real) and not isinstance(share, bool) and 0 < float(share) <= 64:
        return
    raise InputError(
        f"max_overhead is a share of the time above 0, for example 0.05, got {share!r}"
    )
