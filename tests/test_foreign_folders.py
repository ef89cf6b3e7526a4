"""Files in a folder of someone else neither run nor choose what is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.background.companion import PYTHON, child_environment
from infoplane.cli import app
from infoplane.errors import ArchiveError, InputError
from infoplane.new_file import new_file, write_csv, write_text
from infoplane.plane import Plane, Point
from infoplane.types import Estimate

PLANTED = "from pathlib import Path\nPath(r'{mark}').write_text('ran')\nraise ImportError\n"


def plant(folder: Path) -> Path:
    """Modules under names that everybody imports; returns the file that they make when they run."""
    mark = folder / "ran"
    for name in ("numpy", "torch", "h5py", "json", "typing", "typer", "uvicorn", "numba"):
        (folder / f"{name}.py").write_text(PLANTED.format(mark=mark))
    return mark


def test_companions_do_not_look_for_modules_in_the_working_directory(tmp_path: Path) -> None:
    mark = plant(tmp_path)
    done = subprocess.run(
        [*PYTHON, "-m", "infoplane", "--version"],
        cwd=tmp_path,
        env=child_environment(),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize("options", ["measure='exact'", "watch=True"])
def test_a_recording_with_companions_runs_nothing_that_lies_in_the_working_directory(
    options: str, tmp_path: Path
) -> None:
    mark, script = plant(tmp_path), tmp_path / "away" / "train.py"
    script.parent.mkdir()
    script.write_text(
        "import sys, torch\nfrom infoplane.hooks.recorder import Recorder\nwith "
        "Recorder(torch.nn.Linear(3, 3), probe=(torch.ones(8, 3), torch.arange(8) % 2), "
        f"to=sys.argv[1], layers='all', verbose=False, max_overhead=64.0, {options}) as rec:\n    "
        "rec.step(1)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "away" / "run")],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert not mark.exists()


def test_replay_imports_the_named_factory_and_nothing_else_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = nn.Sequential(nn.Linear(3, 2))
    with ip.Recorder(
        net,
        probe=torch.eye(3),
        to=tmp_path / "run",
        layers="all",
        store="weights",
        verbose=False,
    ) as rec:
        rec.step(1)
    nets = tmp_path / "nets"
    nets.mkdir()
    mark = plant(nets)
    (nets / "planted_factory.py").write_text(
        "import torch, numpy\ndef build():\n    return torch.nn.Sequential(torch.nn.Linear(3, 2))\n"
    )
    monkeypatch.chdir(nets)
    before = list(sys.path)
    for k, model in enumerate(("planted_factory:build", f"{nets}/planted_factory.py:build")):
        out = str(tmp_path / f"replayed{k}")
        result = CliRunner().invoke(app, ["replay", str(tmp_path / "run"), "-m", model, "-o", out])
        assert result.exit_code == 0, result.output
    assert not mark.exists() and sys.path == before


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the user's that nobody may touch."""
    path = tmp_path / "private.txt"
    path.write_text("mine")
    return path


def small_plane() -> Plane:
    point = Estimate(1.0, 4, "exact")
    return Plane(
        tuple(Point(s, "fc", q, point) for s in (1, 2) for q in ("i_xz", "i_zy")), ("fc",), 4
    )


@pytest.mark.parametrize("suffix", [".csv", ".png", ".svg", ".pdf", ".gif", ".html"])
def test_an_output_that_is_a_link_is_replaced_and_what_it_points_to_stays(
    suffix: str, tmp_path: Path, victim: Path
) -> None:
    target = tmp_path / f"out{suffix}"
    target.symlink_to(victim)
    plane = small_plane()
    if suffix == ".csv":
        plane.to_csv(target)
    elif suffix == ".html":
        from infoplane.analysis.report.write import write_report

        write_report(target, plane)
    elif suffix == ".gif":
        from infoplane.analysis.plot.animate import save_animation

        save_animation(plane, target)
    else:
        from infoplane.analysis.plot.save import save_picture

        save_picture(plane, target, kind="plane")
    assert victim.read_text() == "mine"
    assert not target.is_symlink() and target.stat().st_size > 10
    assert sorted(p.name for p in tmp_path.iterdir()) == [target.name, "private.txt"]


