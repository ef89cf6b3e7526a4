"""The data processing inequality, judged: every comparison gets a verdict that names its cause.

On a chain certified at capture a violation is never a property of the network. It is a broken pipeline (``fault``), an estimator that
breaks the chain after the fact (``estimator``), too few rows (``untestable``), or unexplained (``violation``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from infoplane.analysis.episodes import episodes_of
from infoplane.analysis.evidence import Evidence, archive_of
from infoplane.analysis.laws import layer_findings, tolerance_bits
from infoplane.analysis.resample import Chance, Resampler, benjamini_hochberg, holm, in_time
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.progress import progress as shown_progress
from infoplane.types import VERDICTS, DPIReport, Finding, Verdict

if TYPE_CHECKING:
    from infoplane.archive import Archive

Family = tuple[int, str, str, str]
"""Step, estimator, quantity and sense."""
DEFAULT_ESTIMATORS = ("bin:szt", "exact")
"""What `check_dpi` measures when it is given an archive."""


def check_dpi(
    subject: Plane | Archive,
    *,
    archive: Archive | None = None,
    workers: int = 1,
    alpha: float = 0.05,
    permutations: int = 1999,
    splits: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> DPIReport:
    """Judge every law at every checkpoint; see `infoplane.types.VERDICTS` for what a verdict means.

    Pairs (i upstream of j, certified ``cut``): I(X;Z_j) <= I(X;Z_i) and I(Z_j;Y) <= I(Z_i;Y), and the exact codes of j must follow from
    those of i. Layers: 0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <= H(Y), I(Z;Y) <= I(X;Z). Tolerance: max(0.01 bit, 1 % of min(H(Y), log2 N)).
    The report is kept in the user's cache folder (``INFOPLANE_CACHE``; empty for no keeping), so that `infoplane plot` and `check` need not judge again.

    Args:
        subject: a plane, or an archive (measured by `DEFAULT_ESTIMATORS` first).
        archive: the archive behind the plane, for the exact-code test; found by the plane's provenance when left out.
        workers: threads for measuring.
        alpha: an excess that chance explains at this level (Holm over the pairs of a checkpoint, Benjamini-Hochberg over the run) is ``sampling``.
        permutations: draws of the conditional permutation test of I(Z;Y) with codes. 0 leaves ``sampling`` and ``bias`` out.
        splits: half-sample splits, for estimators without codes and for the question whether the excess shrinks with the rows.
        seed: of both.
        progress: show how far measuring and judging are, on stderr.

    Raises:
        InputError: an empty plane, or alpha outside (0, 1).
    """
    if not isinstance(subject, Plane):
        from infoplane.analysis.measure import measure

        archive, subject = subject, measure(subject, DEFAULT_ESTIMATORS, workers=workers, progress=progress)
    return judge(subject, archive=archive, alpha=alpha, permutations=permutations, splits=splits, seed=seed, progress=progress)


def judge(
    plane: Plane,
    *,
    archive: Archive | None,
    alpha: float,
    permutations: int,
    splits: int,
    seed: int,
    progress: bool = False,
    until: float = math.inf,
) -> DPIReport:
    """`check_dpi` of a plane; given up, and nothing kept, when `time.monotonic` passes ``until``.

    Raises:
        OutOfTime: it did. InputError: as `check_dpi`.
    """
    from infoplane.analysis.kept import keep

    if not 0 < alpha < 1:
        raise InputError(f"alpha is a level between 0 and 1, got {alpha}")
    if not plane.points:
        failed = f"; {len(plane.failures)} cells could not be measured, first: {plane.failures[0].message}" if plane.failures else ""
        raise InputError(f"the plane is empty: measure at least one checkpoint before checking it{failed}")
    limits: list[str] = []
    if archive is None:
        archive = archive_of(plane, limits)
    evidence = Evidence(plane, archive)
    resampler = (
        Resampler(evidence, permutations=permutations, splits=splits, seed=seed, until=until)
        if archive is not None and permutations
        else None
    )
    if resampler is None:
        limits.append("chance: without the archive (or with permutations=0) an excess cannot be told from sampling error and bias")
    try:
        pairs = _pairs(plane, evidence, resampler, alpha, progress, until)
    finally:
        if resampler is not None:
            resampler.keep()  # also when given up: whoever judges next goes on from there
    findings = [*_leaks(plane, evidence, limits, until), *pairs, *layer_findings(plane)]
    limits += evidence.limits()
    bad = [f for f in findings if f.verdict != "ok"]
    bad.sort(key=lambda f: (VERDICTS.index(f.verdict), -f.excess_bits, f.step))
    report = DPIReport(len(findings), tuple(bad), episodes_of(bad, plane.steps), dict(Counter(f.verdict for f in findings)), tuple(limits))
    keep(report, plane, archive, {"alpha": alpha, "permutations": permutations, "splits": splits, "seed": seed})
    return report


def _leaks(plane: Plane, evidence: Evidence, limits: list[str], until: float) -> Iterable[Finding]:
    """Exact-code leak of every certified pair at every checkpoint."""
    if evidence.archive is None or plane.chain is None:
        return
    joined, cut, there = 0, _cut_pairs(plane), set(evidence.archive.steps)
    if gone := [step for step in plane.steps if step not in there]:
        limits.append(
            f"{len(gone)} of {len(plane.steps)} checkpoints, the first at step {gone[0]}: their activations are no longer in the run, so that exact codes are "
            "not compared there, and an excess cannot be told from sampling error and bias"
        )
    for step in [step for step in plane.steps if step in there]:
        in_time(until)
        if (mode := str(evidence.archive.meta(step).get("mode", "eval"))) != "eval":
            limits.append(f"exact codes at step {step}: captured in {mode} mode, equal inputs need not give equal codes")
            continue
        for up, down in cut:
            found = evidence.leak(step, up, down)
            if found is None:
                continue
            joined += found.joined
            verdict: Verdict = "fault" if found.leak_bits > 0 else "ok"
            rows = found.example
            text = (
                f"rows {rows[0]} and {rows[1]} are equal at {up} but differ at {down} by more than rounding, although {up} cuts the input off: "
                "the layers do not come from one forward pass of one network; recapture this step"
                if rows
                else "codes downstream follow from codes upstream"
            )
            yield Finding("exact leak", step, up, down, found.leak_bits, verdict, text, estimator="exact", gain_bits=found.gain_bits)
    if joined:
        limits.append(
            f"rounding: {joined} row codes differed in the last bits only and were joined (a float32 product is not row-deterministic)"
        )


def _cut_pairs(plane: Plane) -> list[tuple[str, str]]:
    if plane.chain is None:
        return []
    return [(a, b) for i, a in enumerate(plane.layers) for b in plane.layers[i + 1 :] if plane.chain.relation(a, b) == "cut"]


def _pairs(plane: Plane, evidence: Evidence, resampler: Resampler | None, alpha: float, progress: bool, until: float) -> list[Finding]:
    found: list[Finding] = []
    suspects: list[tuple[int, Chance]] = []  # place in found, and what resampling says
    families = _families(plane, evidence)
    later: dict[tuple[int, str], list[tuple[Family, list[int], int]]] = {}  # places of excesses of a family, and how many pairs it compares

    def resample(family: Family, places: list[int], comparable: int) -> None:
        each = []
        for k in places:
            f = found[k]
            if resampler is not None and (tested := resampler.test(*family, f.upstream, f.downstream, f.excess_bits)) is not None:
                each.append((k, tested))
        for (k, tested), p in zip(each, holm([t.p for _, t in each], comparable), strict=True):
            found[k] = _judged(found[k], tested, p, alpha, tolerance_bits(plane, found[k].estimator))
            if found[k].verdict in ("estimator", "violation"):
                suspects.append((k, tested))

    with shown_progress("judging", len(families), shown=progress) as advance:
        for family, layers in families.items():
            in_time(until)
            start = len(found)
            found += [
                evidence.judge_pair(*family, layers[up], layers[down])
                for up, down in combinations([name for name in plane.layers if name in layers], 2)
            ]
            places = [k for k in range(start, len(found)) if found[k].verdict in ("estimator", "violation")]
            comparable = sum(f.verdict != "not comparable" for f in found[start:])
            if resampler is not None and places and not evidence.celled(family[1]):
                later.setdefault(family[:2], []).append((family, places, comparable))
                continue
            resample(family, places, comparable)  # while the codes of this step are held
            advance()
        if resampler is not None:
            excesses = ([found[k] for _, places, _ in some for k in places] for some in later.values())
            cells = [[(f.step, layer, f.estimator) for f in fs for layer in (f.upstream, f.downstream)] for fs in excesses]
            for some, _ in zip(later.values(), resampler.prepare(cells), strict=True):
                for family, places, comparable in some:
                    resample(family, places, comparable)
                    advance()
    for (k, tested), q in zip(suspects, benjamini_hochberg([t.p for _, t in suspects], max(len(found), 1)), strict=True):
        if q > alpha:
            found[k] = _chance(found[k], tested, q, "over the run")
    return found


def _judged(finding: Finding, tested: Chance, p: float, alpha: float, tolerance: float) -> Finding:
    """Steps 3 to 5 of the procedure: corrected excess within tolerance, chance, shrinking with the rows."""
    finding = replace(finding, p=tested.p, stderr=tested.stderr)
    if tested.corrected_bits is not None and tested.corrected_bits <= tolerance:
        text = f"the excess of {finding.excess_bits:.3f} bits is the plug-in bias of its cells: corrected it is {tested.corrected_bits:.3f}"
        return replace(finding, verdict="ok", explanation=text)
    if p > alpha:
        return _chance(finding, tested, p, "over the pairs of this checkpoint")
    if tested.half_bits is not None and tested.half_bits - finding.excess_bits > finding.excess_bits / 2:
        text = (
            f"the excess shrinks with the rows ({tested.half_bits:.3f} bits at half of them, {finding.excess_bits:.3f} at all): "
            "bias of the estimator, which more rows or coarser cells remove"
        )
        return replace(finding, verdict="bias", explanation=text)
    return finding


def _chance(finding: Finding, tested: Chance, p: float, over: str) -> Finding:
    text = f"chance explains the excess (p = {tested.p:.3g}, {p:.3g} {over}): more rows would tell"
    return replace(finding, verdict="sampling", explanation=text, p=tested.p, stderr=tested.stderr)


def _families(plane: Plane, evidence: Evidence) -> dict[Family, dict[str, Point]]:
    """The points of each checkpoint, estimator, quantity and sense by layer: their pairs are the family that Holm's correction is over."""
    by_place: dict[Family, dict[str, Point]] = {}
    for point in plane.points:
        if not evidence.exempt(point.estimator):
            by_place.setdefault((point.step, point.estimator, point.quantity, point.sense), {})[point.layer] = point
    return by_place


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The first finding of the worst verdict, None when there is none."""
    return min(findings, key=lambda f: VERDICTS.index(f.verdict), default=None)
