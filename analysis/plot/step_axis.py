"""Checkpoints on an axis and as colours: logarithmic where they span decades."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator


def is_log(steps: Sequence[int], asked: bool | None = None) -> bool:
    """Return whether steps are shown on a logarithmic axis: as asked for.

    Else where it is better read: their positive part spans more than a factor of 30.

    Example:
        >>> is_log([0, 1, 10, 100]), is_log([0, 10, 20, 30])
        (True, False)
    """
    if asked is not None:
        return asked
    positive = [step for step in steps if step > 0]
    return len(positive) > 2 and max(positive) / min(positive) > 30


def step_norm(steps: Sequence[int], log: bool | None = None) -> Normalize:
    """Return the colour scale of steps: linear, or log(1 + step) so that step 0 has its place."""
    low, high = min(steps), max(steps)
    high = high if high > low else low + 1
    if is_log(steps, log):
        return FuncNorm((np.log1p, np.expm1), vmin=low, vmax=high)
    return Normalize(low, high)


def step_ticks(steps: Sequence[int], log: bool | None = None) -> list[int]:
    """Return ticks of a step axis.

    0, powers of ten and the last step on a log axis, about five round numbers on a linear one.

    Example:
        >>> step_ticks([0, 1, 5, 40, 300, 8000])
        [0, 1, 10, 100, 1000, 8000]
    """
    low, high = min(steps), max(steps)
    if low == high:
        return [low]
    if is_log(steps, log):
        powers = [10**power for power in range(19) if low <= 10**power <= high]
        if powers and high < 5 * powers[-1]:  # the two labels would touch
            powers = powers[:-1]
        return sorted({low, *(powers if len(powers) < 6 else powers[::2]), high})
    ticks = MaxNLocator(5, integer=True).tick_values(low, high)
    return [int(tick) for tick in ticks if low <= tick <= high]


def step_text(step: float) -> str:
    """Return a step as a tick shows it.

    Example:
        >>> step_text(3000), step_text(143000), step_text(2.5e6)
        ('3000', '143k', '2.5M')
    """
    if step < 10_000:
        return f"{step:g}"
    return f"{step / 1e6:.4g}M" if step >= 1e6 else f"{step / 1e3:.4g}k"


def step_axis(ax: Axes, steps: Sequence[int], log: bool | None = None) -> None:
    """Make the x axis a step axis, logarithmic (with step 0) where that reads better.

    Args:
        ax: the Axes.
        steps: that are drawn.
        log: logarithmic; None decides from the steps.
    """
    logarithmic = is_log(steps, log)
    if logarithmic:
        ax.set_xscale("symlog", linthresh=1, linscale=0.4)
        ax.xaxis.set_minor_locator(NullLocator())
    if logarithmic or len(set(steps)) == 1:
        ax.xaxis.set_major_locator(FixedLocator(step_ticks(steps, log)))
    ax.xaxis.set_major_formatter(lambda step, _place: step_text(step))
    ax.set_xlabel("training step")
