"""What goes wrong while training.

Recorded, warned of once, and never the end of the training unless that was asked for.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from pathlib import Path

from infoplane.hooks.options import OnError
from infoplane.user_warning import warn_user

_FULL_DISK = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class CaptureErrorLog:
    """The failures of one recording.

    Attributes:
        failures: one record per capture that was dropped: step, error, message.
        stopped: nothing more is captured: the disk is full or the budget used up.
    """

    def __init__(self, path: Path, policy: OnError) -> None:
        self.path = path
        self.policy = policy
        self.failures: list[dict[str, object]] = []
        self.stopped = False
        self._warned: set[str] = set()

    def failed(self, step: object, error: Exception, kept: int) -> None:
        """A capture was dropped.

        Args:
            step: of the capture.
            error: what went wrong.
            kept: steps that are safe on disk.

        Raises:
            Exception: the error itself, under the policy ``raise``; a full disk never raises.
        """
        causes = (error, error.__cause__)  # the archive wraps what the system said
        full = any(isinstance(cause, OSError) and cause.errno in _FULL_DISK for cause in causes)
        self.failures.append({"step": step, "error": type(error).__name__, "message": str(error)})
        if full:
            self.stopped = True
            if self._first("full disk"):  # what was queued for the writer then fails as well
                _warn(
                    f"no space left at {self.path}: step {step} was not captured and recording "
                    f"stops; {kept} captured steps stay readable; training goes on"
                )
        elif self.policy == "raise":
            error.add_note(
                f"infoplane: capture of step {step} failed; on_error='warn' would drop it and go on"
            )
            raise error
        elif self._first(f"failed {type(error).__name__}"):  # the archive has the rest
            _warn(
                f"step {step} was not captured: {type(error).__name__}: {error}; training goes on, "
                "further failures of this kind are recorded in silence"
            )

    def _first(self, what: str) -> bool:
        """Whether this is said for the first time."""
        new = what not in self._warned
        self._warned.add(what)
        return new

    def captured_already(self, step: int) -> None:
        """Say once that a second call of one step captured nothing."""
        if self._first("captured already"):
            _warn(
                f"step {step} was captured already: this call captured nothing; count upwards, one "
                "step for each call (further ones say nothing)"
            )

    def left_out(self, step: int, metrics: Mapping[str, str]) -> None:
        """Say once of each metric that it is missing from a step, and why."""
        for name, why in metrics.items():
            if self._first(f"metric {name}"):
                _warn(f"step {step}: metric {name!r} is not recorded: {why}; the step is captured")

    def entry_replaced(self, step: int) -> None:
        """Say that what was captured on entry is no step of this training."""
        if step == 0:
            _warn(
                "your first step is 0, so step 0 is the network as it is at this call; what was "
                "captured on entry, before it, is set aside. To keep the untrained network as step "
                "0, count from 1: rec.step(epoch + 1)"
            )
        else:
            _warn(
                f"the weights of step {step} were loaded, not trained, since the recorder was "
                "opened: what was captured on entry is no step of theirs and is set aside; to keep "
                "it, call rec.step(0) before you load"
            )

    def rolled_back(self, step: int, later: Sequence[int]) -> None:
        """Say that a run that is resumed had later steps than the first of now."""
        _warn(
            f"the run had steps up to {later[-1]}, and its training goes on at {step}: the later "
            f"ones ({len(later)}) are set aside in {self.path / 'ckpt'}, since the training was "
            "rolled back. Another training belongs into a folder of its own"
        )

    def nonfinite(self, step: int, bad: dict[str, int]) -> None:
        """Say once that NaN or infinity was captured; ``bad`` counts them per layer."""
        if self._first("nonfinite"):
            _warn(
                f"step {step}: NaN or infinity in {bad}; captured as they are, measuring these "
                "layers will be refused; further steps say nothing"
            )

    def changed_for_good(self, step: int, names: Sequence[str]) -> None:
        """Say once of each what a probe changed though nothing foretold it.

        It cannot be put back.
        """
        new = [name for name in names if self._first(f"changed {name}")]
        if new:
            _warn(
                f"step {step}: the probe's forwards wrote into {new[:6]}, which they did not when "
                "the recorder attached: the training goes on from there"
            )

    def used_up(self, budget: str, step: int | None) -> None:
        """The byte budget of an endless schedule is spent."""
        self.stopped = True
        _warn(
            f"max_bytes={budget} is used up after step {step}; nothing more is captured, training "
            "goes on"
        )


def _warn(message: str) -> None:
    warn_user(message, RuntimeWarning)
