"""What layers know of one another: the matrix I(Z_i;Z_j) at one checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from infoplane.analysis.measuring.open_run import open_run
from infoplane.analysis.measuring.plane_point import cell_rng
from infoplane.analysis.measuring.validity import possible
from infoplane.analysis.measuring.variables import layer_variable
from infoplane.contract import Estimator, HasCodes
from infoplane.errors import InfoplaneError, InputError
from infoplane.new_file import write_csv
from infoplane.types import Chain, Estimate, printable

if TYPE_CHECKING:
    from infoplane.archive import Archive

Pair = tuple[str, str]
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

    def bits(self) -> np.ma.MaskedArray[Any, np.dtype[np.float64]]:  # Any: numpy's shape
        """Return symmetric matrix of bits, shape ``(L, L)``; pairs without a number are masked."""
        place = {name: k for k, name in enumerate(self.layers)}
        size = (len(place), len(place))
        values = np.ma.array(np.zeros(size), mask=np.ones(size, bool))
        for (a, b), e in self.estimates.items():
            values[place[a], place[b]] = values[place[b], place[a]] = e.bits
        return values

    def rows(self) -> list[dict[str, object]]:
        """Return one row per pair: step, estimator, first, second, bits, stderr, n, notes."""
        return [
            {"step": self.step, "estimator": self.estimator, "first": a, "second": b}
            | {"bits": e.bits, "stderr": e.stderr, "n": e.n, "notes": "; ".join(e.notes)}
            for (a, b), e in self.estimates.items()
        ]

    def to_csv(self, path: str | Path) -> Path:
        """Write `rows`; returns the path.

        Raises:
            InputError: no pair has a number.
        """
        if not (rows := self.rows()):
            raise InputError(
                f"no pair of layers has a number under {self.estimator}: "
                f"{next(iter(self.failures.values()), 'no pairs')}"
            )
        return write_csv(path, list(rows[0]), rows)

    def __str__(self) -> str:
        names, bits = [printable(name, 24) for name in self.layers], self.bits().filled(np.inf)
        width = max(8, *(len(name) for name in names))
        lines = [
            f"I(Z_i;Z_j) [bits], {self.estimator}, step {self.step}",
            " " * width + "".join(f"{name:>{width + 1}s}" for name in names),
        ]
        for i, name in enumerate(names):
            lines.append(
                f"{name:{width}s}"
                + "".join(
                    f" {'-' if np.isinf(bits[i, j]) else format(bits[i, j], '.3f'):>{width}s}"
                    for j in range(len(names))
                )
            )
        reasons = dict.fromkeys(self.failures.values())
        lines += [f"note: {printable(text, 400)}" for text in self.caveats]
        return "\n".join([*lines, *(f"not measured: {printable(text, 400)}" for text in reasons)])


def layer_information(
    archive: Archive | str | Path,
    estimator: str | Estimator = "knn",
    *,
    step: int | None = None,
    layers: Sequence[str] | None = None,
    seed: int = 0,
) -> LayerMatrix:
    """Measure I(Z_i;Z_j) in bits of every pair of layers at one checkpoint, by default the last.

    Both layers enter as values (`knn`, `ksg`, `mixed`, `gauss`, `sliced`, `renyi`, `hsic`, `cka`),
    or as codes (`exact`, `bin`). Deterministic layers of a continuous input have infinite
    I(Z_i;Z_j) wherever the map between them is injective: there neighbours and Gaussians give a
    finite number that grows with N, and only a comparison at one N means something. The caveats say
    so; and they name the pairs that contradict the network's own chain: I(a;c) above I(a;b) where b
    separates a from c.

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
    from infoplane.analysis.estimators.spec import parse

    archive = open_run(archive)
    e = parse(estimator)
    codes = e.traits.wants == "row hashes"
    if not e.supports("continuous", "continuous") and not codes:
        raise InputError(
            f"{e.name} takes no two continuous variables; for I(Z_i;Z_j) choose knn, ksg, gauss, "
            "sliced, renyi, exact or bin"
        )
    step = _step(archive, step)
    if unknown := sorted(set(layers or ()) - set(archive.layers)):
        raise InputError(f"no such layers: {unknown}; the archive has {list(archive.layers)}")
    names = tuple(
        name
        for name in archive.layers
        if (layers is None or name in layers) and archive.has(step, name)
    )
    variables = {name: layer_variable(archive, step, name, e) for name in names}
    has_codes = codes or isinstance(e, HasCodes)
    estimates: dict[Pair, Estimate] = {}
    failures: dict[Pair, str] = {}
    for i, a in enumerate(names):
        for b in names[i if has_codes else i + 1 :]:
            try:
                estimates[a, b] = possible(
                    e, variables[a], variables[b], cell_rng(seed, step, f"{a}|{b}", e.name)
                )
            except InfoplaneError as error:
                failures[a, b] = str(error)
    caveats = (*_infinite(e), *_contradictions(names, estimates, archive.chain))
    return LayerMatrix(step, e.name, names, estimates, failures, caveats)


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
    for (a, c), far in estimates.items():
        between = names[names.index(a) + 1 : names.index(c)]
        for b in between:
            near = estimates.get((a, b))
            if near is None or chain is None or not chain.separates(b, c):
                continue
            room = 2 * float(np.hypot(near.stderr or 0.0, far.stderr or 0.0)) + _CONTRADICTION
            if (excess := far.bits - near.bits) > room:
                found.append(
                    (excess, f"I({a};{c}) = {far.bits:.2f} above I({a};{b}) = {near.bits:.2f}")
                )
    if not found:
        return ()
    worst = max(found)[1]
    return (
        f"{len(found)} pairs contradict the chain, the worst {worst}: these numbers are no "
        "information of these layers, take exact or bin",
    )


def _step(archive: Archive, step: int | None) -> int:
    if not archive.steps:
        raise InputError(
            f"{archive.path}: no captured steps yet; run the training loop with a Recorder first"
        )
    if step is None:
        return archive.steps[-1]
    if step not in archive.steps:
        raise InputError(f"no such step: {step}; the archive has {list(archive.steps)}")
    return step
