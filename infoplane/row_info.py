"""What the rows of a run and of a plane are, what X is at a row, and which label is Y."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from infoplane.errors import InputError
from infoplane.types.arrays import Shape

DEFAULT_LABEL = "y"
"""Name of a label set without a name."""


@dataclass(frozen=True)
class RowInfo:
    """What a row, X and Y are.

    Attributes:
        kind: ``sample``, ``token``, ``pixel`` or ``node``.
        x: what X is at a row: ``X`` of samples; ``prefix``, ``sequence``, ``token``, ``image``,
            ``pixel``, ``graph``, ``node``.
        label: name of the label set that is Y.
        grid: positions per sample; empty of samples.
        samples: samples of the probe; 0 where rows are samples.
        settings: how the rows were chosen: ``skip_first``, ``max_rows``, ``ignore_index``, notes.
    """

    kind: str = "sample"
    x: str = "X"
    label: str = DEFAULT_LABEL
    grid: Shape = ()
    samples: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether rows are samples, X is the sample and Y has no name of its own."""
        return self.kind == "sample" and self.label == DEFAULT_LABEL

    @property
    def y(self) -> str:
        """Name of Y on axes."""
        return "Y" if self.label == DEFAULT_LABEL else self.label

    @property
    def determines_layers(self) -> bool:
        """Whether a layer of a network without noise is a function of X."""
        return self.x not in ("token", "pixel", "node")

    def counted(self, n: int) -> str:
        """Return how many rows, e.g. ``100 tokens of 12 samples``."""
        if self.kind == "sample":
            return f"{n} probe rows"
        return f"{n} {self.kind}s" + (f" of {self.samples} samples" if self.kind != "node" else "")

    def axis(self, n: int) -> str:
        """Return how many rows, as on axes: ``N=100``, ``N=100 tokens``."""
        return f"N={n}" + ("" if self.kind == "sample" else f" {self.kind}s")

    def name(self, text: str) -> str:
        """Return a text about I(X;Z) and I(Z;Y) with what X and Y are here.

        Example:
            >>> RowInfo("token", "prefix", "next-token").name("H(bin(Z)), I(X;Z) and I(Z;Y)")
            'I(prefix;bin(Z)), I(prefix;Z) and I(Z;next-token)'
        """
        if self.plain:
            return text
        text = text.replace("H(bin(Z))", "I(X;bin(Z))")
        for mark in ";,":
            text = text.replace(f"(X{mark}", f"({self.x}{mark}")
            text = text.replace(f"{mark}Y)", f"{mark}{self.y})")
        return text

    def __str__(self) -> str:
        if self.plain:
            return ""
        labels = "" if self.y == "Y" else f", Y is {self.y}"
        return f"rows are {self.kind}s, X is the {self.x}{labels}"

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """Return a JSON-ready form; `from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> RowInfo:  # Any: JSON
        """Return what `to_dict` wrote; None means samples.

        Raises:
            InputError: malformed.
        """
        if found is None:
            return cls()
        try:
            kind, x, label = found["kind"], found["x"], found["label"]
            grid, samples = tuple(map(int, found["grid"])), int(found["samples"])
            texts = all(isinstance(text, str) for text in (kind, x, label))
            if not texts or min(*grid, samples, 0) < 0:
                raise ValueError("not texts and sizes")
            return cls(kind, x, label, grid, samples, dict(found.get("settings") or {}))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError(f"malformed description of rows: {error}") from error
