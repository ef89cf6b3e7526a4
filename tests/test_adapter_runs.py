"""Adapters give every training a run of its own."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.errors import UnsupportedModel
from infoplane.hooks.adapter import Attachment, RunFolders

pytestmark = pytest.mark.filterwarnings("ignore")
X, Y = torch.randn(48, 4, generator=torch.Generator().manual_seed(0)), torch.arange(48) % 3


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def assert_holds(run: Path, net: nn.Module, layer: str = "2", step: int | None = None) -> None:
    """The last step of the run is of this network."""
    archive = ip.open_archive(run)
    with torch.no_grad():
        values = net.eval()(X).numpy()
    assert np.allclose(
        archive.z(archive.steps[-1] if step is None else step, layer), values, atol=1e-6
    )


def attachment(to: Path, **options: Any) -> Attachment:
    return Attachment({"probe": (X, Y), "to": to, "verbose": False, **options})


@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
def test_a_second_training_is_recorded_in_a_run_of_its_own(
    options: dict[str, Any], tmp_path: Path
) -> None:
    attached = attachment(tmp_path / "run", **options)
    nets = [network(1), network(2)]
    for net in nets:
        attached.begin(net)
        attached.step(1, {})
        attached.end()
    assert_holds(tmp_path / "run", nets[0])
    assert_holds(tmp_path / "run-2", nets[1])


def test_the_message_names_the_run_of_the_second_training(tmp_path: Path) -> None:
    attached = attachment(tmp_path / "run")
    attached.begin(network())
    attached.end()
    with pytest.warns(UserWarning, match="run-2"):
        attached.begin(network())
    attached.end()


def test_a_training_that_goes_on_stays_in_its_run(tmp_path: Path) -> None:
    attached = attachment(tmp_path / "run")
    net = network()
    for step in (1, 2):
        attached.begin(net, resumed=step > 1)
        attached.step(step, {})
        attached.end()
    assert ip.open_archive(tmp_path / "run").steps == (0, 1, 2)


def test_a_training_that_goes_on_with_a_new_object_is_recorded_of_that(tmp_path: Path) -> None:
    attached = attachment(tmp_path / "run")
    for step, net in ((1, network(1)), (2, network(2))):
        attached.begin(net, resumed=step > 1)
        attached.step(step, {})
        attached.end()
    assert ip.open_archive(tmp_path / "run").steps == (0, 1, 2)
    assert_holds(tmp_path / "run", network(2))


def test_metrics_are_read_only_when_due(tmp_path: Path) -> None:
    attached = attachment(tmp_path / "run", schedule=ip.at(0, 2))
    attached.begin(network())
    read = []
    for step in (1, 2):
        attached.step(step, lambda step=step: read.append(step) or {"loss": 1.0})  # type: ignore[misc]
    attached.end()
    assert read == [2]


def test_copies_of_a_callback_share_the_folders() -> None:
    folders = RunFolders("run")
    assert folders.next() == Path("run")
    assert copy.deepcopy(folders).next() == Path("run-2")


def test_a_network_without_forward_is_refused_with_the_remedy(tmp_path: Path) -> None:
    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

    class LikeLightning(Silent):
        def forward(self, *inputs: Any) -> Any:
            return super().forward(*inputs)

    for kind in (Silent, LikeLightning):
        with pytest.raises(UnsupportedModel, match="forward=lambda"):
            ip.capture(kind(), probe=(X, Y), to=tmp_path / "other")
    with pytest.raises(UnsupportedModel, match="forward=lambda"):
        ip.capture(Silent(), probe=(X, Y), to=tmp_path / "run")
    silent = Silent()
    ip.capture(silent, probe=(X, Y), to=tmp_path / "run", forward=lambda m, x: m.net(x))
    assert_holds(tmp_path / "run", silent.net, "net.2")


def bert() -> Any:  # Any: transformers has no types here
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(
        BertConfig(
            vocab_size=50,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=16,
            num_labels=3,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
def test_a_trainer_that_makes_its_model_anew(options: dict[str, Any], tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from infoplane.hooks.transformers import callback

    ids = torch.randint(3, 50, (30, 7), generator=torch.Generator().manual_seed(0))
    args = transformers.TrainingArguments(
        str(tmp_path / "out"),
        per_device_train_batch_size=10,
        num_train_epochs=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        learning_rate=1e-2,
    )
    recording = callback(
        probe=({"input_ids": ids}, Y[:30]),
        to=tmp_path / "run",
        reduce="token:cls",
        layers=["bert.encoder.layer.0"],
        verbose=False,
        **options,
    )
    rows = [{"input_ids": ids[i], "labels": Y[i]} for i in range(30)]
    trainer = transformers.Trainer(
        model_init=bert, args=args, train_dataset=rows, callbacks=[recording]
    )
    for name in ("run", "run-2"):
        trainer.train()
        archive = ip.open_archive(tmp_path / name)
        with torch.no_grad():
            z = trainer.model.eval().bert(input_ids=ids).last_hidden_state[:, 0].numpy()
        assert archive.steps == (0, 1, 2, 3)
        assert np.allclose(archive.z(3, "bert.encoder.layer.0"), z, atol=1e-5)


def lightning_module(pl: Any) -> Any:  # Any: of the user's framework
    class Module(pl.LightningModule):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    return Module()


def fit(
    pl: Any,
    module: Any,
    recording: Any,
    epochs: int = 1,
    ckpt_path: Path | None = None,
    **more: Any,
) -> Any:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    data = torch.utils.data.TensorDataset(X, Y)
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=[recording],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        **more,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=6), ckpt_path=ckpt_path)
    return trainer


def recording(pl: Any, to: Path, **options: Any) -> Any:
    from infoplane.hooks.lightning import callback

    return callback(
        pl, probe=(X, Y), to=to, verbose=False, forward=lambda m, x: m.net(x), **options
    )


@pytest.mark.slow
def test_lightning_by_optimiser_steps_and_without_forward(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    module = lightning_module(pl)
    fit(pl, module, recording(pl, tmp_path / "run", by="step", schedule=ip.at(0, 1, 5, 8, 16)), 2)
    assert ip.open_archive(tmp_path / "run").steps == (0, 1, 5, 8, 16)
    assert_holds(tmp_path / "run", module.net, "net.2")


@pytest.mark.slow
def test_lightning_batches_that_only_accumulate_are_no_steps(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback = recording(pl, tmp_path / "run", by="step")
        fit(pl, lightning_module(pl), callback, 2, accumulate_grad_batches=2)
    assert ip.open_archive(tmp_path / "run").steps == tuple(range(9))
    assert not [w for w in caught if "captured already" in str(w.message)]


@pytest.mark.slow
def test_lightning_says_when_a_schedule_counts_further_than_the_epochs(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    with pytest.warns(RuntimeWarning, match="by='step' counts optimiser steps"):
        fit(
            pl, lightning_module(pl), recording(pl, tmp_path / "run", schedule=ip.log_spaced(40, 8))
        )


@pytest.mark.slow
def test_two_fits_of_lightning_are_two_runs(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    again = recording(pl, tmp_path / "run")
    for name in ("run", "run-2"):
        module = lightning_module(pl)
        fit(pl, module, again)
        assert_holds(tmp_path / name, module.net, "net.2")


class Classifier(nn.Module):
    """What skorch makes anew for every fold."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(-1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)  # type: ignore[no-any-return]  # a tensor


