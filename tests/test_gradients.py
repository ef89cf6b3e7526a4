"""Gradient statistics at a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import infoplane as ip
from infoplane.analysis.plot import draw_gradients
from infoplane.errors import InputError


def test_gradient_statistics_by_hand_and_without_touching_the_model(szt_run: Path) -> None:
    from infoplane.hooks.gradients import gradient_statistics
    from infoplane.hooks.probing.probe import make_probe

    torch.manual_seed(0)
    net = nn.Linear(3, 1, bias=False)
    x, y = torch.randn(8, 3), torch.randn(8)
    found = gradient_statistics(
        net,
        lambda out, t: ((out[:, 0] - t) ** 2).mean(),
        make_probe((x, y.numpy())),
        device=torch.device("cpu"),
        batches=2,
    )["weight"]
    assert net.weight.grad is None
    g = []
    for rows in (slice(0, 8, 2), slice(1, 8, 2)):
        residual = (x[rows] @ net.weight[0] - y[rows]).detach()
        g.append((2 * residual[:, None] * x[rows]).mean(0).double())
    mean, trace = (g[0] + g[1]) / 2, float(((g[0] - g[1]) ** 2).sum() / 2)
    assert found["snr"] == pytest.approx(float(mean.norm()) / trace**0.5, rel=1e-5)
    assert found["noise_scale"] == pytest.approx(4 * trace / float(mean.norm()) ** 2, rel=1e-5)
    archive = ip.open_archive(szt_run)
    stored = {s: archive.extra(s, "gradients") for s in archive.steps}
    assert all(v is not None and "fc1.weight" in v for v in stored.values())
    assert len(draw_gradients(stored).axes) == 4  # type: ignore[arg-type]  # none is None


def test_training_with_gradient_statistics_is_bit_identical(tmp_path: Path) -> None:
    x, y = ip.data.digits.load()
    ends = []
    for gradients in (None, nn.functional.cross_entropy):
        net = ip.data.digits.network("relu", seed=0)
        with ip.Recorder(
            net,
            probe=(x[:64], y[:64]),
            to=tmp_path / str(gradients is None),
            verbose=False,
            gradients=gradients,
        ) as rec:
            ip.data.digits.train(net, epochs=2, seed=0, on_epoch=lambda e, m, rec=rec: rec.step(e))
        ends.append(net.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ends[0].values(), ends[1].values(), strict=True))


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda out, y: nn.functional.cross_entropy(out, y, reduction="none"), r"got shape \(2,\)"),
        (lambda out, y: 3.0, "got 3.0"),
    ],
)
def test_a_loss_that_is_not_one_number_is_refused_on_entry(
    loss: object, said: str, tmp_path: Path
) -> None:
    net, probe = nn.Linear(3, 2), (torch.randn(12, 3), torch.arange(12) % 2)
    with pytest.raises(InputError, match=said):
        ip.Recorder(net, probe=probe, to=tmp_path / "run", gradients=loss, verbose=False).open()  # type: ignore[arg-type]
