"""What a run was recorded with, so that its network can be looked at again."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from infoplane.archive import Archive
from infoplane.errors import InputError
from infoplane.hooks.network.isolate import dtype_named
from infoplane.hooks.rows.again import settings_again


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
    n = _rows(archive)
    autocast = str(config["autocast"])
    return {
        "layers": list(archive.layers) if layers is None else layers,
        "select": config.get("selected", {}) if layers is None else None,
        "reduce": {info.name: info.reduction for info in archive.infos}
        if layers is None
        else "none",
        "autocast": None if autocast == "off" else dtype_named(autocast),
        **{key: config[key] for key in ("batch_size", "mode", "draws", "noise", "seed", "tags")},
        "y_kind": archive.y_kind,
        "x_kind": archive.x_kind,
        **(
            _of_samples(archive, n)
            if archive.row_info.kind == "sample"
            else settings_again(archive, probe, mask)
        ),
        "verbose": False,
        "on_error": "raise",
    }


def _of_samples(archive: Archive, n: int) -> dict[str, Any]:  # Any: of the recorder
    """Row ids, split and labels of a run whose rows are samples."""
    return {
        "row_ids": archive.row_ids[:n],
        "split": None if archive.split is None else archive.split[:n],
        **({} if archive.row_info.plain else {"y": _label_sets(archive)}),
    }


def _label_sets(archive: Archive) -> dict[str, object]:
    """Every label set of the run by its name."""
    return {name: _labels(archive.with_label(name)) for name in archive.labels}


def _labels(archive: Archive) -> NDArray[np.generic] | None:
    """The labels of the probe, by their names where they have any."""
    if archive.y is None:
        return None
    y = archive.y[: _rows(archive)]
    return y if archive.class_names is None else np.array(archive.class_names)[y]


def _rows(archive: Archive) -> int:
    """Rows of the probe: what is stored repeats them for every draw."""
    return archive.n_rows // int(archive.config["draws"])


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
    x = torch.from_numpy(np.array(archive.x[: _rows(archive)]))
    if dtypes := archive.config.get("input_dtypes"):
        x = x.to(dtype_named(dtypes[0]))  # half precisions are stored widened
    return x, _labels(archive) if archive.row_info.plain else None
