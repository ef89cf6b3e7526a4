"""Estimators with a closed definition against that definition, written out slowly.

Trained estimators (vinfo and the critics) have none: they are held against truths and references in
their own tests.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pytest

import infoplane as ip

E = ip.estimators
CASES = 100
Rows = np.ndarray


# ---- definitions, row by row ---------------------------------------------------------------------


def entropy(symbols: Sequence[Hashable]) -> float:
    n = len(symbols)
    return -sum(c / n * math.log2(c / n) for c in Counter(symbols).values())


def information(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    return entropy(a) + entropy(b) - entropy(list(zip(a, b, strict=True)))


def psi(x: float) -> float:
    """Digamma by recurrence and asymptotic series."""
    shift = 0.0
    while x < 12:
        shift, x = shift - 1 / x, x + 1
    return shift + math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)


def szt(z: Rows) -> list[Hashable]:
    edges = [np.float32(-1 + 2 * i / 29) for i in range(30)]
    return [tuple(sum(bool(v >= e) for e in edges) - 1 for v in row) for row in z]


def saxe(z: Rows) -> list[Hashable]:
    return [tuple(math.floor(v / z.dtype.type(0.07)) for v in row) for row in z]


def equal_cells(z: Rows, low: float, high: float, n: int) -> list[Hashable]:
    def cell(v: float) -> int:
        if high == low:
            return 0
        k = math.floor((float(v) - low) / (high - low) * n)
        return n - 1 if k == n and v <= high else max(-1, min(n, k))

    return [tuple(cell(v) for v in row) for row in z]


def saxe_paper(z: Rows) -> list[Hashable]:
    low, high = float(z.min()), float(z.max())
    return (
        equal_cells(z, -1, 1, 30) if -1 <= low < 0 and high <= 1 else equal_cells(z, low, high, 100)
    )


def span(z: Rows) -> list[Hashable]:
    return equal_cells(z, float(z.min()), float(z.max()), 12)


def quantile(z: Rows) -> list[Hashable]:
    columns = []
    for column in z.T:
        ordered = sorted(column)
        edges = [
            ordered[min(len(ordered) - 1, math.ceil(k / 7 * len(ordered)))] for k in range(1, 7)
        ]
        columns.append([bisect.bisect_right(edges, v) for v in column])
    return list(zip(*columns, strict=True))


def ebab(z: Rows) -> list[Hashable]:
    low = (
        0.0
        if z.min() >= 0
        else -1.000001
        if z.min() >= -1
        else float(np.nextafter(z.min(), z.dtype.type(-np.inf)))
    )
    u = sorted({float(v) for v in z.ravel() if v > low})
    edges = [low] + [u[int(k * len(u) / 9)] for k in range(9)] + [u[-1]] if u else [low]
    return [tuple(bisect.bisect_right(edges, float(v)) - 1 for v in row) for row in z]


def bits_of_rows(z: Rows) -> list[Hashable]:
    return [tuple(0.0 if v == 0 else v for v in row.tolist()) for row in z]


def kde(z: Rows, groups: Sequence[int], s2: float, factor: float) -> float:
    """Ih(Z) - sum_g p_g Ih(Z|g)."""

    def ih(rows: Rows) -> float:
        n = len(rows)
        return (
            -sum(
                math.log2(
                    sum(
                        math.exp(
                            -sum((a - b) ** 2 for a, b in zip(u, v, strict=True)) / (factor * s2)
                        )
                        for v in rows
                    )
                    / n
                )
                for u in rows
            )
            / n
        )

    values = z.astype(float).tolist()
    within = 0.0
    for g in set(groups):
        members = [v for v, h in zip(values, groups, strict=True) if h == g]
        within += len(members) / len(values) * ih(members)  # type: ignore[arg-type]  # lists of rows
    return ih(values) - within  # type: ignore[arg-type]  # lists of rows


def scaled(z: Rows) -> list[list[float]]:
    out = []
    for column in z.astype(float).T.tolist():
        mean = sum(column) / len(column)
        sd = math.sqrt(sum((v - mean) ** 2 for v in column) / len(column))
        out.append([(v - mean) / (sd or 1.0) for v in column])
    return [list(row) for row in zip(*out, strict=True)]


def distance(u: Sequence[float], v: Sequence[float]) -> float:
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(u, v, strict=True)))


def ksg(x: Rows, z: Rows, k: int) -> float:
    a, b = scaled(x), scaled(z)
    n, total = len(a), 0.0
    for i in range(n):
        da, db = [distance(a[i], v) for v in a], [distance(b[i], v) for v in b]
        eps = sorted(max(da[j], db[j]) for j in range(n) if j != i)[k - 1]
        nx, nz = (
            sum(da[j] < eps for j in range(n) if j != i),
            sum(db[j] < eps for j in range(n) if j != i),
        )
        total += psi(k) + psi(n) - psi(nx + 1) - psi(nz + 1)
    return total / n / math.log(2)


def of_shared_classes(z: Rows, y: Sequence[int]) -> tuple[Rows, list[int]]:
    """The rows whose label another row has."""
    kept = [i for i in range(len(y)) if list(y).count(y[i]) > 1]
    return z[kept], [y[i] for i in kept]


def ross(z: Rows, y: Sequence[int], k: int) -> float:
    z, y = of_shared_classes(z, y)
    a, terms = scaled(z), []
    for i in range(len(a)):
        d = [distance(a[i], v) for v in a]
        same = sorted(d[j] for j in range(len(a)) if j != i and y[j] == y[i])
        kk = min(k, len(same))
        within = sum(d[j] < same[kk - 1] for j in range(len(a)) if j != i)
        terms.append(psi(kk) - psi(len(same) + 1) - psi(within + 1))
    return (psi(len(terms)) + sum(terms) / len(terms)) / math.log(2)


def mixed(z: Rows, y: Sequence[int], k: int) -> float:
    z, y = of_shared_classes(z, y)
    a, n, total = scaled(z), len(z), 0.0
    for i in range(n):
        used = min(k, y.count(y[i]) - 1)
        dz, dy = [distance(a[i], v) for v in a], [0.0 if y[j] == y[i] else 1e9 for j in range(n)]
        joint = [max(p, q) for p, q in zip(dz, dy, strict=True)]
        rho = sorted(joint[:i] + joint[i + 1 :])[used - 1]
        near: Callable[[float], bool] = (
            (lambda t: t == 0) if rho == 0 else (lambda t, rho=rho: t < rho)
        )  # type: ignore[misc]
        kk = sum(t == 0 for t in joint) if rho == 0 else used
        total += psi(kk) + math.log(n) - psi(sum(map(near, dz))) - psi(sum(map(near, dy)))
    return total / n / math.log(2)


def log_det(z: list[list[float]]) -> float:
    """Unbiased log determinant of the covariance of Gaussian rows, by elimination."""
    n, d = len(z), len(z[0])
    mean = [sum(row[i] for row in z) / n for i in range(d)]
    s = [
        [sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in z) / (n - 1) for j in range(d)]
        for i in range(d)
    ]
    value = 0.0
    for i in range(d):
        value += math.log(s[i][i])
        for j in range(i + 1, d):
            f = s[j][i] / s[i][i]
            s[j] = [a - f * b for a, b in zip(s[j], s[i], strict=True)]
    return value - sum(psi((n - i) / 2) for i in range(1, d + 1)) - d * math.log(2 / (n - 1))


def gauss(x: Rows, z: Rows) -> float:
    a, b = scaled(x), scaled(z)
    joint = [p + q for p, q in zip(a, b, strict=True)]
    return 0.5 * (log_det(a) + log_det(b) - log_det(joint)) / math.log(2)


def gauss_labels(z: Rows, y: Sequence[int]) -> float:
    a = scaled(z)
    value = log_det(a)
    for c in set(y):
        members = [row for row, label in zip(a, y, strict=True) if label == c]
        value -= len(members) / len(a) * log_det(members)
    return 0.5 * value / math.log(2)


def cwj_entropy(counts: Sequence[int]) -> float:
    """Chao, Wang & Jost 2013, eq. 7, in bits."""
    n = sum(counts)
    h = sum(c / n * sum(1 / k for k in range(c, n)) for c in counts if c < n)
    f1, f2 = sum(c == 1 for c in counts), sum(c == 2 for c in counts)
    if f1 and n > 1:
        a = (
            2 * f2 / ((n - 1) * f1 + 2 * f2)
            if f2
            else 2 / ((n - 1) * (f1 - 1) + 2)
            if f1 > 1
            else 1.0
        )
        if a < 1:
            h += (
                f1
                / n
                * (1 - a) ** (1 - n)
                * (-math.log(a) - sum((1 - a) ** r / r for r in range(1, n)))
            )
    return h / math.log(2)


def cwj(a: Sequence[int], b: Sequence[int]) -> float:
    return sum(
        sign * cwj_entropy(list(Counter(s).values()))
        for sign, s in ((1, a), (1, b), (-1, list(zip(a, b, strict=True))))
    )


def gram(z: Rows, w: float) -> Rows:
    n = len(z)
    return np.array(
        [[math.exp(-(distance(z[i], z[j]) ** 2) / (2 * w * w)) for j in range(n)] for i in range(n)]
    )


def renyi(z: Rows, y: Sequence[int]) -> float:
    """At Silverman's width of the units that are not constant: a constant unit changes nothing."""
    n = len(z)
    variances = [column.var() for column in z.astype(float).T if (column != column[0]).any()]
    d, w = len(variances), sum(variances)
    w = math.sqrt(w / d) * math.sqrt(d) * n ** (-1 / (4 + d))
    a = gram(z.astype(float), w) / n
    b = np.array([[float(p == q) for q in y] for p in y]) / n

    def s(m: Rows) -> float:
        values = np.linalg.eigvals(m / np.trace(m)).real
        return math.log2(sum(v**1.5 for v in values if v > 1e-14)) / (1 - 1.5)

    return s(a) + s(b) - s(a * b)


