"""Imported token, pixel and node rows equal the runs of a recorder bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

import infoplane as ip
from infoplane.cli import app
from infoplane.errors import InputError

VOCABULARY, LONGEST = 17, 9


class Reader(nn.Module):
    """A recurrent reader: what stands at a position sees only what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, 6)
        self.memory = nn.GRU(6, 8, batch_first=True)
        self.head = nn.Linear(8, VOCABULARY)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return self.head(self.memory(self.tokens(input_ids))[0])  # type: ignore[no-any-return]  # a tensor


def sentences(side: str) -> dict[str, Tensor]:
    """Sixty sentences of unequal length, padded on one side."""
    torch.manual_seed(5)
    lengths = torch.randint(3, LONGEST + 1, (60,))
    places = torch.arange(LONGEST)
    real = places < lengths[:, None] if side == "right" else places >= LONGEST - lengths[:, None]
    ids = torch.randint(1, VOCABULARY, real.shape) * real
    return {"input_ids": ids, "attention_mask": real.long()}


def states(net: Reader, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """What another tool would have captured, one batch."""
    with torch.no_grad():
        tokens = net.tokens(batch["input_ids"])
        memory = net.memory(tokens)[0]
        return {"tokens": tokens, "memory": memory, "head": net.head(memory)}


@pytest.fixture
def net() -> Reader:
    torch.manual_seed(1)
    return Reader().eval()


def assert_same(found: ip.Archive, truth: ip.Archive) -> None:
    """Rows, X, labels, digests and numbers bit for bit."""
    assert found.n_rows == truth.n_rows and found.steps == truth.steps
    assert np.array_equal(found.row_ids, truth.row_ids)
    assert np.array_equal(found.positions, truth.positions)
    assert found.labels == truth.labels
    assert (found.x is None) == (truth.x is None)
    assert found.x is None or np.array_equal(found.x, truth.x)
    for name in truth.labels:
        assert np.array_equal(found.with_label(name).y, truth.with_label(name).y)
    mine, theirs = found.row_info.to_dict(), truth.row_info.to_dict()
    assert {k: v for k, v in mine.items() if k != "settings"} == {
        k: v for k, v in theirs.items() if k != "settings"
    }
    for step, layer in truth:
        assert np.array_equal(found.row_digests(step, layer), truth.row_digests(step, layer))
    for name in truth.labels or (None,):
        values = []
        for archive in (found, truth):
            plane = ip.measure(archive, ["exact", "bin:szt"], label=name, resume=False)
            values.append([(p.layer, p.quantity, p.bits) for p in plane.points])
        assert values[0] == values[1]


LABELS: dict[str, Any] = {"next": "next-token", "place": "position", "pair": "ngram:2"}


@pytest.mark.parametrize("x", ["prefix", "sequence", "token"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_token_rows_of_arrays_are_those_of_the_recorder(
    x: str, side: str, net: Reader, tmp_path: Path
) -> None:
    batch = sentences(side)
    options: dict[str, Any] = {"rows": "token", "x": x, "y": LABELS, "skip_first": 1}
    truth = ip.capture(
        net,
        batch,
        tmp_path / "truth",
        layers=["tokens", "memory", "head"],
        batch_size=64,
        chain=False,
        **options,
    )
    found = ip.from_arrays(states(net, batch), inputs=batch, to=tmp_path / "run", **options)
    assert_same(found, truth)


def test_a_subset_and_labels_of_minus_100_are_those_of_the_recorder(
    net: Reader, tmp_path: Path
) -> None:
    batch = sentences("right")
    tags = np.random.default_rng(0).integers(0, 4, (60, LONGEST))
    tags[::3, 2] = -100
    options: dict[str, Any] = {"rows": "token", "y": tags, "max_rows": 100, "seed": 3}
    truth = ip.capture(
        net,
        batch,
        tmp_path / "truth",
        layers=["memory"],
        batch_size=64,
        chain=False,
        x="sequence",
        **options,
    )
    memory = {"memory": states(net, batch)["memory"]}
    found = ip.from_arrays(memory, x=batch, to=tmp_path / "run", **options)
    assert found.n_rows == 100
    assert_same(found, truth)


def test_blocks_of_a_layer_give_the_rows_of_the_whole(
    net: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infoplane.sources import rows

    batch = sentences("right")
    whole = ip.from_arrays(states(net, batch), x=batch, rows="token", to=tmp_path / "whole")
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(rows, "ALIGNED_ROWS", 7)
    pieces = ip.from_arrays(states(net, batch), x=batch, rows="token", to=tmp_path / "pieces")
    for layer in whole.layers:
        assert np.array_equal(whole.z(0, layer), pieces.z(0, layer))


def test_arrays_without_inputs_have_sequences_of_their_own(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(5, 4, 3))
    mask = np.arange(4) < np.array([4, 2, 3, 1, 4])[:, None]
    run = ip.from_arrays({"a": z}, rows="token", mask=mask, y=np.arange(5) % 2, to=tmp_path / "run")
    assert run.n_rows == mask.sum() == len(np.unique(run.row_ids))
    assert np.array_equal(run.z(0, "a"), z[mask])
    assert np.array_equal(run.y, np.repeat(np.arange(5) % 2, mask.sum(axis=1)))
    assert run.row_info.x == "sequence"


def test_pixel_rows_of_arrays_are_those_of_the_recorder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 1))
    images = torch.randint(0, 3, (12, 2, 5, 4)).float()
    labels = np.arange(12) % 3
    truth = ip.capture(
        net,
        (images, labels),
        tmp_path / "truth",
        rows="pixel",
        layers=["0", "2"],
        chain=False,
        x="pixel",
        batch_size=12,
    )
    with torch.no_grad():
        first = net[0](images)
        arrays = {"0": first, "2": net[2](net[1](first))}
    found = ip.from_arrays(
        arrays, inputs=images, x="pixel", rows="pixel", y=labels, to=tmp_path / "run"
    )
    assert_same(found, truth)


def test_node_rows_say_what_they_are(tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(30, 3))
    run = ip.from_arrays({"a": z}, rows="node", y=np.arange(30) % 3, max_rows=20, to=tmp_path / "r")
    assert run.row_info.kind == "node" and run.n_rows == 20
    assert np.array_equal(run.z(0, "a"), z[run.positions[:, 0]])


def test_hidden_states_of_a_language_model_are_token_rows(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=8,
        n_layer=2,
        n_head=2,
        n_positions=LONGEST,
        bos_token_id=1,
        eos_token_id=1,
    )
    torch.manual_seed(0)
    model, batch = transformers.GPT2LMHeadModel(config).eval(), sentences("right")
    with torch.no_grad():
        output = model(**batch, output_hidden_states=True)
    run = ip.from_arrays(
        output, rows="token", inputs=batch, x="prefix", y="next-token", to=tmp_path / "run"
    )
    assert run.layers == ("embeddings", "block 1", "final (normed)")
    real = batch["attention_mask"].numpy().astype(bool)
    assert run.n_rows == (real.sum(axis=1) - 1).sum()


def test_labels_of_several_names_and_of_minus_100_are_kept_apart(tmp_path: Path) -> None:
    z, first = np.random.default_rng(0).normal(size=(8, 2)), np.arange(8) % 2
    second = np.array([0, 1, 2, -100, 0, 1, 2, -100])
    with pytest.warns(UserWarning, match="2 of 8 rows have the label -100"):
        run = ip.from_arrays({"a": z}, y={"one": first, "two": second}, to=tmp_path / "run")
    assert run.labels == ("one", "two") and run.n_rows == 6
    assert np.array_equal(run.z(0, "a"), z[second >= 0])
    assert np.array_equal(run.with_label("two").y, second[second >= 0])


def _z(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).normal(size=shape)


IDS = np.random.default_rng(1).integers(1, 9, (6, 5))
BAD: dict[str, tuple[Any, dict[str, Any], str]] = {
    "pooled": ({"a": _z(6, 5, 3), "pooled": _z(6, 3)}, {"x": IDS}, r"'pooled' \(6, 3\)"),
    "length": ({"a": _z(6, 4, 3)}, {"x": IDS}, "with 5 positions"),
    "samples": ({"a": _z(4, 5, 3)}, {"x": IDS}, "x has 6 rows"),
    "flat": ({"a": _z(6, 5)}, {}, r"\(samples, positions, units\)"),
    "no tokens": ({"a": _z(6, 5, 3)}, {"y": "next-token"}, "made from the tokens"),
    "word": ({"a": _z(6, 5, 3)}, {"x": "prefixes"}, "prefix"),
    "no prefix": ({"a": _z(6, 5, 3)}, {"x": "prefix"}, "needs an input with positions"),
    "labels": ({"a": _z(6, 5, 3)}, {"x": IDS, "y": np.zeros((6, 4), int)}, "pair with neither"),
    "mask": ({"a": _z(6, 5, 3)}, {"mask": np.ones((6, 4), int), "x": IDS}, "zeros and ones"),
    "named mask": ({"a": _z(6, 5, 3)}, {"mask": "attention_mask"}, "names an input"),
    "twice": ({"a": _z(6, 5, 3)}, {"x": IDS, "inputs": IDS}, "both hold inputs"),
    "ids": ({"a": _z(6, 5, 3)}, {"x": IDS, "row_ids": np.arange(6)}, "leave one of the two"),
    "nothing": ({"a": _z(6, 5, 3)}, {"mask": np.zeros((6, 5), int)}, "0 rows are left"),
    "kind": ({"a": _z(6, 5, 3)}, {"rows": "words"}, "rows must be one of"),
    "pixels": ({"a": _z(6, 5, 3)}, {"rows": "pixel"}, "channels, height, width"),
    "sample": ({"a": _z(6, 5)}, {"rows": "sample", "x": "prefix"}, "expected the inputs"),
    "rule": ({"a": _z(6, 5)}, {"rows": "sample", "y": "next-token"}, "rows='token'"),
    "sample mask": ({"a": _z(6, 5)}, {"rows": "sample", "skip_first": 1}, "rows='token'"),
}


@pytest.mark.parametrize("case", BAD)
def test_rows_that_the_arrays_cannot_give_are_refused(case: str, tmp_path: Path) -> None:
    arrays, options, message = BAD[case]
    with pytest.raises(InputError, match=message):
        ip.from_arrays(arrays, to=tmp_path / "run", **({"rows": "token"} | options))
    assert not (tmp_path / "run" / "run.json").exists()


def test_files_give_the_same_token_rows(net: Reader, tmp_path: Path) -> None:
    batch = sentences("left")
    (tmp_path / "dump").mkdir()
    for name, array in (states(net, batch) | batch).items():
        np.save(tmp_path / "dump" / f"{name}.npy", array.numpy())
    options: dict[str, Any] = {"rows": "token", "x": "prefix", "y": LABELS}
    truth = ip.from_arrays(states(net, batch), inputs=batch, to=tmp_path / "truth", **options)
    run = ip.import_run(
        tmp_path / "dump",
        to=tmp_path / "run",
        layers=["tokens", "memory", "head"],
        inputs={"input_ids": "input_ids.npy"},
        mask="attention_mask.npy",
        **options,
    )
    assert_same(run, truth)


def test_a_dry_run_counts_samples_where_their_tokens_are_rows(net: Reader, tmp_path: Path) -> None:
    batch = sentences("left")
    for name, array in states(net, batch).items():
        np.save(tmp_path / f"{name}.npy", array.numpy())
    done = CliRunner().invoke(
        app, ["import", str(tmp_path), "-o", str(tmp_path / "run"), "--rows", "token", "--dry-run"]
    )
    assert "1 step [0], 3 layers, 60 samples, whose tokens are rows" in done.output


def test_an_import_that_stopped_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    z = {step: {"a": _z(6, 3) + step} for step in (1, 2, 3)}
    torn = {1: z[1], 2: z[2], 3: {"a": np.full((6, 3), np.nan)}}
    with pytest.raises(InputError, match="NaN"):
        ip.from_arrays(torn, to=tmp_path / "run")
    run = ip.from_arrays(z, to=tmp_path / "run", resume=True)
    assert run.steps == (1, 2, 3)
    assert "2 steps are there" in capsys.readouterr().out
    for step in z:
        assert np.array_equal(run.z(step, "a"), z[step]["a"])


def test_a_step_before_those_that_are_there_is_refused(tmp_path: Path) -> None:
    ip.from_arrays({5: {"a": _z(6, 3)}}, to=tmp_path / "run")
    with pytest.raises(InputError, match="come before it"):
        ip.from_arrays({2: {"a": _z(6, 3)}, 5: {"a": _z(6, 3)}}, to=tmp_path / "run", resume=True)
    assert ip.open_archive(tmp_path / "run").steps == (5,)


def test_other_rows_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    ip.from_arrays({5: {"a": _z(6, 3)}}, y=np.arange(6), to=tmp_path / "run")
    with pytest.raises(InputError, match="cannot resume"):
        ip.from_arrays({6: {"a": _z(6, 3)}}, y=np.zeros(6, int), to=tmp_path / "run", resume=True)


def test_the_commands_import_and_capture_token_rows(
    net: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = sentences("right")
    (tmp_path / "dump").mkdir()
    for name, array in (states(net, batch) | batch).items():
        np.save(tmp_path / "dump" / f"{name}.npy", array.numpy())
    np.savez(tmp_path / "probe.npz", **{name: array.numpy() for name, array in batch.items()})
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    (tmp_path / "token_network.py").write_text(
        "import torch\nfrom test_token_sources import Reader\n\n\ndef make():\n"
        "    net = Reader()\n    net.load_state_dict(torch.load('weights.pt'))\n    return net\n"
    )
    monkeypatch.chdir(tmp_path)
    layers = ["--layer", "tokens", "--layer", "memory", "--layer", "head"]
    asked = [
        "--rows",
        "token",
        "--x",
        "prefix",
        "--labels",
        "next-token",
        *layers,
        "--skip-first",
        "1",
    ]
    imported = [
        "import",
        "dump",
        "--inputs",
        "input_ids.npy",
        "--mask",
        "attention_mask.npy",
        "-o",
        "a",
    ]
    captured = [
        "capture",
        "token_network.py:make",
        "--probe",
        "probe.npz",
        "--batch-size",
        "64",
        "-o",
        "b",
    ]
    for arguments in (imported, captured):
        done = CliRunner().invoke(app, [*arguments, *asked])
        assert done.exit_code == 0, done.output
        assert "tokens of 60 samples" in done.output
    assert_same(ip.open_archive("a"), ip.open_archive("b"))


@pytest.mark.parametrize(
    ("rows", "ids", "said"),
    [
        ("node", np.arange(6), "row_ids= belong to samples"),
        ("token", np.array([0.2, 0.7, 1.0, 2.0, 3.0, 4.0]), "expected integers"),
        ("pixel", np.zeros((6, 2), int), "expected integers of shape"),
    ],
)
def test_row_ids_that_cannot_tell_samples_apart_are_refused(
    rows: str, ids: np.ndarray, said: str, tmp_path: Path
) -> None:
    shape = {"node": (6, 3), "token": (6, 2, 3), "pixel": (6, 3, 2, 2)}[rows]
    z = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(InputError, match=said):
        ip.from_arrays({"a": z}, to=tmp_path / "run", rows=rows, row_ids=ids)


def test_padding_that_no_mask_explains_is_warned_of(net: Reader, tmp_path: Path) -> None:
    batch = sentences("right")
    with pytest.warns(RuntimeWarning, match="looks padded.*no mask says so"):
        ip.from_arrays(
            states(net, batch), inputs=batch["input_ids"], rows="token", to=tmp_path / "run"
        )


def test_a_mask_that_is_true_at_padding_is_refused(tmp_path: Path) -> None:
    ids = np.array([[1, 2, 3, 0], [4, 5, 0, 0], [6, 1, 0, 0]])
    options = {"rows": "token", "inputs": {"ids": ids, "padding_mask": ids == 0}}
    arrays = {"h": np.arange(24.0).reshape(3, 4, 2)}
    with pytest.raises(InputError, match="padding_mask: all positions that it calls real hold 0"):
        ip.from_arrays(arrays, to=tmp_path / "run", mask="padding_mask", **options)
    run = ip.from_arrays(arrays, to=tmp_path / "run", mask=ids != 0, **options)
    assert run.n_rows == 7


def test_a_mask_may_choose_the_positions_of_one_token(tmp_path: Path) -> None:
    ids = np.array([[9, 2, 3, 9], [4, 9, 1, 2], [6, 1, 9, 0]])  # 9 stands for what is to be found
    arrays = {"h": np.arange(24.0).reshape(3, 4, 2)}
    run = ip.from_arrays(
        arrays, to=tmp_path / "run", rows="token", inputs={"ids": ids}, mask=ids == 9
    )
    assert np.asarray(run.positions).tolist() == [[0, 0], [0, 3], [1, 1], [2, 2]]
