"""Write one step: a shard, sealed when all its layers are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from infoplane.archive import layout
from infoplane.archive.layer_array import LayerArray
from infoplane.archive.layout import ShardName
from infoplane.archive.publish import Sink, put_attrs, put_meta
from infoplane.archive.run_header import utc_now
from infoplane.archive.uninterrupted_thread import QuietThread
from infoplane.errors import InputError
from infoplane.types import LayerInfo
from infoplane.types.arrays import Array, Digests, Json, to_numpy


def as_array(a: ArrayLike, what: str) -> Array:
    """Return a storable array from an array, list or torch tensor (without importing torch)."""
    return layout.storable(to_numpy(a), what)


class ShardWriter:
    """One step being written.

    Becomes visible when the ``with`` block of `RunWriter.step` ends without an error.
    """

    def __init__(
        self,
        sink: Sink,
        file: h5py.File,
        layers: Mapping[str, LayerInfo],
        rows: int,
        thread: QuietThread,
    ) -> None:
        self._sink, self._file, self._thread = sink, file, thread
        self._layers = layers
        self._rows = rows
        self._arrays: dict[str, LayerArray] = {}
        self.extras: Json = {}

    @property
    def nonfinite(self) -> dict[str, int]:
        """NaN and infinities so far, of the layers that have any."""
        return {name: array.nonfinite for name, array in self._arrays.items() if array.nonfinite}

    def write(
        self,
        layer: str,
        array: ArrayLike,
        *,
        row_digests: Digests | None = None,
    ) -> None:
        """Store the activation of one layer, shape ``(rows, *features)``.

        Args:
            layer: a name of the run's layer table.
            array: what to store, after any reduction.
            row_digests: shape ``(rows, 2)``, of the raw activation; computed from ``array`` when
                left out (right only without a reduction).

        Raises:
            InputError: unknown layer, written twice, wrong shape or dtype.
        """
        info = self._info(layer)
        if layer in self._arrays:
            raise InputError(f"layer {layer!r} was already written in this step")
        values = as_array(array, f"layer {layer!r}")
        if values.shape != (self._rows, *info.shape):
            raise InputError(
                f"layer {layer!r}: expected shape {(self._rows, *info.shape)} (rows, *features of "
                f"the layer table), got {values.shape}"
            )
        self.append(layer, values, row_digests=row_digests)

    def append(
        self,
        layer: str,
        array: ArrayLike,
        *,
        row_digests: Digests | None = None,
        torch_dtype: str = "float32",
    ) -> None:
        """Store the next rows of one layer, shape ``(b, *features)``.

        As `write`, piece by piece, so that nothing has to be held.

        Args:
            layer: a name of the run's layer table.
            array: shape ``(b, *features)``.
            row_digests: shape ``(b, 2)``, of the raw rows; needed where the layer is reduced.
            torch_dtype: dtype in which the layer computed.
        """
        info = self._info(layer)
        if row_digests is None and info.reduction != "none":
            raise InputError(
                f"layer {layer!r} is reduced by {info.reduction!r}: pass row_digests of the raw "
                "activation"
            )
        values = as_array(array, f"layer {layer!r}")
        if values.shape[1:] != info.shape or values.ndim == 0:
            raise InputError(
                f"layer {layer!r}: expected rows of shape {info.shape}, got {values.shape}"
            )
        digests = None if row_digests is None else np.ascontiguousarray(row_digests, dtype="<u8")
        if digests is not None and digests.shape != (len(values), 2):
            raise InputError(
                f"layer {layer!r}: expected row_digests of shape {(len(values), 2)}, "
                f"got {digests.shape}"
            )
        if layer not in self._arrays:
            self._arrays[layer] = LayerArray(
                self._sink,
                self._file,
                info,
                self._rows,
                values.dtype.str,
                torch_dtype,
                self._thread,
            )
        self._arrays[layer].append(values, digests)

    def _info(self, layer: str) -> LayerInfo:
        if layer not in self._layers:
            raise InputError(f"no such layer: {layer!r}; this run has {list(self._layers)}")
        return self._layers[layer]

    def finish(self) -> list[Json]:
        """Seal every array; return the shard's table of them."""
        return [array.finish() for array in self._arrays.values()]

    def attach(self, name: str, record: Mapping[str, Any]) -> None:  # Any: JSON
        """Attach a JSON record to the step, such as gradient statistics.

        `Archive.extra` reads it back.
        """
        if name in self.extras:
            raise InputError(f"{name!r} is already attached to this step")
        # an error belongs here, where the caller is, and not at the end of the step
        layout.readable(layout.to_json({**self.extras, name: dict(record)}))
        self.extras[name] = dict(record)


def finish_shard(
    file: h5py.Group,
    name: ShardName,
    header: Mapping[str, Any],
    rows: tuple[int, int],
    table: list[Json],
    of_step: Mapping[str, Any],  # Any: JSON
) -> None:
    """Write the sealed ``/meta`` of a shard and, last, ``complete``.

    Args:
        file: the shard.
        name: what its file name says.
        header: of the run.
        rows: first row of the probe in it, and the first after it.
        table: its line for every array.
        of_step: ``metrics``, ``meta`` and ``extras`` of the step.
    """
    place: Json = {
        "format": layout.SHARD,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": header["run_uuid"],
        "seq": name.seq,
        "step": name.step,
        "rank": name.rank,
        "world_size": name.world,
        "row_start": rows[0],
        "row_stop": rows[1],
        "n_rows": header["n_rows"],
        "probe_sha256": header["probe_sha256"],
        "created_utc": utc_now(),
    }
    body = place | {key: dict(of_step[key]) for key in ("metrics", "meta", "extras")}
    put_meta(file, layout.sealed(body | {"layers": table}))
    put_attrs(file, place)
    scalars = {}
    for name_of_metric, value in of_step["metrics"].items():
        if 0 < len(name_of_metric) < 256 and "\0" not in name_of_metric:
            scalars[name_of_metric] = value
    put_attrs(file.create_group("scalars"), scalars)
    put_attrs(file, {"complete": np.uint8(1)})
