"""The points of a plane as columns: equal to the last bit, with clear refusals."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infoplane as ip
from infoplane.archive import layout, load_plane
from infoplane.columns import ABSENT, FLOATS, INTEGERS, PERHAPS, TEXTS, columns_of
from infoplane.errors import DamagedArchive, InputError, VersionError
from infoplane.plane import Plane, Point
from infoplane.types import Estimate

POINTS = (
    Point(0, "a", "i_xz", Estimate(1.5, 9, "bin:szt", "lower", notes=("x", "y"))),
    Point(
        7, "b", "i_zy", Estimate(-0.5, 8, "exact", "exact", 0.0, 1.0, 0.25, 3.0, "population", 0.5)
    ),
)

number = st.floats(allow_nan=False, allow_infinity=False)
perhaps = st.none() | number
name = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
estimates = st.builds(
    Estimate,
    number,
    st.integers(1, 2**60),
    name,
    st.sampled_from(["point", "lower", "upper", "exact"]),
    perhaps,
    perhaps,
    perhaps,
    perhaps,
    st.sampled_from(["probe-set", "population"]),
    perhaps,
    st.lists(name, max_size=3).map(tuple),
)
points = st.lists(
    st.builds(Point, st.integers(0, 2**59), name, st.sampled_from(["i_xz", "i_zy"]), estimates),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(points)
def test_points_come_back_to_the_last_bit(tmp_path_factory, some) -> None:
    plane = Plane(tuple(some), ("a",), 4)
    back = load_plane(plane.save(tmp_path_factory.mktemp("p") / "plane.h5"))
    assert repr(back.points) == repr(plane.points)  # repr tells -0.0 from 0.0


def test_a_number_that_is_absent_and_one_that_is_nan_are_two_things(tmp_path: Path) -> None:
    odd = Point(0, "a", "i_xz", Estimate(1.0, 9, "e", low=math.nan, high=math.inf, stderr=None))
    (back,) = load_plane(Plane((odd,), ("a",), 9).save(tmp_path / "p.h5")).points
    assert back.estimate.low is not None and math.isnan(back.estimate.low)
    assert (
        back.estimate.high == math.inf
        and back.estimate.stderr is None
        and back.estimate.coverage is None
    )


def test_a_plane_may_have_more_points_than_a_header_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In format 1 such a plane was saved and could not be read again."""
    many = tuple(Point(s, "a", "i_xz", Estimate(s / 7, 9, "bin:szt", "lower")) for s in range(500))
    monkeypatch.setattr("infoplane.archive.layout.MAX_JSON", 10_000)
    assert load_plane(Plane(many, ("a",), 9).save(tmp_path / "p.h5")).points == many


