"""Traits against behaviour on data, for `infoplane.testing.check_estimator`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from infoplane.contract import Estimator, FreezesEdges, Generator, HasCodes, TakesNoise
from infoplane.errors import EstimatorError
from infoplane.types import Estimate, Variable, continuous, discrete, entropy_of_counts

_ROUNDING_BITS = 1e-9
_ROWS = 60


def broken_promises(estimator: Estimator, seed: int = 0) -> Iterator[str]:
    """Yield a sentence for each trait that does not hold on small hard samples.

    They have few rows, many symbols, and repeated rows.
    """
    rng = np.random.default_rng(seed)
    yield from _unit(estimator, rng)
    if estimator.traits.obeys_bounds:
        yield from _bounds(estimator, rng)
    if estimator.traits.keeps_chain and not isinstance(estimator, TakesNoise):
        yield from _chain(estimator, rng)
    if isinstance(estimator, HasCodes):
        yield from _codes(estimator, rng)
    yield from _edges(estimator, rng)


def _samples(rng: Generator) -> Iterator[tuple[Variable, Variable]]:
    """Yield pairs of every kind, independent and dependent, with many symbols for so few rows."""
    values = rng.normal(size=(_ROWS, 2))
    symbols = rng.integers(0, 20, _ROWS)
    yield continuous(values, "z"), discrete(symbols, "y")
    yield continuous(np.round(values), "z"), discrete(values[:, 0] > 0, "y")
    yield discrete(symbols, "a"), discrete(rng.integers(0, 20, _ROWS), "b")
    yield discrete(symbols, "a"), discrete(symbols // 2, "b")
    yield continuous(values, "x"), continuous(np.tanh(3 * values), "z")


def _estimate(estimator: Estimator, a: Variable, b: Variable) -> Estimate | None:
    """Return the estimate; None where these kinds are not supported or these rows are refused."""
    if not estimator.supports(a.kind, b.kind):
        return None
    try:
        return estimator.estimate(a, b, rng=np.random.default_rng(0))
    except (EstimatorError, ValueError):
        return None


def _unit(estimator: Estimator, rng: Generator) -> Iterator[str]:
    unit = estimator.traits.unit
    for a, b in _samples(rng):
        found = _estimate(estimator, a, b)
        if found is not None:
            if found.unit != unit:
                yield f"traits.unit is {unit!r}, and an estimate has {found.unit!r}"
            return


def _entropy(variable: Variable) -> float:
    return entropy_of_counts(np.unique(variable.values, axis=0, return_counts=True)[1])


def _bounds(estimator: Estimator, rng: Generator) -> Iterator[str]:
    for a, b in _samples(rng):
        found = _estimate(estimator, a, b)
        if found is None:
            continue
        bits, most = found.bits, min(_entropy(a), _entropy(b))
        if not -_ROUNDING_BITS <= bits <= most + _ROUNDING_BITS:
            yield (
                f"traits.obeys_bounds: {bits:.3f} bits of {a.name} and {b.name}, which lie between "
                f"0 and {most:.3f} by arithmetic"
            )


def _chain(estimator: Estimator, rng: Generator) -> Iterator[str]:
    """Yield where I grows along X -> first -> second, the second a function of the first."""
    inputs = discrete(np.arange(_ROWS), "x")
    labels = discrete(rng.integers(0, 3, _ROWS), "y")
    values = np.round(rng.normal(size=(_ROWS, 2)), 1)
    symbols = rng.integers(0, 12, _ROWS)
    chains = [
        (continuous(values, "first"), continuous(10 * np.round(values), "second")),
        (continuous(values, "first"), continuous(np.exp(values), "second")),
        (discrete(symbols, "first"), discrete(symbols // 2, "second")),
    ]
    for first, second in chains:
        for other in (inputs, labels):
            earlier = _estimate(estimator, other, first)
            later = _estimate(estimator, other, second)
            if earlier is None or later is None:
                continue
            if later.bits > earlier.bits + _ROUNDING_BITS:
                yield (
                    f"traits.keeps_chain: {later.bits:.3f} bits after {earlier.bits:.3f}, though "
                    "the later layer is a function of the earlier"
                )


def _codes(estimator: HasCodes, rng: Generator) -> Iterator[str]:
    codes = np.asarray(estimator.codes(continuous(rng.normal(size=(_ROWS, 2)), "z")))
    if codes.shape != (_ROWS,) or codes.dtype.kind not in "iu":
        yield (
            f"codes: expected one integer for each of {_ROWS} rows, got {codes.dtype} of shape "
            f"{codes.shape}"
        )
    elif set(np.unique(codes).tolist()) != set(range(int(codes.max()) + 1)):
        yield "codes: expected dense symbols 0, 1, 2 ..., some are left out"


def _edges(estimator: Estimator, rng: Generator) -> Iterator[str]:
    if estimator.traits.edges == "none":
        return
    if not isinstance(estimator, FreezesEdges):
        yield f"traits.edges is {estimator.traits.edges!r}, and there is no method fit(variables)"
        return
    layers = [continuous(values, "z") for values in rng.normal(size=(2, _ROWS, 2))]
    frozen = estimator.fit(layers)
    if frozen.name != estimator.name or frozen.traits.edges != "none":
        yield "fit: expected the same name, and traits.edges 'none' once the edges are frozen"
