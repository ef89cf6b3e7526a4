"""The plain classification loop of the tasks: minibatches, shuffled from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import nn

OnEpoch = Callable[[int, dict[str, float]], object]
OPTIMISERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


@dataclass(frozen=True)
class Trained:
    """Final accuracies on training rows and held-out rows, and the last mean loss in nats."""

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
    """Train a network by cross entropy on some rows; return its final accuracies and loss.

    Args:
        model: maps ``(n, ...)`` to ``(n, classes)`` logits; trained in place, on the device of its
            parameters.
        x: all rows, an array or a tensor.
        y: their labels, shape ``(n,)``.
        train: boolean mask, shape ``(n,)``.
        epochs: how many passes over the training rows.
        seed: of the shuffles.
        lr: learning rate.
        batch: minibatch size; 0 for full batch.
        optimiser: ``adam`` or ``sgd``.
        on_epoch: called as ``on_epoch(epoch, metrics)`` after every epoch, 1 to ``epochs``;
            ``Recorder.step`` fits as a keyword call.
    """
    device = next(model.parameters()).device
    x, y, train = (torch.as_tensor(values).to(device) for values in (x, y, train))
    inputs, labels = x[train], y[train]
    steps = OPTIMISERS[optimiser](model.parameters(), lr=lr)
    shuffle = torch.Generator().manual_seed(seed)
    metrics = {"loss": float("nan")}
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(inputs), generator=shuffle).to(device)
        loss, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for rows in torch.split(order, batch or len(inputs)):
            logits = model(inputs[rows])
            mean_loss = nn.functional.cross_entropy(logits, labels[rows])
            steps.zero_grad(set_to_none=True)
            mean_loss.backward()  # type: ignore[no-untyped-call]  # torch has no type here
            steps.step()
            loss += mean_loss.detach() * len(rows)
            right += (logits.detach().argmax(1) == labels[rows]).sum()
        metrics = {"loss": float(loss) / len(inputs), "accuracy": float(right) / len(inputs)}
        if on_epoch is not None:
            on_epoch(epoch, metrics)
    return ending(model, x, y, train, metrics)


def ending(
    model: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    train: torch.Tensor,
    metrics: dict[str, float],
) -> Trained:
    """Return how a training ended.

    Args:
        model: the trained network.
        x, y, train: as for `classify`.
        metrics: of the last epoch.
    """
    held_out = accuracy(model, x[~train], y[~train])
    return Trained(accuracy(model, x[train], y[train]), held_out, metrics["loss"])


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of rows whose largest logit is the label, in eval mode; NaN for no rows."""
    if not len(x):
        return float("nan")
    mode = model.training
    model.eval()
    with torch.no_grad():
        right = (model(x).argmax(1) == y).double().mean().item()
    model.train(mode)
    return float(right)
