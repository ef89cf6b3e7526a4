"""Peers on exported draws: run by an interpreter of its own, `PYTHON
benchmarks/calibration_peers.py DRAWS.npz OUT.csv [DONE]`; imports nothing of ours.

DONE: names of peers that another interpreter ran already, separated by semicolons.

Every peer whose package this interpreter has is run on every draw whose kinds it takes, with the
settings its documentation gives; values in bits.
"""

from __future__ import annotations

import csv
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

LN2 = float(np.log(2.0))
Array = Any  # numpy arrays of any dtype; this script is not part of the library
Peer = Callable[[Array, Array], float]


def peers() -> Iterator[tuple[str, str, Peer]]:
    """Name, kinds it takes (``cc`` continuous pair, ``1`` only scalars, ``cd`` labels second,
    ``dd`` symbols), function to bits.
    """
    yield from _sklearn()
    yield from _ennemi()
    yield from _frites()
    yield from _bmi()
    yield from _npeet()


def _sklearn() -> Iterator[tuple[str, str, Peer]]:
    try:
        from sklearn.feature_selection import mutual_info_classif, mutual_info_regression
        from sklearn.metrics import mutual_info_score
    except ImportError:
        return
    yield (
        "scikit-learn mutual_info_regression",
        "1cc",
        lambda a, b: float(mutual_info_regression(a, b[:, 0], random_state=0)[0]) / LN2,
    )
    yield (
        "scikit-learn mutual_info_classif",
        "1cd",
        lambda a, b: float(mutual_info_classif(a, b[:, 0], random_state=0)[0]) / LN2,
    )
    yield (
        "scikit-learn mutual_info_score",
        "dd",
        lambda a, b: float(mutual_info_score(a[:, 0], b[:, 0])) / LN2,
    )


def _ennemi() -> Iterator[tuple[str, str, Peer]]:
    try:
        import ennemi
    except ImportError:
        return
    one = lambda v: np.asarray(v).ravel()[0]  # noqa: E731
    yield "ennemi", "1cc", lambda a, b: float(one(ennemi.estimate_mi(b[:, 0], a[:, 0]))) / LN2
    yield (
        "ennemi",
        "1cd",
        lambda a, b: float(one(ennemi.estimate_mi(b[:, 0], a[:, 0], discrete_y=True))) / LN2,
    )
    yield (
        "ennemi",
        "dd",
        lambda a, b: (
            float(one(ennemi.estimate_mi(b[:, 0], a[:, 0], discrete_y=True, discrete_x=True))) / LN2
        ),
    )


def _frites() -> Iterator[tuple[str, str, Peer]]:
    try:
        from frites.core import gcmi_model_1d_cd, gcmi_nd_cc, mi_nd_gg
    except ImportError:
        return
    yield (
        "frites gcmi (Gaussian copula)",
        "cc",
        lambda a, b: float(np.squeeze(gcmi_nd_cc(a.T, b.T, mvaxis=0, traxis=1))),
    )
    yield (
        "frites Gaussian",
        "cc",
        lambda a, b: float(np.squeeze(mi_nd_gg(a.T, b.T, mvaxis=0, traxis=1))),
    )
    yield (
        "frites gcmi, labels",
        "cd",
        lambda a, b: float(gcmi_model_1d_cd(a.T, b[:, 0].astype(int))),
    )


def _bmi() -> Iterator[tuple[str, str, Peer]]:
    try:
        from bmi import estimators as e
    except ImportError:
        return
    yield (
        "benchmark-mi KSG (5, 10)",
        "cc",
        lambda a, b: float(e.KSGEnsembleFirstEstimator().estimate(a, b)) / LN2,
    )
    yield (
        "benchmark-mi CCA",
        "cc",
        lambda a, b: float(e.CCAMutualInformationEstimator().estimate(a, b)) / LN2,
    )
    yield (
        "benchmark-mi histogram",
        "1cc",
        lambda a, b: float(e.HistogramEstimator(n_bins_x=10, n_bins_y=10).estimate(a, b)) / LN2,
    )


def npeet_bits(a: Array, b: Array, k: int = 3) -> float:
    """NPEET's ``mi`` (ver Steeg), in bits: Kraskov's first estimator in the maximum norm, after
    1e-10 of noise against ties.

    Args:
        a: shape ``(n, da)``.
        b: shape ``(n, db)``.
        k: neighbours.
    """
    from scipy.special import digamma

    x = _noisy(a)
    z = _noisy(b)
    joint = np.hstack([x, z])
    eps = np.nextafter(_tree(joint).query(joint, k=[k + 1], p=np.inf)[0][:, 0], 0)
    inside = [_tree(v).query_ball_point(v, eps, p=np.inf, return_length=True) for v in (x, z)]
    nats = digamma(k) + digamma(len(x)) - sum(digamma(count).mean() for count in inside)
    return float(nats) / LN2


def _noisy(v: Array) -> Array:
    return v + 1e-10 * np.random.default_rng(0).normal(size=v.shape)


def _tree(v: Array) -> Array:
    from scipy.spatial import cKDTree

    return cKDTree(v)


def _npeet() -> Iterator[tuple[str, str, Peer]]:
    """NPEET's formulas (ver Steeg): k = 3, maximum norm everywhere, 1e-10 of noise against ties;
    written anew on scipy's kd-tree.
    """
    try:
        from scipy.special import digamma
    except ImportError:
        return

    def entropy(v: Array, k: int = 3) -> float:
        d = v.shape[1]
        n = len(v)
        k = min(k, n - 1)
        eps = _tree(v).query(v, k=[k + 1], p=np.inf)[0][:, 0]
        return float(digamma(n) - digamma(k) + d * np.log(2) + d * np.log(eps).mean()) / LN2

    def micd(a: Array, b: Array) -> float:
        x = _noisy(a)
        labels = b[:, 0]
        return entropy(x) - sum(
            float((labels == c).mean()) * entropy(x[labels == c])
            for c in np.unique(labels)
            if (labels == c).sum() > 1
        )

    yield "NPEET-style mi", "cc", npeet_bits
    yield "NPEET-style micd", "cd", micd


def takes(kinds: str, a: Array, b: Array, both: str) -> bool:
    """Whether a peer of these kinds takes this draw."""
    return kinds[-2:] == both and not (
        kinds[0] == "1" and (a.shape[1] > 1 or (both == "cc" and b.shape[1] > 1))
    )


def main() -> None:
    """Every peer of this interpreter on every draw."""
    warnings.filterwarnings("ignore")
    draws = np.load(sys.argv[1])
    done = sys.argv[3].split(";") if len(sys.argv) > 3 else []
    known = [p for p in peers() if p[0] not in done]
    rows = []
    for key in sorted({name[:-2] for name in draws.files}):
        a = draws[key + "/a"]
        b = draws[key + "/b"]
        both = "".join("d" if v.dtype.kind == "i" else "c" for v in (a, b))
        if both == "dc":
            a, b, both = b, a, "cd"
        for name, kinds, f in known:
            if takes(kinds, a, b, both):
                start = time.perf_counter()
                try:
                    bits = f"{f(a, b):.9g}"
                except Exception as error:  # a peer's refusal is a result
                    bits = f"refused: {type(error).__name__}: {str(error)[:80]}"
                rows.append((key, name, bits, f"{time.perf_counter() - start:.4f}"))
    with open(sys.argv[2], "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("draw", "peer", "bits", "seconds"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
