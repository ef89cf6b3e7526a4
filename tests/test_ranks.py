"""Several processes: DDP, rows split over ranks, sharded parameters.

Every test has a time limit: a deadlock is a failure, not a wait.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip

pytestmark = pytest.mark.slow

SCRIPT = """
import sys, datetime, warnings
warnings.simplefilter("ignore")
import torch, torch.distributed as dist
from torch import nn
import infoplane as ip
from infoplane.errors import CaptureError

rank, mode, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2, timeout=datetime.timedelta(seconds=40))
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
x, y = torch.randn(41, 5, generator=torch.Generator().manual_seed(1)), torch.arange(41) % 3
options = dict(probe=(x, y), to=f"{folder}/run", layers=["1", "2"], verbose=False, rank_timeout=30)


def train(model, rec, steps=3):
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(1, steps + 1):
        loss = nn.functional.cross_entropy(model(x[rank::2]), y[rank::2])
        opt.zero_grad()
        loss.backward()
        opt.step()
        if rec is not None:
            rec.step(step, loss=loss.item())


if mode in ("ddp", "none", "split"):
    model = nn.parallel.DistributedDataParallel(net)
    if mode == "none":
        train(model, None)
    else:
        with ip.Recorder(model, **options, **({"ranks": "split"} if mode == "split" else {})) as rec:
            train(model, rec)
    torch.save(net.state_dict(), f"{folder}/{mode}-{rank}.pt")
elif mode == "statistics":
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    model = nn.parallel.DistributedDataParallel(net)
    with ip.Recorder(model, **options, ranks="split") as rec:
        train(model, rec)
    torch.save(net.state_dict(), f"{folder}/{mode}-{rank}.pt")
elif mode == "fsdp":
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.device_mesh import init_device_mesh

    mesh = init_device_mesh("cpu", (2,))
    for m in net:
        if isinstance(m, nn.Linear):
            fully_shard(m, mesh=mesh)
    fully_shard(net, mesh=mesh)
    try:
        ip.Recorder(net, **options, ranks="rank0").open()
        print("NOT REFUSED")
    except CaptureError as error:
        print("REFUSED", error)
    with ip.Recorder(net, **options) as rec:
        train(net, rec)
elif mode == "alone":
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.device_mesh import init_device_mesh

    fully_shard(net, mesh=init_device_mesh("cpu", (2,)))
    options["rank_timeout"] = 3
    if rank == 0:
        try:
            ip.Recorder(net, **options).open()
            print("NOT REFUSED")
        except CaptureError as error:
            print("TIMED OUT", error)
dist.barrier()
dist.destroy_process_group()
"""  # noqa: E501


def run(mode: str, folder: Path) -> list[str]:
    script = folder / "rank.py"
    script.write_text(SCRIPT)
    ranks = [
        subprocess.Popen(
            [sys.executable, str(script), str(r), mode, str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for r in (0, 1)
    ]
    try:
        ended = [p.communicate(timeout=140) for p in ranks]
    finally:
        for p in ranks:
            p.kill()
    assert [p.returncode for p in ranks] == [0, 0], "\n".join(e for _, e in ended)[-3000:]
    (folder / "meet").unlink(missing_ok=True)
    return [o for o, _ in ended]


def test_ddp_is_probed_on_the_bare_module_and_trains_as_alone(tmp_path: Path) -> None:
    run("ddp", tmp_path)
    run("none", tmp_path)
    recorded, alone = (
        torch.load(tmp_path / "ddp-0.pt", weights_only=True),
        torch.load(tmp_path / "none-0.pt", weights_only=True),
    )
    assert all(torch.equal(recorded[k], alone[k]) for k in recorded)
    archive = ip.open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2, 3) and archive.n_rows == 41
    net = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    net.load_state_dict(recorded)
    assert np.allclose(
        archive.z(3, "2"), net(torch.as_tensor(archive.x)).detach().numpy(), atol=1e-6
    )


def test_rows_split_over_ranks_come_from_one_network(tmp_path: Path) -> None:
    run("statistics", tmp_path)
    first, second = (
        torch.load(tmp_path / f"statistics-{rank}.pt", weights_only=True) for rank in (0, 1)
    )
    assert not torch.equal(first["1.running_mean"], second["1.running_mean"])  # put back
    net = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)).eval()
    net.load_state_dict(first)
    archive = ip.open_archive(tmp_path / "run")
    want = net(torch.as_tensor(archive.x)).detach().numpy()
    np.testing.assert_allclose(archive.z(3, "2"), want, atol=1e-5)


def test_rows_split_over_ranks_merge_into_the_same_run(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    run("split", tmp_path / "a")
    run("ddp", tmp_path / "b")
    split, whole = ip.open_archive(tmp_path / "a" / "run"), ip.open_archive(tmp_path / "b" / "run")
    assert split.steps == whole.steps and split.n_rows == whole.n_rows == 41
    for step in split.steps:
        for layer in split.layers:
            assert np.allclose(split.z(step, layer), whole.z(step, layer), atol=1e-6)


def test_sharded_parameters_need_every_rank_and_rank_0_alone_is_refused(tmp_path: Path) -> None:
    said = run("fsdp", tmp_path)
    assert all(
        "REFUSED ranks='rank0' cannot record a network with sharded parameters" in o for o in said
    )
    assert ip.open_archive(tmp_path / "run").steps == (0, 1, 2, 3)


def test_a_rank_that_does_not_come_is_named_after_a_time_limit(tmp_path: Path) -> None:
    said = run("alone", tmp_path)
    assert "TIMED OUT" in said[0] and "for ranks [1]" in said[0]


def test_data_parallel_is_taken_off(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    with ip.Recorder(
        nn.DataParallel(net),
        probe=(torch.randn(9, 5), torch.arange(9) % 3),
        to=tmp_path / "run",
        verbose=False,
    ):
        pass
    assert ip.open_archive(tmp_path / "run").layers == ("1", "2")
