"""What a probe may be made of: arguments, loaders, samples, and refusals."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence
from torch.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    Sampler,
    TensorDataset,
)

from infoplane.archive import open_archive
from infoplane.errors import InputError
from infoplane.hooks.probing.probe import Probe, make_probe
from infoplane.hooks.recorder import Recorder
from infoplane.hooks.replay import replay
from infoplane.hooks.schedule import at

X, Y = torch.arange(24.0).reshape(12, 2), torch.arange(12) % 3


class Called(nn.Module):
    """Remembers what it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 3)

    def forward(self, x: Tensor, **named: Any) -> Tensor:  # Any: whatever a probe holds
        z: Tensor = self.fc(x)
        if "meta" in named:
            z = z + named["meta"]["shift"][:, None]
        return z * named.get("scale", 1.0) + named.get("t", 0.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scale": 3.0},
        {"scale": 2, "flip": True, "name": "a", "nothing": None, "dtype": torch.float32},
        {"t": torch.tensor(5.0)},
        {"t": np.float32(5.0)},
        {"sizes": (3, 4)},
        {"meta": {"shift": torch.arange(12.0), "mode": "b"}},
    ],
)
def test_what_is_no_tensor_reaches_the_network(arguments: dict[str, Any], tmp_path: Path) -> None:
    net = Called()
    with Recorder(
        net,
        probe=({"x": X, **arguments}, Y),
        to=tmp_path / "run",
        schedule=at(0),
        batch_size=5,
        verbose=False,
    ) as rec:
        assert rec.chain is not None and rec.chain.reason == ""
    want = net(X, **arguments).detach().numpy()
    np.testing.assert_allclose(open_archive(tmp_path / "run").z(0, "fc"), net.fc(X).detach(), 1e-5)
    with Recorder(
        net,
        probe=({"x": X, **arguments}, Y),
        to=tmp_path / "all",
        layers=[""],
        schedule=at(0),
        verbose=False,
    ):
        pass
    np.testing.assert_allclose(open_archive(tmp_path / "all").z(0, "(model)"), want, rtol=1e-4)


def test_constants_are_written_down() -> None:
    probe = make_probe(({"x": X, "scale": 2.0, "meta": {"mode": "b"}}, Y))
    assert probe.constants() == {"scale": 2.0, "meta.mode": "b"} and list(probe.tensors()) == ["x"]


