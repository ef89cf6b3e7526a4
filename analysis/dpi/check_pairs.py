"""From the excess of one pair of layers to its verdict.

Certificate, chance, bias of few rows. See docs/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.excess import explain_by_chance, explain_excess, judge_excess
from infoplane.analysis.dpi.layer_laws import tolerance_bits
from infoplane.analysis.dpi.layer_pairs import ComparisonGroup, compare_numbers
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import (
    Cell,
    Chance,
    Resampler,
    benjamini_hochberg,
    holm,
)
from infoplane.display.progress import progress as shown_progress
from infoplane.grids import Grid
from infoplane.types import Finding

_OPEN = ("estimator", "violation")
"""Verdicts that resampling may still explain away."""


@dataclass
class Comparison:
    """One pair of layers whose numbers break the inequality, on its way to a verdict.

    See docs/verdicts.md.

    Attributes:
        finding: its verdict so far.
        group: the pairs that Holm corrects together.
        chance: what resampling found; None where nothing was resampled.
    """

    finding: Finding
    group: ComparisonGroup
    chance: Chance | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has explained the excess yet."""
        return self.finding.verdict in _OPEN


@dataclass(frozen=True)
class CheckedPairs:
    """The comparisons of all pairs of layers.

    Attributes:
        number: how many there are.
        findings: one for each that is not simply ok.
        unlisted: how many cannot be made and got no finding of their own.
    """

    number: int
    findings: list[Finding]
    unlisted: int

    def limits(self) -> list[str]:
        """Return a sentence on what is counted only, where there is such."""
        if not self.unlisted:
            return []
        return [
            f"pairs: {self.unlisted:,} comparisons cannot be made (upstream does not cut the input "
            "off from downstream, or was reduced); they are counted and not listed: there are too "
            "many of them"
        ]


def check_pairs(
    evidence: Evidence,
    grids: Sequence[Grid],
    resampler: Resampler | None,
    settings: DPISettings,
    *,
    progress: bool = False,
) -> CheckedPairs:
    """Judge the numbers of every pair of layers.

    Args:
        evidence: certificate and activations behind the plane.
        grids: the points of the plane.
        resampler: tells an excess from chance; None leaves that out.
        settings: the level.
        progress: show how far it is, on stderr.

    Returns:
        The pairs that were compared, and a finding for each that is not simply ok.
    """
    compared = compare_numbers(evidence, grids)
    comparisons: list[Comparison] = []
    postponed: list[list[Comparison]] = []
    with shown_progress("judging", len(compared.groups), shown=progress) as advance:
        for group in compared.groups:
            members = _comparisons_of(group, evidence)
            comparisons += members
            still_open = [comparison for comparison in members if comparison.is_open]
            if resampler is not None and still_open:
                if not evidence.has_codes(group.estimator):
                    postponed.append(still_open)
                    continue
                # at once, while the codes of this step are held
                _resample(still_open, evidence, resampler, settings.alpha)
            advance()
        if resampler is not None:
            _resample_together(postponed, evidence, resampler, settings.alpha, advance)
    _apply_benjamini_hochberg(comparisons, compared.pairs, settings.alpha)
    findings = compared.settled + [comparison.finding for comparison in comparisons]
    return CheckedPairs(compared.pairs, findings, compared.unlisted)


def _comparisons_of(group: ComparisonGroup, evidence: Evidence) -> list[Comparison]:
    """Return the excesses of a group, each with the verdict that needs no resampling."""
    points = evidence.plane.points
    found = []
    for excess in group.excesses:
        finding = judge_excess(evidence, points[excess.upstream], points[excess.downstream])
        found.append(Comparison(finding, group))
    return found


def _resample(
    comparisons: Sequence[Comparison],
    evidence: Evidence,
    resampler: Resampler,
    alpha: float,
) -> None:
    """Ask for each of one group whether chance or few rows explain it.

    Holm corrects over the group.
    """
    tested: list[tuple[Comparison, Chance]] = []
    for comparison in comparisons:
        group, finding = comparison.group, comparison.finding
        chance = resampler.test(
            group.step,
            group.estimator,
            group.quantity,
            group.sense,
            finding.upstream,
            finding.downstream,
            finding.excess_bits,
        )
        if chance is not None:
            comparison.chance = chance
            tested.append((comparison, chance))
    if not tested:
        return
    tolerance = tolerance_bits(evidence.plane, group.estimator)
    adjusted = holm([chance.p for _, chance in tested], group.comparable)
    for (comparison, chance), p_value in zip(tested, adjusted, strict=True):
        comparison.finding = explain_excess(comparison.finding, chance, p_value, alpha, tolerance)


def _resample_together(
    groups: Sequence[Sequence[Comparison]],
    evidence: Evidence,
    resampler: Resampler,
    alpha: float,
    advance: Callable[[], object],
) -> None:
    """Resample groups whose estimator has no codes.

    The halves of one estimator's cells at one step are estimated at once.
    """

    def batch_of(members: Sequence[Comparison]) -> tuple[int, str]:
        return members[0].group.step, members[0].group.estimator

    batches = [list(same) for _, same in groupby(sorted(groups, key=batch_of), key=batch_of)]
    cells = [_cells_of(batch) for batch in batches]
    for batch, _ in zip(batches, resampler.prepare(cells), strict=True):
        for members in batch:
            _resample(members, evidence, resampler, alpha)
            advance()


def _cells_of(groups: Sequence[Sequence[Comparison]]) -> list[Cell]:
    """Return the cells at both ends of every excess."""
    cells = []
    for members in groups:
        for comparison in members:
            finding = comparison.finding
            cells.append((finding.step, finding.upstream, finding.estimator))
            cells.append((finding.step, finding.downstream, finding.estimator))
    return cells


def _apply_benjamini_hochberg(comparisons: Sequence[Comparison], pairs: int, alpha: float) -> None:
    """Take back what the number of pairs of the whole run explains."""
    suspects: list[tuple[Comparison, Chance]] = []
    for comparison in comparisons:
        if comparison.is_open and comparison.chance is not None:
            suspects.append((comparison, comparison.chance))
    adjusted = benjamini_hochberg([chance.p for _, chance in suspects], max(pairs, 1))
    for (comparison, chance), p_value in zip(suspects, adjusted, strict=True):
        if p_value > alpha:
            comparison.finding = explain_by_chance(
                comparison.finding, chance, p_value, "all pairs of the run"
            )
