"""`infoplane plot` and `infoplane report` from the shell: every kind of picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import infoplane as ip
from infoplane.analysis.plot import save
from infoplane.archive import RunWriter
from infoplane.cli import app
from infoplane.commands.run_pictures import RUN_KINDS
from infoplane.errors import DamagedArchive, InputError
from infoplane.types import LayerInfo


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("draw") / "run"
    torch.manual_seed(0)
    x, y = torch.randn(96, 4), torch.arange(96) % 2
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    loss_of = torch.nn.functional.cross_entropy
    split = ["train"] * 64 + ["test"] * 32
    with ip.Recorder(
        net, probe=(x, y), to=path, layers="all", split=split, gradients=loss_of, verbose=False
    ) as rec:
        for step in range(1, 5):
            loss = loss_of(net(x), y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rec.step(step, loss=loss)
    ip.measure(path, ["bin:szt", "vinfo:family=linear", "exact"]).save(path / "plane.h5")
    return path


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("kind", RUN_KINDS)
def test_every_kind_of_a_run_is_drawn(run: Path, tmp_path: Path, kind: str) -> None:
    picture = tmp_path / f"{kind}.png"
    assert str(picture) in call("plot", run, "-o", picture, "-k", kind).replace("\n", "")
    assert picture.stat().st_size > 5000


def test_a_kind_of_a_run_has_no_column_size(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["plot", str(run), "-o", str(tmp_path / "w.png"), "-k", "widths", "--size", "column"]
    )
    assert "leave --size out" in str(done.exception) and not (tmp_path / "w.png").exists()


@pytest.mark.parametrize("kind", save.KINDS)
def test_every_kind_of_a_plane_is_drawn_for_column_and_page(
    run: Path, tmp_path: Path, kind: str
) -> None:
    from PIL import Image

    widths = []
    for size in ("column", "page"):
        picture = tmp_path / f"{size}.png"
        call("plot", run / "plane.h5", "-o", picture, "-k", kind, "--size", size)
        with Image.open(picture) as image:
            widths.append(image.width)
    assert widths[0] <= widths[1] and (
        kind in ("sensitivity", "usable") or widths[0] == 700
    )  # 3.5 in at 200 dots


def test_a_plane_finds_the_run_behind_it_and_layers_are_chosen(run: Path, tmp_path: Path) -> None:
    call("plot", run / "plane.h5", "-o", tmp_path / "a.svg", "-k", "units", "--layer", "1")
    assert "activation of 1" in (tmp_path / "a.svg").read_text("utf-8") and "unit 2" in (
        tmp_path / "a.svg"
    ).read_text("utf-8")


@pytest.mark.parametrize("kind", ["plane", "curves"])
def test_a_picture_is_as_wide_as_the_inches_that_are_given(run: Path, kind: str) -> None:
    plane = ip.Plane.load(run / "plane.h5")
    assert save.draw(plane, kind=kind, size=3.3).get_size_inches()[0] == pytest.approx(3.3)


@pytest.mark.slow
def test_a_width_in_inches_is_an_option_of_the_command(run: Path, tmp_path: Path) -> None:
    call("plot", run / "plane.h5", "-o", tmp_path / "a.svg", "--size", "3.3")
    assert 'width="237.6pt"' in (tmp_path / "a.svg").read_text("utf-8")


def test_the_step_axis_can_be_forced(run: Path) -> None:
    plane = ip.Plane.load(run / "plane.h5")
    assert save.draw(plane, kind="curves", log=True).axes[0].get_xscale() == "symlog"
    assert save.draw(plane, kind="curves", log=False).axes[0].get_xscale() == "linear"
    with pytest.raises(InputError, match="expected size column, page, or a width .*got 'poster'"):
        save.draw(plane, size="poster")
    with pytest.raises(InputError, match="in inches from 2 to 40, got 0.3"):
        save.draw(plane, size=0.3)


def test_what_layers_know_of_one_another_is_drawn(run: Path, tmp_path: Path) -> None:
    call("layer-info", run, "-e", "bin:szt", "-o", tmp_path / "b.svg")
    assert "I(Z_i;Z_j), bin:szt, step 4" in (tmp_path / "b.svg").read_text("utf-8")


def embedded(page: Path) -> dict[str, object]:
    text = page.read_text("utf-8")
    start = text.index('id="data">') + len('id="data">')
    return dict(json.loads(text[start : text.index("</script>", start)]))


@pytest.mark.slow
def test_a_full_report_holds_phases_sensitivity_mechanism_and_the_runs_compared(
    run: Path, tmp_path: Path
) -> None:
    page = tmp_path / "r.html"
    call("report", run, "-o", page, "--full", "--against", run / "plane.h5")
    sections = embedded(page)["sections"]
    assert isinstance(sections, dict) and set(sections) == {
        "phases",
        "sensitivity",
        "mechanism",
        "pooled",
    }
    assert [p["layer"] for p in sections["phases"]] == ["0", "1", "2"] and len(
        sections["sensitivity"]["planes"]
    ) == 10
    assert (
        sections["pooled"]["runs"][0] == "this run"
        and len(sections["mechanism"]["layers"][0]["steps"]) == 5
    )


def test_a_report_without_its_run_says_what_full_needs(run: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    plane = ip.Plane.load(run / "plane.h5")
    lost = replace(plane, provenance={**plane.provenance, "archive": str(tmp_path / "gone")}).save(
        tmp_path / "p.h5"
    )
    done = CliRunner().invoke(app, ["report", str(lost), "-o", str(tmp_path / "r.html"), "--full"])
    assert isinstance(done.exception, InputError | SystemExit)
    assert embedded_plain(tmp_path, lost)["sections"] == {}


def embedded_plain(folder: Path, plane: Path) -> dict[str, object]:
    call("report", plane, "-o", folder / "plain.html", "--no-check")
    return embedded(folder / "plain.html")


def test_plot_prints_the_caption_of_what_it_draws(run: Path, tmp_path: Path) -> None:
    said = call("plot", run / "plane.h5", "-o", tmp_path / "a.svg", "-e", "bin:szt")
    assert "Across: H(bin(Z)) [bits], 30 bins on [-1,1], bin:szt." in said.replace("\n", " ")


def test_title_unit_and_limits_reach_the_picture(run: Path, tmp_path: Path) -> None:
    options = ["--title", "My network", "--unit", "nats", "--xlim", 0, 3, "--ylim", 0, 1]
    call("plot", run / "plane.h5", "-o", tmp_path / "a.svg", "-e", "bin:szt", *options)
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert "My network" in text and "[nats]" in text and "[bits]" not in text


def test_limits_of_a_picture_that_has_none_are_refused(run: Path, tmp_path: Path) -> None:
    words = ["plot", str(run), "-o", str(tmp_path / "a.png"), "-k", "units", "--fit"]
    assert "leave --fit out" in str(CliRunner().invoke(app, words).exception)


def test_train_and_test_planes_have_intervals_on_request(run: Path) -> None:
    from infoplane.commands.run_pictures import PictureOptions

    archive = ip.open_archive(run)
    figure = RUN_KINDS["split"](archive, PictureOptions(errorbars=3))
    drawn = [str(artist.get_gid()) for artist in figure.axes[0].get_children()]
    assert any(gid.startswith("bars-x") for gid in drawn)


def test_runs_are_pooled_in_one_plane(run: Path, tmp_path: Path) -> None:
    picture, other = tmp_path / "a.svg", tmp_path / "other"
    shutil.copytree(run, other)
    call("compare", run, other, "-e", "bin:szt", "-o", picture, "-k", "pooled", "--centre", "mean")
    assert "mean of 2 runs" in picture.read_text("utf-8")


@pytest.mark.parametrize("attached", [{"weight": "none"}, {"weight": {"snr": "high"}}])
def test_statistics_of_gradients_that_are_none_are_named(
    tmp_path: Path, attached: dict[str, object]
) -> None:
    with (
        RunWriter.create(
            tmp_path / "run", layers=[LayerInfo("a", 0, shape=(2,))], x=torch.eye(2), y=None
        ) as writer,
        writer.step(3) as shard,
    ):
        shard.write("a", torch.eye(2))
        shard.attach("gradients", attached)
    words = ["plot", str(tmp_path / "run"), "-o", str(tmp_path / "a.svg"), "-k", "snr"]
    error = CliRunner().invoke(app, words).exception
    assert isinstance(error, DamagedArchive) and "step 3: 'gradients'" in str(error)
