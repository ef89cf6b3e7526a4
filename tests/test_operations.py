"""Functional operations as layers: ``layers="ops"`` and names such as ``block/add``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import infoplane as ip
from infoplane.errors import LayerNotFound
from infoplane.hooks.chain import interchange

X = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    """Adds and squashes by functions; in place or not."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.fc, self.norm, self.in_place = nn.Linear(6, 6), nn.LayerNorm(6), in_place

    def forward(self, x: Tensor) -> Tensor:
        branch = torch.tanh(self.fc(self.norm(x)))
        if self.in_place:
            x = x.clone()
            x += branch
            return x
        return x + branch


class Attention(nn.Module):
    """Attention by a function over three parts of a row."""

    def forward(self, x: Tensor) -> Tensor:
        parts = x.view(len(x), 3, 2)
        return F.scaled_dot_product_attention(parts, parts, parts).flatten(1)


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(Block(False), Attention(), Block(True), nn.Tanh(), nn.Linear(6, 2))


def _record(network: nn.Module, to: Path, layers: Any) -> ip.Recorder:
    return ip.Recorder(network, probe=X, to=to / "run", layers=layers, verbose=False)


def _expected(network: nn.Sequential) -> dict[str, Tensor]:
    with torch.no_grad():
        first, last = network[0], network[2]
        tanh = torch.tanh(first.fc(first.norm(X)))
        added = X + tanh
        parts = added.view(len(X), 3, 2)
        attended = F.scaled_dot_product_attention(parts, parts, parts)
        again = torch.tanh(last.fc(last.norm(attended.flatten(1))))
        return {
            "0/tanh": tanh,
            "0/add": added,
            "1/scaled_dot_product_attention": attended,
            "2/tanh": again,
            "2/add": attended.flatten(1) + again,
        }


def test_ops_takes_sums_activations_and_attention_that_have_no_module(tmp_path: Path) -> None:
    with _record(_network(), tmp_path, "ops") as recorder:
        assert recorder.layers == tuple(_expected(_network()))


@pytest.mark.parametrize("name", list(_expected(_network())))
def test_an_operation_has_the_bits_of_the_function(name: str, tmp_path: Path) -> None:
    network = _network()
    with _record(network, tmp_path, [name]):
        pass
    stored = ip.open_archive(tmp_path / "run").z(0, name)
    assert np.array_equal(stored, _expected(network)[name].numpy())


def test_operations_and_modules_stand_in_the_order_in_which_they_run(tmp_path: Path) -> None:
    with _record(_network(), tmp_path, ["4", "2/add", "0/tanh", "0"]) as recorder:
        assert recorder.layers == ("0/tanh", "0", "2/add", "4")


def test_training_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    def train(recorder: ip.Recorder | None, network: nn.Module) -> dict[str, Tensor]:
        optimiser = torch.optim.SGD(network.parameters(), 0.1)
        for step in (1, 2, 3):
            optimiser.zero_grad()
            network(X).pow(2).mean().backward()
            optimiser.step()
            if recorder is not None:
                recorder.step(step)
        return network.state_dict()

    alone, network = train(None, _network()), _network()
    with _record(network, tmp_path, ["ops", "4"]) as recorder:
        together = train(recorder, network)
    assert all(torch.equal(alone[name], together[name]) for name in alone)


def test_the_chain_of_operations_is_certified() -> None:
    chain = interchange(_network(), X, ["0/tanh", "0/add", "1/*", "2/add", "4"])
    relation = {
        (up, down): chain.matrix[i][j]
        for i, up in enumerate(chain.layers)
        for j, down in enumerate(chain.layers)
    }
    assert relation["0/tanh", "0/add"] == "partial"  # the input goes past it
    assert relation["0/add", "1/scaled_dot_product_attention"] == "cut"
    assert relation["2/add", "4"] == "cut"


def test_a_name_that_no_operation_has_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(LayerNotFound, match=r"'0/mish'.*'0/tanh', '0/add'"):
        _record(_network(), tmp_path, ["0/mish"]).open()
