"""From the excess of one pair of layers to its verdict.

Certificate, chance, bias of few rows. See docs/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.layer_laws import tolerance_bits
from infoplane.analysis.dpi.layer_pairs import ComparisonGroup, compare_numbers
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import Chance, Resampler, benjamini_hochberg, holm
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
        finding: what is said of it so far.
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

    def limit(self) -> str:
        """Say what was counted only; empty where nothing was."""
        if not self.unlisted:
            return ""
        return (
            f"pairs: {self.unlisted:,} comparisons cannot be made (upstream does not cut the input "
            "off from downstream, or was reduced); they are counted and not listed: there are too "
            "many of them"
        )


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
            still_open = [c for c in members if c.is_open]
            if resampler is not None and still_open and not evidence.has_codes(group.estimator):
                postponed.append(still_open)
                continue
            _resample(
                still_open, evidence, resampler, settings.alpha
            )  # the codes of a step are held
            advance()
        if resampler is not None:
            _resample_together(postponed, evidence, resampler, settings.alpha, advance)
    _apply_benjamini_hochberg(comparisons, compared.pairs, settings.alpha)
    findings = compared.settled + [c.finding for c in comparisons]
    return CheckedPairs(compared.pairs, findings, compared.unlisted)


def _comparisons_of(group: ComparisonGroup, evidence: Evidence) -> list[Comparison]:
    """Return the excesses of a group, each with the verdict that needs no resampling."""
    points = evidence.plane.points
    found = []
    for excess in group.excesses:
        finding = evidence.judge_excess(
            group.step,
            group.estimator,
            group.quantity,
            group.sense,
            points[excess.upstream],
            points[excess.downstream],
        )
        found.append(Comparison(finding, group))
    return found


def _resample(
    comparisons: Sequence[Comparison],
    evidence: Evidence,
    resampler: Resampler | None,
    alpha: float,
) -> None:
    """Ask for each of one group whether chance or few rows explain it.

    Holm corrects over the group.
    """
    if resampler is None:
        return
    for comparison in comparisons:
        group, finding = comparison.group, comparison.finding
        comparison.chance = resampler.test(
            group.step,
            group.estimator,
            group.quantity,
            group.sense,
            finding.upstream,
            finding.downstream,
            finding.excess_bits,
        )
    tested = [c for c in comparisons if c.chance is not None]
    if not tested:
        return
    group = tested[0].group
    tolerance = tolerance_bits(evidence.plane, group.estimator)
    chances = [c.chance for c in tested if c.chance is not None]
    adjusted = holm([chance.p for chance in chances], group.comparable)
    for comparison, chance, p in zip(tested, chances, adjusted, strict=True):
        comparison.finding = explain_excess(comparison.finding, chance, p, alpha, tolerance)


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
    cells = []
    for batch in batches:
        findings = [c.finding for members in batch for c in members]
        ends = [(f, layer) for f in findings for layer in (f.upstream, f.downstream)]
        cells.append([(f.step, layer, f.estimator) for f, layer in ends])
    for batch, _ in zip(batches, resampler.prepare(cells), strict=True):
        for members in batch:
            _resample(members, evidence, resampler, alpha)
            advance()


def _apply_benjamini_hochberg(comparisons: Sequence[Comparison], pairs: int, alpha: float) -> None:
    """Take back what the number of pairs of the whole run explains."""
    suspects = [(c, c.chance) for c in comparisons if c.is_open and c.chance is not None]
    adjusted = benjamini_hochberg([chance.p for _, chance in suspects], max(pairs, 1))
    for (comparison, chance), q in zip(suspects, adjusted, strict=True):
        if q > alpha:
            comparison.finding = _by_chance(comparison.finding, chance, q, "over the run")


def explain_excess(
    finding: Finding, chance: Chance, p: float, alpha: float, tolerance: float
) -> Finding:
    """Return the finding after steps 3 to 5 of docs/verdicts.md.

    Bias of the cells, chance, few rows.

    Args:
        finding: an excess that is open.
        chance: what resampling says of it.
        p: its p-value, adjusted over its group.
        alpha: the level.
        tolerance: bits that an excess may have.
    """
    finding = replace(finding, p=chance.p, stderr=chance.stderr)
    excess = finding.excess_bits
    if chance.corrected_bits is not None and chance.corrected_bits <= tolerance:
        text = (
            f"the excess of {excess:.3f} bits is the plug-in bias of its cells: corrected it is "
            f"{chance.corrected_bits:.3f}"
        )
        return replace(finding, verdict="ok", explanation=text)
    if p > alpha:
        return _by_chance(finding, chance, p, "over the pairs of this checkpoint")
    if chance.half_bits is not None and chance.half_bits - excess > excess / 2:
        text = (
            f"the excess shrinks with the rows ({chance.half_bits:.3f} bits at half of them, "
            f"{excess:.3f} at all): bias of the estimator, which more rows or coarser cells remove"
        )
        return replace(finding, verdict="bias", explanation=text)
    return finding


def _by_chance(finding: Finding, chance: Chance, p: float, over: str) -> Finding:
    text = f"chance explains the excess (p = {chance.p:.3g}, {p:.3g} {over}): more rows would tell"
    return replace(finding, verdict="sampling", explanation=text, p=chance.p, stderr=chance.stderr)
