"""Errors for bad input name what was expected, what came and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import (
    ArchiveExists,
    InfoplaneError,
    InputError,
    LayerNotFound,
    NotAnArchive,
    SpecError,
)

X, Y = torch.linspace(-1, 1, 60).reshape(20, 3), torch.arange(20) % 2


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def record(path: Path, x: object = X, y: object = Y, **options: object) -> ip.Archive:
    with ip.Recorder(network(), probe=(x, y), to=path, verbose=False, **options) as rec:  # type: ignore[arg-type]  # bad on purpose
        rec.step(1)
    return ip.open_archive(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_bad_activations_are_warned_of_once_and_refused_by_every_estimator_with_the_layer(
    tmp_path: Path, value: float
) -> None:
    x = X.clone()
    x[3, 1] = value
    with pytest.warns(
        RuntimeWarning, match=r"step 0: NaN or infinity in .*'0'.*captured as they are"
    ) as warned:
        archive = record(tmp_path / "run", x, layers=["0"])
    assert len([w for w in warned if "NaN or infinity" in str(w.message)]) == 1
    plane = ip.measure(archive, ["bin:szt", "kde:variance=0.1", "exact"], layers=["0"])
    failed = {f.estimator: f.message for f in plane.failures}
    assert (
        "0: 1 of 20 rows hold NaN or infinity; find the step where they appear"
        in failed["bin:szt"]
        == failed["kde:variance=0.1"]
    )
    with pytest.raises(
        InputError,
        match="the plane is empty.*cells could not be measured, first: .*NaN or infinity",
    ):
        ip.check_dpi(plane.select(estimator=[]) if plane.points else plane)


def test_one_row_carries_no_information(tmp_path: Path) -> None:
    archive = record(tmp_path / "run", X[:1], Y[:1], chain=False)
    with pytest.raises(InputError, match="expected at least 2 probe rows, got 1"):
        ip.measure(archive, "bin:szt")


@pytest.mark.parametrize(
    "spec",
    [
        "bin:szt",
        "bin:saxe",
        "bin:saxe-paper",
        "bin:range",
        "bin:quantile",
        "bin:ebab",
        "exact",
        "kde:variance=0.1",
        "kde:relative=0.1",
    ],
)
def test_a_constant_layer_has_no_information_and_can_be_plotted(tmp_path: Path, spec: str) -> None:
    net = network()
    for p in net[0].parameters():
        p.data.zero_()
    with ip.Recorder(net, probe=(X, Y), to=tmp_path / "run", layers=["1", "2"], verbose=False):
        pass
    plane = ip.measure(tmp_path / "run", spec)
    assert plane.failures == () and all(p.bits == pytest.approx(0, abs=1e-9) for p in plane)
    ip.plot_plane(plane)
    assert ip.check_dpi(plane).passed


def test_inputs_of_another_shape_say_what_the_network_was_given(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be multiplied") as caught:
        record(tmp_path / "run", torch.zeros(20, 5))
    assert (
        "failed on the first 4 probe rows; does it take x: (4, 5) torch.float32?"
        in caught.value.__notes__[0]
    )
    with pytest.raises(InputError, match="20 inputs and 10 labels; they must pair"):
        record(tmp_path / "run", X, Y[:10])
    with pytest.raises(InfoplaneError, match="3 rows and .* 4"):
        ip.estimators.Binned("szt").estimate(
            ip.discrete(np.arange(3)), ip.continuous(np.zeros((4, 2)))
        )
    with pytest.raises(InputError, match="at least one row"):
        ip.continuous(np.zeros((0, 2)))


def test_layers_called_by_integers(tmp_path: Path) -> None:
    assert record(tmp_path / "run", layers=["0", "1"]).layers == ("0", "1")
    with pytest.raises(
        InputError, match=r"dotted names, globs, .* got 0 \(int\); the model has \['0', '1', '2'\]"
    ):
        record(tmp_path / "other", layers=[0, 1])


def test_a_layer_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        LayerNotFound, match=r"no such layers: \['fc9'\]; the model has \['0', '1', '2'\]"
    ):
        record(tmp_path / "run", layers=["fc9"])
    archive = record(tmp_path / "run")
    with pytest.raises(InputError, match=r"no such layer: 'fc9'; the archive has"):
        archive.z(0, "fc9")
    with pytest.raises(InputError, match=r"no such step: 7; the archive has \[0, 1\]"):
        archive.z(7, "1")
    with pytest.raises(InputError, match="fc9"):
        ip.measure(archive, "bin:szt", layers=["fc9"])


def test_an_empty_run(tmp_path: Path) -> None:
    with ip.Recorder(
        network(), probe=(X, Y), to=tmp_path / "run", schedule=ip.at(50), verbose=False
    ):
        pass
    archive = ip.open_archive(tmp_path / "run")
    assert archive.steps == ()
    for use in (lambda: ip.measure(archive, "bin:szt"), lambda: ip.check_dpi(archive)):
        with pytest.raises(
            InputError, match="no captured steps yet; run the training loop with a Recorder first"
        ):
            use()


def test_a_run_that_is_already_there_is_not_overwritten(tmp_path: Path) -> None:
    record(tmp_path / "run")
    with pytest.raises(
        ArchiveExists, match="pass overwrite=True to replace it or resume=True to go on"
    ):
        record(tmp_path / "run")


@pytest.mark.parametrize("opened", [ip.open_archive, ip.Plane.load])
def test_a_text_file_is_not_hdf5(tmp_path: Path, opened: object) -> None:
    (tmp_path / "notes.h5").write_text("not HDF5")
    with pytest.raises(NotAnArchive, match="notes.h5: not an HDF5 file"):
        opened(tmp_path / "notes.h5")  # type: ignore[operator]  # either function
    with pytest.raises(NotAnArchive, match="nowhere: no such file"):
        ip.open_archive(tmp_path / "nowhere")


def test_a_spec_that_names_nothing(tmp_path: Path) -> None:
    archive = record(tmp_path / "run")
    with pytest.raises(SpecError, match="no such estimator: 'kd'; expected one of bin, "):
        ip.measure(archive, "kd")
    with pytest.raises(SpecError, match="no such bin rule: 'sztt'; choose one of szt, saxe"):
        ip.measure(archive, "bin:sztt")


@pytest.mark.parametrize("command", [["info"], ["measure"], ["check"], ["plot"]])
def test_the_command_line_answers_bad_files_by_a_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "notes.h5").write_text("not HDF5")
    extra = ["-o", str(tmp_path / "out.png")] if command == ["plot"] else []
    for name, words in (("notes.h5", "not an HDF5 file"), ("nowhere", "no such file")):
        with pytest.raises(SystemExit) as stopped:
            app([*command, str(tmp_path / name), *extra])
        assert stopped.value.code == 2
        said = capsys.readouterr().err
        assert (
            words in said.lower().replace("hdf5", "HDF5")
            and name in said
            and "Traceback" not in said
        )
