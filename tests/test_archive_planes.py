"""Planes on disk: the labelled grid, the header, and files that are no planes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from builders import ROWS, write_run

import infoplane as ip
from infoplane.archive import layout, load_plane, pack, save_plane
from infoplane.archive.planes import is_plane
from infoplane.errors import ArchiveExists, DamagedArchive
from infoplane.plane import Plane, Point
from infoplane.types import Chain, Estimate


def test_the_labelled_grid_of_a_plane_says_that_it_is_complete(tmp_path: Path) -> None:

    save_plane(ip.Plane((), ("a",), 4, 1.0), tmp_path / "p.h5")
    with h5py.File(tmp_path / "p.h5") as file:
        assert int(file.attrs["complete"]) == 1 and int(file.attrs["n"]) == 4


def test_a_plane_a_run_a_packed_run_and_other_files_are_told_apart(tmp_path: Path) -> None:
    plane = Plane((Point(0, "a", "i_xz", Estimate(1.0, ROWS, "exact", "exact")),), ("a",), ROWS)
    run = write_run(tmp_path / "run", (0,))
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["x"] = 1
    (tmp_path / "text.h5").write_text("no HDF5")
    found = {
        p.name: is_plane(p)
        for p in (
            save_plane(plane, tmp_path / "plane.h5"),
            run,
            pack(run, tmp_path / "p.h5"),
            tmp_path / "other.h5",
            tmp_path / "text.h5",
            tmp_path / "none",
        )
    }
    assert found == {
        "plane.h5": True,
        "run": False,
        "p.h5": False,
        "other.h5": False,
        "text.h5": False,
        "none": False,
    }


@pytest.mark.parametrize("key", ["h_y_bits", "h_x_bits"])
def test_the_entropies_of_a_plane_are_finite_numbers_or_none(tmp_path: Path, key: str) -> None:
    path = save_plane(Plane((), ("a",), ROWS, 1.0, h_x_bits=2), tmp_path / "p.h5")
    assert load_plane(path).h_y_bits == 1.0 and load_plane(path).h_x_bits == 2
    for value, fine in (
        (None, True),
        (0, True),
        (math.nan, False),
        (math.inf, False),
        ("1", False),
        ([], False),
    ):
        with h5py.File(path, "r+") as f:
            body = {**json.loads(f["meta"][()]), key: value}
            body.pop("crc32")
            text = layout.sealed(body).encode()
            del f["meta"]
            f.create_dataset("meta", data=text, dtype=h5py.string_dtype("utf-8", len(text)))
        if fine:
            assert getattr(load_plane(path), key) == value
        else:
            with pytest.raises(DamagedArchive, match=f"malformed (plane|header): .*{key}"):
                load_plane(path)


def test_the_grid_of_a_plane_has_every_number_at_its_place(tmp_path: Path) -> None:
    chain = Chain(("a", "b"), (("cut", "cut"), ("no-path", "cut")), rows=ROWS)
    points = tuple(
        Point(
            step,
            layer,
            quantity,
            Estimate(step + k + (10 if quantity == "i_zy" else 0), ROWS, spec, sense),
        )  # type: ignore[arg-type]  # as listed
        for step in (0, 4)
        for k, layer in enumerate("ab")
        for quantity in ("i_xz", "i_zy")
        for spec, sense in (("exact", "exact"), ("kde", "lower"))
    )
    path = save_plane(Plane(points[:-1], ("a", "b"), ROWS, chain=chain), tmp_path / "p.h5")
    with h5py.File(path) as f:
        assert [v.decode() for v in f["series"][()]] == ["exact exact", "kde lower"] and f["step"][
            ()
        ].tolist() == [0, 4]
        assert [[d[0].name for d in f["bits"].dims]] == [
            ["/quantity", "/series", "/layer", "/step"]
        ] and f["bits"].attrs["units"] == b"bit"
        grid = f["bits"][()]
    assert np.isnan(grid).sum() == 1 and np.isnan(grid[1, 1, 1, 1])
    assert (
        grid[0, 0].tolist() == [[0, 4], [1, 5]]
        and grid[1, 0].tolist() == [[10, 14], [11, 15]]
        and grid[1, 1, 1, 0] == 11
    )
    with pytest.raises(ArchiveExists):
        save_plane(Plane((), ("a",), ROWS), path)
    with h5py.File(save_plane(Plane((), ("a",), ROWS), path, overwrite=True)) as f:
        assert "bits" not in f and load_plane(path).points == ()


@pytest.mark.parametrize(
    ("layers", "rows", "why"),
    [(("a", "a"), ROWS, "two layers of one name"), (("a",), 0, "a plane of no rows")],
)
def test_a_plane_that_nobody_can_have_measured_is_refused(
    layers: tuple[str, ...], rows: int, why: str, tmp_path: Path
) -> None:
    file = save_plane(Plane((), layers, rows), tmp_path / "plane.h5")
    with pytest.raises(DamagedArchive, match=why):
        load_plane(file)


def test_a_certificate_with_an_unknown_relation_is_refused(tmp_path: Path) -> None:
    forged = Chain(("a",), (("closed",),))  # type: ignore[arg-type]  # no relation
    save_plane(Plane((), ("a",), ROWS, chain=forged), tmp_path / "p.h5")
    with pytest.raises(
        DamagedArchive, match="p.h5: key 'meta': .*not a chain certificate: .*closed"
    ):
        load_plane(tmp_path / "p.h5")
