"""The same activations under materially different conventions.

Does a layer compress, or does a bin width say so?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from infoplane.analysis.estimators.spec import traits_of
from infoplane.analysis.measuring.arguments import Run, estimators_of, open_run
from infoplane.analysis.measuring.measure import measure
from infoplane.analysis.studies.compression import Compression
from infoplane.analysis.studies.phases import LayerPhase, Phases, phases
from infoplane.contract import Estimator
from infoplane.errors import InputError
from infoplane.plane import Plane
from infoplane.types import named_layers, printable

CONVENTIONS = (
    "bin:szt",
    "bin:saxe",
    "bin:saxe,width=0.5",
    "bin:range,n=30,scope=run",
    "bin:quantile,n=30",
    "bin:ebab,n=30",
    "kde:variance=0.001",
    "kde:variance=0.1",
    "kde:relative=0.1",
    "exact",
)
"""What `sensitivity` measures by default: fixed cells of three widths, adaptive cells,
kernels absolute and relative, exact codes.
"""


@dataclass(frozen=True)
class Sensitivity:
    """One run under many conventions.

    Attributes:
        plane: all of them, for pictures.
        phases: the fall of every layer under each, with intervals.
    """

    plane: Plane
    phases: Phases

    def compressing(self, layer: str) -> tuple[str, ...]:
        """Return conventions under which the layer compresses."""
        curves = {phase.layer: phase.curves for phase in self.phases.layers}
        if layer not in curves:
            raise InputError(f"no such layer: {layer!r}; there are {list(curves)}")
        return tuple(curve.estimator for curve in curves[layer] if curve.compresses)

    @property
    def verdict(self) -> str:
        """One paragraph: which layers fall under which conventions, and what that can be about."""
        sentences, split, exact = [], [], []
        for phase in self.phases.layers:
            name = printable(phase.layer, 40)
            yes, number = len(self.compressing(phase.layer)), len(phase.curves)
            drops = [curve.drop for curve in phase.curves]
            sentences.append(
                f"layer {name} compresses under {yes} of {number} conventions "
                f"(drops {min(drops):.2f} to {max(drops):.2f} bits)"
            )
            if 0 < yes < number:
                split.append(name)
            if phase.verdict == "exact":
                exact.append(name)
        paragraph = ["; ".join(sentences) + "."]
        if split:
            paragraph.append(
                f"The answer for {named_layers(split)} depends on the convention and is a "
                "statement about it."
            )
        if exact:
            paragraph.append(f"In {named_layers(exact)} rows truly merge.")
        elif all(map(_counted_rows, self.phases.layers)):
            paragraph.append("No layer merges rows: what falls is resolution, not information.")
        else:
            paragraph.append(
                "Whether rows merge is not known: exact codes were not measured in all layers."
            )
        return " ".join(paragraph)

    def __str__(self) -> str:
        by_layer = [
            {curve.estimator: curve for curve in phase.curves} for phase in self.phases.layers
        ]
        names = list(dict.fromkeys(chain.from_iterable(by_layer)))
        width = max(map(len, names))
        heads = [f"{printable(phase.layer, 24):>8s}" for phase in self.phases.layers]
        lines = [
            "drop of I(X;Z) from its split-half peak [bits]; * "
            "beyond chance, threshold and lasting",
            " " * (width + 2) + "  ".join(heads),
        ]
        for name in names:
            cells = [_cell(curves.get(name)) for curves in by_layer]
            lines.append(f"  {name:{width}s}" + "  ".join(cells))
        return "\n".join([*lines, "", self.verdict])


def _counted_rows(phase: LayerPhase) -> bool:
    """Return whether exact codes have a curve of this layer."""
    families = [traits_of(curve.estimator).family for curve in phase.curves]
    return "exact codes" in families


def _cell(curve: Compression | None) -> str:
    """Return a fall as the table shows it; a dash where the convention refuses the layer."""
    if curve is None:
        return "      - "
    return f"{curve.drop:7.2f}{'*' if curve.compresses else ' '}"


def sensitivity(
    archive: Run,
    conventions: Sequence[str | Estimator] = CONVENTIONS,
    *,
    workers: int = 1,
    seed: int = 0,
    progress: bool = False,
) -> Sensitivity:
    """Measure one run under many conventions and judge every layer's compression under each.

    Args:
        archive: a run or its path.
        conventions: specs or estimators.
        workers: threads for measuring.
        seed: of splits, and of estimators that draw.
        progress: show how far it is, on stderr.

    A convention that refuses a layer at some checkpoint has a dash in the table and no vote.

    When it lies: conventions of one family are no independent witnesses, ten bin widths that agree
    are one; without ``exact`` nothing tells merged rows from lost resolution.

    Raises:
        InputError: fewer than 2 conventions or 3 checkpoints.
    """
    archive = open_run(archive)
    several = estimators_of(conventions)
    if len(several) < 2:
        raise InputError(f"sensitivity compares conventions: give at least 2, got {conventions!r}")
    plane = measure(archive, several, workers=workers, seed=seed, progress=progress, null=0)
    return Sensitivity(plane, phases(archive, several, seed=seed, progress=progress))
