"""Adapters pass the options of token rows on to the recorder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
IDS = torch.randint(1, 9, (24, 6), generator=torch.Generator().manual_seed(0))
ROWS: dict[str, Any] = {
    "rows": "token",
    "y": {"next": "next-token", "place": "position"},
    "x": "prefix",
    "skip_first": 1,
    "verbose": False,
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(9, 6), nn.Linear(6, 9))


def assert_tokens(run: Path) -> None:
    """Rows are the tokens behind the first that have a next one."""
    archive = ip.open_archive(run)
    assert len(archive.steps) > 1 and archive.labels == ("next", "place")
    assert archive.row_info.kind == "token" and archive.row_info.x == "prefix"
    assert archive.n_rows == 24 * 4
    assert np.array_equal(archive.y, IDS[:, 2:].reshape(-1).numpy())


def test_ignite_records_tokens(tmp_path: Path) -> None:
    engine = pytest.importorskip("ignite.engine")
    from infoplane.hooks.ignite import attach

    trainer = engine.Engine(lambda engine, batch: 0.0)
    attach(trainer, network(), probe=IDS, to=tmp_path / "run", **ROWS)
    trainer.run([IDS], max_epochs=2)
    assert_tokens(tmp_path / "run")


def test_skorch_records_tokens(tmp_path: Path) -> None:
    skorch = pytest.importorskip("skorch")
    from infoplane.hooks.skorch import callback

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.net(ids).transpose(1, 2)  # type: ignore[no-any-return]  # a tensor

    recorder = callback(probe=IDS, to=tmp_path / "run", **ROWS)
    net = skorch.NeuralNet(
        Last,
        criterion=nn.CrossEntropyLoss,
        max_epochs=2,
        train_split=None,
        verbose=0,
        callbacks=[recorder],
    )
    net.fit(IDS.numpy(), IDS.numpy())
    assert_tokens(tmp_path / "run")


def test_lightning_records_tokens(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from infoplane.hooks.lightning import callback

    class Module(pl.LightningModule):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            return self.net(ids)  # type: ignore[no-any-return]  # a tensor

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self(batch).flatten(0, 1), batch.flatten())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 0.1)

    trainer = pl.Trainer(
        max_epochs=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        callbacks=[callback(by="step", probe=IDS, to=tmp_path / "run", **ROWS)],
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(IDS, batch_size=12))
    assert_tokens(tmp_path / "run")


def test_the_trainer_records_tokens(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from infoplane.hooks.transformers import callback

    config = transformers.GPT2Config(
        vocab_size=9, n_embd=8, n_layer=1, n_head=2, n_positions=8, bos_token_id=1, eos_token_id=1
    )
    recorder = callback(probe={"input_ids": IDS}, to=tmp_path / "run", **ROWS)
    args = transformers.TrainingArguments(
        str(tmp_path / "out"), max_steps=3, report_to=[], disable_tqdm=True, use_cpu=True
    )
    transformers.Trainer(
        transformers.GPT2LMHeadModel(config),
        args,
        callbacks=[recorder],
        train_dataset=[{"input_ids": row, "labels": row} for row in IDS],
    ).train()
    assert_tokens(tmp_path / "run")


def test_keras_records_tokens(tmp_path: Path) -> None:
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    if keras.backend.backend() != "torch":
        pytest.skip("keras was imported on another backend")
    from infoplane.hooks.keras import callback

    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((6,), dtype="int32"), layers.Embedding(9, 6), layers.Dense(9)]
    )
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    recorder = callback(probe=IDS, to=tmp_path / "run", **ROWS)
    model.fit(IDS.numpy(), IDS.numpy(), epochs=2, verbose=0, callbacks=[recorder])
    assert_tokens(tmp_path / "run")
