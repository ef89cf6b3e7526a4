"""What a check of a plane reports: verdicts, findings, episodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from infoplane.types.text import printable

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
        surplus_bits: H(T_j|T_i) where the estimator has codes: what only the layer downstream
            tells.
        deficit_bits: H(T_i|T_j): what only the layer upstream tells.
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
    surplus_bits: float | None = None
    deficit_bits: float | None = None


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
        """Return the findings with one of these verdicts."""
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
        return (
            f"{self.checked} comparisons: {counts}. "
            f"{'PASSED' if self.passed else 'FAILED (fault or violation)'}"
        )

    def rows(self) -> list[dict[str, str]]:
        """Return one row of text per episode, the worst first.

        Verdict, law, layers, steps, worst excess in bits, estimator.
        """
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
        lines = [line("td", row.values()) for row in rows]
        table = f"<table>{line('th', rows[0])}{''.join(lines)}</table>" if rows else ""
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
                f"  {e.verdict:14s} {e.law}, {pair}, {when}, worst {e.worst_bits:+.3f} bits "
                f"[{e.estimator}]"
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
