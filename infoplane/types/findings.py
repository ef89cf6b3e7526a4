"""The report of a check of a plane: verdicts, findings, episodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from infoplane.types.text import counted, printable

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
"""Verdicts that are drawn by default."""


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
    """One pair, law, estimator and verdict at consecutive checkpoints."""

    law: str
    upstream: str
    downstream: str
    verdict: Verdict
    first_step: int
    last_step: int
    checkpoints: int
    worst_bits: float
    estimator: str = ""

    @property
    def layers(self) -> str:
        """The layer, or the pair of layers."""
        if self.upstream == self.downstream:
            return self.upstream
        return f"{self.upstream} -> {self.downstream}"


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
        """Whether no finding is a ``fault`` or an unexplained ``violation``."""
        return not self.of("fault", "violation")

    def of(self, *verdicts: Verdict) -> tuple[Finding, ...]:
        """Return the findings with one of these verdicts."""
        return tuple(finding for finding in self.findings if finding.verdict in verdicts)

    @property
    def judged_episodes(self) -> tuple[Episode, ...]:
        """The episodes of layers that can be compared."""
        return tuple(one for one in self.episodes if one.verdict != "not comparable")

    def incomparable(self) -> list[str]:
        """Return one sentence for each reason why layers cannot be compared, with how often."""
        groups: dict[str, list[Finding]] = {}
        for finding in self.of("not comparable"):
            groups.setdefault(_reason_of(finding), []).append(finding)
        sentences = []
        for findings in groups.values():
            pairs = {(finding.upstream, finding.downstream) for finding in findings}
            which = f" of {len(pairs)} pairs of layers, such as" if len(pairs) > 1 else ""
            number = counted(len(findings), "comparison")
            sentences.append(f"not comparable: {number}{which}: {findings[0].explanation}")
        return sentences

    def explanations(self) -> list[str]:
        """Return the first explanation of each verdict; of ``not comparable`` one per reason."""
        first: dict[str, str] = {}
        for finding in self.findings:
            if finding.verdict != "not comparable":
                first.setdefault(finding.verdict, f"{finding.verdict}: {finding.explanation}")
        return [*first.values(), *self.incomparable()]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def tally(self) -> str:
        """One sentence: comparisons, how many got each verdict, passed or failed."""
        counts = [
            f"{self.counts[verdict]} {verdict}" for verdict in VERDICTS if self.counts.get(verdict)
        ]
        outcome = "PASSED" if self.passed else "FAILED (fault or violation)"
        listed = ", ".join(counts) or "nothing to compare"
        return f"{self.checked} comparisons: {listed}. {outcome}"

    def rows(self) -> list[dict[str, str]]:
        """Return one row of text per episode, the worst first."""
        rows = []
        for episode in self.episodes:
            steps = str(episode.first_step)
            if episode.first_step != episode.last_step:
                steps += f"..{episode.last_step} ({episode.checkpoints})"
            rows.append(
                {
                    "verdict": episode.verdict,
                    "law": episode.law,
                    "layers": episode.layers,
                    "steps": steps,
                    "worst [bits]": f"{episode.worst_bits:+.3f}",
                    "estimator": episode.estimator,
                }
            )
        return rows

    def _repr_html_(self) -> str:
        import html

        def line(tag: str, texts: Iterable[str]) -> str:
            cells = [f"<{tag}><bdi>{html.escape(printable(text))}</bdi></{tag}>" for text in texts]
            return f"<tr>{''.join(cells)}</tr>"

        rows = replace(self, episodes=self.judged_episodes).rows()
        hidden = len(rows) - 20
        more = f"<p>... and {hidden} more episodes</p>" if hidden > 0 else ""
        lines = [line("td", row.values()) for row in rows[:20]]
        table = f"<table>{line('th', rows[0])}{''.join(lines)}</table>" if rows else ""
        sentences = [*self.incomparable(), *(f"not judged: {limit}" for limit in self.limits)]
        notes = "".join(f"<p>{html.escape(printable(text, 1000))}</p>" for text in sentences)
        return f"<p><b>DPI check</b>: {html.escape(self.tally)}</p>{table}{more}{notes}"

    def text(self, *, verbose: bool = False) -> str:
        """Return the report as lines of text.

        Args:
            verbose: list every episode; else the worst twelve, and one line for each reason why
                layers cannot be compared.
        """
        lines = [f"DPI check: {self.tally}"]
        episodes = self.episodes if verbose else self.judged_episodes
        shown = episodes if verbose else episodes[:12]
        for episode in shown:
            first, last = episode.first_step, episode.last_step
            when = f"step {first}"
            if first != last:
                when = f"steps {first}..{last} ({episode.checkpoints} checkpoints)"
            lines.append(
                f"  {episode.verdict:14s} {episode.law}, {episode.layers}, {when}, worst "
                f"{episode.worst_bits:+.3f} bits [{episode.estimator}]"
            )
        if len(episodes) > len(shown):
            lines.append(f"  ... and {len(episodes) - len(shown)} more episodes")
        lines += [f"  {text}" for text in self.explanations()]
        lines += [f"  not judged: {limit}" for limit in self.limits]
        return "\n".join(printable(line, 1000) for line in lines)

    def __str__(self) -> str:
        return self.text()


def _reason_of(finding: Finding) -> str:
    """Return an explanation without the names and numbers of this comparison."""
    text = finding.explanation
    for name in sorted({finding.upstream, finding.downstream}, key=len, reverse=True):
        text = text.replace(name, "*")
    return re.sub(r"[\d.]+", "*", text)
