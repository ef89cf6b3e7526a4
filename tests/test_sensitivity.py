"""Which estimators see a layer compress."""

from __future__ import annotations

import pytest

import infoplane as ip
from infoplane.analysis.studies import phases
from infoplane.analysis.studies.sensitivity import Sensitivity
from infoplane.errors import InputError


def test_compressing_is_asked_of_one_layer() -> None:
    def curve(layer: str, drop: float) -> phases.Compression:
        return phases.Compression(
            layer, "bin:szt", drop, drop, drop, 0, 0, 0, drop, True, None, 0.05
        )

    judged = phases.Phases(
        tuple(
            phases.LayerPhase(name, "none", "", (curve(name, drop),))
            for name, drop in (("a", 0.0), ("b", 1.0))
        )
    )
    found = Sensitivity(ip.Plane((), ("a", "b"), 8, None), judged)
    assert (found.compressing("a"), found.compressing("b")) == ((), ("bin:szt",))
    with pytest.raises(InputError, match="no such layer: 'c'"):
        found.compressing("c")
