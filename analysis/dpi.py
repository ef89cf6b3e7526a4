"""The data processing inequality, judged: every comparison gets a verdict that names its cause.

On a chain certified at capture a violation is never a property of the network. It is a broken pipeline (``fault``), an estimator that
breaks the chain after the fact (``estimator``), too few rows (``untestable``), or unexplained (``violation``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infoplane.analysis.episodes import episodes_of
from infoplane.analysis.evidence import Evidence
from infoplane.analysis.laws import layer_findings
from infoplane.errors import InfoplaneError, InputError
from infoplane.plane import Plane, Point
from infoplane.types import VERDICTS, DPIReport, Finding, Verdict

if TYPE_CHECKING:
    from infoplane.archive import Archive

DEFAULT_ESTIMATORS = ("bin:szt", "exact")
"""What `check_dpi` measures when it is given an archive."""


def check_dpi(subject: Plane | Archive, *, archive: Archive | None = None, workers: int = 1) -> DPIReport:
    """Judge every law at every checkpoint; see `infoplane.types.VERDICTS` for what a verdict means.

    Pairs (i upstream of j, certified ``cut``): I(X;Z_j) <= I(X;Z_i) and I(Z_j;Y) <= I(Z_i;Y), and the exact codes of j must follow from
    those of i. Layers: 0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <= H(Y), I(Z;Y) <= I(X;Z). Tolerance: max(0.01 bit, 1 % of min(H(Y), log2 N)).

    Args:
        subject: a plane, or an archive (measured by `DEFAULT_ESTIMATORS` first).
        archive: the archive behind the plane, for the exact-code test; found by the plane's provenance when left out.
        workers: threads for measuring.

    Raises:
        InputError: an empty plane.
    """
    if not isinstance(subject, Plane):
        from infoplane.analysis.measure import measure

        archive, subject = subject, measure(subject, DEFAULT_ESTIMATORS, workers=workers)
    plane = subject
    if not plane.points:
        failed = f"; {len(plane.failures)} cells could not be measured, first: {plane.failures[0].message}" if plane.failures else ""
        raise InputError(f"the plane is empty: measure at least one checkpoint before checking it{failed}")
    limits: list[str] = []
    if archive is None:
        archive = _archive_of(plane, limits)
    evidence = Evidence(plane, archive)
    findings = [*_leaks(plane, evidence, limits), *_pairs(plane, evidence), *layer_findings(plane)]
    limits += evidence.limits()
    bad = [f for f in findings if f.verdict != "ok"]
    bad.sort(key=lambda f: (VERDICTS.index(f.verdict), -f.excess_bits, f.step))
    return DPIReport(len(findings), tuple(bad), episodes_of(bad, plane.steps), dict(Counter(f.verdict for f in findings)), tuple(limits))


def _archive_of(plane: Plane, limits: list[str]) -> Archive | None:
    from infoplane.archive import open_archive

    path = plane.provenance.get("archive", "")
    if not path or not Path(path).exists():
        limits.append("exact codes: the archive behind this plane is not at hand; give archive= to test for broken pipelines")
        return None
    try:
        archive = open_archive(path)
    except InfoplaneError as error:
        limits.append(f"exact codes: {error}")
        return None
    if archive.run_uuid != plane.provenance.get("run_uuid", archive.run_uuid):
        limits.append(f"exact codes: {path} is another run than the one measured")
        return None
    return archive


def _leaks(plane: Plane, evidence: Evidence, limits: list[str]) -> Iterable[Finding]:
    """Exact-code leak of every certified pair at every checkpoint."""
    if evidence.archive is None or plane.chain is None:
        return
    joined = 0
    for step in plane.steps:
        if evidence.mode(step) != "eval":
            limits.append(f"exact codes at step {step}: captured in {evidence.mode(step)} mode, equal inputs need not give equal codes")
            continue
        for up, down in _cut_pairs(plane):
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


def _pairs(plane: Plane, evidence: Evidence) -> Iterable[Finding]:
    by_place: dict[tuple[int, str, str, str], dict[str, Point]] = {}
    for point in plane.points:
        by_place.setdefault((point.step, point.estimator, point.quantity, point.sense), {})[point.layer] = point
    for (step, estimator, quantity, sense), layers in by_place.items():
        if evidence.exempt(estimator):
            continue
        names = [name for name in plane.layers if name in layers]
        for i, up in enumerate(names):
            for down in names[i + 1 :]:
                yield evidence.judge_pair(step, estimator, quantity, sense, layers[up], layers[down])


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The first finding of the worst verdict, None when there is none."""
    return min(findings, key=lambda f: VERDICTS.index(f.verdict), default=None)
