"""Exact codes along the certified chain.

A layer that says more than the one that cuts it off from X leaks.
"""

from __future__ import annotations

from infoplane.analysis.dpi.certificate import certified_pairs, stale
from infoplane.analysis.dpi.equal_inputs import differing_layers
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.exact_codes import Leak
from infoplane.types import Finding


def find_leaks(evidence: Evidence, limits: list[str]) -> tuple[int, list[Finding]]:
    """Compare the exact codes of every certified pair at every checkpoint.

    Args:
        evidence: certificate and activations behind the plane.
        limits: sentences on what could not be compared are added.

    Returns:
        How many comparisons were made, and a finding for each leak.
    """
    plane, archive = evidence.plane, evidence.archive
    if archive is None or plane.chain is None:
        return 0, []
    compared, joined, in_small_units = 0, 0, 0
    findings: list[Finding] = []
    pairs = certified_pairs(plane)
    for step in _steps_at_hand(evidence, limits):
        mode = str(archive.meta(step).get("mode", "eval"))
        if mode != "eval":
            limits.append(
                f"exact codes at step {step}: captured in {mode} mode, equal inputs need not give "
                "equal codes"
            )
            continue
        differing = differing_layers(evidence, step)
        compared += len(differing)
        findings += differing
        for up, down, leak in evidence.leaks(step, pairs):
            compared += 1
            joined += leak.joined
            in_small_units += leak.in_small_units
            if leak.example is not None:
                findings.append(_finding(step, up, down, leak, stale(plane.chain, step)))
    if joined:
        limits.append(
            f"rounding: {joined} row codes differed in the last bits only and were joined (a "
            "float32 product is not row-deterministic)"
        )
    if in_small_units:
        limits.append(
            f"rounding: {in_small_units} of these differ in units of tiny values, beside which the "
            "largest value of the layer is huge: a leak into such a unit cannot be told from "
            "rounding"
        )
    return compared, findings


def _steps_at_hand(evidence: Evidence, limits: list[str]) -> list[int]:
    """Return the checkpoints of the plane whose activations are still in the run."""
    steps = evidence.plane.steps
    there = set() if evidence.archive is None else set(evidence.archive.steps)
    gone = [step for step in steps if step not in there]
    if gone:
        limits.append(
            f"{len(gone)} of {len(steps)} checkpoints, the first at step {gone[0]}: their "
            "activations are no longer in the run, so that exact codes are not compared there, and "
            "an excess cannot be told from sampling error and bias"
        )
    return [step for step in steps if step in there]


def _finding(step: int, up: str, down: str, leak: Leak, reason: str) -> Finding:
    """Return the finding of a leak.

    ``reason`` says why the certificate may not hold at this step, if it may not.
    """
    first, second = leak.example or (0, 0)
    cause = reason or (
        "the layers do not come from one forward pass of one network; recapture this step"
    )
    return Finding(
        "exact leak",
        step,
        up,
        down,
        leak.leak_bits,
        "untestable" if reason else "fault",
        f"rows {first} and {second} are equal at {up} but differ at {down} by more than rounding, "
        f"although {up} cuts the input off: {cause}",
        estimator="exact",
        surplus_bits=leak.surplus_bits,
    )
