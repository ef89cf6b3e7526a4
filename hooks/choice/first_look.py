"""A look at the network with a few rows, before anything is captured.

Five forwards tell what no documentation of a network says: which layers run and what they return,
which axis of an output follows the number of rows, how wide the widest output is, what the network
changes besides its output, and whether it takes any number of rows.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.errors import InfoplaneError, InputError
from infoplane.hooks.choice.layers import Survey, survey
from infoplane.hooks.network import outputs
from infoplane.hooks.network.isolate import device_of, dtype_of
from infoplane.hooks.network.own_hooks import OwnHooks
from infoplane.hooks.network.sites import Site, attached, tensor_of
from infoplane.hooks.options import Options
from infoplane.hooks.probing.batches import TAKEN_AS_LABELS
from infoplane.hooks.probing.inputs import Inputs
from infoplane.hooks.probing.probe import Probe, batch_size_for, call
from infoplane.user_warning import warn_user

ROWS, OTHER_ROWS = 4, 6
"""Two numbers of rows to look with: the axis of an output that has first the one and then the other
length runs over the rows.
"""
_FEW_ROWS, _BYTES_OF_FEW = 8, 512 << 20
"""So many rows are taken where they fit into so many bytes: a wide network is slow row by row."""
_BYTES_OF_INPUTS = 64 << 20
"""What the inputs of one batch may take: they may be wider than any layer."""
_BYTES_OF_SCORES = 1 << 30
"""What the scores of all words may take in one batch: no stored layer, and freed at once."""
NOT_REPEATED = 1e-3
"""Relative difference of two forwards of the same rows from which on they are other values and not
rounding.
"""


@dataclass(frozen=True, eq=False)
class Look:
    """What a few rows showed.

    Attributes:
        survey: the sites to capture, and notes for the user.
        widest_bytes: of the widest output of any module, per row; scores of all words do not count.
        scores_bytes: of the scores of all words, per row.
        input_bytes: of all inputs, per row.
        seconds_per_row: of a forward.
        written: names of parameters and other state that forwards write into; they are put back
            after every pass.
        fixed_rows: rows of a batch where the network takes no other number, else None.
    """

    survey: Survey
    widest_bytes: int
    scores_bytes: int
    input_bytes: int
    seconds_per_row: float
    written: tuple[str, ...]
    fixed_rows: int | None = None

    def batch_size(self) -> int:
        """Return rows per forward that fit into memory with the widest output and all captured."""
        captured = sum(site.row_bytes for site in self.survey.sites)
        per_row = max(captured, self.widest_bytes)
        few = min(_FEW_ROWS, batch_size_for(per_row, budget=_BYTES_OF_FEW))
        with_scores = batch_size_for(self.scores_bytes, budget=_BYTES_OF_SCORES)
        with_inputs = batch_size_for(self.input_bytes, budget=_BYTES_OF_INPUTS)
        return min(max(few, batch_size_for(per_row)), with_scores, with_inputs)


def look(model: nn.Module, probe: Probe, options: Options) -> Look:
    """Look at the network with a few probe rows; it is left as it was found.

    Args:
        model: the bare network.
        probe: its rows.
        options: of the recording.

    Raises:
        CaptureError: a layer cannot be found or captured.
        InputError: the network takes one batch size only, and the probe is no multiple of it.
        Exception: what the network raises on these rows, with a note that says what it was given.
    """
    looking = _Looking(model, probe, options)
    written = looking.what_is_written()
    rows, fixed = looking.rows, options.batch_size
    try:
        first = looking.survey(rows, looking.other_rows)
    except Exception as error:
        if isinstance(error, InfoplaneError) or fixed is None or not looking.runs_with(fixed):
            raise
        _require_whole_batches(probe.n, fixed)
        rows, first = fixed, looking.survey(fixed, None)
    else:
        fixed = None
    notes = [*probe.notes, *first.notes]
    _warn_of_labels(model, probe)
    if written:
        notes.append(
            f"forwards of this network change {_few(written, 2)}: put back after every pass"
        )
    sizes = looking.warn_unless_repeatable(first.sites, rows)
    return Look(
        Survey(first.sites, first.silent, tuple(notes)),
        -(-sizes.widest // rows),
        -(-sizes.scores // rows),
        sum(tensor[:1].nbytes for tensor in probe.tensors().values()),
        sizes.seconds / rows,
        written,
        fixed,
    )


class _Looking:
    """The network, the probe, and forwards of a few of its rows.

    Attributes:
        rows, other_rows: the two numbers of rows to look with; all nodes of a graph, which cannot
            be taken apart.
    """

    def __init__(self, model: nn.Module, probe: Probe, options: Options) -> None:
        graph = options.rows.kind == "node"
        self.rows, self.other_rows = (probe.n, probe.n) if graph else (ROWS, OTHER_ROWS)
        self._model, self._probe, self._options = model, probe, options
        self._device = device_of(model)
        self._written: tuple[str, ...] = ()

    def _rows(self, count: int) -> Inputs:
        """The first rows of the probe, from its beginning again where it has fewer."""
        return few_rows(self._probe, count, self._device)

    def what_is_written(self) -> tuple[str, ...]:
        """Return what forwards change, in training mode and on the way back from it.

        Where networks rescale and cache.
        """
        options = self._options
        with options.isolation(self._model, mode="train").entered() as state:
            self._forward_if_possible()
            for module in self._model.modules():
                module.training = options.mode == "train"
            self._forward_if_possible()
        if state.lost:
            warn_user(
                f"forwards of this network write into {_few(state.lost)}, which is too large to be "
                "copied: a capture changes it, so that training ends otherwise than without the "
                "recorder; capture from a copy of the network, or fewer times",
                RuntimeWarning,
            )
        self._written = tuple(dict.fromkeys([*state.changed, *state.lost]))
        return self._written

    def _forward_if_possible(self) -> None:
        """A forward of a network that may not run in this mode, or not with this number of rows."""
        for count in (self.rows, self._options.batch_size):
            with contextlib.suppress(Exception):
                if count is not None:
                    call(self._model, self._rows(count), self._options.forward)
                    return

    def survey(self, rows: int, other_rows: int | None) -> Survey:
        """Return the sites, found with one number of rows, their axis with another."""
        options = self._options
        other = None
        with options.isolation(self._model, written=self._written).entered():
            if other_rows is not None:
                other = (self._rows(other_rows), other_rows)
            try:
                return survey(
                    self._model,
                    options.layers,
                    self._rows(rows),
                    rows,
                    other=other,
                    select=options.select,
                    forward=options.forward,
                )
            except Exception as error:
                if not isinstance(error, InfoplaneError):
                    for note in _notes_on_failure(self._model, self._probe, rows, options):
                        error.add_note(f"infoplane: {note}")
                raise

    def runs_with(self, rows: int) -> bool:
        """Whether the network takes this number of rows."""
        with self._options.isolation(self._model, written=self._written).entered():
            try:
                call(self._model, self._rows(rows), self._options.forward)
            except Exception:
                return False
        return True

    def warn_unless_repeatable(self, sites: Sequence[Site], rows: int) -> _Sizes:
        """Tell whether two forwards of the same rows and random numbers give the same.

        Unless something is kept elsewhere.

        Returns:
            How wide the network is, and how long a forward takes.
        """
        sizes = _Sizes(self._model)
        first: dict[str, Tensor] = {}
        other: list[str] = []

        def keep(name: str, value: Tensor) -> None:
            first[name] = value.clone()

        def compare(name: str, value: Tensor) -> None:
            if not _equal(first.pop(name), value):
                other.append(name)

        hooks = OwnHooks()
        with hooks, hooks:
            hooks.around(self._model.modules(), None, sizes.measure)
            self._show_values(sites, rows, keep)
        began = time.perf_counter()
        self._show_values(sites, rows, compare)
        sizes.seconds = time.perf_counter() - began
        if other:
            warn_user(
                "two forwards of the same rows with the same random numbers gave other values at "
                f"{_few(other)}: the network keeps state where the recorder cannot put it back "
                "(outside its modules), or draws from a generator that is not seeded; a capture "
                "may change the training",
                RuntimeWarning,
            )
        return sizes

    def _show_values(
        self, sites: Sequence[Site], rows: int, see: Callable[[str, Tensor], object]
    ) -> None:
        """One forward; every site's tensor is shown as it comes, and what the network returns."""

        def visit(site: Site, value: Any) -> None:  # Any: layer output
            see(site.name, tensor_of(site, value).detach())

        with (
            self._options.isolation(self._model, written=self._written).entered(),
            attached(sites, visit) as next_forward,
        ):
            output = call(self._model, self._rows(rows), self._options.forward)
            next_forward()
        if all(site.name != "(model)" for site in sites):
            for part, value in ({"": output} | outputs.parts(output)).items():
                if isinstance(value, Tensor) and not value.is_nested:
                    see(f"(model) {part}".rstrip(), value.detach())


