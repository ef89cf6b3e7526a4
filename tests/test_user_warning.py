"""Warnings of the library point at the user's line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip

IDS = np.where(np.arange(6) < np.arange(3, 9)[:, None] - 1, np.arange(1, 7), 0)
"""Six sentences of up to six tokens, the shorter ones padded with zeros."""


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(input_ids))


def imported(to: Path) -> None:
    z = np.random.default_rng(0).normal(size=(*IDS.shape, 3))
    ip.from_arrays({"a": z}, inputs=IDS, rows="token", to=to)


def recorded(to: Path) -> None:
    with ip.Recorder(Embedded(), probe=torch.tensor(IDS), to=to, rows="token", verbose=False):
        pass


def with_ignored_labels(to: Path) -> None:
    labels = [0, 1, -100, 0, 1, 1]
    ip.Recorder(nn.Linear(2, 2), probe=(torch.rand(6, 2), labels), to=to, verbose=False)


def a_step_twice(to: Path) -> None:
    probe = torch.rand(6, 2)
    with ip.Recorder(nn.Linear(2, 2), probe=probe, to=to, layers=[""], verbose=False) as rec:
        rec.step(1)
        rec.step(1)


@pytest.mark.parametrize("act", [imported, recorded, with_ignored_labels, a_step_twice])
def test_a_warning_points_at_the_line_that_called_the_library(
    act: Callable[[Path], None], tmp_path: Path
) -> None:
    with pytest.warns(Warning) as warned:
        act(tmp_path / "run")
    assert {warning.filename for warning in warned} == {__file__}
