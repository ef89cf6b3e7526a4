"""Planes as HDF5 files with dimension scales, and the log of results as they arrive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np

from infoplane.archive import layout
from infoplane.archive.columns import POINTS, put_points, read_points
from infoplane.archive.guarded_file import reading_h5
from infoplane.archive.guarded_read import read_meta
from infoplane.archive.publish import make_folder, publishing_h5, put_attrs, put_meta
from infoplane.archive.schemas import Size, checked_header
from infoplane.errors import DamagedArchive, NotAnArchive
from infoplane.grids import grids_of
from infoplane.plane import Failure, Plane, Point
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Estimate, Quantity
from infoplane.types.arrays import AnyPath
from infoplane.user_path import path_of


def save_plane(plane: Plane, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write a plane as one HDF5 file; return its path.

    ``/points`` holds the points as columns, ``/meta`` everything else as sealed JSON. For other
    tools the numbers also lie in ``/bits`` with the dimensions ``quantity, series, layer, step`` as
    HDF5 dimension scales (xarray, MATLAB and R open it); absent cells are NaN there.

    Args:
        plane: what is written.
        path: of the file.
        overwrite: replace a file.

    Raises:
        ArchiveExists: the file exists and ``overwrite`` is False.
    """
    target = path_of(path)
    make_folder(target.parent)
    body = {
        "format": layout.PLANE,
        "format_version": layout.PLANE_VERSION,
        "n": plane.n,
        "layers": list(plane.layers),
        "h_y_bits": plane.h_y_bits,
        "h_x_bits": plane.h_x_bits,
        "chain": None if plane.chain is None else plane.chain.to_dict(),
        "metrics": {str(step): dict(logged) for step, logged in plane.metrics.items()},
        "reductions": dict(plane.reductions),
        "failures": [asdict(failure) for failure in plane.failures],
        "provenance": dict(plane.provenance),
        "rows": plane.row_info.to_dict(),
    }
    with publishing_h5(target, replace=overwrite) as file:
        body[POINTS] = put_points(file, plane.columns)
        put_meta(file, layout.sealed(body))
        _grid(file, plane)
        put_attrs(
            file,
            {
                "format": layout.PLANE,
                "format_version": layout.PLANE_VERSION,
                "n": plane.n,
                "complete": np.uint8(1),
            },
        )
    return target


def _grid(file: h5py.File, plane: Plane) -> None:
    """The numbers once more, as a labelled grid for tools that do not read our JSON."""
    grids = grids_of(plane)
    series = list(dict.fromkeys((grid.estimator, grid.sense) for grid in grids))
    quantities = ["i_xz", "i_zy"]
    axes: dict[str, list[Any]] = {  # Any: strings or ints
        "quantity": quantities,
        "series": [" ".join(one) for one in series],
        "layer": list(plane.layers),
        "step": list(plane.steps),
    }
    if not all(axes.values()):
        return
    data = np.full([len(values) for values in axes.values()], np.nan)
    for grid in grids:
        place = quantities.index(grid.quantity), series.index((grid.estimator, grid.sense))
        data[place] = grid.bits[:, : len(plane.layers)].T
    bits = file.create_dataset("bits", data=data)
    put_attrs(bits, {"units": "bit", "long_name": "estimated mutual information"})
    for axis, (name, values) in enumerate(axes.items()):
        if name == "step":
            scale = file.create_dataset(name, data=np.array(values, dtype=np.int64))
        else:  # of variable length: xarray shows fixed-length strings as bytes
            texts = [value.replace("\0", "\u2400") for value in values]
            scale = file.create_dataset(name, data=texts, dtype=h5py.string_dtype())
        scale.make_scale(name)
        bits.dims[axis].attach_scale(scale)


def is_plane(path: AnyPath) -> bool:
    """Whether ``path`` is a file that `save_plane` wrote (of any version).

    A run, a packed run or anything else is not.

    Raises:
        DamagedArchive: an HDF5 file whose header cannot be read.
    """
    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    where = str(path)
    with reading_h5(path_of(path)) as (file, window):
        try:
            text = read_meta(file, window, where)
        except NotAnArchive:
            return False
        return layout.from_json(text, where).get("format") == layout.PLANE


def load_plane(path: AnyPath, *, run: AnyPath | None = None) -> Plane:
    """Read a plane written by `save_plane`.

    Args:
        path: the file.
        run: its run, see `infoplane.plane.Plane.run_path`.

    Raises:
        NotAnArchive, VersionError, DamagedArchive: naming file and key.
    """
    where = str(path)
    try:
        with reading_h5(path_of(path)) as (file, window):
            body = checked_header(read_meta(file, window, where), layout.PLANE, where)
            stored = body[POINTS]
            if isinstance(stored, list):
                return _plane(body, _listed(stored), Path(path), run)
            points, columns = read_points(file, window, stored, where)
            plane = _plane(body, points, Path(path), run)
            vars(plane)["columns"] = columns  # the cached property
            return plane
    except (
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        AttributeError,
        msgspec.ValidationError,
    ) as error:
        raise DamagedArchive(
            f"{where}: key 'meta': malformed plane: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def _listed(stored: list[Any]) -> tuple[Point, ...]:  # Any: JSON
    """The points of a plane of format 1, which has them in its header."""
    rows = msgspec.convert(stored, list[tuple[Size, str, Quantity, Estimate]])
    return tuple(Point(*row) for row in rows)


def _plane(
    body: Mapping[str, Any],  # Any: JSON
    points: tuple[Point, ...],
    file: Path,
    run: AnyPath | None,
) -> Plane:
    for key in ("h_y_bits", "h_x_bits"):
        bits = body[key]
        if bits is not None and not math.isfinite(bits):
            raise ValueError(f"{key} is {bits!r}")
    if body["n"] < 1:
        raise ValueError("a plane of no rows")
    layers = tuple(body["layers"])
    if len(set(layers)) != len(layers):
        raise ValueError("two layers of one name")
    metrics = {}
    for step, logged in body["metrics"].items():
        metrics[int(step)] = {name: float(value) for name, value in logged.items()}
    return Plane(
        points=points,
        layers=layers,
        n=body["n"],
        h_y_bits=body["h_y_bits"],
        h_x_bits=body["h_x_bits"],
        chain=None if body["chain"] is None else Chain.from_dict(body["chain"]),
        metrics=metrics,
        reductions=body["reductions"],
        failures=msgspec.convert(body["failures"], tuple[Failure, ...]),
        provenance=body["provenance"],
        row_info=RowInfo.from_dict(body.get("rows")),
        file=file,
        run=None if run is None else Path(run),
    )
