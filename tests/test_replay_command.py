"""`infoplane replay`: activations from stored weights, verified by digests of rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import CaptureError, InputError

_FACTORY = """
import torch
from torch import nn

def network():
    torch.manual_seed(99)  # other weights than those stored: the replay must load them
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))

def another():
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))

def with_probe():
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
    return network(), (x, torch.arange(40) % 2)
"""


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of stored weights beside one of activations, from one training; a module with the
    network's factory.
    """
    (tmp_path / "nets_of_replay_test.py").write_text(_FACTORY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "nets_of_replay_test", raising=False)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
    options = {
        "probe": (x, np.arange(40) % 2),
        "layers": "all",
        "reduce": {"0": "pca:2"},
        "batch_size": 16,
        "verbose": False,
    }
    with (
        ip.Recorder(net, to=tmp_path / "weights", store="weights", **options) as stored,  # type: ignore[arg-type]
        ip.Recorder(net, to=tmp_path / "direct", **options) as direct,  # type: ignore[arg-type]
    ):
        for step in (1, 2, 3):
            with torch.no_grad():
                net[0].weight.mul_(1.5)
            for rec in (stored, direct):
                rec.step(step, loss=1.0 / step)
    return tmp_path / "weights"


@pytest.mark.parametrize("factory", ["network", "with_probe"])
def test_the_command_writes_the_activations_of_every_stored_step_and_verifies_them_by_digest(
    weights: Path, factory: str
) -> None:
    out = weights.parent / "again"
    result = CliRunner().invoke(
        app,
        ["replay", str(weights), "--model", f"nets_of_replay_test:{factory}", "--out", str(out)],
    )
    assert result.exit_code == 0, result.output
    assert (
        "4 steps replayed from weights" in result.output and "1 equal bit for bit" in result.output
    )
    again, direct = ip.open_archive(out), ip.open_archive(weights.parent / "direct")
    assert again.steps == direct.steps == (0, 1, 2, 3) and again.metrics == direct.metrics
    for step, layer in direct:
        assert np.array_equal(again.row_digests(step, layer), direct.row_digests(step, layer)), (
            step,
            layer,
        )
        assert np.array_equal(again.z(step, layer), direct.z(step, layer)), (
            step,
            layer,
        )  # the basis of the reduction as well


def test_another_network_is_found_out_by_the_digests(weights: Path) -> None:
    result = CliRunner().invoke(
        app,
        [
            "replay",
            str(weights),
            "-m",
            "nets_of_replay_test:another",
            "-o",
            str(weights.parent / "again"),
        ],
    )
    assert result.exit_code != 0 and "replayed activations differ" in str(result.output) + str(
        result.exception
    )


