"""How the axes of a picture are asked for: title, unit, limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator

from infoplane.analysis.plot.labels import UNITS
from infoplane.errors import InputError

Range = tuple[float, float]


@dataclass(frozen=True)
class View:
    """What the reader of a picture asks for beyond the data.

    Attributes:
        title: words above the Axes.
        unit: ``bits`` or ``nats``, of axes and limits; the data stay in bits.
        xlim, ylim: limits in that unit; None leaves the axes as they are.
        fit: limits around the data instead of from 0 to the ceilings.

    Raises:
        InputError: another unit, or limits that are no two ascending numbers.
    """

    title: str = ""
    unit: str = "bits"
    xlim: Range | None = None
    ylim: Range | None = None
    fit: bool = False

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise InputError(f"expected unit {' or '.join(UNITS)}, got {self.unit!r}")
        for name, limits in (("xlim", self.xlim), ("ylim", self.ylim)):
            if limits is not None and not _ascending(limits):
                raise InputError(f"expected {name} of two ascending numbers, got {limits!r}")

    def text(self, words: str) -> str:
        """``words`` with the unit of this view in place of bits."""
        return words.replace("[bits]", f"[{self.unit}]")

    def set_limits(self, ax: Axes, *, steps_across: bool = False) -> None:
        """Set the limits asked for on axes that hold bits, or steps across."""
        per_bit = UNITS[self.unit]
        if self.xlim is not None:
            scale = 1.0 if steps_across else per_bit
            ax.set_xlim(self.xlim[0] / scale, self.xlim[1] / scale)
        if self.ylim is not None:
            ax.set_ylim(self.ylim[0] / per_bit, self.ylim[1] / per_bit)

    def set_ticks(self, *axes: Axis) -> None:
        """Put round numbers of the unit on axes that hold bits."""
        if self.unit == "bits":
            return
        per_bit = UNITS[self.unit]
        for axis in axes:
            axis.set_major_locator(_UnitLocator(per_bit))
            axis.set_major_formatter(FuncFormatter(lambda bits, _: f"{round(bits * per_bit, 9):g}"))


def _ascending(limits: Sequence[float]) -> bool:
    return len(limits) == 2 and all(map(math.isfinite, limits)) and limits[0] < limits[1]


class _UnitLocator(MaxNLocator):
    """Round numbers of another unit on an axis in bits."""

    def __init__(self, per_bit: float) -> None:
        super().__init__(nbins=6, steps=[1, 2, 2.5, 5, 10])
        self._per_bit = per_bit

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        ticks = super().tick_values(vmin * self._per_bit, vmax * self._per_bit)
        return [tick / self._per_bit for tick in ticks]
