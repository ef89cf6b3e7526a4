"""What trackers receive is read back from their own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infoplane.analysis.report.trackers import log_tensorboard, log_wandb, scalars
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
        f"infoplane/fc1/{q} kde:variance=0.1 {s}" for q in ("I(X;Z)", "I(Z;Y)") for s in ("lower", "upper")
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
    assert run.metric == ("infoplane/*", {"step_metric": "infoplane/step"}) and [r["infoplane/step"] for r in run.rows] == [0, 5]


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
    assert [(e.step, e.value) for e in events.Scalars("infoplane/fc1/I(Z;Y) kde:variance=0.1 upper")] == [(0, 1.0), (5, 6.0)]
    assert events.Tags()["images"] == ["infoplane/plane"]
