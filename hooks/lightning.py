"""Lightning: `trainer = Trainer(callbacks=[infoplane.hooks.lightning.callback(probe=..., to=...)])`."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from infoplane.hooks.adapter import Attachment, missing


def callback(
    framework: ModuleType | None = None, **options: Any
) -> Any:  # Any: a Callback of the user's own framework
    """A Lightning callback that records after every training epoch (step = epochs done); step 0 is the untrained model.

    The class is derived from the ``Callback`` of the user's own package, ``lightning`` or ``pytorch_lightning``, whichever is imported.
    Logged metrics go into the archive. The sanity check is ignored.

    Args:
        framework: ``lightning.pytorch`` or ``pytorch_lightning``; found among the imported modules when left out.
        options: of `infoplane.Recorder`, all but ``model``.

    Raises:
        MissingExtra: neither package is installed.
    """
    module = framework or _imported()
    attached = Attachment(options)

    class Infoplane(module.Callback):  # type: ignore[misc,name-defined]  # a class of the user's framework
        """Records the information plane's activations after every training epoch."""

        attachment = attached

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            attached.begin(pl_module, resumed=trainer.current_epoch > 0)

        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            attached.step(trainer.current_epoch + 1, trainer.callback_metrics)

        def on_train_end(self, trainer: Any, pl_module: Any) -> None:
            attached.end()

        def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
            attached.end()

    return Infoplane()


def _imported() -> ModuleType:
    for name in ("lightning.pytorch", "pytorch_lightning"):
        if name in sys.modules:
            return sys.modules[name]
    for name in ("lightning.pytorch", "pytorch_lightning"):
        try:
            return importlib.import_module(name)
        except ImportError as error:
            last = error
    raise missing("lightning", "lightning", last)
