"""Pitfalls of capturing activations, each avoided; the table stands in docs/pitfalls.md."""

from __future__ import annotations

import ast
import functools
import math
import multiprocessing
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import infoplane as ip
from infoplane.archive import RunWriter, open_archive
from infoplane.archive.layout import SHARD_DIR
from infoplane.errors import ArchiveError, LayerNotExecuted, UnsupportedModel
from infoplane.types import LayerInfo

HERE = Path(__file__).parent


def _f(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5))


def _record(net: nn.Module, x: object, to: Path, **options: object) -> ip.Archive:
    with ip.Recorder(
        net, probe=x, to=to / "run", **({"durable": False, "verbose": False} | options)
    ):  # type: ignore[arg-type]
        pass
    return open_archive(to / "run")


def _rows() -> list[tuple[int, list[str]]]:
    table = (HERE.parent / "docs/pitfalls.md").read_text()
    found = re.findall(r"^\| (\d+) \|.*\|([^|]*)\|$", table, re.M)
    return [(int(number), re.findall(r"`(test_\w+\.py)::(\w+)`", tests)) for number, tests in found]


@functools.cache
def _tests_of(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_table_has_every_pitfall_and_every_test_it_names_exists() -> None:
    rows = _rows()
    assert [number for number, _ in rows] == list(range(1, 38))
    for number, tests in rows:
        assert tests, f"pitfall {number} names no test"
        for file, name in tests:
            assert name in _tests_of(file), f"pitfall {number}: {file}::{name}"


def test_our_hooks_return_nothing_so_that_the_output_of_every_call_is_the_networks_own(
    tmp_path: Path,
) -> None:
    net, x, seen = nn.Sequential(nn.Linear(4, 4), nn.Tanh()), _f(9, 4), []

    def twice(model: nn.Module, inputs: Tensor) -> object:
        seen.append(model(model(inputs)).clone())
        return seen[-1]

    archive = _record(net, x, tmp_path, layers=["1"], forward=twice, chain=False, batch_size=9)
    with torch.no_grad():
        first = net(x)
        assert torch.equal(seen[-1], net(first))
    assert archive.layers == ("1#0", "1#1")
    assert np.array_equal(archive.z(0, "1#0"), first.numpy()) and np.array_equal(
        archive.z(0, "1#1"), seen[-1].numpy()
    )


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_a_nested_tensor_of_a_masked_encoder_is_padded_and_its_lengths_stored(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    net = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2).eval()
    x, pad = _f(9, 5, 8), torch.zeros(9, 5, dtype=torch.bool)
    pad[3:, 3:] = True

    def masked(model: nn.Module, inputs: dict[str, Tensor]) -> object:
        return model(inputs["x"], src_key_padding_mask=inputs["pad"])

    archive = _record(
        net,
        {"x": x, "pad": pad},
        tmp_path,
        layers=["layers.0", "layers.1"],
        forward=masked,
        batch_size=9,
    )
    with torch.no_grad():
        want = net(x, src_key_padding_mask=pad)
    got = archive.z(0, "layers.1")
    np.testing.assert_allclose(
        np.where(pad[..., None], 0, got), np.where(pad[..., None], 0, want), atol=1e-5
    )
    lengths = archive.extra(0, "lengths")
    if lengths is not None:  # of versions whose fast path packs the rows
        assert lengths["layers.0"] == [5] * 3 + [3] * 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_last_block_of_a_transformer_is_not_its_normed_output(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    net = transformers.GPT2Model(
        transformers.GPT2Config(vocab_size=30, n_positions=8, n_embd=8, n_layer=2, n_head=2)
    ).eval()
    tokens = torch.arange(36).reshape(9, 4) % 30
    archive = _record(net, {"input_ids": tokens}, tmp_path, layers=["h.1", "ln_f"], batch_size=9)
    with torch.no_grad():
        out = net(input_ids=tokens, output_hidden_states=True)
        np.testing.assert_allclose(
            archive.z(0, "ln_f"), out.hidden_states[-1], atol=1e-6
        )  # the framework's list ends with the normed one
        np.testing.assert_allclose(
            net.ln_f(torch.from_numpy(archive.z(0, "h.1"))), out.last_hidden_state, atol=1e-6
        )
    assert not np.allclose(archive.z(0, "h.1"), out.last_hidden_state, atol=0.1)


def test_batch_norm_without_running_statistics_is_warned_of_when_attaching(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Tanh())
    with pytest.warns(
        UserWarning,
        match="track_running_stats=False: its output depends on the other rows of the probe batch",
    ):
        _record(net, _f(9, 4), tmp_path)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad:UserWarning")
@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpointed_block_inside_the_network_is_captured_once_and_trains_as_alone(
    reentrant: bool, tmp_path: Path
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.fc, self.block, self.out = (
                nn.Linear(4, 4),
                nn.Sequential(nn.Linear(4, 4), nn.ReLU(inplace=True)),
                nn.Linear(4, 2),
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.out(checkpoint(self.block, self.fc(x), use_reentrant=reentrant))  # type: ignore[no-any-return]

    def train(net: nn.Module, rec: ip.Recorder | None) -> dict[str, Tensor]:
        for step in range(1, 4):
            loss = net(_f(9, 4)).square().mean()
            if rec is not None:
                rec.step(step)  # between forward and backward: the worst moment
            loss.backward()
            with torch.no_grad():
                for p in net.parameters():
                    p.sub_(0.1 * p.grad)
        return net.state_dict()

    net = Net()
    with ip.Recorder(
        net, probe=_f(9, 4), to=tmp_path / "run", layers="all", durable=False, verbose=False
    ) as rec:
        recorded = train(net, rec)
    alone = train(Net(), None)
    assert all(torch.equal(recorded[k], alone[k]) for k in alone)
    archive = open_archive(tmp_path / "run")
    assert [name for name in archive.layers if name != "(model)"] == [
        "fc",
        "block.0",
        "block.1",
        "out",
    ]  # no #1: every block runs once
    assert archive.steps == (0, 1, 2, 3) and archive.z(3, "block.1").shape == (9, 4)


def test_lower_precision_looks_like_compression_and_is_recorded(tmp_path: Path) -> None:
    """4096 inputs through a steep tanh: all rows differ in double precision, fewer in each narrower
    type, and none of it is learning.
    """
    x = torch.linspace(-1, 1, 4096, dtype=torch.float64)[:, None]
    bits = {}
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Tanh()).to(torch.float64)
        nn.init.constant_(net[0].weight, 10.0)
        to = tmp_path / str(dtype)
        archive = _record(
            net.to(dtype),
            (x.to(dtype), np.arange(4096) % 2),
            to,
            layers=["1"],
            batch_size=4096,
            row_ids=np.arange(4096),
        )
        assert archive.layer_info("1").dtype == str(dtype).removeprefix("torch.")
        counts = np.unique(archive.row_digests(0, "1"), axis=0, return_counts=True)[1] / 4096
        bits[dtype] = -float((counts * np.log2(counts)).sum())
    order = [bits[d] for d in (torch.float64, torch.float32, torch.float16, torch.bfloat16)]
    assert order[0] > order[1] > order[2] > order[3] and order[0] - order[3] > 1
    assert order[0] == pytest.approx(math.log2(4096), abs=0.05)


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"
)
def test_quantised_layers_are_captured_as_the_numbers_they_stand_for(tmp_path: Path) -> None:
    if (
        not torch.backends.quantized.supported_engines
        or torch.backends.quantized.supported_engines == ["none"]
    ):
        pytest.skip("this build of torch has no quantised kernels")
    torch.manual_seed(0)
    x = _f(9, 5)
    dynamic = torch.ao.quantization.quantize_dynamic(
        nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2)), {nn.Linear}
    )
    archive = _record(dynamic, x, tmp_path / "dynamic", layers="all", batch_size=9)
    assert archive.layers[:3] == ("0", "1", "2")
    with torch.no_grad():
        assert np.array_equal(archive.z(0, "2"), dynamic(x).numpy())
    assert _record(dynamic, x, tmp_path / "auto").layers == ("1", "2")

    class Quantiser(nn.Module):
        def forward(self, t: Tensor) -> Tensor:
            return torch.quantize_per_tensor(t, 0.1, 128, torch.quint8)

    class Back(nn.Module):
        def forward(self, t: Tensor) -> Tensor:
            return t.dequantize()

    net = nn.Sequential(nn.Linear(5, 4), Quantiser(), Back())
    archive = _record(net, x, tmp_path / "static", layers=["1", "2"], batch_size=9)
    assert np.array_equal(archive.z(0, "1"), archive.z(0, "2"))


