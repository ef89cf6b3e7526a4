"""Threads, processes and clusters give the same bits; nothing is measured twice."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from builders import run_of

import infoplane as ip
from infoplane.analysis.measuring import executors as engine
from infoplane.archive import RunWriter
from infoplane.contract import Traits
from infoplane.errors import InputError
from infoplane.types import Estimate, LayerInfo

SPECS = ["bin:szt", "bin:range,n=9", "kde:variance=0.1", "exact", "ksg:k=3"]
N = 700


@pytest.fixture
def archive(tmp_path: Path):
    """Three steps of a layer that changes and of one that is frozen after the first."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 4)).astype(np.float32)
    infos = [
        LayerInfo(name, k, "Linear", (12,), (12,)) for k, name in enumerate(("moving", "frozen"))
    ]
    with RunWriter.create(
        tmp_path / "run", layers=infos, x=x, y=(x[:, 0] > 0).astype(np.int64), durable=False
    ) as run:
        w = rng.normal(size=(4, 12))
        for step in range(3):
            with run.step(step) as shard:
                shard.write("moving", np.tanh(x @ w * (step + 1)).astype(np.float32))
                shard.write("frozen", np.tanh(x @ w * (1 if step == 0 else 2)).astype(np.float32))
    return ip.open_archive(tmp_path / "run")


def numbers(plane) -> list:
    return [
        (p.step, p.layer, p.quantity, p.estimator, p.sense, p.bits, p.estimate.notes) for p in plane
    ]


def test_every_engine_gives_the_same_bits(archive, monkeypatch) -> None:
    monkeypatch.setenv("INFOPLANE_THREADS", "1")
    serial = ip.measure(archive, SPECS, resume=False)
    assert not serial.failures
    threads = ip.measure(archive, SPECS, resume=False, workers=4)
    monkeypatch.setenv("INFOPLANE_THREADS", "3")
    kernels = ip.measure(archive, SPECS, resume=False)
    assert numbers(serial) == numbers(threads) == numbers(kernels)


@pytest.mark.slow
def test_an_unchanged_layer_is_measured_once_unless_the_estimator_draws(
    archive, monkeypatch
) -> None:
    measured = []
    plain = engine.measure_cell

    def watched(archive, step, layer, tasks, seed, read=None):
        measured.extend((step, layer, task.estimator.name) for task in tasks)
        return plain(archive, step, layer, tasks, seed, read)

    monkeypatch.setattr(engine, "measure_cell", watched)
    specs = ["bin:szt", "vinfo:family=linear"]
    plane = ip.measure(archive, specs)
    assert [m for m in measured if m[1:] == ("frozen", "bin:szt")] == [
        (0, "frozen", "bin:szt"),
        (1, "frozen", "bin:szt"),
    ]
    assert len([m for m in measured if m[1:] == ("frozen", "vinfo:family=linear")]) == 3
    monkeypatch.undo()
    each = [ip.measure(archive, specs, steps=[s], resume=False) for s in archive.steps]
    assert numbers(plane) == [row for part in each for row in numbers(part)]


def test_an_unchanged_layer_is_not_measured_again_in_a_later_call(archive, monkeypatch) -> None:
    before = ip.measure(archive, ["bin:szt"], steps=[0, 1])
    measured = []
    plain = engine.measure_cell
    monkeypatch.setattr(
        engine,
        "measure_cell",
        lambda a, step, layer, *rest: measured.append(layer) or plain(a, step, layer, *rest),
    )
    after = ip.measure(archive, ["bin:szt"])
    assert measured == ["moving"] and len(after) == len(before) * 3 // 2
    assert [p.bits for p in after.select(layer="frozen", step=2)] == [
        p.bits for p in after.select(layer="frozen", step=1)
    ]


def test_a_layer_larger_than_memory_gives_the_same_numbers(archive, monkeypatch) -> None:
    whole = ip.measure(archive, SPECS, resume=False, null=0)
    monkeypatch.setenv("INFOPLANE_MEMORY", "1K")
    reads = []
    plain = type(archive).z
    monkeypatch.setattr(
        type(archive),
        "z",
        lambda self, step, layer: reads.append(layer) or plain(self, step, layer),
    )
    blocks = ip.measure(archive, SPECS, resume=False, null=0)
    assert not blocks.failures
    assert len(reads) == 5  # the different activations, for ksg alone
    for a, b in zip(numbers(whole), numbers(blocks), strict=True):
        assert a[:5] == b[:5] and a[6] == b[6] and a[5] == pytest.approx(b[5], abs=2e-6)
    (failure, *_) = ip.measure(archive, ["bin:quantile"], resume=False).failures
    assert "its cells need all rows at once" in failure.message
    monkeypatch.setenv("INFOPLANE_MEMORY", "plenty")
    with pytest.raises(InputError, match="expected a size such as 2G, got 'plenty'"):
        ip.measure(archive, SPECS, resume=False)


def test_an_activation_that_cannot_be_read_costs_its_cell_only(archive) -> None:
    shard = sorted((archive.path / "ckpt").glob("*.h5"))[1]
    data = bytearray(shard.read_bytes())
    at = data.find(np.float32(archive.z(1, "moving")[3, 2]).tobytes())
    data[at] ^= 1
    shard.write_bytes(bytes(data))
    plane = ip.measure(ip.open_archive(archive.path), ["bin:szt"])
    assert {(f.step, f.layer) for f in plane.failures} == {(1, "moving")}
    assert len({(p.step, p.layer) for p in plane}) == 5


