"""Keys made in one pass over the values against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators.binned import Binned
from infoplane.analysis.estimators.binrules import saxe_cells, szt_cells, szt_edges
from infoplane.analysis.estimators.cells import estimate_of_codes, symbols, symbols_of
from infoplane.analysis.kernels import cells
from infoplane.analysis.kernels.threads import using
from infoplane.analysis.studies.bin_width import entropies_of_widths
from infoplane.errors import EstimatorError
from infoplane.rows import codes_of, codes_of_keys, row_codes
from infoplane.types import continuous, discrete

RNG = np.random.default_rng(5)
SWAPPED = RNG.integers(-1, 2, size=(300, 32)) * 0.9
VALUES = {
    "tanh": np.tanh(RNG.normal(size=(3000, 3)) * 3),
    "one unit": RNG.normal(size=(900, 1)),
    "edges": RNG.choice(szt_edges().astype(float), size=(700, 2))
    + RNG.choice([0.0, 1e-7, -1e-7], size=(700, 2)),
    "edges, longer rows": RNG.choice(szt_edges().astype(float), size=(300, 40))
    + RNG.choice([0.0, 1e-7, -1e-7], size=(300, 40)),
    "few near an edge": np.where(
        RNG.random((900, 50)) < 2e-5, szt_edges()[7], RNG.normal(size=(900, 50)).clip(-1.5, 1.5)
    ),
    "saturated": np.nextafter(1.0, RNG.choice([0.0, 2.0], size=(500, 6)))
    * RNG.choice([-1.0, 1.0], size=(500, 6)),
    "wide": np.round(np.tanh(RNG.normal(size=(400, 2100)))).repeat(2, axis=0),
    "large and signed": RNG.integers(-2, 3, size=(800, 4)) * 1e9,
    "negative zeros": np.where(RNG.random((200, 5)) < 0.5, -0.0, 0.0),
    "alone by the first units": RNG.normal(size=(1100, 100)),
    "apart in the last unit only": np.concatenate(
        [np.ones((700, 70)), RNG.normal(size=(700, 1))], axis=1
    ),
    "few rows, often": RNG.normal(size=(40, 65))[RNG.integers(0, 40, 1100)],
    "some rows often": RNG.normal(size=(900, 48))[np.minimum(RNG.integers(0, 1400, 1500), 899)],
    "units that change places": np.concatenate(
        [SWAPPED, np.roll(SWAPPED, 16, axis=1), np.roll(SWAPPED[:100], 1, axis=1)]
    ),
    "one row": RNG.normal(size=(1, 40)),
    "every other unit is dead": np.where(
        np.arange(40) % 2, RNG.integers(-4, 4, size=(20_000, 40)), -1
    )
    * 1.0,
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", VALUES)
def test_keys_part_the_rows_as_their_cells_do(case: str, dtype: type, monkeypatch) -> None:
    z = VALUES[case].astype(dtype)
    monkeypatch.setattr(cells, "BLOCK_SHARE", 1000)  # several blocks
    for number in (1, 3):
        with using(number):
            np.testing.assert_array_equal(
                codes_of_keys(cells.floor_keys(z, 0.3)), row_codes(saxe_cells(z, 0.3))
            )
            np.testing.assert_array_equal(
                codes_of_keys(cells.edge_keys(z, 30)), row_codes(szt_cells(z))
            )
            np.testing.assert_array_equal(
                codes_of_keys(cells.floor_keys(z, 0.5)), row_codes(saxe_cells(z, 0.5))
            )


@pytest.mark.parametrize("dim", [1, 2, 31, 32, 40, 70])
@pytest.mark.parametrize("edges", [30, 100])
def test_a_value_on_or_beside_an_edge_decides_the_key_where_all_else_is_equal(
    dim: int, edges: int
) -> None:
    at = np.linspace(-1, 1, edges, dtype=np.float32)
    values = np.concatenate([at, np.nextafter(at, np.float32(2)), np.nextafter(at, np.float32(-2))])
    cells_of = np.searchsorted(at, values, side="right") - 1
    for unit in {0, dim // 2, dim - 1}:
        z = np.full((len(values), dim), 0.11, np.float32)
        z[:, unit] = values
        inner = np.abs(values) < 0.99
        for rows in (slice(None), inner):
            keys = cells.edge_keys(np.ascontiguousarray(z[rows]), edges)
            np.testing.assert_array_equal(codes_of_keys(keys), row_codes(cells_of[rows, None]))


def test_the_largest_magnitude_is_that_of_either_sign() -> None:
    for values, largest in (
        ([-5.0, 1.0], 5.0),
        ([5.0, 1.0], 5.0),
        ([0.25, -0.5], 0.5),
        ([-0.25, 0.125], 0.25),
        ([], 0.0),
    ):
        assert cells.largest_of(np.array(values, np.float32)) == largest


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", VALUES)
def test_a_sweep_is_its_single_widths(case: str, dtype: type) -> None:
    z = VALUES[case].astype(dtype)
    widths = np.array(
        [*np.geomspace(0.01, 2, 6), *np.abs(z).max() / [30, 36.5, 37.5, 2894, 2896, 5000, 1e5], 3]
    ).astype(dtype)
    widths = widths[widths > 0]
    for number in (1, 2):
        with using(number):
            for width, bits in zip(widths, entropies_of_widths(z, widths), strict=True):
                counts = np.unique(saxe_cells(z, width), axis=0, return_counts=True)[1] / len(z)
                assert bits == pytest.approx(-(counts * np.log2(counts)).sum(), abs=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dim", [1, 3, 40])
def test_widths_that_are_powers_of_two_cut_as_a_division_does(dim: int, dtype: type) -> None:
    info, rng = np.finfo(dtype), np.random.default_rng(dim)
    for width in [dtype(2.0**k) for k in (-3, -1, 0, 1, 5, 60, 100)] + [
        info.tiny,
        info.tiny / 2,
        info.smallest_subnormal,
        dtype(1) / info.tiny,
        2 / info.tiny,
    ]:
        with np.errstate(over="ignore", under="ignore"):
            z = (
                rng.integers(-9, 10, (300, dim))
                * rng.choice([width / 2, width, info.smallest_subnormal, info.tiny], (300, dim))
            ).astype(dtype)
            z[~np.isfinite(z)] = 0
        np.testing.assert_array_equal(
            codes_of_keys(cells.floor_keys(z, float(width))), row_codes(np.floor(z / width))
        )


def test_a_sweep_refuses_values_without_a_cell_number() -> None:
    with pytest.raises(EstimatorError, match="more than 2\\^62 cells"):
        entropies_of_widths(np.array([[1e20], [0.0]], np.float32), [1.0, 1e-3])
    assert entropies_of_widths(np.array([[1e20], [0.0]], np.float32), [1e10]) == [1.0]
    assert len(entropies_of_widths(VALUES["tanh"], [])) == 0


def test_keys_of_blocks_can_be_joined() -> None:
    z = continuous(VALUES["tanh"].astype(np.float32))
    rule = Binned("szt")
    joined = np.concatenate([rule.keys(z.take(np.arange(a, a + 500))) for a in range(0, 3000, 500)])
    np.testing.assert_array_equal(joined, rule.keys(z))


@pytest.mark.parametrize("labels", [2, 3, 900])
def test_a_plane_point_of_one_pass_is_that_of_codes(labels: int) -> None:
    z = continuous(VALUES["tanh"].astype(np.float32))
    x, y = discrete(np.arange(z.n)), discrete(RNG.integers(0, labels, z.n))
    repeated = discrete(np.arange(z.n) // 2)
    for rule in (Binned("szt"), Binned("saxe", width=0.5), Binned("quantile", n=4)):
        t = rule.codes(z)
        for inputs in (x, repeated):
            for (quantity, one), other in zip(
                rule.estimate_plane_point(inputs, z, y), (inputs, y), strict=True
            ):
                expected = estimate_of_codes(t, codes_of(other), rule.name, "point", one.notes)
                assert quantity == ("i_zy" if other is y else "i_xz")
                assert (one.ceiling_bits, one.coverage) == (
                    pytest.approx(expected.ceiling_bits),
                    expected.coverage,
                )
                assert one.bits == pytest.approx(expected.bits, abs=1e-12)


def test_what_every_layer_shares_of_a_variable_is_counted_once() -> None:
    y = discrete([2, 0, 2, 2, 1])
    found = symbols_of(y)
    assert symbols_of(y) is found and found.codes is codes_of(y) and found.number == 3
    assert found.bits == pytest.approx(3 / 5 * np.log2(5 / 3) + 2 / 5 * np.log2(5))
    other = discrete([2, 0, 2, 2, 3])
    assert symbols_of(other) is not found
    alone = symbols(np.arange(5))
    assert alone.number == 5 and alone.bits == np.log2(5)


def test_what_is_sown_among_many_labels_is_counted_as_a_table_says() -> None:
    rng = np.random.default_rng(8)
    z = continuous(rng.normal(size=(900, 3)).astype(np.float32))
    for kinds in (
        63,
        64,
        65,
        300,
    ):  # up to 64 labels by a table of cells by labels, beyond by codes of pairs
        y = discrete(np.r_[np.arange(kinds), rng.integers(0, kinds, 900 - kinds)])
        (_, x_side), (_, y_side) = Binned("saxe", width=0.9).estimate_plane_point(
            discrete(np.arange(900)), z, y
        )
        cells = np.unique(np.floor(z.values / np.float32(0.9)), axis=0, return_inverse=True)[
            1
        ].ravel()
        joint = np.zeros((cells.max() + 1, kinds))
        np.add.at(joint, (cells, y.values[:, 0]), 1 / 900)
        h = [-(p[p > 0] * np.log2(p[p > 0])).sum() for p in (joint.sum(1), joint.sum(0), joint)]
        assert y_side.bits == pytest.approx(
            h[0] + h[1] - h[2]
        ) and y_side.ceiling_bits == pytest.approx(h[1])
        assert x_side.bits == pytest.approx(h[0]) and x_side.ceiling_bits == pytest.approx(
            np.log2(900)
        )