def net_of_skorch(folder: Path, **options: Any) -> Any:
    """A net of skorch that trains for two epochs and records itself."""
    skorch = pytest.importorskip("skorch")
    from infoplane.hooks.skorch import callback

    recording = callback(probe=(X, Y), to=folder / "run", verbose=False, **options)
    return skorch.NeuralNetClassifier(
        Classifier,
        max_epochs=2,
        verbose=0,
        train_split=None,
        callbacks=[("plane", recording)],
    )


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"overwrite": True}])
def test_cross_validation_of_skorch_is_one_run_per_fold(
    options: dict[str, Any], tmp_path: Path
) -> None:
    from sklearn.model_selection import cross_validate

    net = net_of_skorch(tmp_path, **options)
    done = cross_validate(
        net, X.numpy(), Y.numpy(), cv=3, return_estimator=True, error_score="raise"
    )
    for name, fold in zip(("run", "run-2", "run-3"), done["estimator"], strict=True):
        assert_holds(tmp_path / name, fold.module_, "body.3")


@pytest.mark.slow
def test_a_net_of_skorch_that_was_trained_is_cloned_and_pickled(tmp_path: Path) -> None:
    from sklearn.base import clone

    net = net_of_skorch(tmp_path)
    net.fit(X.numpy(), Y.numpy())
    stored = pickle.loads(pickle.dumps(net))
    stored.partial_fit(X.numpy(), Y.numpy())
    anew = clone(stored).fit(X.numpy(), Y.numpy())
    steps = {p.name: ip.open_archive(p).steps for p in tmp_path.iterdir()}
    assert steps == {"run": (0, 1, 2), "run-2": (3, 4), "run-3": (0, 1, 2)}
    assert_holds(tmp_path / "run-3", anew.module_, "body.3")


