"""What trackers receive, read back from their own files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from infoplane.analysis.report.trackers import (
    log_mlflow,
    log_tensorboard,
    log_wandb,
    mlflow_names,
    scalars,
)
from infoplane.errors import InputError
from infoplane.plane import Plane, Point
from infoplane.types import Estimate


def make_plane() -> Plane:
    points = [
        Point(s, "fc1", q, Estimate(1.0 + s, 8, "kde:variance=0.1", sense))
        for s in (0, 5)
        for q in ("i_xz", "i_zy")
        for sense in ("lower", "upper")
    ]  # type: ignore[arg-type]
    return Plane(tuple(points), ("fc1",), 8)


def test_names_state_layer_quantity_estimator_and_bound() -> None:
    assert set(scalars(make_plane(), 5)) == {
        f"infoplane/fc1/{q} kde:variance=0.1 {s}"
        for q in ("I(X;Z)", "I(Z;Y)")
        for s in ("lower", "upper")
    }


def test_wandb_receives_each_checkpoint_with_its_own_step() -> None:
    class Run:
        def __init__(self) -> None:
            self.rows: list[dict[str, float]] = []

        def define_metric(self, name: str, **kwargs: Any) -> None:
            self.metric = (name, kwargs)

        def log(self, row: dict[str, float]) -> None:
            self.rows.append(row)

    run = Run()
    assert log_wandb(run, make_plane()) == 8
    assert run.metric == ("infoplane/*", {"step_metric": "infoplane/step"}) and [
        r["infoplane/step"] for r in run.rows
    ] == [0, 5]


def test_a_wrong_wish_for_figures_is_refused_before_anything_is_logged() -> None:
    class Writer:
        def add_scalar(self, *row: object) -> None:
            raise AssertionError(row)

    with pytest.raises(InputError, match="last, every or none"):
        log_tensorboard(Writer(), make_plane(), figures="sometimes")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_files_hold_the_scalars_and_the_figure(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the tensorboard extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        assert log_tensorboard(writer, make_plane()) == 8
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [
        (e.step, e.value) for e in events.Scalars("infoplane/fc1/I(Z;Y) kde:variance=0.1 upper")
    ] == [(0, 1.0), (5, 6.0)]
    assert events.Tags()["images"] == ["infoplane/plane"]


def test_figures_are_drawn_last_at_every_checkpoint_or_never() -> None:
    class Writer:
        def __init__(self) -> None:
            self.figures: list[tuple[int, int]] = []

        def add_scalar(self, name: str, bits: float, step: int) -> None: ...

        def add_figure(self, tag: str, figure: Any, step: int, close: bool) -> None:
            (points,) = [a for a in figure.axes[0].get_children() if a.get_gid() == "points-0"]
            self.figures.append((step, len(points.get_offsets())))

    for figures, expected in (("last", [(5, 2)]), ("every", [(0, 1), (5, 2)]), ("none", [])):
        writer = Writer()
        log_tensorboard(writer, make_plane(), figures=figures)  # type: ignore[arg-type]  # the three words
        assert writer.figures == expected
    with pytest.raises(InputError, match="figures is last, every or none, got 'all'"):
        log_tensorboard(Writer(), make_plane(), figures="all")  # type: ignore[arg-type]  # wrong on purpose


HOSTILE = ["<script>", "x" * 10_000, "😀 名前", "שלום", "../../etc", "a\x1b[31m", "a?b", "a*b"]


def test_mlflow_gets_names_that_it_allows_and_that_differ() -> None:
    names = mlflow_names([f"infoplane/{layer}/I(Z;Y) bin:szt" for layer in HOSTILE])
    assert len(set(names.values())) == len(HOSTILE)
    assert all(
        re.fullmatch(r"[\w\-./: ]+", n, re.ASCII) and len(n) <= 250 and ".." not in n
        for n in names.values()
    )


def test_mlflow_receives_scalars_and_the_figure() -> None:
    class MLflow:
        def __init__(self) -> None:
            self.metrics: list[tuple[int, dict[str, float]]] = []
            self.files: list[str] = []

        def log_metrics(self, values: dict[str, float], step: int) -> None:
            self.metrics.append((step, values))

        def log_figure(self, figure: Any, path: str) -> None:
            self.files.append(path)

    client = MLflow()
    assert log_mlflow(client, make_plane()) == 8 and client.files == ["infoplane/plane.png"]
    assert client.metrics[1][1]["infoplane/fc1/I_ZY kde:variance_0.1 upper"] == 6.0 and [
        s for s, _ in client.metrics
    ] == [0, 5]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Lightning warns about workers, loggers and devices
def test_log_dict_inside_lightning_reaches_its_logger(tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning.pytorch")
    import torch

    import infoplane as ip
    from infoplane.hooks.lightning import callback

    x, y = torch.randn(32, 3), torch.arange(32) % 2

    class Net(lightning.LightningModule):  # type: ignore[misc, name-defined]  # imported just now
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(3, 2)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.fc(inputs)

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

        def on_train_epoch_end(self) -> None:
            plane = ip.measure(
                tmp_path / "run", ["exact"]
            )  # what was measured before is only read again
            self.log_dict(scalars(plane, plane.steps[-1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    logger = lightning.loggers.CSVLogger(tmp_path, name="log", version=0)
    trainer = lightning.Trainer(
        max_epochs=2,
        logger=logger,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        callbacks=[
            callback(lightning, probe=(x, y), to=tmp_path / "run", layers="all", verbose=False)
        ],
    )
    trainer.fit(
        Net(), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
    )
    text = (tmp_path / "log" / "version_0" / "metrics.csv").read_text()
    assert "infoplane/fc/I(X;Z) exact" in text.splitlines()[0] and "5.0" in text


def test_wandb_receives_the_plane_as_pixels_where_an_image_class_is_given() -> None:
    rows: list[dict[str, Any]] = []

    class Run:
        def define_metric(self, name: str, **kwargs: Any) -> None: ...

        def log(self, row: dict[str, Any]) -> None:
            rows.append(row)

    log_wandb(Run(), make_plane(), image=lambda array: array.shape)
    assert (
        "infoplane/plane" not in rows[0]
        and rows[1]["infoplane/plane"][2] == 4
        and rows[1]["infoplane/plane"][0] > 300
    )
