"""Every law for every estimator family: exact, within its error, or known to fail."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators.spec import FAMILIES
from infoplane.errors import EstimatorError
from infoplane.types import Variable, continuous, discrete

NEURAL = ("infonce", "nwj", "mine", "smile", "ratio")
SMALL = ":batch=32,seeds=1,hidden=8,epochs=6"

# = exactly (1e-6 bit)   ~ within the error of 300 rows (0.08 bit)   x known to fail (asserted: by
# more than 0.01)   r refused, with the reason
TABLE = {
    #                                   order sign scale rot. symm. indep. H(Y) add. proc.
    "exact": "=    =    =     =    =     x      =    ~    =",
    "bin:saxe,width=1": "=    =    x     x    =     x      =    x    =",
    "bin:quantile,n=4,correction=cwj": "=    =    =     x    =     ~      =    ~    =",
    "kde:variance=0.5": "=    =    x     =    =     ~      =    ~    =",
    "plugin": "=    =    x     x    =     x      =    x    =",
    "plugin:population": "=    =    x     x    =     ~      ~    ~    =",
    "knn:k=5": "=    =    =     ~    =     ~      ~    ~    =",
    "ksg:k=5": "=    =    =     ~    =     ~      ~    ~    =",
    "ksg:k=5,correct=true": "=    =    =     ~    =     ~      ~    ~    =",
    "ross:k=5": "=    =    =     ~    =     ~      ~    ~    =",
    "mixed:k=5": "=    =    =     ~    =     ~      ~    ~    =",
    "gauss": "=    =    =     =    =     ~      r    ~    =",
    "gauss:copula=true": "=    =    =     ~    =     ~      =    ~    =",
    "noisy:sigma=0.5": "~    ~    x     ~    =     ~      =    ~    =",
    "sliced:slices=8": "=    ~    =     x    =     ~      ~    x    =",
    "infonce": "~    ~    =     ~    ~     ~      =    ~    =",
    "nwj": "~    ~    =     ~    ~     ~      =    x    =",
    "mine": "~    ~    =     ~    ~     ~      =    ~    =",
    "smile": "~    ~    =     ~    ~     ~      =    ~    =",
    "ratio": "~    ~    =     ~    ~     r      r    r    =",
    "wide": "r    r    r     r    r     r      r    r    r",
    "renyi:alpha=1.01": "=    =    =     =    =     x      =    x    =",
    "dse:t=1": "~    =    =     =    =     x      =    x    =",
    "hsic": "=    =    =     =    =     ~      =    x    =",
    "cka": "=    =    =     =    =     ~      =    x    =",
    "vinfo:family=linear": "~    =    =     ~    x     =      =    ~    =",
    "vinfo:family=gaussian": "~    =    =     ~    x     =      =    ~    =",
    "vinfo:family=knn": "~    =    =     ~    x     =      =    ~    =",
    "vinfo:family=mlp,hidden=4": "~    ~    =     ~    x     ~      =    ~    =",
}
"""Why those fail that do: bins and tables have a width of their own and a sampling bias; `exact`
gives every distinct row a symbol; a Gaussian per class knows no H(Y) and is refused beyond it;
noise of a fixed size has a scale; slices are not all directions and their mean is no sum; kernels
are diversity, not Shannon information; usable information has a direction. `ratio` is trained for 6
epochs here, where its two read-outs part. `wide` holds rows out and refuses fewer than 500."""

LAWS = (
    "order of rows",
    "sign of units",
    "scale",
    "rotation",
    "symmetry",
    "independence",
    "label entropy",
    "additivity",
    "processing",
)


def layer(seed: int, n: int = 300) -> tuple[Variable, Variable]:
    """Two classes, one in each of two units of unequal gap: y is the pair of bits."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (n, 2))
    return continuous(2.0 * bits * np.array([1.0, 0.6]) + rng.normal(size=(n, 2))), discrete(bits)


@cache
def value(spec: str, z_key: str, y_key: str, swapped: bool = False) -> float:
    """One estimate on named data: the laws share many of them."""
    z, y = DATA[z_key], DATA[y_key]
    z = discrete(np.round(z.values)) if spec.startswith("plugin") else z
    first, second = (y, z) if swapped else (z, y)
    estimator = ip.estimators.parse(spec)
    draws = range(12 if spec.startswith("vinfo") else 1)  # the folds of one scatter by 0.05 bit
    bits = [estimator.estimate(first, second, rng=np.random.default_rng(k)).bits for k in draws]
    return float(np.mean(bits))


def _data() -> dict[str, Variable]:
    z, y = layer(0)
    rng = np.random.default_rng(1)
    order, turn = rng.permutation(z.n), np.array([[0.6, -0.8], [0.8, 0.6]])
    bits = y.values
    apart = continuous(9.0 * bits[:, :1] + rng.normal(size=(z.n, 1)))
    return {
        "z": z,
        "y": y,
        "z in other order": z.take(order),
        "y in other order": y.take(order),
        "-z": continuous(z.values * np.array([1.0, -1.0])),
        "10 z": continuous(10 * z.values),
        "turned": continuous(z.values @ turn),
        "other y": discrete(rng.integers(0, 2, z.n)),
        "apart": apart,
        "its bit": discrete(bits[:, 0]),
        "z1": continuous(z.values[:, :1]),
        "z2": continuous(z.values[:, 1:]),
        "y1": discrete(bits[:, 0]),
        "y2": discrete(bits[:, 1]),
        "noisier": continuous(z.values + 1.5 * rng.normal(size=z.values.shape)),
    }


DATA = _data()


def excess(law: str, spec: str) -> float:
    """By how much a law is broken, in bits (HSIC and CKA: in their own unit)."""

    def v(z: str, y: str, swapped: bool = False) -> float:
        return value(spec, z, y, swapped)

    here = v("z", "y")
    return {
        "order of rows": lambda: abs(v("z in other order", "y in other order") - here),
        "sign of units": lambda: abs(v("-z", "y") - here),
        "scale": lambda: abs(v("10 z", "y") - here),
        "rotation": lambda: abs(v("turned", "y") - here),
        "symmetry": lambda: abs(v("z", "y", True) - here),
        "independence": lambda: abs(v("z", "other y")),
        "label entropy": lambda: max(0.0, v("apart", "its bit") - 1.0),
        "additivity": lambda: abs(v("z1", "y1") + v("z2", "y2") - here),
        "processing": lambda: max(0.0, v("noisier", "y") - here),
    }[law]()


def test_every_family_stands_in_the_table_with_a_mark_for_every_law() -> None:
    assert {spec.partition(":")[0] for spec in TABLE} == set(FAMILIES)
    assert all(
        len(marks.split()) == len(LAWS) and set(marks.split()) <= set("=~xr")
        for marks in TABLE.values()
    )


@pytest.mark.parametrize("spec", TABLE)
def test_laws_are_kept_as_far_as_the_table_says_and_known_failures_fail(spec: str) -> None:
    full = spec + (SMALL if spec in NEURAL else "")
    wrong = []
    for law, mark in zip(LAWS, TABLE[spec].split(), strict=True):
        if mark == "r":
            with pytest.raises(EstimatorError):
                excess(law, full)
            continue
        off = excess(law, full)
        if not {"=": off <= 1e-6, "~": off <= 0.08, "x": off > 0.01}[mark]:
            wrong.append(f"{law}: {mark}, off by {off:.2g} bits")
    assert not wrong
