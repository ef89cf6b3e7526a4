"""Adapters against the real frameworks: steps and metrics are stored, and training is unchanged."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.errors import InputError
from infoplane.hooks.adapter import Attachment, numeric

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
X, Y = torch.randn(48, 4, generator=torch.Generator().manual_seed(0)), torch.arange(48) % 3


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def loader() -> torch.utils.data.DataLoader:
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=16)


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(
        torch.equal(p, q)
        for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning(package: str, tmp_path: Path) -> None:
    pl = pytest.importorskip(package)
    from infoplane.hooks.lightning import callback

    class Module(pl.LightningModule):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)  # type: ignore[no-any-return]  # a tensor

        def training_step(
            self, batch: tuple[torch.Tensor, torch.Tensor], index: int
        ) -> torch.Tensor:
            loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
            self.log("train_loss", loss)
            return loss

        def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> None:
            self.log("valid_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    ended = []
    for callbacks in ([callback(pl, probe=(X, Y), to=tmp_path / "run", verbose=False)], []):
        module = Module()
        pl.seed_everything(1, verbose=False)
        trainer = pl.Trainer(
            max_epochs=3,
            callbacks=callbacks,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loader(), loader())
        ended.append(module)
        if callbacks:
            assert isinstance(callbacks[0], pl.Callback)
    assert same(*ended)
    archive = ip.open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2, 3) and {"train_loss", "valid_loss"} <= set(archive.metrics[3])
    assert archive.layers == ("net.1", "net.2")
    assert np.allclose(archive.z(3, "net.2"), ended[0](X).detach().numpy(), atol=1e-6)


def test_lightning_closes_the_run_when_training_fails(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from infoplane.hooks.lightning import callback

    class Failing(pl.LightningModule):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)  # type: ignore[no-any-return]  # a tensor

        def training_step(self, batch: object, index: int) -> torch.Tensor:
            raise ValueError("diverged")

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    trainer = pl.Trainer(
        max_epochs=1,
        callbacks=[callback(pl, probe=(X, Y), to=tmp_path / "run", verbose=False)],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    with pytest.raises(ValueError, match="diverged"):
        trainer.fit(Failing(), loader())
    assert ip.open_archive(tmp_path / "run").steps == (0,)
    with ip.Recorder(network(), probe=(X, Y), to=tmp_path / "run", overwrite=True, verbose=False):
        pass  # the lock was released


def test_hugging_face_trainer(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from infoplane.hooks.transformers import callback

    config = transformers.BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
        max_position_embeddings=16,
    )
    ids = torch.randint(0, 50, (48, 8), generator=torch.Generator().manual_seed(1))
    data = [{"input_ids": i, "labels": y} for i, y in zip(ids, Y, strict=True)]
    ended = []
    for record in (True, False):
        torch.manual_seed(0)
        model = transformers.BertForSequenceClassification(config)
        recorder = callback(
            probe=({"input_ids": ids}, Y),
            to=tmp_path / "run",
            layers=["bert.encoder.layer.**"],
            schedule=ip.every(2),
            reduce="token:cls",
            verbose=False,
        )
        args = transformers.TrainingArguments(
            output_dir=str(tmp_path / "out"),
            max_steps=6,
            per_device_train_batch_size=8,
            report_to=[],
            logging_steps=1,
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            seed=3,
        )
        transformers.Trainer(
            model=model, args=args, train_dataset=data, callbacks=[recorder] if record else []
        ).train()
        ended.append(model)
    assert same(*ended)
    archive = ip.open_archive(tmp_path / "run")
    assert archive.steps == (0, 2, 4, 6) and "loss" in archive.metrics[6]
    assert (
        "bert.encoder.layer.0" in archive.layers
        and archive.layer_info("bert.encoder.layer.0").reduction == "token:cls"
    )


def test_ignite(tmp_path: Path) -> None:
    pytest.importorskip("ignite")
    from ignite.engine import create_supervised_trainer

    from infoplane.hooks.ignite import attach

    ended = []
    for record in (True, False):
        net = network()
        trainer = create_supervised_trainer(
            net, torch.optim.SGD(net.parameters(), lr=0.1), nn.functional.cross_entropy
        )
        if record:
            attach(trainer, net, probe=(X, Y), to=tmp_path / "run", verbose=False)
        torch.manual_seed(5)
        trainer.run(loader(), max_epochs=3)
        ended.append(net)
    assert same(*ended)
    assert ip.open_archive(tmp_path / "run").steps == (0, 1, 2, 3)


def test_ignite_passes_an_exception_on(tmp_path: Path) -> None:
    pytest.importorskip("ignite")
    from ignite.engine import Engine

    from infoplane.hooks.ignite import attach

    def update(engine: object, batch: object) -> None:
        raise ValueError("diverged")

    trainer = Engine(update)
    attach(trainer, network(), probe=(X, Y), to=tmp_path / "run", verbose=False)
    with pytest.raises(ValueError, match="diverged"):
        trainer.run(loader(), max_epochs=1)
    assert ip.open_archive(tmp_path / "run").steps == (0,)


def test_skorch(tmp_path: Path) -> None:
    skorch = pytest.importorskip("skorch")
    from infoplane.hooks.skorch import callback

    ended = []
    for record in (True, False):
        net = skorch.NeuralNetClassifier(
            network(),
            criterion=nn.CrossEntropyLoss,
            max_epochs=3,
            lr=0.1,
            batch_size=16,
            iterator_train__shuffle=False,
            verbose=0,
            callbacks=[callback(probe=(X, Y), to=tmp_path / "run", verbose=False)]
            if record
            else None,
        )
        net.fit(X.numpy(), Y.numpy())
        ended.append(net.module_)
    assert same(*ended)
    archive = ip.open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2, 3) and {"train_loss", "valid_acc"} <= set(archive.metrics[2])


def test_keras_on_torch(tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("keras was imported on another backend")
    from infoplane.hooks.keras import callback

    ended = []
    for record in (True, False):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(8, activation="tanh", name="one"),
                keras.layers.Dense(3, name="two"),
            ]
        )
        model.compile(
            "sgd",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(
                X.numpy(),
                Y.numpy(),
                epochs=3,
                batch_size=16,
                shuffle=False,
                verbose=0,
                callbacks=[callback(probe=(X, Y), to=tmp_path / "run", verbose=False)]
                if record
                else [],
            )
        ended.append(model)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(ended[0].get_weights(), ended[1].get_weights(), strict=True)
    )
    archive = ip.open_archive(tmp_path / "run")
    assert archive.steps == (0, 1, 2, 3) and {"loss", "accuracy"} <= set(archive.metrics[3])
    assert archive.layers == ("one", "two")
    assert np.allclose(
        archive.z(3, archive.layers[-1]), ended[0].predict(X.numpy(), verbose=0), atol=1e-5
    )


def test_a_fit_of_keras_that_goes_on_stays_in_its_run_and_starts_none_at_zero(
    tmp_path: Path,
) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("keras was imported on another backend")
    from infoplane.hooks.keras import callback

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="one")])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    both = callback(probe=(X, Y), to=tmp_path / "both", verbose=False)
    late = callback(probe=(X, Y), to=tmp_path / "late", verbose=False)
    fit = {"x": X.numpy(), "y": Y.numpy(), "verbose": 0}
    model.fit(**fit, epochs=2, callbacks=[both])
    model.fit(**fit, initial_epoch=2, epochs=4, callbacks=[both, late])
    steps = {path.name: ip.open_archive(path).steps for path in tmp_path.iterdir()}
    assert steps == {"both": (0, 1, 2, 3, 4), "late": (3, 4)}


def test_only_numbers_go_into_the_archive() -> None:
    given = {
        "loss": torch.tensor(0.5),
        "n": 3,
        "name": "x",
        "flag": True,
        "many": torch.ones(2),
        "np": np.float32(1),
        "none": None,
    }
    assert set(numeric(given)) == {"loss", "n", "np"}
    with pytest.raises(InputError, match="expected probe and to="):
        Attachment({})


def test_accelerate_by_the_recipe_of_the_documentation(tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    ended = []
    for record in (True, False):
        torch.manual_seed(0)
        accelerator = accelerate.Accelerator(cpu=True)
        net = network()
        net, optimiser = accelerator.prepare(net, torch.optim.SGD(net.parameters(), 0.05))
        with contextlib.ExitStack() as stack:
            rec = None
            if record:
                rec = stack.enter_context(
                    ip.Recorder(
                        accelerator.unwrap_model(net),
                        probe=(X, Y),
                        to=tmp_path / "run",
                        layers="all",
                        verbose=False,
                    )
                )
            for step in range(1, 5):
                loss = nn.functional.cross_entropy(net(X), torch.as_tensor(Y))
                accelerator.backward(loss)
                if (
                    step % 2 == 0
                    # gradients are accumulated over two steps; a capture in between leaves them
                    # alone
                ):
                    optimiser.step()
                    optimiser.zero_grad()
                if rec is not None:
                    assert rec.step(step, loss=loss)
        ended.append(accelerator.unwrap_model(net).state_dict())
    assert all(torch.equal(v, ended[1][k]) for k, v in ended[0].items())
    assert ip.open_archive(tmp_path / "run").steps == (0, 1, 2, 3, 4)


def test_fabric_is_recorded_as_the_bare_network_without_its_autocast(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")
    fabric = lightning.Fabric(accelerator="cpu", precision="bf16-mixed")
    net = network()
    wrapped, _ = fabric.setup(net, torch.optim.SGD(net.parameters(), 0.05))
    run = ip.capture(wrapped, (X, Y), tmp_path / "run", layers="all")
    with torch.no_grad():
        values = net[0](X)
    assert values.dtype == torch.float32
    assert np.array_equal(run.z(0, "0"), values.numpy())
