"""Variables with known mutual information, and `check_estimator` for estimators of your own.

Example:
    >>> from infoplane.analysis.estimators import Plugin
    >>> pair, estimate = check_estimator(Plugin(), tolerance_bits=0.05)[0]
    >>> pair.name
    'symmetric channel, 4 symbols, flip 0.2'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infoplane.contract import Estimator, Traits
from infoplane.errors import EstimatorError
from infoplane.trait_checks import broken_promises
from infoplane.types import (
    Estimate,
    Kind,
    Variable,
    continuous,
    discrete,
    entropy_of_counts,
)


@dataclass(frozen=True)
class KnownPair:
    """Two paired variables and their true mutual information in bits."""

    name: str
    a: Variable
    b: Variable
    bits: float


def gaussian_pair(
    n: int = 2000, *, dim: int = 1, correlation: float = 0.8, rng: np.random.Generator
) -> KnownPair:
    """Return two Gaussian vectors with correlation r: I = -dim/2 log2(1 - r^2).

    Args:
        n: rows.
        dim: of both.
        correlation: r, coordinate by coordinate.
        rng: draws them.
    """
    first = rng.normal(size=(n, dim))
    noise = rng.normal(size=(n, dim))
    second = correlation * first + np.sqrt(1 - correlation**2) * noise
    return KnownPair(
        f"gaussian, dim {dim}, r={correlation}",
        continuous(first, "a"),
        continuous(second, "b"),
        -dim / 2 * np.log2(1 - correlation**2),
    )


def noisy_symbols(
    n: int = 2000, *, symbols: int = 4, flip: float = 0.2, rng: np.random.Generator
) -> KnownPair:
    """Return a symbol before and after a channel: I = log2 K - h(flip) - flip log2(K - 1).

    Args:
        n: rows.
        symbols: K, uniform.
        flip: chance that another one arrives.
        rng: draws them.
    """
    sent = rng.integers(0, symbols, n)
    wrong = rng.random(n) < flip
    received = np.where(wrong, (sent + rng.integers(1, symbols, n)) % symbols, sent)
    of_flip = 0.0
    if 0 < flip < 1:
        of_flip = -(flip * np.log2(flip) + (1 - flip) * np.log2(1 - flip))
    return KnownPair(
        f"symmetric channel, {symbols} symbols, flip {flip}",
        discrete(sent, "a"),
        discrete(received, "b"),
        np.log2(symbols) - of_flip - flip * np.log2(symbols - 1),
    )


def separated_classes(n: int = 2000, *, classes: int = 4, rng: np.random.Generator) -> KnownPair:
    """Return labels and a layer in which every class is far from the others.

    I = H(labels) = log2 K for equal classes.

    Args:
        n: rows.
        classes: how many.
        rng: draws them.
    """
    labels = np.arange(n) % classes
    layer = 100.0 * labels[:, None] + rng.uniform(-0.5, 0.5, size=(n, 2))
    bits = entropy_of_counts(np.bincount(labels))
    return KnownPair(
        f"{classes} separated classes", continuous(layer, "z"), discrete(labels, "y"), bits
    )


def known_pairs(*, rng: np.random.Generator, n: int = 2000) -> list[KnownPair]:
    """Return one pair of every combination of kinds."""
    return [gaussian_pair(n, rng=rng), noisy_symbols(n, rng=rng), separated_classes(n, rng=rng)]


def check_estimator(
    estimator: str | Estimator, *, tolerance_bits: float | None = None, seed: int = 0
) -> list[tuple[KnownPair, Estimate]]:
    """Check what every estimator must do; return its estimates with the known pairs.

    Checked: it has a name and supports some kinds; the result is an `Estimate` that carries its
    name and the number of rows; the same generator gives the same bits; its variables are as they
    were; permuting the rows of both together changes nothing beyond 0.2 bit; a kind that it does
    not support and unpaired rows raise; the traits hold on small hard samples (bounds, chain, unit,
    codes, edges). With ``tolerance_bits`` also every abs(estimate - truth): leave it out for
    numbers that are no Shannon information.

    Args:
        estimator: the estimator, or its spec.
        tolerance_bits: how far an estimate may lie from the truth.
        seed: of the cases.

    Raises:
        AssertionError: naming the promise that was broken.
    """
    from infoplane.analysis.estimators.spec import parse

    estimator = parse(estimator) if isinstance(estimator, str) else estimator
    _promise(
        isinstance(estimator.name, str) and bool(estimator.name), "name must be a non-empty string"
    )
    _promise(
        isinstance(estimator, Estimator),
        "an estimator has name, traits, supports and estimate, see docs/plugins.md",
    )
    _promise(
        isinstance(estimator.traits, Traits),
        f"traits must be infoplane.contract.Traits(...), got {type(estimator.traits).__name__}",
    )
    found = []
    for pair in known_pairs(rng=np.random.default_rng(seed)):
        if estimator.supports(pair.a.kind, pair.b.kind):
            found.append((pair, _check_pair(estimator, pair, tolerance_bits, seed)))
    _promise(
        bool(found), "supports() must accept at least one combination of continuous and discrete"
    )
    kinds: tuple[Kind, ...] = ("continuous", "discrete")
    for first in kinds:
        for second in kinds:
            if not estimator.supports(first, second):
                _promise(
                    _raises(estimator, first, second),
                    f"({first}, {second}) is not supported and must raise EstimatorError",
                )
    broken = list(broken_promises(estimator, seed))
    _promise(not broken, "; ".join(broken))
    return found


def _check_pair(
    estimator: Estimator, pair: KnownPair, tolerance_bits: float | None, seed: int
) -> Estimate:
    before = [pair.a.values.copy(), pair.b.values.copy()]
    one = estimator.estimate(pair.a, pair.b, rng=np.random.default_rng(seed))
    unchanged = all(map(np.array_equal, before, (pair.a.values, pair.b.values)))
    _promise(unchanged, f"{pair.name}: estimate() wrote into the values it was given")
    two = estimator.estimate(pair.a, pair.b, rng=np.random.default_rng(seed))
    _promise(
        isinstance(one, Estimate), f"{pair.name}: expected an Estimate, got {type(one).__name__}"
    )
    _promise(
        one.estimator == estimator.name,
        f"{pair.name}: the estimate must carry the name {estimator.name!r}, got {one.estimator!r}",
    )
    _promise(one.n == pair.a.n, f"{pair.name}: the estimate must say n={pair.a.n}, got {one.n}")
    _promise(
        one.bits == two.bits,
        f"{pair.name}: one seed must give one number, got {one.bits} and {two.bits}",
    )
    order = np.random.default_rng(seed).permutation(pair.a.n)
    moved = estimator.estimate(
        pair.a.take(order), pair.b.take(order), rng=np.random.default_rng(seed)
    )
    _promise(
        abs(moved.bits - one.bits) < 0.2,
        f"{pair.name}: the order of rows moved the value from {one.bits:.3f} to {moved.bits:.3f} "
        "bits",
    )
    try:
        estimator.estimate(pair.a.take(order[:-1]), pair.b, rng=np.random.default_rng(seed))
    except (EstimatorError, ValueError):
        pass
    else:
        raise AssertionError(f"{pair.name}: {pair.a.n - 1} rows with {pair.a.n} must raise")
    if tolerance_bits is not None:
        error = one.bits - pair.bits
        _promise(
            abs(error) <= tolerance_bits,
            f"{pair.name}: {one.bits:.3f} bits where the truth is {pair.bits:.3f}",
        )
    return one


def _raises(estimator: Estimator, first: Kind, second: Kind) -> bool:
    rng = np.random.default_rng(0)
    make = {
        "continuous": lambda: continuous(rng.normal(size=64)),
        "discrete": lambda: discrete(rng.integers(0, 3, 64)),
    }
    try:
        estimator.estimate(make[first](), make[second](), rng=rng)
    except (EstimatorError, ValueError):
        return True
    return False


def _promise(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)
