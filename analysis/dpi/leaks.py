"""Exact codes along the certified chain.

A layer that says more than the one that cuts it off from X leaks. Rows with equal inputs leave a
network that draws no noise equal, at every layer.
"""

from __future__ import annotations

from infoplane.analysis.dpi.certificate import certified_pairs, stale
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.exact_codes import Leak
from infoplane.rows import cell_codes
from infoplane.types import Chain, Finding

_NO_CHAIN = "the layers do not come from one forward pass of one network; recapture this step"
_NO_PASS = (
    "the rows do not come from one forward pass of one network, or the network draws noise that "
    "the interchange test did not see; run rec.selfcheck() with the live model"
)


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
        for up, down, seen in evidence.leaks(step, pairs):
            compared += 1
            joined += seen.joined
            in_small_units += seen.in_small_units
            if seen.example is not None:
                text = (
                    f"are equal at {up} but differ at {down} by more than rounding, although {up} "
                    "cuts the input off"
                )
                reason = stale(plane.chain, step)
                findings.append(
                    _finding("exact leak", step, up, down, seen, text, reason, _NO_CHAIN)
                )
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


def _finding(
    law: str, step: int, up: str, down: str, seen: Leak, text: str, reason: str, fault: str
) -> Finding:
    """Return the finding on two rows that are equal at one place and differ at a later one.

    Args:
        law: that is broken.
        step: the checkpoint.
        up, down: the layers.
        seen: by how much, and which rows.
        text: what the rows do.
        reason: why that may be no fault; empty where it is one.
        fault: what is at fault then.
    """
    first, second = seen.example or (0, 0)
    return Finding(
        law,
        step,
        up,
        down,
        seen.leak_bits,
        "untestable" if reason else "fault",
        f"rows {first} and {second} {text}: {reason or fault}",
        estimator="exact",
        surplus_bits=seen.surplus_bits,
    )


def differing_layers(evidence: Evidence, step: int) -> list[Finding]:
    """Return the first layers at which rows of equal inputs differ by more than rounding.

    A layer behind one that was found is not looked at: its rows differ because those before it do.
    """
    archive, chain = evidence.archive, evidence.plane.chain
    if archive is None or chain is None:
        return []
    if archive.row_info.kind != "sample":  # a token sees its neighbours: equal X need not be equal
        return []
    inputs = cell_codes(archive.row_ids[:, None])
    found: list[Finding] = []
    for layer in evidence.plane.layers:
        if chain.may_be_random(layer) or _behind(chain, layer, found):
            continue
        seen = evidence.leak_from(inputs, step, layer)
        if seen is None or seen.example is None:
            continue
        reason = stale(chain, step)
        if chain.declared:
            reason = "nothing is known of its noise, since the chain is declared and not tested"
        text = f"have equal inputs but differ at {layer} by more than rounding"
        found.append(_finding("equal inputs", step, layer, layer, seen, text, reason, _NO_PASS))
    return found


def _behind(chain: Chain, layer: str, found: list[Finding]) -> bool:
    """Return whether a layer is downstream of one that was found already."""
    return any(chain.relation(one.upstream, layer) in ("cut", "partial") for one in found)
