"""What must hold on a GPU: `make gpu`.

The same checks run on the CPU, so that the code is executed where no device is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.analysis.kernels import pairwise, pairwise_torch
from infoplane.analysis.kernels.blocks import Held
from infoplane.analysis.kernels.threads import on_device
from infoplane.archive import Archive, open_archive


def device_at_hand() -> str:
    """Return the name of a device that torch can use here; "" where there is none."""
    if torch.cuda.is_available():  # NVIDIA, and AMD by ROCm
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else ""


DEVICE = device_at_hand()
NO_DEVICE = "no device: torch finds neither CUDA nor MPS here"
on_the_device = [pytest.mark.gpu, pytest.mark.skipif(not DEVICE, reason=NO_DEVICE)]
everywhere = pytest.mark.parametrize(
    "device", ["cpu", pytest.param(DEVICE or "device", marks=on_the_device)]
)
ROWS = 512


def settle(device: str) -> None:
    """Wait until the device has done what it was asked for."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def widest(device: str) -> torch.dtype:
    """Return the widest floating-point type of a device."""
    return torch.float32 if device == "mps" else torch.float64


def network(dtype: torch.dtype, width: int = 64) -> nn.Sequential:
    """Return a network with weights of seed 0, made on the CPU."""
    torch.manual_seed(0)
    layers = [nn.Linear(16, width), nn.Tanh(), nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 3)]
    return nn.Sequential(*layers).to(dtype)


def integer_network() -> nn.Sequential:
    """Return a network whose every sum is of small integers: no order of addition changes it."""
    net = network(torch.float32)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.round(parameter * 8))
    return nn.Sequential(net[0], nn.ReLU(), net[2], nn.ReLU(), net[4])


