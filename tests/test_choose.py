"""The estimators chosen for a run can answer for its layers."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import run_of
from torch import nn

import infoplane as ip
from infoplane.analysis.measuring.choose import choose_estimators
from infoplane.errors import InputError


def _run(network: nn.Module, x: torch.Tensor, to: Path) -> Path:
    labels = torch.arange(len(x)) % 3
    with ip.Recorder(network, probe=(x, labels), to=to, verbose=False, chain=False) as recorder:
        recorder.step(1)
    return to


def _mlp(activation: type[nn.Module], *widths: int) -> nn.Module:
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        parts += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*parts[:-1])


def _rows(n: int, *shape: int) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def test_bounded_narrow_layers_get_the_bins_of_the_papers(tmp_path: Path) -> None:
    chosen = choose_estimators(_run(_mlp(nn.Tanh, 6, 2, 2, 3), _rows(3000, 6), tmp_path / "run"))
    assert chosen.specs[0] == "bin:szt" and "[-1, 1]" in chosen.reason


def test_scores_of_classes_beyond_the_bins_are_named(tmp_path: Path) -> None:
    network = _mlp(nn.Tanh, 6, 2, 2, 3)
    with torch.no_grad():
        network[-1].weight *= 20
    chosen = choose_estimators(_run(network, _rows(3000, 6), tmp_path / "run"))
    assert chosen.specs[0] == "bin:szt" and "activations but those of layer 4 lie" in chosen.reason


def test_predictions_of_a_continuous_target_lie_within_the_bins(tmp_path: Path) -> None:
    network, x = _mlp(nn.Tanh, 6, 2, 2, 1), _rows(3000, 6)
    with torch.no_grad():
        network[-1].bias += 5
    probe = (x, x.sum(1) + 5)
    with ip.Recorder(
        network, probe=probe, to=tmp_path / "run", y_kind="continuous", verbose=False, chain=False
    ) as recorder:
        recorder.step(1)
    assert "bin:szt" not in choose_estimators(tmp_path / "run").specs


def test_unbounded_layers_never_get_bins_on_the_unit_range(tmp_path: Path) -> None:
    chosen = choose_estimators(_run(_mlp(nn.ReLU, 6, 2, 2, 3), _rows(3000, 6), tmp_path / "run"))
    assert "bin:szt" not in chosen.specs and chosen.specs[0].startswith("bin:range")


def test_wide_layers_get_a_kernel_that_is_below_its_ceiling(tmp_path: Path) -> None:
    run = _run(_mlp(nn.ReLU, 30, 256, 256, 10), _rows(500, 30), tmp_path / "run")
    chosen = choose_estimators(run)
    points = ip.measure(run, chosen.specs[0], layers=["1", "3"]).select(quantity="i_xz")
    assert chosen.specs[0].startswith("kde:") and not any(p.estimate.saturated for p in points)
    assert "add usable information: vinfo:family=linear" in chosen.reason


def test_what_is_lost_is_always_measured_too(tmp_path: Path) -> None:
    chosen = choose_estimators(_run(_mlp(nn.ReLU, 6, 5, 3), _rows(200, 6), tmp_path / "run"))
    assert chosen.specs[-1] == "exact"


def test_a_constant_layer_has_no_say(tmp_path: Path) -> None:
    network = _mlp(nn.Tanh, 6, 4, 3, 3)
    network[0].weight.data.zero_()
    chosen = choose_estimators(_run(network, _rows(100, 6), tmp_path / "run"))
    assert chosen.specs[-1] == "exact"


def test_a_run_without_checkpoints_has_nothing_to_choose_from(tmp_path: Path) -> None:
    recorder = ip.Recorder(
        _mlp(nn.Tanh, 6, 4, 3),
        probe=_rows(20, 6),
        to=tmp_path / "run",
        schedule=ip.at(5),
        verbose=False,
    )
    recorder.open().close()
    with pytest.raises(InputError, match="no captured steps yet"):
        choose_estimators(tmp_path / "run")


def test_a_convention_counts_only_where_it_answers_at_every_checkpoint(tmp_path: Path) -> None:
    """Bins over the final range hold the untrained layer in one cell."""
    network = _mlp(nn.ReLU, 20, 64, 64, 2)
    probe = (_rows(400, 20), torch.arange(400) % 2)
    with ip.Recorder(network, probe=probe, to=tmp_path / "run", verbose=False) as recorder:
        network[0].weight.data.mul_(50)
        recorder.step(1)
    assert choose_estimators(tmp_path / "run").specs[0].startswith("kde:")


def test_measure_without_estimators_takes_the_chosen_ones_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _run(_mlp(nn.ReLU, 30, 64, 64, 10), _rows(300, 30), tmp_path / "run")
    choice = choose_estimators(run)
    assert set(ip.measure(run).estimators) == set(choice.specs)
    assert capsys.readouterr().err == f"estimators: {choice}\n"


def test_a_wide_regression_network_has_a_plane_to_draw(tmp_path: Path) -> None:
    network, x = _mlp(nn.ReLU, 8, 64, 32, 1), _rows(300, 8)
    with ip.Recorder(
        network, probe=(x, x.sum(1)), to=tmp_path / "run", y_kind="continuous", verbose=False
    ) as recorder:
        recorder.step(1)
    plane = ip.measure(tmp_path / "run")
    drawn = plane.select(estimator=plane.estimators[0])
    assert {p.quantity for p in drawn} == {"i_xz", "i_zy"}


def test_a_growing_run_gets_no_bins_whose_edges_need_its_end(tmp_path: Path) -> None:
    run = _run(_mlp(nn.ReLU, 6, 2, 2, 3), _rows(3000, 6), tmp_path / "run")
    assert choose_estimators(run, growing=True).specs[0].startswith("kde:")


def test_bins_that_hold_the_untrained_layer_in_one_cell_are_not_drawn(tmp_path: Path) -> None:
    network, probe = _mlp(nn.ReLU, 6, 2, 2, 2), (_rows(3000, 6), torch.arange(3000) % 2)
    with ip.Recorder(network, probe=probe, to=tmp_path / "run", verbose=False) as recorder:
        network[0].weight.data.mul_(1000)
        recorder.step(1)
    assert choose_estimators(tmp_path / "run").specs[0].startswith("kde:")


def test_values_far_smaller_than_the_cells_are_not_put_into_one_cell(tmp_path: Path) -> None:
    network = _mlp(nn.Tanh, 6, 2, 2, 3)
    for layer in (network[0], network[2]):
        layer.weight.data *= 1e-3
        layer.bias.data.zero_()
    chosen = choose_estimators(_run(network, _rows(600, 6), tmp_path / "run"))
    assert "bin:szt" not in chosen.specs


def test_no_cells_are_chosen_under_which_a_layer_shows_nothing_at_all(tmp_path: Path) -> None:
    """One far row stretches the range of the output: four cells hold all others in one."""
    rng = np.random.default_rng(0)
    steps = []
    for _ in range(2):
        values = {name: rng.uniform(0.0, 2.0, (120, 3)) for name in ("a", "b", "c")}
        out = rng.uniform(-0.6, 0.6, (120, 1))
        out[0] = 6.0
        steps.append(values | {"out": out})
    run = run_of(tmp_path / "run", steps, x=np.arange(120.0)[:, None], y=np.arange(120) % 3)
    cells = ip.measure(run, "bin:range,n=4,scope=layer").select(layer="out", quantity="i_xz")
    assert all(p.bits < 0.1 for p in cells)
    chosen = choose_estimators(run)
    assert not chosen.saturated and chosen.specs[0].startswith("kde")
    shown = ip.measure(run, chosen.specs[0]).select(layer="out", quantity="i_xz")
    assert all(p.bits > 0.5 for p in shown)


def test_layers_of_symbols_are_counted_exactly(tmp_path: Path) -> None:
    tokens = np.arange(256)[:, None] % 64
    run = ip.from_arrays({"ids": tokens // 8}, x=tokens, to=tmp_path / "run")
    chosen = choose_estimators(run)
    assert chosen.specs == ("exact",) and chosen.reason == "every layer holds symbols"
