"""Layer names by pattern, with a suggestion for a mistyped name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.errors import InputError, LayerNotFound
from infoplane.patterns import did_you_mean, fits, names_like


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("h.0", "h.*", True),
        ("h.0.mlp", "h.*", False),
        ("h.0.mlp", "h.*.mlp", True),
        ("h.0.mlp", "**mlp", True),
        ("h.0.mlp", "**", True),
        ("h.0", "*", False),
        ("fc1", "fc?", True),
        ("a.b", "a?b", False),
        ("fc1", "fc[!2]", True),
        ("fc2", "fc[!2]", False),
        ("a+b", "a+b", True),
        ("aab", "a+b", False),
        ("x[", "x[", True),
        ("Fc1", "fc1", False),
    ],
)
def test_a_star_stays_between_dots_and_two_cross_them(
    name: str, pattern: str, expected: bool
) -> None:
    assert fits(name, pattern) is expected


def test_names_keep_their_order_and_none_stands_for_all() -> None:
    assert names_like(["c", "a*"], ["a1", "b", "c", "a2"]) == ["a1", "c", "a2"]
    assert names_like([], ["a"]) is None and names_like(None, ["a"]) is None


def test_a_name_that_nothing_has_says_what_was_perhaps_meant() -> None:
    with pytest.raises(
        InputError, match=r"no such layer: 'acct1'; there are act1, act2; did you mean 'act1'\?"
    ):
        names_like(["acct1"], ["act1", "act2"])
    assert did_you_mean("zzz", ["act1"]) == ""


def test_a_recorder_takes_the_same_patterns(tmp_path_factory: pytest.TempPathFactory) -> None:
    network = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), nn.Linear(2, 2))
    probe = torch.randn(8, 2)

    def layers(pattern: str) -> tuple[str, ...]:
        to = tmp_path_factory.mktemp("run") / "run"
        with ip.Recorder(network, probe=probe, to=to, layers=pattern, verbose=False) as rec:
            return rec.layers

    assert (
        layers("0.*") == ("0.0", "0.1")
        and {"0", "1"} <= set(layers("*"))
        and "0.0" not in layers("*")
    )
    assert {"0", "0.0", "0.1", "1"} <= set(layers("**"))
    with pytest.raises(
        LayerNotFound, match=r"\* does not cross dots, \*\* does: did you mean '0\*\*1'"
    ):
        layers("0*1")