def test_positional_arguments_may_hold_numbers() -> None:
    inputs = make_probe(((X, 0.5), Y)).inputs
    assert isinstance(inputs, tuple) and inputs[1] == 0.5


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "probe input 'extra' is a object"),
        (["a"] * 12, "probe input 'extra'.*an array of str"),
        (np.array([None] * 12), "probe input 'extra'.*an array of object"),
        ([[1], [2, 3]], r"probe input 'extra' has rows of 2 shapes or lengths \(1, 2\)"),
        ([torch.zeros(1), torch.zeros(2)], "probe input 'extra' has rows of 2 shapes"),
        (torch.zeros(3), r"same number of rows, got {'x': 12, 'extra': 3}"),
        ({"inner": object()}, "probe input 'extra.inner' is a object"),
        (torch.eye(12).to_sparse(), "probe input 'extra' is a nested or sparse tensor"),
        (pack_sequence([X[0], X[1]]), "probe input 'extra' is a PackedSequence.*padded ids"),
        (X.to("meta"), "probe input 'extra' is on the meta device"),
        (np.ma.masked_array(X.numpy(), X.numpy() > -9), "values are masked"),
        (X.to(torch.complex64), "probe input 'extra' is complex: give torch.view_as_real"),
        (X.numpy().astype(complex), "probe input 'extra' is complex"),
        (SimpleNamespace(to_numpy=X.numpy), r"'extra' is a SimpleNamespace.*\.to_numpy\(\)"),
    ],
)
def test_what_cannot_be_passed_on_is_refused_by_name(value: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make_probe(({"x": X, "extra": value}, Y))


class Point(NamedTuple):
    at: Tensor
    scale: float


@dataclass(frozen=True)
class Scene:
    points: Tensor
    name: str = "a"


class Output(OrderedDict[str, Any]):
    """A mapping whose entries are attributes too, as those of `transformers`."""

    def __setitem__(self, key: str, value: object) -> None:
        super().__setitem__(key, value)
        super().__setattr__(key, value)


@pytest.mark.parametrize(
    ("given", "take"),
    [
        (Point(X, 2.0), lambda extra: extra.at * extra.scale),
        (Scene(2 * X), lambda extra: extra.points),
        (Output(state=X, more=Point(X, 1.0)), lambda extra: extra.state + extra.more.at),
        ({0: X, ("a", 1): (X,)}, lambda extra: extra[0] + extra["a", 1][0]),
        (lambda x: 2 * x, lambda extra: extra(X)),
    ],
)
def test_a_structure_reaches_the_network_as_what_it_is(
    given: object, take: Callable[[Any], Tensor]
) -> None:
    ((_, inputs),) = make_probe(({"x": X, "extra": given}, Y)).batches(12, torch.device("cpu"))
    assert isinstance(inputs, dict) and type(inputs["extra"]) is type(given)
    assert torch.equal(take(inputs["extra"]), 2 * X)


def test_one_argument_may_hold_several_tensors() -> None:
    probe = make_probe((Scene(X), Y))
    assert isinstance(probe.inputs, tuple) and isinstance(probe.take(slice(3)).inputs[0], Scene)
    assert probe.take(slice(3)).n == 3


def test_a_list_of_vectors_is_a_list_of_rows() -> None:
    assert torch.equal(make_probe(list(X)).tensors()["x"], X)


def test_a_list_of_pictures_may_be_rows_or_batches_and_is_refused() -> None:
    with pytest.raises(InputError, match=r"rows or batches of rows: give torch\.stack"):
        make_probe([torch.zeros(3, 8, 8)] * 4)


def test_an_error_in_a_batch_of_another_size_says_so(tmp_path: Path) -> None:
    class Even(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([*self.fc(x).reshape(2, -1, 2)])

    with pytest.raises(RuntimeError) as raised:
        Recorder(
            Even(), probe=torch.zeros(11, 3), to=tmp_path / "run", batch_size=4, verbose=False
        ).open()
    assert any(
        "a batch of 3 rows, where batch_size is 4" in note for note in raised.value.__notes__
    )


def test_weights_without_values_are_named(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = nn.Linear(3, 2)
    with pytest.raises(Exception, match="meta") as raised:
        Recorder(net, probe=X, to=tmp_path / "run", verbose=False).open()
    assert any(
        "'weight', 'bias'" in note and "load them" in note for note in raised.value.__notes__
    )


def _equal(probe: Probe, *inputs: Tensor) -> bool:
    found = list(probe.tensors().values())
    same = all(torch.equal(a, b) for a, b in zip(found, inputs, strict=True))
    return same and probe.y is not None and np.array_equal(probe.y, Y.numpy())


class Pairs(Dataset[Any]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, i: int) -> object:
        return (X[i], 2 * X[i]), int(Y[i])


class Named(Dataset[Any]):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, i: int) -> object:
        return {"x": X[i], "index": i, "label": int(Y[i])}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
def test_a_loader_of_two_inputs_gives_two_inputs(size: int) -> None:
    probe = make_probe(DataLoader(Pairs(), batch_size=size))
    assert _equal(probe, X, 2 * X) and isinstance(probe.inputs, tuple)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_loader_of_mappings_gives_keyword_arguments(size: int) -> None:
    assert _equal(make_probe(DataLoader(Named(), batch_size=size)), X, torch.arange(12))


@pytest.mark.parametrize(
    "given",
    [
        TensorDataset(X, Y),
        [(x, int(y)) for x, y in zip(X, Y, strict=True)],
        [(x.numpy(), y) for x, y in zip(X, Y, strict=True)],
        [{"x": x, "label": int(y)} for x, y in zip(X, Y, strict=True)],
        (list(X), Y),
        ([list(map(float, x)) for x in X], Y.tolist()),
        lambda: (X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=5),
        [X, Y],
    ],
)
def test_the_same_rows_come_of_samples_data_sets_lists_and_loaders(given: object) -> None:
    assert _equal(make_probe(given), X)


def test_a_data_set_of_two_inputs_gives_two_inputs() -> None:
    assert _equal(make_probe(Pairs()), X, 2 * X)


@pytest.mark.parametrize("of_sampler", [False, True])
def test_a_loader_with_a_generator_of_its_own_trains_on_in_the_order_it_would_have(
    of_sampler: bool,
) -> None:
    def loader() -> DataLoader[Any]:
        data = TensorDataset(torch.arange(12.0)[:, None])
        own = torch.Generator().manual_seed(4)
        if not of_sampler:
            return DataLoader(data, batch_size=4, shuffle=True, generator=own)
        return DataLoader(data, batch_size=4, sampler=RandomSampler(data, generator=own))

    shown, untouched = loader(), loader()
    make_probe(shown)
    assert [x.tolist() for (x,) in shown] == [x.tolist() for (x,) in untouched]


class _Noisy(Dataset[Any]):
    """Adds noise of a generator that a transform inside it holds, and counts what is read."""

    def __init__(self) -> None:
        self.transforms = [SimpleNamespace(own=np.random.default_rng(0))]
        self.read = 0

    def __len__(self) -> int:
        return 12

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        self.read += 1
        return X[place] + float(self.transforms[0].own.normal()), int(Y[place])


class _ByEpoch(Sampler[int]):
    """Another order in every epoch, counted by itself."""

    def __init__(self) -> None:
        self.epoch = 0

    def __len__(self) -> int:
        return 12

    def __iter__(self) -> Any:  # Any: an iterator of numbers
        order = np.random.default_rng(self.epoch).permutation(12)
        self.epoch += 1
        return iter(order.tolist())


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_training_reads_on_as_if_the_probe_had_not_read(workers: int) -> None:
    def loader() -> DataLoader[Any]:
        kept = workers > 0
        return DataLoader(
            _Noisy(), 4, sampler=_ByEpoch(), num_workers=workers, persistent_workers=kept
        )

    def epochs(of: DataLoader[Any]) -> list[Any]:
        torch.manual_seed(1)
        return [x.tolist() for _ in range(2) for x, _ in of]

    shown = loader()
    make_probe(shown)
    assert epochs(shown) == epochs(loader())


def test_weights_are_replayed_on_a_loader_that_shuffles(tmp_path: Path) -> None:
    loader, net = DataLoader(TensorDataset(X, Y), 5, shuffle=True), nn.Linear(2, 3)
    how: dict[str, Any] = {"layers": "all", "store": "weights", "verbose": False}
    with Recorder(net, probe=loader, to=tmp_path / "run", **how) as rec:
        rec.step(1)
    torch.manual_seed(3)
    for name, probe in (("new", loader), ("made", lambda: loader)):
        replayed = replay(tmp_path / "run", nn.Linear(2, 3), to=tmp_path / name, probe=probe)
        assert replayed.bitwise == (0,)


@pytest.mark.slow
def test_an_epoch_of_workers_that_go_on_is_not_cut_short() -> None:
    loader = DataLoader(TensorDataset(X), 3, num_workers=1, persistent_workers=True)
    seen = []
    for (x,) in loader:
        seen.append(x)
        if len(seen) == 2:
            make_probe(loader)
    assert torch.equal(torch.cat(seen), X)


def test_a_shuffled_loader_gives_the_same_rows_whenever_it_is_read() -> None:
    loader = DataLoader(TensorDataset(X, Y), batch_size=5, shuffle=True)
    first = make_probe(loader)
    torch.manual_seed(9)
    again = make_probe(loader)
    assert torch.equal(first.tensors()["x"], again.tensors()["x"])
    assert sorted(first.tensors()["x"][:, 0].tolist()) == X[:, 0].tolist()


@pytest.mark.parametrize(
    "options",
    [
        {"split": ["train", "test"] * 6},
        {"row_ids": np.arange(12)},
        {"y": {"first": Y, "second": Y}},
    ],
)
def test_arrays_do_not_pair_with_a_loader_that_shuffles(
    options: dict[str, Any], tmp_path: Path
) -> None:
    data = TensorDataset(X, Y)
    with pytest.raises(
        InputError, match=f"{next(iter(options))}.*the loader shuffles: give its da"
    ):
        Recorder(
            nn.Linear(2, 3), probe=DataLoader(data, 5, shuffle=True), to=tmp_path / "run", **options
        )
    Recorder(nn.Linear(2, 3), probe=DataLoader(data, 5), to=tmp_path / "run", **options)


def test_a_loader_of_one_id_for_each_sample_gives_batches() -> None:
    pairs = [{"input_ids": first, "labels": first % 3} for first in range(7)]
    probe = make_probe(DataLoader(pairs, 3))  # type: ignore[arg-type]  # a list is a data set
    assert probe.tensors()["input_ids"].tolist() == list(range(7))
    assert probe.y is not None and probe.y.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_arrays_pair_with_a_sampler_of_ranks_that_keeps_the_order(tmp_path: Path) -> None:
    def recorder(*, shuffle: bool) -> Recorder:
        data = TensorDataset(X, Y)
        sampler: Sampler[Any] = DistributedSampler(data, num_replicas=1, rank=0, shuffle=shuffle)
        loader = DataLoader(data, 5, sampler=sampler)
        split = ["train", "test"] * 6
        return Recorder(nn.Linear(2, 3), probe=loader, to=tmp_path / "run", split=split)

    recorder(shuffle=False)
    with pytest.raises(InputError, match="split.*the loader shuffles"):
        recorder(shuffle=True)


def test_arrays_do_not_pair_with_a_callable_that_gives_a_loader_that_shuffles(
    tmp_path: Path,
) -> None:
    def loader() -> DataLoader[Any]:
        return DataLoader(TensorDataset(X, Y), 5, shuffle=True)

    split = ["train", "test"] * 6
    with pytest.raises(InputError, match="split.*the loader shuffles"):
        Recorder(nn.Linear(2, 3), probe=loader, to=tmp_path / "run", split=split)


def test_a_data_set_is_left_as_it_was() -> None:
    data = _Noisy()
    make_probe(data)
    assert data.read == 0 and data[0][0].tolist() == _Noisy()[0][0].tolist()


def test_inputs_alone_come_of_a_loader_too() -> None:
    assert torch.equal(make_probe(DataLoader(TensorDataset(X), batch_size=5)).tensors()["x"], X)


def _batch(length: int, left: bool = False, fill: int = 7) -> dict[str, Tensor]:
    ids = torch.arange(1, 1 + 3 * length).reshape(3, length)
    mask = torch.ones(3, length, dtype=torch.int64)
    hidden = 0 if left else length - 1
    ids[0, hidden], mask[0, hidden] = fill, 0
    return {"input_ids": ids, "attention_mask": mask, "labels": torch.arange(3)}


@pytest.mark.parametrize("left", [False, True])
def test_batches_of_several_lengths_are_padded_as_their_masks_say(left: bool) -> None:
    batches = [_batch(length, left) for length in (5, 7, 6)]
    probe = make_probe(batches)
    ids, mask = probe.tensors()["input_ids"], probe.tensors()["attention_mask"]
    assert ids.shape == mask.shape == (9, 7) and (ids[mask == 0] == 7).all()
    for k, batch in enumerate(batches):
        rows, length = slice(3 * k, 3 * k + 3), batch["input_ids"].shape[1]
        kept = slice(7 - length, 7) if left else slice(0, length)
        assert torch.equal(ids[rows, kept], batch["input_ids"])
    assert mask.sum() == sum(int(b["attention_mask"].sum()) for b in batches)
    assert any("padded to 7 by their mask" in note for note in probe.notes)


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_a_mask_that_is_true_at_padding_pads_what_it_is_true_at(padded: bool, left: bool) -> None:
    batches = []
    for length in (5, 7):
        batch = _batch(length, left)
        real = batch.pop("attention_mask").bool()
        real = real if padded else torch.ones_like(real)
        batches.append(batch | {"src_key_padding_mask": ~real})
    tensors = make_probe(batches).tensors()
    ids, padding = tensors["input_ids"], tensors["src_key_padding_mask"]
    added = slice(0, 2) if left and padded else slice(5, 7)
    assert padding[:3, added].all() and (ids[:3, added] == (7 if padded else 0)).all()
    assert int(padding.sum()) == 6 + 2 * padded


def test_another_mask_before_that_of_attention_does_not_say_what_padding_is() -> None:
    batches = []
    for length in (5, 7):
        special = torch.zeros(3, length, dtype=torch.int64)
        special[:, 0] = 1
        batches.append({"special_tokens_mask": special} | _batch(length))
    tensors = make_probe(batches).tensors()
    assert (tensors["attention_mask"][:3, 5:] == 0).all() and (
        tensors["input_ids"][:3, 5:] == 7
    ).all()


@pytest.mark.parametrize("form", ["lists", "tensors", "datasets", "datasets of tensors"])
@pytest.mark.parametrize("labels", [False, True])
def test_samples_of_token_ids_are_rows_and_their_tokens_are_not(form: str, labels: bool) -> None:
    samples = []
    for length in (3, 5, 4):
        sample = {"input_ids": [*range(1, length + 1)], "attention_mask": [1] * length}
        samples.append(sample | ({"labels": [1] * length} if labels else {}))
    given: Any = samples  # Any: datasets has no types here
    if form.startswith("datasets"):
        given = pytest.importorskip("datasets").Dataset.from_list(samples)
        given = given.with_format("torch") if form.endswith("tensors") else given
    elif form == "tensors":
        given = [{name: torch.tensor(row[name]) for name in row} for row in samples]
    probe = make_probe(given)
    assert probe.tensors()["input_ids"].tolist() == [
        [1, 2, 3, 0, 0],
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 0],
    ]
    assert probe.y is None or probe.y.shape == (3, 5)


@pytest.mark.parametrize("left", [False, True])
def test_labels_of_every_token_are_padded_by_what_losses_ignore(left: bool) -> None:
    batches = [{**_batch(n, left), "labels": torch.ones(3, n, dtype=torch.int64)} for n in (5, 7)]
    y = make_probe(batches).y
    added = slice(0, 2) if left else slice(5, 7)
    assert y is not None and y.shape == (6, 7) and (y[:3, added] == -100).all()
    assert (y == 1).sum() == 3 * 5 + 3 * 7


def test_labels_of_a_table_are_texts() -> None:
    pd = pytest.importorskip("pandas")
    y = make_probe((X, pd.DataFrame({"kind": ["cat", "dog", "emu"] * 4})["kind"])).y
    assert y is not None and y.tolist() == ["cat", "dog", "emu"] * 4


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ([{"ids": torch.ones(3, n)} for n in (5, 7)], r"'ids' has rows of 2 shapes"),
        ([(X, Y), (X, None)], "batch 1 of the probe differs.*one has labels"),
        ([{"x": X}, {"x": X, "z": X}], r"batch 1 .* differs from the first: \['z'\]"),
        ([{"x": X, "scale": 1.0}, {"x": X, "scale": 2.0}], "'scale' is 2.0 in batch 1 and 1.0"),
        ([], "gave no batch"),
        ([(X, X, Y)], r"\(\(x1, x2\), y\)"),
        ([(X, [{"boxes": Y}] * 12)], "labels must be one array with a value for every row"),
    ],
)
def test_batches_that_do_not_fit_together_are_refused_by_name(
    batches: list[Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        make_probe(batches)


@pytest.mark.parametrize("y", [3, 0.5, [[1], [1, 2]]])
def test_labels_that_are_no_array_of_rows_are_refused(y: object) -> None:
    with pytest.raises(InputError, match="labels must be one array"):
        make_probe((X, y))


def test_labels_taken_out_of_a_batch_are_said() -> None:
    probe = make_probe({"input_ids": X, "labels": Y})
    assert "batch['labels'] is taken as the labels y" in probe.notes[0]
    assert make_probe(({"input_ids": X, "labels": Y}, Y)).notes == ()


def test_labels_that_a_decoder_would_read_are_warned_of(tmp_path: Path) -> None:
    class Decoder(nn.Module):
        class config:
            is_encoder_decoder = True

        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return self.fc(x)  # type: ignore[no-any-return]

    with pytest.warns(RuntimeWarning, match=r"batch\['labels'\] is taken as the labels y.*decoder"):
        Recorder(
            Decoder(), probe={"x": X, "labels": Y}, to=tmp_path / "run", verbose=False
        ).open().close()


@pytest.mark.parametrize("size", [2, 3, 4, 11, 12, 13])
def test_no_batch_of_several_leaves_one_row(size: int) -> None:
    probe = make_probe((torch.zeros(13, 2), None))
    rows = [rows for rows, _ in probe.batches(size, torch.device("cpu"))]
    assert [r.start for r in rows[1:]] == [r.stop for r in rows[:-1]] and rows[-1].stop == 13
    assert all(r.stop - r.start > 1 for r in rows)
