"""The probe as a file: probe.h5, or /probe of a packed run, and its header."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.guarded_file import Window
from infoplane.archive.guarded_read import read_array, read_meta
from infoplane.archive.probe import Probe
from infoplane.archive.publish import publishing_h5, put_array, put_attrs, put_meta
from infoplane.archive.schemas import checked_header
from infoplane.errors import DamagedArchive
from infoplane.types.arrays import Array, Json, Shape


def write_probe(path: Path, probe: Probe, run_uuid: str, *, durable: bool) -> None:
    """Publish probe.h5.

    Args:
        path: of the file.
        probe: what is written.
        run_uuid: identity of its run.
        durable: sync the file.
    """
    with publishing_h5(path, durable=durable, replace=True) as file:
        fill_probe(file, probe, run_uuid)


def fill_probe(group: h5py.Group, probe: Probe, run_uuid: str) -> None:
    """Write the probe into a group: the root of probe.h5, ``/probe`` of a packed file.

    Args:
        group: takes it.
        probe: what is written.
        run_uuid: identity of its run.
    """
    arrays = {
        "x": probe.x,
        "y": probe.y,
        "row_ids": probe.row_ids,
        "split": probe.split,
        "positions": probe.positions,
    }
    arrays |= {label_key(index): label.values for index, label in enumerate(probe.labels)}
    table = {}
    for key, array in arrays.items():
        if array is not None:
            table[key] = put_array(group, key, layout.storable(array, key))
    place = {
        "format": layout.PROBE,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": run_uuid,
        "n_rows": probe.n,
        "probe_sha256": probe.sha256,
    }
    chain = None if probe.chain is None else probe.chain.to_dict()
    body = {**place, **_words(probe), "arrays": table, "chain": chain}
    put_meta(group, layout.sealed(body))
    put_attrs(
        group,
        {
            **place,
            "y_kind": probe.y_kind or "",
            "split_codes": ",".join(layout.SPLITS),
            "complete": np.uint8(1),
        },
    )


def label_key(index: int) -> str:
    """Return the key of a further label set."""
    return f"label-{index:04d}"


def _words(probe: Probe) -> Json:
    """What the header holds about rows and labels, apart from their arrays."""
    further = [
        {"name": label.name, "kind": label.kind, "class_names": label.class_names}
        for label in probe.labels
    ]
    return {
        "y_kind": probe.y_kind,
        "x_kind": probe.x_kind,
        "rows": probe.rows.to_dict(),
        "labels": further,
    }


def read_probe_meta(group: h5py.Group, window: Window, where: str) -> Json:
    """Return the sealed header of a probe.

    Args:
        group: of the probe.
        window: the guarded file.
        where: the file, for messages.
    """
    body = checked_header(read_meta(group, window, where), layout.PROBE, where)
    body.setdefault("labels", [])
    return body


def read_probe_array(
    group: h5py.Group, window: Window, meta: Json, key: str, where: str
) -> Array | None:
    """Return one array of the probe, checked; None when it was not stored.

    Args:
        group: of the probe.
        window: the guarded file.
        meta: its header.
        key: of the array.
        where: the file, for messages.
    """
    entry = meta["arrays"].get(key)
    if entry is None:
        return None
    shape, dtype, crc = array_entry(entry)
    if not shape or shape[0] != meta["n_rows"]:
        raise DamagedArchive(
            f"{where}: key '{key}': expected {meta['n_rows']} rows, got shape {shape}"
        )
    return read_array(group, key, window, shape, dtype, crc, where)


def array_entry(entry: Json) -> tuple[Shape, str, int]:
    """Return shape, dtype and CRC of an array from its entry in a checked header."""
    return tuple(entry["shape"]), entry["dtype"], entry["crc32"]
