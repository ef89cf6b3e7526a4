"""Ignite: `infoplane.hooks.ignite.attach(trainer, model, probe=..., to=...)`."""

from __future__ import annotations

from typing import Any

from torch import nn

from infoplane.errors import MissingExtra
from infoplane.hooks.adapter import Attachment


def attach(trainer: Any, model: nn.Module, **options: Any) -> Attachment:  # Any: an ignite Engine
    """Record ``model`` after every epoch of an Ignite ``Engine`` (step = epochs done).

    Step 0 is the untrained model.

    The engine's metrics go into the archive. A second ``run`` is recorded in a run of its own. The
    run is closed when the engine completes, is terminated, or an exception leaves it.

    Args:
        options: of `infoplane.Recorder`, all but ``model``.

    Raises:
        MissingExtra: pytorch-ignite is not installed.
    """
    try:
        from ignite.engine import Events
    except ImportError as error:
        raise MissingExtra("ignite", "ignite") from error
    attached = Attachment(options)

    def failed(engine: Any, error: BaseException) -> None:
        attached.end()
        raise error

    trainer.add_event_handler(
        Events.STARTED, lambda engine: attached.begin(model, resumed=engine.state.epoch > 0)
    )
    trainer.add_event_handler(
        Events.EPOCH_COMPLETED,
        lambda engine: attached.step(engine.state.epoch, engine.state.metrics),
    )
    for event in (Events.COMPLETED, Events.TERMINATE):
        trainer.add_event_handler(event, lambda engine: attached.end())
    trainer.add_event_handler(Events.EXCEPTION_RAISED, failed)
    return attached