def hsic_unbiased(k: Rows, m: Rows) -> float:
    """The mean over all quadruples of different rows of k_ij (m_ij + m_qr - 2 m_iq) (Song 2012)."""
    n, total = len(k), 0.0
    others = range(n)
    for i in others:
        for j in others:
            if i == j:
                continue
            for q in others:
                if q in (i, j):
                    continue
                total += sum(
                    k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
                    for r in others
                    if r not in (i, j, q)
                )
    return total / (n * (n - 1) * (n - 2) * (n - 3))


def cka_linear(x: Rows, z: Rows) -> float:
    a, b = x - x.mean(0), z - z.mean(0)

    def dot(p: Rows, q: Rows) -> float:
        return float(
            sum((p[:, i] @ q[:, j]) ** 2 for i in range(p.shape[1]) for j in range(q.shape[1]))
        )

    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def diffusion(z: Rows, width: float) -> float:
    k = gram(z.astype(float), width)
    density = k.sum(0)
    p = k / np.outer(density, density)
    p = p / p.sum(1)[:, None]
    powers = sorted(abs(np.linalg.eigvals(p)))
    return -sum(v / sum(powers) * math.log2(v / sum(powers)) for v in powers if v > 1e-14)


# ---- cases ---------------------------------------------------------------------------------------


