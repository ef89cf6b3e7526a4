"""Information between pairs of layers, as a matrix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import noisy_run, run_of

import infoplane as ip
from infoplane.analysis.studies.layer_information import LayerMatrix
from infoplane.types import Estimate


def test_a_layer_matrix_prints_and_fills_both_sides() -> None:
    e = Estimate(1.25, 8, "exact", "exact")
    m = LayerMatrix(
        4,
        "exact",
        ("a", "b"),
        {("a", "b"): e, ("a", "a"): replace(e, bits=3.0)},
        {("b", "b"): "why not"},
    )
    assert m.bits().tolist() == [[3.0, 1.25], [1.25, None]]
    assert str(m).splitlines() == [
        "I(Z_i;Z_j) [bits], exact, step 4",
        f"{'':8s}{'a':>9s}{'b':>9s}",
        f"{'a':8s}{'3.000':>9s}{'1.250':>9s}",
        f"{'b':8s}{'1.250':>9s}{'-':>9s}",
        "not measured: why not",
    ]


def test_exact_codes_of_a_layer_that_draws_noise_are_no_information_between_layers(
    tmp_path: Path,
) -> None:
    found = ip.layer_information(noisy_run(tmp_path / "run"), "exact")
    assert list(found.estimates) == [("a", "a")]
    assert all("mu draws noise" in why for why in found.failures.values())


@pytest.mark.parametrize("spec", ["bin:range,n=4,scope=run", "bin:range,n=4,scope=layer"])
def test_layers_have_the_cells_that_they_have_on_the_plane(tmp_path: Path, spec: str) -> None:
    z = np.random.default_rng(0).normal(size=(64, 2))
    run = run_of(tmp_path / "run", [{"a": z, "b": np.tanh(z)}, {"a": 5 * z, "b": z}])
    plane = ip.measure(run, [spec], steps=[0], resume=False)
    bits = [point.bits for point in plane if point.quantity == "i_xz"]
    found = ip.layer_information(run, spec, step=0)
    assert found.bits().diagonal().tolist() == pytest.approx(bits)
