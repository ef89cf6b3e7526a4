"""Layers too wide for the rows of a probe are reported before time is spent on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from builders import one_step
from torch import nn

import infoplane as ip
from infoplane.display.saturation import saturation_sentence
from infoplane.types import LayerInfo


def test_a_layer_with_as_many_units_as_rows_is_named_with_what_helps() -> None:
    layers = [LayerInfo("conv", 0, shape=(96, 32, 32)), LayerInfo("out", 1, shape=(10,))]
    text = saturation_sentence(layers, 256)
    assert "1 of 2 layers" in text and "98,304 units, 256 rows" in text and "8.0 bits" in text
    assert all(help_ in text for help_ in ("reduce=", "rows='token'", "vinfo"))


def test_narrow_layers_are_not_spoken_of() -> None:
    assert saturation_sentence([LayerInfo("fc", 0, shape=(255,))], 256) == ""


def test_the_table_of_a_capture_says_it_before_the_capture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = nn.Sequential(nn.Linear(4, 300), nn.Tanh(), nn.Linear(300, 2))
    recorder = ip.Recorder(net, probe=torch.randn(50, 4), to=tmp_path / "run", verbose=True)
    recorder.look()
    assert "saturation: 1 of 2 layers has" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("spec", "spoken"), [("bin:szt", True), ("exact", False)])
def test_measuring_says_it_before_it_measures_a_large_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spec: str, spoken: bool
) -> None:
    z = np.random.default_rng(0).normal(size=(110, 98_304)).astype(np.float32)
    run = one_step(tmp_path / "r", wide=("Conv2d", z))
    ip.measure(run, [spec])
    assert ("saturation: 1 of 1 layers has" in capsys.readouterr().err) == spoken


def test_small_layers_are_measured_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    z = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    ip.measure(one_step(tmp_path / "r", wide=("Linear", z)), ["bin:szt"])
    assert capsys.readouterr().err == ""
