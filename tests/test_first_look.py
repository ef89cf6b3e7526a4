"""The first look at a network: row axes, batch sizes, state that cannot be restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from infoplane.archive import open_archive
from infoplane.errors import InputError, UnsupportedOutput
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.schedule import at


def _record(net: nn.Module, x: object, to: Path, **options: Any) -> Recorder:  # Any: of Recorder
    options = {"layers": "all", "schedule": at(0), "verbose": False} | options
    with Recorder(net, probe=x, to=to / "run", **options) as rec:
        return rec


class TimeFirst(nn.Module):
    """Units over (time, row): the row axis is the second."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.Linear(3, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.cell(x.transpose(0, 1)))[-1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("steps", [1, 3, 4, 6])
@pytest.mark.parametrize("rows", [1, 2, 4, 6, 9])
def test_the_row_axis_is_the_one_that_follows_the_number_of_rows(
    steps: int, rows: int, tmp_path: Path
) -> None:
    net, x = TimeFirst(), torch.randn(rows, steps, 3)
    _record(net, x, tmp_path, layers=["cell"])
    want = net.cell(x).detach().numpy()
    np.testing.assert_allclose(open_archive(tmp_path / "run").z(0, "cell"), want, atol=1e-6)


@pytest.mark.parametrize(("layers", "both"), [(3, False), (4, False), (2, True), (3, True)])
def test_the_last_states_of_a_stacked_recurrent_network_have_rows_in_their_second_axis(
    layers: int, both: bool, tmp_path: Path
) -> None:
    net = nn.LSTM(3, 5, num_layers=layers, bidirectional=both, batch_first=True)
    x = torch.randn(10, 6, 3)
    _record(net, x, tmp_path, layers=[""], select={"(model)": lambda out: out[1][0]})
    want = net(x)[1][0].detach().transpose(0, 1).numpy()
    stored = open_archive(tmp_path / "run").z(0, "(model)")
    np.testing.assert_allclose(stored, want, atol=1e-6)


def test_an_output_with_several_entries_of_every_row_in_one_axis_is_refused_with_the_way_back(
    tmp_path: Path,
) -> None:
    class Windows(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.reshape(-1, 2)

    with pytest.raises(UnsupportedOutput, match=r"axis 0 holds 3 entries of every row.*unflatten"):
        _record(nn.Sequential(nn.Linear(6, 6), Windows()), torch.randn(9, 6), tmp_path, layers="1")


def test_a_matrix_of_rows_by_rows_has_its_rows_first(tmp_path: Path) -> None:
    class Similarity(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x @ x.T

    x = torch.randn(8, 3)
    with pytest.raises(UnsupportedOutput):  # its width follows the batch: no fixed shape
        _record(Similarity(), x, tmp_path, layers="", batch_size=8)


class FixedBatch(nn.Module):
    """Runs with fifty rows only."""

    def __init__(self, steps: int = 5) -> None:
        super().__init__()
        self.rnn, self.out = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 3)
        self.state = (torch.zeros(1, 50, 6), torch.zeros(1, 50, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x, self.state)[0][:, -1])  # type: ignore[no-any-return]


def test_a_network_of_one_batch_size_is_captured_in_such_batches(tmp_path: Path) -> None:
    net, x = FixedBatch(), torch.randn(200, 5, 4)
    rec = _record(net, x, tmp_path, batch_size=50, reduce={"rnn": "pca:2"})
    want = torch.cat([net(part) for part in x.split(50)]).detach().numpy()
    archive = open_archive(tmp_path / "run")
    np.testing.assert_allclose(archive.z(0, "out"), want, atol=1e-5)
    assert rec.chain is not None and rec.chain.relation("rnn", "out") == "cut"


def test_a_probe_that_is_no_multiple_of_the_only_batch_size_is_refused_with_the_remainder(
    tmp_path: Path,
) -> None:
    with pytest.raises(InputError, match="a last batch of 20: give a probe of 200 rows"):
        _record(FixedBatch(), torch.randn(220, 5, 4), tmp_path, batch_size=50)


def test_a_network_of_one_batch_size_that_nobody_gave_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        _record(FixedBatch(), torch.randn(200, 5, 4), tmp_path)
    assert any("give batch_size=" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("n", [9, 17, 65])
def test_a_last_batch_of_one_row_joins_the_batch_before_it(n: int, tmp_path: Path) -> None:
    class Squeezed(nn.Module):
        """What loses its row axis with one row."""

        def __init__(self) -> None:
            super().__init__()
            self.norm, self.out = nn.BatchNorm1d(3), nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.norm(x).unsqueeze(1).squeeze())  # type: ignore[no-any-return]

    x = torch.randn(n, 3)
    for mode in ("eval", "train"):
        rec = _record(Squeezed(), x, tmp_path / mode, layers=["out"], batch_size=8, mode=mode)
        assert rec.steps == (0,)


def test_the_batch_is_chosen_by_the_widest_output_captured_or_not(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 2**17), nn.Tanh(), nn.Linear(2**17, 3))
    rec = _record(net, torch.randn(256, 2), tmp_path, layers=["2"], chain=False)
    assert rec.plan is not None and rec.plan.batch_size == 64  # 32 MiB of 512 KiB a row