def test_the_temporary_of_an_output_cannot_be_guessed(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        with new_file(tmp_path / "a.csv") as part:
            names.add(part.name)
            assert part.parent == tmp_path and str(os.getpid()) not in part.name
    assert len(names) == 2


def test_a_write_that_fails_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    target = write_text(tmp_path / "a.csv", "old")
    with pytest.raises(ValueError, match="half way"), new_file(target) as part:
        part.write_text("new")
        raise ValueError("half way")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["nowhere/a.csv", "folder", "pipe"])
def test_what_cannot_be_a_file_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArchiveError, match=name):
        write_csv(tmp_path / name, ["a"], [{"a": 1}])


def test_a_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert write_text(tmp_path / "a", "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.fixture
def private_run(tmp_path: Path) -> Path:
    """A measured run of the user's, and a plane of it that a stranger could hand over from another
    folder.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, generator=generator)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    run = tmp_path / "private" / "run"
    probe = (x, (x[:, 0] > 0).long())
    with ip.Recorder(net, probe=probe, to=run, layers="all", verbose=False) as rec:
        rec.step(1)
    (tmp_path / "stranger").mkdir()
    plane = ip.measure(run, ["bin:szt", "exact"])
    plane.save(tmp_path / "stranger" / "plane.h5")
    plane.save(run / "plane.h5")
    return run


def opened_under(folder: Path, command: list[str]) -> tuple[list[str], str]:
    """Files under ``folder`` that a command of ours opens or lists, and what it printed."""
    script = (
        "import os, sys\nseen = []\ndef look(event, args):\n    if event in ('open', 'os.scandir', "
        f"'os.listdir') and args and str(args[0]).startswith({str(folder)!r}):\n        "
        "seen.append(str(args[0]))\nsys.addaudithook(look)\nfrom infoplane.__main__ import main\n"
        "sys.argv[1:] = sys.argv[1:]\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('OPENED', seen)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command], check=False, capture_output=True, text=True
    )
    text, _, seen = done.stdout.partition("OPENED ")
    assert seen, done.stderr
    return [name for name in eval(seen)], text + done.stderr  # printed by us


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "plot", "report"])
def test_a_plane_from_a_stranger_opens_nothing_of_the_folder_that_it_names(
    command: str, private_run: Path, tmp_path: Path
) -> None:
    plane = tmp_path / "stranger" / "plane.h5"
    output = {"check": [], "plot": ["-o", "p.png"], "report": ["-o", "r.html"]}[command]
    output = [str(tmp_path / o) if "." in o else o for o in output]
    before = sorted(p for p in private_run.rglob("*"))
    opened, _ = opened_under(private_run, [command, str(plane), *output])
    assert opened == [] and sorted(p for p in private_run.rglob("*")) == before


def test_the_run_behind_a_plane_is_followed_beside_it_around_it_and_where_the_user_says(
    private_run: Path, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger" / "plane.h5"
    assert ip.Plane.load(stranger).run_path is None
    assert ip.Plane.load(stranger, run=private_run).run_path == private_run
    assert ip.Plane.load(private_run / "plane.h5").run_path == private_run
    beside = private_run.parent / "plane.h5"
    beside.write_bytes(stranger.read_bytes())
    assert ip.Plane.load(beside).run_path == private_run
    (stranger.parent / "run").symlink_to(private_run)
    assert ip.Plane.load(stranger).run_path is None


def test_a_check_of_a_plane_writes_nothing_into_the_run_behind_it(private_run: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in private_run.rglob("*")}
    plane = ip.Plane.load(private_run / "plane.h5")
    ip.check_dpi(plane)
    ip.check_dpi(plane, archive=ip.open_archive(private_run))
    assert {p: p.stat().st_mtime_ns for p in private_run.rglob("*")} == before


def test_a_command_that_needs_the_run_says_how_to_name_it(
    private_run: Path, tmp_path: Path
) -> None:
    stranger, out = str(tmp_path / "stranger" / "plane.h5"), str(tmp_path / "units.png")
    plot = ["plot", stranger, "-o", out, "-k", "units"]
    with pytest.raises(InputError, match="--run RUN"):
        CliRunner().invoke(app, plot, catch_exceptions=False, standalone_mode=False)
    result = CliRunner().invoke(app, [*plot, "--run", str(private_run)])
    assert result.exit_code == 0, result.output
