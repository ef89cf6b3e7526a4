"""Plug-in information of tables: the population and the sample, and coverage."""

from __future__ import annotations

import pytest
from scipy import stats

import infoplane as ip
from infoplane.analysis.estimators import Plugin, parse
from infoplane.errors import InputError

A, B = ip.discrete([0, 0, 1, 1, 2, 2, 2, 3]), ip.discrete([0, 0, 0, 1, 1, 1, 1, 1])


def test_the_information_of_the_rows_themselves_is_exact() -> None:
    found = Plugin().estimate(A, B)
    assert (found.sense, found.target, found.coverage) == ("exact", "probe-set", None)


def test_the_information_of_a_population_has_a_coverage_and_an_interval() -> None:
    found = Plugin(target="population").estimate(A, B)
    assert found.target == "population" and found.coverage == pytest.approx(1 - 3 / 8)
    assert found.low <= found.bits <= found.high  # type: ignore[operator]  # numbers


@pytest.mark.parametrize("target", ["probe-set", "population"])
def test_the_ceiling_of_a_table_is_the_entropy_of_the_smaller_side(target: str) -> None:
    found = Plugin(target=target).estimate(A, B)  # type: ignore[arg-type]  # a target
    assert found.ceiling_bits == pytest.approx(stats.entropy([3, 5], base=2))


@pytest.mark.parametrize(
    ("options", "used"),
    [(("probe-set",), "none"), (("population",), "cwj"), (("population", "mm"), "mm")],
)
def test_only_a_population_is_corrected(options: tuple[str, ...], used: str) -> None:
    assert Plugin(*options).used_correction == used  # type: ignore[arg-type]  # as listed


def test_the_axes_of_a_table_say_target_and_correction() -> None:
    assert Plugin().axis_label("i_xz", 8) == "I(X;Z) [bits], plug-in (probe-set, none), N=8"
    assert "I(Z;Y)" in Plugin().axis_label("i_zy", 8)


def test_a_table_is_of_two_discrete_variables() -> None:
    assert Plugin().supports("discrete", "discrete")
    assert not Plugin().supports("continuous", "discrete")
    assert not Plugin().supports("continuous", "continuous")


@pytest.mark.parametrize("spec", ["plugin", "plugin:population", "plugin:population,correction=mm"])
def test_the_spec_of_a_table_comes_back(spec: str) -> None:
    assert str(parse(spec)) == spec


@pytest.mark.parametrize(
    "wrong",
    [{"target": "rows"}, {"target": "population", "correction": "magic"}, {"correction": "mm"}],
)
def test_a_table_has_no_other_target_or_correction(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Plugin(**wrong)  # type: ignore[arg-type]  # as listed
