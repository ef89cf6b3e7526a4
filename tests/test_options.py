"""Options of the recorder: declared once, taken as one object or by keyword."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch
from torch import nn

from infoplane.errors import InputError
from infoplane.hooks.capture import capture
from infoplane.hooks.options import EVERY_DAY, CaptureKeywords, CaptureOptions, Options
from infoplane.hooks.recorder import Recorder

OPTIONS = [f.name for f in fields(CaptureOptions)]


def _recorder(to: Path, **how: Any) -> Recorder:  # Any: of Recorder
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    return Recorder(net, probe=torch.randn(9, 3), to=to / "run", verbose=False, **how)


def test_keywords_have_the_names_and_types_of_the_options() -> None:
    keywords, options = get_type_hints(CaptureKeywords), get_type_hints(CaptureOptions)
    assert keywords == options and list(keywords) == OPTIONS


def test_the_constructor_shows_the_options_of_every_day() -> None:
    shown = inspect.signature(Recorder).parameters
    assert [*shown] == ["model", *EVERY_DAY, "options", "more"]
    assert not set(EVERY_DAY) & set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_explained_where_it_is_declared(name: str) -> None:
    assert f"\n        {name}: " in f"\n{CaptureOptions.__doc__}"


@pytest.mark.parametrize("name", EVERY_DAY)
def test_every_option_of_every_day_is_explained_at_the_recorder(name: str) -> None:
    assert f"\n        {name}: " in str(Recorder.__doc__)


class Folder:
    """A path of another library."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_the_folder_of_a_run_is_any_path(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    rec = Recorder(net, probe=torch.randn(9, 3), to=Folder(tmp_path), verbose=False)
    assert rec.path == tmp_path


def test_options_come_as_one_object_or_by_keyword_which_wins(tmp_path: Path) -> None:
    rec = _recorder(tmp_path, options=CaptureOptions(draws=2, seed=3), draws=4)
    assert (rec.options.draws, rec.options.seed) == (4, 3)
    assert isinstance(rec.options, Options) and isinstance(rec.options, CaptureOptions)


@pytest.mark.parametrize(
    ("name", "near"), [("batchsize", "batch_size"), ("layer", "layers"), ("forwards", "forward")]
)
def test_a_misspelt_option_is_refused_with_its_likely_name(
    name: str, near: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"no option '{name}'; did you mean .*{near}"):
        _recorder(tmp_path, **{name: 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"draws": 0},
        {"batch_size": 2.5},
        {"batch_size": "8"},
        {"noise": "none"},
        {"store": "all"},
        {"dtype": "int8"},
    ],
)
def test_values_that_an_option_does_not_have_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        CaptureOptions(**wrong)


def test_bytes_may_be_given_as_powers_of_ten() -> None:
    assert CaptureOptions(max_bytes=2e9).max_bytes == 2e9


WRONG: dict[str, Any] = {  # one value of a wrong type for every option
    "probe": 7,
    "to": None,
    "layers": 3,
    "schedule": 100,
    "reduce": 3,
    "rows": None,
    "y": 3,
    "mode": True,
    "y_kind": 1,
    "measure": 5,
    "watch": "yes",
    "max_overhead": True,
    "overwrite": "no",
    "resume": "no",
    "verbose": "no",
    "select": {"1": 2.5},
    "forward": "f",
    "batch_size": 2.5,
    "draws": "2",
    "noise": True,
    "autocast": "bfloat16",
    "dtype": 16,
    "store": True,
    "chain": 1,
    "x_kind": 1,
    "store_x": "no",
    "x": 3,
    "mask": [[1.0, 0.5, 0.0]],
    "skip_first": "1",
    "max_rows": "10",
    "ignore_index": 1.5,
    "fixed": "edges",
    "row_ids": [0.5] * 9,
    "split": 3,
    "on_error": None,
    "background": 3,
    "max_bytes": "1GB",
    "ranks": 0,
    "rank_timeout": "60",
    "gradients": nn.MSELoss,
    "seed": 1.5,
    "durable": None,
    "tags": ["mine"],
}


@pytest.mark.parametrize("name", [*EVERY_DAY, *OPTIONS])
def test_an_option_of_a_wrong_type_is_refused_before_training(name: str, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    given = {"probe": torch.randn(9, 3), "to": tmp_path / "run", "durable": False}
    with pytest.raises(InputError, match=r"got|leave mask= out") as refusal:
        Recorder(net, **{"verbose": False, **given, name: WRONG[name]}).open()
    assert name.removesuffix("_kind") in str(refusal.value)


def test_a_class_in_place_of_a_function_is_asked_for_its_instance(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean MSELoss\(\)\?"):
        _recorder(tmp_path, gradients=nn.MSELoss)


@pytest.mark.parametrize("value", [np.int64(2), 2])
def test_whole_numbers_of_numpy_are_whole_numbers(value: Any, tmp_path: Path) -> None:
    assert _recorder(tmp_path, draws=value, seed=value).options.draws == 2


@pytest.mark.parametrize("option", ["reduce", "select"])
def test_a_name_that_fits_nothing_is_refused_with_the_likely_one(
    option: str, tmp_path: Path
) -> None:
    value = {"encoder": "flatten"} if option == "reduce" else {"encoder": 0}
    net = nn.Sequential()
    net.add_module("encode", nn.Linear(3, 4))
    recorder = Recorder(net, probe=torch.randn(9, 3), to=tmp_path / "run", **{option: value})
    with pytest.raises(InputError, match=f"{option}= names 'encoder'.*did you mean 'encode'"):
        recorder.open()


@pytest.mark.parametrize(
    ("layers", "reduce", "reduced"),
    [
        (["1", "1:input"], {"1": "pca:2"}, {"1"}),
        (["1", "1:input"], {"1:input": "pca:2"}, {"1:input"}),
        (["1", "1:input"], {"1*": "pca:2"}, {"1", "1:input"}),
        (["0", "1:input"], {"1": "pca:2"}, {"1:input"}),
    ],
)
def test_the_name_of_a_captured_layer_reduces_that_layer_alone(
    layers: list[str], reduce: dict[str, str], reduced: set[str], tmp_path: Path
) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh())
    run = capture(net, torch.randn(9, 3), tmp_path / "run", layers=layers, reduce=reduce)
    assert {info.name for info in run.infos if info.reduction != "none"} == reduced
