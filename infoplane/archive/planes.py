"""Planes as HDF5 files with dimension scales, and the log of results as they arrive."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.columns import POINTS, put_points, read_points
from infoplane.archive.guard import has
from infoplane.archive.guarded_file import reading_h5
from infoplane.archive.guarded_read import read_meta
from infoplane.archive.publish import make_folder, publishing_h5, put_attrs, put_meta
from infoplane.archive.schemas import checked_header, is_estimate_row
from infoplane.errors import DamagedArchive, InputError
from infoplane.grids import grids_of
from infoplane.plane import Failure, Plane, Point
from infoplane.row_info import RowInfo
from infoplane.types import Chain, Estimate
from infoplane.types.arrays import AnyPath, Json


def save_plane(plane: Plane, path: AnyPath, *, overwrite: bool = False) -> Path:
    """Write a plane as one HDF5 file; returns the path.

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
    target = Path(path)
    make_folder(target.parent)
    body = {
        "format": layout.PLANE,
        "format_version": layout.PLANE_VERSION,
        "n": plane.n,
        "layers": list(plane.layers),
        "h_y_bits": plane.h_y_bits,
        "h_x_bits": plane.h_x_bits,
        "chain": None if plane.chain is None else plane.chain.to_dict(),
        "metrics": {str(step): dict(m) for step, m in plane.metrics.items()},
        "reductions": dict(plane.reductions),
        "failures": [asdict(f) for f in plane.failures],
        "provenance": dict(plane.provenance),
        "rows": plane.row_info.to_dict(),
    }
    with publishing_h5(target, replace=overwrite) as file:
        put_meta(
            file, layout.META, layout.sealed({**body, POINTS: put_points(file, plane.columns)})
        )
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
    series = list(dict.fromkeys((g.estimator, g.sense) for g in grids))
    axes: dict[str, list[Any]] = {  # Any: strings or ints
        "quantity": ["i_xz", "i_zy"],
        "series": [f"{e} {s}" for e, s in series],
        "layer": list(plane.layers),
        "step": list(plane.steps),
    }
    if not all(axes.values()):
        return
    grid = np.full([len(a) for a in axes.values()], np.nan)
    for g in grids:
        grid[axes["quantity"].index(g.quantity), series.index((g.estimator, g.sense))] = g.bits[
            :, : len(plane.layers)
        ].T
    bits = file.create_dataset("bits", data=grid)
    put_attrs(bits, {"units": "bit", "long_name": "estimated mutual information"})
    for i, (name, values) in enumerate(axes.items()):
        if name == "step":
            scale = file.create_dataset(name, data=np.array(values, dtype=np.int64))
        else:
            scale = file.create_dataset(
                name,
                data=[str(v).replace("\0", "\u2400") for v in values],
                dtype=h5py.string_dtype(),
            )  # xarray shows fixed-length ones as bytes
        scale.make_scale(name)
        bits.dims[i].attach_scale(scale)


def is_plane(path: AnyPath) -> bool:
    """Whether ``path`` is a file that `save_plane` wrote (of any version).

    A run, a packed run or anything else is not.

    Raises:
        DamagedArchive: an HDF5 file whose header cannot be read.
    """
    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    where = str(path)
    with reading_h5(Path(path)) as (file, window):
        if not has(file, layout.META, where):
            return False
        return layout.says_format(read_meta(file, layout.META, window, where), layout.PLANE, where)


def load_plane(path: AnyPath, *, run: AnyPath | None = None) -> Plane:
    """Read a plane written by `save_plane`.

    Args:
        path: the file.
        run: the run behind it, see `infoplane.plane.Plane.run_path`.

    Raises:
        NotAnArchive, VersionError, DamagedArchive: naming file and key.
    """
    where = str(path)
    try:
        with reading_h5(Path(path)) as (file, window):
            body = checked_header(read_meta(file, layout.META, window, where), layout.PLANE, where)
            said = body[POINTS]
            if isinstance(said, list):
                return _plane(body, _listed(said), Path(path), run)
            points, columns = read_points(file, window, said, where)
            plane = _plane(body, points, Path(path), run)
            vars(plane)["columns"] = columns  # as it would find itself
            return plane
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, InputError) as error:
        raise DamagedArchive(
            f"{where}: key 'meta': malformed plane: {type(error).__name__}: {str(error)[:200]}"
        ) from error


def _listed(said: list[Any]) -> tuple[Point, ...]:  # Any: JSON
    """The points of a plane of format 1, which has them in its header."""
    known = {f.name for f in fields(Estimate)}
    points = []
    for step, layer, quantity, e in said:
        if quantity not in ("i_xz", "i_zy"):
            raise ValueError(f"unknown quantity {quantity!r}")
        kept: Json = e if e.keys() <= known else {k: v for k, v in e.items() if k in known}
        if not is_estimate_row(kept):
            raise ValueError(f"an estimate with a value of another type: {str(kept)[:100]}")
        estimate = Estimate.from_dict(kept)
        points.append(Point(layout.as_size(step), str(layer), quantity, estimate))
    return tuple(points)


def _plane(
    body: Mapping[str, Any],  # Any: JSON
    points: tuple[Point, ...],
    file: Path,
    run: AnyPath | None,
) -> Plane:
    for key in ("h_y_bits", "h_x_bits"):
        if body[key] is not None and not (
            isinstance(body[key], (int, float)) and math.isfinite(body[key])
        ):
            raise ValueError(f"{key} is {body[key]!r}")
    if body["n"] < 1:
        raise ValueError("a plane of no rows")
    layers = tuple(body["layers"])
    if len(set(layers)) != len(layers):
        raise ValueError("two layers of one name")
    return Plane(
        points=points,
        layers=layers,
        n=layout.as_size(body["n"]),
        h_y_bits=body["h_y_bits"],
        h_x_bits=body["h_x_bits"],
        chain=None if body["chain"] is None else Chain.from_dict(body["chain"]),
        metrics={
            int(step): {str(k): float(v) for k, v in m.items()}
            for step, m in body["metrics"].items()
        },
        reductions={str(k): str(v) for k, v in body["reductions"].items()},
        failures=tuple(
            Failure(int(f["step"]), str(f["layer"]), str(f["estimator"]), str(f["message"]))
            for f in body["failures"]
        ),
        provenance={str(k): str(v) for k, v in body["provenance"].items()},
        row_info=RowInfo.from_dict(body.get("rows")),
        file=file,
        run=None if run is None else Path(run),
    )
