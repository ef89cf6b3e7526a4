"""Layers that depend on other rows of the batch are told from layers that draw noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

import infoplane as ip
from infoplane.hooks.quantise import quantised
from infoplane.types import Chain


class Noise(nn.Module):
    """Adds random numbers in every mode."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + 0.1 * torch.randn_like(z)


def captured(net: nn.Module, path: Path) -> ip.Archive:
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    with ip.Recorder(
        net, probe=(x, np.arange(64) % 2), to=path, layers="all", batch_size=64, verbose=False
    ):
        pass
    return ip.open_archive(path)


def chain(*, noisy: tuple[str, ...], coupled: tuple[str, ...]) -> Chain:
    matrix = (("cut", "cut"), ("no-path", "cut"))
    return Chain(("a", "b"), matrix, noisy=noisy, coupled=coupled)  # type: ignore[arg-type]  # relations


def test_a_quantiser_over_the_batch_draws_nothing_and_its_exact_information_is_told(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    net = quantised(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), 3)
    archive = captured(net, tmp_path / "run")
    assert archive.chain is not None
    assert "q1" in archive.chain.coupled and archive.chain.drawn == ()
    plane = ip.measure(archive, "exact")
    assert {p.layer for p in plane if p.quantity == "i_xz"} == set(archive.layers)


def test_a_layer_that_draws_is_not_coupled(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), Noise(), nn.Linear(4, 2))
    found = captured(net, tmp_path / "run").chain
    assert found is not None and found.drawn == ("1", "2") and found.coupled == ()


def test_what_drew_once_stays_drawn_when_certificates_join() -> None:
    seen, drew = chain(noisy=("a", "b"), coupled=("a", "b")), chain(noisy=("a",), coupled=())
    for joined in (seen.joined(drew), drew.joined(seen)):
        assert joined.drawn == ("a",) and joined.coupled == ("b",)


def test_a_stored_certificate_says_which_layers_are_coupled() -> None:
    found = chain(noisy=("a", "b"), coupled=("b",))
    assert Chain.from_dict(found.to_dict()) == found
