"""Values of layers that are held in memory or in a temporary file."""

from __future__ import annotations

import os
import resource
import tempfile

import pytest
import torch
from torch import Tensor, nn

from infoplane.hooks.certificates import layer_values
from infoplane.hooks.certificates.layer_values import LayerValues
from infoplane.hooks.chain import interchange


@pytest.fixture
def in_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is held in memory."""
    monkeypatch.setattr(layer_values, "IN_MEMORY_BYTES", 0)


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder takes a temporary file."""

    def refuse(*_args: object, **_options: object) -> None:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)


DTYPES = [
    torch.float64,
    torch.float32,
    torch.bfloat16,
    torch.float16,
    torch.float8_e4m3fn,
    torch.int64,
    torch.uint8,
    torch.bool,
]


@pytest.mark.usefixtures("in_file")
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_of_every_dtype_come_back_bit_by_bit(dtype: torch.dtype) -> None:
    value = (torch.randn(3, 5) * 4).to(dtype)
    values = LayerValues()
    values.add("a", value)
    assert values["a"].dtype == dtype
    assert torch.equal(values["a"].view(torch.uint8), value.view(torch.uint8))


@pytest.mark.usefixtures("in_file")
def test_several_layers_come_back_each_for_itself() -> None:
    given = {name: torch.randn(4, units) for name, units in (("a", 3), ("b", 200_000), ("c", 1))}
    values = LayerValues()
    for name, value in given.items():
        values.add(name, value)
    assert values.names == ["a", "b", "c"]
    assert all(torch.equal(values[name], value) for name, value in given.items())


LAYOUTS = {
    "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "transposed": torch.randn(5, 4, 3).transpose(0, 2),
    "every second row": torch.randn(6, 4)[::2],
    "part of a storage": torch.randn(6, 4)[2:4],
    "expanded": torch.randn(1, 4).expand(3, 4),
}


@pytest.mark.usefixtures("in_file")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_lie_in_memory_as_a_copy_of_them_would(layout: str) -> None:
    value = LAYOUTS[layout]
    values = LayerValues()
    values.add("a", value)
    assert torch.equal(values["a"], value)
    assert values["a"].stride() == value.clone().stride()


def test_what_a_network_writes_later_is_not_seen() -> None:
    value = torch.zeros(2, 2)
    values = LayerValues()
    values.add("a", value)
    value.fill_(1)
    assert values["a"].sum() == 0


@pytest.mark.usefixtures("in_file", "no_disk")
def test_what_no_disk_takes_stays_in_memory() -> None:
    values = LayerValues()
    values.add("a", torch.ones(2, 2))
    assert values["a"].sum() == 4


@pytest.mark.usefixtures("in_file")
def test_a_disk_that_fills_up_gets_the_room_of_what_it_does_not_hold_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [tempfile.TemporaryFile(buffering=0)]  # noqa: SIM115  # closed by the values
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_options: files[0])
    small, large = torch.ones(1 << 17), torch.arange(1 << 19)
    values = LayerValues()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        values.add("small", small)
        values.add("large", large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.equal(values["small"], small) and torch.equal(values["large"], large)
    assert os.fstat(files[0].fileno()).st_size == small.nbytes


class Residual(nn.Module):
    """A branch around which the input goes, with noise in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.noise = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.noise(self.first(x))
        return self.last(torch.tanh(hidden) + self.second(hidden) + x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_certificate_from_values_in_a_file_is_that_from_memory(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    net, probe = Residual(), torch.randn(40, 6)
    layers = ["first", "noise", "second", "last"]
    in_memory = interchange(net, probe, layers, mode=mode)  # type: ignore[arg-type]  # a Mode
    monkeypatch.setattr(layer_values, "IN_MEMORY_BYTES", 0)
    assert interchange(net, probe, layers, mode=mode) == in_memory  # type: ignore[arg-type]  # a Mode
