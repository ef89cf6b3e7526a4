"""What a chain certificate lets one say of a pair of layers at a checkpoint."""

from __future__ import annotations

from dataclasses import replace

from infoplane.analysis.dpi.exact_codes import ROUNDING
from infoplane.archive import Archive
from infoplane.plane import Plane
from infoplane.types import ROUNDING_MARGIN, Chain


def with_newest_chain(plane: Plane, archive: Archive | None) -> Plane:
    """Return the plane with the certificate of the run as it is now.

    The run may have been certified again since.
    """
    if plane.chain is None or archive is None or archive.chain is None:
        return plane
    newest = archive.chain
    if newest.layers != plane.chain.layers or newest.through is None:
        return plane
    return replace(plane, chain=newest)


def noise_between(chain: Chain, up: str, down: str) -> str:
    """Return why noise keeps two layers from being compared; empty where it does not.

    Args:
        chain: the certificate.
        up, down: the layers, upstream and downstream.
    """
    if (up, down) in chain.shared_noise:
        return (
            f"{up} and {down} share noise (interchange test): given {up}, {down} still depends on "
            "noise drawn before it or on the other rows of the batch, so that the inequality need "
            "not hold"
        )
    if (up, down) in chain.fresh_noise and chain.noise != "independent":
        return (
            f"{down} draws noise behind {up} that nobody declared: record with noise='independent' "
            "if layers share none (the interchange test found none shared)"
        )
    return ""


def incomparable(plane: Plane, up: str, down: str) -> str:
    """Return why two layers cannot be compared; empty where they can.

    Args:
        plane: with certificate and reductions.
        up, down: the layers, upstream and downstream.
    """
    chain = plane.chain
    for layer in (up, down):
        reduction = plane.reductions.get(layer, "none")
        if reduction not in ("none", "flatten"):
            return (
                f"{layer} was reduced by {reduction} before storing: reduced values are not a chain"
            )
    if chain is None:
        return (
            "no chain certificate: capture with the interchange test, say chain= when you import "
            "arrays, or compare by eye"
        )
    if chain.separates(up, down):
        return noise_between(chain, up, down)
    if chain.declared:
        return f"{up} does not cut the input off from {down} in the chain that was declared"
    relation, kind = chain.relation(up, down), plane.row_info.kind
    if kind != "sample" and relation == "partial":
        return (
            f"{up} does not cut the input off from {down} at one {kind}: attention, recurrence or "
            f"convolution brings other positions into the same {kind} of {down}"
        )
    return f"{up} does not cut the input off from {down} (interchange test: {relation})"


def rounding_of(chain: Chain | None, layer: str) -> float:
    """Return by how much rounding alone may move a layer, relative to its largest value."""
    measured = 0.0 if chain is None else chain.rounding.get(layer, 0.0)
    return max(ROUNDING, ROUNDING_MARGIN * measured)


def stale(chain: Chain | None, step: int) -> str:
    """Return why a certificate says nothing for certain about a checkpoint; empty where it does."""
    if chain is None or chain.covers(step):
        return ""
    when = "before training" if (chain.through or 0) < 0 else f"at step {chain.through}"
    return (
        f"the network was certified {when}, and its weights have changed since: a path around the "
        "upstream layer that opened meanwhile looks the same. The certificate is renewed at "
        "captures 2, 4, 8, ... and when the recorder closes"
    )


def certified_pairs(plane: Plane) -> list[tuple[str, str]]:
    """Return certified pairs by the layer downstream, the layer just above it first."""
    chain, layers = plane.chain, plane.layers
    if chain is None:
        return []
    pairs = []
    for place, down in enumerate(layers):
        for up in reversed(layers[:place]):
            if chain.separates(up, down) and not chain.random_behind(up, down):
                pairs.append((up, down))
    return pairs
