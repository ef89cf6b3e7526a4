"""What a layer keeps of the input beyond the labels: conditional information I(Z;X|Y)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.open_run import open_run
from infoplane.analysis.measuring.plane_point import cell_rng, cells_of
from infoplane.analysis.measuring.validity import possible
from infoplane.analysis.measuring.variables import input_variable, label_variable, layer_variable
from infoplane.contract import Estimator
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Variable

if TYPE_CHECKING:
    from infoplane.archive import Archive


def conditional_information(
    estimator: str | Estimator,
    a: Variable,
    b: Variable,
    given: Variable,
    *,
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Estimate ``I(A;B|C) = sum_c p(c) I(A;B|C=c)`` in bits, for a discrete ``given``.

    The estimator is applied to the rows of every symbol c.

    Classes too small for the estimator are an error, never left out: the sum would be of another
    variable. The standard error adds those of the classes, where they have one.

    Raises:
        EstimatorError: ``given`` is continuous, or the estimator refuses the rows of a class.

    Example:
        >>> from infoplane.analysis.estimators import Plugin
        >>> from infoplane.types import discrete
        >>> a, b = discrete([0, 0, 1, 1]), discrete([0, 1, 0, 1])
        >>> xor = discrete([0, 1, 1, 0])
        >>> Plugin().estimate(a, b).bits, conditional_information(Plugin(), a, b, xor).bits
        (0.0, 1.0)
    """
    estimator = parse(estimator)
    if given.kind != "discrete":
        raise EstimatorError(
            f"I(A;B|C) needs a discrete condition, got {given.name} continuous; bin it or use "
            "ip.discrete"
        )
    if not a.n == b.n == given.n:
        raise EstimatorError(f"expected paired rows, got {a.n}, {b.n} and {given.n}")
    codes = row_codes(given.values)
    found: list[tuple[float, Estimate]] = []
    for c in range(int(codes.max()) + 1):
        rows = np.flatnonzero(codes == c)
        try:
            found.append((len(rows) / a.n, possible(estimator, a.take(rows), b.take(rows), rng)))
        except EstimatorError as error:
            error.add_note(f"among the {len(rows)} rows of symbol {c} of {given.name}")
            raise
    first = found[0][1]
    parts = [(w, e.stderr) for w, e in found if e.stderr is not None]
    se = float(np.sqrt(sum((w * s) ** 2 for w, s in parts))) if len(parts) == len(found) else None
    bits = float(sum(w * e.bits for w, e in found))
    ceilings = [(w, e.ceiling_bits) for w, e in found if e.ceiling_bits is not None]
    ceiling = float(sum(w * c for w, c in ceilings)) if len(ceilings) == len(found) else None
    notes = tuple(
        dict.fromkeys(
            [
                f"conditional on {given.name}: mean over {len(found)} symbols",
                *(n for _, e in found for n in e.notes),
            ]
        )
    )
    low, high = (None, None) if se is None else (bits - 1.96 * se, bits + 1.96 * se)
    return Estimate(
        bits, a.n, first.estimator, first.sense, low, high, se, ceiling, first.target, notes=notes
    )


@dataclass(frozen=True)
class Conditional:
    """I(Z;X|Y) of one layer at one checkpoint."""

    step: int
    layer: str
    estimate: Estimate

    def __str__(self) -> str:
        return f"step {self.step}, {self.layer}: I(Z;X|Y) = {self.estimate}"


def information_given_labels(
    archive: Archive | str | Path,
    estimator: str | Estimator = "exact",
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Conditional, ...]:
    """Return I(Z;X|Y) of every layer and checkpoint in bits.

    What Z keeps of X that the labels do not ask for.

    For a deterministic network and codes it is H(T|Y), and I(X;Z) = I(Z;Y) + I(Z;X|Y) where Y is a
    function of X.

    Raises:
        InputError: an archive without discrete labels or without steps; unknown layers or steps; an
            estimator that takes no X.
    """
    archive = open_run(archive)
    e, y = parse(estimator), label_variable(archive)
    if y is None or y.kind != "discrete":
        raise InputError(
            f"{archive.path}: I(Z;X|Y) needs discrete labels; record with probe=(x, y)"
        )
    x = input_variable(archive, e)
    if x is None:
        raise InputError(
            f"{e.name} takes no input: neither row identities nor the values of X (stored: "
            f"{archive.x is not None})"
        )
    found = []
    for step, name in cells_of(archive, layers, steps):
        rng = cell_rng(seed, step, name, f"{e.name}|Y")
        found.append(
            Conditional(
                step,
                name,
                conditional_information(e, x, layer_variable(archive, step, name, e), y, rng=rng),
            )
        )
    return tuple(found)
