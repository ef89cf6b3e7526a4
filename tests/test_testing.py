"""The conformance check passes sound estimators and finds planted faults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from infoplane.analysis.estimators import KDE, Binned, Exact, Plugin
from infoplane.analysis.estimators.spec import parse
from infoplane.contract import Traits
from infoplane.testing import check_estimator, gaussian_pair, known_pairs
from infoplane.trait_checks import broken_promises
from infoplane.types import Estimate


@pytest.mark.parametrize(
    "estimator",
    [Plugin(), Plugin(target="population"), Exact(), Binned("saxe", width=1.0), KDE(variance=1.0)],
    ids=str,
)
def test_our_estimators_conform(estimator) -> None:
    assert check_estimator(estimator)


def test_the_truth_of_the_gaussian_pair_is_its_closed_form() -> None:
    assert gaussian_pair(
        correlation=0.6, dim=2, rng=np.random.default_rng(0)
    ).bits == pytest.approx(-np.log2(1 - 0.36))


def test_known_pairs_cover_the_kinds() -> None:
    assert {(p.a.kind, p.b.kind) for p in known_pairs(rng=np.random.default_rng(0), n=100)} == {
        ("continuous", "continuous"),
        ("discrete", "discrete"),
        ("continuous", "discrete"),
    }


@dataclass(frozen=True)
class Faulty:
    fault: str
    traits = Traits("other")
    name = "faulty"

    def supports(self, a, b) -> bool:
        return a == b == "discrete"

    def estimate(self, a, b, *, rng) -> Estimate:
        if self.fault != "pairs" and a.n != b.n:
            raise ValueError("unpaired")
        if a.kind == "continuous" and self.fault != "kinds":
            raise ValueError("kind")
        if b.kind == "continuous" and self.fault != "kinds":
            raise ValueError("kind")
        bits = {
            "seed": float(np.random.default_rng().random()),
            "order": float(3 * a.values[0, 0] + 1.5 * a.values[1, 0] + a.values[2, 0]),
        }.get(self.fault, 0.0)
        return Estimate(
            bits, a.n + (self.fault == "n"), "other" if self.fault == "name" else self.name
        )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("name", "must carry the name"),
        ("n", "must say n="),
        ("seed", "one seed must give one number"),
        ("order", "the order of rows moved"),
        ("pairs", "must raise"),
        ("kinds", "is not supported and must raise"),
    ],
)
def test_a_planted_fault_is_named(fault: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_estimator(Faulty(fault))


@dataclass(frozen=True)
class Boastful:
    """A plug-in table whose numbers are scaled and shifted: right for no trait but the ones that
    say nothing.
    """

    traits: Traits
    factor: float = 1.5
    name = "boastful"

    def supports(self, a, b) -> bool:
        return a == b == "discrete"

    def estimate(self, a, b, *, rng) -> Estimate:
        if "continuous" in (a.kind, b.kind):
            raise ValueError("kind")
        number = len(np.unique(b.values))  # more symbols, less information: no chain is kept
        return Estimate(self.factor * Plugin().estimate(a, b).bits / number, a.n, self.name)

    def codes(self, z) -> np.ndarray:
        return np.arange(z.n) * (2 if self.factor == 2 else 1)


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (Boastful(Traits("other", obeys_bounds=True), factor=-1.0), "obeys_bounds"),
        (Boastful(Traits("other", keeps_chain=True)), "keeps_chain"),
        (Boastful(Traits("other", unit="none")), "unit"),
        (Boastful(Traits("other"), factor=2), "dense symbols"),
        (Boastful(Traits("other", edges="run")), "no method fit"),
    ],
)
def test_a_trait_that_does_not_hold_is_named(estimator: Boastful, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_estimator(estimator)


def test_a_trait_that_is_not_claimed_is_not_tried() -> None:
    assert check_estimator(Boastful(Traits("other")))


@pytest.mark.parametrize(
    "spec",
    [
        "bin:range,n=5",
        "bin:range,n=5,scope=unit",
        "bin:quantile,n=4",
        "bin:szt,correction=cwj",
        "exact",
        "knn",
        "gauss",
        "hsic",
        "cka",
        "dse",
        "renyi",
        "noisy",
        "plugin:population",
    ],
)
def test_the_traits_of_our_estimators_hold(spec: str) -> None:
    assert list(broken_promises(parse(spec))) == []


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(AssertionError, match=r"0.000 bits where the truth is 0.961"):
        check_estimator(Faulty("value"), tolerance_bits=0.1)


def test_an_estimator_that_writes_into_its_input_does_not_conform() -> None:
    class InPlace:
        name, traits = "in place", Traits("other")

        def supports(self, a, b):
            return True

        def estimate(self, a, b, *, rng=None):
            a.values[:] = 0
            return Estimate(0.5, a.n, self.name)

    with pytest.raises(AssertionError, match="wrote into the values"):
        check_estimator(InPlace())
