"""What the framework adapters share.

A recorder of the model that is trained, in a run of its own for every training.
"""

from __future__ import annotations

import contextlib
import numbers
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from torch import nn

from infoplane.errors import InputError
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.recording.ranks import decided_by_rank_0
from infoplane.hooks.recording.steps_and_metrics import holds_one
from infoplane.user_warning import warn_user

Metrics = Mapping[str, Any]  # Any: whatever the framework logs


class RunFolders:
    """A folder for every training: ``to``, then ``to-2``, ``to-3`` ...

    Copies are the same object: cross-validation copies its callbacks for every fold, and each fold
    is a training of its own. Processes that train side by side each take the first folder that is
    not there: none knows what the others record, and none may overwrite it. Processes that train
    one model together (ranks) record in one folder.
    """

    def __init__(self, to: str | Path) -> None:
        self._to = Path(to)
        self._count = 0
        self._process = os.getpid()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def next(self, resumed: bool = False) -> Path:
        """Return the folder of the training that begins now, or that goes on with another."""
        self._count += 1
        if not resumed and self._process != os.getpid():
            self._count = decided_by_rank_0(self._claim)
        folder = self._folder()
        if self._count > 1:
            warn_user(
                f"training {self._count} of this callback is recorded in a run of its own: {folder}"
            )
        return folder

    def _folder(self) -> Path:
        return (
            self._to if self._count == 1 else self._to.with_name(f"{self._to.name}-{self._count}")
        )

    def _claim(self) -> int:
        """Count on until a folder is not there, and make it: of several processes one succeeds."""
        self._to.parent.mkdir(parents=True, exist_ok=True)  # what fails here fails for every count
        while True:
            with contextlib.suppress(FileExistsError):
                self._folder().mkdir()
                return self._count
            self._count += 1


class Attachment:
    """Records the model that is trained.

    Each training in a run of its own, one that goes on in the same.

    Args:
        options: of the `Recorder`, all but ``model``.
        folders: shared by copies of a callback; made from ``to`` when left out.

    Attributes:
        recorder: of the training that runs, or ran last.
        folders: where the next training is recorded.
    """

    def __init__(self, options: Mapping[str, Any], folders: RunFolders | None = None) -> None:
        missing = [name for name in ("probe", "to") if name not in options]
        if missing:
            raise InputError(f"expected {' and '.join(missing)}=, as for infoplane.Recorder")
        self.options = dict(options)
        self.recorder: Recorder | None = None
        self.folders = folders or RunFolders(options["to"])

    def begin(self, model: nn.Module, *, resumed: bool = False, **more: Any) -> None:
        """Attach to a model whose training begins, and capture step 0 of one that is untrained.

        Args:
            model: what is trained now; another one than before gets a recorder of its own.
            resumed: the training goes on where an earlier one ended, in the run of that.
            more: options that hold for this model only.
        """
        before, self.recorder = self.recorder, None
        if before is not None:
            before.close()  # an exception may have ended its training without a word
        options = more | self.options
        options["to"] = (
            before.path if resumed and before is not None else self.folders.next(resumed)
        )
        if resumed and (before is not None or not options.get("overwrite")):
            options |= {"resume": True, "overwrite": False}
        self.recorder = Recorder(model, **options)
        self.recorder.open(capture=not resumed)

    def step(self, step: int, metrics: Metrics | Callable[[], Metrics]) -> None:
        """Capture when due, with those of the framework's metrics that are numbers."""
        if self.recorder is not None and self.recorder.schedule.due(step):
            self.recorder.step(step, **numeric(metrics() if callable(metrics) else metrics))

    def end(self) -> None:
        """Wait for what is being written and let go of the run."""
        if self.recorder is not None:
            self.recorder.close()


def numeric(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that are single numbers: numbers, or tensors and arrays of one element."""
    return {
        str(name): value
        for name, value in metrics.items()
        if (isinstance(value, numbers.Real) and not isinstance(value, bool)) or holds_one(value)
    }