@pytest.mark.slow
@pytest.mark.parametrize("by", ["epoch", "step"])
def test_a_training_that_goes_on_from_elsewhere_has_no_untrained_step(
    by: str, tmp_path: Path
) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    trainer = fit(pl, lightning_module(pl), pl.Callback(), 2)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    module = lightning_module(pl)
    fit(pl, module, recording(pl, tmp_path / "run", by=by), 3, ckpt_path=tmp_path / "last.ckpt")
    assert (
        ip.open_archive(tmp_path / "run").steps == {"epoch": (3,), "step": tuple(range(17, 25))}[by]
    )
    assert_holds(tmp_path / "run", module.net, "net.2")


def test_processes_that_train_side_by_side_take_folders_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = RunFolders(tmp_path / "run")
    sent = [pickle.loads(pickle.dumps(folders)) for _ in range(3)]
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.warns(UserWarning, match="in a run of its own"):
        taken = [one.next() for one in sent]
    assert taken == [tmp_path / name for name in ("run", "run-2", "run-3")]
    assert pickle.loads(pickle.dumps(folders)).next(resumed=True) == tmp_path / "run"


@pytest.mark.timeout(20)
def test_a_process_whose_folder_can_never_be_made_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "a disk that is not mounted")
    folders = pickle.loads(pickle.dumps(RunFolders(tmp_path / "runs" / "one")))
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(FileExistsError):
        folders.next()


@pytest.mark.slow
def test_folds_in_processes_of_their_own_overwrite_none_of_the_others(tmp_path: Path) -> None:
    from sklearn.model_selection import cross_validate

    net = net_of_skorch(tmp_path, overwrite=True, layers="all")
    cross_validate(net, X.numpy(), Y.numpy(), cv=3, n_jobs=2, error_score="raise")
    runs = sorted(path.name for path in tmp_path.iterdir())
    assert runs == ["run", "run-2", "run-3"]
    assert [ip.open_archive(tmp_path / name).steps for name in runs] == [(0, 1, 2)] * 3


@pytest.mark.slow
def test_two_runs_of_ignite_are_two_runs(tmp_path: Path) -> None:
    engine = pytest.importorskip("ignite.engine")
    from infoplane.hooks.ignite import attach

    net = network()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)

    def update(_: Any, batch: Any) -> float:
        loss = nn.functional.cross_entropy(net(batch[0]), batch[1])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss)

    trainer = engine.Engine(update)
    attach(trainer, net, probe=(X, Y), to=tmp_path / "run", verbose=False)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=16)
    for name in ("run", "run-2"):
        trainer.run(data, max_epochs=2)
        assert_holds(tmp_path / name, net)
        net.train()


@pytest.mark.slow
def test_a_lightning_callback_is_pickled_for_spawned_processes_with_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from infoplane.hooks.lightning import callback

    sent = pickle.dumps(callback(pl, by="step", probe=(X, Y), to=tmp_path / "run"))
    monkeypatch.setattr(os, "getpid", lambda: 1)
    received = pickle.loads(sent)
    assert isinstance(received, pl.Callback)
    assert torch.equal(received.attachment.options["probe"][0], X)
    assert received.attachment.folders.next() == tmp_path / "run"
    with pytest.warns(UserWarning, match="in a run of its own"):
        assert pickle.loads(sent).attachment.folders.next() == tmp_path / "run-2"


@pytest.mark.slow
def test_ranks_that_lightning_forks_record_in_one_folder(tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    for _ in range(2):
        callback = recording(pl, tmp_path / "run")
        fit(pl, lightning_module(pl), callback, strategy="ddp_fork", devices=2)
    assert [ip.open_archive(tmp_path / name).steps for name in ("run", "run-2")] == [(0, 1)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_lightning_in_another_precision_captures_what_the_network_computes(
    precision: str, tmp_path: Path
) -> None:
    pl = pytest.importorskip("lightning.pytorch")
    from infoplane.hooks.lightning import callback

    module = lightning_module(pl)
    module.forward = module.net.forward
    recorded = callback(pl, probe=(X, Y), to=tmp_path / "run", layers=["net.2"], verbose=False)
    fit(pl, module, recorded, precision=precision)
    with torch.no_grad():
        values = module.net(X.to(next(module.parameters()).dtype))
    stored = ip.open_archive(tmp_path / "run").z(1, "net.2")
    assert np.array_equal(stored, values.double().numpy())
