"""The same finding at consecutive checkpoints is one episode."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from infoplane.types import VERDICTS, Episode, Finding


def episodes_of(findings: Sequence[Finding], steps: Sequence[int]) -> tuple[Episode, ...]:
    """Join equal findings of one pair at consecutive checkpoints, the worst first."""
    place = {step: k for k, step in enumerate(steps)}
    groups: dict[tuple[str, str, str, str, str], list[Finding]] = {}
    for f in findings:
        groups.setdefault((f.law, f.upstream, f.downstream, f.estimator, f.verdict), []).append(f)
    found = []
    for (law, up, down, estimator, _), members in groups.items():
        members.sort(key=attrgetter("step"))
        run: list[Finding] = []
        for f in members:
            if run and place[f.step] != place[run[-1].step] + 1:
                found.append(_episode(law, up, down, estimator, run))
                run = []
            run.append(f)
        found.append(_episode(law, up, down, estimator, run))
    return tuple(
        sorted(found, key=lambda e: (VERDICTS.index(e.verdict), -e.worst_bits, e.first_step))
    )


def _episode(law: str, up: str, down: str, estimator: str, run: Sequence[Finding]) -> Episode:
    return Episode(
        law,
        up,
        down,
        run[0].verdict,
        run[0].step,
        run[-1].step,
        len(run),
        max(f.excess_bits for f in run),
        estimator,
    )
