"""Several seeds of one network, trained as one by vectorised steps (`torch.func`)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from infoplane.data.training import OPTIMISERS, OnEpoch, Trained, ending
from infoplane.errors import InputError


def classify_together(
    models: Sequence[nn.Module],
    x: torch.Tensor,
    y: torch.Tensor,
    trains: Sequence[torch.Tensor],
    *,
    epochs: int,
    seeds: Sequence[int],
    lr: float,
    batch: int,
    optimiser: str = "adam",
    on_epoch: Sequence[OnEpoch] = (),
) -> list[Trained]:
    """Train every model as `infoplane.data.training.classify` does, with its own seed and rows.

    Losses of different members share no parameter and the optimisers work element by element, so
    that every member takes the steps that it would take alone, up to the rounding of batched
    products. During training the models' parameters are views of the stacked ones: a recorder on
    each model sees it as it is.

    Args:
        models: the same architecture, without buffers; trained in place.
        x, y: all rows and their labels.
        trains: per member the mask of its training rows; equally many each.
        epochs, lr, batch, optimiser: as for `classify`.
        seeds: of the members' shuffles.
        on_epoch: per member, called as ``on_epoch[k](epoch, metrics)`` after every epoch.

    Raises:
        InputError: nothing to train, members that differ in architecture or in numbers of rows, or
            models with buffers.
    """
    _check(models, trains, seeds, on_epoch)
    stacked = _Stacked(models, optimiser, lr)
    inputs = torch.stack([x[mask] for mask in trains])  # (members, rows, ...)
    labels = torch.stack([y[mask] for mask in trains])  # (members, rows)
    n = inputs.shape[1]
    member = torch.arange(len(models))[:, None]
    shuffles = [torch.Generator().manual_seed(seed) for seed in seeds]
    metrics: list[dict[str, float]] = [{"loss": float("nan")} for _ in models]
    for epoch in range(1, epochs + 1):
        order = torch.stack([torch.randperm(n, generator=shuffle) for shuffle in shuffles])
        loss, right = torch.zeros(len(models)), torch.zeros(len(models))
        for rows in torch.split(order, batch or n, dim=1):  # (members, batch)
            mean_loss, correct = stacked.step(inputs[member, rows], labels[member, rows])
            loss += mean_loss * rows.shape[1]
            right += correct
        metrics = [
            {"loss": float(total) / n, "accuracy": float(count) / n}
            for total, count in zip(loss, right, strict=True)
        ]
        for index, callback in enumerate(on_epoch):
            callback(epoch, metrics[index])
    return [
        ending(model, x, y, mask, last)
        for model, mask, last in zip(models, trains, metrics, strict=True)
    ]


class _Stacked:
    """Several models as one: stacked parameters, of which the models' own are views."""

    def __init__(self, models: Sequence[nn.Module], optimiser: str, lr: float) -> None:
        self._skeleton = copy.deepcopy(models[0]).to("meta")
        self._parameters, _ = torch.func.stack_module_state(list(models))
        for index, model in enumerate(models):
            for name, parameter in model.named_parameters():
                parameter.data = self._parameters[name].detach()[index]
        parameters = list(self._parameters.values())
        self._optimiser = OPTIMISERS[optimiser](parameters, lr=lr, fused=True)
        self._forward = torch.func.vmap(self._forward_one)

    def _forward_one(self, parameters: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = torch.func.functional_call(self._skeleton, parameters, (rows,))
        return logits

    def step(self, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step; return each member's mean loss and how many rows it had right.

        Shape ``(members,)`` each.

        Args:
            inputs: shape ``(members, batch, ...)``.
            labels: shape ``(members, batch)``.
        """
        logits = self._forward(self._parameters, inputs)  # (members, batch, classes)
        losses = nn.functional.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), reduction="none"
        )
        mean_losses = losses.view(labels.shape).mean(1)
        self._optimiser.zero_grad(set_to_none=True)
        mean_losses.sum().backward()  # type: ignore[no-untyped-call]  # torch has no type here
        self._optimiser.step()
        return mean_losses.detach(), (logits.detach().argmax(2) == labels).sum(1)


def _check(
    models: Sequence[nn.Module],
    trains: Sequence[torch.Tensor],
    seeds: Sequence[int],
    on_epoch: Sequence[OnEpoch],
) -> None:
    callbacks = len(on_epoch) or len(models)
    if not models or not len(models) == len(trains) == len(seeds) == callbacks:
        raise InputError(
            f"expected one mask, seed and callback per model, got {len(models)} models, "
            f"{len(trains)} masks, {len(seeds)} seeds, {len(on_epoch)} callbacks"
        )
    shapes = [_shapes(model) for model in models]
    if any(other != shapes[0] for other in shapes):
        raise InputError(
            "members of an ensemble must have the same architecture; these differ in names or "
            "shapes of parameters"
        )
    if any(list(model.buffers()) for model in models):
        raise InputError(
            "members with buffers (batch-norm statistics) cannot be trained as one; train them one "
            "after the other"
        )
    rows = [int(mask.sum()) for mask in trains]
    if len(set(rows)) > 1:
        raise InputError(f"members must have equally many training rows, got {rows}")


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: parameter.shape for name, parameter in model.named_parameters()}
