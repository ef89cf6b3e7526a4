"""Names of other people's layers in little room: what tells them apart is left."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infoplane.analysis.plot.names import short_names

CONVNEXT = [
    "convnextv2.embeddings.layernorm",
    *(f"convnextv2.encoder.stages.{k}.layers.{i}" for k in range(4) for i in range(2)),
    "convnextv2.layernorm",
    "classifier",
]
VIT = [f"vit.encoder.layer.{k}.{part}" for k in range(12) for part in ("intermediate", "output")]
RESNET = [f"layer{k}.{i}.conv{c}" for k in (1, 2, 3, 4) for i in (0, 1) for c in (1, 2)]
T5 = [
    f"{side}.block.{k}.layer.{i}.{part}"
    for side in ("encoder", "decoder")
    for k in range(2)
    for i, part in enumerate(("SelfAttention.o", "DenseReluDense.wo"))
]
TRACED = [f"encoder_layers_{k}_self_attention_out_proj_dropout" for k in range(12)]
NETWORKS = {
    "convnext": CONVNEXT,
    "vit": [*VIT, "vit.layernorm", "classifier"],
    "llama": [*(f"model.layers.{k}.mlp.down_proj" for k in range(32)), "model.norm", "lm_head"],
    "resnet": ["conv1", *RESNET, "fc"],
    "lightning": [*(f"model.backbone.blocks.{k}" for k in range(8)), "model.head"],
    "t5": T5,
    "traced": TRACED,
}


def numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


@pytest.mark.parametrize("width", [11, 15, 24])
@pytest.mark.parametrize("network", NETWORKS)
def test_no_number_that_differs_between_layers_is_lost(network: str, width: int) -> None:
    names = NETWORKS[network]
    columns = list(zip(*(numbers(name) for name in names if numbers(name)), strict=False))
    varying = [len(set(column)) > 1 for column in columns]
    for name, short in zip(names, short_names(names, width), strict=True):
        needed = [n for n, varies in zip(numbers(name), varying, strict=False) if varies]
        left = iter(numbers(short))
        assert all(number in left for number in needed), (name, short)


@pytest.mark.parametrize("network", NETWORKS)
def test_names_end_as_the_layers_do_where_there_is_room(network: str) -> None:
    names = NETWORKS[network]
    for name, short in zip(names, short_names(names, 24), strict=True):
        assert short.endswith("…") or short[-1] == name[-1]


def test_one_name_of_another_kind_does_not_keep_the_start_that_all_others_share() -> None:
    assert short_names(CONVNEXT, 15)[1:3] == ["…0.layers.0", "…0.layers.1"]
    assert short_names(CONVNEXT, 15)[-1] == "classifier"


def test_a_word_that_alone_tells_two_halves_of_a_network_apart_is_left() -> None:
    shorts = short_names(T5, 24)
    assert shorts[0].startswith("encoder") and shorts[4].startswith("decoder")


Part = st.sampled_from(["model", "encoder", "layers", "attn", "mlp", "out_proj", "norm"])
Name = st.lists(st.one_of(Part, st.integers(0, 40).map(str)), min_size=1, max_size=8)


@given(st.lists(Name.map(".".join), min_size=2, max_size=40, unique=True), st.integers(8, 30))
def test_any_dotted_names_fit_and_differ(names: list[str], width: int) -> None:
    shorts = short_names(names, width)
    assert len(set(shorts)) == len(names)
    assert all(0 < len(short) <= width for short in shorts)
