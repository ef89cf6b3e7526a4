"""The probe of a recording, and the options that fit its rows."""

from __future__ import annotations

from torch import nn

from infoplane.hooks.network.isolate import dtype_of
from infoplane.hooks.options import Options
from infoplane.hooks.probing.ignored import without_ignored_rows
from infoplane.hooks.probing.labels import warn_of_other_labels
from infoplane.hooks.probing.probe import Probe, make_probe


def settle_probe(model: nn.Module, given: object, options: Options) -> tuple[Probe, Options]:
    """Return the samples with a label, and the options of these.

    Args:
        model: the bare network, whose dtype floating-point inputs take.
        given: as the recorder takes it.
        options: of the recording.

    Raises:
        InputError: no probe, or labels that do not pair with it.
    """
    fixed = tuple(map(str, options.fixed))
    probe = make_probe(given, fixed, dtype=dtype_of(model))
    if options.rows.kind == "sample":  # labels of positions are named anyway
        warn_of_other_labels(probe.y, options.rows.y)
    probe, options = without_ignored_rows(probe, options)
    options.check_labels(probe)
    return probe, options
