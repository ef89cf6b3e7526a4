"""The main job from the command line, as the README shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import infoplane as ip
from infoplane.demo import run_demo


def infoplane(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infoplane", *words]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=280,
        cwd=cwd,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )


@pytest.mark.slow
def test_the_whole_path_from_the_command_line(tmp_path: Path) -> None:
    done = infoplane("demo", "--out", "d", "--epochs", "20", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("run/run.json", "plane.h5", "plane.csv", "plane.png", "curves.png"):
        assert (tmp_path / "d" / name).exists(), name
    assert "What they are not" in done.stdout and "PASSED" in done.stdout and "act5" in done.stdout
    again = infoplane("demo", "--out", "d", "--epochs", "20", cwd=tmp_path)
    assert again.returncode == 2 and "overwrite" in again.stderr
    run = "d/run"
    for words in (
        ["info", run],
        ["verify", run],
        ["pack", run, "-o", "packed.h5"],
        ["measure", run, "-e", "bin:saxe", "-o", "p.h5", "--csv", "p.csv"],
        ["check", run],
        ["check", "p.h5"],
        ["check", "packed.h5"],
        ["plot", "p.h5", "-o", "p.svg"],
        ["estimators"],
    ):
        step = infoplane(*words, cwd=tmp_path)
        assert step.returncode == 0, f"{words}: {step.stderr}{step.stdout}"
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["info", "missing"], "missing"),
        (["check", "note.txt"], "note.txt"),
        (["demo", "--out", "d", "--task", "mnist"], "no such task: 'mnist'"),
        (
            ["demo", "--out", "d", "--activation", "swish", "--epochs", "1"],
            "no such activation: 'swish'",
        ),
        (["plot", "note.txt", "-o", "x.png"], "note.txt"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, words: list[str], text: str) -> None:
    (tmp_path / "note.txt").write_text("not an archive")
    done = infoplane(*words, cwd=tmp_path)
    assert done.returncode == 2 and text in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_tanh_compresses_under_szt_bins_while_exact_codes_stay(tmp_path: Path) -> None:
    demo = run_demo(tmp_path, epochs=800, checkpoints=25)
    bits = [e.bits for e in demo.plane.series("act5", "i_xz", "bin:szt")[1]]
    assert max(bits) - bits[-1] > 1.0
    for layer in ("act1", "act2", "act3"):
        assert min(e.bits for e in demo.plane.series(layer, "i_xz", "exact")[1]) == pytest.approx(
            12.0, abs=1e-9
        )
    assert not demo.report.of("fault", "violation")


@pytest.mark.slow
def test_relu_does_not_compress_under_kde_and_saxe_bins(tmp_path: Path) -> None:
    demo = run_demo(tmp_path, activation="relu", epochs=800, checkpoints=25)
    for spec in ("kde:variance=0.001", "bin:saxe"):
        for layer in ("act1", "act2", "act3", "act4", "act5"):
            bits = [e.bits for e in demo.plane.series(layer, "i_xz", spec)[1]]
            assert max(bits) - bits[-1] < 0.5, (spec, layer)
    assert not demo.report.of("fault", "violation")


@pytest.mark.slow
def test_the_digits_task_runs_too(tmp_path: Path) -> None:
    demo = run_demo(tmp_path, task="digits", epochs=10, activation="gelu")
    assert demo.trained.test_accuracy > 0.7 and demo.report.passed
    assert ip.Plane.load(demo.files["plane"]) == demo.plane