def draw(
    rng: np.random.Generator, *, n: int | None = None, kinds: Sequence[int] = range(6)
) -> tuple[Rows, np.ndarray]:
    """A layer of few rows and units in one of several shapes, and labels that depend on it."""
    n, d = n or int(rng.integers(4, 24)), int(rng.integers(1, 5))
    z = rng.normal(size=(n, d)) * 10.0 ** rng.integers(-2, 2)
    kind = int(rng.choice(kinds))
    if kind == 1:
        z = np.tanh(3 * z)
    elif kind == 2:
        z = np.maximum(z, 0)
    elif kind == 3:
        z = np.round(z, 1)
    elif kind == 4:
        z[rng.random(n) < 0.5] = z[0]
    elif kind == 5:
        z[:, 0] = 0.3
    y = (z[:, -1] > np.median(z[:, -1])).astype(int) + rng.integers(0, 2, n)
    return z.astype(rng.choice([np.float32, np.float64])), y


@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        ("bin:szt", szt),
        ("bin:saxe", saxe),
        ("bin:saxe-paper", saxe_paper),
        ("bin:range,n=12,scope=step", span),
        ("bin:quantile,n=7", quantile),
        ("bin:ebab,n=9", ebab),
        ("exact", bits_of_rows),
    ],
)
def test_codes_and_their_information(spec: str, codes: Callable[[Rows], list[Hashable]]) -> None:
    rng, estimator = np.random.default_rng(1), E.parse(spec)
    for case in range(2 * CASES):
        z, y = draw(rng)
        x = rng.integers(0, len(z), len(z)) if case % 2 else np.arange(len(z))
        t = codes(z)
        for a, b, truth in (
            (ip.discrete(x), ip.continuous(z), information(x.tolist(), t)),
            (ip.continuous(z), ip.discrete(y), information(t, y.tolist())),
        ):
            assert estimator.estimate(a, b).bits == pytest.approx(truth, abs=1e-9), (
                f"case {case}: {z!r}"
            )


