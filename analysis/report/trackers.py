"""A plane in experiment trackers: scalars named ``infoplane/<layer>/I(Z;Y) <estimator>``, one per checkpoint.

The writers are handed in, so this file imports no tracker. Recipes for Lightning and MLflow are in docs/pictures.md.
"""

from __future__ import annotations

from typing import Any

from infoplane.plane import Plane

QUANTITY = {"i_xz": "I(X;Z)", "i_zy": "I(Z;Y)"}


def scalars(plane: Plane, step: int) -> dict[str, float]:
    """Every estimate of one checkpoint in bits, by its tracker name; bounds carry their sense.

    Example:
        >>> from infoplane.plane import Plane, Point
        >>> from infoplane.types import Estimate
        >>> scalars(Plane((Point(5, "fc1", "i_zy", Estimate(0.5, 8, "exact", "exact")),), ("fc1",), 8), 5)
        {'infoplane/fc1/I(Z;Y) exact': 0.5}
    """
    return {
        f"infoplane/{p.layer}/{QUANTITY[p.quantity]} {p.estimator}" + (f" {p.sense}" if p.sense in ("upper", "lower") else ""): p.bits
        for p in plane
        if p.step == step
    }


def log_tensorboard(writer: Any, plane: Plane, *, figure: bool = True, estimator: str | None = None) -> int:  # Any: a SummaryWriter
    """Write every checkpoint's scalars, and the plane as a figure at the last one, to a ``torch.utils.tensorboard.SummaryWriter``; returns the number of scalars."""
    count = 0
    for step in plane.steps:
        for name, bits in scalars(plane, step).items():
            writer.add_scalar(name, bits, step)
            count += 1
    if figure:
        from infoplane.analysis.plot.save import draw

        writer.add_figure("infoplane/plane", draw(plane, estimator=estimator), plane.steps[-1], close=False)
    return count


def log_wandb(run: Any, plane: Plane, *, step_metric: str = "infoplane/step") -> int:  # Any: a wandb run
    """Log every checkpoint's scalars to a W&B run (online or offline); ``step_metric`` carries the training step. Returns the number of scalars."""
    run.define_metric("infoplane/*", step_metric=step_metric)
    count = 0
    for step in plane.steps:
        values = scalars(plane, step)
        run.log({step_metric: step, **values})
        count += len(values)
    return count