def probe(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows of shape (512, 16) and labels of three classes."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(ROWS, 16, generator=generator, dtype=torch.float64)
    return x.to(dtype), (x[:, 0] > 0).long() + (x[:, 1] > 0).long()


def capture(
    net: nn.Module, rows: tuple[torch.Tensor, torch.Tensor], to: Path, device: str
) -> Archive:
    """Capture every layer of a network on a device once."""
    net.to(device)
    with ip.Recorder(net, probe=rows, to=to, layers="?", schedule=ip.at(1), verbose=False) as rec:
        rec.step(1)
    return open_archive(to)


def outputs_on(
    net: nn.Sequential, x: torch.Tensor, device: str, batch: int
) -> dict[str, np.ndarray]:
    """Return every layer's output by plain forwards of batches on a device."""
    found: dict[str, list[np.ndarray]] = {name: [] for name, _ in net.named_children()}
    net.eval()
    with torch.no_grad():
        for some in x.split(batch):
            values = some.to(device)
            for name, layer in net.named_children():
                values = layer(values)
                found[name].append(values.cpu().numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


@everywhere
def test_a_capture_is_bit_equal_to_a_forward_on_the_same_device(
    device: str, tmp_path: Path
) -> None:
    dtype = widest(device)
    net, rows = network(dtype), probe(dtype)
    archive = capture(net, rows, tmp_path / "run", device)
    expected = outputs_on(net, rows[0], device, ROWS)
    assert set(archive.layers) <= set(expected) and archive.layers
    for layer in archive.layers:
        stored = archive.z(1, layer)
        assert stored.dtype == expected[layer].dtype
        np.testing.assert_array_equal(stored, expected[layer])


@everywhere
def test_codes_are_those_of_the_cpu(device: str, tmp_path: Path) -> None:
    x, y = probe(torch.float32)
    rows = (torch.round(x * 4), y)
    runs = []
    for place in ("cpu", device):
        runs.append(capture(integer_network(), rows, tmp_path / f"{len(runs)}", place))
    here, there = (ip.measure(run, ["exact", "bin:range,n=10"], resume=False) for run in runs)
    for layer in runs[0].layers:
        np.testing.assert_array_equal(runs[0].z(1, layer), runs[1].z(1, layer))
    assert [p.estimate.bits for p in here] == [p.estimate.bits for p in there]


@everywhere
def test_kernels_and_neighbours_agree_with_the_cpu_to_a_ten_thousandth_of_a_bit(
    device: str, tmp_path: Path
) -> None:
    specs = ["kde:relative=0.2", "kde:variance=0.1", "knn", "ksg"]
    dtype = widest(device)
    planes = []
    for place in ("cpu", device):
        run = capture(network(dtype), probe(dtype), tmp_path / f"{len(planes)}", place)
        planes.append(ip.measure(run, specs, resume=False, device=place))
    numbers = [
        {(p.layer, p.quantity, p.estimator, p.sense): p.estimate.bits for p in plane}
        for plane in planes
    ]
    assert numbers[0].keys() == numbers[1].keys() and numbers[0]
    apart = {key: abs(numbers[0][key] - numbers[1][key]) for key in numbers[0]}
    assert max(apart.values()) < 1e-4, max(apart, key=apart.__getitem__)


@everywhere
@pytest.mark.parametrize("width", [3, 200])
def test_pairwise_sums_of_torch_agree_with_the_compiled_ones(device: str, width: int) -> None:
    rng = np.random.default_rng(0)
    z = rng.standard_normal((ROWS, width)).astype(np.float32)
    variances, groups = np.array([0.01, 1.0]), [rng.integers(0, 5, ROWS)]
    with on_device("cpu"):
        expected = pairwise.grouped_sums(z, variances, groups)
    found = pairwise_torch.grouped_sums(Held(z), variances, groups, device)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.log2(ours), np.log2(theirs), atol=1e-4)


@everywhere
def test_random_numbers_of_the_device_go_on_as_without_a_capture(
    device: str, tmp_path: Path
) -> None:
    drawn = []
    for recorded in (False, True):
        net = nn.Sequential(network(torch.float32), nn.Dropout(0.5)).to(device).train()
        torch.manual_seed(3)
        if recorded:
            capture(net, probe(torch.float32), tmp_path / "run", device)
        drawn.append(torch.rand(4, device=device).cpu())
    assert torch.equal(*drawn)


@everywhere
def test_training_ends_at_the_same_weights_with_and_without_a_recorder(
    device: str, tmp_path: Path
) -> None:
    ends = []
    x, y = (part.to(device) for part in probe(widest(device)))
    for recorded in (False, True):
        net = network(x.dtype).to(device)
        rows = (x.cpu(), y.cpu())
        recorder = ip.Recorder(net, probe=rows, to=tmp_path / "run", verbose=False)
        train(net, x, y, recorder if recorded else None)
        ends.append([parameter.detach().cpu() for parameter in net.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def train(net: nn.Module, x: torch.Tensor, y: torch.Tensor, recorder: ip.Recorder | None) -> None:
    """Take five steps of gradient descent."""
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    if recorder is not None:
        recorder.open()
    for step in range(1, 6):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
        if recorder is not None:
            recorder.step(step)
    if recorder is not None:
        recorder.close()


def median_seconds(call: Callable[[int], object], device: str, repeats: int = 5) -> float:
    """Return the median time of a call, the first not counted."""
    times = []
    for k in range(repeats + 1):
        settle(device)
        begun = time.perf_counter()
        call(k + 1)
        settle(device)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


def overhead(net: nn.Module, rows: tuple[torch.Tensor, torch.Tensor], to: Path, device: str) -> str:
    """Return what a capture of every layer costs beside a forward of the same rows, in words."""
    x = rows[0].to(device)

    def forward(_: int) -> None:
        with torch.no_grad():
            net(x)

    plain = median_seconds(forward, device)
    with ip.Recorder(net, probe=rows, to=to, schedule=ip.every(1), verbose=False) as rec:
        captured = median_seconds(rec.step, device)
    size = sum(file.stat().st_size for file in to.rglob("*") if file.is_file()) / 2**20
    return (
        f"on {device}: forward {plain * 1e3:.2f} ms, capture {captured * 1e3:.2f} ms, "
        f"{size:.1f} MiB in the run"
    )


@everywhere
def test_a_capture_costs_a_part_of_a_second(device: str, tmp_path: Path) -> None:
    net = network(torch.float32, width=256).to(device)
    words = overhead(net, probe(torch.float32), tmp_path / "run", device)
    print(words)
    assert float(words.split("capture ")[1].split()[0]) < 2000


@everywhere
def test_a_large_network_is_captured_and_measured(device: str, tmp_path: Path) -> None:
    """A hundred million parameters on a device; on a CPU the same code with a hundred thousand."""
    width = 8192 if device != "cpu" else 256
    torch.manual_seed(0)
    hidden = [nn.Linear(16, width // 2), nn.Linear(width // 2, width), nn.Linear(width, width)]
    parts: list[nn.Module] = []
    for layer in hidden:
        parts += [layer, nn.ReLU()]
    net = nn.Sequential(*parts, nn.Linear(width, 3)).to(device)
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count > (1e8 if device != "cpu" else 5e4)
    before = [parameter.sum().item() for parameter in net.parameters()]
    print(
        f"{count / 1e6:.1f} million parameters "
        f"{overhead(net, probe(torch.float32), tmp_path / 'run', device)}"
    )
    assert before == [parameter.sum().item() for parameter in net.parameters()]
    plane = ip.measure(tmp_path / "run", ["exact", "kde:relative=0.2"], device=device)
    assert not plane.failures and len(plane) > 0
