"""The words of infoplane: small frozen nouns that check themselves once and are believed afterwards.

Imports nothing of ours but the errors. All information is in bits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infoplane.errors import InputError

Kind = Literal["continuous", "discrete"]
Unit = Literal["bits", "none"]
Sense = Literal["point", "lower", "upper", "exact"]
Bound = Literal["lower", "upper", "exact", "none", "difference of bounds"]
Target = Literal["probe-set", "population"]
Quantity = Literal["i_xz", "i_zy"]
Relation = Literal["cut", "declared", "partial", "no-path", "unknown"]
_Item = TypeVar("_Item")
Verdict = Literal[
    "ok", "sampling", "bias", "estimator", "untestable", "not comparable", "fault", "violation"
]
VERDICTS: tuple[Verdict, ...] = (
    "fault",
    "violation",
    "estimator",
    "bias",
    "sampling",
    "untestable",
    "not comparable",
    "ok",
)
"""All verdicts, the worst first."""
FLAGS: tuple[Verdict, ...] = ("fault", "violation", "estimator")
"""Verdicts drawn unless asked otherwise."""


SMALLEST = 1e-140
"""Scales of float64 values below this, or beyond its inverse, have no squares."""


@dataclass(frozen=True, eq=False)
class Variable:
    """A random variable seen through ``n`` paired rows: the one gate through which arrays enter an estimator.

    Attributes:
        name: what to call it in messages.
        values: shape ``(n, dim)``; float32 or float64 when continuous, int64 symbols when discrete
            (a row of several columns is one symbol).
        kind: stated by the caller, never guessed from a dtype.
        notes: what must travel with every number made of it, e.g. how it was binned.
        largest: the largest magnitude of continuous values, 0 of symbols.

    Raises:
        InputError: not 2-D, no rows, no columns, wrong dtype for the kind, NaN or infinity, or a float64 scale whose squares overflow
            or vanish (beyond 1e140 or below 1e-140): distances would be infinite or 0 and the numbers silently wrong.
    """

    name: str
    values: NDArray[Any]  # Any: float32, float64 or int64, as the kind says
    kind: Kind
    notes: tuple[str, ...] = ()
    largest: float = field(init=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        v = self.values
        if self.kind not in ("continuous", "discrete"):
            raise InputError(
                f"{self.name}: kind must be 'continuous' or 'discrete', got {self.kind!r}"
            )
        if not isinstance(v, np.ndarray) or v.ndim != 2:
            raise InputError(
                f"{self.name}: expected an array of shape (n, dim), got {getattr(v, 'shape', type(v).__name__)}; use ip.continuous(a) or ip.discrete(a)"
            )
        if v.shape[0] == 0 or v.shape[1] == 0:
            raise InputError(
                f"{self.name}: expected at least one row and one column, got shape {v.shape}"
            )
        if self.kind == "discrete" and v.dtype != np.int64:
            raise InputError(
                f"{self.name}: discrete values are int64 symbols, got {v.dtype}; use ip.discrete(a)"
            )
        if self.kind == "continuous":
            if v.dtype not in (np.float32, np.float64):
                raise InputError(
                    f"{self.name}: continuous values are float32 or float64, got {v.dtype}; use ip.continuous(a)"
                )
            low, high = float(v.min()), float(v.max())
            if not (math.isfinite(low) and math.isfinite(high)):
                bad = int((~np.isfinite(v)).any(axis=1).sum())
                raise InputError(
                    f"{self.name}: {bad} of {v.shape[0]} rows hold NaN or infinity; find the step where they appear before measuring"
                )
            if (largest := max(abs(low), abs(high))) and not SMALLEST <= largest <= 1 / SMALLEST:
                raise InputError(
                    f"{self.name}: the largest value is {largest:.3g}, whose square no float64 can hold; multiply all values by one constant first"
                )
            object.__setattr__(self, "largest", largest)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    @property
    def dim(self) -> int:
        """Number of columns."""
        return int(self.values.shape[1])

    def take(self, rows: NDArray[np.integer]) -> Variable:
        """The same variable on some of its rows."""
        return Variable(self.name, self.values[rows], self.kind, self.notes)


def _two_dimensional(a: ArrayLike, name: str) -> NDArray[np.generic]:
    if hasattr(a, "detach"):  # a torch tensor, without importing torch
        a = a.detach().cpu()
        if "bfloat16" in str(getattr(a, "dtype", "")):
            a = a.float()  # type: ignore[union-attr]  # numpy has no bfloat16; the upcast is lossless
    v = np.asarray(a)
    if v.ndim == 0:
        raise InputError(f"{name}: expected rows, got a single number")
    if v.ndim == 1:
        v = v[:, None]
    return np.ascontiguousarray(v.reshape(v.shape[0], -1) if v.shape[0] else v.reshape(0, 1))


def continuous(a: ArrayLike, name: str = "values") -> Variable:
    """A continuous `Variable` from an array or tensor of shape ``(n,)`` or ``(n, ...)`` (flattened to ``(n, dim)``).

    float32 and float64 are kept; float16 and integers become float32 and float64, and so does a float32 layer of a scale
    beyond 1e15 or below 1e-15.

    Raises:
        InputError: not numeric, empty, NaN or infinity.

    Example:
        >>> continuous([0.0, 0.5, 1.0]).values.shape
        (3, 1)
    """
    v = _two_dimensional(a, name)
    if v.dtype == np.float16:
        v = v.astype(np.float32)
    elif v.dtype.kind in "iub" or (v.dtype.kind == "f" and v.dtype not in (np.float32, np.float64)):
        v = v.astype(np.float64)
    if v.dtype.kind != "f":
        raise InputError(
            f"{name}: expected real numbers, got dtype {v.dtype}; complex values, strings and objects are not continuous"
        )
    if v.dtype.byteorder not in ("=", "|"):
        v = v.astype(v.dtype.newbyteorder("="))
    if (
        v.dtype == np.float32
        and v.size
        and (largest := max(abs(float(v.min())), abs(float(v.max()))))
        and not 1e-15 <= largest <= 1e15
    ):
        v = v.astype(np.float64)  # squares of such values overflow or vanish in float32
    return Variable(name, v, "continuous")


def discrete(a: ArrayLike, name: str = "values") -> Variable:
    """A discrete `Variable` from symbols of shape ``(n,)`` or ``(n, columns)``; a row of several columns is one symbol.

    Integers and booleans are kept; floats and strings are coded per column by their sorted distinct values.

    Raises:
        InputError: empty, NaN, or a dtype that has no order.

    Example:
        >>> discrete(["cat", "dog", "cat"]).values.ravel().tolist()
        [0, 1, 0]
    """
    v = _two_dimensional(a, name)
    if v.dtype.kind == "f" and np.isnan(v).any():
        raise InputError(
            f"{name}: NaN is not a symbol; {int(np.isnan(v).any(axis=1).sum())} rows hold NaN"
        )
    if v.dtype.kind == "u" and v.dtype.itemsize == 8:
        codes = v.view(np.int64)
    elif v.dtype.kind in "iub":
        codes = v.astype(np.int64)
    else:
        try:
            columns = [
                np.unique(v[:, j], return_inverse=True)[1].reshape(-1) for j in range(v.shape[1])
            ]
        except TypeError as error:
            raise InputError(
                f"{name}: expected integers, booleans, floats or strings, got mixed objects"
            ) from error
        codes = np.stack(columns, axis=1).astype(np.int64) if columns else v.astype(np.int64)
    return Variable(name, np.ascontiguousarray(codes), "discrete")


@dataclass(frozen=True)
class Null:
    """What an estimator reports about shuffled labels, in bits: no estimate of anything, never to be subtracted.

    Attributes:
        mean: mean over the draws. low, high: 2.5 and 97.5 % quantiles. draws: permutations.
        p: ``(1 + #{null >= value}) / (1 + draws)``.
    """

    mean: float
    low: float
    high: float
    p: float
    draws: int

    def __str__(self) -> str:
        return (
            f"label permutation null: mean {self.mean:.4g}, 95 % band {self.low:.4g} to {self.high:.4g}, "
            f"p {self.p:.3g} ({self.draws} draws)"
        )


def bound_of_sense(sense: str) -> Bound:
    """Return the bound that a sense stands for, where nothing else is known of an estimate."""
    bounds: dict[str, Bound] = {"lower": "lower", "upper": "upper", "exact": "exact"}
    return bounds.get(sense, "none")


@dataclass(frozen=True)
class Estimate:
    """One number with everything needed to read it honestly. Never clipped.

    Attributes:
        bits: the value, in bits (dimensionless where ``unit`` says so); negative values are legitimate.
        n: rows it was made from.
        estimator: spec string of the estimator that made it (``str(estimator)``).
        sense: ``exact`` | ``point`` | ``lower`` | ``upper``: tells the curves of one estimator apart.
        low, high: 95 % interval in bits, where one was computed.
        stderr: standard error in bits, where one was computed.
        ceiling_bits: the largest value the estimator could have returned here.
        target: what it is an estimate of: these very rows (``probe-set``) or the ``population`` behind them.
        coverage: 1 - share of rows alone in their cell, for estimators with cells.
        notes: short warnings that must travel with the number; sentences for people, never read by the program.
        bound: what the number bounds: ``lower``, ``upper``, ``exact``, ``none`` or ``difference of bounds``; left out, what
            the sense says.
        unit: ``bits``, or ``none`` for a dimensionless number, which no law of bits concerns.
        null: what the estimator says about shuffled labels, where they were drawn.
    """

    bits: float
    n: int
    estimator: str
    sense: Sense = "point"
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    ceiling_bits: float | None = None
    target: Target = "probe-set"
    coverage: float | None = None
    notes: tuple[str, ...] = ()
    bound: Bound | None = None
    unit: Unit = "bits"
    null: Null | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.bits):
            raise InputError(
                f"{self.estimator}: an estimate must be a finite number of bits, got {self.bits}; raise EstimatorError instead"
            )
        if self.n < 1:
            raise InputError(
                f"{self.estimator}: an estimate comes from at least one row, got n={self.n}"
            )
        if self.sense not in ("point", "lower", "upper", "exact"):
            raise InputError(
                f"{self.estimator}: sense must be point, lower, upper or exact, got {self.sense!r}"
            )
        if self.target not in ("probe-set", "population"):
            raise InputError(
                f"{self.estimator}: target must be 'probe-set' or 'population', got {self.target!r}"
            )
        if self.bound is None:
            object.__setattr__(self, "bound", bound_of_sense(self.sense))
        if self.bound not in get_args(Bound) or self.unit not in get_args(Unit):
            raise InputError(
                f"{self.estimator}: bound must be one of {get_args(Bound)} and unit one of {get_args(Unit)}, "
                f"got {self.bound!r} and {self.unit!r}"
            )

    @property
    def saturated(self) -> bool:
        """Whether the value sits at its ceiling (within 0.5 bit or 5 %) or more than half of the rows are alone in their cell."""
        if self.coverage is not None and self.coverage < 0.5:
            return True
        c = self.ceiling_bits
        return c is not None and c > 0 and self.bits > c - min(0.5, 0.05 * c)

    def __str__(self) -> str:
        unit = "bits " if self.unit == "bits" else ""
        text = f"{self.bits:.4g} {unit}({self.estimator}, {self.sense}, n={self.n}, {self.target}"
        if self.low is not None and self.high is not None:
            text += f", 95% [{self.low:.4g}, {self.high:.4g}]"
        elif self.stderr is not None:
            text += f", se {self.stderr:.2g}"
        if self.ceiling_bits is not None:
            text += f", ceiling {self.ceiling_bits:.4g}"
        if self.saturated:
            text += ", SATURATED"
        return text + ")" + "".join(f"; {printable(note, 300)}" for note in self.notes)

    def to_dict(self) -> dict[str, Any]:  # Any: JSON
        """A JSON-ready form; `Estimate.from_dict` reads it back."""
        return {**vars(self), "null": None if self.null is None else dict(vars(self.null))}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Estimate:  # Any: JSON
        """An estimate from `to_dict`'s form, also from one without the later fields.

        Raises:
            TypeError: an unknown key, or a null that is none.
            InputError: a value that no estimate has.
        """
        null = d.get("null")
        return cls(
            **{
                **d,
                "notes": tuple(d.get("notes", ())),
                "null": null if null is None else Null(**null),
            }
        )

    def _repr_html_(self) -> str:
        import html

        return f"<code>{html.escape(str(self))}</code>"


@dataclass(frozen=True)
class LayerInfo:
    """One captured site of the network, as the archive's layer table stores it.

    Attributes:
        name: dotted module name, with ``#k`` for the k-th call of a reused module and ``:input`` for a module's input.
        ordinal: position in the archive (execution order).
        cls: class name of the module.
        shape: feature shape of what is stored, without the row axis.
        raw_shape: feature shape before the reduction.
        dtype: torch dtype in which the layer computed, e.g. ``float32``.
        store_dtype: numpy dtype in the file.
        reduction: ``none`` or the reduction's spec, e.g. ``gap``, ``pca:16``.
        aliases: other names of the same module.
    """

    name: str
    ordinal: int
    cls: str = ""
    shape: tuple[int, ...] = ()
    raw_shape: tuple[int, ...] = ()
    dtype: str = "float32"
    store_dtype: str = "float32"
    reduction: str = "none"
    site: Literal["output", "input"] = "output"
    aliases: tuple[str, ...] = ()

    @property
    def bytes_per_row(self) -> int:
        """Bytes that one row of this layer takes in the archive at every step: what is stored of it, and its digest of 16 bytes."""
        return math.prod(self.shape) * np.dtype(self.store_dtype).itemsize + 16


ROUNDING_MARGIN = 16.0
"""By how much rounding may be larger on all rows than on those of the interchange test."""


@dataclass(frozen=True)
class Chain:
    """Which layers screen the input off from which: the result of the interchange test, see docs/verdicts.md.

    Attributes:
        layers: layer names, in order.
        matrix: ``matrix[i][j]`` relates layer i to layer j: ``cut`` (i separates X from j, tested), ``declared`` (the same on
            the word of whoever made the archive), ``partial`` (bypassed), ``no-path`` or ``unknown``.
        tolerance: relative tolerance of the comparison.
        rows: probe rows the test ran on.
        shared_noise: pairs of layers that were found to share noise.
        reason: why (part of) the test could not run; empty when it ran.
        noisy: layers that two forwards of the same rows do not repeat (they draw noise, or see the other rows of the batch).
        fresh_noise: pairs of layers between which noise is drawn.
        rounding: by layer, the largest change that rounding in the last bits of every layer makes, relative to its largest value.
        through: the last checkpoint whose weights were tested, -1 where none was; None: the relations hold whatever the weights.
        noise: ``independent`` where the user declared that layers share no noise.
    """

    layers: tuple[str, ...]
    matrix: tuple[tuple[Relation, ...], ...]
    tolerance: float = 1e-5
    rows: int = 0
    shared_noise: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    noisy: tuple[str, ...] = ()
    fresh_noise: tuple[tuple[str, str], ...] = ()
    rounding: Mapping[str, float] = field(default_factory=dict)
    through: int | None = None
    noise: str = "undeclared"

    def relation(self, upstream: str, downstream: str) -> Relation:
        """How ``upstream`` relates to ``downstream``; ``unknown`` for a layer the test did not see."""
        i, j = self._places.get(upstream), self._places.get(downstream)
        return "unknown" if i is None or j is None else self.matrix[i][j]

    def separates(self, upstream: str, downstream: str) -> bool:
        """Whether ``upstream`` separates X from ``downstream``, tested or declared."""
        return self.relation(upstream, downstream) in ("cut", "declared")

    @cached_property
    def declared(self) -> bool:
        """Whether any relation rests on a declaration and not on a test."""
        return any("declared" in row for row in self.matrix)

    def covers(self, step: int) -> bool:
        """Whether the test ran on the weights of this checkpoint, or on later ones."""
        return self.through is None or step <= self.through

    def joined(self, newer: Chain) -> Chain:
        """The worst of two certificates of one network: a path that was seen once stays, and so does every noise.

        Example:
            >>> shut = Chain(("a", "b"), (("cut", "cut"), ("no-path", "cut")), through=0)
            >>> opened = Chain(("a", "b"), (("cut", "partial"), ("no-path", "cut")), through=8)
            >>> shut.joined(opened).relation("a", "b"), shut.joined(opened).through
            ('partial', 8)
        """
        matrix = tuple(
            tuple(_both(old, new) for old, new in zip(*rows, strict=True))
            for rows in zip(self.matrix, newer.matrix, strict=True)
        )
        rounding = dict(self.rounding)
        for name, change in newer.rounding.items():
            rounding[name] = max(change, rounding.get(name, 0.0))
        return replace(
            newer,
            matrix=matrix,
            rounding=rounding,
            noisy=_union(self.noisy, newer.noisy),
            fresh_noise=_union(self.fresh_noise, newer.fresh_noise),
            shared_noise=_union(self.shared_noise, newer.shared_noise),
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.layers)}

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form; `Chain.from_dict` reads it back."""
        return {
            "layers": list(self.layers),
            "matrix": [list(row) for row in self.matrix],
            "tolerance": self.tolerance,
            "rows": self.rows,
            "shared_noise": [list(pair) for pair in self.shared_noise],
            "reason": self.reason,
            "versions": dict(self.versions),
            "noisy": list(self.noisy),
            "fresh_noise": [list(pair) for pair in self.fresh_noise],
            "rounding": dict(self.rounding),
            "through": self.through,
            "noise": self.noise,
        }

    @classmethod
    def from_dict(cls, d: Mapping[str, object]) -> Chain:
        """A chain from `to_dict`'s form.

        Raises:
            InputError: a key is missing or the matrix does not fit the layers.
        """
        try:
            layers = tuple(str(name) for name in d["layers"])  # type: ignore[attr-defined]  # JSON
            matrix = tuple(tuple(row) for row in d["matrix"])  # type: ignore[attr-defined]  # JSON
            chain = cls(
                layers,
                matrix,
                float(d.get("tolerance", 1e-5)),  # type: ignore[arg-type]  # JSON
                int(d.get("rows", 0)),  # type: ignore[arg-type,call-overload]  # JSON
                _named_pairs(d.get("shared_noise", [])),
                str(d.get("reason", "")),
                {str(k): str(v) for k, v in d.get("versions", {}).items()},  # type: ignore[attr-defined]  # JSON
                tuple(str(name) for name in d.get("noisy", [])),  # type: ignore[attr-defined]  # JSON
                _named_pairs(d.get("fresh_noise", [])),
                {str(k): float(v) for k, v in d.get("rounding", {}).items()},  # type: ignore[attr-defined]  # JSON
                None if d.get("through") is None else int(d["through"]),  # type: ignore[call-overload]  # JSON
                str(d.get("noise", "undeclared")),
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"not a chain certificate: {error}") from error
        if len(matrix) != len(layers) or any(len(row) != len(layers) for row in matrix):
            raise InputError(f"chain matrix does not fit its {len(layers)} layers")
        return chain


def _both(old: Relation, new: Relation) -> Relation:
    """What holds where either was seen; ``unknown`` saw nothing."""
    if new in (old, "unknown"):
        return old
    return new if old == "unknown" else "partial"


def _named_pairs(pairs: Any) -> tuple[tuple[str, str], ...]:  # Any: JSON
    return tuple((str(first), str(second)) for first, second in pairs)


def _union(first: Iterable[_Item], second: Iterable[_Item]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys([*first, *second]))


@dataclass(frozen=True)
class Finding:
    """One judged comparison.

    Attributes:
        law: which inequality, e.g. ``I(X;Z) pair``, ``I(Z;Y) <= H(Y)``, ``exact leak``.
        step: checkpoint.
        upstream, downstream: the layers compared; equal for per-layer laws.
        excess_bits: by how much the law is exceeded (downstream minus upstream for pairs).
        stderr, p: of the excess, where tested.
        verdict: see `VERDICTS`.
        explanation: a sentence a user can act on.
        estimator: spec of the estimator that made the numbers.
        gain_bits, loss_bits: H(T_j|T_i) and H(T_i|T_j) where the estimator has codes.
    """

    law: str
    step: int
    upstream: str
    downstream: str
    excess_bits: float
    verdict: Verdict
    explanation: str
    stderr: float | None = None
    p: float | None = None
    estimator: str = ""
    gain_bits: float | None = None
    loss_bits: float | None = None


@dataclass(frozen=True)
class Episode:
    """The same pair, law, estimator and verdict at consecutive checkpoints."""

    law: str
    upstream: str
    downstream: str
    verdict: Verdict
    first_step: int
    last_step: int
    checkpoints: int
    worst_bits: float
    estimator: str = ""


@dataclass(frozen=True)
class DPIReport:
    """What was checked, what was found, and what could not be judged.

    Attributes:
        checked: number of comparisons made.
        findings: every comparison whose verdict is not ``ok``, the worst first.
        episodes: findings joined over consecutive checkpoints.
        counts: how many comparisons got each verdict, ``ok`` included.
        limits: sentences saying what could not be judged and why.
    """

    checked: int
    findings: tuple[Finding, ...]
    episodes: tuple[Episode, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True when nothing is a ``fault`` or an unexplained ``violation``."""
        return not any(f.verdict in ("fault", "violation") for f in self.findings)

    def of(self, *verdicts: Verdict) -> tuple[Finding, ...]:
        """The findings with one of these verdicts."""
        return tuple(f for f in self.findings if f.verdict in verdicts)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def tally(self) -> str:
        """One sentence: comparisons, how many got each verdict, passed or failed."""
        counts = (
            ", ".join(f"{self.counts[v]} {v}" for v in VERDICTS if self.counts.get(v))
            or "nothing to compare"
        )
        return f"{self.checked} comparisons: {counts}. {'PASSED' if self.passed else 'FAILED (fault or violation)'}"

    def rows(self) -> list[dict[str, str]]:
        """One row of text per episode, the worst first: verdict, law, layers, steps, worst excess in bits, estimator."""
        return [
            {
                "verdict": e.verdict,
                "law": e.law,
                "layers": e.upstream
                if e.upstream == e.downstream
                else f"{e.upstream} -> {e.downstream}",
                "steps": str(e.first_step)
                if e.first_step == e.last_step
                else f"{e.first_step}..{e.last_step} ({e.checkpoints})",
                "worst [bits]": f"{e.worst_bits:+.3f}",
                "estimator": e.estimator,
            }
            for e in self.episodes
        ]

    def _repr_html_(self) -> str:
        import html

        def line(tag: str, texts: Iterable[str]) -> str:
            return (
                "<tr>"
                + "".join(f"<{tag}><bdi>{html.escape(printable(t))}</bdi></{tag}>" for t in texts)
                + "</tr>"
            )

        rows = self.rows()[:20]
        more = (
            f"<p>... and {len(self.episodes) - 20} more episodes</p>"
            if len(self.episodes) > 20
            else ""
        )
        table = (
            f"<table>{line('th', rows[0])}{''.join(line('td', row.values()) for row in rows)}</table>"
            if rows
            else ""
        )
        limits = "".join(
            f"<p>not judged: {html.escape(printable(limit, 1000))}</p>" for limit in self.limits
        )
        return f"<p><b>DPI check</b>: {html.escape(self.tally)}</p>{table}{more}{limits}"

    def __str__(self) -> str:
        lines = [f"DPI check: {self.tally}"]
        for e in self.episodes[:12]:
            pair = e.upstream if e.upstream == e.downstream else f"{e.upstream} -> {e.downstream}"
            when = (
                f"step {e.first_step}"
                if e.first_step == e.last_step
                else f"steps {e.first_step}..{e.last_step} ({e.checkpoints} checkpoints)"
            )
            lines.append(
                f"  {e.verdict:14s} {e.law}, {pair}, {when}, worst {e.worst_bits:+.3f} bits [{e.estimator}]"
            )
        if len(self.episodes) > 12:
            lines.append(f"  ... and {len(self.episodes) - 12} more episodes")
        seen: set[str] = set()
        for f in self.findings:
            if f.verdict not in seen:
                seen.add(f.verdict)
                lines.append(f"  {f.verdict}: {f.explanation}")
        lines += [f"  not judged: {limit}" for limit in self.limits]
        return "\n".join(printable(line, 1000) for line in lines)


def printable(text: object, limit: int = 80) -> str:
    r"""Foreign text (layer names, notes) on one line: no control, escape or direction-changing characters, the middle of what is too long cut out.

    Example:
        >>> printable("fc1\x1b[31m\nred"), printable("x" * 100, 9)
        ('fc1 [31m red', 'xxxx…xxxx')
    """
    shown = "".join(c if c.isprintable() else " " for c in str(text))
    if len(shown) <= limit:
        return shown
    keep = max((limit - 1) // 2, 1)
    return f"{shown[:keep]}…{shown[-keep:]}"


def entropy_of_counts(counts: Sequence[int] | NDArray[np.integer]) -> float:
    """Plug-in entropy in bits of a table of counts: ``-sum p log2 p``.

    Example:
        >>> entropy_of_counts([1, 1, 2])
        1.5
    """
    c, times = np.asarray(counts), np.ones(1, np.int64)
    if (
        c.size > 64 and c.dtype.kind == "i" and 0 < c.max() < 2 * c.size and c.min() >= 0
    ):  # few different counts: one logarithm for each
        every = np.bincount(c)
        c = np.flatnonzero(every[1:]) + 1
        times = every[c]
    else:
        c = c[c > 0]
    if c.size == 0:
        raise InputError("expected at least one positive count")
    all_of = (c * times).astype(np.float64)
    n = all_of.sum()
    return float(np.log2(n) - (all_of @ np.log2(c)) / n)
