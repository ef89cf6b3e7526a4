"""The data processing inequality, judged.

Every comparison gets a verdict that names its cause.

On a chain certified at capture a violation is never a property of the network. It is a broken
pipeline (``fault``), an estimator that breaks the chain after the fact (``estimator``), too few
rows (``untestable``), or unexplained (``violation``).
"""

from __future__ import annotations

from collections.abc import Sequence

from infoplane.analysis.dpi.certificate import with_newest_chain
from infoplane.analysis.dpi.check_pairs import CheckedPairs, check_pairs
from infoplane.analysis.dpi.episodes import episodes_of
from infoplane.analysis.dpi.evidence import Evidence, archive_of, name_declared
from infoplane.analysis.dpi.layer_laws import broken_laws
from infoplane.analysis.dpi.leaks import find_leaks
from infoplane.analysis.dpi.report_cache import read_report, report_path, store_report
from infoplane.analysis.dpi.settings import DPISettings
from infoplane.analysis.dpi.significance import Resampler
from infoplane.analysis.measuring.arguments import Run, open_run
from infoplane.analysis.measuring.measure import measure
from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.grids import Grid, grids_of
from infoplane.plane import Plane, require_plane
from infoplane.types import VERDICTS, DPIReport, Finding

USUAL = DPISettings()


def check_dpi(
    subject: Plane | Run,
    settings: DPISettings = USUAL,
    *,
    archive: Run | None = None,
    workers: int = 1,
    progress: bool = False,
) -> DPIReport:
    """Judge every law at every checkpoint.

    See `infoplane.types.VERDICTS` for what a verdict means.

    Pairs (i upstream of j, certified ``cut``): I(X;Z_j) <= I(X;Z_i) and I(Z_j;Y) <= I(Z_i;Y), and
    the exact codes of j must follow from those of i. Layers: 0 <= I(X;Z) <= H(X), 0 <= I(Z;Y) <=
    H(Y), I(Z;Y) <= I(X;Z). Tolerance: max(0.01 bit, 1 % of min(H(Y), log2 N)). A report is kept in
    the user's cache folder and read where the same is asked again, see
    `infoplane.analysis.dpi.report_cache`.

    Args:
        subject: a plane, or a run or its path (measured first, by the estimators of
            `choose_estimators`).
        settings: level, draws and seed.
        archive: the run behind the plane or its path, for the exact-code test; found by the
            plane's provenance when left out.
        workers: threads for measuring.
        progress: show how far measuring and judging are, on stderr.

    When it lies: a layer whose rows are in another order is found only where rows coincide
    upstream, since any order of distinct rows is a function of the layer below. Two rows count as
    equal where they differ by less than 1e-5 of the largest value of the layer, so that a leak into
    units a hundred thousand times smaller is taken for rounding.

    Raises:
        InputError: an empty plane, or the archive of another run.

    Example:
        >>> import tempfile, numpy as np, infoplane as ip
        >>> x = np.arange(8) % 4
        >>> layers = {"a": x[:, None] * 1.0, "b": np.arange(8)[:, None] * 1.0}
        >>> to = tempfile.mkdtemp() + "/run"
        >>> run = ip.from_arrays(layers, x=x, y=x % 2, to=to, chain="sequential")
        >>> found = check_dpi(run.path).findings[0]  # equal rows of a differ at b
        >>> found.verdict, found.downstream
        ('fault', 'b')
    """
    if not isinstance(settings, DPISettings):
        raise InputError(f"settings: expected DPISettings, got {settings!r}")
    archive = None if archive is None else open_run(archive)
    if not isinstance(subject, Plane):
        archive = open_run(subject)
        subject = measure(archive, workers=workers, progress=progress)
    run_uuid = subject.provenance.get("run_uuid")
    if archive is not None and run_uuid not in (None, archive.run_uuid):
        raise InputError(f"{archive.path} is another run than the one that the plane was made of")
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
    require_plane(plane, "checking")
    limits: list[str] = []
    if archive is None:  # without a certificate nothing in it is looked at
        archive = archive_of(plane, limits, check=plane.chain is not None)
    plane = with_newest_chain(plane, archive)
    evidence, grids = Evidence(plane, archive), grids_of(plane)
    pairs = _judge_pairs(evidence, grids, settings, limits, progress)
    parts = [
        find_leaks(evidence, limits),
        (pairs.number, pairs.findings),
        broken_laws(plane, grids),
    ]
    limits += [*evidence.limits(), *pairs.limits()]
    compared = 0
    findings: list[Finding] = []
    for number, members in parts:
        compared += number
        findings += [finding for finding in members if finding.verdict != "ok"]
    findings = name_declared(findings, plane.chain)
    findings.sort(key=lambda found: (VERDICTS.index(found.verdict), -found.excess_bits, found.step))
    counts = _counts(findings, compared, pairs.unlisted)
    episodes = episodes_of(findings, plane.steps)
    return DPIReport(compared, tuple(findings), episodes, counts, tuple(limits))


def _judge_pairs(
    evidence: Evidence,
    grids: Sequence[Grid],
    settings: DPISettings,
    limits: list[str],
    progress: bool,
) -> CheckedPairs:
    """Judge every pair of layers, and write down what was resampled for the next check."""
    if evidence.archive is None or not settings.permutations:
        limits.append(
            "chance: without the archive (or with permutations=0) an excess cannot be told from "
            "sampling error and bias"
        )
        return check_pairs(evidence, grids, None, settings, progress=progress)
    resampler = Resampler(evidence, settings)
    try:
        return check_pairs(evidence, grids, resampler, settings, progress=progress)
    finally:
        resampler.keep()  # also when interrupted: the next check goes on from there


def _counts(findings: Sequence[Finding], compared: int, unlisted: int) -> dict[str, int]:
    """Return how many comparisons have each verdict; verdicts that none has are left out."""
    verdicts = [finding.verdict for finding in findings]
    counts: dict[str, int] = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
    counts["not comparable"] += unlisted
    counts["ok"] = compared - len(findings) - unlisted
    return {verdict: number for verdict, number in counts.items() if number}
