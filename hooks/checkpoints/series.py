"""The checkpoints of one training on their way into one run.

What is there already, what is damaged, what is captured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from infoplane.archive import Archive, open_archive
from infoplane.display.progress import Advance
from infoplane.display.progress import progress as shown_progress
from infoplane.errors import ArchiveExists, DamagedCheckpoint, InputError
from infoplane.hooks.checkpoints.listing import Checkpoint
from infoplane.hooks.checkpoints.loading import Loader
from infoplane.hooks.checkpoints.shared_memory import check_separate
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.schedule import Every, at
from infoplane.user_warning import warn_user

SOURCE, DAMAGED = "source", "failures"
"""Names of the records that say of a step which checkpoint it comes from, and what could not be
read.
"""

Record = dict[str, Any]  # Any: JSON


class CheckpointSeries:
    """Captures one checkpoint after the other into a run, and goes on with a run that is there.

    A checkpoint that cannot be read is recorded with the next step that is captured, or with the
    last one again where none follows.

    Args:
        loader: puts a checkpoint into the model.
        probe, to: as for the recorder.
        overwrite: replace the run that is there.
        settings: further options of the recorder. A step is written while the next checkpoint is
            read and run, unless they say otherwise.
    """

    def __init__(
        self,
        loader: Loader,
        probe: object,
        to: Path,
        *,
        overwrite: bool = False,
        **settings: Any,  # Any: of the recorder
    ) -> None:
        self._loader, self._probe, self._to = loader, probe, to
        present = None if overwrite else _own_run(to)
        # written beside the network, each file still synced, unless the caller says otherwise
        beside = {} if "options" in settings else {"background": True}
        self._settings = beside | settings | {"overwrite": overwrite, "resume": present is not None}
        self._done: dict[int, Record | None] = {}
        self._damaged: list[Record] = []
        if present is not None:
            self._done = {step: present.extra(step, SOURCE) for step in present.steps}
            self._damaged = _damage_in(present)
        self._unwritten = False
        self._recorder: Recorder | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._close_recorder()
        finally:
            self._loader.close()

    def capture(self, found: Iterable[Checkpoint], *, progress: bool = False) -> None:
        """Capture every checkpoint that is not in the run yet.

        Raises:
            InputError: there is none, or state dicts share memory.
            DamagedCheckpoint: not one can be read.
        """
        listed = found if isinstance(found, Sequence) else None
        if listed is not None:
            check_separate(listed, self._loader.model)
        self._settings["schedule"] = (
            Every(1) if listed is None else at(*(checkpoint.step for checkpoint in listed))
        )
        with shown_progress(
            "capturing", 1 if listed is None else len(listed), shown=progress
        ) as tick:
            anchor = self._capture_each(found, tick)
        if (
            self._recorder is None
        ):  # nothing was new; the probe and the layers must be those of the run
            self._loader.load(anchor)
            self._open_recorder()
        if self._unwritten:
            self._close_recorder()
            self._settings |= {"resume": True, "overwrite": False}
            self._take(anchor)

    def _capture_each(self, found: Iterable[Checkpoint], tick: Advance) -> Checkpoint:
        """Capture what is new; returns the last checkpoint that is in the run."""
        anchor: Checkpoint | None = None
        error: DamagedCheckpoint | None = None
        for checkpoint in found:
            if self._is_done(checkpoint):
                anchor = checkpoint
            else:
                try:
                    self._take(checkpoint)
                    anchor = checkpoint
                except DamagedCheckpoint as damage:
                    error = damage
                    self._pass_over(checkpoint, damage)
            tick()
        if anchor is None:
            raise error or InputError("checkpoints= gave no checkpoint")
        return anchor

    def _is_done(self, checkpoint: Checkpoint) -> bool:
        record = self._done.get(checkpoint.step)
        if record is None or not self._loader.would_read(record):
            return False
        stamp = checkpoint.stamp()
        return {key: record.get(key) for key in stamp} == stamp

    def _take(self, checkpoint: Checkpoint) -> None:
        loaded = self._loader.load(checkpoint)
        recorder = self._open_recorder()
        recorder.attach(SOURCE, checkpoint.stamp() | loaded.record())
        if self._damaged:
            recorder.attach(DAMAGED, {"failures": self._damaged})
        recorder.capture(checkpoint.step, **dict(loaded.metrics or {}))
        self._unwritten = False
        self._done = {step: record for step, record in self._done.items() if step < checkpoint.step}

    def _pass_over(self, checkpoint: Checkpoint, damage: DamagedCheckpoint) -> None:
        record = {
            "step": checkpoint.step,
            "error": type(damage).__name__,
            "message": str(damage),
        }
        if record not in self._damaged:
            self._damaged.append(record)
            self._unwritten = True
        warn_user(
            f"step {checkpoint.step} is passed over: {damage}",
            RuntimeWarning,
        )

    def _open_recorder(self) -> Recorder:
        """The recorder, open; it looks at the network with the weights that were loaded first."""
        if self._recorder is None:
            recorder = Recorder(
                self._loader.model, probe=self._probe, to=self._to, **self._settings
            )
            self._recorder = recorder.open(capture=False, training=False)
        return self._recorder

    def _close_recorder(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close()


def _own_run(to: Path) -> Archive | None:
    """The run to go on with, if one is there."""
    if not (to / "run.json").is_file():
        return None
    archive = open_archive(to)
    if archive.steps and archive.extra(archive.steps[0], SOURCE) is None:
        raise ArchiveExists(
            f"{to} holds a run that was recorded in training, not captured from checkpoints; "
            "give another folder, or overwrite=True to replace it"
        )
    return archive


def _damage_in(archive: Archive) -> list[Record]:
    """Every record of a damaged checkpoint, in order."""
    found: list[Record] = []
    for step in archive.steps:
        for record in (archive.extra(step, DAMAGED) or {}).get("failures", []):
            if record not in found:
                found.append(record)
    return found