@pytest.mark.parametrize(
    ("point", "said"),
    [
        (Point(1.0, "a", "i_xz", Estimate(1.0, 9, "e")), "step of the points"),  # type: ignore[arg-type]
        (Point(0, "a", "i_xz", Estimate(1.0, 9.5, "e")), "n of the points"),  # type: ignore[arg-type]
        (Point(0, 3, "i_xz", Estimate(1.0, 9, "e")), "layer of the points"),  # type: ignore[arg-type]
        (Point(0, "a", "i_xy", Estimate(1.0, 9, "e")), "quantity of the points"),  # type: ignore[arg-type]
        (Point(0, "a", "i_xz", Estimate(1.0, 9, "e", notes=(5,))), "notes of the points"),  # type: ignore[arg-type]
        (Point(0, "a", "i_xz", Estimate(1.0, 9, "e", low="low")), "low of the points"),  # type: ignore[arg-type]
        (Point(2**70, "a", "i_xz", Estimate(1.0, 9, "e")), "step of the points"),
    ],
)
def test_a_point_that_could_not_be_read_again_is_not_saved(
    point: Point, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        Plane((point,), ("a",), 9).save(tmp_path / "p.h5")
    assert list(tmp_path.iterdir()) == []


def rewritten(path: Path, column: str, values: np.ndarray, **said: object) -> None:
    """The plane with another column and a right checksum: everything an enemy may put there."""
    with h5py.File(path, "r+") as f:
        body = json.loads(f["meta"][()])
        body.pop("crc32")
        del f["points"][column]
        f["points"].create_dataset(column, data=values)
        body["points"]["arrays"][column] = {
            "shape": list(values.shape),
            "dtype": values.dtype.str,
            "crc32": layout.crc32(values),
        }
        body["points"].update(said)
        del f["meta"]
        f["meta"] = np.bytes_(layout.sealed(body).encode())


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("layer", np.array([0, 2], "<i4")),
        ("layer", np.array([0, -1], "<i4")),
        ("layer", np.array([0, 1], "<i8")),
        ("step", np.array([0, -1])),
        ("step", np.array([0])),
        ("step", np.zeros((2, 1), "<i8")),
        ("bits", np.array([1.0, np.nan])),
        ("bits", np.array([1.0, 2.0], "<f4")),
        ("n", np.array([0, 8])),
        ("notes", np.array([0, 9], "<i4")),
        ("low", np.array([1, 2])),
    ],
)
def test_a_column_that_no_plane_has_is_refused_by_name(
    column: str, values: np.ndarray, tmp_path: Path
) -> None:
    path = Plane(POINTS, ("a", "b"), 9).save(tmp_path / "p.h5")
    rewritten(path, column, values)
    with pytest.raises(DamagedArchive, match=str(path)):
        load_plane(path)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        *itertools.product(
            ["quantity", "sense", "target", "layer", "notes"], [5, None, [["a"]], {"a": 1}]
        ),
        ("quantity", ""),
        ("sense", ""),
        ("target", ""),
    ],
)
def test_texts_that_are_none_are_refused(key: str, text: object, tmp_path: Path) -> None:
    path = Plane(POINTS, ("a", "b"), 9).save(tmp_path / "p.h5")
    columns, texts = columns_of(POINTS)
    rewritten(path, key, columns[key], texts={**texts, key: [text] * 2})
    with pytest.raises(DamagedArchive, match=str(path)):
        load_plane(path)


@pytest.mark.parametrize("key", [*INTEGERS, *FLOATS, *PERHAPS, *TEXTS])
def test_a_missing_column_and_a_flipped_bit_in_one_are_noticed(key: str, tmp_path: Path) -> None:
    path = Plane(POINTS, ("a", "b"), 9).save(tmp_path / "p.h5")
    with h5py.File(path) as f:
        at = f["points"][key].id.get_offset()
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    (tmp_path / "flipped.h5").write_bytes(raw)
    with pytest.raises(DamagedArchive, match=f"points/{key}.*checksum"):
        load_plane(tmp_path / "flipped.h5")
    with h5py.File(path, "r+") as f:
        del f["points"][key]
    with pytest.raises(DamagedArchive, match=f"points/{key}.*missing"):
        load_plane(path)


def test_a_plane_of_a_later_format_says_so(tmp_path: Path) -> None:
    path = Plane(POINTS, ("a", "b"), 9).save(tmp_path / "p.h5")
    with h5py.File(path, "r+") as f:
        body = json.loads(f["meta"][()])
        assert body.pop("crc32") and body["format_version"] == "2.1"
        body["format_version"] = "3.0"
        del f["meta"]
        f["meta"] = np.bytes_(layout.sealed(body).encode())
    with pytest.raises(
        VersionError, match=r"written in format 3.0, this infoplane reads 2.x; install a newer"
    ):
        ip.Plane.load(path)


def test_absent_is_a_nan_that_numpy_does_not_make() -> None:
    assert (
        np.isnan(ABSENT.view(np.float64))
        and np.array([None, np.nan, np.inf - np.inf], float)
        .view(np.uint64)
        .tolist()
        .count(int(ABSENT))
        == 0
    )
