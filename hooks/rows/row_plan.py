"""Settles on one network and probe which rows a run has, and which layers have them."""

from __future__ import annotations

import contextlib
import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.errors import InputError, UnsupportedOutput
from infoplane.hooks.choice.layers import Survey
from infoplane.hooks.choice.requests import listed
from infoplane.hooks.network.sites import Site
from infoplane.hooks.options import Options
from infoplane.hooks.probing.probe import Probe, to_numpy
from infoplane.hooks.reduce import over_positions
from infoplane.hooks.rows.padding_note import padding_notes
from infoplane.hooks.rows.position_axes import following_axes, is_causal
from infoplane.hooks.rows.rows import NodeRows, PositionRows, Rows, RowsInside, SampleRows
from infoplane.patterns import plain_name
from infoplane.positions import Sequences, choose_rows
from infoplane.positions.masks import (
    key_of,
    names_a_mask,
    sequence_inputs,
    sequences_of,
    warn_of_padding,
)
from infoplane.rows import row_codes
from infoplane.types.arrays import Array, Ids

_FEW = 4


def settle_rows(
    model: nn.Module, probe: Probe, found: Survey, options: Options
) -> tuple[Survey, Rows]:
    """Settle the rows of a run, and return the survey with the layers that have them.

    The caller isolates the model.

    Args:
        model: isolated by the caller.
        probe: its samples.
        found: the layers that were chosen.
        options: of the recording.

    Raises:
        InputError: the probe cannot give such rows. UnsupportedOutput: a layer asked for by name
            has none.
    """
    wish = _Wish(model, probe, found, options)
    kinds = {"node": wish.nodes, "pixel": wish.pixels, "token": wish.tokens}
    kept, rows = kinds.get(options.rows.kind, wish.whole_samples)()
    if isinstance(rows, RowsInside):
        kept = replace(kept, notes=(*kept.notes, *rows.chosen.notes))
    return kept, rows


