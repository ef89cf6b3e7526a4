"""The rows of a run once more, on the probe that it was recorded with.

What a replay needs where rows are positions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from infoplane.archive import Archive
from infoplane.errors import CaptureError, InputError
from infoplane.types.arrays import Array, Ids


def settings_again(archive: Archive, probe: object, mask: object) -> dict[str, Any]:
    """Return the options with which a probe gives the rows, X and labels of a run.

    Args:
        archive: a run whose rows are positions.
        probe: its probe, which a run of positions does not store.
        mask: where the run was recorded with an array as mask, that array.

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
    positions = archive.positions
    assert positions is not None  # rows are positions
    labels = label_sets(archive)
    return {
        "rows": f"{info.kind}:{key}" if key else info.kind,
        "x": info.x,
        "mask": settings.get("mask") if mask is None else mask,
        "skip_first": settings.get("skip_first", 0),
        "max_rows": settings.get("max_rows"),
        "ignore_index": settings.get("ignore_index", -100),
        "y": {name: _on_grid(y, archive) for name, y in labels.items() if y is not None} or None,
        "split": _of_samples(archive),
        "fixed": tuple(archive.config.get("fixed", ())),
    }


def own_rows(archive: Archive) -> int:
    """Rows of the probe: what is stored repeats them for every draw."""
    return archive.n_rows // int(archive.config["draws"])


def label_sets(archive: Archive) -> dict[str, Array | None]:
    """Every label set of the run by its name."""
    return {name: named_labels(archive.with_label(name)) for name in archive.labels}


def named_labels(archive: Archive) -> Array | None:
    """The labels of the probe's rows, by their names where they have any."""
    if archive.y is None:
        return None
    labels: Array = archive.y[: own_rows(archive)]
    return labels if archive.class_names is None else np.array(archive.class_names)[labels]


def _places(archive: Archive) -> Ids:
    """Sample and position of the rows, draws not repeated, shape ``(R, 2)``."""
    places: Ids = np.asarray(archive.positions)
    return places[: own_rows(archive)]


def _on_grid(y: Array, archive: Archive) -> Array:
    """Labels of all positions, none where the run has no row: ``(n, *grid, ...)``."""
    places, info = _places(archive), archive.row_info
    width = int(np.prod(info.grid, dtype=np.int64)) if info.grid else 1
    if y.dtype.kind == "U":
        y = y.astype(object)
    ignored = int(str(info.settings.get("ignore_index", -100)))
    empty = {"f": np.nan, "O": None}.get(y.dtype.kind, ignored)
    found = np.full((info.samples, width, *y.shape[1:]), empty, y.dtype)
    found[places[:, 0], places[:, 1]] = y
    return found[:, 0] if info.kind == "node" else found


def _of_samples(archive: Archive) -> Array | None:
    if archive.split is None:
        return None
    places = _places(archive)
    found = np.full(archive.row_info.samples, "", np.asarray(archive.split).dtype)
    found[places[:, 0]] = np.asarray(archive.split)[: len(places)]
    return found


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
