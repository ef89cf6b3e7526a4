"""Which axis of a layer runs over the positions of an input.

The one that is shorter when the input is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from infoplane.hooks.certificates.comparing import same
from infoplane.hooks.network.isolate import device_of
from infoplane.hooks.network.sites import Site, attached, tensor_of
from infoplane.hooks.probing.probe import Forward, Probe, call

Values = dict[str, Tensor]
TOLERANCE = 1e-5
"""Relative to the layer's largest magnitude, as in the interchange test."""


def values_of(
    model: nn.Module, sites: Sequence[Site], probe: Probe, forward: Forward | None
) -> Values:
    """Return what every site gives on a few samples, which come first.

    Args:
        model: isolated by the caller.
        sites: where to look.
        probe: the samples.
        forward: as for the recorder.
    """
    seen: Values = {}

    def visit(site: Site, value: Any) -> None:  # Any: layer output
        seen[site.name] = tensor_of(site, value).detach().clone()

    with attached(sites, visit) as next_forward:
        call(model, probe.whole(device_of(model)), forward)
        next_forward()
    return seen


def following_axes(
    model: nn.Module,
    probe: Probe,
    sites: Sequence[Site],
    members: Sequence[str],
    valid: Tensor,
    forward: Forward | None,
) -> dict[str, list[int]] | None:
    """Return per layer the axes of a sample that shorten with the inputs ``members``.

    None where that cannot be run.

    Args:
        model: isolated by the caller.
        probe: a few samples.
        sites: the layers.
        members: inputs that run over the same positions on axis 1.
        valid: real positions of these samples, shape ``(n, T)``; padding is cut off first, since
            some layers do that themselves.
        forward: as for the recorder.
    """
    longest = int(valid.sum(1).max())
    if longest < 2:
        return None
    kept = slice(0, longest - 1)
    if int(valid[:, 0].sum()) < int(valid[:, -1].sum()):  # padded on the left
        kept = slice(valid.shape[1] - longest + 1, None)

    def shorter(name: str, tensor: Tensor) -> Tensor:
        return tensor[:, kept] if name in members else tensor

    try:
        whole = values_of(model, sites, probe, forward)
        cut = values_of(model, sites, probe.changed(shorter), forward)
    except Exception:  # a network of one fixed length: the caller goes by sizes
        return None
    lengths = (longest, valid.shape[1])
    return {name: _followed(value, cut.get(name), lengths) for name, value in whole.items()}


def _followed(whole: Tensor, cut: Tensor | None, lengths: tuple[int, int]) -> list[int]:
    """Axes that had one of these lengths, padding or not, and are one shorter than the first."""
    if cut is None or cut.ndim != whole.ndim or len(cut) != len(whole):
        return []
    pairs = zip(whole.shape[1:], cut.shape[1:], strict=True)
    return [
        axis
        for axis, (before, after) in enumerate(pairs)
        if before in lengths and after == lengths[0] - 1
    ]


def is_causal(
    model: nn.Module,
    probe: Probe,
    axes: Mapping[str, int],
    sites: Sequence[Site],
    key: str,
    last: Tensor,
    forward: Forward | None,
) -> bool | None:
    """Whether no layer changes at earlier positions when the last real token does.

    None where that cannot be run.

    Args:
        model: isolated by the caller.
        probe: a few samples.
        axes: by layer, the axis of a sample that runs over positions.
        sites: the layers.
        key: the input that holds the tokens.
        last: the last real position of every sample, shape ``(n,)``.
        forward: as for the recorder.
    """
    rows = torch.arange(probe.n)

    def other_end(name: str, tensor: Tensor) -> Tensor:
        if name != key:
            return tensor
        changed = tensor.clone()
        changed[rows, last] = _others(tensor, rows, last)
        return changed

    try:
        before = values_of(model, sites, probe, forward)
        after = values_of(model, sites, probe.changed(other_end), forward)
    except Exception:  # as above
        return None
    names = [site.name for site in sites]
    return all(_same_before(before[name], after[name], axes[name] + 1, last) for name in names)


def _others(tensor: Tensor, rows: Tensor, last: Tensor) -> Tensor:
    """For every sample something else than stands at its last position.

    Taken from the probe itself.
    """
    pool = tensor.reshape(-1, *tensor.shape[2:])
    chosen = []
    for end in tensor[rows, last]:
        differs = (pool != end).reshape(len(pool), -1).any(1)
        chosen.append(int(differs.float().argmax()))
    return pool[torch.tensor(chosen)]


def _same_before(before: Tensor, after: Tensor, axis: int, last: Tensor) -> bool:
    """Whether a layer is the same at the positions before the last, up to rounding."""
    if before.shape != after.shape:
        return False
    old, new = _by_position(before, axis), _by_position(after, axis)
    early = torch.arange(old.shape[1])[None] < last[:, None]
    return same(old, torch.where(early[..., None], new, old), TOLERANCE)


def _by_position(value: Tensor, axis: int) -> Tensor:
    """Bring a layer to shape ``(samples, positions, units)``."""
    moved = value.movedim(axis, 1).double().cpu()
    return moved.reshape(*moved.shape[:2], -1)
