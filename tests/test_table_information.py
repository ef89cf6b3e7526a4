"""Plug-in information of tables: whose it is, and how well it is covered."""

from __future__ import annotations

import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import Plugin, parse
from infoplane.errors import InputError


def test_a_table_says_whose_information_it_is_and_how_well_it_is_covered() -> None:

    a, b = ip.discrete([0, 0, 1, 1, 2, 2, 2, 3]), ip.discrete([0, 0, 0, 1, 1, 1, 1, 1])
    e = Plugin().estimate(a, b)
    assert (
        e.sense == "exact"
        and e.target == "probe-set"
        and e.coverage is None
        and e.ceiling_bits == pytest.approx(stats.entropy([3, 5], base=2))
    )
    p = Plugin(target="population").estimate(a, b)
    assert (
        p.target == "population"
        and p.coverage == pytest.approx(1 - 3 / 8)
        and p.ceiling_bits == e.ceiling_bits
        and p.low <= p.bits <= p.high
    )  # type: ignore[operator]
    assert [
        Plugin(*t).used_correction for t in (("probe-set",), ("population",), ("population", "mm"))
    ] == ["none", "cwj", "mm"]  # type: ignore[arg-type]
    assert Plugin().axis_label(
        "i_xz", 8
    ) == "I(X;Z) [bits], plug-in (probe-set, none), N=8" and "I(Z;Y)" in Plugin().axis_label(
        "i_zy", 8
    )
    assert (
        not Plugin().supports("continuous", "discrete")
        and not Plugin().supports("continuous", "continuous")
        and Plugin().supports("discrete", "discrete")
    )
    for spec in ("plugin", "plugin:population", "plugin:population,correction=mm"):
        assert str(parse(spec)) == spec
    for wrong in (
        {"target": "rows"},
        {"target": "population", "correction": "magic"},
        {"correction": "mm"},
    ):
        with pytest.raises(InputError):
            Plugin(**wrong)  # type: ignore[arg-type]  # as listed
