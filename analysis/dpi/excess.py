"""What explains the excess of one pair of layers.

Certificate and codes first, then what resampling says. See docs/verdicts.md.
"""

from __future__ import annotations

from dataclasses import replace

from infoplane.analysis.dpi.certificate import stale
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.exact_codes import conditional_entropy_bits
from infoplane.analysis.dpi.significance import Chance
from infoplane.plane import Point
from infoplane.types import Finding

_NAMES = {"i_xz": "I(X;Z)", "i_zy": "I(Z;Y)"}


def law_of_pairs(quantity: str, sense: str) -> str:
    """Name the inequality between layers in findings; the two bounds are two series."""
    return f"{_NAMES[quantity]} pair" + (f", {sense}" if sense in ("upper", "lower") else "")


def judge_excess(evidence: Evidence, up: Point, down: Point) -> Finding:
    """Judge an excess by the first step of docs/verdicts.md that decides.

    Args:
        evidence: certificate and activations behind the plane.
        up, down: points of one checkpoint, estimator, quantity and sense, upstream and downstream.
    """
    spec = up.estimator
    traits = evidence.traits(spec)
    finding = Finding(
        law_of_pairs(up.quantity, up.sense),
        up.step,
        up.layer,
        down.layer,
        down.bits - up.bits,
        "violation",
        f"{spec} keeps the chain, yet {down.layer} exceeds {up.layer}: a bug in the estimator or "
        "the capture",
        estimator=spec,
    )
    if traits.family == "exact codes":
        judged = _judge_exact_codes(evidence, finding)
        if judged is not None:
            return judged
    elif _inflated(up, down) and _few_rows(up, down):
        text = (
            f"most rows are alone in their cell under {spec}: the excess cannot be told from "
            "sampling; take coarser cells"
        )
        return replace(finding, verdict="untestable", explanation=text)
    if not traits.keeps_chain:
        return _judge_estimator(evidence, finding)
    reason = stale(evidence.plane.chain, up.step)
    return replace(finding, verdict="untestable", explanation=reason) if reason else finding


def _judge_exact_codes(evidence: Evidence, finding: Finding) -> Finding | None:
    """Judge an excess of exact codes; None where a layer was not captured."""
    chain, up, down = evidence.plane.chain, finding.upstream, finding.downstream
    # equal rows upstream may differ there, since noise comes in between
    if chain is not None and chain.random_behind(up, down):
        text = (
            f"{down} draws noise: the entropy of its rows is not I(X;Z); estimate it from draws, "
            "or from the noise"
        )
        return replace(finding, verdict="not comparable", explanation=text)
    leak = evidence.leak(finding.step, up, down)
    if leak is None:
        return None
    finding = replace(finding, surplus_bits=leak.surplus_bits)
    if leak.leak_bits <= 0:
        text = f"{leak.joined} rows differ by rounding only"
        return replace(finding, verdict="ok", explanation=text)
    reason = stale(chain, finding.step)
    if reason:
        return replace(finding, verdict="untestable", explanation=reason)
    text = f"codes at {down} do not follow from codes at {up}: the pipeline broke the chain"
    return replace(finding, verdict="fault", explanation=text)


def _judge_estimator(evidence: Evidence, finding: Finding) -> Finding:
    """Return the finding on an estimator that breaks the chain, and by how much where it codes."""
    spec, parts = finding.estimator, ""
    upstream = evidence.codes(finding.step, finding.upstream, spec)
    downstream = evidence.codes(finding.step, finding.downstream, spec)
    if upstream is not None and downstream is not None:
        surplus = conditional_entropy_bits(downstream, upstream)
        deficit = conditional_entropy_bits(upstream, downstream)
        parts = f" (gained {surplus:.3f}, lost {deficit:.3f} bits)"
        finding = replace(finding, surplus_bits=surplus, deficit_bits=deficit)
    text = (
        f"{spec} is applied after the fact and breaks the chain{parts}: compare with `exact`, or "
        "quantise inside the network"
    )
    return replace(finding, verdict="estimator", explanation=text)


def _inflated(up: Point, down: Point) -> bool:
    """Return whether saturation could have made the excess.

    The ceiling cuts I(X;Z) off from above (upstream only), but pushes I(Z;Y) up (either).
    """
    return up.estimate.saturated or (up.quantity == "i_zy" and down.estimate.saturated)


def _few_rows(up: Point, down: Point) -> bool:
    shares = [point.estimate.coverage for point in (up, down)]
    return any(share is not None and share < 0.5 for share in shares)


def explain_excess(
    finding: Finding, chance: Chance, p_value: float, alpha: float, tolerance: float
) -> Finding:
    """Return the finding after steps 3 to 5 of docs/verdicts.md.

    Bias of the cells, chance, few rows.

    Args:
        finding: an excess that is open.
        chance: what resampling says of it.
        p_value: its p-value, adjusted over its group.
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
    if p_value > alpha:
        return explain_by_chance(finding, chance, p_value, "all pairs of this checkpoint")
    if chance.half_bits is not None and chance.half_bits - excess > excess / 2:
        text = (
            f"the excess shrinks with the rows ({chance.half_bits:.3f} bits at half of them, "
            f"{excess:.3f} at all): bias of the estimator, which more rows or coarser cells remove"
        )
        return replace(finding, verdict="bias", explanation=text)
    return finding


def explain_by_chance(finding: Finding, chance: Chance, adjusted: float, over: str) -> Finding:
    """Return the finding as one that sampling explains.

    Args:
        finding: an excess.
        chance: what resampling says of it.
        adjusted: its p-value, adjusted for the number of comparisons.
        over: which comparisons these are, as a noun.
    """
    text = (
        f"chance explains the excess: p = {chance.p:.3g} for this pair alone, {adjusted:.3g} "
        f"corrected for {over}; more rows would tell"
    )
    return replace(finding, verdict="sampling", explanation=text, p=chance.p, stderr=chance.stderr)
