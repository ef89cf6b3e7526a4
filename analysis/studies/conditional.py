"""What a layer keeps of the input beyond the labels: conditional information I(Z;X|Y)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import Run, open_run, require_variables, require_whole
from infoplane.analysis.measuring.freeze import freeze_edges
from infoplane.analysis.measuring.plane_point import cell_rng, finite_cells_of
from infoplane.analysis.measuring.validity import noise_seen, possible
from infoplane.analysis.measuring.variables import input_variable, label_variable, layer_variable
from infoplane.contract import Estimator, HasCodes, ReadsWidth
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import row_codes
from infoplane.types import Estimate, Variable, discrete
from infoplane.types.arrays import Floats
from infoplane.user_warning import warn_user


def conditional_information(
    estimator: str | Estimator,
    a: Variable,
    b: Variable,
    given: Variable,
    *,
    rng: np.random.Generator | None = None,
) -> Estimate:
    """Estimate ``I(A;B|C) = sum_c p(c) I(A;B|C=c)`` in bits, for a discrete ``given``.

    The estimator is applied to the rows of every symbol c, with the cells and the width that it has
    on all rows: else each class would be a question about another variable.

    Classes too small for the estimator are an error, never left out: the sum would be of another
    variable. The standard error adds those of the classes, where they have one.

    Args:
        estimator: or its spec.
        a, b, given: paired rows, each of shape ``(n, dim)``.
        rng: for estimators that draw.

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
    require_variables(a, b, given)
    estimator = parse(estimator)
    if given.kind != "discrete":
        raise EstimatorError(
            f"I(A;B|C) needs a discrete condition, got {given.name} continuous; bin it or use "
            "ip.discrete"
        )
    if not a.n == b.n == given.n:
        raise EstimatorError(f"expected paired rows, got {a.n}, {b.n} and {given.n}")
    name, layer = estimator.name, b if b.kind == "continuous" else a
    a, b = _in_cells(estimator, a), _in_cells(estimator, b)
    if isinstance(estimator, ReadsWidth) and layer.kind == "continuous":
        estimator = estimator.at_width_of(layer)
    codes = row_codes(given.values)
    shares = np.bincount(codes) / a.n  # p(c)
    classes: list[Estimate] = []
    for symbol in range(len(shares)):
        rows = np.flatnonzero(codes == symbol)
        try:
            classes.append(possible(estimator, a.take(rows), b.take(rows), rng))
        except EstimatorError as error:
            error.add_note(f"among the {len(rows)} rows of symbol {symbol} of {given.name}")
            raise
    note = f"conditional on {given.name}: mean over {len(classes)} symbols"
    return replace(_mean_of(classes, shares, note), estimator=name)


def _in_cells(estimator: Estimator, variable: Variable) -> Variable:
    """Return a continuous variable as the cells that an estimator has on all rows, if it has any.

    Other variables are returned as they are.
    """
    if variable.kind == "discrete" or not isinstance(estimator, HasCodes):
        return variable
    cells = discrete(estimator.codes(variable), variable.name)
    return replace(cells, samples=variable.samples)


def _mean_of(classes: Sequence[Estimate], shares: Floats, note: str) -> Estimate:
    """Return the mean of estimates of several classes, with the error of their mean.

    Args:
        classes: one estimate for each.
        shares: p(c), shape ``(classes,)``.
        note: comes first.
    """
    bits = _mean(shares, [one.bits for one in classes])
    stderr = low = high = ceiling = None
    errors = [one.stderr for one in classes if one.stderr is not None]
    if len(errors) == len(classes):
        stderr = float(np.sqrt(sum((shares * errors) ** 2)))
        low, high = bits - 1.96 * stderr, bits + 1.96 * stderr
    ceilings = [one.ceiling_bits for one in classes if one.ceiling_bits is not None]
    if len(ceilings) == len(classes):
        ceiling = _mean(shares, ceilings)
    notes = {note: None}
    for one in classes:
        notes |= dict.fromkeys(one.notes)
    return replace(
        classes[0],
        bits=bits,
        n=sum(one.n for one in classes),
        low=low,
        high=high,
        stderr=stderr,
        ceiling_bits=ceiling,
        coverage=None,
        notes=tuple(notes),
        null=None,
    )


def _mean(shares: Floats, bits: Sequence[float]) -> float:
    """Return ``sum_c p(c) bits_c``."""
    return float(sum(shares * bits))


@dataclass(frozen=True)
class Conditional:
    """I(Z;X|Y) of one layer at one checkpoint."""

    step: int
    layer: str
    estimate: Estimate

    def __str__(self) -> str:
        return f"step {self.step}, {self.layer}: I(Z;X|Y) = {self.estimate}"


def information_given_labels(
    archive: Run,
    estimator: str | Estimator = "exact",
    *,
    layers: Sequence[str] | None = None,
    steps: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Conditional, ...]:
    """Return I(Z;X|Y) of every layer and checkpoint in bits.

    What Z keeps of X that the labels do not ask for.

    For a deterministic network and codes it is H(T|Y), and I(X;Z) = I(Z;Y) + I(Z;X|Y) where Y is a
    function of X. Exact codes of layers that draw noise count the draws: those are left out, with
    a warning.

    Args:
        archive: a run or its path.
        estimator: or its spec.
        layers, steps: some of the run's; all by default.
        seed: of estimators that draw.

    When it lies: a class of few rows has few cells, so that the bias of bins differs from class to
    class and does not cancel between checkpoints at which rows move from cell to cell.

    Raises:
        InputError: an archive without discrete labels or without steps; unknown layers or steps; an
            estimator that takes no X; exact codes where all layers draw noise.
    """
    require_whole(0, seed=seed)
    archive = open_run(archive)
    estimator, labels = parse(estimator), label_variable(archive)
    if labels is None or labels.kind != "discrete":
        raise InputError(
            f"{archive.path}: I(Z;X|Y) needs discrete labels; record with probe=(x, y)"
        )
    inputs = input_variable(archive, estimator)
    if inputs is None:
        raise InputError(
            f"{estimator.name} takes no input: neither row identities nor the values of X (stored: "
            f"{archive.x is not None})"
        )
    frozen = freeze_edges([estimator], archive)
    found = []
    noise = ""
    for step, name in finite_cells_of(archive, layers, steps):
        if estimator.traits.wants == "row hashes":
            seen = noise_seen(archive, step, name)
            if seen:
                noise = seen
                continue
        rng = cell_rng(seed, step, name, f"{estimator.name}|Y")
        layer = layer_variable(archive, step, name, estimator)
        estimate = conditional_information(frozen[name][0], inputs, layer, labels, rng=rng)
        found.append(Conditional(step, name, estimate))
    if noise and not found:
        raise InputError(f"{estimator.name}: no I(Z;X|Y): {noise}")
    if noise:
        warn_user(f"layers that draw noise are left out: {noise}", RuntimeWarning)
    return tuple(found)