def test_weights_that_would_execute_something_are_refused(weights: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (print, ("executed",))

    torch.save(
        {"step": 2, "metrics": {}, "state_dict": Bomb()}, weights / "weights" / "000000000002.pt"
    )
    result = CliRunner().invoke(
        app,
        [
            "replay",
            str(weights),
            "-m",
            "nets_of_replay_test:network",
            "-o",
            str(weights.parent / "again"),
        ],
    )
    assert (
        result.exit_code != 0
        and "executed" not in result.output
        and "not a file of weights" in str(result.output) + str(result.exception)
    )


def test_a_factory_that_cannot_be_imported_is_named(weights: Path) -> None:
    for spec, message in (
        ("nets_of_replay_test", "expects module:factory"),
        ("nets_of_replay_test:nothing", "can be imported from here"),
    ):
        result = CliRunner().invoke(
            app, ["replay", str(weights), "-m", spec, "-o", str(weights.parent / "again")]
        )
        assert result.exit_code != 0 and message in str(result.output) + str(result.exception)


def test_a_replay_keeps_split_row_ids_class_names_tags_and_label_sets(tmp_path: Path) -> None:
    from infoplane.hooks.replay import replay

    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    x, names = torch.randn(12, 5), np.array(["cat", "dog", "emu"])[np.arange(12) % 3]
    labels = {"animal": names, "parity": np.arange(12) % 2}
    split = np.where(np.arange(12) % 2, "train", "test")
    for k, y in enumerate((None, labels)):
        options: dict[str, object] = {} if y is None else {"y": y}
        with ip.Recorder(
            net,
            probe=(x, names if y is None else None),
            to=tmp_path / f"a{k}",
            store="weights",
            split=split,
            row_ids=np.arange(12) // 2,
            schedule=ip.at(0),
            tags={"seed": 1},
            verbose=False,
            **options,  # type: ignore[arg-type]  # as given
        ):
            pass
        replay(tmp_path / f"a{k}", net, to=tmp_path / f"b{k}")
        before, after = (ip.open_archive(tmp_path / f"{name}{k}") for name in "ab")
        assert np.array_equal(before.split, after.split)
        assert np.array_equal(before.row_ids, after.row_ids)
        assert before.class_names == after.class_names == ("cat", "dog", "emu")
        assert before.labels == after.labels and after.config["tags"] == {"seed": 1}


LENGTHS = torch.randint(2, 8, (30, 1), generator=torch.Generator().manual_seed(2))
MASK = (torch.arange(7) < LENGTHS).long()
IDS = torch.randint(1, 9, (30, 7), generator=torch.Generator().manual_seed(3)) * MASK
TAGS = np.where(MASK.numpy() == 1, IDS.numpy() % 3, -100)
POSITIONS: dict[str, tuple[nn.Module, dict[str, Any], dict[str, Any]]] = {
    "named mask": (
        nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3)),
        {
            "probe": {"input": IDS, "attention_mask": MASK},
            "rows": "token",
            "y": "next-token",
            "x": "prefix",
            "skip_first": 1,
            "forward": lambda net, batch: net(batch["input"]),
        },
        {},
    ),
    "array as mask": (
        nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3)),
        {
            "probe": IDS,
            "mask": MASK,
            "rows": "token",
            "y": {"tag": TAGS, "place": "position"},
            "max_rows": 60,
            "split": np.array(["train", "test"] * 15),
        },
        {"mask": MASK},
    ),
    "pixels": (
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 1)),
        {
            "probe": torch.rand(8, 1, 4, 5),
            "rows": "pixel",
            "y": np.arange(160).reshape(8, 4, 5) % 3,
            "max_rows": 50,
        },
        {},
    ),
    "words": (
        nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3)),
        {
            "probe": IDS,
            "rows": "token",
            "y": np.array(list("abcdefghi"))[IDS.numpy()],
            "max_rows": 60,
        },
        {},
    ),
    "no labels": (
        nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3)),
        {"probe": IDS, "rows": "token", "max_rows": 60},
        {},
    ),
}


@pytest.mark.parametrize("case", POSITIONS)
@pytest.mark.filterwarnings("ignore:.*looks padded")
def test_rows_that_are_positions_are_replayed_from_the_probe_alone(
    case: str, tmp_path: Path
) -> None:
    from infoplane.hooks.replay import replay

    net, options, again = POSITIONS[case]
    recorder = ip.Recorder(
        net,
        to=tmp_path / "a",
        store="weights",
        schedule=ip.at(0),
        layers=["1"],
        verbose=False,
        **options,
    )
    with recorder:
        pass
    forward = {"forward": options["forward"]} if "forward" in options else {}
    done = replay(
        tmp_path / "a", net, to=tmp_path / "b", probe=options["probe"], **again, **forward
    )
    before, after = ip.open_archive(tmp_path / "a"), ip.open_archive(tmp_path / "b")
    assert done.bitwise == (0,)
    assert before.labels == after.labels and before.row_info.x == after.row_info.x
    for name in before.labels:
        one, two = before.with_label(name), after.with_label(name)
        assert np.array_equal(one.y, two.y) and one.class_names == two.class_names
    assert (before.split is None) == (after.split is None)
    assert before.split is None or np.array_equal(before.split, after.split)


def test_a_replay_of_tokens_says_what_the_run_does_not_hold(tmp_path: Path) -> None:
    from infoplane.hooks.replay import replay

    net = nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 3))
    options: dict[str, Any] = {"mask": MASK, "rows": "token", "y": "token", "layers": ["1"]}
    with ip.Recorder(
        net,
        probe=IDS,
        to=tmp_path / "a",
        store="weights",
        schedule=ip.at(0),
        verbose=False,
        **options,
    ):
        pass
    with pytest.raises(InputError, match="give probe= and mask="):
        replay(tmp_path / "a", net, to=tmp_path / "b")
    with pytest.raises(CaptureError, match="other rows"):
        replay(tmp_path / "a", net, to=tmp_path / "c", probe=IDS.flip(0), mask=MASK.flip(0))
