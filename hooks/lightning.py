"""Record a training of Lightning.

``Trainer(callbacks=[infoplane.hooks.lightning.callback(probe=..., to=...)])``.
"""

from __future__ import annotations

import copy
import importlib
import sys
from functools import partial
from types import ModuleType
from typing import Any, Literal

from infoplane.errors import InputError, MissingExtra
from infoplane.hooks.adapter import Attachment
from infoplane.hooks.probing.probe import call
from infoplane.hooks.schedule import At
from infoplane.user_warning import warn_user

_PACKAGES = ("lightning.pytorch", "pytorch_lightning")


def callback(
    framework: ModuleType | None = None, *, by: Literal["epoch", "step"] = "epoch", **options: Any
) -> Any:  # Any: a Callback of the user's own framework
    """Return a Lightning callback that records after training epochs or optimiser steps.

    Step 0 is the untrained model.

    The class is derived from the ``Callback`` of the user's own package, ``lightning`` or
    ``pytorch_lightning``, whichever is imported. Logged metrics go into the archive. The sanity
    check is ignored. A second ``fit`` is recorded in a run of its own. A module without ``forward``
    is recorded by ``forward=``, e.g. ``forward=lambda module, x: module.encoder(x)``.

    Args:
        framework: ``lightning.pytorch`` or ``pytorch_lightning``; found among the imported modules
            when left out.
        by: what a step of the schedule is: ``epoch``, epochs done, or ``step``, optimiser steps
            done.
        options: of `infoplane.Recorder`, all but ``model``.

    Raises:
        MissingExtra: neither package is installed.
        InputError: ``by`` is neither.
    """
    if by not in ("epoch", "step"):
        raise InputError(f"by must be 'epoch' or 'step', got {by!r}")
    module = framework or _imported()
    attached = Attachment(options)

    class Infoplane(module.Callback):  # type: ignore[misc,name-defined]  # a class of the user's framework
        """Records the information plane's activations of the model that is trained."""

        attachment = attached

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            if by == "epoch":
                _compare_with_epochs(options.get("schedule"), trainer.max_epochs)
            self.optimiser_steps = trainer.global_step
            self.attachment.begin(
                pl_module, resumed=trainer.global_step > 0, **_precision_of(trainer)
            )

        def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
            if by == "step" and trainer.global_step > self.optimiser_steps:
                self.optimiser_steps = trainer.global_step  # a batch may only accumulate
                self.attachment.step(trainer.global_step, lambda: trainer.callback_metrics)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            if by == "epoch":
                self.attachment.step(trainer.current_epoch + 1, lambda: trainer.callback_metrics)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            self.attachment.end()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            self.attachment.end()

        def __reduce__(self) -> tuple[Any, ...]:
            """Be made anew in a process that Lightning spawns: the class has no importable name."""
            options, folders = self.attachment.options, self.attachment.folders
            state = {"attachment": Attachment(options, folders)}
            return partial(callback, by=by, **options), (), state

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            copied = type(self)()
            copied.__dict__.update(copy.deepcopy(vars(self), memo))
            return copied

    return Infoplane()


def _precision_of(trainer: Any) -> dict[str, Any]:
    """Call a network of half or double precision as the training does: on inputs of its dtype."""
    plugin = trainer.precision_plugin
    if not str(plugin.precision).endswith("-true") or plugin.precision == "32-true":
        return {}
    return {"forward": lambda module, inputs: call(module, plugin.convert_input(inputs))}


def _compare_with_epochs(schedule: object, epochs: int | None) -> None:
    """Warn of a schedule that counts further than there are epochs."""
    if (
        isinstance(schedule, At)
        and epochs is not None
        and 0 <= epochs < max(schedule.steps, default=0)
    ):
        warn_user(
            f"the schedule {schedule} goes to {max(schedule.steps)}, and this training ends at "
            f"epoch {epochs}: steps are epochs here; by='step' counts optimiser steps",
            RuntimeWarning,
        )


def _imported() -> ModuleType:
    for name in _PACKAGES:
        if name in sys.modules:
            return sys.modules[name]
    for name in _PACKAGES:
        try:
            return importlib.import_module(name)
        except ImportError as error:
            last = error
    raise MissingExtra("lightning", "lightning") from last
