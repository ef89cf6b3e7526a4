"""Record a training of Keras 3 on torch.

``model.fit(..., callbacks=[infoplane.hooks.keras.callback(probe=..., to=...)])``.
"""

from __future__ import annotations

import re
from typing import Any

from infoplane.errors import InputError, MissingExtra
from infoplane.hooks.adapter import Attachment


def _view(model: Any) -> Any:  # Any: a keras model in, a module out
    """The model with its layers as named children.

    Keras keeps them in lists of its own, where torch finds no names.
    """
    from torch import nn

    class View(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for layer in model.layers:
                self.add_module(layer.name.replace(".", "_"), layer)

        def forward(self, *inputs: Any, **named: Any) -> Any:
            return model(*inputs, **named, training=False)

    return View()


def callback(**options: Any) -> Any:  # Any: a keras Callback
    """Return a Keras callback that records after every epoch (step = epochs done).

    Step 0 is the untrained model.

    Needs ``KERAS_BACKEND=torch``: only there a Keras layer is an ``nn.Module``. Keras' metrics go
    into the archive. A second ``fit`` is recorded in a run of its own; one that goes on with
    ``initial_epoch=`` stays in its run.

    Args:
        options: of `infoplane.Recorder`, all but ``model``.

    Raises:
        MissingExtra: keras is not installed.
        InputError: another backend than torch.
    """
    try:
        import keras
    except ImportError as error:
        raise MissingExtra("keras", "keras") from error
    if keras.backend.backend() != "torch":
        raise InputError(
            f"Keras runs on {keras.backend.backend()}; set KERAS_BACKEND=torch before importing "
            "keras: only there layers are torch modules"
        )
    attached = Attachment(options)

    class Infoplane(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
        """Records the information plane's activations after every epoch."""

        attachment = attached

        def on_train_begin(self, logs: Any = None) -> None:
            self.began = False

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if self.began:
                return
            self.began = True
            layers = [
                layer.name.replace(".", "_")
                for layer in self.model.layers
                if not re.search("InputLayer|Dropout|Flatten|Pooling", type(layer).__name__)
            ]
            attached.begin(_view(self.model), resumed=epoch > 0, layers=layers)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            attached.step(epoch + 1, logs or {})

        def on_train_end(self, logs: Any = None) -> None:
            attached.end()

    return Infoplane()
