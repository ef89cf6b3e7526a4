"""Networks trained together equal networks trained alone; each has its own archive."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

import infoplane as ip
from infoplane.data import szt
from infoplane.data.ensemble import classify_together
from infoplane.data.training import classify
from infoplane.errors import InputError

SEEDS = (3, 4, 9)
X, Y = map(torch.as_tensor, szt.load())
MASKS = [torch.as_tensor(szt.train_mask(s)) for s in SEEDS]


@pytest.mark.parametrize(("optimiser", "lr", "batch"), [("adam", 4e-4, 512), ("sgd", 0.05, 0)])
def test_each_member_ends_where_it_would_end_alone(optimiser: str, lr: float, batch: int) -> None:
    together = [szt.network("tanh", seed=s) for s in SEEDS]
    seen: list[list[float]] = [[] for _ in SEEDS]
    ends = classify_together(
        together,
        X,
        Y,
        MASKS,
        epochs=4,
        seeds=SEEDS,
        lr=lr,
        batch=batch,
        optimiser=optimiser,
        on_epoch=[lambda epoch, m, mine=mine: mine.append(m["loss"]) for mine in seen],
    )
    for seed, mask, model, end, losses in zip(SEEDS, MASKS, together, ends, seen, strict=True):
        alone, lonely = szt.network("tanh", seed=seed), []
        expected = classify(
            alone,
            X,
            Y,
            mask,
            epochs=4,
            seed=seed,
            lr=lr,
            batch=batch,
            optimiser=optimiser,
            on_epoch=lambda e, m, to=lonely: to.append(m["loss"]),
        )
        for (name, p), q in zip(model.named_parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6, msg=name)
        assert losses == pytest.approx(lonely, abs=1e-5) and end.train_accuracy == pytest.approx(
            expected.train_accuracy, abs=1e-3
        )
    assert not torch.equal(together[0][0].weight, together[1][0].weight)


def test_each_member_is_captured_into_an_archive_of_its_own(tmp_path: Path) -> None:
    models = [szt.network("tanh", seed=s) for s in SEEDS]
    with ExitStack() as stack:
        recorders = [
            stack.enter_context(
                ip.Recorder(
                    m,
                    probe=szt.load(),
                    to=tmp_path / f"seed{s}",
                    verbose=False,
                    durable=False,
                    chain=False,
                )
            )
            for s, m in zip(SEEDS, models, strict=True)
        ]
        classify_together(
            models,
            X,
            Y,
            MASKS,
            epochs=2,
            seeds=SEEDS,
            lr=4e-4,
            batch=0,
            on_epoch=[lambda e, m, r=r: r.step(e, **m) for r in recorders],
        )
    for s, model in zip(SEEDS, models, strict=True):
        archive = ip.open_archive(tmp_path / f"seed{s}")
        assert archive.steps == (0, 1, 2)
        with torch.no_grad():
            torch.testing.assert_close(
                torch.as_tensor(archive.z(2, "fc6")), model(X), rtol=1e-5, atol=1e-6
            )
        assert not (archive.z(0, "fc6") == archive.z(2, "fc6")).all()


def test_what_cannot_be_trained_as_one_is_refused() -> None:
    a, b = szt.network("tanh", seed=0), szt.network("tanh", seed=1)
    options = {"epochs": 1, "lr": 0.1, "batch": 0}
    with pytest.raises(
        InputError, match="one mask, seed and callback per model, got 2 models, 3 masks"
    ):
        classify_together([a, b], X, Y, MASKS, seeds=[0, 1], **options)
    with pytest.raises(InputError, match="the same architecture"):
        classify_together([a, torch.nn.Linear(12, 2)], X, Y, MASKS[:2], seeds=[0, 1], **options)
    with pytest.raises(InputError, match="members with buffers"):
        classify_together([torch.nn.BatchNorm1d(12)] * 2, X, Y, MASKS[:2], seeds=[0, 1], **options)
    with pytest.raises(InputError, match=r"equally many training rows, got \[3277, 2048\]"):
        classify_together(
            [a, b],
            X,
            Y,
            [MASKS[0], torch.as_tensor(szt.train_mask(0, 0.5))],
            seeds=[0, 1],
            **options,
        )
