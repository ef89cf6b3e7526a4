"""Specs of estimators survive parsing and printing, and axes name them."""

from __future__ import annotations

import pytest

from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.spec import catalogue


def test_the_table_of_estimators_shows_defaults_and_names_what_must_be_given() -> None:

    rows = {row["name"]: row["parameters"] for row in catalogue()}
    assert (
        "k=5" in rows["ksg"] and "correct=False" in rows["ksg"] and "variance=None" in rows["kde"]
    )
    assert all("MISSING" not in text and "dataclass" not in text for text in rows.values())


@pytest.mark.parametrize(
    ("spec", "xz", "zy"),
    [
        ("bin:szt", "H(bin(Z)) [bits], 30 bins on [-1,1]", "I(bin(Z);Y) [bits], 30 bins on [-1,1]"),
        ("bin:saxe", "H(bin(Z)) [bits], width 0.07", "I(bin(Z);Y) [bits], width 0.07"),
        ("bin:saxe,width=0.5", "H(bin(Z)) [bits], width 0.5", "I(bin(Z);Y) [bits], width 0.5"),
        (
            "bin:range,n=7,scope=unit",
            "H(bin(Z)) [bits], 7 bins on unit range",
            "I(bin(Z);Y) [bits], 7 bins on unit range",
        ),
        (
            "bin:range",
            "H(bin(Z)) [bits], 30 bins on run range",
            "I(bin(Z);Y) [bits], 30 bins on run range",
        ),
        (
            "bin:quantile,n=5",
            "H(bin(Z)) [bits], 5 quantiles per unit",
            "I(bin(Z);Y) [bits], 5 quantiles per unit",
        ),
        (
            "vinfo:family=knn",
            "I_V(X->Z) [bits], knn, held out, N=50",
            "I_V(Z->Y) [bits], knn, held out, N=50",
        ),
    ],
)
def test_axis_texts_say_what_is_drawn(spec: str, xz: str, zy: str) -> None:
    estimator = parse(spec)
    assert estimator.axis_label("i_xz", 50) == xz and estimator.axis_label("i_zy", 50) == zy  # type: ignore[attr-defined]  # both have one


@pytest.mark.parametrize(
    "spec",
    [
        "dse:t=1",
        "dse:t=2,width=0.25",
        "dse:t=1,subsets=4",
        "kde:variance=0.1,bound=lower",
        "kde:relative=0.1,pairs=100",
        "vinfo:family=mlp,hidden=8",
        "vinfo:family=linear",
        "vinfo:family=linear,folds=3",
        "vinfo:family=mlp",
        "bin:saxe,width=0.5",
        "bin:range,n=7,scope=unit",
        "bin:szt,correction=cwj",
        "kde:variance=0.123456789",
        "noisy:sigma=0.123456789",
    ],
)
def test_a_spec_comes_back_from_its_estimator(spec: str) -> None:
    assert str(parse(spec)) == spec


@pytest.mark.parametrize(
    "prefix",
    [
        "ksg",
        "ross",
        "mixed",
        "knn",
        "sliced",
        "gauss",
        "gauss:copula=true",
        "noisy",
        "dse",
        "kde:variance=0.1",
        "renyi",
        "exact",
        "infonce",
    ],
)
def test_every_axis_says_which_information_it_shows(prefix: str) -> None:
    e = parse(prefix)
    xz, zy = (e.axis_label(q, 77) for q in ("i_xz", "i_zy"))  # type: ignore[attr-defined]  # all of these have one
    assert (
        xz != zy and "bits" in xz and "bits" in zy and ("Y" in zy) and ("Y" not in xz or "X" in xz)
    )
