"""Probes larger than memory are read from disk batch by batch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import infoplane as ip
from infoplane.errors import InputError
from infoplane.hooks.probing import spool
from infoplane.hooks.probing.probe import make_probe

LIMITED = """
import resource, sys
import numpy as np, torch
from torch import nn
import infoplane as ip
from infoplane.hooks.probing import spool

kind, folder = sys.argv[1], sys.argv[2]
torch.set_num_threads(1)
rows, units = 1500, 40_000  # 240 MB
net = nn.Sequential(nn.Linear(units, 4), nn.Tanh(), nn.Linear(4, 2))
spool.SPOOL_BYTES = 16 << 20


def mapped():
    x = np.memmap(folder + "/x.bin", np.float32, "w+", shape=(rows, units))
    for start in range(0, rows, 100):
        x[start : start + 100] = np.random.default_rng(start).normal(size=(100, units))
    x.flush()
    return np.memmap(folder + "/x.bin", np.float32, "r", shape=(rows, units))


def batches():
    for start in range(0, rows, 25):
        x = np.random.default_rng(start).normal(size=(25, units)).astype(np.float32)
        yield torch.from_numpy(x), torch.arange(25) % 2


class Loader:
    def __iter__(self):
        return batches()


ip.Recorder(net, probe=torch.randn(8, units), to=folder + "/warm", verbose=False).open()
probe = {"mapped": lambda: (mapped(), np.arange(rows) % 2), "loader": Loader}[kind]()
now = int([line for line in open("/proc/self/status") if line.startswith("VmData")][0].split()[1]) << 10
resource.setrlimit(resource.RLIMIT_DATA, (now + (150 << 20), now + (150 << 20)))
with ip.Recorder(net, probe=probe, to=folder + "/run", store_x=kind == "loader", verbose=False) as recorder:
    recorder.step(1)
print(recorder.probe.n, recorder.steps, recorder.failures)
"""  # noqa: E501


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit counts anonymous memory on Linux")
@pytest.mark.parametrize("kind", ["mapped", "loader"])
def test_a_probe_larger_than_the_memory_is_recorded(kind: str, tmp_path: Path) -> None:
    script = tmp_path / "limited.py"
    script.write_text(LIMITED)
    done = subprocess.run(
        [sys.executable, script, kind, tmp_path],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "1500 (0, 1) []"


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))


def captured(probe: object, to: Path, **options: object) -> ip.Archive:
    with ip.Recorder(network(), probe=probe, to=to, verbose=False, **options):  # type: ignore[arg-type]
        pass
    return ip.open_archive(to)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mapped_file_gives_the_bits_of_the_array(
    tmp_path: Path, x: np.ndarray, dtype: type
) -> None:
    file = np.memmap(tmp_path / "x", dtype, "w+", shape=x.shape)
    file[:] = x
    file.flush()
    same = np.memmap(tmp_path / "x", dtype, "r", shape=x.shape)
    one, two = captured(x, tmp_path / "a"), captured(same, tmp_path / "b")
    np.testing.assert_array_equal(one.z(0, "1"), two.z(0, "1"))
    assert one.x is not None and two.x is not None
    np.testing.assert_array_equal(one.x, two.x)


def test_a_mapped_file_is_not_copied(tmp_path: Path, x: np.ndarray) -> None:
    file = np.memmap(tmp_path / "x", np.float32, "w+", shape=x.shape)
    file[:] = x
    probe = make_probe(file)
    file[3, 2] = 77.0
    assert probe.tensors()["x"][3, 2] == 77.0


def test_a_copy_of_a_mapped_file_in_memory_is_the_probes_own(tmp_path: Path, x: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", x.astype(np.float64))
    mine = np.load(tmp_path / "x.npy", mmap_mode="r").astype(np.float32)  # still of class memmap
    probe = make_probe(mine)
    mine -= mine.mean()
    np.testing.assert_array_equal(probe.tensors()["x"].numpy(), x)


def test_a_tensor_that_torch_maps_from_a_file_is_not_copied(tmp_path: Path, x: np.ndarray) -> None:
    x.tofile(tmp_path / "x")
    mapped = torch.from_file(str(tmp_path / "x"), shared=True, size=x.size).reshape(x.shape)
    probe = make_probe(mapped)
    assert probe.tensors()["x"].data_ptr() == mapped.data_ptr()


def test_a_loader_on_disk_gives_the_bits_of_one_in_memory(
    tmp_path: Path, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = TensorDataset(torch.from_numpy(x), torch.arange(100) % 3)
    one = captured(DataLoader(data, batch_size=7), tmp_path / "a")
    monkeypatch.setattr(spool, "SPOOL_BYTES", 500)
    two = captured(DataLoader(data, batch_size=7), tmp_path / "b")
    np.testing.assert_array_equal(one.z(0, "1"), two.z(0, "1"))
    assert one.y is not None and two.y is not None
    np.testing.assert_array_equal(one.y, two.y)


def test_several_inputs_on_disk_stay_apart(x: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 100)
    batches = [
        ({"a": x[k : k + 10], "b": x[k : k + 10] * 2, "scale": 3.0}, None)
        for k in range(0, 100, 10)
    ]
    probe = make_probe(iter(batches))
    assert torch.equal(probe.tensors()["b"], torch.from_numpy(x) * 2)
    assert probe.constants() == {"scale": 3.0}
    np.testing.assert_array_equal(probe.array(), np.concatenate([x, x * 2], axis=1))


def test_rows_of_several_shapes_that_do_not_fit_into_memory_are_refused(
    x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 10)
    with pytest.raises(InputError, match="needs rows of one shape"):
        make_probe(iter([torch.from_numpy(x), torch.from_numpy(x[:, :5])]))


@pytest.mark.parametrize("in_memory", [False, True])
def test_the_batch_that_does_not_fit_to_the_others_is_named_by_its_number(
    in_memory: bool, x: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SPOOL_BYTES", 1 << 20 if in_memory else 300)
    batches = [(x[k : k + 10], np.arange(10)) for k in range(0, 100, 10)]
    batches[7] = (x[70:80], None)  # type: ignore[call-overload]  # the fault
    with pytest.raises(InputError, match="batch 7 of the probe differs from the first"):
        make_probe(iter(batches))


def test_inputs_that_are_not_stored_leave_their_row_ids(tmp_path: Path, x: np.ndarray) -> None:
    with_x, without = captured(x, tmp_path / "a"), captured(x, tmp_path / "b", store_x=False)
    assert without.x is None
    np.testing.assert_array_equal(with_x.row_ids, without.row_ids)
