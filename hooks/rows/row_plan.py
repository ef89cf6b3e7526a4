"""Settles on one network and probe which rows a run has, and which layers have them."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.errors import InputError, UnsupportedOutput
from infoplane.hooks.choice.layers import Survey
from infoplane.hooks.network.isolate import device_of
from infoplane.hooks.network.sites import Site
from infoplane.hooks.options import Options
from infoplane.hooks.probing.probe import Probe, to_numpy
from infoplane.hooks.rows.position_axes import following_axes, is_causal
from infoplane.hooks.rows.rows import NodeRows, PositionRows, Rows, SampleRows
from infoplane.positions import ChosenRows, Sequences, choose_rows
from infoplane.positions.masks import key_of, sequence_inputs, sequences_of, warn_of_padding
from infoplane.rows import row_codes, row_digests
from infoplane.types.arrays import Ids, Shape

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
    kind = options.rows.kind
    if kind == "sample":
        return found, _sample_rows(model, probe, found, options)
    if kind == "node":
        return _node_rows(probe, found, options)
    if kind == "pixel":
        return _pixel_rows(probe, found, options)
    return _token_rows(model, probe, found, options)


def named_inputs(model: nn.Module, probe: Probe, options: Options) -> dict[str, Tensor]:
    """Return the probe's inputs under the names of the arguments that take them.

    Args:
        model: the bare network.
        probe: its samples.
        options: of the recording.
    """
    tensors = probe.tensors()
    if isinstance(probe.inputs, dict) or options.forward is not None:
        return tensors
    try:
        names = list(inspect.signature(model.forward).parameters)
    except (TypeError, ValueError):  # a forward without a signature
        return tensors
    given = (
        ["x"]
        if isinstance(probe.inputs, Tensor)
        else [str(place) for place in range(len(probe.inputs))]
    )
    return {
        names[place] if place < len(names) and key != "x" else key: tensors[key]
        for place, key in enumerate(given)
        if key in tensors
    }


# ---- tokens --------------------------------------------------------------------------------------


def _token_rows(
    model: nn.Module, probe: Probe, found: Survey, options: Options
) -> tuple[Survey, Rows]:
    inputs = named_inputs(model, probe, options)
    arrays = {name: to_numpy(tensor) for name, tensor in inputs.items()}
    key = key_of(arrays, options.rows.key)
    if key is None:
        return _positions_of_layers(probe, found, options)
    sequences = sequences_of(arrays, key, options.rows.mask)
    warn_of_padding(sequences, f"rows='token': input {key!r}")
    axes = _token_axes(model, probe, found.sites, sequences, inputs, options)
    kept = _with_positions(
        found, axes, options, f"no axis of the {sequences.tokens.shape[1]} positions of {key!r}"
    )
    mine = {site.name: axes[site.name] for site in kept.sites}
    causal = _causal(model, probe, kept.sites, mine, sequences, inputs, options)
    chosen = choose_rows(
        options.rows,
        sequences.valid.shape,
        sequences=sequences,
        labels=_unless_given(probe, options),
        causal=causal,
    )
    return _noting(kept, chosen), PositionRows(chosen, probe.n, mine)


def _unless_given(probe: Probe, options: Options) -> object:
    return probe.y if options.rows.y is None else None


def _own_names(inputs: Mapping[str, Tensor], probe: Probe) -> dict[str, str]:
    """From the names of arguments to those of the probe."""
    return dict(zip(inputs, probe.tensors(), strict=True))


def _token_axes(
    model: nn.Module,
    probe: Probe,
    sites: Sequence[Site],
    sequences: Sequences,
    inputs: Mapping[str, Tensor],
    options: Options,
) -> dict[str, int]:
    """Per layer that has one the axis of a sample that runs over the positions."""
    own = _own_names(inputs, probe)
    members = [own[member] for member in (sequences.key, *sequences.members) if member in own]
    length = sequences.tokens.shape[1]
    longest = np.argsort(-sequences.valid.sum(axis=1), kind="stable")[:_FEW]
    few, valid = replace(probe.take(longest), y=None), torch.from_numpy(sequences.valid[longest])
    following = following_axes(model, few, sites, members, valid, device_of(model), options.forward)
    if following is None:  # a network of one fixed length
        return {site.name: 0 for site in sites if site.raw_shape[:1] == (length,)}
    axes = {name: found[0] for name, found in following.items() if len(found) == 1}
    for site in sites:
        if len(following.get(site.name, ())) > 1 and site.raw_shape[:1] == (length,):
            axes[site.name] = 0
    return axes


def _causal(
    model: nn.Module,
    probe: Probe,
    sites: Sequence[Site],
    axes: dict[str, int],
    sequences: Sequences,
    inputs: Mapping[str, Tensor],
    options: Options,
) -> bool:
    """Whether positions see earlier ones only.

    Looked at on a few samples, where anything depends on it.
    """
    if options.rows.x in ("sequence", "token"):
        return False
    long = np.flatnonzero(sequences.valid.sum(axis=1) > 1)[:_FEW]
    if not len(long):
        return options.rows.x == "prefix"
    valid = sequences.valid[long]
    last = valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)
    key = _own_names(inputs, probe)[sequences.key]
    few = replace(probe.take(long), y=None)
    seen = is_causal(
        model, few, axes, sites, key, torch.from_numpy(last), device_of(model), options.forward
    )
    if seen is False and options.rows.x == "prefix":
        raise InputError(
            "x='prefix': layers change at earlier positions when a later token does, so the prefix "
            "is not all that reaches them; use x='sequence'"
        )
    return bool(seen) or options.rows.x == "prefix"


def _positions_of_layers(probe: Probe, found: Survey, options: Options) -> tuple[Survey, Rows]:
    """Rows of a network whose inputs have no positions (patches of an image).

    What most layers have as first axis.
    """
    lengths = Counter(site.raw_shape[0] for site in found.sites if len(site.raw_shape) == 2)
    if not lengths:
        raise InputError(
            "rows='token' needs an input of shape (n, T) or layers of shape (positions, units), "
            "and this network has neither; images have rows='pixel', graphs rows='node'"
        )
    length = lengths.most_common(1)[0][0]
    axes = {
        site.name: 0
        for site in found.sites
        if len(site.raw_shape) == 2 and site.raw_shape[0] == length
    }
    kept = _with_positions(found, axes, options, f"not {length} positions, as most layers have")
    chosen = choose_rows(
        options.rows,
        (probe.n, length),
        samples=_sample_ids(probe),
        labels=_unless_given(probe, options),
    )
    mine = {site.name: axes[site.name] for site in kept.sites}
    return _noting(kept, chosen), PositionRows(chosen, probe.n, mine)


def _sample_ids(probe: Probe) -> Ids:
    return row_codes(row_digests(probe.array()))


# ---- pixels and nodes ----------------------------------------------------------------------------


def _pixel_rows(probe: Probe, found: Survey, options: Options) -> tuple[Survey, Rows]:
    image = next((tensor for tensor in probe.tensors().values() if tensor.ndim == 4), None)
    grids = Counter(site.raw_shape[1:] for site in found.sites if len(site.raw_shape) == 3)
    if not grids:
        raise InputError(
            "rows='pixel' needs layers of shape (channels, height, width), and no captured layer "
            "has it"
        )
    own: Shape = () if image is None else tuple(image.shape[2:])
    grid = own if own in grids else grids.most_common(1)[0][0]
    axes = {
        site.name: 1
        for site in found.sites
        if len(site.raw_shape) == 3 and site.raw_shape[1:] == grid
    }
    size = "x".join(map(str, grid))
    kept = _with_positions(
        found,
        axes,
        options,
        f"not {size} pixels; layers of another grid go into a run of their own",
    )
    features = None if image is None or own != grid else to_numpy(image.movedim(1, -1))
    chosen = choose_rows(
        options.rows,
        (probe.n, *grid),
        samples=_sample_ids(probe),
        features=features,
        labels=_unless_given(probe, options),
    )
    mine = {site.name: axes[site.name] for site in kept.sites}
    return _noting(kept, chosen), PositionRows(chosen, probe.n, mine)


def _node_rows(probe: Probe, found: Survey, options: Options) -> tuple[Survey, Rows]:
    features = probe.array().reshape(probe.n, -1)
    chosen = choose_rows(
        options.rows,
        (probe.n,),
        samples=np.arange(probe.n, dtype=np.int64),
        features=features,
        labels=_unless_given(probe, options),
    )
    return _noting(found, chosen), NodeRows(chosen, probe.n)


# ---- samples -------------------------------------------------------------------------------------


def _sample_rows(model: nn.Module, probe: Probe, found: Survey, options: Options) -> Rows:
    """Whole samples, with the masks that reductions over positions need."""
    reduced = [site for site in found.sites if over_positions(options.reduction_of(site.name))]
    if not reduced:
        if options.rows.mask is not None:
            raise InputError(
                "mask= says which positions are real, and nothing reads it here: give rows='token' "
                "or reduce='token:mean' (or cls, last) too, or leave mask= out"
            )
        return SampleRows(probe.n)
    inputs = named_inputs(model, probe, options)
    arrays = {name: to_numpy(tensor) for name, tensor in inputs.items()}
    masks: dict[str, Tensor] = {}
    for key in sequence_inputs(arrays):
        sequences = sequences_of(arrays, key, options.rows.mask)
        specs = sorted({str(options.reduction_of(site.name)) for site in reduced})
        warn_of_padding(sequences, f"{', '.join(specs)}: input {key!r}")
        if sequences.mask is None:
            continue
        if not sequences.valid.any(axis=1).all():
            raise InputError(
                f"{sequences.mask}: a sample without a single real position cannot be reduced over "
                "positions"
            )
        axes = _token_axes(model, probe, reduced, sequences, inputs, options)
        mask = torch.from_numpy(sequences.valid)
        masks |= {site.name: mask for site in reduced if axes.get(site.name) == 0}
    return SampleRows(probe.n, masks)


def over_positions(spec: object) -> bool:
    """Whether a reduction picks or averages positions."""
    return spec in ("token:cls", "token:last", "token:mean")


# ---- what is said --------------------------------------------------------------------------------


def _with_positions(found: Survey, axes: Mapping[str, int], options: Options, why: str) -> Survey:
    """The survey without the layers that lack the axis.

    Those asked for by their names are refused.
    """
    lacking = [site for site in found.sites if site.name not in axes]
    remedy = "leave it out, or record it in a run of its own with one row per sample"
    asked = [site for site in lacking if _by_name(site, options)]
    if asked or len(lacking) == len(found.sites):
        listed = ", ".join(f"{site.name!r} {site.raw_shape}" for site in (asked or lacking)[:8])
        raise UnsupportedOutput(f"rows={options.rows.kind!r}: {listed} has {why}: {remedy}")
    notes = [f"{site.name} left out: it has {why}" for site in lacking]
    sites = tuple(site for site in found.sites if site.name in axes)
    return replace(found, sites=sites, notes=(*found.notes, *notes))


def _by_name(site: Site, options: Options) -> bool:
    asked = [options.layers] if isinstance(options.layers, str) else options.layers
    if not isinstance(asked, Sequence):
        return False
    plain = site.name.partition("#")[0].partition(":")[0]
    names = (site.name, plain, *site.aliases)
    return any(isinstance(pattern, str) and pattern in names for pattern in asked)


def _noting(found: Survey, chosen: ChosenRows) -> Survey:
    return replace(found, notes=(*found.notes, *chosen.notes))