@pytest.mark.parametrize(("bound", "factor"), [("upper", 2), ("lower", 8)])
def test_kde_bounds(bound: str, factor: int) -> None:
    rng = np.random.default_rng(2)
    for case in range(CASES):
        z, y = draw(rng)
        s2 = float(10.0 ** rng.uniform(-2, 1) * (z.astype(float).var() + 1e-3))
        estimator = E.parse(
            f"kde:variance={s2:.17g}" + (",bound=lower" if bound == "lower" else "")
        )
        for groups in (np.arange(len(z)), y):
            truth = kde(z, groups.tolist(), estimator.variance, factor)
            assert estimator.estimate(ip.continuous(z), ip.discrete(groups)).bits == pytest.approx(
                truth, abs=3e-5
            ), f"case {case}"


def test_kde_at_a_relative_width() -> None:
    rng = np.random.default_rng(3)
    for _ in range(CASES):
        z, y = draw(rng)
        n = len(z)
        squares = [
            distance(z[i].astype(float), z[j].astype(float)) ** 2
            for i in range(n)
            for j in range(n)
            if i != j
        ]
        s2 = 0.3**2 * sum(squares) / len(squares)
        if s2 == 0:
            constant = E.parse("kde:relative=0.3").estimate(ip.continuous(z), ip.discrete(y))
            assert constant.bits == 0.0 and "all rows of the layer are equal" in constant.notes[-1]
            continue
        bits = E.parse("kde:relative=0.3").estimate(ip.continuous(z), ip.discrete(y)).bits
        assert bits == pytest.approx(kde(z, y.tolist(), s2, 2), abs=3e-5)


@pytest.mark.slow
def test_plug_in_and_the_default_correction() -> None:
    rng = np.random.default_rng(4)
    for _ in range(2 * CASES):
        n = int(rng.integers(2, 40))
        a, b = rng.integers(0, rng.integers(1, 9), n), rng.integers(0, rng.integers(1, 9), n)
        b = np.where(rng.random(n) < 0.5, a, b)
        va, vb = ip.discrete(a), ip.discrete(b)
        assert E.Plugin().estimate(va, vb).bits == pytest.approx(
            information(a.tolist(), b.tolist()), abs=1e-9
        )
        assert E.Plugin(target="population").estimate(va, vb).bits == pytest.approx(
            cwj(a.tolist(), b.tolist()), abs=1e-7
        )


