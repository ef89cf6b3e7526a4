"""Every error that infoplane raises on purpose.

InfoplaneError
├── InputError (ValueError)          an array, option or name is not what was expected
│   ├── EstimatorError               an estimator cannot honestly give a number here
│   └── SpecError                    an estimator spec string does not parse
├── CaptureError (RuntimeError)      a snapshot of the model could not be taken
│   ├── LayerNotFound                a selected layer is not in the model
│   ├── LayerNotExecuted             a selected layer never fired during the probe
│   ├── UnsupportedModel             scripted, exported or otherwise unhookable model
│   ├── UnsupportedOutput            a layer's output holds no tensor, or several and no rule
│   ├── BudgetExceeded               the capture would exceed max_bytes
│   ├── CheckpointMismatch           stored weights do not fit the model
│   └── DamagedCheckpoint            a stored checkpoint is torn, truncated or not one
├── ArchiveError (OSError)           a file or a run directory cannot be used
│   ├── NotAnArchive                 not an infoplane run, shard, packed file or plane
│   ├── VersionError                 written by a newer, unknown format
│   ├── DamagedArchive               torn, truncated, checksum mismatch or hostile structure
│   ├── ArchiveExists                refusing to overwrite
│   └── ArchiveLocked                another live recorder writes to this run
├── MissingProgram (OSError)         a program that pip does not install is needed; says which
└── MissingExtra (ImportError)       an optional package is needed; says which extra to install
"""

from __future__ import annotations


def visible(text: str) -> str:
    r"""Return text without control, escape and direction-changing characters; line breaks stay.

    Example:
        >>> visible("layer \x1b[2Jfc1\nnext")
        'layer  [2Jfc1\nnext'
    """
    if text.isprintable():
        return text
    shown = [letter if letter.isprintable() or letter == "\n" else " " for letter in text]
    return "".join(shown)


class InfoplaneError(Exception):
    """Root of the tree: catch this to catch everything infoplane raises on purpose.

    Messages show names of layers and files, which may be a stranger's, without control characters.
    """

    def __str__(self) -> str:
        return visible(super().__str__())


class InputError(InfoplaneError, ValueError):
    """An array, option or name is not what was expected."""


class EstimatorError(InputError):
    """An estimator cannot honestly give a number for this input."""


class SpecError(InputError):
    """An estimator spec string does not parse."""


class CaptureError(InfoplaneError, RuntimeError):
    """A snapshot of the model could not be taken."""


class LayerNotFound(CaptureError, InputError):
    """A selected layer is not in the model."""


class LayerNotExecuted(CaptureError):
    """A selected layer never fired during the probe."""


class UnsupportedModel(CaptureError):
    """The model cannot be hooked (scripted, exported, rank-partial)."""


class UnsupportedOutput(CaptureError):
    """A layer's output holds no tensor, or several and no rule to choose."""


class BudgetExceeded(CaptureError):
    """The capture would exceed the byte budget the user set."""


class CheckpointMismatch(CaptureError, InputError):
    """Stored weights do not fit the model: keys are missing, unexpected or of another shape."""


class DamagedCheckpoint(CaptureError):
    """A stored checkpoint is torn, truncated or not one."""


class ArchiveError(InfoplaneError, OSError):
    """A file or run directory cannot be used."""


class NotAnArchive(ArchiveError):
    """The path is not an infoplane run, shard, packed file or plane."""


class VersionError(ArchiveError):
    """The file was written in a newer format than this version can read."""


class DamagedArchive(ArchiveError):
    """The file is torn, truncated, fails its checksum, or has a hostile structure."""


class ArchiveExists(ArchiveError):
    """Refusing to overwrite an existing run or file."""


class ArchiveLocked(ArchiveError):
    """Another live recorder writes to this run."""


class MissingProgram(InfoplaneError, OSError):
    """A program that pip does not install is needed.

    The message names it and the way without it.
    """

    def __init__(self, program: str, purpose: str, instead: str) -> None:
        super().__init__(
            f"the program {program} is needed for {purpose} and is not installed; "
            f"install it with your system's package manager, or {instead}"
        )


class MissingExtra(InfoplaneError, ImportError):
    """An optional package is needed; the message names the extra to install."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is needed here and is not installed; install it with: pip install "
            f"'infoplane[{extra}]'"
        )
