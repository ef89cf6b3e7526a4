"""Layers that do not fit into memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from builders import one_step

import infoplane as ip
from infoplane.analysis.estimators.spec import parse
from infoplane.analysis.measuring.freeze import freeze_edges
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


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> ip.Archive:
    """A layer of 10 MiB at one step, some values beyond [-1, 1], some rows equal."""
    rng = np.random.default_rng(0)
    z = rng.normal(scale=0.5, size=(3400, 800)).astype(np.float32)
    z[1::2] = z[::2]
    y = rng.integers(0, 5, 3400)
    return ip.from_arrays({"a": z}, y=y, to=tmp_path_factory.mktemp("wide") / "run")


@pytest.mark.parametrize(
    "spec", ["bin:szt", "bin:saxe", "bin:range,n=4", "bin:range,n=4,scope=unit", "bin:saxe-paper"]
)
def test_a_layer_read_in_blocks_gives_the_numbers_of_the_whole(spec: str, wide: ip.Archive) -> None:
    estimator = freeze_edges([parse(spec)], wide)["a"][0]
    x, y = ip.discrete(wide.row_ids, "x"), ip.discrete(wide.y, "y")
    whole = estimator.estimate_plane_point(x, ip.continuous(wide.z(0, "a"), "a"), y)  # type: ignore[attr-defined]  # of bins
    points = ip.measure(wide, spec, resume=False, null=0).points
    assert [(p.quantity, p.estimate) for p in points] == whole


def test_bins_hold_a_few_blocks_of_a_layer(wide: ip.Archive) -> None:
    ip.measure(wide, "bin:szt", resume=False, null=0)  # what is loaded once
    tracemalloc.start()
    ip.measure(wide, "bin:szt", resume=False, null=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.7 * wide.z(0, "a").nbytes


def test_a_layer_with_nan_is_refused_in_the_same_words(tmp_path: Path) -> None:
    z = np.zeros((3400, 800), np.float32)
    z[7, 3] = z[3000, 1] = np.nan
    run = ip.from_arrays({"a": z}, y=np.arange(3400) % 2, to=tmp_path / "run", nonfinite="keep")
    (failure,) = ip.measure(run, "bin:szt").failures
    assert "2 of 3400 rows" in failure.message
