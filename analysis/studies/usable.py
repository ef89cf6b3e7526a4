"""Usable information of the layers of a run.

What one adds to another, and how short a code its labels have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.analysis.estimators.codelength import CodeLength, mdl_online_code
from infoplane.analysis.estimators.vinfo import Reader, VInformation, conditional_vinformation
from infoplane.analysis.measuring.open_run import open_run
from infoplane.analysis.measuring.plane_point import cell_rng, cells_of
from infoplane.analysis.measuring.variables import label_variable, layer_variable
from infoplane.errors import InputError
from infoplane.types import Estimate, Variable

if TYPE_CHECKING:
    from infoplane.archive import Archive


@dataclass(frozen=True)
class Beyond:
    """``I_V(Z -> Y | given)`` in bits of one layer at one checkpoint."""

    step: int
    layer: str
    given: str
    estimate: Estimate

    def __str__(self) -> str:
        return f"step {self.step}, {self.layer}: I_V(Z->Y|{self.given}) = {self.estimate}"


@dataclass(frozen=True)
class Code:
    """The online code of the labels given one layer at one checkpoint."""

    step: int
    layer: str
    family: Reader
    length: CodeLength

    def __str__(self) -> str:
        return (
            f"step {self.step}, {self.layer}: {self.length.bits:.1f} bits by {self.family}, "
            f"{self.length.compression:.2f} times shorter than {self.length.uniform_bits:.1f}"
        )


def usable_beyond(
    archive: Archive | str | Path,
    given: str,
    family: Reader = "linear",
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Beyond, ...]:
    """Measure in bits what predictors can use of every layer beyond the layer ``given``.

    Raises:
        InputError: no labels, unknown layers or steps.
    """
    opened, y = _with_labels(archive)
    cells = list(cells_of(opened, layers, steps))
    if given not in opened.layers:
        raise InputError(f"no such layer: {given!r}; the archive has {list(opened.layers)}")
    e, found = VInformation(family), []
    for step, name in cells:
        if name != given and opened.has(step, given):
            rng = cell_rng(seed, step, name, f"vinfo:{family}|{given}")
            z, known = (layer_variable(opened, step, layer, e) for layer in (name, given))
            found.append(
                Beyond(
                    step, name, given, conditional_vinformation(z, y, known, estimator=e, rng=rng)
                )
            )
    if not found:
        raise InputError(f"no layer beside {given!r} at the chosen checkpoints")
    return tuple(found)


def code_lengths(
    archive: Archive | str | Path,
    family: Reader = "linear",
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Code, ...]:
    """Return the length in bits of an online code of the labels given every layer.

    Short where a probe learns them from few rows.

    Raises:
        InputError: no labels, unknown layers or steps.
        EstimatorError: continuous labels or fewer than 40 rows.
    """
    opened, y = _with_labels(archive)
    e, found = VInformation(family), []
    for step, name in cells_of(opened, layers, steps):
        rng = cell_rng(seed, step, name, f"vinfo:{family}|code")
        found.append(
            Code(
                step,
                name,
                family,
                mdl_online_code(layer_variable(opened, step, name, e), y, estimator=e, rng=rng),
            )
        )
    return tuple(found)


def _with_labels(archive: Archive | str | Path) -> tuple[Archive, Variable]:
    opened = open_run(archive)
    y = label_variable(opened)
    if y is None:
        raise InputError(
            f"{opened.path}: usable information is about labels; record with probe=(x, y)"
        )
    return opened, y
