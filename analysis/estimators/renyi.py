"""Matrix-based Renyi entropy: spectral diversity of Gram matrices.

A geometric quantity, not Shannon information.

Giraldo, Rao & Principe 2015 (IEEE TIT 61(1)), Yu et al. 2020 (arXiv 1808.07912). All logarithms to
base 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from infoplane.analysis.estimators.entropies import counts_of
from infoplane.analysis.estimators.live_units import live_units
from infoplane.analysis.estimators.spec_string import SpecString
from infoplane.analysis.kernels.pairwise import gaussian_sums
from infoplane.analysis.kernels.spectra import centre, eigenvalues, spectra
from infoplane.analysis.kernels.threads import for_each, single_blas
from infoplane.contract import Traits
from infoplane.errors import EstimatorError, InputError
from infoplane.rows import codes_of, row_codes
from infoplane.types import Estimate, Kind, Quantity, Variable

Floats = NDArray[np.float64]
Width = Literal["silverman", "median", "alignment"]
_WIDTHS = ("silverman", "median", "alignment")
_MOST_ROWS = 20_000
_STRIP = 64  # rows of a matrix that are worked on at a time, in cache
_ALIGNMENT_GRID = tuple(float(f) for f in np.geomspace(0.1, 10.0, 17))


def squared_distances(z: Floats) -> Floats:
    """Return squared Euclidean distances of all row pairs, shape ``(n, n)``.

    From matrix products of the centred rows.
    """
    return _of_distances(z, lambda distances: None)


def _of_distances(z: Floats, finish: Callable[[Floats], object]) -> Floats:
    """Return `squared_distances`, every strip of rows finished in place while it is in cache."""
    centred = np.asarray(z, dtype=np.float64) - np.mean(z, axis=0, dtype=np.float64)
    norms = np.einsum("ij,ij->i", centred, centred)
    out = np.empty((len(centred), len(centred)))

    def rows(start: int) -> None:
        here = out[start : start + _STRIP]
        np.matmul(centred[start : start + _STRIP], centred.T, out=here)
        here *= -2.0
        here += norms
        here += norms[start : start + _STRIP, None]
        np.maximum(here, 0.0, out=here)
        np.fill_diagonal(here[:, start:], 0.0)
        finish(here)

    with single_blas():
        for_each(rows, range(0, len(out), _STRIP))
    return out


def gram(v: Variable, width: float) -> Floats:
    """Return normalised Gram matrix ``K / n`` of a Gaussian kernel ``exp(-D / (2 width^2))``.

    Of equality for a discrete variable. Trace 1.
    """
    if v.kind == "discrete":
        return (codes_of(v)[:, None] == codes_of(v)[None]).astype(np.float64) / v.n
    rate = -0.5 / width**2

    def kernel(distances: Floats) -> None:
        distances *= rate
        np.exp(distances, out=distances)
        distances /= v.n

    return _of_distances(v.values, kernel)  # type: ignore[arg-type]  # continuous values are floats


def silverman_width(z: NDArray[np.generic], gamma: float = 1.0) -> float:
    """Return kernel width by Silverman's rule as in Yu et al. 2020.

    ``gamma sqrt(d) n^(-1/(4+d))`` times the RMS standard deviation of the units.
    """
    n, d = z.shape
    scale = float(np.sqrt(np.mean(np.var(z.astype(np.float64), axis=0))))
    return gamma * scale * float(np.sqrt(d)) * float(n) ** (-1.0 / (4 + d))


def median_width(z: NDArray[np.generic]) -> float:
    """Return kernel width: the median distance of distinct row pairs (of the first 2000 rows).

    Raises:
        EstimatorError: a single row has no distance.
    """
    if len(z) < 2:
        raise EstimatorError(f"a kernel of median width needs at least 2 rows, got {len(z)}")
    distances = squared_distances(z[:2000].astype(np.float64))
    return float(np.sqrt(np.median(distances[np.triu_indices(len(distances), 1)])))


def alignment_width(z: NDArray[np.generic], y: Variable) -> float:
    """Return the width whose centred Gram matrix is best aligned with the labels'.

    A multiple of the median width (Cortes et al. 2012).

    Only where labels are given; it uses them, so the value of I(Z;Y) is chosen to be large.
    """
    if y.kind != "discrete":
        raise EstimatorError(
            f"width=alignment needs discrete labels, got {y.kind} {y.name}; use width=median"
        )
    base = median_width(z)
    target = centre(gram(y, 1.0))

    def alignment(factor: float) -> float:
        k = centre(gram(Variable("z", z, "continuous"), factor * base))
        norm = float(np.linalg.norm(k))
        return float(np.sum(k * target)) / norm if norm > 0 else 0.0

    return base * max(_ALIGNMENT_GRID, key=alignment) if base > 0 else 0.0


def matrix_entropy(
    a: Floats, alpha: float, *, lanczos: int = 0, rng: np.random.Generator | None = None
) -> float:
    """Return entropy in bits of a trace-one Gram matrix.

    ``log2(sum lambda^alpha) / (1 - alpha)``.

    Alpha 1 is the von Neumann form.

    alpha 2 is ``-log2 |A|_F^2`` and needs no eigenvalues. With ``lanczos`` > 0 the trace of the
    power is estimated from that many Lanczos steps and 10 random vectors (stochastic Lanczos
    quadrature, Ubaru, Chen & Saad 2017), for matrices too large for a spectrum.

    Example:
        >>> round(matrix_entropy(np.eye(4) / 4, 1.01), 9)
        2.0
    """
    if alpha == 2.0:
        return -float(np.log2(np.einsum("ij,ij->", a, a)))
    if lanczos:
        moment = _lanczos_trace(a, alpha, lanczos, np.random.default_rng(0) if rng is None else rng)
        return moment if alpha == 1.0 else float(np.log2(moment) / (1.0 - alpha))
    return spectrum_entropy(eigenvalues(a), alpha)


def spectrum_entropy(spectrum: Floats, alpha: float) -> float:
    """Return entropy in bits of eigenvalues, which are made to sum to one.

    Those that are rounding of zero are left out.
    """
    spectrum = spectrum[spectrum > 1e-14]
    spectrum = spectrum / spectrum.sum()
    if alpha == 1.0:
        return -float(spectrum @ np.log2(spectrum))
    return float(np.log2(np.sum(spectrum**alpha)) / (1.0 - alpha))


def within_classes(a: Floats, codes: NDArray[np.int64]) -> Floats:
    """Return eigenvalues of the trace-one matrix ``a`` times the equality of ``codes``.

    One small spectrum per class instead of a large one.

    Its entries between classes are zero, so that rows sorted by class make it block-diagonal.
    """
    return np.concatenate(spectra(_class_blocks(a, codes)))


def _class_blocks(a: Floats, codes: NDArray[np.int64]) -> list[Callable[[], Floats]]:
    def block(c: int) -> Floats:
        rows = np.flatnonzero(codes == c)
        return a[np.ix_(rows, rows)]

    return [partial(block, c) for c in range(int(codes.max()) + 1)]


def pair_entropies(
    z: NDArray[np.floating], width: float, codes: NDArray[np.int64] | None
) -> tuple[float, float]:
    """Return S_2 of a Gaussian kernel and of that kernel times the equality of ``codes``.

    In bits.

    From one pairwise pass, no N x N matrix.

    ``sum_ij K_ij^2`` is a kernel sum at half the squared width; its relative error of 4e-7 is 6e-7
    bit.
    """
    n = len(z)
    if width == 0:
        z, width = np.zeros((n, 1), np.float64), 1.0
    total, own = gaussian_sums(z, np.array([width**2 / 2]), codes)
    return float(2 * np.log2(n) - np.log2(total[:, 0, 1].sum())), float(
        2 * np.log2(n) - np.log2(own[:, 0, 1].sum())
    )


def _spectral_function(values: Floats, alpha: float) -> Floats:
    positive = np.maximum(values, 1e-300)
    return np.asarray(-positive * np.log2(positive) if alpha == 1.0 else positive**alpha)


def _lanczos_trace(
    a: Floats, alpha: float, steps: int, rng: np.random.Generator, probes: int = 10
) -> float:
    n = len(a)
    total = 0.0
    for _ in range(probes):
        v = rng.choice(np.array([-1.0, 1.0]), size=n) / np.sqrt(n)
        basis, diagonal, off = [v], [], []
        for _ in range(min(steps, n)):
            w = a @ basis[-1]
            diagonal.append(float(w @ basis[-1]))
            q = np.array(basis)
            w -= q.T @ (q @ w)
            w -= q.T @ (
                q @ w
            )  # twice: once leaves rounding that breeds false copies of eigenvalues
            norm = float(np.linalg.norm(w))
            if norm < 1e-12:
                break
            off.append(norm)
            basis.append(w / norm)
        m = len(diagonal)
        tri = np.diag(diagonal) + np.diag(off[: m - 1], 1) + np.diag(off[: m - 1], -1)
        nodes, vectors = np.linalg.eigh(tri)
        total += n * float(vectors[0] ** 2 @ _spectral_function(nodes, alpha))
    return total / probes


@dataclass(frozen=True)
class MatrixRenyi(SpecString):
    """Matrix-based Renyi "mutual information" ``S(A) + S(B) - S(A o B / tr)`` in bits.

    Geometric, not Shannon.

    Attributes:
        alpha: order; 1 is von Neumann, 2 needs no eigenvalues, 1.01 is the literature's.
        width: ``silverman`` (times ``gamma``), ``median``, ``alignment`` (to the labels), or a
            number in the units of the layer.
        gamma: factor of Silverman's rule.
        lanczos: 0 for exact spectra, else the number of Lanczos steps.

    A discrete variable (labels, row identities) has the equality kernel. Ceiling ``log2 n``. When
    it lies: always, if read as Shannon information; the value is set by the kernel width as much as
    by the layer, and equals ``log2 n`` or 0 at the ends of the widths.

    Example:
        >>> pairs = Variable("pairs", np.array([[0], [0], [1], [1]]), "discrete")
        >>> rows = Variable("id", np.arange(4)[:, None], "discrete")
        >>> round(MatrixRenyi(alpha=2.0).estimate(pairs, rows).bits, 9)
        1.0
    """

    alpha: float = 1.01
    width: Width | float = "silverman"
    gamma: float = 1.0
    lanczos: int = 0

    _FIRST = "alpha"
    _PREFIX = "renyi"
    _ALWAYS = ("alpha",)
    traits = Traits(
        family="geometry",
        measures="other",
        target="spectral diversity shared by two Gram matrices (geometric, not Shannon)",
        bound="none",
        validity="set by the kernel width; compare only at one width rule; at most 20000 rows",
    )

    def __post_init__(self) -> None:
        if not self.alpha > 0:
            raise InputError(f"alpha must be positive, got {self.alpha}")
        if isinstance(self.width, str):
            if self.width not in _WIDTHS:
                raise InputError(
                    f"width must be a positive number or one of {', '.join(_WIDTHS)}, got "
                    f"{self.width!r}"
                )
        elif not self.width > 0:
            raise InputError(
                f"width must be a positive number or one of {', '.join(_WIDTHS)}, got {self.width}"
            )
        if not self.gamma > 0 or self.lanczos < 0:
            raise InputError(
                f"expected gamma > 0 and lanczos >= 0, got gamma={self.gamma}, "
                f"lanczos={self.lanczos}"
            )

    def axis_label(self, quantity: str, n: int) -> str:
        """Return axis text naming the order, the width rule and that it is geometric."""
        ends = "Z;Y" if quantity == "i_zy" else "X;Z"
        return f"I_{self.alpha:g}({ends}) [bits], kernel {self.width} (geometric), N={n}"

    def supports(self, a: Kind, b: Kind) -> bool:
        """Accept any two kinds."""
        return a in ("continuous", "discrete") and b in ("continuous", "discrete")

    def width_of(self, v: Variable, labels: Variable | None = None) -> float:
        """Return the kernel width used for ``v``, in its units; 0 for a constant layer."""
        if v.kind == "discrete":
            return 1.0
        if self.width == "silverman":
            live = live_units(v)[0]
            return 0.0 if live is None else silverman_width(live.values, self.gamma)
        if self.width == "median":
            return median_width(v.values)
        if self.width == "alignment":
            if labels is None:
                raise EstimatorError(
                    "width=alignment needs the labels as the other variable; use width=median or "
                    "silverman"
                )
            return alignment_width(v.values, labels)
        return float(self.width)

    def entropy(self, v: Variable, *, labels: Variable | None = None) -> float:
        """Return S_alpha of one variable in bits."""
        return self._alone(v, None, labels)

    def _gram(self, v: Variable, width: float) -> Floats:
        if v.n > _MOST_ROWS:
            raise EstimatorError(
                f"a Gram matrix of {v.n} rows needs {v.n**2 * 8 / 2**30:.0f} GiB; give at most "
                f"{_MOST_ROWS} rows, or alpha=2, which needs none"
            )
        return np.full((v.n, v.n), 1.0 / v.n) if width == 0 else gram(v, width)

    def _discrete(self, codes: NDArray[np.int64]) -> float:
        """S of an equality kernel: its eigenvalues are the shares of its classes."""
        p = counts_of(codes) / len(codes)
        return -float(np.log2(p @ p)) if self.alpha == 2.0 else spectrum_entropy(p, self.alpha)

    def _parts(
        self, z: Variable, others: Sequence[Variable], rng: np.random.Generator | None, width: float
    ) -> list[float]:
        """Return ``S(Z)``, then ``S(Z o other)`` for each of the others. Z is continuous."""
        if self.alpha == 2.0:
            return self._squares(z, others, width)
        a = self._gram(z, width)
        parts: list[list[Callable[[], Floats]]] = [
            [lambda: a],
            *(self._blocks(a, other) for other in others),
        ]
        if self.lanczos:
            found = [
                matrix_entropy(m(), self.alpha, lanczos=self.lanczos, rng=rng)
                for part in parts
                for m in part
            ]
        else:
            spectrum = iter(spectra([matrix for part in parts for matrix in part]))
            found = [
                spectrum_entropy(np.concatenate([next(spectrum) for _ in part]), self.alpha)
                for part in parts
                if part
            ]
        entropies = iter(found)
        return [next(entropies) if part else float(np.log2(z.n)) for part in parts]

    def _blocks(self, a: Floats, other: Variable) -> list[Callable[[], Floats]]:
        """Return the matrix ``A o other`` of trace one, or its blocks that are not zero.

        Each made when called; none where it is the identity over n.
        """
        if other.kind == "continuous":
            return [lambda: a * self._gram(other, self.width_of(other)) * other.n]
        codes = codes_of(other)
        if int(codes.max()) + 1 == other.n:
            return []
        return (
            [lambda: a * (codes[:, None] == codes[None])]
            if self.lanczos
            else _class_blocks(a, codes)
        )

    def _squares(self, z: Variable, others: Sequence[Variable], width: float) -> list[float]:
        values, found = np.asarray(z.values, np.float64), [0.0]
        found[0] = pair_entropies(values, width, None)[0]
        for other in others:
            if other.kind == "discrete":
                found.append(pair_entropies(values, width, codes_of(other))[1])
            else:
                beside = self.width_of(other)
                scaled = [
                    v / w
                    for v, w in ((values, width), (np.asarray(other.values, np.float64), beside))
                    if w > 0
                ]
                found.append(
                    pair_entropies(np.concatenate(scaled, axis=1), 1.0, None)[0] if scaled else 0.0
                )
        return found

    def _alone(
        self, v: Variable, rng: np.random.Generator | None, labels: Variable | None = None
    ) -> float:
        if v.kind == "discrete":
            return self._discrete(codes_of(v))
        return self._parts(v, (), rng, self.width_of(v, labels))[0]

    def _result(self, bits: float, n: int, widths: str, *variables: Variable) -> Estimate:
        dead = [note for v in variables for note in live_units(v)[1]]
        return Estimate(
            bits,
            n,
            str(self),
            "point",
            ceiling_bits=float(np.log2(n)),
            notes=("geometric, not Shannon MI", widths, *dead),
        )

    def estimate(
        self, a: Variable, b: Variable, *, rng: np.random.Generator | None = None
    ) -> Estimate:
        """Estimate I_alpha(a;b) in bits. ``rng`` is used by ``lanczos`` only."""
        if a.n != b.n:
            raise InputError(
                f"expected the same rows on both sides, got {a.n} rows of {a.name} and {b.n} of "
                f"{b.name}"
            )
        if a.kind == b.kind == "discrete":
            pair = row_codes(np.stack([codes_of(a), codes_of(b)], axis=1))
            return self._result(
                self._alone(a, rng) + self._alone(b, rng) - self._discrete(pair),
                a.n,
                f"widths {self._used(a, b)}",
            )
        z, other = (a, b) if a.kind == "continuous" else (b, a)
        labels = other if other.kind == "discrete" else None
        s_z, joint = self._parts(z, (other,), rng, self.width_of(z, labels))
        return self._result(
            s_z + self._alone(other, rng) - joint, a.n, f"widths {self._used(a, b)}", a, b
        )

    def _used(self, a: Variable, b: Variable) -> str:
        return ", ".join(
            f"{v.name} "
            + (
                "equality"
                if v.kind == "discrete"
                else f"{self.width_of(v, w if w.kind == 'discrete' else None):.4g}"
            )
            for v, w in ((a, b), (b, a))
        )

    def estimate_plane_point(
        self, x: Variable, z: Variable, y: Variable, *, rng: np.random.Generator | None = None
    ) -> list[tuple[Quantity, Estimate]]:
        """Return both quantities from one spectrum of Z.

        Unique row identities X give ``I(X;Z) = S(Z)``.

        Identity o A = identity.
        """
        labels = y if y.kind == "discrete" else None
        if z.kind == "discrete":
            return [("i_xz", self.estimate(x, z, rng=rng)), ("i_zy", self.estimate(z, y, rng=rng))]
        width = self.width_of(z, labels)
        sides: tuple[tuple[Quantity, Variable], ...] = (("i_xz", x), ("i_zy", y))
        s_z, *joints = self._parts(z, [other for _, other in sides], rng, width)
        return [
            (
                quantity,
                self._result(s_z + self._alone(other, rng) - joint, z.n, f"width {width:.4g}", z),
            )
            for (quantity, other), joint in zip(sides, joints, strict=True)
        ]