@dataclass(frozen=True)
class Deadly:
    """Kills the process that measures the frozen layer."""

    name: str = "deadly"
    traits = Traits("other")

    def supports(self, a, b) -> bool:
        return b == "continuous"

    def estimate(self, a, b, *, rng=None) -> Estimate:
        if b.name == "frozen":
            os._exit(1)
        return Estimate(1.0, a.n, self.name)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_same_bits_and_names_the_killer(
    archive,
) -> None:
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    specs = ["bin:szt", "kde:variance=0.1"]
    serial = ip.measure(archive, specs, resume=False)
    killed: list[int] = []
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = sorted(client.run(os.getpid).values())

        def kill_one(done: int, total: int) -> None:
            if not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        plane = ip.measure(
            archive, specs, resume=False, dask=cluster.scheduler_address, progress=kill_one
        )
        assert killed and not plane.failures
        assert numbers(plane) == numbers(serial)
        deadly = ip.measure(
            archive, ["bin:szt", Deadly()], steps=[1], resume=False, dask=cluster.scheduler_address
        )
    assert {(f.layer, f.message.partition(":")[0]) for f in deadly.failures} == {
        ("frozen", "KilledWorker")
    }
    assert {p.layer for p in deadly.select(estimator="deadly")} == {"moving"}


@pytest.mark.slow
def test_processes_of_this_machine_give_the_same_bits(archive) -> None:
    pytest.importorskip("distributed")
    specs = ["bin:szt", "kde:variance=0.1"]
    assert numbers(ip.measure(archive, specs, resume=False, dask="local", workers=2)) == numbers(
        ip.measure(archive, specs, resume=False)
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_the_device_asked_for_reaches_the_kernels(archive, monkeypatch, workers: int) -> None:
    from infoplane.analysis.kernels import device as devices
    from infoplane.analysis.kernels import pairwise_torch

    asked, plain = [], pairwise_torch.grouped_sums

    def watched(z, variances, groupings, device):
        asked.append(device)
        return plain(z, variances, groupings, "cpu")

    monkeypatch.setattr(pairwise_torch, "grouped_sums", watched)
    monkeypatch.setattr(devices, "require_device", lambda device: None)
    one = ip.measure(archive, ["kde:variance=0.1"], resume=False, device="cuda:1", workers=workers)
    assert not one.failures and set(asked) == {"cuda:1"}
    asked.clear()
    compiled = ip.measure(
        archive, ["kde:variance=0.1"], resume=False, device="cpu", workers=workers
    )
    assert not asked and devices.chosen_device() == "cpu"
    for a, b in zip(sorted(numbers(one)), sorted(numbers(compiled)), strict=True):
        assert a[:5] == b[:5] and a[5] == pytest.approx(b[5], abs=2e-5)


def test_a_device_that_torch_does_not_have_is_refused_before_anything_is_measured(archive) -> None:
    with pytest.raises(InputError, match="device 'cuda:7': torch cannot use it here"):
        ip.measure(archive, ["kde:variance=0.1"], device="cuda:7")


def test_widths_of_a_kernel_share_a_pass_over_each_layer_and_say_what_each_says_alone(
    archive, monkeypatch
) -> None:
    from infoplane.analysis.estimators import kernel_views

    widths, budget = (
        ["kde:variance=0.1", "kde:variance=3", "kde:relative=0.3"],
        "kde:variance=0.1,pairs=100000",
    )
    alone = [
        p for spec in (*widths, budget) for p in ip.measure(archive, spec, resume=False, null=0)
    ]
    passes, plain = [], kernel_views.grouped_sums
    monkeypatch.setattr(
        kernel_views,
        "grouped_sums",
        lambda z, v, *rest: (passes.append(len(v)), plain(z, v, *rest))[1],
    )
    together = ip.measure(archive, ["bin:szt", *widths, budget], resume=False, null=0)
    assert passes == [3] * 5, "three steps of one layer, two of the other, which is frozen"
    assert sorted(map(repr, alone)) == sorted(
        repr(p) for p in together if p.estimator.startswith("kde")
    )
    passes.clear()
    monkeypatch.setenv("INFOPLANE_MEMORY", "1K")
    blocks = ip.measure(archive, widths, resume=False, null=0)
    assert passes == [3] * 5
    held = together.select(estimator=widths)
    assert len(blocks) == len(held) and all(
        abs(p.bits - q.bits) < 1e-9 for p, q in zip(blocks, held, strict=True)
    )


def test_a_width_that_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    """The square of 1e200 is beyond every float."""
    z = np.random.default_rng(0).normal(size=(N, 12)).astype(np.float32)
    run = run_of(tmp_path / "run", [{"a": z}])
    plane = ip.measure(run, ["kde:variance=0.1", "kde:relative=1e200", "kde:variance=1"])
    assert plane.estimators == ("kde:variance=0.1", "kde:variance=1") and len(plane) == 8
    assert [f.estimator for f in plane.failures] == ["kde:relative=1e+200"]
