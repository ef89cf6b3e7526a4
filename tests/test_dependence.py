"""HSIC and CKA by their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.gram import median_width, squared_distances
from infoplane.errors import EstimatorError
from infoplane.types import Variable, continuous


def test_the_biased_hsic_is_the_trace_of_centred_kernels() -> None:
    a, b = (ip.continuous(np.random.default_rng(s).normal(size=(30, 2)) + s) for s in (3, 4))
    centre = np.eye(30) - 1 / 30
    k, m = (
        np.exp(-squared_distances(v.values) / (2 * median_width(v.values) ** 2)) for v in (a, b)
    )
    assert parse("hsic:unbiased=false").estimate(a, b).bits == pytest.approx(
        np.trace(centre @ k @ centre @ m) / 29**2, rel=1e-9
    )


@pytest.mark.parametrize("spec", ["cka", "cka:unbiased=false"])
def test_a_layer_is_wholly_like_itself_and_a_constant_one_is_like_none(
    rng: np.random.Generator, spec: str
) -> None:
    z = Variable("z", rng.normal(size=(30, 2)), "continuous")
    assert parse(spec).estimate(z, z).bits == pytest.approx(1.0, abs=1e-9)
    flat = Variable("flat", np.ones((30, 2)), "continuous")
    with pytest.raises(EstimatorError, match="CKA of z and flat .* one of them is constant"):
        parse(spec).estimate(z, flat)


def test_dependence_does_not_notice_where_the_origin_is(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 60, 3))
    b = b + 0.7 * a
    for spec in ("hsic:linear", "cka:linear"):
        moved, here = (parse(spec).estimate(continuous(v), continuous(b)) for v in (a + 1e7, a))
        assert moved.bits == pytest.approx(here.bits, rel=1e-6)


@pytest.mark.parametrize("spec", ["hsic", "hsic:unbiased=false", "cka", "cka:kernel=rbf"])
def test_a_layer_resembles_the_values_of_the_input_that_it_is_made_of(
    tmp_path: Path, spec: str
) -> None:
    """Rows told apart by their identity alone resemble nothing: HSIC was 0, CKA undefined."""
    x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    z = np.tanh(x)
    archive = ip.from_arrays({"z": z}, to=tmp_path / "run", x=x, y=np.arange(200) % 2)
    (point,) = ip.measure(archive, spec).select(quantity="i_xz")
    assert point.bits == pytest.approx(
        ip.estimators.parse(spec).estimate(continuous(x), continuous(z)).bits
    )
    assert point.bits > 0.03
