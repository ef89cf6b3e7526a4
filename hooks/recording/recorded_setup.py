"""What a run was recorded with, so that its network can be looked at again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from infoplane.archive import Archive
from infoplane.errors import CaptureError, InputError
from infoplane.hooks.network.isolate import dtype_named
from infoplane.hooks.probing.probe import made, make_probe
from infoplane.types.arrays import Array, Ids


def recorded_setup(
    archive: Archive, probe: object, options: dict[str, Any]
) -> tuple[object, dict[str, Any]]:  # Any: of the recorder
    """Return probe and options of a recorder that sees the same rows in the same way.

    Args:
        archive: the run.
        probe: its probe, which a run of positions does not store; None for that of the run.
        options: of the recorder that are to be others; ``mask``, where the run was recorded with an
            array as mask.

    Raises:
        InputError: what the run does not hold is missing.
    """
    config = archive.config
    if config.get("source") == "arrays":
        raise InputError(
            f"{archive.path}: was made from arrays, and does not say how the network was run: "
            "record the network with ip.Recorder or ip.capture"
        )
    autocast = str(config["autocast"])
    settings: dict[str, Any] = {
        "autocast": None if autocast == "off" else dtype_named(autocast),
        "y_kind": archive.y_kind,
        "x_kind": archive.x_kind,
        "verbose": False,
        "on_error": "raise",
    }
    for key in ("batch_size", "mode", "draws", "noise", "seed", "tags"):
        settings[key] = config[key]
    if options.get("layers") is None:
        settings |= _of_layers(archive)
    if archive.row_info.kind == "sample":
        settings |= _of_samples(archive)
    else:
        settings |= _of_positions(archive, probe, options.get("mask"))
    probe = made(probe)
    if isinstance(probe, DataLoader):  # gives its rows in the order in which the run read them
        probe = make_probe(probe, tuple(config["fixed"]))
    return _stored_probe(archive) if probe is None else probe, settings | options


def _of_layers(archive: Archive) -> dict[str, Any]:  # Any: of the recorder
    """The layers of the run, and the form in which each is stored."""
    return {
        "layers": list(archive.layers),
        "select": archive.config.get("selected", {}),
        "reduce": {info.name: info.reduction for info in archive.infos},
    }


def _of_samples(archive: Archive) -> dict[str, Any]:  # Any: of the recorder
    """Row ids, split and labels of a run whose rows are samples."""
    found: dict[str, Any] = {
        "row_ids": _once(archive, archive.row_ids),
        "split": None if archive.split is None else _once(archive, archive.split),
    }
    if not archive.row_info.plain:
        found["y"] = _label_sets(archive)
    return found


def _of_positions(archive: Archive, probe: object, mask: object) -> dict[str, Any]:
    """Rows, X and labels of a run whose rows are positions.

    Raises:
        InputError: what the run does not hold is missing.
    """
    info = archive.row_info
    settings = info.settings
    missing = ["probe="] if probe is None else []
    if settings.get("mask") == "array" and mask is None:
        missing.append("mask=")
    if missing:
        raise InputError(
            f"{archive.path}: its rows are {info.kind}s, and the run does not store the inputs "
            f"that they come from: give {' and '.join(missing)} as when it was recorded"
        )
    key = settings.get("key")
    places = _once(archive, np.asarray(archive.positions))  # sample and position, shape (R, 2)
    ignored = int(str(settings.get("ignore_index", -100)))
    split = None
    if archive.split is not None:
        split = np.full(info.samples, "", archive.split.dtype)
        split[places[:, 0]] = _once(archive, archive.split)
    labels = {
        name: _on_grid(y, archive, places, ignored)
        for name, y in _label_sets(archive).items()
        if y is not None
    }
    return {
        "rows": f"{info.kind}:{key}" if key else info.kind,
        "x": info.x,
        "mask": settings.get("mask") if mask is None else mask,
        "skip_first": settings.get("skip_first", 0),
        "max_rows": settings.get("max_rows"),
        "ignore_index": ignored,
        "y": labels or None,
        "split": split,
        "fixed": tuple(archive.config.get("fixed", ())),
    }


def _on_grid(y: Array, archive: Archive, places: Ids, ignored: int) -> Array:
    """Labels of all positions, none where the run has no row: ``(n, *grid, ...)``."""
    info = archive.row_info
    width = int(np.prod(info.grid, dtype=np.int64))
    if y.dtype.kind == "U":
        y = y.astype(object)
    empty = {"f": np.nan, "O": None}.get(y.dtype.kind, ignored)
    found = np.full((info.samples, width, *y.shape[1:]), empty, y.dtype)
    found[places[:, 0], places[:, 1]] = y
    return found[:, 0] if info.kind == "node" else found


def _once(archive: Archive, values: Array) -> Array:
    """The rows of the probe: what is stored repeats them for every draw."""
    return values[: archive.n_rows // int(archive.config["draws"])]


def _label_sets(archive: Archive) -> dict[str, Array | None]:
    """Every label set of the run by its name."""
    return {name: _named_labels(archive.with_label(name)) for name in archive.labels}


def _named_labels(archive: Archive) -> Array | None:
    """The labels of the probe's rows, by their names where they have any."""
    if archive.y is None:
        return None
    labels = _once(archive, archive.y)
    return labels if archive.class_names is None else np.array(archive.class_names)[labels]


def _stored_probe(archive: Archive) -> object:
    """Inputs and labels of the run.

    Raises:
        InputError: several inputs, or inputs that were not stored.
    """
    if archive.x is None or archive.config.get("inputs") != "Tensor":
        raise InputError(
            f"{archive.path}: the probe of this run cannot be rebuilt (several inputs, or x was "
            "not stored); pass probe="
        )
    inputs = torch.from_numpy(np.array(_once(archive, archive.x)))
    stored = archive.config.get("input_dtypes")
    if stored:
        inputs = inputs.to(dtype_named(stored[0]))  # half precisions are stored widened
    return inputs, _named_labels(archive) if archive.row_info.plain else None


def require_same_rows(old: Archive, new: Archive) -> None:
    """Refuse a probe that gives other rows than the run has.

    Raises:
        CaptureError: saying how many there are.
    """
    before, after = old.positions, new.positions
    places = before is not None and after is not None and np.array_equal(before, after)
    if not places or not np.array_equal(old.row_ids, new.row_ids):
        raise CaptureError(
            f"the probe gives other rows than {old.path} has ({new.n_rows} and {old.n_rows}): "
            "give the probe and the mask that it was recorded with"
        )
