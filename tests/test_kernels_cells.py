"""Keys made in one pass over the values against cells made first and compared by numpy."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane import rows_compiled
from infoplane.analysis.estimators.binned import Binned
from infoplane.analysis.estimators.binrules import saxe_cells, szt_cells, szt_edges
from infoplane.analysis.estimators.cells import estimate_of_codes, symbols, symbols_of
from infoplane.analysis.kernels import cells
from infoplane.analysis.kernels.threads import using
from infoplane.errors import EstimatorError
from infoplane.rows import cell_keys, codes_of, codes_of_keys, repeated_rows, row_codes
from infoplane.types import continuous, discrete, entropy_of_counts

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
                codes_of_keys(cells.floor_keys(z, 0.3, parting=True)), row_codes(saxe_cells(z, 0.3))
            )
            np.testing.assert_array_equal(
                codes_of_keys(cells.floor_keys(z, 0.5, parting=True)), row_codes(saxe_cells(z, 0.5))
            )
            known = cells.floor_keys(z, 0.3, parting=True, largest=cells.largest_of(z))
            np.testing.assert_array_equal(codes_of_keys(known), row_codes(saxe_cells(z, 0.3)))
            np.testing.assert_array_equal(
                codes_of_keys(cells.edge_keys(z, 30, parting=True)), row_codes(szt_cells(z))
            )


def test_units_are_read_only_as_long_as_rows_need_them(monkeypatch) -> None:
    looked, keys = [], cells.keys_of_units

    def watched(z, work, first=0, last=None):
        looked.append((len(z), (z.shape[1] if last is None else last) - first))
        return keys(z, work, first, last)

    monkeypatch.setattr(cells, "keys_of_units", watched)
    z = np.random.default_rng(3).normal(size=(2000, 300)).astype(np.float32)
    for rule in (Binned("saxe"), Binned("saxe", width=0.5), Binned("szt")):
        assert len(np.unique(rule.parting_keys(continuous(z)))) == 2000
        assert [w for w in looked if w[0] > 100] == (
            [(2000, 16)] if rule.rule == "szt" else []
        )  # saxe has a kernel for the first 16
        looked.clear()
    z[1700:, :100] = z[3, :100]
    cells.floor_keys(z, 0.07, parting=True)
    assert (
        looked[0] == (2000, 16)
        and 301 <= looked[1][0] <= 400
        and looked[1][1] == 284
        and len(looked) == 2
    )
    looked.clear()
    Binned("saxe").parting_keys(continuous(z))
    assert 301 <= looked[0][0] <= 400 and looked[0][1] == 284 and len(looked) == 1


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 900])
@pytest.mark.parametrize("most", [3, 37, 38, 2895, 2896, 70_000, 2**31 - 128])
def test_the_first_units_two_at_a_time_part_rows_as_their_cells_do(n: int, most: int) -> None:
    rng = np.random.default_rng([n, most])
    z = (
        rng.choice([-most, -most + 1, -1, -0.5, -0.0, 0.0, 0.5, most - 1, most], size=(n, 48))
        * 0.25
    ).astype(np.float32)
    z[1::3] = z[::3][: len(z[1::3])] * np.where(
        z[::3][: len(z[1::3])] == 0, -1, 1
    )  # the same cells, zeros of the other sign
    z[2::3] = z[::3][: len(z[2::3])]
    z[2::3, rng.integers(0, 16, len(z[2::3]))] = most * np.float32(
        0.25
    )  # most in one unit only apart from another row
    largest = cells.largest_of(z)
    keys = cells.first_keys(z, np.float32(0.25), largest)
    expected = saxe_cells(z[:, :16], 0.25)
    np.testing.assert_array_equal(codes_of_keys(keys), row_codes(expected))
    if n > 2:
        assert n // 3 <= len(np.unique(keys)) < n


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
        inner = np.abs(values) < 0.99  # these alone: no value in a block is clear of all edges
        for rows in (slice(None), inner):
            for parting in (False, True):
                keys = cells.edge_keys(np.ascontiguousarray(z[rows]), edges, parting=parting)
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


@pytest.mark.slow
def test_a_sweep_of_more_keys_than_it_holds_at_a_time_goes_in_turns() -> None:
    z = (
        np.random.default_rng(8).normal(size=(300_000, 2)).astype(np.float32)
    )  # seven widths of two million keys
    widths = np.geomspace(0.02, 3, 9).astype(np.float32)
    with using(1):
        together = cells.floor_entropies(z, widths)
        np.testing.assert_array_equal(together, [cells.floor_entropies(z, [w])[0] for w in widths])
    assert (np.diff(together) < 0).all()


@pytest.mark.parametrize(
    "units", [slice(0, 16, 2), slice(1, 16, 2), slice(0, 1), slice(15, 16), slice(7, 9)]
)
@pytest.mark.parametrize(("most", "scale"), [(4, 1), (300, 1), (5000, 1), (5, 1000), (2**22, 1)])
def test_rows_that_are_alike_but_in_a_few_first_units_have_keys_of_their_own(
    units: slice, most: int, scale: int
) -> None:
    rng = np.random.default_rng([most, scale])
    z = np.full((40_000, 32), -1, np.float32)
    some = z[:, units]
    some[:] = rng.integers(-most, most, some.shape) * scale
    keys = cells.first_keys(z, np.float32(1), cells.largest_of(z))
    assert len(np.unique(keys)) == len(np.unique(z[:, :16], axis=0))
    low_bits = np.bincount((keys & np.uint64(1023)).astype(int), minlength=1024)
    assert len(np.unique(keys)) < 30_000 or low_bits.min() > 10, (
        "tables are entered by the lowest bits"
    )


def test_how_many_cells_are_one_number_is_what_their_type_holds_exactly() -> None:
    for kind, many in (np.float32, [4, 4, 2, 2, 1]), (np.float64, [4, 4, 4, 4, 2]):
        assert [
            cells.digits_of(1.0, largest, kind)[1] for largest in (3, 36, 37.5, 2894, 5800)
        ] == many
        for largest in (3.7, 36, 2894.3, 1e5):
            base, joined = cells.digits_of(0.5, largest, kind)
            half = int(largest // 0.5) + 1
            assert base == 2 * half + 1
            top = kind(half)
            for _ in range(joined - 1):
                top = top * kind(base) + kind(half)
            assert (
                int(top) == sum(half * int(base) ** k for k in range(joined))
                and kind(top - kind(1)) != top
            )


def test_units_are_taken_two_at_a_time_only_where_they_lie_so() -> None:
    z, width = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32), np.float32(0.5)
    assert cells.first_keys(z, width, 5.0) is not None
    unaligned = np.frombuffer(b"1234" + z.tobytes(), np.float32, offset=4).reshape(50, 64)
    for other in (
        z[:, :63],
        z[:, :30],
        z[:, ::2],
        np.asfortranarray(z),
        unaligned,
        z.astype(float),
    ):
        assert cells.first_keys(other, width, 5.0) is None
    assert (
        cells.first_keys(z, np.float32(0.25), 2.0**29) is None
        and cells.first_keys(z, np.float32(0.25), 2.0**29 - 32) is not None
    )
    for other in (z[:, :63], z[:, ::2], unaligned):
        codes = codes_of_keys(cells.floor_keys(other, 0.5, parting=True, largest=5.0))
        np.testing.assert_array_equal(
            codes, row_codes(saxe_cells(np.ascontiguousarray(other), 0.5))
        )


@pytest.mark.parametrize("n", [1, 2, 3, 700, 20_000])
@pytest.mark.parametrize("kinds", [1, 2, 50, 10**6])
def test_rows_that_share_a_key_are_found_and_few_others(n: int, kinds: int) -> None:
    rng = np.random.default_rng([n, kinds])
    keys = cell_keys(rng.integers(0, kinds, (n, 1)))
    left = repeated_rows(keys)
    shared = np.flatnonzero((counts := np.bincount(codes := codes_of_keys(keys)))[codes] > 1)
    assert np.isin(shared, left).all() and (np.diff(left) > 0).all()
    assert len(left) - len(shared) <= 0.02 * n
    assert rows_compiled.entropy_of_keys(
        keys[left], np.empty(4 * n + 16, np.int32)[: 1 << (4 * n + 16).bit_length() - 1], n
    ) == (pytest.approx(entropy_of_counts(counts), abs=1e-12))


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
            for width, bits in zip(widths, cells.floor_entropies(z, widths), strict=True):
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
    assert cells.exact_inverse(dtype(0.5)) == 2 and cells.exact_inverse(dtype(0.3)) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("most", [1, 35, 36, 37, 60, 2893, 2894, 2895, 4000, 10**5, 2**22])
def test_cells_that_only_a_wrong_number_of_several_would_take_for_others_stay_apart(
    most: int, dtype: type
) -> None:
    """On both sides of where four cells, and then two, are no longer the exact digits of one float32."""
    digits = sorted({-most - 1, -most, 0, most - 1, most})
    grid = np.stack(np.meshgrid(*[digits] * 4), axis=-1).reshape(-1, 4)
    for copies, dim in ((1, 2), (1, 4), (2, 7), (5, 19)):
        rows = np.unique(np.tile(grid, copies)[:, -dim:], axis=0)
        assert cells.floor_entropies((rows + 0.5).astype(dtype), [1.0]) == pytest.approx(
            np.log2(len(rows)), abs=1e-12
        )


def test_a_sweep_refuses_values_without_a_cell_number() -> None:
    with pytest.raises(EstimatorError, match="more than 2\\^62 cells"):
        cells.floor_entropies(np.array([[1e20], [0.0]], np.float32), [1.0, 1e-3])
    assert cells.floor_entropies(np.array([[1e20], [0.0]], np.float32), [1e10]) == [1.0]
    assert len(cells.floor_entropies(VALUES["tanh"], [])) == 0


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