def test_neighbours() -> None:
    rng = np.random.default_rng(5)
    for _ in range(CASES):
        z, y = draw(rng, kinds=[0])
        x, k = rng.normal(size=(len(z), 2)), int(rng.integers(1, min(4, len(z) - 2) + 1))
        y[: len(y) // 2] = y[0]
        assert E.KSG(k=k).estimate(ip.continuous(x), ip.continuous(z)).bits == pytest.approx(
            ksg(x, z, k), abs=1e-8
        )
        rows, labels = of_shared_classes(z, y)
        if len(rows) < k + 2:
            continue
        expected = ross(z, y, k) if len(set(labels)) > 1 else 0.0
        assert E.Ross(k=k).estimate(ip.continuous(z), ip.discrete(y)).bits == pytest.approx(
            expected, abs=1e-8
        )


def test_mixed_neighbours_with_atoms() -> None:
    rng = np.random.default_rng(6)
    for _ in range(CASES):
        z, y = draw(
            rng, kinds=[0, 2, 4, 5]
        )  # rounded values tie up to rounding, which a definition does not settle
        z, k = z.astype(float), int(rng.integers(1, min(4, len(z) - 2) + 1))
        rows, labels = of_shared_classes(z, y)
        if len(rows) < k + 2 or 3 * len(rows) < 2 * len(z):  # over a third alone: refused
            continue
        constant = len(set(labels)) == 1 or (rows == rows[0]).all()
        assert E.MixedKSG(k=k).estimate(ip.continuous(z), ip.discrete(y)).bits == pytest.approx(
            0.0 if constant else mixed(z, y, k), abs=1e-8
        )


def test_gaussians() -> None:
    rng = np.random.default_rng(7)
    for _ in range(CASES):
        n = int(rng.integers(80, 120))
        z, _ = draw(rng, n=n, kinds=[0])
        x = rng.normal(size=(n, 2)) + z[:, :1] / (1 + abs(z[:, :1]))
        assert E.Gaussian().estimate(ip.continuous(x), ip.continuous(z)).bits == pytest.approx(
            gauss(x, z), abs=1e-6
        )
        y = np.arange(n) % 2
        assert E.Gaussian().estimate(ip.continuous(z), ip.discrete(y)).bits == pytest.approx(
            gauss_labels(z, y.tolist()), abs=1e-6
        )


def test_slices_are_the_mean_of_one_dimensional_neighbours() -> None:
    rng = np.random.default_rng(8)
    for case in range(CASES // 3):
        z, y = draw(rng, n=15)
        rows, labels = of_shared_classes(z, y)
        if 3 * len(rows) < 2 * len(z):  # over a third alone: refused
            continue
        directions = np.random.default_rng(case).normal(size=(z.shape[1], 3))
        a = np.array(scaled(rows))
        values = [
            mixed(
                a @ (directions[:, [i]] / math.sqrt(float((directions[:, i] ** 2).sum()))),
                labels,
                3,
            )
            for i in range(3)
        ]
        constant = bool((rows == rows[0]).all()) or len(set(labels)) == 1
        e = E.Sliced(slices=3, k=3).estimate(
            ip.continuous(z), ip.discrete(y), rng=np.random.default_rng(case)
        )
        assert e.bits == pytest.approx(0.0 if constant else sum(values) / 3, abs=1e-6)


def test_spectra() -> None:
    rng = np.random.default_rng(9)
    for _ in range(CASES):
        z, y = draw(rng)
        if (z != z[0]).any():
            assert E.parse("renyi:alpha=1.5").estimate(
                ip.continuous(z), ip.discrete(y)
            ).bits == pytest.approx(renyi(z, y.tolist()), abs=1e-6)
        squares = [
            distance(z[i].astype(float), z[j].astype(float)) ** 2
            for i in range(len(z))
            for j in range(i)
        ]
        middle = math.sqrt(float(np.median(squares)))
        truth = diffusion(z, 0.5 * middle) if middle > 0 else None
        if truth is not None:
            bits = (
                E.DiffusionEntropy().estimate(ip.discrete(np.arange(len(z))), ip.continuous(z)).bits
            )
            assert bits == pytest.approx(truth, abs=1e-5)


def test_dependence() -> None:
    rng = np.random.default_rng(10)
    for _ in range(CASES // 3):
        z, y = draw(rng, n=int(rng.integers(4, 9)))
        x = rng.normal(size=(len(z), 2))
        equal = np.array([[float(p == q) for q in y] for p in y])
        centred = z - z.mean(0, dtype=float)
        bits = E.parse("hsic:kernel=linear").estimate(ip.continuous(z), ip.discrete(y)).bits
        assert bits == pytest.approx(hsic_unbiased(centred @ centred.T, equal), rel=1e-6, abs=1e-9)
        if (z != z[0]).any():
            e = E.parse("cka:kernel=linear,unbiased=false").estimate(
                ip.continuous(x), ip.continuous(z)
            )
            assert e.bits == pytest.approx(cka_linear(x, z.astype(float)), abs=1e-6)


def test_a_noisy_network_is_its_mixture_by_integration() -> None:
    rng = np.random.default_rng(11)
    t = np.linspace(-12, 12, 4001)
    for case in range(CASES // 5):
        centres, s = rng.normal(size=int(rng.integers(2, 6))), float(rng.uniform(0.3, 1.0))
        p = np.mean([np.exp(-((t - c) ** 2) / (2 * s * s)) for c in centres], axis=0) / math.sqrt(
            2 * math.pi * s * s
        )
        truth = float(-(p[p > 0] * np.log2(p[p > 0])).sum() * (t[1] - t[0])) - 0.5 * math.log2(
            2 * math.pi * math.e * s * s
        )
        e = E.NoisyChannel(sigma=s, draws=400).estimate(
            ip.discrete(np.arange(len(centres))),
            ip.continuous(centres),
            rng=np.random.default_rng(case),
        )
        assert e.stderr is not None and abs(e.bits - truth) < 5 * e.stderr + 1e-3


@pytest.mark.parametrize(
    "spec",
    [
        "mixed:k=5",
        "sliced:slices=2",
        "ross:k=3",
        "kde:variance=0.1",
        "renyi:alpha=2",
        "hsic",
        "gauss",
        "bin:szt",
    ],
)
def test_the_numbers_that_name_the_classes_do_not_matter(spec: str) -> None:
    """Also where a class is smaller than k, so that neighbours come from other classes; gauss wants
    four rows per unit.
    """
    rng = np.random.default_rng(12)
    each = 8 if spec == "gauss" else 4
    z, y = rng.normal(size=(10 * each, 2)), np.repeat(np.arange(10), each)
    e = E.parse(spec)
    one, other = (
        e.estimate(ip.continuous(z), ip.discrete(v), rng=np.random.default_rng(0)).bits
        for v in (y, (y * 7 + 3) % 10)
    )
    assert one == pytest.approx(other, abs=1e-9)
