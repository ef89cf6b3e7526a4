"""Several seeds of one network trained as one: stacked parameters, one vectorised step for all (`torch.func`)."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from infoplane.data.training import OnEpoch, Trained, accuracy
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
    """Train each model as `infoplane.data.training.classify` would with its own seed and rows; returns how each ended.

    Losses of different members share no parameter and the optimisers work element by element, so that every member takes the steps that it
    would take alone, up to the rounding of batched products. During training the models' parameters are views of the stacked ones: a recorder
    on each model sees it as it is.

    Args:
        models: the same architecture, without buffers; trained in place.
        x, y: all rows and their labels. trains: per member the mask of its training rows; equally many each.
        epochs, lr, batch, optimiser: as for `classify`. seeds: of the members' shuffles.
        on_epoch: per member, called as ``on_epoch[k](epoch, metrics)`` after every epoch.

    Raises:
        InputError: nothing to train, members that differ in architecture or in numbers of rows, or models with buffers.
    """
    _check(models, trains, seeds, on_epoch)
    skeleton = copy.deepcopy(models[0]).to("meta")
    parameters, _ = torch.func.stack_module_state(list(models))
    for k, model in enumerate(models):
        for name, p in model.named_parameters():
            p.data = parameters[name].detach()[k]
    inputs, labels = torch.stack([x[t] for t in trains]), torch.stack([y[t] for t in trains])
    n, members = inputs.shape[1], torch.arange(len(models))[:, None]
    steps = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[optimiser](
        list(parameters.values()), lr=lr, fused=True
    )
    forward = torch.func.vmap(lambda p, rows: torch.func.functional_call(skeleton, p, (rows,)))
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    metrics: list[dict[str, float]] = [{"loss": float("nan")} for _ in models]
    for epoch in range(1, epochs + 1):
        order = torch.stack([torch.randperm(n, generator=g) for g in generators])
        total, right = torch.zeros(len(models)), torch.zeros(len(models))
        for rows in torch.split(order, batch or n, dim=1):
            logits, wanted = forward(parameters, inputs[members, rows]), labels[members, rows]
            each = (
                nn.functional.cross_entropy(
                    logits.flatten(0, 1), wanted.flatten(), reduction="none"
                )
                .view(rows.shape)
                .mean(1)
            )
            steps.zero_grad(set_to_none=True)
            each.sum().backward()  # type: ignore[no-untyped-call]  # torch has no type here
            steps.step()
            total += each.detach() * rows.shape[1]
            right += (logits.detach().argmax(2) == wanted).sum(1)
        metrics = [
            {"loss": float(a) / n, "accuracy": float(b) / n}
            for a, b in zip(total, right, strict=True)
        ]
        for tell, m in zip(on_epoch, metrics, strict=False):
            tell(epoch, m)
    return [
        Trained(accuracy(model, x[t], y[t]), accuracy(model, x[~t], y[~t]), m["loss"])
        for model, t, m in zip(models, trains, metrics, strict=True)
    ]


def _check(
    models: Sequence[nn.Module],
    trains: Sequence[torch.Tensor],
    seeds: Sequence[int],
    on_epoch: Sequence[OnEpoch],
) -> None:
    if (
        not models
        or not len(models) == len(trains) == len(seeds)
        or (on_epoch and len(on_epoch) != len(models))
    ):
        raise InputError(
            f"expected one mask, seed and callback per model, got {len(models)} models, {len(trains)} masks, {len(seeds)} seeds, {len(on_epoch)} callbacks"
        )
    shapes = [[(name, tuple(p.shape)) for name, p in m.named_parameters()] for m in models]
    if any(s != shapes[0] for s in shapes):
        raise InputError(
            "members of an ensemble must have the same architecture; these differ in names or shapes of parameters"
        )
    if any(True for m in models for _ in m.buffers()):
        raise InputError(
            "members with buffers (batch-norm statistics) cannot be trained as one; train them one after the other"
        )
    if len({int(t.sum()) for t in trains}) > 1:
        raise InputError(
            f"members must have equally many training rows, got {[int(t.sum()) for t in trains]}"
        )
