"""Rows with equal inputs leave a network that draws no noise equal, at every layer."""

from __future__ import annotations

from infoplane.analysis.dpi.certificate import rounding_of, stale
from infoplane.analysis.dpi.evidence import Evidence
from infoplane.analysis.dpi.exact_codes import conditional_entropy_bits, leak
from infoplane.rows import cell_codes
from infoplane.types import Chain, Finding, Verdict

LAW = "equal inputs"


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
    if int(inputs.max()) + 1 == len(inputs):  # all different: nothing to compare
        return []
    found: list[Finding] = []
    for layer in evidence.plane.layers:
        if chain.may_be_random(layer) or _behind(chain, layer, found):
            continue
        codes = evidence.codes(step, layer, "exact")
        if codes is None or conditional_entropy_bits(codes, inputs) <= 0:
            continue
        if evidence.plane.reductions.get(layer, "none") != "none":
            continue
        values = archive.z(step, layer).reshape(len(codes), -1)
        seen = leak(inputs, codes, values, tolerance=rounding_of(chain, layer))
        if seen.example is None:
            continue
        reason = stale(chain, step)
        if chain.declared:
            reason = "nothing is known of its noise, since the chain is declared and not tested"
        verdict: Verdict = "untestable" if reason else "fault"
        first, second = seen.example
        text = (
            f"rows {first} and {second} have equal inputs but differ at {layer} by more than "
            "rounding"
        )
        cause = reason or (
            "the rows do not come from one forward pass of one network, or the network draws noise "
            "that the interchange test did not see; run rec.selfcheck() with the live model"
        )
        found.append(
            Finding(
                LAW,
                step,
                layer,
                layer,
                seen.leak_bits,
                verdict,
                f"{text}: {cause}",
                estimator="exact",
                surplus_bits=seen.surplus_bits,
            )
        )
    return found


def _behind(chain: Chain, layer: str, found: list[Finding]) -> bool:
    """Return whether a layer is downstream of one that was found already."""
    return any(chain.relation(one.upstream, layer) in ("cut", "partial") for one in found)
