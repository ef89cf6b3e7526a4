"""A plane in experiment trackers.

Scalars named ``infoplane/<layer>/I(Z;Y) <estimator>``, one per checkpoint.

The writers are handed in, so this file imports no tracker. Recipes for Lightning and MLflow are in
docs/pictures.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from infoplane.errors import InputError
from infoplane.plane import Plane

Figures = Literal["last", "every", "none"]
"""When the plane is drawn: at the last checkpoint, at every one, or never."""

QUANTITY = {"i_xz": "I(X;Z)", "i_zy": "I(Z;Y)"}


def scalars(plane: Plane, step: int) -> dict[str, float]:
    """Every estimate of one checkpoint in bits, by its tracker name; bounds carry their sense.

    Example:
        >>> from infoplane.plane import Plane, Point
        >>> from infoplane.types import Estimate
        >>> point = Point(5, "fc1", "i_zy", Estimate(0.5, 8, "exact", "exact"))
        >>> scalars(Plane((point,), ("fc1",), 8), 5)
        {'infoplane/fc1/I(Z;Y) exact': 0.5}
    """
    found = {}
    for point in plane.select(step=[step]):
        quantity = plane.row_info.name(QUANTITY[point.quantity])
        bound = f" {point.sense}" if point.sense in ("upper", "lower") else ""
        found[f"infoplane/{point.layer}/{quantity} {point.estimator}{bound}"] = point.bits
    return found


def log_tensorboard(
    writer: Any, plane: Plane, *, figures: Figures = "last", estimator: str | None = None
) -> int:  # Any: a SummaryWriter
    """Write every checkpoint's scalars, and the plane as a figure, for TensorBoard.

    Returns the number of scalars.

    Args:
        writer: a ``torch.utils.tensorboard.SummaryWriter``.
        plane: what was measured.
        figures: ``last`` draws the whole plane at the last checkpoint, ``every`` the plane
            so far at each one (about a second each), ``none`` nothing.
        estimator: spec that figures show; None takes the plane's first.
    """
    drawn = _figures(plane, figures, estimator)
    for step in plane.steps:
        for name, bits in scalars(plane, step).items():
            writer.add_scalar(name, bits, step)
    for step, figure in drawn:
        writer.add_figure("infoplane/plane", figure, step, close=False)
    return len(plane)


def log_wandb(
    run: Any,  # Any: a wandb run
    plane: Plane,
    *,
    step_metric: str = "infoplane/step",
    image: Callable[[Any], object] | None = None,  # Any: an array of pixels
    figures: Figures = "last",
    estimator: str | None = None,
) -> int:
    """Log every checkpoint's scalars to a W&B run (online or offline).

    Returns the number of scalars.

    Args:
        run: a wandb run.
        plane: what was measured.
        step_metric: name of the training step.
        image: ``wandb.Image``, to log the plane as a picture too.
        figures, estimator: see `log_tensorboard`.
    """
    from infoplane.analysis.plot.save import pixels

    run.define_metric("infoplane/*", step_metric=step_metric)
    drawn = dict(_figures(plane, "none" if image is None else figures, estimator))
    for step in plane.steps:
        picture = {}
        if image is not None and step in drawn:
            picture["infoplane/plane"] = image(pixels(drawn[step]))
        run.log({step_metric: step, **scalars(plane, step), **picture})
    return len(plane)


def log_mlflow(
    mlflow: Any, plane: Plane, *, figures: Figures = "last", estimator: str | None = None
) -> int:  # Any: the mlflow module
    """Log every checkpoint's scalars as MLflow metrics, and the plane as an artefact.

    They go to the active run. Returns the number of scalars.

    MLflow allows few characters in names: ``I(Z;Y)`` becomes ``I_ZY``, anything else that it
    refuses ``_`` (see `mlflow_names`).

    Args:
        mlflow: the module.
        plane: what was measured.
        figures, estimator: see `log_tensorboard`.
    """
    drawn = _figures(plane, figures, estimator)
    for step in plane.steps:
        values = scalars(plane, step)
        names = mlflow_names(list(values))
        mlflow.log_metrics({names[name]: bits for name, bits in values.items()}, step=step)
    for step, figure in drawn:
        which = "" if figures == "last" else f"-{step}"
        mlflow.log_figure(figure, f"infoplane/plane{which}.png")
    return len(plane)


def mlflow_names(names: Sequence[str]) -> dict[str, str]:
    """Return names as MLflow takes them, all different.

    Letters, digits, ``_ - . / :`` and spaces, at most 250.

    Example:
        >>> mlflow_names(["infoplane/fc1/I(Z;Y) kde:variance=0.1 upper"])
        {'infoplane/fc1/I(Z;Y) kde:variance=0.1 upper': 'infoplane/fc1/I_ZY kde:variance_0.1 upper'}
    """
    allowed: dict[str, str] = {}
    for name in names:
        spelled = name.replace("I(X;Z)", "I_XZ").replace("I(Z;Y)", "I_ZY")
        plain = re.sub(r"[^A-Za-z0-9_\-./: ]", "_", spelled).replace("..", "._")
        if len(plain) > 240:
            plain = f"{plain[:120]}_{plain[-119:]}"
        allowed[name] = f"{plain} {len(allowed)}" if plain in allowed.values() else plain
    return allowed


def _figures(
    plane: Plane, figures: Figures, estimator: str | None
) -> Iterator[tuple[int, Any]]:  # Any: a matplotlib figure
    """Return the plane so far, at the checkpoints asked for, each drawn when its turn comes."""
    from infoplane.analysis.plot.save import draw

    if figures not in ("last", "every", "none"):
        raise InputError(f"figures is last, every or none, got {figures!r}")
    steps = {"last": plane.steps[-1:], "every": plane.steps, "none": ()}[figures]

    def draw_at(step: int) -> tuple[int, Any]:  # Any: a matplotlib figure
        so_far = plane.steps[: plane.steps.index(step) + 1]
        return step, draw(plane.select(step=so_far), estimator=estimator)

    return map(draw_at, steps)
