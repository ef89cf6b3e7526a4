"""Gradient statistics at a frozen checkpoint.

How large the mean gradient is beside its noise over batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from infoplane.errors import InputError
from infoplane.hooks.probing.probe import Forward, Probe, call

LossFunction = Callable[[Any, Tensor], Tensor]
BATCHES = 32


def gradient_statistics(
    model: nn.Module,
    loss_fn: LossFunction,
    probe: Probe,
    *,
    device: torch.device,
    forward: Forward | None = None,
    batches: int = BATCHES,
) -> dict[str, dict[str, float]]:
    """Return per weight matrix the size of the mean gradient and of its spread over batches.

    From one pass in which no weight moves.

    With g_b the gradient on batch b of m rows and Cov its covariance over batches: ``mean = |E g|_F
    / |W|_F``, ``sd = sqrt(tr Cov) / |W|_F``, ``snr = |E g| / sqrt(tr Cov)`` and the noise scale ``m
    tr Cov / |E g|^2`` in rows (McCandlish et al. 2018, arXiv 1812.06162). The caller isolates the
    model; ``.grad`` fields are not touched.

    Args:
        loss_fn: ``loss_fn(output, labels)``, a mean over the rows of the batch.
        batches: batches that the probe is cut into, at least 2; interleaved rows, so that sorted
            labels do not make the spread.

    Raises:
        InputError: no labels, too few rows, or no trainable weight of two dimensions.
    """
    if probe.y is None:
        raise InputError("gradient statistics need labels: give probe=(x, y)")
    if probe.n < 2 * 2:
        raise InputError(f"gradient statistics need at least 4 probe rows, got {probe.n}")
    weights = [(name, p) for name, p in model.named_parameters() if p.requires_grad and p.ndim >= 2]
    if not weights:
        raise InputError(
            "gradient statistics need a trainable weight of two or more dimensions, the model has "
            "none"
        )
    count = max(2, min(batches, probe.n // 2))
    total = [torch.zeros_like(p, dtype=torch.float64) for _, p in weights]
    squares = [0.0] * len(weights)
    size = probe.n // count
    with torch.enable_grad():
        for k in range(count):
            part = probe.take(torch.arange(k, count * size, count))
            inputs = next(part.batches(part.n, device))[1]
            loss = loss_fn(call(model, inputs, forward), torch.as_tensor(part.y, device=device))
            found = torch.autograd.grad(loss, [p for _, p in weights], allow_unused=True)
            for j, g in enumerate(found):
                if g is not None:
                    wide = g.detach().double()
                    total[j] += wide
                    squares[j] += float((wide * wide).sum())
    out = {}
    for (name, p), s, q in zip(weights, total, squares, strict=True):
        mean = s / count
        norm = float(mean.norm())
        trace = max((q - count * norm * norm) / (count - 1), 0.0)
        weight = float(p.detach().double().norm()) or math.nan
        out[name] = {
            "mean": norm / weight,
            "sd": math.sqrt(trace) / weight,
            "snr": norm / math.sqrt(trace) if trace > 0 else math.inf,
            "noise_scale": size * trace / (norm * norm) if norm > 0 else math.inf,
        }
    return out
