"""Commands on one run name the plane that they use and overwrite nothing without a request."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import infoplane as ip
from infoplane import cli

STEPS = tuple(range(8))


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype(np.float32)
    steps = {
        s: {"net.body.act1": np.tanh(x * (s + 1)), "net.body.act2": np.tanh(x[:, :2])}
        for s in STEPS
    }
    path = tmp_path_factory.mktemp("captured") / "run"
    ip.from_arrays(steps, x=x, y=np.arange(60) % 3, to=path)
    return path


@pytest.fixture
def run(captured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(captured, tmp_path / "mine" / "run"))


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.app([str(word) for word in words])
    return int(ended.value.code or 0)


def test_check_plot_and_report_of_a_run_speak_of_the_plane_that_was_measured(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("measure", run, "-e", "bin:saxe", "--no-check") == 0
    capsys.readouterr()
    assert call("check", run) == 0
    assert f"judged: {run / 'plane.h5'}, measured by bin:saxe" in capsys.readouterr().err
    picture = tmp_path / "new" / "folder" / "plane.svg"
    assert call("plot", run, "-o", picture, "--no-check") == 0
    assert f"drawn: {run / 'plane.h5'}, measured by bin:saxe" in capsys.readouterr().err
    assert "bin:saxe" in picture.read_text("utf-8")
    assert call("report", run, "-o", tmp_path / "other" / "r.html", "--no-check") == 0
    assert f"reported: {run / 'plane.h5'}, measured by bin:saxe" in capsys.readouterr().err


@pytest.mark.parametrize("byte", [b"{", b"7"])
def test_verify_names_a_damaged_plane_and_ends_with_1(
    run: Path, byte: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("measure", run, "-e", "exact", "--no-check") == 0
    plane = run / "plane.h5"
    raw = plane.read_bytes()
    at = raw.index(b'"n": 60') + len(b'"n": ')
    plane.write_bytes(raw[:at] + byte + raw[at + 1 :])
    capsys.readouterr()
    assert call("verify", plane) == 1
    said = capsys.readouterr().out
    assert str(plane) in said and "1 problem(s)" in said


def test_a_report_names_the_run_and_not_the_folders_of_this_machine(
    run: Path, tmp_path: Path
) -> None:
    call("measure", run, "-e", "bin:saxe", "--no-check")
    call("report", run, "-o", tmp_path / "r.html", "--no-check")
    assert str(run.parent.resolve()) not in (tmp_path / "r.html").read_text("utf-8")
    call("report", run, "-o", tmp_path / "p.html", "--no-check", "--paths")
    assert str(run.parent.resolve()) in (tmp_path / "p.html").read_text("utf-8")


def test_a_plane_of_fewer_checkpoints_than_the_run_has_is_not_judged(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("measure", run, "-e", "bin:saxe", "--no-check")
    last = max((run / "ckpt").glob("*.h5"))
    last.unlink()
    capsys.readouterr()
    call("check", run, "--permutations", "0")
    shown = capsys.readouterr().err
    assert "has other checkpoints than the run: measured again" in shown and "estimators:" in shown


def test_a_plane_of_the_same_options_is_renewed_and_one_of_others_only_when_asked(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("measure", run, "--no-check", "-e")
    assert [call(*words, "bin:saxe"), call(*words, "bin:saxe")] == [0, 0]
    assert call(*words, "exact") == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert ip.Plane.load(run / "plane.h5").estimators == ("bin:saxe",)
    assert call(*words, "exact", "--overwrite") == 0
    assert ip.Plane.load(run / "plane.h5").estimators == ("exact",)


def test_a_plane_that_the_user_saved_is_not_replaced(run: Path) -> None:
    ip.measure(run, "bin:saxe").save(run / "plane.h5")
    assert call("measure", run, "-e", "bin:saxe", "--no-check") == 2


def test_an_estimator_of_a_plane_is_judged_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = ip.measure(run, ["bin:saxe", "exact"]).save(tmp_path / "p.h5")
    capsys.readouterr()
    call("check", both, "-e", "exact", "--json")
    one = json.loads(capsys.readouterr().out)["checked"]
    call("check", both, "--json")
    assert 0 < one < json.loads(capsys.readouterr().out)["checked"]


def test_an_estimator_of_a_plane_is_named_as_it_was_measured(run: Path, tmp_path: Path) -> None:
    plane = ip.measure(run, "knn").save(tmp_path / "p.h5")  # which writes knn:k=5
    assert call("check", plane, "-e", "knn") == 0
    assert call("plot", plane, "-o", tmp_path / "a.svg", "-e", "knn", "--no-check") == 0
    assert call("report", plane, "-o", tmp_path / "a.html", "-e", "knn") == 0


def test_layers_of_a_plane_are_drawn_alone_and_by_pattern(run: Path, tmp_path: Path) -> None:
    plane = ip.measure(run, "bin:saxe").save(tmp_path / "p.h5")
    call("plot", plane, "-o", tmp_path / "a.svg", "--layer", "net.*.act2", "--no-check")
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert "act2" in drawn and "act1" not in drawn


def test_a_plane_stands_for_the_run_that_lies_beside_it(run: Path, tmp_path: Path) -> None:
    ip.measure(run, "bin:saxe").save(run.parent / "plane.h5")
    assert call("conditional", run.parent / "plane.h5", "--csv", tmp_path / "c.csv") == 0
    assert (tmp_path / "c.csv").read_text("utf-8").startswith("step,layer,bits")


def test_numbers_over_training_are_layers_by_a_few_checkpoints(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert call("conditional", run, "-o", tmp_path / "c.png") == 0
    shown = capsys.readouterr().out
    assert "layers of net.body." in shown and "6 of 8 checkpoints; --all" in shown
    assert shown.count(".act1") == 1 and max(map(len, shown.splitlines())) <= 80
    assert (tmp_path / "c.png").stat().st_size > 5000
    assert call("conditional", run, "--all") == 0
    every = capsys.readouterr().out
    assert all(f"step {step}" in every for step in STEPS) and "--all" not in every


def test_compare_takes_the_estimator_that_the_planes_share(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ip.measure(run, ["exact", "bin:saxe"]).save(tmp_path / "a.h5")
    two = ip.measure(run, ["bin:saxe"]).save(tmp_path / "b.h5")
    assert call("compare", one, two) == 0
    assert "under bin:saxe, 2 runs" in capsys.readouterr().out


def test_what_is_at_its_ceiling_is_not_drawn_unasked(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plane = ip.measure(run, ["bin:range,n=4000", "kde:relative=0.5"]).save(tmp_path / "p.h5")
    call("plot", plane, "-o", tmp_path / "a.svg", "--no-check")
    assert "drawn: kde:relative=0.5; bin:range,n=4000 is at its ceiling" in capsys.readouterr().err
    assert "kde:relative=0.5" in (tmp_path / "a.svg").read_text("utf-8")


def test_an_unknown_label_set_is_refused_with_those_of_the_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("measure", run, "-e", "bin:saxe", "--no-check")
    capsys.readouterr()
    assert call("measure", run, "-e", "bin:saxe", "--label", "depth") == 2
    assert f"no label set 'depth'; {run} has y" in " ".join(capsys.readouterr().err.split())


def test_a_plane_of_the_same_options_under_their_first_key_is_replaced(run: Path) -> None:
    command = ("measure", run, "-e", "bin:saxe", "--no-check")
    assert call(*command) == 0
    plane = ip.Plane.load(run / "plane.h5")
    options = plane.provenance["measure options"]
    rest = {key: value for key, value in plane.provenance.items() if key != "measure options"}
    replace(plane, provenance=rest | {"asked": options}).save(run / "plane.h5", overwrite=True)
    assert call(*command) == 0
    assert call(*command, "--seed", "1") != 0


@pytest.mark.parametrize("place", ["plane.h5", "run/plane.h5", "elsewhere/plane.h5"])
def test_the_check_that_a_measurement_names_finds_the_run(
    captured: Path, tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(captured, tmp_path / "run"))
    x = np.random.default_rng(0).normal(size=(60, 4))
    ip.from_arrays(
        {"a": np.sign(x[:, :1]), "b": x}, y=np.arange(60), x=x, to=run, chain="a,b", overwrite=True
    )
    capsys.readouterr()
    assert call("measure", run, "-e", "exact", "-o", tmp_path / place) == 0
    measured = capsys.readouterr().out
    named = measured.replace("\n", " ").partition("Which: infoplane ")[2]
    capsys.readouterr()
    assert named and call(*named.split()) in (0, 1)
    assert "archive not at hand" not in capsys.readouterr().out
    assert ("--run" in named) == (place == "elsewhere/plane.h5")


def test_a_second_estimator_for_comparison_is_said(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("measure", run, "-e", "knn", "--no-check") == 0
    assert "for comparison also gauss" in (said := capsys.readouterr().err) and "--alone" in said


@pytest.mark.parametrize("estimator", ["vinfo:family=linear", "exact"])
def test_what_has_no_place_on_a_plane_is_drawn_by_another_kind(
    tmp_path: Path, estimator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    y = np.arange(60) % 3 if estimator != "exact" else None
    run = ip.from_arrays({"a": x}, x=x, y=y, to=tmp_path / "run").path
    plane = ip.measure(run, estimator).save(tmp_path / "p.h5")
    assert call("plot", plane, "-o", tmp_path / "a.svg", "-e", estimator) == 2
    assert "-k curves" in (said := capsys.readouterr().err) and "plot_curves" not in said
