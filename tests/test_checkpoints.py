"""Which checkpoint files are chosen, and the step that a file name states."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from infoplane.errors import InputError
from infoplane.hooks.checkpoints.listing import find_checkpoints, step_in_name


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("ckpt_000123", 123),
        ("checkpoint-500", 500),
        ("epoch=3-step=400", 400),
        ("step1000", 1000),
        ("model-v2-step100", 100),
        ("global_step70", 70),
        ("Step_5_seed_3", 5),
        ("epoch12", 12),
    ],
)
def test_the_step_is_the_number_after_step_or_the_only_one(name: str, step: int) -> None:
    assert step_in_name(name) == step


@pytest.mark.parametrize("name", ["ckpt_10k", "step=1.5M", "model_1e5", "step2e3"])
def test_an_abbreviated_number_is_no_step(name: str) -> None:
    assert isinstance(step_in_name(name), list)


def test_hidden_files_are_no_checkpoints(tmp_path: Path) -> None:
    touch(tmp_path, "ckpt_2.pt", "ckpt_10.pt")
    (tmp_path / "._ckpt_2.pt").write_bytes(b"left behind by a file manager")
    assert [found.step for found in find_checkpoints(tmp_path)] == [2, 10]


def test_a_hidden_file_beside_the_weights_of_a_step_hides_no_step(tmp_path: Path) -> None:
    touch(tmp_path, "step5/model.pt", "step5/._model.pt", "step6/model.pt")
    assert [found.step for found in find_checkpoints(tmp_path)] == [5, 6]


@pytest.mark.parametrize("name", ["run1_ckpt2", "epoch=3-val_loss=0.25", "step1_step2"])
def test_several_numbers_are_returned_as_they_were_read(name: str) -> None:
    assert isinstance(step_in_name(name), list) and len(step_in_name(name)) > 1


@given(st.integers(0, 10**9), st.sampled_from(["{}", "ckpt_{}", "checkpoint-{}", "e=1-step={}.0x"]))
def test_any_whole_number_is_read_back(step: int, form: str) -> None:
    assert step_in_name(form.format(step)) == step


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"w": torch.zeros(1)}, folder / name)


def test_a_folder_is_listed_by_number_and_not_by_letter(tmp_path: Path) -> None:
    touch(tmp_path, "ckpt_2.pt", "ckpt_10.pt", "ckpt_9.pt", "optimizer.pt")
    (tmp_path / "notes.txt").write_text("none of ours")
    assert [c.step for c in find_checkpoints(tmp_path)] == [2, 9, 10]


def test_the_step_may_stand_in_the_name_of_the_folder(tmp_path: Path) -> None:
    touch(tmp_path, "step100/model.pt", "step20/model.pt")
    assert [c.step for c in find_checkpoints(tmp_path)] == [20, 100]
    assert [c.step for c in find_checkpoints(str(tmp_path / "*" / "model.pt"))] == [20, 100]


def test_names_that_do_not_tell_are_shown_with_what_was_read(tmp_path: Path) -> None:
    touch(tmp_path, "run1_ckpt2.pt", "best.pt")
    with pytest.raises(InputError, match=r"run1_ckpt2.pt: read the numbers \['1', '2'\]") as told:
        find_checkpoints(tmp_path)
    assert "best.pt: no number" in str(told.value)
    assert "step_from=" in str(told.value)


@pytest.mark.parametrize("name", ["v2_300.pt", "epoch=3-val_loss=0.25.ckpt", "ckpt_10k.pt"])
def test_one_file_whose_step_is_not_clear_is_asked_about(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    with pytest.raises(InputError, match="read the numbers.*\n.*step_from="):
        find_checkpoints(tmp_path / name)


@pytest.mark.parametrize(("name", "step"), [("best.pt", 0), ("v300.pt", 300), ("v2-step7.pt", 7)])
def test_one_file_is_of_the_step_in_its_name_or_of_step_0(
    tmp_path: Path, name: str, step: int
) -> None:
    touch(tmp_path, name)
    assert [found.step for found in find_checkpoints(tmp_path / name)] == [step]


def test_the_folder_of_one_model_is_step_0_whatever_numbers_its_name_holds(tmp_path: Path) -> None:
    folder = tmp_path / "opt-1.3b"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    touch(folder, "pytorch_model.bin")
    assert [found.step for found in find_checkpoints(folder)] == [0]


def test_step_from_settles_one_file_too(tmp_path: Path) -> None:
    touch(tmp_path, "v2_300.pt")
    assert [found.step for found in find_checkpoints(tmp_path, r"_(\d+)")] == [300]


def test_step_from_settles_it_by_a_pattern_or_a_function(tmp_path: Path) -> None:
    touch(tmp_path, "run1_ckpt2.pt", "run1_ckpt30.pt")
    assert [c.step for c in find_checkpoints(tmp_path, r"ckpt(\d+)")] == [2, 30]
    by_length = find_checkpoints(tmp_path, lambda path: len(path.name))
    assert [c.step for c in by_length] == [13, 14]


@pytest.mark.parametrize("step_from", [r"ckpt(\d+", r"nothing(\d+)", r"(run)"])
def test_a_pattern_that_reads_no_number_is_an_error(tmp_path: Path, step_from: str) -> None:
    touch(tmp_path, "run1_ckpt2.pt", "run1_ckpt3.pt")
    with pytest.raises(InputError, match="step_from"):
        find_checkpoints(tmp_path, step_from)


def test_the_same_step_twice_is_an_error_that_names_both(tmp_path: Path) -> None:
    touch(tmp_path, "a/ckpt_5.pt", "b/ckpt_5.pt")
    with pytest.raises(InputError, match=r"a/ckpt_5.pt.*b/ckpt_5.pt"):
        find_checkpoints(str(tmp_path / "*" / "*.pt"))


@pytest.mark.parametrize("given", ["nothing/*.pt", 7, {-1: "x"}, {True: {"w": 1}}, {"a": "b"}])
def test_what_is_no_checkpoint_is_refused(given: object, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        find_checkpoints(given)  # type: ignore[arg-type]  # the point of the test


def test_an_iterator_must_ascend() -> None:
    state = {"w": torch.zeros(1)}
    found = find_checkpoints(iter([(2, state), (1, state)]))
    with pytest.raises(InputError, match="1 comes after 2"):
        list(found)


def test_one_state_dict_is_not_taken_for_many() -> None:
    with pytest.raises(InputError, match="one state dict"):
        find_checkpoints({"w": torch.zeros(1)})  # type: ignore[dict-item]  # the point of the test


def test_a_link_to_another_checkpoint_of_the_folder_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "epoch=1-step=40.ckpt", "epoch=2-step=80.ckpt")
    (tmp_path / "last.ckpt").symlink_to(tmp_path / "epoch=2-step=80.ckpt")
    assert [c.step for c in find_checkpoints(tmp_path)] == [40, 80]
    assert [c.step for c in find_checkpoints(str(tmp_path / "*.ckpt"))] == [40, 80]


def test_a_checkpoint_that_holds_checkpoints_is_a_question(tmp_path: Path) -> None:
    names = (
        "pytorch_model.bin",
        "checkpoint-5/pytorch_model.bin",
        "checkpoint-9/pytorch_model.bin",
    )
    touch(tmp_path / "out", *names)
    with pytest.raises(InputError, match=r"is a checkpoint and holds others.*checkpoint-\*'"):
        find_checkpoints(tmp_path / "out")
    found = find_checkpoints(str(tmp_path / "out" / "checkpoint-*"))
    assert [c.step for c in found] == [5, 9]


def test_a_checkpoint_may_hold_parts_of_its_network_in_folders(tmp_path: Path) -> None:
    """So do sentence encoders and adapters of several names."""
    touch(tmp_path / "out", "pytorch_model.bin", "2_Dense/pytorch_model.bin")
    assert [c.source for c in find_checkpoints(tmp_path / "out")] == [tmp_path / "out"]
