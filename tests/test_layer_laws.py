"""The laws of a single layer and their tolerances."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import plane_with, point

from infoplane.analysis.dpi import layer_laws as laws
from infoplane.grids import grids_of


def test_every_law_of_a_layer_is_checked_beyond_its_tolerance_and_not_within() -> None:
    assert (
        laws.tolerance_bits(plane_with([]), "bin:szt") == 0.01
        and laws.tolerance_bits(plane_with([]), "ksg:k=5") == 0.02
    )
    assert laws.tolerance_bits(replace(plane_with([]), h_y_bits=None), "bin:szt") == pytest.approx(
        0.06
    )
    assert laws.tolerance_bits(replace(plane_with([]), h_y_bits=3.0), "mixed:k=5") == pytest.approx(
        0.03
    )
    for bits_xz, bits_zy, broken in (
        (2.0, 0.5, set()),
        (-0.02, -0.03, {"I(X;Z) >= 0", "I(Z;Y) >= 0"}),
        (6.02, 1.02, {"I(X;Z) <= H(X)", "I(Z;Y) <= H(Y)"}),
        (0.5, 0.52, {"I(Z;Y) <= I(X;Z)"}),
        (6.009, 1.009, set()),
        (-0.009, -0.009, set()),
        (0.5, 0.509, set()),
    ):
        plane = plane_with([point("a", "i_xz", bits_xz), point("a", "i_zy", bits_zy)])
        compared, findings = laws.broken_laws(plane, grids_of(plane))
        assert (
            {f.law for f in findings} == broken
            and {f.verdict for f in findings} <= {"violation"}
            and compared == 5
        )
        elsewhere = plane_with(
            [
                point("a", "i_xz", bits_xz, spec="ksg:k=5"),
                point("a", "i_zy", bits_zy, spec="ksg:k=5"),
            ]
        )
        compared, findings = laws.broken_laws(elsewhere, grids_of(elsewhere))
        assert {f.verdict for f in findings} <= {"estimator"} and compared == 5
