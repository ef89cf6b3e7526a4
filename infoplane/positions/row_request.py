"""Which rows a user wants, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from infoplane.errors import InputError
from infoplane.types.arrays import Ids, to_numpy

X_NAMES = {
    "sample": (),
    "token": ("prefix", "sequence", "token"),
    "pixel": ("image", "pixel"),
    "node": ("graph", "node"),
}
"""By kind of rows, what X may be."""
Labels = str | ArrayLike | Mapping[str, "str | ArrayLike"]


@dataclass(frozen=True, kw_only=True, eq=False)
class WantedRows:
    """Which rows a user wants.

    Attributes:
        rows: ``sample``, ``token``, ``pixel`` or ``node``; ``token:decoder_input_ids`` names the
            input whose positions are meant.
        x: what X is at a row, see `X_NAMES`; None for the default of the kind.
        y: labels: the name of a rule, an array, or a mapping of names to these; None for those of
            the probe.
        mask: name of a probe input, or an array ``(n, T)``, true where a position is real; None to
            look for one.
        skip_first: how many real positions at the start of a sample are no rows.
        max_rows: at most this many rows, a random subset.
        ignore_index: the integer label that means none.
        seed: of the subset.

    Raises:
        InputError: an unknown kind or X, or a setting that the kind does not have.
    """

    rows: str = "sample"
    x: str | None = None
    y: Any = None  # Any: see `Labels`
    mask: Any = None  # Any: a name or an array
    skip_first: int = 0
    max_rows: int | None = None
    ignore_index: int = -100
    seed: int = 0

    def __post_init__(self) -> None:
        kind, rows = self.kind, self.rows
        if kind not in X_NAMES:
            raise InputError(
                f"rows must be one of {tuple(X_NAMES)}, or 'token:INPUT' to name an input of the "
                f"probe, got {rows!r}"
            )
        if self.key and kind != "token":
            raise InputError(f"rows={rows!r}: only token rows name an input; use rows={kind!r}")
        if self.x is not None and self.x not in X_NAMES[kind]:
            choices = X_NAMES[kind] or "no x= (X is the row itself)"
            raise InputError(f"rows={kind!r} has {choices}, got x={self.x!r}")
        if self.skip_first < 0 or (self.max_rows is not None and self.max_rows < 2):
            raise InputError(
                "skip_first is at least 0 and max_rows at least 2, got "
                f"skip_first={self.skip_first}, max_rows={self.max_rows}"
            )
        if kind == "sample" and (self.skip_first or self.max_rows is not None):
            raise InputError(
                "skip_first and max_rows choose among the positions of a sample: give rows='token' "
                "(or 'pixel', 'node') too"
            )
        if kind == "node" and self.skip_first:
            raise InputError("skip_first counts positions of a sequence: nodes have no order")

    @property
    def kind(self) -> str:
        """``sample``, ``token``, ``pixel`` or ``node``."""
        return str(self.rows).partition(":")[0]

    @property
    def key(self) -> str | None:
        """The input whose positions are meant, where it was named."""
        return str(self.rows).partition(":")[2] or None

    def of_samples(self, samples: Ids) -> WantedRows:
        """Return the same, of some of the samples."""
        mask, labels = self.mask, self.y
        if mask is not None and not isinstance(mask, str):
            mask = to_numpy(mask)[samples]
        if isinstance(labels, Mapping):
            labels = {name: _of_samples(values, samples) for name, values in labels.items()}
        return replace(self, mask=mask, y=labels)

    def record(self) -> dict[str, object]:
        """Return the settings as JSON, for the archive."""
        mask = self.mask
        if mask is not None and not isinstance(mask, str):
            mask = "array"
        return {
            "skip_first": self.skip_first,
            "max_rows": self.max_rows,
            "ignore_index": self.ignore_index,
            "key": self.key,
            "mask": mask,
        }


def _of_samples(labels: Any, samples: Ids) -> Any:  # Any: the name of a rule, or an array
    return labels if labels is None or isinstance(labels, str) else to_numpy(labels)[samples]
