"""Information of codes: coverage and ceiling."""

from __future__ import annotations

import numpy as np

from infoplane.analysis.estimators.cells import estimate_of_codes


def test_coverage_is_the_share_of_rows_in_company_and_the_ceiling_the_other_entropy() -> None:
    codes, labels = np.array([0, 0, 1, 2, 3, 3, 3, 4]), np.array([0, 0, 0, 0, 1, 1, 1, 1])
    e = estimate_of_codes(codes, labels, "name", "point", ("note",))
    assert (
        e.coverage == 1 - 3 / 8
        and e.ceiling_bits == 1.0
        and e.target == "probe-set"
        and e.notes == ("note",)
        and e.n == 8
    )
    assert estimate_of_codes(codes, labels, "name", "point", ceiling_bits=7.5).ceiling_bits == 7.5
    assert estimate_of_codes(codes, labels, "name", "point", correction="mm").target == "population"
