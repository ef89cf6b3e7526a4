"""Layers that do not fit into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import one_step

import infoplane as ip
from infoplane.analysis.measuring.large_layers import StoredRows, memory_bytes


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rows_from_disk_have_the_type_that_they_have_in_memory(tmp_path: Path, dtype: str) -> None:

    z = np.random.default_rng(0).normal(size=(6, 2)).astype(dtype)
    rows = StoredRows(one_step(tmp_path / "r", a=("", z)), 0, "a")
    got = np.concatenate(list(rows.blocks(4)))
    assert rows.dtype == got.dtype == ip.continuous(z).values.dtype and rows.shape == (6, 2)
    np.testing.assert_array_equal(got, ip.continuous(z).values)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("7", 7),
        ("1K", 2**10),
        ("2kb", 2**11),
        ("1.5M", 3 * 2**19),
        ("2G", 2**31),
        ("1T", 2**40),
        (" 3 G ", 3 * 2**30),
    ],
)
def test_memory_is_given_in_bytes_or_with_a_unit(
    text: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFOPLANE_MEMORY", text)
    assert memory_bytes() == size
    monkeypatch.setenv("INFOPLANE_MEMORY", "")
    assert 2**28 < memory_bytes() < 2**50