class _Sizes:
    """How wide the outputs of a network are, and how long a forward takes.

    Args:
        model: the network; its embeddings tell which outputs are scores of all words.

    Attributes:
        widest: bytes of the widest output of any module that is no scores.
        scores: bytes of the widest scores.
        seconds: of a forward.
    """

    def __init__(self, model: nn.Module) -> None:
        self.widest, self.scores, self.seconds = 0, 0, 0.0
        tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        self._words = {table.num_embeddings for table in tables}

    def measure(self, module: nn.Module, args: Any, output: Any) -> None:  # Any: layer output
        """Look at what a module returned."""
        values = scores = 0
        for tensor in (output, *outputs.parts(output).values()):
            if not isinstance(tensor, Tensor) or tensor.is_nested:
                continue
            if tensor.ndim > 1 and tensor.shape[-1] in self._words:
                scores += tensor.nbytes
            else:
                values += tensor.nbytes
        self.widest = max(self.widest, values)
        self.scores = max(self.scores, scores)


def few_rows(probe: Probe, count: int, device: torch.device) -> Inputs:
    """Return the first ``count`` rows of a probe, from its beginning again where it has fewer.

    Args:
        probe: the rows.
        count: how many.
        device: where they are put.
    """
    few = probe.take(np.arange(count) % probe.n)
    return next(few.batches(count, device))[1]


