"""The header of a run, run.json: of a new one, and of one that goes on."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from infoplane.archive import layout
from infoplane.archive.probe import Probe
from infoplane.archive.probe_file import write_probe
from infoplane.archive.publish import publish_text
from infoplane.archive.reader import open_archive
from infoplane.errors import InputError
from infoplane.types import LayerInfo
from infoplane.types.arrays import Json


def publish_header(
    run: Path,
    table: tuple[LayerInfo, ...],
    probe: Probe,
    config: Mapping[str, Any],  # Any: JSON
    *,
    world_size: int,
    durable: bool,
) -> Json:
    """Write probe.h5 and then run.json of a new run, and return the header.

    A folder with run.json is a run.

    Args:
        run: its folder.
        table: the layers in order.
        probe: its rows.
        config: free JSON.
        world_size: how many ranks write it.
        durable: sync the files.
    """
    from infoplane import __version__

    if probe.class_names is not None:
        config = {**config, "class_names": list(probe.class_names)}
    body: Json = {
        "format": layout.RUN,
        "format_version": layout.FORMAT_VERSION,
        "run_uuid": str(uuid.uuid4()),
        "created_utc": utc_now(),
        "writer": {
            "infoplane": __version__,
            "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "n_rows": probe.n,
        "world_size": world_size,
        "probe_sha256": probe.sha256,
        "layers": list(map(asdict, table)),
        "config": dict(config),
    }
    text = layout.sealed(body)
    write_probe(run / layout.PROBE_FILE, probe, str(body["run_uuid"]), durable=durable)
    publish_text(run / layout.RUN_FILE, text, durable=durable)
    return body


def resumed_header(run: Path, table: tuple[LayerInfo, ...], probe: Probe, world_size: int) -> Json:
    """Return the header of a run that goes on.

    Args:
        run: its folder.
        table, probe, world_size: the layers, rows and number of ranks with which it is to go on.

    Raises:
        InputError: the run has others.
    """
    old = open_archive(run, check=False)
    new_layers, old_layers = _identities(table), _identities(old.infos)
    if new_layers != old_layers:
        pairs = zip(new_layers, old_layers, strict=False)
        changed = [new[0] for new, former in pairs if new != former]
        raise InputError(
            f"{run}: cannot resume: the layers differ from those of the run ({len(new_layers)} "
            f"instead of {len(old_layers)}; changed: {changed[:3]}); give another folder"
        )
    if old.header["probe_sha256"] != probe.sha256:
        raise InputError(
            f"{run}: cannot resume: the probe (x, y, row_ids or split) differs from the run's; "
            "give another folder"
        )
    if old.header["world_size"] != world_size:
        raise InputError(
            f"{run}: cannot resume: it is written by {old.header['world_size']} ranks, got "
            f"{world_size}; give another folder"
        )
    return dict(old.header)


def _identities(table: Sequence[LayerInfo]) -> list[tuple[object, ...]]:
    """What of every layer must be the same when a run goes on."""
    return [(info.name, info.shape, info.reduction, info.site) for info in table]


def utc_now() -> str:
    """Return the time in UTC, to the second; it informs readers and decides nothing."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
