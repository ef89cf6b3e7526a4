"""Ask a live network which layers screen the input off from which, without recording it.

The test itself, and what a certificate means, are in `infoplane.hooks.certificates.chain`.
"""

from __future__ import annotations

from torch import nn

from infoplane.errors import InputError
from infoplane.hooks.certificates.bench import BEFORE
from infoplane.hooks.certificates.chain import certify
from infoplane.hooks.choice.first_look import OTHER_ROWS, ROWS, few_rows
from infoplane.hooks.choice.layers import survey
from infoplane.hooks.choice.requests import Layers
from infoplane.hooks.network.isolate import Isolation, Mode, device_of, unwrap
from infoplane.hooks.probing.probe import Forward, make_probe
from infoplane.types import Chain


def interchange(
    model: nn.Module,
    probe: object,
    layers: Layers = "auto",
    *,
    rows: int | None = None,
    mode: Mode = "eval",
    forward: Forward | None = None,
) -> Chain:
    """Return the chain certificate of a network, without recording anything.

    Args:
        model: any module; wrappers are taken off.
        probe: inputs, see `infoplane.hooks.probing.probe.make_probe`.
        layers: as for the recorder.
        rows: as for `certify`.
        mode: as for the recorder.
        forward: as for the recorder.

    Raises:
        InputError: fewer than two rows.
    """
    bare, rows_probe = unwrap(model), make_probe(probe)
    if rows_probe.n < 2:
        raise InputError(f"the interchange test needs at least two probe rows, got {rows_probe.n}")
    device = device_of(bare)
    few, other = (few_rows(rows_probe, count, device) for count in (ROWS, OTHER_ROWS))
    with Isolation(bare, mode=mode, seed=BEFORE).entered():
        found = survey(bare, layers, few, ROWS, other=(other, OTHER_ROWS), forward=forward)
    return certify(bare, rows_probe, found.sites, mode=mode, rows=rows, forward=forward)
