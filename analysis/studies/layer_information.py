"""What layers know of one another: the matrix I(Z_i;Z_j) at one checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np

from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.arguments import Run, open_run, require_whole, step_of
from infoplane.analysis.measuring.freeze import freeze_edges
from infoplane.analysis.measuring.plane_point import cell_rng, layers_of
from infoplane.analysis.measuring.validity import noise_seen, possible
from infoplane.analysis.measuring.variables import layer_variable
from infoplane.analysis.resampling.resampled import Resampled, without_error
from infoplane.archive import Archive
from infoplane.contract import Estimator, HasCodes
from infoplane.errors import EstimatorError, InfoplaneError, InputError
from infoplane.new_file import write_csv
from infoplane.types import Chain, Estimate, Variable, discrete, printable

Pair = tuple[str, str]
Matrix = np.ma.MaskedArray[Any, np.dtype[np.float64]]  # Any: numpy's shape
_CONTRADICTION = 0.1
"""Bits by which a farther layer must exceed a nearer one to be called a contradiction."""


@dataclass(frozen=True)
class LayerMatrix:
    """I(Z_i;Z_j) in bits of every pair of layers, under one estimator at one checkpoint.

    Attributes:
        step: checkpoint.
        estimator: spec.
        layers: in the order of the archive.
        estimates: by pair (earlier layer, later layer); the diagonal where the estimator can give
            it: I(Z;Z) = H(Z) for codes; infinite, and therefore left out, for continuous values.
        failures: by pair, why there is no number.
        caveats: what must be known before any of the numbers is read: infinite truths, pairs that
            contradict each other.
    """

    step: int
    estimator: str
    layers: tuple[str, ...]
    estimates: Mapping[Pair, Estimate]
    failures: Mapping[Pair, str]
    caveats: tuple[str, ...] = ()

    def bits(self) -> Matrix:
        """Return symmetric matrix of bits, shape ``(L, L)``; pairs without a number are masked."""
        return self._matrix({pair: estimate.bits for pair, estimate in self.estimates.items()})

    def errors(self) -> Matrix:
        """Return standard errors in bits, shape ``(L, L)``; pairs without one are masked."""
        return self._matrix({pair: estimate.stderr for pair, estimate in self.estimates.items()})

    def _matrix(self, values: Mapping[Pair, float | None]) -> Matrix:
        size = (len(self.layers), len(self.layers))
        matrix = np.ma.array(np.zeros(size), mask=np.ones(size, bool))
        for (first, second), value in values.items():
            if value is None:
                continue
            row = self.layers.index(first)
            column = self.layers.index(second)
            matrix[row, column] = matrix[column, row] = value
        return matrix

    def rows(self) -> list[dict[str, object]]:
        """Return one row per pair.

        Its columns: step, estimator, first, second, bits, stderr, low, high, n, notes.
        """
        listed: list[dict[str, object]] = []
        for (first, second), estimate in self.estimates.items():
            listed.append(
                {
                    "step": self.step,
                    "estimator": self.estimator,
                    "first": first,
                    "second": second,
                    "bits": estimate.bits,
                    "stderr": estimate.stderr,
                    "low": estimate.low,
                    "high": estimate.high,
                    "n": estimate.n,
                    "notes": "; ".join(estimate.notes),
                }
            )
        return listed

    def to_csv(self, path: str | Path) -> Path:
        """Write `rows`; returns the path.

        Raises:
            InputError: no pair has a number.
        """
        rows = self.rows()
        if not rows:
            raise InputError(
                f"no pair of layers has a number under {self.estimator}: "
                f"{next(iter(self.failures.values()), 'no pairs')}"
            )
        return write_csv(path, list(rows[0]), rows)

    def __str__(self) -> str:
        lines = [f"I(Z_i;Z_j) [bits], {self.estimator}, step {self.step}"]
        lines += self._table(self.bits())
        errors = self.errors()
        if errors.count():
            lines += ["standard errors [bits]", *self._table(errors)]
        lines += [f"note: {printable(text, 400)}" for text in self.caveats]
        reasons = dict.fromkeys(self.failures.values())
        lines += [f"not measured: {printable(text, 400)}" for text in reasons]
        return "\n".join(lines)

    def _table(self, values: Matrix) -> list[str]:
        """Return lines of a symmetric matrix, ``(L, L)``, under the names of the layers."""
        names = [printable(name, 24) for name in self.layers]
        width = max(8, *map(len, names))
        lines = [" ".join(f"{name:>{width}s}" for name in ("", *names))]
        for name, row in zip(names, values, strict=True):
            texts = [f"{value:.3f}" if isinstance(value, float) else "-" for value in row.tolist()]
            lines.append(" ".join([f"{name:{width}s}", *(f"{text:>{width}s}" for text in texts)]))
        return lines


def layer_information(
    archive: Run,
    estimator: str | Estimator = "knn",
    *,
    step: int | None = None,
    layers: Sequence[str] | None = None,
    errorbars: int = 0,
    seed: int = 0,
) -> LayerMatrix:
    """Measure I(Z_i;Z_j) in bits of every pair of layers at one checkpoint, by default the last.

    Both layers enter as values (`knn`, `ksg`, `mixed`, `gauss`, `sliced`, `renyi`, `hsic`, `cka`),
    or as codes (`exact`, `bin`). Deterministic layers of a continuous input have infinite
    I(Z_i;Z_j) wherever the map between them is injective: there neighbours and Gaussians give a
    finite number that grows with N, and only a comparison at one N means something. The caveats say
    so; and they name the pairs that contradict the network's own chain: I(a;c) above I(a;b) where b
    separates a from c.

    Args:
        archive: a run or its path.
        estimator: or its spec.
        step: the checkpoint.
        layers: some of the run's; all by default.
        errorbars: half-sample splits for standard errors and 95 % intervals; 0 for none, unless
            the estimator has its own.
        seed: of splits, and of estimators that draw.

    Raises:
        InputError: unknown layers or step; an estimator that takes no two layers, such as `kde`.

    Example:
        >>> import tempfile, infoplane as ip
        >>> x, y = ip.data.szt.load()
        >>> net, run = ip.data.szt.network("tanh", seed=0), tempfile.mkdtemp() + "/run"
        >>> with ip.Recorder(net, probe=(x, y), to=run, verbose=False) as rec:
        ...     path = rec.path
        >>> float(layer_information(path, "exact").bits().max())
        12.0
    """
    require_whole(0, seed=seed, errorbars=errorbars)
    archive = open_run(archive)
    estimator = parse(estimator)
    codes = estimator.traits.wants == "row hashes"
    if not estimator.supports("continuous", "continuous") and not codes:
        raise InputError(
            f"{estimator.name} takes no two continuous variables; for I(Z_i;Z_j) choose knn, ksg, "
            "gauss, sliced, renyi, exact or bin"
        )
    step = step_of(archive, step)
    names = tuple(name for name in layers_of(archive, layers) if archive.has(step, name))
    variables = {name: layer_variable(archive, step, name, estimator) for name in names}
    if isinstance(estimator, HasCodes) and estimator.traits.edges != "none":
        variables = _in_frozen_cells(archive, estimator, variables)
    pairs = list(combinations(names, 2))
    if codes or isinstance(estimator, HasCodes):
        pairs = list(combinations_with_replacement(names, 2))
    estimates: dict[Pair, Estimate] = {}
    failures: dict[Pair, str] = {}
    noise = {name: noise_seen(archive, step, name) if codes else "" for name in names}
    for first, second in pairs:
        draws = noise[first] or noise[second]
        if draws:
            failures[first, second] = f"no I(Z_i;Z_j): {draws}"
            continue
        rng = cell_rng(seed, step, f"{first}|{second}", estimator.name)
        try:
            estimates[first, second] = _estimate_pair(
                estimator, variables[first], variables[second], errorbars, rng
            )
        except InfoplaneError as error:
            failures[first, second] = str(error)
    caveats = (*_infinite(estimator), *_contradictions(names, estimates, archive.chain))
    return LayerMatrix(step, estimator.name, names, estimates, failures, caveats)


def _estimate_pair(
    estimator: Estimator,
    first: Variable,
    second: Variable,
    errorbars: int,
    rng: np.random.Generator,
) -> Estimate:
    """Estimate the information of two layers, with its error where that is asked for.

    Args:
        estimator: of two layers.
        first, second: the layers, n rows each.
        errorbars: half-sample splits; 0 for none.
        rng: of the splits, and of an estimator that draws.
    """
    if errorbars:
        try:
            return possible(Resampled(estimator, errorbars), first, second, rng)
        except EstimatorError:
            return without_error(possible(estimator, first, second, rng))
    return possible(estimator, first, second, rng)


def _in_frozen_cells(
    archive: Archive, estimator: Estimator, variables: Mapping[str, Variable]
) -> dict[str, Variable]:
    """Return the layers in the cells that they have on the plane.

    Args:
        archive: the run, over which edges are frozen.
        estimator: has cells.
        variables: the values of each layer, by its name.
    """
    frozen = freeze_edges([estimator], archive, layers=list(variables))
    found = {}
    for name, variable in variables.items():
        own = frozen[name][0]
        assert isinstance(own, HasCodes)  # as the estimator is
        found[name] = discrete(own.codes(variable), name)
    return found


def _infinite(estimator: Estimator) -> tuple[str, ...]:
    if estimator.traits.measures != "information" or estimator.traits.obeys_bounds:
        return ()
    return (
        "where one layer is a function of the other the information of continuous values is "
        "infinite: such numbers grow with N and with the units, and only a comparison at one N "
        "means something",
    )


def _contradictions(
    names: Sequence[str], estimates: Mapping[Pair, Estimate], chain: Chain | None
) -> tuple[str, ...]:
    """Name the worst triple with I(a;c) > I(a;b) although b separates a from c."""
    found: list[tuple[float, str]] = []
    for first, near, far in combinations(names, 3):
        one, other = estimates.get((first, near)), estimates.get((first, far))
        if one is None or other is None or chain is None or not chain.separates(near, far):
            continue
        room = 2 * math.hypot(one.stderr or 0.0, other.stderr or 0.0) + _CONTRADICTION
        excess = other.bits - one.bits
        if excess > room:
            text = f"I({first};{far}) = {other.bits:.2f} above I({first};{near}) = {one.bits:.2f}"
            found.append((excess, text))
    if not found:
        return ()
    worst = max(found)[1]
    return (
        f"{len(found)} pairs contradict the chain, the worst {worst}: these numbers are no "
        "information of these layers, take exact or bin",
    )
