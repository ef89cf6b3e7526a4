"""The plain classification loop that the tasks share.

Shuffled minibatches from an own generator, one call of `on_epoch` per epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import nn

OnEpoch = Callable[[int, dict[str, float]], object]


@dataclass(frozen=True)
class Trained:
    """How a training run ended.

    Accuracies on the train rows and on the held-out rows, and the last epoch's mean loss in nats.
    """

    train_accuracy: float
    test_accuracy: float
    loss: float


def classify(
    model: nn.Module,
    x: ArrayLike,
    y: ArrayLike,
    train: ArrayLike,
    *,
    epochs: int,
    seed: int,
    lr: float,
    batch: int,
    optimiser: str = "adam",
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train ``model`` on the rows where ``train`` is true by cross entropy.

    Returns how it ended.

    Args:
        model: maps ``(n, ...)`` to ``(n, classes)`` logits; trained in place, on the device of its
            parameters.
        x: all rows, an array or a tensor.
        y: their labels, shape ``(n,)``.
        train: boolean mask, shape ``(n,)``.
        batch: minibatch size; 0 for full batch.
        on_epoch: called as ``on_epoch(epoch, metrics)`` after every epoch, 1 to ``epochs``;
            ``Recorder.step`` fits as a keyword call.
    """
    device = next(model.parameters()).device
    x, y, train = (torch.as_tensor(a).to(device) for a in (x, y, train))
    inputs, labels = x[train], y[train]
    n = len(inputs)
    size = batch or n
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimiser]
    steps = kind(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    metrics: dict[str, float] = {}
    for epoch in range(1, epochs + 1):
        order = torch.randperm(n, generator=generator).to(device)
        total, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for start in range(0, n, size):
            rows = order[start : start + size]
            logits = model(inputs[rows])
            loss = nn.functional.cross_entropy(logits, labels[rows])
            steps.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
            steps.step()
            total += loss.detach() * len(rows)
            right += (logits.detach().argmax(1) == labels[rows]).sum()
        metrics = {"loss": float(total) / n, "accuracy": float(right) / n}
        if on_epoch is not None:
            on_epoch(epoch, metrics)
    return Trained(
        accuracy(model, inputs, labels),
        accuracy(model, x[~train], y[~train]),
        metrics.get("loss", float("nan")),
    )


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return share of rows whose largest logit is the label, in eval mode; NaN for no rows."""
    if not len(x):
        return float("nan")
    mode = model.training
    model.eval()
    with torch.no_grad():
        right = (model(x).argmax(1) == y).double().mean().item()
    model.train(mode)
    return float(right)
