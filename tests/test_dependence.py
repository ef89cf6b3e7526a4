"""HSIC and CKA by their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane.analysis.estimators import parse
from infoplane.analysis.estimators.dependence import cka, cka_matrix, hsic
from infoplane.analysis.estimators.gram import median_width, squared_distances
from infoplane.errors import EstimatorError
from infoplane.types import Variable, continuous


def test_the_biased_hsic_is_the_trace_of_centred_kernels() -> None:
    a, b = (ip.continuous(np.random.default_rng(s).normal(size=(30, 2)) + s) for s in (3, 4))
    centre = np.eye(30) - 1 / 30
    k, m = (
        np.exp(-squared_distances(v.values) / (2 * median_width(v.values) ** 2)) for v in (a, b)
    )
    assert hsic(a, b, unbiased=False) == pytest.approx(
        np.trace(centre @ k @ centre @ m) / 29**2, rel=1e-9
    )


def test_the_cka_of_all_pairs_is_that_of_each_and_a_constant_layer_has_none(
    rng: np.random.Generator,
) -> None:
    zs = [Variable(f"z{k}", rng.normal(size=(30, 2 + k)), "continuous") for k in range(3)]
    zs[1] = Variable("z1", np.tanh(zs[0].values @ rng.normal(size=(2, 3))), "continuous")
    for unbiased, spec in ((True, "cka"), (False, "cka:unbiased=false")):
        found = cka_matrix(zs, unbiased=unbiased)
        one_by_one = [[1.0 if a is b else parse(spec).estimate(a, b).bits for b in zs] for a in zs]
        assert found == pytest.approx(np.array(one_by_one), abs=1e-9)
    with pytest.raises(EstimatorError, match="one of them is constant"):
        cka_matrix([zs[0], Variable("flat", np.ones((30, 2)), "continuous")])


def test_dependence_does_not_notice_where_the_origin_is(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 60, 3))
    b = b + 0.7 * a
    for measure in (hsic, cka):
        assert measure(continuous(a + 1e7), continuous(b), kernel="linear") == pytest.approx(
            measure(continuous(a), continuous(b), kernel="linear"), rel=1e-6
        )


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
