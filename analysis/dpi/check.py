"""The data processing inequality, judged: every comparison gets a verdict that names its cause.

On a chain certified at capture a violation is never a property of the network. It is a broken pipeline (``fault``), an estimator that
breaks the chain after the fact (``estimator``), too few rows (``untestable``), or unexplained (``violation``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from infoplane.analysis.dpi.certificate import is_random_given, stale, with_newest_chain
from infoplane.analysis.dpi.episodes import episodes_of
from infoplane.analysis.dpi.equal_inputs import differing_layers
from infoplane.analysis.dpi.evidence import Evidence, archive_of, name_declared
from infoplane.analysis.dpi.layer_laws import broken_laws, tolerance_bits
from infoplane.analysis.dpi.layer_pairs import Family, compare
from infoplane.analysis.dpi.report_cache import read_report, report_path, store_report
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import (
    Chance,
    Resampler,
    benjamini_hochberg,
    holm,
)
from infoplane.display.progress import progress as shown_progress
from infoplane.grids import Grid, grids_of
from infoplane.plane import Plane, refuse_empty
from infoplane.types import VERDICTS, DPIReport, Finding

if TYPE_CHECKING:
    from infoplane.archive import Archive

USUAL = DPISettings()


def check_dpi(
    subject: Plane | Archive,
    settings: DPISettings = USUAL,
    *,
    archive: Archive | None = None,
    workers: int = 1,
    progress: bool = False,
) -> DPIReport:
    """Judge every law at every checkpoint; see `infoplane.types.VERDICTS` for what a verdict means.

    Pairs (i upstream of j, certified ``cut``): I(X;Z_j) <= I(X;Z_i) and I(Z_j;Y) <= I(Z_i;Y), and the exact codes of j must follow from
    those of i. Layers: 0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <= H(Y), I(Z;Y) <= I(X;Z). Tolerance: max(0.01 bit, 1 % of min(H(Y), log2 N)).
    A report is kept in the user's cache folder and read where the same is asked again, see `infoplane.analysis.dpi.report_cache`.

    Args:
        subject: a plane, or an archive (measured first, by the estimators of `choose_estimators`).
        settings: level, draws and seed.
        archive: the archive behind the plane, for the exact-code test; found by the plane's provenance when left out.
        workers: threads for measuring.
        progress: show how far measuring and judging are, on stderr.

    Raises:
        InputError: an empty plane.
    """
    if not isinstance(subject, Plane):
        from infoplane.analysis.measuring.measure import measure

        archive, subject = (
            subject,
            measure(subject, workers=workers, progress=progress),
        )
    path = report_path(subject, archive, settings)  # of the files as they are now
    known = read_report(path)
    if known is not None:
        return known
    report = _judge(subject, archive, settings, progress)
    store_report(report, path)
    return report


def _judge(
    plane: Plane, archive: Archive | None, settings: DPISettings, progress: bool
) -> DPIReport:
    refuse_empty(plane, "checking")
    limits: list[str] = []
    if archive is None:
        archive = archive_of(
            plane, limits, check=plane.chain is not None
        )  # without a certificate nothing in it is looked at
    plane = with_newest_chain(plane, archive)
    evidence, grids = Evidence(plane, archive), grids_of(plane)
    resampler = (
        Resampler(evidence, settings) if archive is not None and settings.permutations else None
    )
    if resampler is None:
        limits.append(
            "chance: without the archive (or with permutations=0) an excess cannot be told from sampling error and bias"
        )
    try:
        pairs = _pairs(plane, grids, evidence, resampler, settings.alpha, progress)
    finally:
        if resampler is not None:
            resampler.keep()  # also when interrupted: the next check goes on from there
    judged = [_leaks(plane, evidence, limits), pairs, broken_laws(plane, grids)]
    limits += evidence.limits()
    bad = [f for _, found in judged for f in found if f.verdict != "ok"]
    bad = name_declared(bad, plane.chain)
    rank = {verdict: k for k, verdict in enumerate(VERDICTS)}
    bad.sort(key=lambda f: (rank[f.verdict], -f.excess_bits, f.step))
    compared, verdicts = sum(n for n, _ in judged), Counter[str](f.verdict for f in bad)
    verdicts["ok"] = compared - len(bad)
    counts: dict[str, int] = {
        verdict: verdicts[verdict] for verdict in VERDICTS if verdicts[verdict]
    }
    return DPIReport(compared, tuple(bad), episodes_of(bad, plane.steps), counts, tuple(limits))


def _leaks(plane: Plane, evidence: Evidence, limits: list[str]) -> tuple[int, list[Finding]]:
    """The exact codes of every certified pair at every checkpoint: how many were compared, and those that leak."""
    compared, joined, found = 0, 0, list[Finding]()
    if evidence.archive is None or plane.chain is None:
        return compared, found
    cut, there = cut_pairs(plane), set(evidence.archive.steps)
    if gone := [step for step in plane.steps if step not in there]:
        limits.append(
            f"{len(gone)} of {len(plane.steps)} checkpoints, the first at step {gone[0]}: their activations are no longer in the run, so that exact codes are "
            "not compared there, and an excess cannot be told from sampling error and bias"
        )
    for step in [step for step in plane.steps if step in there]:
        if (mode := str(evidence.archive.meta(step).get("mode", "eval"))) != "eval":
            limits.append(
                f"exact codes at step {step}: captured in {mode} mode, equal inputs need not give equal codes"
            )
            continue
        alike = differing_layers(evidence, step)
        compared += len(alike)
        found += alike
        reason = stale(plane.chain, step)
        for up, down, leak in evidence.leaks(step, cut):
            compared += 1
            joined += leak.joined
            if leak.example is not None:
                text = (
                    f"rows {leak.example[0]} and {leak.example[1]} are equal at {up} but differ at {down} by more than rounding, although {up} cuts the input off: "
                    + (
                        reason
                        or "the layers do not come from one forward pass of one network; recapture this step"
                    )
                )
                found.append(
                    Finding(
                        "exact leak",
                        step,
                        up,
                        down,
                        leak.leak_bits,
                        "untestable" if reason else "fault",
                        text,
                        estimator="exact",
                        gain_bits=leak.gain_bits,
                    )
                )
    if joined:
        limits.append(
            f"rounding: {joined} row codes differed in the last bits only and were joined (a float32 product is not row-deterministic)"
        )
    return compared, found


def cut_pairs(plane: Plane) -> list[tuple[str, str]]:
    """Certified pairs by the layer downstream, the layer just above it first."""
    chain, layers = plane.chain, plane.layers
    if chain is None:
        return []
    return [
        (up, down)
        for j, down in enumerate(layers)
        for up in layers[:j][::-1]
        if chain.separates(up, down) and not is_random_given(chain, up, down)
    ]


def _pairs(
    plane: Plane,
    grids: Sequence[Grid],
    evidence: Evidence,
    resampler: Resampler | None,
    alpha: float,
    progress: bool,
) -> tuple[int, list[Finding]]:
    """The numbers of every pair of layers: how many were compared, and those that were not simply ok."""
    compared = compare(evidence, grids)
    found: list[Finding] = []  # what became of the excesses
    suspects: list[tuple[int, Chance]] = []  # place in found, and what resampling says
    later: dict[
        tuple[int, str], list[tuple[Family, list[int]]]
    ] = {}  # places of excesses of a family

    def resample(family: Family, places: list[int]) -> None:
        each = []
        for k in places:
            f = found[k]
            if (
                resampler is not None
                and (tested := resampler.test(*family.of, f.upstream, f.downstream, f.excess_bits))
                is not None
            ):
                each.append((k, tested))
        for (k, tested), p in zip(
            each, holm([t.p for _, t in each], family.comparable), strict=True
        ):
            found[k] = judged_by_chance(
                found[k], tested, p, alpha, tolerance_bits(plane, found[k].estimator)
            )
            if found[k].verdict in ("estimator", "violation"):
                suspects.append((k, tested))

    with shown_progress("judging", len(compared.families), shown=progress) as advance:
        for family in compared.families:
            start = len(found)
            found += [
                evidence.judge_excess(*family.of, plane.points[up], plane.points[down])
                for up, down in family.excesses
            ]
            places = [
                k
                for k in range(start, len(found))
                if found[k].verdict in ("estimator", "violation")
            ]
            if resampler is not None and places and not evidence.celled(family.of[1]):
                later.setdefault(family.of[:2], []).append((family, places))
                continue
            resample(family, places)  # while the codes of this step are held
            advance()
        if resampler is not None:
            excesses = ([found[k] for _, places in some for k in places] for some in later.values())
            cells = [
                [(f.step, layer, f.estimator) for f in fs for layer in (f.upstream, f.downstream)]
                for fs in excesses
            ]
            for some, _ in zip(later.values(), resampler.prepare(cells), strict=True):
                for family, places in some:
                    resample(family, places)
                    advance()
    for (k, tested), q in zip(
        suspects,
        benjamini_hochberg([t.p for _, t in suspects], max(compared.pairs, 1)),
        strict=True,
    ):
        if q > alpha:
            found[k] = _chance(found[k], tested, q, "over the run")
    return compared.pairs, compared.settled + found


def judged_by_chance(
    finding: Finding, tested: Chance, p: float, alpha: float, tolerance: float
) -> Finding:
    """Steps 3 to 5 of the procedure: corrected excess within tolerance, chance, shrinking with the rows."""
    finding = replace(finding, p=tested.p, stderr=tested.stderr)
    if tested.corrected_bits is not None and tested.corrected_bits <= tolerance:
        text = f"the excess of {finding.excess_bits:.3f} bits is the plug-in bias of its cells: corrected it is {tested.corrected_bits:.3f}"
        return replace(finding, verdict="ok", explanation=text)
    if p > alpha:
        return _chance(finding, tested, p, "over the pairs of this checkpoint")
    if (
        tested.half_bits is not None
        and tested.half_bits - finding.excess_bits > finding.excess_bits / 2
    ):
        text = (
            f"the excess shrinks with the rows ({tested.half_bits:.3f} bits at half of them, {finding.excess_bits:.3f} at all): "
            "bias of the estimator, which more rows or coarser cells remove"
        )
        return replace(finding, verdict="bias", explanation=text)
    return finding


def _chance(finding: Finding, tested: Chance, p: float, over: str) -> Finding:
    text = f"chance explains the excess (p = {tested.p:.3g}, {p:.3g} {over}): more rows would tell"
    return replace(finding, verdict="sampling", explanation=text, p=tested.p, stderr=tested.stderr)


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The first finding of the worst verdict, None when there is none."""
    return min(findings, key=lambda f: VERDICTS.index(f.verdict), default=None)
