"""Record a training of Hugging Face's Trainer.

``Trainer(..., callbacks=[infoplane.hooks.transformers.callback(probe=..., to=...)])``.
"""

from __future__ import annotations

from typing import Any

from infoplane.errors import MissingExtra
from infoplane.hooks.adapter import Attachment


def callback(**options: Any) -> Any:  # Any: a TrainerCallback
    """A ``TrainerCallback`` that records at optimiser steps (step = ``state.global_step``).

    Step 0 is the model before training.

    What the trainer logged last goes into the archive. Every ``train()`` is recorded in a run of
    its own: ``to``, ``to-2`` ..., so that ``model_init=`` and hyperparameter search show the model
    of each trial; one that goes on from a checkpoint stays in its run.

    Args:
        options: of `infoplane.Recorder`, all but ``model``. A probe as the model takes it:
            ``({"input_ids": ..., "attention_mask": ...}, labels)``.

    Raises:
        MissingExtra: transformers is not installed.
    """
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise MissingExtra("transformers", "transformers") from error
    attached = Attachment(options)

    class Infoplane(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
        """Records the information plane's activations at the due optimiser steps."""

        attachment = attached

        def __init__(self) -> None:
            self.logged: dict[str, Any] = {}

        def on_train_begin(
            self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
        ) -> None:
            self.logged = {}
            attached.begin(model, resumed=state.global_step > 0)

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any
        ) -> None:
            self.logged.update(logs or {})

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            attached.step(state.global_step, self.logged)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            attached.end()

    return Infoplane()
