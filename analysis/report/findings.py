"""The findings of the DPI check and the cells that were not measured, as JSON-ready data.

Episodes in whole sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infoplane.analysis.report.json_values import number
from infoplane.plane import Failure, Plane
from infoplane.types import VERDICTS, DPIReport, Episode, Finding
from infoplane.types.arrays import Json

MOST_FINDINGS = 1000
"""Findings embedded at most, the worst first; the page says how many it leaves out."""


def dpi_data(report: DPIReport, plane: Plane) -> Json:
    """Tally, episodes in sentences, and the worst findings for the marks in the plane.

    Explanations are stored once each.
    """
    worst = sorted(
        report.findings,
        key=lambda finding: (VERDICTS.index(finding.verdict), -finding.excess_bits),
    )[:MOST_FINDINGS]
    texts: dict[str, int] = {}
    for finding in worst:
        texts.setdefault(finding.explanation, len(texts))
    layers = {name: index for index, name in enumerate(plane.layers)}
    return {
        "passed": report.passed,
        "checked": report.checked,
        "counts": {key: report.counts[key] for key in VERDICTS if report.counts.get(key)},
        "limits": list(report.limits),
        "texts": list(texts),
        "omitted": len(report.findings) - len(worst),
        "episodes": _episodes(report, layers, texts),
        "findings": [_finding(finding, layers, texts) for finding in worst],
    }


def _finding(finding: Finding, layers: Mapping[str, int], texts: Mapping[str, int]) -> Json:
    return {
        "law": finding.law,
        "step": finding.step,
        "u": layers.get(finding.upstream, finding.upstream),
        "d": layers.get(finding.downstream, finding.downstream),
        "x": number(finding.excess_bits, 4),
        "v": finding.verdict,
        "t": texts[finding.explanation],
        "e": finding.estimator,
    }


def _episodes(report: DPIReport, layers: Mapping[str, int], texts: Mapping[str, int]) -> list[Json]:
    """Return the worst episodes, each with a sentence, its worst finding and its meaning.

    Args:
        report: the DPI check.
        layers, texts: places of layers and explanations on the page.
    """
    findings: dict[tuple[str, ...], list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(_subject(finding), []).append(finding)
    rows = []
    for episode in report.episodes[:MOST_FINDINGS]:
        worst = _worst(findings.get(_subject(episode), ()), episode)
        row: Json = {
            "v": episode.verdict,
            "law": episode.law,
            "e": episode.estimator,
            "u": layers.get(episode.upstream, episode.upstream),
            "d": layers.get(episode.downstream, episode.downstream),
            "step": episode.first_step,
            "text": sentence_of(episode),
            "t": -1,
        }
        if worst is not None:
            row["step"] = worst.step
            row["text"] += _evidence(worst)
            row["t"] = texts.get(worst.explanation, -1)
        rows.append(row)
    return rows


def _subject(found: Finding | Episode) -> tuple[str, ...]:
    """Return what an episode and its findings have in common."""
    return found.law, found.upstream, found.downstream, found.estimator, found.verdict


def _worst(findings: Sequence[Finding], episode: Episode) -> Finding | None:
    """Return the finding of an episode with the largest excess."""
    steps = range(episode.first_step, episode.last_step + 1)
    within = [finding for finding in findings if finding.step in steps]
    return max(within, key=lambda finding: finding.excess_bits, default=None)


def sentence_of(episode: Episode) -> str:
    """Return an episode as a sentence.

    Example:
        >>> found = Episode("I(X;Z) pair", "fc1", "fc2", "estimator", 10, 40, 4, 0.25, "bin:szt")
        >>> print(sentence_of(found))  # doctest: +NORMALIZE_WHITESPACE
        From step 10 to 40 (4 checkpoints), fc2 exceeds fc1, which it is computed from, by up to
        0.25 bits (I(X;Z) pair, bin:szt).
        >>> sentence_of(Episode("I(Z;Y) bound", "fc1", "fc1", "bias", 10, 10, 1, 0.1, "knn"))
        'At step 10, fc1 exceeds its bound by 0.1 bits (I(Z;Y) bound, knn).'
    """
    when = f"At step {episode.first_step}"
    amount = f"by {episode.worst_bits:.3g} bits"
    if episode.checkpoints > 1:
        when = (
            f"From step {episode.first_step} to {episode.last_step} ({episode.checkpoints} "
            "checkpoints)"
        )
        amount = f"by up to {episode.worst_bits:.3g} bits"
    source = ", ".join(part for part in (episode.law, episode.estimator) if part)
    up, down = episode.upstream, episode.downstream
    if episode.verdict in ("untestable", "not comparable"):
        pair = up if up == down else f"{up} and {down}"
        return f"{when}, {pair}: {episode.verdict} ({source})."
    if up == down:
        return f"{when}, {up} exceeds its bound {amount} ({source})."
    return f"{when}, {down} exceeds {up}, which it is computed from, {amount} ({source})."


def _evidence(finding: Finding) -> str:
    """Return what resampling and the exchange of bits say of a finding, as a sentence.

    Empty where nothing was computed.
    """
    parts = []
    if finding.surplus_bits is not None and finding.deficit_bits is not None:
        parts.append(f"{finding.surplus_bits:.3g} bits gained, {finding.deficit_bits:.3g} lost")
    if finding.p is not None:
        parts.append("p < 1e-6" if finding.p < 1e-6 else f"p = {finding.p:.3g}")
    return f" At its worst: {', '.join(parts)}." if parts else ""


def failures_data(plane: Plane) -> list[Json]:
    """Return the cells that were not measured, those of one layer, estimator and reason joined."""
    groups: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in plane.failures:
        key = (failure.layer, failure.estimator, failure.message)
        groups.setdefault(key, []).append(failure)
    rows = []
    for (layer, estimator, message), failures in list(groups.items())[:MOST_FINDINGS]:
        steps = sorted(failure.step for failure in failures)
        when = f"step {steps[0]}"
        if len(steps) > 1:
            when = f"{len(steps)} checkpoints from step {steps[0]} to {steps[-1]}"
        rows.append({"when": when, "layer": layer, "estimator": estimator, "message": message})
    return rows