def test_state_kept_outside_the_network_is_warned_of(tmp_path: Path) -> None:
    calls: list[int] = []

    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return self.fc(x) * len(calls)  # type: ignore[no-any-return]

    with pytest.warns(RuntimeWarning, match=r"other values at \['\(model\)'\].*keeps state"):
        _record(Counting(), torch.randn(9, 3), tmp_path, layers=["fc", ""])


def test_state_that_moves_nothing_but_the_output_is_warned_of(tmp_path: Path) -> None:
    class Annealed(nn.Module):
        calls = 0  # of the class, where the recorder does not reach it

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> dict[str, Tensor | None]:
            type(self).calls += 1
            return {"logits": self.fc(x) / type(self).calls, "loss": None}

    with pytest.warns(RuntimeWarning, match=r"other values at \['\(model\) logits'\]"):
        _record(Annealed(), torch.randn(9, 3), tmp_path, layers=["fc"])


def test_state_that_is_put_back_is_named_in_the_notes(tmp_path: Path) -> None:
    class Carry(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.state = nn.Linear(3, 2), torch.zeros(2)

        def forward(self, x: Tensor) -> Tensor:
            z = self.fc(x) + self.state
            self.state = z.mean(0).detach()
            return z  # type: ignore[no-any-return]

    rec = _record(Carry(), torch.randn(9, 3), tmp_path)
    assert "change ['state']: put back after every pass" in rec.describe()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_networks_of_other_dtypes_take_arrays_and_tensors_of_theirs(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(dtype)
    x = np.random.default_rng(0).normal(size=(9, 3))
    _record(net, x.astype(np.float32), tmp_path / "array")
    _record(net, torch.from_numpy(x).to(dtype), tmp_path / "tensor")
    want = net(torch.from_numpy(x.astype(np.float32)).to(dtype)).detach().double().numpy()
    for kind in ("array", "tensor"):
        z = open_archive(tmp_path / kind / "run").z(0, "2")
        np.testing.assert_allclose(z, want, rtol=2e-2, atol=2e-2)


def test_a_probe_tensor_of_another_dtype_is_refused_with_both_named(tmp_path: Path) -> None:
    net = nn.Linear(3, 2).to(torch.bfloat16)
    with pytest.raises(RuntimeError) as caught:
        _record(net, torch.randn(9, 3), tmp_path)
    assert any(
        "its parameters are torch.bfloat16, the probe is torch.float32" in note
        for note in caught.value.__notes__
    )


def test_a_layer_that_computes_in_eight_bits_is_widened(tmp_path: Path) -> None:
    class Eight(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.to(torch.float8_e4m3fn)

    x = torch.randn(9, 3)
    _record(nn.Sequential(nn.Identity(), Eight()), x, tmp_path, layers=["1"])
    archive = open_archive(tmp_path / "run")
    assert archive.infos[0].dtype == "float8_e4m3fn"
    assert np.array_equal(archive.z(0, "1"), x.to(torch.float8_e4m3fn).float().numpy())


def test_a_network_without_values_is_refused(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    with pytest.raises(Exception, match="meta"):
        _record(net, torch.randn(9, 3), tmp_path)
    with pytest.raises(InputError, match="store='weights' needs the weights"):
        _record(net, torch.randn(9, 3), tmp_path, store="weights")


def test_weights_that_accelerate_has_offloaded_are_brought_for_the_probe(tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate")
    net = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    x = torch.randn(20, 8)
    want = net(x).detach().numpy()
    net = accelerate.cpu_offload(net, execution_device=torch.device("cpu"))
    _record(net, x, tmp_path)
    np.testing.assert_allclose(open_archive(tmp_path / "run").z(0, "2"), want, atol=1e-6)
    assert all(p.is_meta for p in net.parameters())


@pytest.mark.slow
def test_a_head_over_a_vocabulary_does_not_decide_the_batch(tmp_path: Path) -> None:
    words = 20_000
    head = nn.Sequential(nn.Embedding(words, 8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, words))
    ids = torch.randint(0, words, (512, 6), generator=torch.Generator().manual_seed(0))
    rec = _record(head, ids, tmp_path, layers="auto", chain=False)
    assert rec.layers == ("0", "2")
    assert rec.plan is not None and rec.plan.batch_size >= 256


def _batch_size(net: nn.Module, x: Tensor, to: Path) -> int:
    return Recorder(net, probe=x, to=to / "run", verbose=False).look().batch_size


def test_scores_of_a_vocabulary_do_not_decide_the_batch(tmp_path: Path) -> None:
    words, length = 50_000, 64
    net = nn.Sequential(nn.Embedding(words, 16), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, words))
    ids = torch.randint(0, words, (500, length))
    assert _batch_size(net, ids, tmp_path) == 64  # 12.2 MiB of scores a row, in 1 GiB


def test_a_wide_network_takes_eight_rows_at_once(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(1, 24, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 254 * 254, 2))
    assert _batch_size(net, torch.randn(20, 1, 256, 256), tmp_path) == 8  # 6 MiB a row


def test_inputs_wider_than_any_layer_make_the_batch_smaller(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(200_000, 3), nn.Tanh(), nn.Linear(3, 2))
    assert _batch_size(net, torch.zeros(100, 200_000), tmp_path) == 64  # 0.8 MB a row, in 64 MiB


def test_the_table_stands_before_reductions_are_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Counting(nn.Linear):
        rows = 0

        def forward(self, x: Tensor) -> Tensor:
            Counting.rows += len(x)
            return super().forward(x)

    net = nn.Sequential(Counting(4, 8), nn.Tanh(), nn.Linear(8, 2))
    recorder = Recorder(
        net, probe=torch.randn(300, 4), to=tmp_path / "run", reduce={"1": "pca:2"}, verbose=True
    )
    recorder.look()
    assert "pca:2" in capsys.readouterr().out
    assert Counting.rows < 60  # a few rows, some times; the fit needs all 300


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)
    )


def test_one_reduction_for_all_leaves_logits_as_they_are(tmp_path: Path) -> None:
    rec = _record(
        convolutional(), torch.randn(6, 1, 5, 5), tmp_path, layers=["1", "4"], reduce="gap"
    )
    infos = map(open_archive(tmp_path / "run").layer_info, ("1", "4"))
    assert [(info.shape, info.reduction) for info in infos] == [((3,), "gap"), ((2,), "none")]
    assert "reduce='gap' leaves layer 4 as recorded: each row is one vector" in rec.describe()


def test_a_reduction_that_is_named_for_a_layer_must_fit_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="layer '4': reduction 'gap' needs rows of at least 2"):
        _record(convolutional(), torch.randn(6, 1, 5, 5), tmp_path, reduce={"4": "gap"})
