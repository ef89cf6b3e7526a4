"""One pass of the probe through the network.

Every site's rows handed on batch by batch, in the form in which they are stored.

Nothing is collected here: what a hook sees is written, or copied by whoever keeps it, before the
network goes on. So the memory of a capture is one batch of one layer, whatever the size of the
probe.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from infoplane.errors import CaptureError
from infoplane.hooks.network import outputs
from infoplane.hooks.network.isolate import device_of, dtype_named, seed_all
from infoplane.hooks.network.sites import Site, SiteHooks, tensor_of
from infoplane.hooks.options import Options, draw_seed
from infoplane.hooks.probing.probe import Probe, call
from infoplane.hooks.reduce import Reduction
from infoplane.hooks.rows.rows import Rows
from infoplane.rows import row_digests
from infoplane.types.arrays import Digests, Shape


@dataclass(frozen=True, eq=False)
class Kept:
    """One site and the form in which its rows are stored.

    Attributes:
        site: where.
        reduction: what is made of a row; None for the row itself.
        wish: the user's dtype; None for the layer's own, half precisions widened to float32, which
            is lossless.
        row_shape: feature shape of one row before any reduction.
    """

    site: Site
    reduction: Reduction | None
    wish: str | None
    row_shape: Shape

    @property
    def dtype(self) -> torch.dtype:
        """Stored dtype."""
        own = self.site.torch_dtype
        if self.reduction is not None:
            own = self.reduction.dtype(own)
        if not own.is_floating_point:
            return torch.uint8 if own == torch.bool else own
        if self.wish is not None:
            return dtype_named(self.wish)
        return torch.float64 if own == torch.float64 else torch.float32

    @property
    def shape(self) -> Shape:
        """Feature shape of what is stored."""
        if self.reduction is None:
            return self.row_shape
        return self.reduction.shape(self.site.torch_dtype)

    @property
    def whole(self) -> bool:
        """Whether what is stored holds every bit of the raw row.

        Then its digest can be taken from it.
        """
        return self.reduction is None and self.dtype.itemsize >= self.site.torch_dtype.itemsize


Emit = Callable[[Kept, Tensor, Digests | None], None]
"""Takes the next rows of a site: stored form on the host, and digests of the raw rows where these
cannot be taken from it.

The tensor may be the network's own: whoever wants it later copies it now; a later in-place ReLU
would overwrite it.
"""


def run_pass(
    model: nn.Module,
    probe: Probe,
    kept: Sequence[Kept],
    emit: Emit,
    rows: Rows,
    options: Options,
    *,
    batch_size: int,
    step: int,
) -> dict[str, list[int]]:
    """Hand every site's rows to ``emit``, in order.

    Draw ``d`` of row ``i`` is row ``d * n + i``.

    Args:
        model: isolated by the caller.
        probe: n samples.
        kept: the sites, and the form in which their rows are stored.
        emit: takes the rows of a site as they come.
        rows: which rows every batch of samples has.
        options: of the recording: how many draws of the noise, and how the network is called.
        batch_size: samples of one forward; all, where the rows must be seen together.
        step: the checkpoint, whose noise is drawn.

    Returns:
        Row lengths of the sites whose output is ragged.

    Raises:
        CaptureError: a layer fired another number of times, or with another shape, than when the
            recorder attached.
    """
    by_site = {id(wanted.site): wanted for wanted in kept}
    ragged: dict[str, list[int]] = {}
    size = probe.n if rows.together else batch_size
    here = slice(0, 0)

    def visit(site: Site, value: Any) -> None:  # Any: layer output
        wanted = by_site[id(site)]
        lengths = outputs.lengths(value, site.select)
        if lengths is not None:
            rows.require_real(site, lengths, here)
            ragged.setdefault(site.name, []).extend(lengths)
        emit(wanted, *form(wanted, tensor_of(site, value), rows, here))

    hooks = SiteHooks([wanted.site for wanted in kept], visit)
    with hooks, hooks:
        hooks.attach()
        for draw in range(options.draws):
            seed_all(draw_seed(options.seed, step, draw))
            for batch, inputs in probe.batches(size, device_of(model)):
                here = batch  # for the hooks
                with _odd_batch_named(batch.stop - batch.start, size):
                    call(model, inputs, options.forward)
                hooks.next_forward()
    return ragged


@contextlib.contextmanager
def _odd_batch_named(rows: int, size: int) -> Iterator[None]:
    """Say of an error in a batch of another size than asked for that it is one."""
    try:
        yield
    except Exception as error:
        if rows != size:
            error.add_note(
                f"infoplane: the network failed on a batch of {rows} rows, where batch_size is "
                f"{size}: if it takes some numbers of rows only, give batch_size= and a probe of a "
                "multiple of it"
            )
        raise


def form(kept: Kept, tensor: Tensor, rows: Rows, batch: slice) -> tuple[Tensor, Digests | None]:
    """Return a batch of a site as it is stored, and digests of raw rows that storing loses.

    Args:
        kept: the site, and the form in which it is stored.
        tensor: its output for the batch, samples first.
        rows: which rows of it are taken.
        batch: which samples of the probe.

    Raises:
        CaptureError: values overflow in the stored form.
    """
    site = kept.site
    tensor = rows.of(site, tensor, batch)
    raw = tensor.detach().cpu()
    if raw.dtype != site.torch_dtype:
        _require_room(kept, raw)
    if kept.whole:
        return raw.to(kept.dtype).contiguous(), None
    narrow = raw.is_floating_point() and raw.dtype not in (torch.float32, torch.float64)
    wide = (raw.float() if narrow else raw).contiguous()
    digests = row_digests(wide.numpy())
    if kept.reduction is not None:
        return kept.reduction.apply(wide, rows.valid(site, batch)).to(
            kept.dtype
        ).contiguous(), digests
    stored = wide.to(kept.dtype)
    lost = int(torch.isinf(stored).sum() - torch.isinf(wide).sum())
    if lost:
        raise CaptureError(
            f"layer {site.name!r}: {lost} values overflow "
            f"{str(kept.dtype).removeprefix('torch.')}; store it as float32"
        )
    return stored, digests


def _require_room(kept: Kept, raw: Tensor) -> None:
    """Refuse values of another dtype than when the recorder attached, which storing would cut."""
    chosen = kept.wish is not None and kept.dtype.is_floating_point
    if not chosen and torch.promote_types(raw.dtype, kept.dtype) != kept.dtype:
        raise CaptureError(
            f"layer {kept.site.name!r} gave {raw.dtype}, and {kept.site.torch_dtype} when the "
            "recorder attached: begin a run of its own with the network as it is now"
        )


class Gathered:
    """An `Emit` that keeps everything in memory: arrays by layer name."""

    def __init__(self, kept: Sequence[Kept], rows: int) -> None:
        self.values = {
            layer.site.name: torch.empty((rows, *layer.shape), dtype=layer.dtype) for layer in kept
        }
        self._at = dict.fromkeys(self.values, 0)

    def __call__(self, kept: Kept, tensor: Tensor, digests: Digests | None) -> None:
        name = kept.site.name
        self.values[name][self._at[name] : self._at[name] + len(tensor)] = tensor
        self._at[name] += len(tensor)
