"""Record a training of skorch.

``NeuralNetClassifier(..., callbacks=[infoplane.hooks.skorch.callback(probe=..., to=...)])``.
"""

from __future__ import annotations

from typing import Any

from infoplane.errors import MissingExtra
from infoplane.hooks.adapter import Attachment, RunFolders


def callback(**options: Any) -> Any:  # Any: a skorch Callback
    """Return a skorch callback that records after every epoch (step = epochs done).

    Step 0 is the untrained module.

    Every ``fit`` is recorded in a run of its own: ``to``, ``to-2`` ..., also in cross-validation
    within one process.

    The numbers of the net's history (``train_loss``, ``valid_loss``, ``valid_acc`` ...) go into the
    archive.

    Args:
        options: of `infoplane.Recorder`, all but ``model``.

    Raises:
        MissingExtra: skorch is not installed.
    """
    return _callback(options, RunFolders(options.get("to", "")))


def _callback(options: dict[str, Any], folders: RunFolders) -> Any:  # Any: a skorch Callback
    """A callback whose copies share the folders: those of cross-validation, and pickled ones."""
    try:
        from skorch.callbacks import Callback
    except ImportError as error:
        raise MissingExtra("skorch", "skorch") from error

    class Infoplane(Callback):  # type: ignore[misc]  # skorch has no types
        """Records the information plane's activations after every epoch."""

        def __init__(self, options: dict[str, Any], folders: RunFolders) -> None:
            self.options = options
            self.folders = folders
            self.attachment_ = Attachment(options, folders)  # by its _ no parameter, for skorch

        def __reduce__(self) -> tuple[Any, ...]:
            return _callback, (self.options, self.folders)

        def initialize(self) -> Any:
            self.attachment_ = Attachment(self.options, self.folders)
            return self

        def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
            self.attachment_.begin(net.module_, resumed=len(net.history) > 0)

        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            self.attachment_.step(
                len(net.history),
                {
                    name: value
                    for name, value in net.history[-1].items()
                    if name not in ("epoch", "batches")
                },
            )

        def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
            self.attachment_.end()

    return Infoplane(options, folders)
