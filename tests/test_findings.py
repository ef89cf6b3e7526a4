"""What a report of a check prints: verdicts, episodes, reasons."""

from __future__ import annotations

from infoplane.analysis.dpi.episodes import episodes_of
from infoplane.types import DPIReport, Finding


def report_on(findings: list[Finding]) -> DPIReport:
    """A report of these findings at one checkpoint."""
    counts = {finding.verdict: 1 for finding in findings}
    return DPIReport(
        len(findings), tuple(findings), episodes_of(findings, [0]), counts, ("a limit",)
    )


def not_comparable(up: str, down: str, reason: str) -> Finding:
    return Finding("I(X;Z) pair", 0, up, down, 0.25, "not comparable", f"{up} and {down}: {reason}")


SKIP = [
    not_comparable(up, down, "skip 1")
    for up, down in (("fc1", "fc10"), ("fc1", "fc2"), ("fc10", "fc2"))
]
REDUCED = not_comparable("fc2", "fc3", "reduced")
BIAS = Finding("I(X;Z) pair", 0, "fc1", "fc4", 0.1, "bias", "bias of the bins")


def test_layers_that_cannot_be_compared_are_one_line_for_each_reason() -> None:
    lines = str(report_on([*SKIP, REDUCED, BIAS])).splitlines()
    assert [line for line in lines if "not comparable" in line][1:] == [
        "  not comparable: 3 comparisons of 3 pairs of layers, such as: fc1 and fc10: skip 1",
        "  not comparable: 1 comparison: fc2 and fc3: reduced",
    ]
    assert sum("fc4" in line for line in lines) == 1 and lines[-1] == "  not judged: a limit"


def test_every_episode_is_listed_where_all_are_wanted() -> None:
    report = report_on([*SKIP, REDUCED, BIAS])
    assert len(report.judged_episodes) == 1
    listed = [line for line in report.text(verbose=True).splitlines() if "worst" in line]
    assert len(listed) == len(report.episodes) == len(report.rows())


def test_a_notebook_shows_reasons_and_no_episodes_without_a_verdict() -> None:
    shown = report_on([*SKIP, BIAS])._repr_html_()
    assert shown.count("<tr>") == 2 and "3 pairs of layers, such as: fc1 and fc10" in shown
