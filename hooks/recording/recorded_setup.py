"""What a run was recorded with, so that its network can be looked at again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.hooks.network.isolate import dtype_named
from infoplane.hooks.rows.replayed_rows import label_sets, named_labels, own_rows, settings_again


def settings_of(
    archive: Archive, layers: object = None, probe: object = None, mask: object = None
) -> dict[str, Any]:  # Any: of the recorder
    """Return the options of the recorder with which the same rows are seen in the same way.

    Args:
        archive: the run.
        layers: other layers than the run's, if wanted.
        probe: of a run whose rows are positions.
        mask: where such a run was recorded with an array as mask, that array.

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
    settings |= _of_layers(archive) if layers is None else {"layers": layers}
    if archive.row_info.kind == "sample":
        return settings | _of_samples(archive)
    return settings | settings_again(archive, probe, mask)


def _of_layers(archive: Archive) -> dict[str, Any]:  # Any: of the recorder
    """The layers of the run, and the form in which each is stored."""
    return {
        "layers": list(archive.layers),
        "select": archive.config.get("selected", {}),
        "reduce": {info.name: info.reduction for info in archive.infos},
    }


def _of_samples(archive: Archive) -> dict[str, Any]:  # Any: of the recorder
    """Row ids, split and labels of a run whose rows are samples."""
    rows = own_rows(archive)
    found: dict[str, Any] = {
        "row_ids": archive.row_ids[:rows],
        "split": None if archive.split is None else archive.split[:rows],
    }
    if not archive.row_info.plain:
        found["y"] = label_sets(archive)
    return found


def probe_of(archive: Archive) -> object:
    """Return inputs and labels of the run.

    Raises:
        InputError: several inputs, or inputs that were not stored.
    """
    if archive.x is None or archive.config.get("inputs") != "Tensor":
        raise InputError(
            f"{archive.path}: the probe of this run cannot be rebuilt (several inputs, or x was "
            "not stored); pass probe="
        )
    inputs = torch.from_numpy(np.array(archive.x[: own_rows(archive)]))
    stored = archive.config.get("input_dtypes")
    if stored:
        inputs = inputs.to(dtype_named(stored[0]))  # half precisions are stored widened
    return inputs, named_labels(archive) if archive.row_info.plain else None
