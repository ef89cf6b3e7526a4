"""Atoms of mixed variables are treated separately."""

from __future__ import annotations

import numpy as np
import pytest

from infoplane.analysis.estimators.atoms import apart_bits
from infoplane.analysis.estimators.cells import estimate_of_codes
from infoplane.analysis.estimators.neighbour_formulas import mixed_bits
from infoplane.analysis.estimators.neighbour_rows import Pair, Side
from infoplane.rows import row_codes


def apart_of_rows(x: np.ndarray, z: np.ndarray, k: int) -> float:
    pair = Pair(Side(x, row_codes(x)), Side(z, row_codes(z)))
    return apart_bits(pair, k, lambda u, v: (mixed_bits(u, v, k), ()))[0]


def test_atoms_apart_is_the_table_where_all_rows_lie_at_atoms() -> None:
    a = np.repeat([0.0, 1.0, 2.0], 20)[:, None]
    b = np.where(a > 0, 1.0, 0.0)
    table = estimate_of_codes(
        a[:, 0].astype(int), b[:, 0].astype(int), "t", "point", correction="cwj"
    ).bits
    assert apart_of_rows(a, b, 3) == pytest.approx(table, abs=1e-12)
    for beside in (1, 2, 3, 4):  # rows at no atom, all values different
        x = np.concatenate([a, 10 + np.arange(beside)[:, None]])
        z = np.concatenate([b, 20 + np.arange(beside)[:, None]])
        symbols = (
            np.concatenate([a[:, 0], np.full(beside, 9)]).astype(int),
            np.concatenate([b[:, 0], np.full(beside, 9)]).astype(int),
        )
        assert apart_of_rows(x, z, 3) == pytest.approx(
            estimate_of_codes(*symbols, "t", "point", correction="cwj").bits, abs=1e-12
        )


def test_labels_of_as_few_rows_beside_atoms_as_there_are_neighbours_add_nothing() -> None:
    x = np.repeat([0.0, 1.0], 20)[:, None]
    for beside, adds in ((2, False), (4, False), (6, True)):
        z = np.full((40, 1), 5.0)
        z[np.r_[: beside // 2, 20 : 20 + beside // 2], 0] = np.r_[
            10 : 10 + beside // 2, 1000 : 1000 + beside // 2
        ]
        symbols = np.where(z[:, 0] > 5, 1, 0)
        table = estimate_of_codes(x[:, 0].astype(int), symbols, "t", "point", correction="cwj").bits
        found = apart_of_rows(x, z, 3)
        assert bool(abs(found - table) > 1e-9) == adds
        assert found == pytest.approx(apart_of_rows(z, x, 3), abs=1e-12)