def test_an_output_buffer_that_the_next_forward_overwrites_does_not_reach_the_capture(
    tmp_path: Path,
) -> None:
    """What a replayed CUDA graph does: every forward returns the same memory."""

    class Static(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.out = nn.Linear(4, 3), torch.zeros(9, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out[: len(x)].copy_(self.fc(x))

    archive = _record(Static(), _f(9, 4), tmp_path, layers=["", "fc"], batch_size=3)
    assert np.array_equal(archive.z(0, "(model)"), archive.z(0, "fc"))


_MEMORY = """
import sys, threading, time
import numpy as np, torch
from torch import nn
import infoplane as ip
torch.set_num_threads(1)
def anonymous():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("RssAnon")) / 1024
net = nn.Sequential(*[m for _ in range(8) for m in (nn.Linear(512, 512), nn.Tanh())])
rows = int(sys.argv[2])
x = torch.randn(rows, 8).repeat(1, 64)
rec = ip.Recorder(net, probe=(x, np.arange(rows) % 2), to=sys.argv[1], layers=[str(2 * i + 1) for i in range(8)], batch_size=256, durable=False, verbose=False,
                  schedule=ip.at(1, 2)).open()
rec.capture(1)
before, peak, on = anonymous(), 0.0, True
def watch():
    global peak
    while on:
        peak = max(peak, anonymous()); time.sleep(0.001)
t = threading.Thread(target=watch); t.start()
rec.capture(2)
on = False; t.join(); 
print(rec.bytes_per_capture / 2**20, peak - before)
rec.close()
"""  # noqa: E501


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_the_memory_of_a_capture_does_not_grow_with_its_size(tmp_path: Path) -> None:
    extra = {}
    for rows in (4096, 12288):
        # freed blocks go back to the system at once, so that what is measured is held and not kept
        # by malloc for later
        env = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "MALLOC_MMAP_THRESHOLD_": "65536",
            "MALLOC_TRIM_THRESHOLD_": "131072",
        }
        said = subprocess.run(
            [sys.executable, "-c", _MEMORY, str(tmp_path / f"r{rows}"), str(rows)],
            capture_output=True,
            text=True,
            env=env,
            check=False,
        )
        assert said.returncode == 0, said.stderr[-2000:]
        size, extra[rows] = map(float, said.stdout.split())
        assert size > 60 and extra[rows] < 3, (
            f"a capture of {size:.0f} MiB took {extra[rows]:.1f} MiB more, where one batch of one "
            "layer is 0.5"
        )


def test_scripted_layers_and_exported_programs_are_refused_because_their_hooks_never_fire(
    tmp_path: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = nn.Sequential(nn.Linear(3, 3), torch.jit.script(nn.Linear(3, 3)))
        exported = torch.export.export(nn.Linear(3, 3), (_f(2, 3),))
    with pytest.raises(UnsupportedModel, match="ScriptModule"):
        _record(net, _f(9, 3), tmp_path, layers=["1"])
    with pytest.raises(UnsupportedModel, match="ExportedProgram"):
        _record(exported, _f(9, 3), tmp_path)  # type: ignore[arg-type]


def test_a_lazy_layer_is_recorded_once_it_has_a_shape(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = nn.Sequential(nn.LazyLinear(4), nn.Tanh())
    net(_f(9, 3))
    assert _record(net, _f(9, 3), tmp_path, layers=["0"]).z(0, "0").shape == (9, 4)


@pytest.mark.parametrize("module", ["unused", "skipped"])
def test_a_layer_that_is_not_used_for_this_input_is_a_typed_error(
    module: str, tmp_path: Path
) -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.unused, self.skipped = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x) if x.ndim == 2 else self.skipped(x)  # type: ignore[no-any-return]

    with pytest.raises(LayerNotExecuted, match=f"never ran in the probe forward: .'{module}'"):
        _record(Net(), _f(9, 3), tmp_path, layers=["fc", module])


def _write(
    run: Path, steps: tuple[int, ...], names: tuple[str, ...] = ("a",), **options: object
) -> None:
    with RunWriter.create(
        run,
        layers=[LayerInfo(n, 0, shape=(2,)) for n in names],
        x=np.eye(4),
        y=[0, 1, 0, 1],
        **options,
    ) as writer:  # type: ignore[arg-type]
        for step in steps:
            with writer.step(step) as shard:
                for i, name in enumerate(names):
                    shard.write(name, np.full((4, 2), step + i, np.float32))


def test_a_reader_that_holds_files_open_neither_blocks_a_resumed_writer_nor_loses_its_data(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "run", (0,))
    (shard,) = (tmp_path / "run" / SHARD_DIR).glob("*.h5")
    with h5py.File(shard, "r") as held, h5py.File(tmp_path / "run/probe.h5", "r"):
        size = shard.stat().st_size
        _write(tmp_path / "run", (1, 2), resume=True)
        assert shard.stat().st_size == size and float(held["layers/0000/call/0"][0, 0]) == 0.0
    assert open_archive(tmp_path / "run").steps == (0, 1, 2)


def test_a_shard_that_vanishes_is_an_error_and_never_an_array_of_fill_values(
    tmp_path: Path,
) -> None:
    _write(tmp_path / "run", (0, 1))
    archive = open_archive(tmp_path / "run")
    next(
        p for p in (tmp_path / "run" / SHARD_DIR).glob("*.h5") if "-s000000000001-" in p.name
    ).unlink()
    with pytest.raises(ArchiveError):
        archive.z(1, "a")
    assert open_archive(tmp_path / "run").steps == (0,)


def test_names_with_slashes_and_eleven_layers_keep_names_and_order(tmp_path: Path) -> None:
    names = tuple(f"block/{i}.x" for i in range(11))
    _write(tmp_path / "run", (0,), names)
    archive = open_archive(tmp_path / "run")
    assert archive.layers == names and [float(archive.z(0, n)[0, 0]) for n in names] == list(
        range(11)
    )

    net = nn.Sequential()
    net.add_module("a/b", nn.Linear(3, 3))
    assert _record(net, _f(4, 3), tmp_path / "net", layers=["a/b"]).layers == ("a/b",)


def test_a_shard_is_synced_then_renamed_then_its_folder_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunWriter.create(
        tmp_path / "run", layers=[LayerInfo("a", 0, shape=(2,))], x=np.eye(4), y=[0, 1, 0, 1]
    ) as writer:
        calls: list[tuple[str, str]] = []
        fsync, rename = os.fsync, os.replace

        def synced(fd: int) -> None:
            path = os.readlink(f"/proc/self/fd/{fd}")
            calls.append(("fsync", "folder" if os.path.isdir(path) else "file"))
            fsync(fd)

        def renamed(a: str, b: str) -> None:
            calls.append(("rename", "file"))
            rename(a, b)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(os, "replace", renamed)
        with writer.step(0) as shard:
            shard.write("a", np.zeros((4, 2), np.float32))
    assert calls == [("fsync", "file"), ("rename", "file"), ("fsync", "folder")]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("how", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_an_open_archive_is_read_by_processes_that_were_forked_or_spawned(
    how: str, tmp_path: Path
) -> None:
    _write(tmp_path / "run", (0, 1, 2))
    archive = open_archive(tmp_path / "run")
    archive.z(0, "a")  # whatever it keeps, it keeps now
    with multiprocessing.get_context(how).Pool(2) as pool:
        got = pool.starmap(archive.z, [(step, "a") for step in (0, 1, 2)] * 4)
    assert [float(z[0, 0]) for z in got] == [0.0, 1.0, 2.0] * 4