@dataclass(frozen=True, eq=False)
class _Wish:
    """The rows that were asked for, of one network, its probe and the layers that were chosen."""

    model: nn.Module
    probe: Probe
    found: Survey
    options: Options

    @cached_property
    def own_names(self) -> dict[str, str]:
        """From the names of the arguments that take the inputs to those of the probe."""
        names = list(self.probe.tensors())
        arguments = dict(zip(names, names, strict=True))
        if isinstance(self.probe.inputs, tuple) and self.options.forward is None:
            with contextlib.suppress(TypeError, ValueError):  # a forward without a signature
                parameters = inspect.signature(self.model.forward).parameters
                arguments |= {str(place): name for place, name in enumerate(parameters)}
        return {arguments[name]: name for name in names}

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The probe's inputs by the arguments that take them."""
        tensors = self.probe.tensors()
        return {name: to_numpy(tensors[own]) for name, own in self.own_names.items()}

    @property
    def sample_ids(self) -> Ids:
        """Equal samples have equal numbers, shape ``(n,)``."""
        return row_codes(self.probe.array())

    # ---- kinds of rows ---------------------------------------------------------------------------

    def whole_samples(self) -> tuple[Survey, Rows]:
        """Whole samples, with the masks that reductions over positions need."""
        options = self.options
        layers = [site.name for site in self.found.sites]
        specs = {site: options.reduction_of(site.name, layers) for site in self.found.sites}
        reduced = [site for site, spec in specs.items() if over_positions(spec)]
        if options.rows.mask is not None and not reduced:
            raise InputError(
                "mask= says which positions are real, and nothing reads it here: give rows='token' "
                "or reduce='token:mean' (or cls, last) too, or leave mask= out"
            )
        masks: dict[str, Tensor] = {}
        for key in sequence_inputs(self.arrays) if reduced else ():
            sequences = sequences_of(self.arrays, key, options.rows.mask)
            names = sorted({str(specs[site]) for site in reduced})
            warn_of_padding(sequences, f"{', '.join(names)}: input {key!r}")
            if sequences.mask is None:
                continue
            if not sequences.valid.any(axis=1).all():
                raise InputError(
                    f"{sequences.mask}: a sample without a single real position cannot be reduced "
                    "over positions"
                )
            axes = self.axes(reduced, sequences)
            mask = torch.from_numpy(sequences.valid)
            masks |= {site.name: mask for site in reduced if axes.get(site.name) == 0}
        mask = options.rows.mask
        masked = mask is not None or any(map(names_a_mask, self.own_names))
        notes = padding_notes(self.arrays, specs, mask) if masked else []
        found = replace(self.found, notes=(*self.found.notes, *notes))
        return found, SampleRows(self.probe.n, masks)

    def nodes(self) -> tuple[Survey, Rows]:
        """Nodes of one graph."""
        probe = self.probe
        chosen = choose_rows(
            self.options.rows,
            (probe.n,),
            samples=np.arange(probe.n, dtype=np.int64),
            features=probe.array().reshape(probe.n, -1),
            labels=self.probe.y,
        )
        return self.found, NodeRows(probe.n, chosen)

    def pixels(self) -> tuple[Survey, Rows]:
        """Pixels of the grid of the image, or of most layers."""
        maps = [site for site in self.found.sites if len(site.raw_shape) == 3]
        if not maps:
            raise InputError(
                "rows='pixel' needs layers of shape (channels, height, width), and no captured "
                "layer has it"
            )
        images = [tensor for tensor in self.probe.tensors().values() if tensor.ndim == 4]
        own = tuple(images[0].shape[2:]) if images else ()
        grids = Counter(site.raw_shape[1:] for site in maps)
        grid = own if own in grids else grids.most_common(1)[0][0]
        axes = {site.name: 1 for site in maps if site.raw_shape[1:] == grid}
        size = "x".join(map(str, grid))
        why = f"not {size} pixels; layers of another grid go into a run of their own"
        kept = self.with_positions(axes, why)
        chosen = choose_rows(
            self.options.rows,
            (self.probe.n, *grid),
            samples=self.sample_ids,
            features=to_numpy(images[0].movedim(1, -1)) if own == grid else None,
            labels=self.probe.y,
        )
        return kept, PositionRows(self.probe.n, chosen, axes)

    def tokens(self) -> tuple[Survey, Rows]:
        """Positions of an input that holds sequences, or else of most layers."""
        rows = self.options.rows
        key = key_of(self.arrays, rows.key)
        if key is None:
            return self.positions_of_layers()
        sequences = sequences_of(self.arrays, key, rows.mask)
        warn_of_padding(sequences, f"rows='token': input {key!r}")
        axes = self.axes(self.found.sites, sequences)
        length = sequences.tokens.shape[1]
        kept = self.with_positions(axes, f"no axis of the {length} positions of {key!r}")
        chosen = choose_rows(
            rows,
            sequences.valid.shape,
            sequences=sequences,
            labels=self.probe.y,
            causal=self.causal(kept.sites, axes, sequences),
        )
        return kept, PositionRows(self.probe.n, chosen, axes)

    def positions_of_layers(self) -> tuple[Survey, Rows]:
        """Rows of a network whose inputs have no positions (patches of an image).

        What most layers have as first axis.
        """
        matrices = [site for site in self.found.sites if len(site.raw_shape) == 2]
        if not matrices:
            raise InputError(
                "rows='token' needs an input of shape (n, T) or layers of shape (positions, "
                "units), and this network has neither; images have rows='pixel', graphs "
                "rows='node'"
            )
        length = Counter(site.raw_shape[0] for site in matrices).most_common(1)[0][0]
        axes = {site.name: 0 for site in matrices if site.raw_shape[0] == length}
        kept = self.with_positions(axes, f"not {length} positions, as most layers have")
        chosen = choose_rows(
            self.options.rows,
            (self.probe.n, length),
            samples=self.sample_ids,
            labels=self.probe.y,
        )
        return kept, PositionRows(self.probe.n, chosen, axes)

    # ---- tokens ----------------------------------------------------------------------------------

    def axes(self, sites: Sequence[Site], sequences: Sequences) -> dict[str, int]:
        """Per layer that has one the axis of a sample that runs over the positions."""
        members = [self.own_names[name] for name in sequences.members]
        longest = np.argsort(-sequences.valid.sum(axis=1), kind="stable")[:_FEW]
        few = self.probe.take(longest)
        valid = torch.from_numpy(sequences.valid[longest])
        length = sequences.tokens.shape[1]
        first = {site.name: 0 for site in sites if site.raw_shape[:1] == (length,)}
        following = following_axes(self.model, few, sites, members, valid, self.options.forward)
        if following is None:  # a network of one fixed length
            return first
        axes = {}
        for name, found in following.items():
            if len(found) == 1:
                axes[name] = found[0]
            elif found and name in first:  # several follow: the first of them
                axes[name] = 0
        return axes

    def causal(self, sites: Sequence[Site], axes: Mapping[str, int], sequences: Sequences) -> bool:
        """Whether positions see earlier ones only.

        Looked at on a few samples, where anything depends on it.

        Args:
            sites: the layers.
            axes: by layer, the axis of a sample that runs over positions.
            sequences: the positions.

        Raises:
            InputError: the prefix was asked for, and is not all that reaches a layer.
        """
        x = self.options.rows.x
        if x in ("sequence", "token"):
            return False
        long = np.flatnonzero(sequences.valid.sum(axis=1) > 1)[:_FEW]
        if not len(long):
            return x == "prefix"
        last = sequences.valid.shape[1] - 1 - sequences.valid[long, ::-1].argmax(axis=1)
        key = self.own_names[sequences.key]
        few = self.probe.take(long)
        forward = self.options.forward
        seen = is_causal(self.model, few, axes, sites, key, torch.from_numpy(last), forward)
        if seen is False and x == "prefix":
            raise InputError(
                "x='prefix': layers change at earlier positions when a later token does, so the "
                "prefix is not all that reaches them; use x='sequence'"
            )
        return bool(seen) or x == "prefix"

    # ---- layers ----------------------------------------------------------------------------------

    def with_positions(self, axes: Mapping[str, int], why: str) -> Survey:
        """Return the survey without the layers that lack the axis.

        Raises:
            UnsupportedOutput: one of them was asked for by its name, or none has it.
        """
        found = self.found
        lacking = [site for site in found.sites if site.name not in axes]
        asked = [site for site in lacking if self.is_named(site)]
        if asked or len(lacking) == len(found.sites):
            shown = ", ".join(f"{site.name!r} {site.raw_shape}" for site in (asked or lacking)[:8])
            raise UnsupportedOutput(
                f"rows={self.options.rows.kind!r}: {shown} has {why}: leave it out, or record it "
                "in a run of its own with one row per sample"
            )
        notes = [f"{site.name} left out: it has {why}" for site in lacking]
        sites = tuple(site for site in found.sites if site.name in axes)
        return replace(found, sites=sites, notes=(*found.notes, *notes))

    def is_named(self, site: Site) -> bool:
        """Whether a layer was asked for by its name."""
        names = (site.name, plain_name(site.name), *site.aliases)
        return any(pattern in names for pattern in listed(self.options.layers))
