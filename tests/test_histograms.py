"""Histograms of layers over training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infoplane.analysis.studies import histograms
from infoplane.archive import open_archive
from infoplane.errors import InputError


def test_histograms_hold_every_value_once_and_keep_units_evenly(split_run: Path) -> None:
    h = histograms.histograms(split_run, "a", bins=6, units=3)
    assert (
        h.steps == (0, 1, 3, 7)
        and h.units == (0, 2, 4)
        and h.whole.sum(axis=1).tolist() == [60] * 4
        and (h.per_unit.sum(axis=2) == 12).all()
    )
    z = np.stack([open_archive(split_run).z(s, "a") for s in h.steps])
    assert (h.edges[0], h.edges[-1], len(h.edges)) == (z.min(), z.max(), 7)
    assert (
        h.whole[2].tolist() == np.histogram(z[2], h.edges)[0].tolist()
        and h.per_unit[3, 1].tolist() == np.histogram(z[3][:, 2], h.edges)[0].tolist()
    )
    assert histograms.equal_edges(3.0, 3.0, 2).tolist() == [
        1.5,
        3.0,
        4.5,
    ] and histograms.equal_edges(0.0, 0.0, 2).tolist() == [-0.5, 0.0, 0.5]
    for wrong, words in (({"bins": 1}, "bins: .*from 2 up"), ({"units": 0}, "units: .*from 1 up")):
        with pytest.raises(InputError, match=words):
            histograms.histograms(split_run, "a", **wrong)