def _equal(first: Tensor, again: Tensor) -> bool:
    """Whether two forwards gave the same, up to rounding."""
    if first.shape != again.shape or not first.numel():
        return first.shape == again.shape
    if first.dtype == again.dtype and torch.equal(first, again):
        return True
    before, after = first.double().nan_to_num(), again.double().nan_to_num()
    scale = max(float(after.abs().max()), 1e-30)
    return bool(((before - after).abs() <= NOT_REPEATED * scale).all())


def _require_whole_batches(n: int, size: int) -> None:
    if n % size:
        raise InputError(
            f"the network runs with batch_size={size} rows and not with {ROWS}; the probe has {n} "
            f"rows, which leaves a last batch of {n % size}: give a probe of "
            f"{n - n % size or size} rows"
        )


def _warn_of_labels(model: nn.Module, probe: Probe) -> None:
    """A decoder reads the labels, or something else in their place when they are missing."""
    taken = _decoder_lost_labels(model, probe)
    if taken:
        warn_user(f"{taken[0]}: this decoder reads them", RuntimeWarning)


def _decoder_lost_labels(model: nn.Module, probe: Probe) -> list[str]:
    """What was said of labels that were taken out of the inputs of an encoder-decoder.

    None elsewhere.
    """
    decoding = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
    return [note for note in probe.notes if TAKEN_AS_LABELS in note] if decoding else []


def _notes_on_failure(model: nn.Module, probe: Probe, rows: int, options: Options) -> Iterator[str]:
    tensors = probe.tensors()
    shapes = [
        f"{name}: {(rows, *tensor.shape[1:])} {tensor.dtype}" for name, tensor in tensors.items()
    ]
    yield (
        f"the network failed on the first {rows} probe rows; does it take {', '.join(shapes)}? See "
        "probe= and forward="
    )
    wanted = dtype_of(model)
    given = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
    if wanted is not None and options.autocast is None and given and wanted not in given:
        yield (
            f"its parameters are {wanted}, the probe is {given[0]}: give the probe as "
            f"x.to({wanted}), or autocast= as in your training"
        )
    meta = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if meta:
        yield (
            f"{_few(meta, 2)} are on the meta device, where weights have no values, unless "
            "something brings them when a layer runs: load them before you attach"
        )
    yield from probe.notes
    if _decoder_lost_labels(model, probe):
        yield (
            "its decoder makes its inputs from the labels: give decoder_input_ids in the probe, "
            "model.prepare_decoder_input_ids_from_labels(labels)"
        )
    if options.batch_size is None:
        yield "if it takes batches of one size only, give batch_size="


def _few(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{list(names[:most])}{more}"
