"""Usable information of the layers of a run.

What one adds to another, and how short a code its labels have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infoplane.analysis.estimators.codelength import CodeLength, mdl_online_code
from infoplane.analysis.estimators.vinfo import Reader, VInformation, conditional_vinformation
from infoplane.analysis.measuring.arguments import Run, open_run, require_known, require_whole
from infoplane.analysis.measuring.plane_point import cell_rng, finite_cells_of
from infoplane.analysis.measuring.variables import label_variable, layer_variable
from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.types import Estimate, Variable


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
    archive: Run,
    given: str,
    family: Reader = "linear",
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Beyond, ...]:
    """Measure in bits what predictors can use of every layer beyond the layer ``given``.

    Args:
        archive: a run or its path.
        given: the layer that is known already.
        family: of predictors.
        layers, steps: some of the run's; all by default.
        seed: of the folds.

    Raises:
        InputError: no labels, unknown layers or steps.
    """
    require_whole(0, seed=seed)
    archive, labels = _with_labels(archive)
    require_known("layers", [given], archive.layers)
    require_known("layers", layers, archive.layers)
    estimator, found = VInformation(family), []
    cells = finite_cells_of(archive, None if layers is None else [*layers, given], steps)
    for step, name in cells:
        if name != given and (step, given) in cells:
            rng = cell_rng(seed, step, name, f"vinfo:{family}|{given}")
            layer, known = (layer_variable(archive, step, at, estimator) for at in (name, given))
            estimate = conditional_vinformation(layer, labels, known, estimator=estimator, rng=rng)
            found.append(Beyond(step, name, given, estimate))
    if not found:
        raise InputError(f"no layer beside {given!r} at the chosen checkpoints")
    return tuple(found)


def code_lengths(
    archive: Run,
    family: Reader = "linear",
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Code, ...]:
    """Return the length in bits of an online code of the labels given every layer.

    Short where a probe learns them from few rows.

    Args:
        archive: a run or its path.
        family: of predictors.
        layers, steps: some of the run's; all by default.
        seed: of the order of rows.

    Raises:
        InputError: no labels, unknown layers or steps.
        EstimatorError: continuous labels or fewer than 40 rows.
    """
    require_whole(0, seed=seed)
    archive, labels = _with_labels(archive)
    estimator, found = VInformation(family), []
    for step, name in finite_cells_of(archive, layers, steps):
        rng = cell_rng(seed, step, name, f"vinfo:{family}|code")
        layer = layer_variable(archive, step, name, estimator)
        length = mdl_online_code(layer, labels, estimator=estimator, rng=rng)
        found.append(Code(step, name, family, length))
    return tuple(found)


def _with_labels(archive: Run) -> tuple[Archive, Variable]:
    archive = open_run(archive)
    labels = label_variable(archive)
    if labels is None:
        raise InputError(
            f"{archive.path}: usable information is about labels; record with probe=(x, y)"
        )
    return archive, labels
