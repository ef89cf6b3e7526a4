"""Stored weights that are no plain file of tensors are refused before they are read."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from infoplane.errors import DamagedArchive, DamagedCheckpoint, InfoplaneError, NotAnArchive
from infoplane.hooks.checkpoints.formats import StoredState, read_checkpoint
from infoplane.hooks.recording.weights import save_weights, stored_weights


def read(run: Path, step: int) -> StoredState:
    """Read as a replay does."""
    return read_checkpoint(stored_weights(run, step), ())


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The stored weights of step 1 of the run in ``tmp_path``."""
    return save_weights(tmp_path, 1, nn.Linear(300, 300), {"loss": 0.5})


def test_weights_that_are_sound_are_read(weights: Path, tmp_path: Path) -> None:
    stored = read(tmp_path, 1)
    assert stored.entries["state_dict"]["weight"].shape == (300, 300)
    assert stored.metrics["loss"] == 0.5


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_weights_is_refused_and_not_waited_for(
    weights: Path, tmp_path: Path
) -> None:
    weights.unlink()
    os.mkfifo(weights)
    with pytest.raises(NotAnArchive, match="expected a regular file"):
        read(tmp_path, 1)


def test_a_link_is_not_followed(weights: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.pt"
    weights.rename(elsewhere)
    weights.symlink_to(elsewhere)
    with pytest.raises(NotAnArchive, match="is a symbolic link"):
        read(tmp_path, 1)


def test_a_folder_of_weights_that_is_a_link_is_not_followed(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/weights").symlink_to(weights.parent)
    with pytest.raises(DamagedArchive, match="is a symbolic link"):
        read(tmp_path / "other", 1)


def test_a_compressed_archive_is_refused_before_it_is_inflated(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = weights.with_name("small.zip")
    with zipfile.ZipFile(weights) as old:
        with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                new.writestr(entry.filename, bytes(entry.file_size))
    small.replace(weights)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(DamagedCheckpoint, match="in a file of"):
        read(tmp_path, 1)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x80\x02}q\x00."])
def test_another_file_is_named(content: bytes, weights: Path, tmp_path: Path) -> None:
    weights.write_bytes(content)
    with pytest.raises(InfoplaneError, match=r"000000000001\.pt: "):
        read(tmp_path, 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_module_is_refused_as_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.trace(nn.Linear(3, 2), torch.zeros(1, 3)), path)
    with pytest.raises(DamagedCheckpoint, match="TorchScript"):
        read_checkpoint(path, ())
