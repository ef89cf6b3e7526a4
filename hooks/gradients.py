"""Gradient statistics at a frozen checkpoint.

How large the mean gradient is beside its noise over batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from infoplane.errors import InputError
from infoplane.hooks.probing.probe import Forward, Probe, call

LossFunction = Callable[[Any, Tensor], Tensor]


def gradient_statistics(
    model: nn.Module,
    loss_fn: LossFunction,
    probe: Probe,
    *,
    device: torch.device,
    forward: Forward | None = None,
    batches: int = 32,
) -> dict[str, dict[str, float]]:
    """Return per weight matrix the size of the mean gradient and of its spread over batches.

    They come from one pass in which no weight moves.

    With g_b the gradient on batch b of m rows and Cov its covariance over batches: ``mean = |E g|_F
    / |W|_F``, ``sd = sqrt(tr Cov) / |W|_F``, ``snr = |E g| / sqrt(tr Cov)`` and the noise scale ``m
    tr Cov / |E g|^2`` in rows (McCandlish et al. 2018, arXiv 1812.06162). The caller isolates the
    model; ``.grad`` fields are not touched.

    Args:
        model: the bare network.
        loss_fn: ``loss_fn(output, labels)``, a mean over the rows of the batch.
        probe: its rows, with labels.
        device: of the parameters.
        forward: as for the recorder.
        batches: batches that the probe is cut into, at least 2; interleaved rows, so that sorted
            labels do not make the spread.

    Raises:
        InputError: no labels, too few rows, or no trainable weight of two dimensions.
    """
    if probe.y is None:
        raise InputError("gradient statistics need labels: give probe=(x, y)")
    if probe.n < 4:
        raise InputError(f"gradient statistics need at least 4 probe rows, got {probe.n}")
    weights = _trainable_weights(model)
    count = max(2, min(batches, probe.n // 2))
    size = probe.n // count
    spreads = {name: _Spread(weight) for name, weight in weights.items()}
    with torch.enable_grad():
        for batch in range(count):
            part = probe.take(np.arange(batch, count * size, count))
            output = call(model, part.whole(device), forward)
            loss = loss_fn(output, torch.as_tensor(part.y, device=device))
            if not isinstance(loss, Tensor) or loss.numel() != 1:
                raise InputError(
                    "gradients= needs a loss of one number, a mean over the rows of the batch, got "
                    + (f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss))
                )
            found = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
            for spread, gradient in zip(spreads.values(), found, strict=True):
                spread.add(gradient)
    return {name: spread.statistics(count, size) for name, spread in spreads.items()}


def _trainable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters of two and more axes, by name."""
    weights = {
        name: weight
        for name, weight in model.named_parameters()
        if weight.requires_grad and weight.ndim >= 2
    }
    if not weights:
        raise InputError(
            "gradient statistics need a trainable weight of two or more dimensions, the model has "
            "none"
        )
    return weights


class _Spread:
    """The gradients of one weight over batches, as their sum and their sum of squares."""

    def __init__(self, weight: Tensor) -> None:
        self._weight = weight
        self._total = torch.zeros_like(weight, dtype=torch.float64)
        self._squares = 0.0

    def add(self, gradient: Tensor | None) -> None:
        """Add the gradient on one batch; None of a weight that the loss does not reach."""
        if gradient is not None:
            wide = gradient.detach().double()
            self._total += wide
            self._squares += float((wide * wide).sum())

    def statistics(self, batches: int, rows: int) -> dict[str, float]:
        """Return what `gradient_statistics` says of a weight, after so many batches of rows."""
        mean = float((self._total / batches).norm())
        trace = max((self._squares - batches * mean * mean) / (batches - 1), 0.0)
        weight = float(self._weight.detach().double().norm()) or math.nan
        return {
            "mean": mean / weight,
            "sd": math.sqrt(trace) / weight,
            "snr": mean / math.sqrt(trace) if trace > 0 else math.inf,
            "noise_scale": rows * trace / (mean * mean) if mean > 0 else math.inf,
        }
