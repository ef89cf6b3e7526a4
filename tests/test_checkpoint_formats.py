"""Checkpoints as real libraries write them give the run that a recorder would have written."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.errors import CheckpointMismatch, DamagedCheckpoint, InputError
from infoplane.hooks.replay import replay

pytestmark = pytest.mark.filterwarnings("ignore")
X = torch.randn(30, 6, generator=torch.Generator().manual_seed(1))
Y = np.arange(30) % 3
IDS = torch.randint(3, 40, (30, 5), generator=torch.Generator().manual_seed(2))


def network(seed: int = 9) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def assert_weights_of(run: ip.Archive, step: int, trained: nn.Module, to: Path) -> None:
    """The step holds what a recorder sees of the trained network, to the last bit."""
    own = ip.capture(trained, probe=(X, Y), to=to)
    assert run.layers == own.layers
    for layer in own.layers:
        assert np.array_equal(run.row_digests(step, layer), own.row_digests(0, layer))


def test_safetensors(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    (tmp_path / "c").mkdir()
    for step in (1, 2):
        save_file(network(step).state_dict(), tmp_path / "c" / f"step{step}.safetensors")
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=tmp_path / "c")
    assert run.steps == (1, 2)
    assert_weights_of(run, 2, network(2), tmp_path / "own")


def test_a_truncated_safetensors_file_is_damaged(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    file = tmp_path / "step1.safetensors"
    save_file(network().state_dict(), file)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DamagedCheckpoint, match="step1.safetensors"):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=file)


def bert() -> Any:  # Any: transformers has no types here
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=40,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
            num_labels=3,
        )
    )


OF_BERT = {
    "probe": ({"input_ids": IDS}, Y),
    "layers": ["bert.encoder.layer.**"],
    "reduce": "token:cls",
}


@pytest.mark.slow
def test_a_sharded_index_of_safetensors(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    model = bert()
    model.save_pretrained(tmp_path / "checkpoint-7", max_shard_size="10KB")
    index = tmp_path / "checkpoint-7" / "model.safetensors.index.json"
    assert index.is_file()
    own = ip.capture(model, to=tmp_path / "own", **OF_BERT)
    for k, source in enumerate((tmp_path / "checkpoint-7", index)):
        other = bert()
        torch.nn.init.zeros_(other.classifier.weight)
        run = ip.capture(other, to=tmp_path / f"run{k}", checkpoints={7: source}, **OF_BERT)
        for layer in own.layers:
            assert np.array_equal(run.row_digests(7, layer), own.row_digests(0, layer))


def test_a_model_of_transformers_that_is_stored_under_other_names(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.SwinConfig(
        image_size=8,
        patch_size=2,
        num_channels=1,
        embed_dim=4,
        depths=[1, 1],
        num_heads=[1, 1],
        window_size=2,
    )
    trained = transformers.SwinForImageClassification(config).eval()
    trained.save_pretrained(tmp_path / "ckpts" / "step-3")
    pictures = torch.randn(6, 1, 8, 8)
    untrained = transformers.SwinForImageClassification(config)
    settings = transformers.utils.logging
    before = settings.get_verbosity(), settings.is_progress_bar_enabled()
    capfd.readouterr()
    run = ip.capture(untrained, probe=pictures, to=tmp_path / "run", checkpoints=tmp_path / "ckpts")
    assert not capfd.readouterr().err, "transformers prints neither bars nor reports"
    assert (settings.get_verbosity(), settings.is_progress_bar_enabled()) == before
    with torch.no_grad():
        logits = trained(pictures).logits
    assert np.allclose(run.z(3, "classifier"), logits, atol=1e-6)


def test_two_networks_of_one_checkpoint_are_a_question(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    folder = tmp_path / "checkpoint_4"  # as accelerate writes what it prepared
    folder.mkdir()
    save_file(first.state_dict(), folder / "model.safetensors")
    save_file(second.state_dict(), folder / "model_1.safetensors")
    probe = (torch.eye(3), [0, 1, 1])
    how: dict[str, Any] = {"checkpoints": {4: folder}, "layers": "all"}
    with pytest.raises(InputError, match="several state dicts fit the model.*choose by entry="):
        ip.capture(nn.Linear(3, 2), probe, tmp_path / "asked", **how)
    run = ip.capture(nn.Linear(3, 2), probe, tmp_path / "run", entry="model_1", **how)
    want = second(torch.eye(3)).detach().numpy()
    np.testing.assert_allclose(run.z(4, run.layers[0]), want, atol=1e-6)


def test_a_second_network_may_lie_in_a_file_of_several_entries(tmp_path: Path) -> None:
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    folder = tmp_path / "checkpoint_4"
    folder.mkdir()
    torch.save(first.state_dict(), folder / "pytorch_model.bin")
    torch.save({"net": second.state_dict(), "step": 4}, folder / "pytorch_model_1.bin")
    how: dict[str, Any] = {"checkpoints": {4: folder}, "layers": "all"}
    probe, entry = (torch.eye(3), [0, 1, 1]), "pytorch_model_1.net"
    run = ip.capture(nn.Linear(3, 2), probe, tmp_path / "run", entry=entry, **how)
    want = second(torch.eye(3)).detach().numpy()
    np.testing.assert_allclose(run.z(4, run.layers[0]), want, atol=1e-6)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    bert().save_pretrained(tmp_path / "checkpoint-7", max_shard_size="10KB")
    shard = sorted((tmp_path / "checkpoint-7").glob("*.safetensors"))[0]
    shard.unlink()
    with pytest.raises(DamagedCheckpoint, match=shard.name):
        ip.capture(bert(), to=tmp_path / "run", checkpoints=tmp_path / "checkpoint-7", **OF_BERT)


@pytest.mark.slow
def test_the_checkpoints_of_a_trainer_with_what_it_logged(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from transformers import Trainer, TrainingArguments

    args = TrainingArguments(
        str(tmp_path / "out"),
        per_device_train_batch_size=10,
        max_steps=6,
        save_steps=2,
        logging_steps=1,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        learning_rate=1e-2,
    )
    rows = [{"input_ids": IDS[i], "labels": int(Y[i])} for i in range(30)]
    trainer = Trainer(model=bert(), args=args, train_dataset=rows)
    trainer.train()
    run = ip.capture(bert(), to=tmp_path / "run", checkpoints=tmp_path / "out", **OF_BERT)
    assert run.steps == (2, 4, 6)
    logged = {line["step"]: line for line in trainer.state.log_history if "loss" in line}
    assert [run.metrics[s]["loss"] for s in run.steps] == [logged[s]["loss"] for s in run.steps]
    own = ip.capture(trainer.model, to=tmp_path / "own", **OF_BERT)
    for layer in own.layers:
        assert np.array_equal(run.row_digests(6, layer), own.row_digests(0, layer))


@pytest.mark.slow
def test_the_checkpoints_of_lightning_with_what_it_watched(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(pl.LightningModule):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net = network()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.TensorDataset(X, torch.as_tensor(Y))
    keep = pl.callbacks.ModelCheckpoint(dirpath=tmp_path / "c", save_top_k=-1, monitor="train_loss")
    trainer = pl.Trainer(
        max_epochs=3,
        callbacks=[keep],
        logger=False,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Module()
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=15))
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=tmp_path / "c")
    assert run.steps == (2, 4, 6)
    assert all(set(run.metrics[step]) == {"train_loss"} for step in run.steps)
    assert run.extra(2, "source")["prefix"] == "prefix 'net.' taken off"
    assert_weights_of(run, 6, module.net, tmp_path / "own")


@pytest.mark.parametrize("wrapped", [False, True])
def test_distributed_checkpoints(wrapped: bool, tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    for step in (10, 20):
        net = network(step)
        optimiser = torch.optim.Adam(net.parameters())
        state = {"model": net.state_dict(), "optim": optimiser.state_dict(), "step": step}
        dcp.save(state if wrapped else net.state_dict(), checkpoint_id=tmp_path / f"c/step_{step}")
    run = ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=tmp_path / "c")
    assert run.steps == (10, 20)
    assert_weights_of(run, 20, network(20), tmp_path / "own")


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("executed",))


def test_an_index_of_a_distributed_checkpoint_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "step_1"
    folder.mkdir()
    (folder / ".metadata").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(InputError, match="no part of one"):
        ip.capture(network(), probe=(X, Y), to=tmp_path / "run", checkpoints=folder)
    assert "executed" not in capsys.readouterr().out


def adapted(seed: int, rank: int = 2) -> Any:  # Any: peft has no types here
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=rank, target_modules=["0", "2"], init_lora_weights=False)
    torch.manual_seed(seed)
    base = network()
    torch.manual_seed(seed)
    return peft.get_peft_model(base, config)


def test_adapters_go_onto_their_base_and_come_off_again(tmp_path: Path) -> None:
    for step in (1, 2):
        adapted(step).save_pretrained(tmp_path / "c" / f"checkpoint-{step}")
    base = network()
    run = ip.capture(
        base, probe=(X, Y), to=tmp_path / "run", layers=["0", "1", "2"], checkpoints=tmp_path / "c"
    )
    own = adapted(2)
    expected = own.base_model.model
    with torch.no_grad():
        values = expected.eval()(X).numpy()
    assert run.steps == (1, 2) and np.allclose(run.z(2, "2"), values, atol=1e-6)
    assert not np.array_equal(run.z(1, "2"), run.z(2, "2"))
    assert list(base.state_dict()) == list(network().state_dict())
    assert all(
        torch.equal(a, b) for a, b in zip(base.parameters(), network().parameters(), strict=True)
    )


def test_adapters_of_another_rank_are_refused(tmp_path: Path) -> None:
    for step in (1, 2):
        adapted(step, rank=step).save_pretrained(tmp_path / "c" / f"checkpoint-{step}")
    with pytest.raises(CheckpointMismatch, match="another kind"):
        ip.capture(
            network(), probe=(X, Y), to=tmp_path / "run", layers=["0"], checkpoints=tmp_path / "c"
        )


def test_an_adapter_of_another_network_is_refused(tmp_path: Path) -> None:
    adapted(1).save_pretrained(tmp_path / "checkpoint-1")
    config = json.loads((tmp_path / "checkpoint-1" / "adapter_config.json").read_text())
    config["target_modules"] = ["elsewhere"]
    (tmp_path / "checkpoint-1" / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointMismatch):
        ip.capture(
            network(), probe=(X, Y), to=tmp_path / "run", checkpoints=tmp_path / "checkpoint-1"
        )


def test_an_adapter_scaled_otherwise_than_that_of_the_model_is_refused(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    adapted(1).save_pretrained(tmp_path / "checkpoint-1")
    config = peft.LoraConfig(r=2, lora_alpha=64, target_modules=["0", "2"])
    model = peft.get_peft_model(network(), config)
    with pytest.raises(CheckpointMismatch, match="lora_alpha 8 instead of 64"):
        ip.capture(model, (X, Y), tmp_path / "run", checkpoints=tmp_path / "checkpoint-1")


@pytest.mark.parametrize("names", [("0", "2"), "0|2", "all-linear"])
def test_the_places_of_an_adapter_may_be_named_in_another_form(
    names: str | tuple[str, ...], tmp_path: Path
) -> None:
    peft = pytest.importorskip("peft")
    adapted(1).save_pretrained(tmp_path / "checkpoint-1")
    config = peft.LoraConfig(r=2, lora_alpha=8, target_modules=names)
    model = peft.get_peft_model(network(), config)
    run = ip.capture(model, (X, Y), tmp_path / "run", checkpoints=tmp_path / "checkpoint-1")
    assert run.steps == (1,)


@pytest.mark.parametrize("text", ["{", "[]", '{"log_history": [1]}'])
def test_weights_are_captured_where_the_log_of_the_trainer_is_torn(
    text: str, tmp_path: Path
) -> None:
    save_file = pytest.importorskip("safetensors.torch").save_file
    folder = tmp_path / "checkpoint-5"
    folder.mkdir()
    save_file(network().state_dict(), folder / "model.safetensors")
    (folder / "trainer_state.json").write_text(text)
    with pytest.warns(RuntimeWarning, match="expected the log of a Trainer.*without metrics"):
        run = ip.capture(network(), (X, Y), tmp_path / "run", checkpoints=folder)
    assert run.steps == (5,)
    assert run.metrics == {5: {}}


def test_a_torn_distributed_checkpoint_is_passed_over(tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    for step in (10, 20):
        dcp.save(network(step).state_dict(), checkpoint_id=tmp_path / f"c/step_{step}")
    [file] = (tmp_path / "c" / "step_10").glob("*.distcp")
    file.write_bytes(file.read_bytes()[:300])
    with pytest.warns(RuntimeWarning, match="step 10 is passed over.*not a readable distributed"):
        run = ip.capture(network(), (X, Y), tmp_path / "run", checkpoints=tmp_path / "c")
    assert run.steps == (20,)


def test_a_model_without_memory_takes_no_checkpoint(tmp_path: Path) -> None:
    with torch.device("meta"):
        empty = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    with pytest.raises(CheckpointMismatch, match="meta device.*to_empty"):
        ip.capture(empty, (X, Y), tmp_path / "run", checkpoints={1: network().state_dict()})


class Gain(nn.Module):
    """A factor that is neither a parameter nor a buffer, but stored by the module itself."""

    gain = 1.0

    def get_extra_state(self) -> dict[str, float]:
        return {"gain": self.gain}

    def set_extra_state(self, state: dict[str, float]) -> None:
        self.gain = state["gain"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gain


def test_what_modules_store_beside_tensors_is_loaded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 5), Gain())
    model[1].gain = 3.0
    torch.save(model.state_dict(), tmp_path / "ckpt_1.pt")
    run = ip.capture(model, (X, Y), tmp_path / "now", layers=["1"])
    model[1].gain = 1.0
    later = ip.capture(model, (X, Y), tmp_path / "later", layers=["1"], checkpoints=tmp_path)
    assert np.array_equal(later.z(1, "1"), run.z(0, "1"))


def test_what_modules_store_beside_tensors_is_replayed(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 5), Gain())
    options = {"probe": (X, Y), "layers": ["1"], "store": "weights", "verbose": False}
    with ip.Recorder(model, to=tmp_path / "run", **options) as rec:
        model[1].gain = 3.0
        rec.step(1)
    with torch.no_grad():
        values = model(X).numpy()
    model[1].gain = 1.0
    replay(tmp_path / "run", model, to=tmp_path / "replayed")
    assert np.array_equal(ip.open_archive(tmp_path / "replayed").z(1, "1"), values)


class Stored(nn.Linear):
    """A layer that stores something of any type beside its weights."""

    beside: object = None

    def get_extra_state(self) -> object:
        return self.beside

    def set_extra_state(self, state: object) -> None:
        self.beside = state


def two_layers(beside: object) -> nn.Sequential:
    torch.manual_seed(3)
    model = nn.Sequential(Stored(6, 5), nn.Tanh(), Stored(5, 3))
    model[0].beside = model[2].beside = beside
    return model


@pytest.mark.parametrize("beside", [1, "v1", None, torch.zeros(4, dtype=torch.uint8)])
def test_layers_may_store_equal_things_of_any_type_and_size(beside: object, tmp_path: Path) -> None:
    torch.save(two_layers(beside).state_dict(), tmp_path / "ckpt_1.pt")
    empty = torch.zeros(0, dtype=torch.uint8) if isinstance(beside, torch.Tensor) else beside
    model = two_layers(empty)
    run = ip.capture(model, (X, Y), tmp_path / "run", checkpoints=tmp_path)
    assert run.steps == (1,)
    assert str(model[2].beside) == str(beside)


@pytest.mark.parametrize("beside", [np.arange(3), lambda: 1, Path("x")])
def test_weights_that_no_replay_could_read_are_refused_before_training(
    beside: object, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"cannot keep '0\._extra_state'.*store activations"):
        ip.Recorder(two_layers(beside), probe=(X, Y), to=tmp_path / "run", store="weights")
