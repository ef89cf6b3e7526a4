"""One pass of the probe through the network: every site's rows copied into arrays on the host, batch by batch."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from infoplane.errors import CaptureError, UnsupportedOutput
from infoplane.hooks import outputs
from infoplane.hooks.isolate import seed_all
from infoplane.hooks.layers import tensor_of
from infoplane.hooks.probe import Forward, Probe, call
from infoplane.hooks.reduce import FIT_ROWS, Reduction
from infoplane.hooks.sites import Site, attached
from infoplane.rows import row_digests

SPOOL_BYTES = 512 * 2**20
"""Above this the arrays of a capture live in a file that the system may page out, not in memory."""


@dataclass(eq=False)
class Slot:
    """Where one site's rows go: shape ``(n, *feature)`` and, when the stored values are not the raw ones, digests of the raw rows."""

    site: Site
    values: Tensor
    reduction: Reduction | None
    digests: NDArray[np.uint64] | None
    lengths: list[int] = field(default_factory=list)
    nonfinite: int = 0

    def array(self) -> NDArray[np.generic]:
        """The rows as a numpy view."""
        return self.values.numpy()


def stored_dtype(torch_dtype: str, wish: str | None = None) -> torch.dtype:
    """What a layer computed in ``torch_dtype`` is stored as: half precisions as float32 (lossless), all else unchanged, or the user's wish."""
    dtype = getattr(torch, torch_dtype)
    if not dtype.is_floating_point:
        return dtype if dtype != torch.bool else torch.uint8
    if wish is not None:
        return getattr(torch, wish)  # type: ignore[no-any-return]  # checked by the recorder
    return torch.float64 if dtype == torch.float64 else torch.float32


def stored_shape(site: Site, reduction: Reduction | None) -> tuple[int, ...]:
    """Feature shape of what is stored."""
    return (
        site.raw_shape
        if reduction is None
        else reduction.shape(getattr(torch, site.dtype) if getattr(torch, site.dtype).is_floating_point else torch.float32)
    )


def bytes_per_row(site: Site, reduction: Reduction | None, wish: str | None = None) -> int:
    """Bytes that one row of this site takes in the archive, without its 16-byte digest."""
    return math.prod(stored_shape(site, reduction)) * stored_dtype(site.dtype, wish).itemsize


def allocate(
    sites: Sequence[Site], reductions: Mapping[str, Reduction], rows: int, *, wish: str | None = None, spool: Path | None = None
) -> list[Slot]:
    """One slot per site. Large captures are spooled to an unnamed file in ``spool``, so that they do not occupy memory."""
    total = sum(bytes_per_row(s, reductions.get(s.name), wish) for s in sites) * rows
    slots = []
    for site in sites:
        reduction = reductions.get(site.name)
        dtype, shape = stored_dtype(site.dtype, wish), (rows, *stored_shape(site, reduction))
        size = math.prod(shape) * int(dtype.itemsize)
        if total > SPOOL_BYTES and spool is not None and size:
            with tempfile.TemporaryFile(dir=spool) as file:  # the mapping outlives the unlinked file
                file.truncate(size)
                values = torch.from_numpy(np.memmap(file, dtype=np.uint8, mode="r+", shape=(size,))).view(dtype).reshape(shape)
        else:
            values = torch.empty(shape, dtype=dtype)
        raw = reduction is None and (dtype.itemsize >= getattr(torch, site.dtype).itemsize)
        slots.append(Slot(site, values, reduction, None if raw else np.zeros((rows, 2), np.uint64)))
    return slots


def draw_seed(seed: int, step: int, draw: int) -> int:
    """The seed of one draw of a network's own noise: another one at every step and draw, the same in every repetition."""
    return int(np.random.SeedSequence([seed, step, draw]).generate_state(1)[0])


def fill(
    model: nn.Module,
    probe: Probe,
    slots: Sequence[Slot],
    *,
    batch_size: int,
    device: torch.device,
    step: int = 0,
    seed: int = 0,
    draws: int = 1,
    forward: Forward | None = None,
) -> None:
    """Fills every slot; draw ``d`` of row ``i`` lands in row ``d * n + i``. The caller isolates the model.

    Raises:
        CaptureError: a layer fired another number of times, or with another shape, than when the recorder attached.
    """
    by_site = {id(slot.site): slot for slot in slots}
    start = rows = 0

    def visit(site: Site, value: Any) -> None:  # Any: layer output
        keep(by_site[id(site)], tensor_of(site, value), start, rows)
        if (ragged := outputs.lengths(value, site.select)) is not None:
            by_site[id(site)].lengths += ragged

    for slot in slots:
        slot.lengths.clear()
    with attached([slot.site for slot in slots], visit) as next_forward:
        for draw in range(draws):
            seed_all(draw_seed(seed, step, draw))
            for batch, inputs in probe.batches(batch_size, device):
                start, rows = draw * probe.n + batch.start, batch.stop - batch.start
                call(model, inputs, forward)
                next_forward()
    for slot in slots:
        slot.nonfinite = _nonfinite(slot.values)


def keep(slot: Slot, tensor: Tensor, start: int, rows: int) -> None:
    """Copies one batch of one site. It must be a copy: ``detach()``, ``cpu()`` and ``contiguous()`` are views that a later in-place ReLU overwrites."""
    site = slot.site
    if tuple(tensor.shape) != (rows, *site.raw_shape):
        raise _reshaped(site, tensor, rows)
    target = slot.values[start : start + rows]
    if slot.digests is None:
        target.copy_(tensor.detach())
        return
    raw = tensor.detach().to("cpu", copy=True).contiguous()
    wide = raw.float() if raw.dtype in (torch.float16, torch.bfloat16) else raw
    slot.digests[start : start + rows] = row_digests(wide.numpy())
    if slot.reduction is None:
        target.copy_(wide)
        lost = int(torch.isinf(target).sum() - torch.isinf(wide).sum())
        if lost:
            raise CaptureError(
                f"layer {site.name!r}: {lost} values overflow {str(target.dtype).removeprefix('torch.')}; store it as float32"
            )
    else:
        target.copy_(slot.reduction.apply(wide))


def _reshaped(site: Site, tensor: Tensor, rows: int) -> CaptureError:
    return UnsupportedOutput(
        f"layer {site.name!r} gave shape {tuple(tensor.shape)} for {rows} rows, expected {(rows, *site.raw_shape)} as when the recorder attached; "
        "pad the probe to one length, or reduce the layer by a callable selector"
    )


def _nonfinite(values: Tensor) -> int:
    if not values.dtype.is_floating_point or bool(torch.isfinite(values.sum())):  # a finite sum has finite terms; one pass, no mask
        return 0
    return int((~torch.isfinite(values)).sum())


def fit_reductions(
    model: nn.Module,
    probe: Probe,
    sites: Sequence[Site],
    reductions: Mapping[str, Reduction],
    *,
    batch_size: int,
    device: torch.device,
    seed: int = 0,
    forward: Forward | None = None,
) -> None:
    """Fits every reduction that needs it, on at most `FIT_ROWS` evenly spaced probe rows. The caller isolates the model."""
    wanted = [s for s in sites if s.name in reductions and reductions[s.name].needs_fit]
    if not wanted:
        return
    rows = np.unique(np.linspace(0, probe.n - 1, min(probe.n, FIT_ROWS)).astype(np.int64))
    slots = [Slot(s, torch.empty((len(rows), *s.raw_shape)), None, None) for s in wanted]
    fill(model, probe.take(rows), slots, batch_size=batch_size, device=device, seed=seed, forward=forward)
    for slot in slots:
        reductions[slot.site.name].fit(slot.values)
