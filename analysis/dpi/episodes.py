"""The same finding at consecutive checkpoints is one episode."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from infoplane.types import VERDICTS, Episode, Finding


def episodes_of(findings: Sequence[Finding], steps: Sequence[int]) -> tuple[Episode, ...]:
    """Join equal findings of one pair at consecutive checkpoints, the worst first."""
    place = {step: index for index, step in enumerate(steps)}
    same = attrgetter("law", "upstream", "downstream", "estimator", "verdict")
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault(same(finding), []).append(finding)
    episodes = []
    for members in groups.values():
        members.sort(key=attrgetter("step"))
        run: list[Finding] = []
        for finding in members:
            if run and place[finding.step] != place[run[-1].step] + 1:
                episodes.append(_episode(run))
                run = []
            run.append(finding)
        episodes.append(_episode(run))
    episodes.sort(key=lambda one: (VERDICTS.index(one.verdict), -one.worst_bits, one.first_step))
    return tuple(episodes)


def _episode(run: Sequence[Finding]) -> Episode:
    first = run[0]
    return Episode(
        first.law,
        first.upstream,
        first.downstream,
        first.verdict,
        first.step,
        run[-1].step,
        len(run),
        max(finding.excess_bits for finding in run),
        first.estimator,
    )
