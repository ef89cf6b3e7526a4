"""The stated cost of a recording equals what lands on disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.cli import app


def _network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(2, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 30, 64),
        nn.Tanh(),
        nn.Linear(64, 2),
    )


PROBE = (torch.randn(300, 2, 32, generator=torch.Generator().manual_seed(0)), np.arange(300) % 2)


LONG = [f"transformer.encoder.blocks.{k}.feed_forward.intermediate" for k in range(12)]


@pytest.fixture
def long_names(tmp_path: Path) -> Path:
    layers = dict.fromkeys([*LONG, "classifier"], np.ones((4, 3), np.float32))
    return ip.from_arrays(layers, y=[0, 1, 0, 1], to=tmp_path / "run").path


def _table_of(run: Path, columns: str | None) -> list[str]:
    shown = CliRunner().invoke(app, ["info", str(run)], env={"COLUMNS": columns})
    return [line for line in shown.output.splitlines() if line.startswith("│")]


def test_a_narrow_terminal_shows_a_line_for_each_layer_with_its_number(long_names: Path) -> None:
    table = _table_of(long_names, "80")
    assert len(table) == 13 and max(map(len, table)) <= 80
    for number, line in enumerate(table[:-1]):
        name = line.split("│")[1]
        assert re.findall(r"\d+", name) == [str(number)] and "intermediate" in name


@pytest.mark.parametrize("columns", ["160", None])
def test_wide_terminals_and_programs_get_whole_names(long_names: Path, columns: str | None) -> None:
    names = [line.split("│")[1].strip() for line in _table_of(long_names, columns)]
    assert names == [*LONG, "classifier"]


def test_info_repeats_the_notes_on_the_choice_of_layers(tmp_path: Path) -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(torch.tanh(self.first(x)))

    ip.capture(Functional(), (torch.randn(20, 5), [0, 1] * 10), tmp_path / "run")
    said = CliRunner().invoke(app, ["info", str(tmp_path / "run")], env={"COLUMNS": "400"}).output
    assert said.count("note: ['first'] are captured before a functional activation (tanh)") == 1


def test_auto_prints_layers_shapes_and_bytes_and_info_says_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ip.Recorder(
        _network(),
        probe=PROBE,
        to=tmp_path / "run",
        layers="auto",
        reduce={"1": "gap"},
        schedule=ip.every(1),
    ) as rec:
        rec.step(1)
    said = capsys.readouterr().out
    told = CliRunner().invoke(app, ["info", str(tmp_path / "run")], env={"COLUMNS": "160"}).output
    rows = {
        "1": ("ReLU", "8", "14.1 KiB", "gap"),
        "4": ("Tanh", "64", "79.7 KiB", ""),
        "5": ("Linear", "2", "7.0 KiB", ""),
    }
    for layer, (cls, shape, size, reduction) in rows.items():
        line = next(text for text in said.splitlines() if text.split()[:1] == [layer])
        assert cls in line and f" {shape} " in line and size in line and reduction in line
        entry = next(text for text in told.splitlines() if text.startswith(f"│ {layer} "))
        assert cls in entry and shape in entry and size in entry and reduction in entry
    total = 300 * (8 * 4 + 64 * 4 + 2 * 4 + 3 * 16)
    assert (
        f"{total / 1024:.1f} KiB per capture" in said
        and f"{total / 1024:.1f} KiB per step, {2 * total / 1024:.1f} KiB in all" in told
    )


def test_the_bytes_that_are_announced_are_those_on_disk(tmp_path: Path) -> None:
    with ip.Recorder(
        _network(), probe=PROBE, to=tmp_path / "run", layers="all", verbose=False
    ) as rec:
        announced = rec.bytes_per_capture
    (shard,) = (tmp_path / "run/ckpt").glob("*.h5")
    assert 0 <= os.path.getsize(shard) - announced < 30_000  # names, checksums and the tree


def test_a_schedule_that_would_not_fit_on_the_disk_is_warned_of_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda path: SimpleNamespace(total=10**9, used=10**9 - 10**6, free=10**6),
    )  # type: ignore[attr-defined]
    options = {"probe": PROBE, "layers": ["4"], "verbose": False}
    with ip.Recorder(_network(), to=tmp_path / "few", schedule=ip.at(1, 2), **options):  # type: ignore[arg-type]
        pass
    with pytest.warns(
        RuntimeWarning,
        match=r"100 captures of 79\.7 KiB take 7\.8 MiB, and .* has "
        r"976\.6 KiB free; take fewer steps",
    ):
        ip.Recorder(
            _network(), to=tmp_path / "many", schedule=ip.at(*range(1, 101)), **options
        ).open().close()  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", ["gap", "pca:2"])
def test_a_reduction_is_on_every_label(spec: str, tmp_path: Path) -> None:
    from infoplane.analysis.report.content import page_data

    with ip.Recorder(
        _network(),
        probe=PROBE,
        to=tmp_path / "run",
        layers=["1", "4"],
        reduce={"1": spec},
        verbose=False,
    ):
        pass
    plane = ip.measure(ip.open_archive(tmp_path / "run"), ["bin:range,n=4"])
    ax = ip.plot_plane(plane)
    legend = [t.get_text() for t in ax.get_legend().get_texts()]
    assert f"1 [{spec}]" in legend and "4" in legend
    assert {row["reduction"] for row in plane.rows() if row["layer"] == "1"} == {spec}
    assert plane.to_csv(tmp_path / "p.csv").read_text().splitlines()[0].endswith("reduction")
    assert page_data(plane)["layers"][0]["short"] == f"1 [{spec}]"


@pytest.mark.slow
def test_the_benchmark_of_large_networks_runs_on_small_ones() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.networks", "--small", "--here", "--rows", "8"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = [line.split("|")[1].strip() for line in done.stdout.splitlines()]
    assert names == ["gpt2", "resnet50", "vit-base"]


@pytest.mark.slow
def test_the_first_capture_tells_how_long_all_of_them_will_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Slow(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            time.sleep(0.4)  # a forward, whatever the number of rows
            return super().forward(x)

    probe = (torch.randn(1200, 4), torch.arange(1200) % 2)
    schedule = ip.at(*range(11))
    with ip.Recorder(
        Slow(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2)),
        probe=probe,
        to=tmp_path / "run",
        schedule=schedule,
        batch_size=400,
        chain=False,
        verbose=True,
    ):
        pass
    printed = capsys.readouterr().out
    assert "time: at most about 2 min" in printed  # 0.1 s a row, judged by 4 rows at a time
    assert "time: the first capture took 1 s; all 11 take about 1" in printed
