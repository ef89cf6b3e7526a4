"""Activations of other tools become the run that a recorder would have written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.errors import CaptureError, InputError

pytestmark = pytest.mark.filterwarnings("ignore")
X = torch.randn(24, 8, generator=torch.Generator().manual_seed(1))
IDS = torch.randint(3, 50, (24, 6), generator=torch.Generator().manual_seed(2))
Y = np.arange(24) % 3


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))


def assert_layers(run: ip.Archive, truth: ip.Archive, pairs: dict[str, str]) -> None:
    """Layers of the run hold what the recorder stored: digests, and numbers of the two."""
    for mine, theirs in pairs.items():
        assert np.array_equal(run.row_digests(0, mine), truth.row_digests(0, theirs))
    for spec in ("exact", "bin:szt"):
        values = [
            [p.bits for p in ip.measure(a, spec, layers=list(names)).points]
            for a, names in ((run, pairs.keys()), (truth, pairs.values()))
        ]
        assert values[0] == values[1]


def gpt(**options: Any) -> Any:  # Any: transformers has no types here
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=50, n_embd=16, n_layer=3, n_head=2, n_positions=8, bos_token_id=1, eos_token_id=1
    )
    return transformers.GPT2LMHeadModel(config).eval()


BLOCKS = ["transformer.h.0", "transformer.h.1", "transformer.ln_f"]


@pytest.mark.parametrize("whole", [True, False])
def test_hidden_states_name_the_last_one_normed(whole: bool, tmp_path: Path) -> None:
    model = gpt()
    with torch.no_grad():
        out = model(IDS, output_hidden_states=True)
    run = ip.from_arrays(
        out if whole else out.hidden_states, x=IDS, y=Y, to=tmp_path / "run", verify_with=model
    )
    assert run.layers == ("embeddings", "block 1", "block 2", "final (normed)")
    truth = ip.capture(model, probe=(IDS, Y), to=tmp_path / "own", layers=BLOCKS)
    assert_layers(run, truth, dict(zip(run.layers[1:], BLOCKS, strict=True)))


def test_hidden_states_before_the_last_norm_are_not_called_normed(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=8,
        patch_size=4,
    )
    with torch.no_grad():
        out = transformers.ViTModel(config).eval()(
            torch.randn(5, 3, 8, 8), output_hidden_states=True
        )
    run = ip.from_arrays(out, to=tmp_path / "run")
    assert run.layers == ("embeddings", "block 1", "block 2")


def test_verifying_finds_a_last_hidden_state_that_was_taken_for_a_block(tmp_path: Path) -> None:
    model = gpt()
    with torch.no_grad():
        states = model(IDS, output_hidden_states=True).hidden_states
    layers = {f"transformer.h.{k}": state for k, state in enumerate(states[1:])}
    with pytest.raises(CaptureError, match=r"transformer.h.2: holds the output of .*ln_f.*normed"):
        ip.from_arrays(layers, x=IDS, to=tmp_path / "run", verify_with=model)


def test_outputs_without_hidden_states_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="output_hidden_states=True"):
        ip.from_arrays(gpt()(IDS), to=tmp_path / "run")


def test_states_of_generated_tokens_are_sent_to_a_forward(tmp_path: Path) -> None:
    out = gpt().generate(
        IDS[:, :3],
        max_new_tokens=2,
        do_sample=False,
        pad_token_id=0,
        output_hidden_states=True,
        return_dict_in_generate=True,
    )
    with pytest.raises(InputError, match=r"every generated token.*model\(ids"):
        ip.from_arrays(out, to=tmp_path / "run")


def test_states_of_an_encoder_and_a_decoder_carry_their_side(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.T5Config(
        vocab_size=50, d_model=16, d_kv=8, d_ff=16, num_layers=2, num_heads=2
    )
    model = transformers.T5Model(config).eval()
    with torch.no_grad():
        out = model(input_ids=IDS, decoder_input_ids=IDS[:, :3], output_hidden_states=True)
    run = ip.from_arrays(out, to=tmp_path / "run")
    names = ["embeddings", "block 1", "final (normed)"]
    assert run.layers == tuple(f"{side} {n}" for side in ("encoder", "decoder") for n in names)
    np.testing.assert_array_equal(run.z(0, "decoder final (normed)"), out.last_hidden_state.numpy())


def test_a_cache_of_transformer_lens(tmp_path: Path) -> None:
    bridge = pytest.importorskip("transformer_lens.model_bridge")
    model = gpt()
    model.save_pretrained(tmp_path / "gpt")
    hooked = bridge.TransformerBridge.boot_transformers(
        str(tmp_path / "gpt"), hf_model=model, device="cpu"
    )
    with torch.no_grad():
        _, cache = hooked.run_with_cache(IDS)
    run = ip.from_arrays(
        cache, x=IDS, y=Y, to=tmp_path / "run", layers=["blocks.*.hook_resid_post"]
    )
    assert len(run.layers) == 3
    truth = ip.capture(model, probe=(IDS, Y), to=tmp_path / "own", layers=BLOCKS[:2])
    for mine, theirs in zip(run.layers[:2], truth.layers, strict=True):
        assert np.allclose(run.z(0, mine), truth.z(0, theirs), atol=1e-5)


def test_everything_in_a_cache_of_transformer_lens_that_has_rows(tmp_path: Path) -> None:
    bridge = pytest.importorskip("transformer_lens.model_bridge")
    model = gpt()
    model.save_pretrained(tmp_path / "gpt")
    hooked = bridge.TransformerBridge.boot_transformers(
        str(tmp_path / "gpt"), hf_model=model, device="cpu"
    )
    with torch.no_grad():
        _, cache = hooked.run_with_cache(IDS)
    run = ip.from_arrays(cache, y=Y, to=tmp_path / "run")
    assert run.n_rows == 24 and "pos_embed.hook_in" not in run.layers


def test_a_cache_of_nnsight(tmp_path: Path) -> None:
    nnsight = pytest.importorskip("nnsight")
    net = network()
    with nnsight.NNsight(net).trace(X) as tracer:
        cache = tracer.cache()
    run = ip.from_arrays(cache, x=X, y=Y, to=tmp_path / "run", layers=["0", "1", "2"])
    truth = ip.capture(net, probe=(X, Y), to=tmp_path / "own", layers=["0", "1", "2"])
    assert_layers(run, truth, {name: name for name in "012"})


@pytest.mark.slow
def test_a_trace_of_torchlens(tmp_path: Path) -> None:
    torchlens = pytest.importorskip("torchlens")
    net = network()
    run = ip.from_arrays(torchlens.trace(net, X), x=X, y=Y, to=tmp_path / "run")
    truth = ip.capture(net, probe=(X, Y), to=tmp_path / "own", layers=["0", "1", "2"])
    assert run.layers == ("0", "1", "2")
    assert_layers(run, truth, {name: name for name in "012"})


@pytest.mark.slow
def test_an_extraction_of_torchlens(tmp_path: Path) -> None:
    torchlens = pytest.importorskip("torchlens")
    net = network()
    found = torchlens.extract(net, X, ["linear_1_1", "tanh_1_2"])
    run = ip.from_arrays(found, x=X, y=Y, to=tmp_path / "run")
    truth = ip.capture(net, probe=(X, Y), to=tmp_path / "own", layers=["0", "1"])
    assert_layers(run, truth, {"linear_1_1": "0", "tanh_1_2": "1"})


def test_nested_dictionaries_as_flax_captures_them(tmp_path: Path) -> None:
    z = X.numpy()
    state = {
        "intermediates": {
            "encoder": {
                "Dense_0": {"__call__": (z,)},
                "Dense_1": {"__call__": (z[:, :3], z[:, 3:6])},
            },
            "__call__": (z[:, :2],),
        }
    }
    run = ip.from_arrays(state, y=Y, to=tmp_path / "run")
    assert run.layers[:3] == ("encoder.Dense_0", "encoder.Dense_1", "encoder.Dense_1#1")
    assert np.array_equal(run.z(0, "encoder.Dense_1#1"), z[:, 3:6]) and len(run.layers) == 4
