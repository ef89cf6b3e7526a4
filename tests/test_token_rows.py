"""Rows that are tokens, pixels or nodes, from a live network to a plane."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import infoplane as ip
from infoplane.analysis.plot.caption import caption_of
from infoplane.archive import pack
from infoplane.errors import InputError, UnsupportedOutput
from infoplane.types import entropy_of_counts

VOCABULARY, LONGEST = 20, 16


class Block(nn.Module):
    """Causal attention and an MLP, each added to the stream; padding is seen by nobody."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(units, 2, batch_first=True)
        self.first, self.second = nn.LayerNorm(units), nn.LayerNorm(units)
        self.mlp = nn.Sequential(
            nn.Linear(units, 2 * units), nn.GELU(), nn.Linear(2 * units, units)
        )

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        h = self.first(x)
        blocked = (~seen).repeat_interleave(2, 0)
        x = x + self.attention(h, h, h, attn_mask=blocked, need_weights=False)[0]
        return x + self.mlp(self.second(x))


class CausalModel(nn.Module):
    """Two blocks on token and position embeddings; positions count real tokens, so padding on
    either side changes nothing.
    """

    def __init__(self, *, causal: bool = True, units: int = 8) -> None:
        super().__init__()
        self.causal = causal
        self.tokens, self.places = nn.Embedding(VOCABULARY, units), nn.Embedding(LONGEST, units)
        self.blocks = nn.ModuleList(Block(units) for _ in range(2))
        self.norm, self.head = nn.LayerNorm(units), nn.Linear(units, VOCABULARY)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        real = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        length = input_ids.shape[1]
        seen = (real == 1)[:, None, :].repeat(1, length, 1)
        if self.causal:
            seen = seen & torch.ones(length, length).tril().bool()
        seen = seen | torch.eye(length).bool()
        x = self.tokens(input_ids) + self.places((real.cumsum(1) - 1).clamp(min=0))
        for block in self.blocks:
            x = block(x, seen)
        return self.head(self.norm(x))


LAYERS = ["tokens", "blocks.0", "blocks.1", "norm", "head"]


def sentences(n: int = 20, longest: int = 9) -> tuple[Tensor, Tensor]:
    """Ids ``(n, longest)`` padded on the right with 0, and the lengths."""
    torch.manual_seed(3)
    lengths = torch.randint(3, longest + 1, (n,))
    lengths[0] = longest
    ids = torch.randint(1, VOCABULARY, (n, longest))
    return ids * (torch.arange(longest) < lengths[:, None]), lengths


def padded(ids: Tensor, lengths: Tensor, length: int, side: str) -> dict[str, Tensor]:
    """The same sentences padded to ``length`` on one side, with their mask."""
    out = torch.zeros(len(ids), length, dtype=torch.long)
    mask = torch.zeros_like(out)
    for i, n in enumerate(lengths.tolist()):
        where = slice(0, n) if side == "right" else slice(length - n, length)
        out[i, where], mask[i, where] = ids[i, :n], 1
    return {"input_ids": out, "attention_mask": mask}


@pytest.fixture
def model() -> CausalModel:
    torch.manual_seed(0)
    return CausalModel()


Record = Callable[..., ip.Archive]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Captures a network once and opens the run."""

    def run(net: nn.Module, probe: object, name: str = "run", **options: Any) -> ip.Archive:
        options = {"verbose": False, "schedule": ip.at(0)} | options
        with ip.Recorder(net, probe=probe, to=tmp_path / name, **options):
            pass
        return ip.open_archive(tmp_path / name)

    return run


def test_every_real_token_is_a_row(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    archive = record(model, padded(ids, lengths, 9, "right"), rows="token", y="token")
    assert archive.n_rows == int(lengths.sum())
    assert archive.layers == tuple(LAYERS)
    assert archive.row_info.axis(archive.n_rows) == f"N={int(lengths.sum())} tokens"


def test_information_about_the_token_at_the_embedding_is_its_entropy(
    model: CausalModel, record: Record
) -> None:
    ids, lengths = sentences()
    archive = record(model, padded(ids, lengths, 9, "right"), rows="token", y="token", x="token")
    plane = ip.measure(archive, ["exact", "bin:szt"], layers=["tokens"])
    real = ids[ids > 0].numpy()
    truth = entropy_of_counts(np.unique(real, return_counts=True)[1])
    for point in plane.select(estimator="exact"):
        assert point.bits == pytest.approx(truth, abs=1e-9)
    assert plane.h_x_bits == plane.h_y_bits == pytest.approx(truth, abs=1e-9)


def test_layers_equal_rows_flattened_by_hand(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "right")
    archive = record(model, probe, rows="token", y="next-token", batch_size=32)
    with torch.no_grad():
        logits = model.eval()(**probe)
    rows, labels = [], []
    for i, n in enumerate(lengths.tolist()):
        rows.append(logits[i, : n - 1])
        labels.append(ids[i, 1:n])
    assert np.array_equal(archive.z(0, "head"), torch.cat(rows).numpy())
    assert np.array_equal(archive.y, torch.cat(labels).numpy())


@pytest.mark.slow
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_further_changes_no_bit_of_the_plane(
    model: CausalModel, record: Record, side: str
) -> None:
    ids, lengths = sentences()
    specs = ["bin:range,n=8", "exact", "knn"]
    planes = []
    for name, length in (("short", 9), ("long", 14)):
        probe = padded(ids, lengths, length, side if name == "long" else "right")
        archive = record(model.double(), probe, name, rows="token", y="next-token", batch_size=32)
        planes.append(ip.measure(archive, specs))
    short, long = (
        [(p.step, p.layer, p.quantity, p.estimator, p.bits) for p in plane] for plane in planes
    )
    assert short == long


def test_a_causal_model_has_prefixes_as_inputs(model: CausalModel, record: Record) -> None:
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 4, 4], [2, 2, 3, 4]])
    archive = record(model, ids, rows="token", y="token")
    assert archive.row_info.x == "prefix"
    same = archive.row_ids.reshape(3, 4)
    assert (same[0, :2] == same[1, :2]).all()
    assert len(np.unique(same)) == 10


def test_a_model_that_sees_all_has_sequences_as_inputs(record: Record) -> None:
    net = CausalModel(causal=False)
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 4], [2, 2, 3, 4]])
    archive = record(net, ids, rows="token", y="token")
    assert archive.row_info.x == "sequence"
    assert len(np.unique(archive.row_ids)) == 8
    with pytest.raises(InputError, match="x='sequence'"):
        record(net, ids, "again", rows="token", y="token", x="prefix")


def test_several_label_sets_in_one_run(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "left")
    tags = (probe["input_ids"] % 2).numpy()
    labels = {"next": "next-token", "pos": "position", "pair": "ngram:2", "tag": tags}
    archive = record(model, probe, rows="token", y=labels)
    assert archive.labels == ("next", "pos", "pair", "tag")
    assert archive.n_rows == int((lengths - 2).sum())  # the first has no pair, the last no next
    plane = ip.measure(archive, "exact", label="tag")
    assert plane.row_info.y == "tag"
    assert plane.h_y_bits == pytest.approx(1, abs=0.1)
    other = ip.measure(archive, "exact", label="pos")
    assert other.h_y_bits != plane.h_y_bits
    with pytest.raises(InputError, match="no label set 'depth'"):
        ip.measure(archive, "exact", label="depth")


def test_the_chain_is_tested_token_by_token(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    archive = record(model, padded(ids, lengths, 9, "right"), rows="token", y="token")
    chain = archive.chain
    assert chain is not None
    assert chain.relation("blocks.0", "blocks.1") == "partial"
    assert chain.relation("blocks.1", "head") == "cut"
    report = ip.check_dpi(ip.measure(archive, "bin:szt"))
    reasons = [f.explanation for f in report.findings if f.upstream == "blocks.0"]
    assert any("other positions" in reason for reason in reasons)


@pytest.mark.parametrize("side", ["left", "right"])
def test_no_layer_of_sentences_of_unequal_length_is_called_random(
    model: CausalModel, record: Record, side: str
) -> None:
    ids, lengths = sentences()
    chain = record(model, padded(ids, lengths, 12, side), rows="token").chain
    assert chain is not None and chain.noisy == ()


class MeanOfTheBatch(nn.Module):
    """Every token knows the mean of its place over the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(VOCABULARY, 8), nn.Linear(8, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        x = self.tokens(input_ids)
        return self.head(x + x.mean(0, keepdim=True))


def test_a_token_that_depends_on_other_sentences_is_said(record: Record) -> None:
    torch.manual_seed(0)
    ids, lengths = sentences()
    chain = record(MeanOfTheBatch(), padded(ids, lengths, 9, "right"), rows="token").chain
    assert chain is not None and chain.coupled == ("head",)


def test_settings_choose_among_the_tokens(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "left")
    later = record(model, probe, "later", rows="token", y="position", skip_first=2)
    assert later.n_rows == int((lengths - 2).sum())
    assert int(later.y.min()) == 2
    few = record(model, probe, "few", rows="token", y="position", max_rows=30)
    again = record(model, probe, "again", rows="token", y="position", max_rows=30)
    assert few.n_rows == 30
    assert np.array_equal(few.positions, again.positions)


def test_labels_of_minus_100_are_no_rows(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "right")
    labels = torch.where(probe["attention_mask"] == 1, probe["input_ids"], -100)
    labels[:, 0] = -100
    archive = record(model, probe | {"labels": labels}, rows="token")
    assert archive.n_rows == int((lengths - 1).sum())
    assert int(archive.y.min()) >= 1
    assert any("without a label" in str(note) for note in archive.config["notes"])


class Pooled(nn.Module):
    """Tokens, their mean, a class."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.mix, self.head = (
            nn.Embedding(VOCABULARY, 6),
            nn.Linear(6, 5),
            nn.Linear(5, 3),
        )

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(torch.tanh(self.mix(self.tokens(ids))).mean(1))


def test_layers_without_positions_are_refused_by_name(record: Record) -> None:
    ids = torch.randint(1, VOCABULARY, (10, 5))
    with pytest.raises(UnsupportedOutput, match=r"'head' \(3,\).*run of its own"):
        record(Pooled(), ids, rows="token", y="token", layers=["tokens", "head"])
    archive = record(Pooled(), ids, "auto", rows="token", y="token")
    assert archive.layers == ("tokens", "mix")
    assert any("head left out" in str(note) for note in archive.config["notes"])


class Translator(nn.Module):
    """An encoder and a decoder whose sequences have one length by chance."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(VOCABULARY, 6), nn.Embedding(VOCABULARY, 6)
        self.encoder = nn.GRU(6, 6, batch_first=True)
        self.decoder = nn.GRU(6, 6, batch_first=True)
        self.head = nn.Linear(6, VOCABULARY)

    def forward(self, input_ids: Tensor, decoder_input_ids: Tensor) -> Tensor:
        state = self.encoder(self.source(input_ids))[1]
        return self.head(self.decoder(self.target(decoder_input_ids), state)[0])


def test_an_encoder_decoder_says_whose_tokens(record: Record) -> None:
    torch.manual_seed(0)
    ids = torch.randint(1, VOCABULARY, (12, 6))
    probe = {"input_ids": ids, "decoder_input_ids": ids.flip(0)}
    with pytest.raises(InputError, match="token:decoder_input_ids"):
        record(Translator(), probe, rows="token", y="token")
    layers = ["source", "encoder", "target", "decoder", "head"]
    archive = record(
        Translator(), probe, "d", rows="token:decoder_input_ids", y="next-token", layers=layers[2:]
    )
    assert archive.n_rows == 12 * 5
    with pytest.raises(UnsupportedOutput, match="'source'"):
        record(Translator(), probe, "e", rows="token:decoder_input_ids", y="token", layers=layers)


def test_packed_sequences_know_where_one_ends(model: CausalModel, record: Record) -> None:
    class Packed(CausalModel):
        def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:  # type: ignore[override]
            return self.head(self.norm(self.tokens(input_ids) + self.places(position_ids)))

    ids = torch.randint(1, VOCABULARY, (6, 8))
    places = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2]).repeat(6, 1)
    probe = {"input_ids": ids, "position_ids": places}
    archive = record(
        Packed(), probe, rows="token", y={"next": "next-token", "pos": "position"}, x="token"
    )
    assert archive.n_rows == 6 * 6
    assert int(archive.with_label("pos").y.max()) == 3
    with pytest.raises(InputError, match="packed"):
        record(Packed(), probe, "prefix", rows="token", y="token", x="prefix")


def test_pixels_are_rows(record: Record) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 2, 1), nn.MaxPool2d(2)
    )
    images = torch.randn(5, 3, 6, 7)
    classes = torch.randint(0, 3, (5, 6, 7))
    classes[0, 0] = -100
    archive = record(net, (images, classes), rows="pixel", layers=["0", "2"])
    assert archive.n_rows == 5 * 42 - 7
    assert archive.row_info.x == "image"
    with torch.no_grad():
        by_hand = net[0](images).movedim(1, -1)[classes >= 0]
    assert np.array_equal(archive.z(0, "0"), by_hand.numpy())
    assert archive.chain is not None
    assert archive.chain.relation("0", "2") == "cut"  # a 1x1 convolution keeps to its pixel
    with pytest.raises(UnsupportedOutput, match="'3'"):
        record(net, (images, classes), "pooled", rows="pixel", layers=["0", "3"])


class Graph(nn.Module):
    """Two rounds of messages along the edges."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 6), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        def spread(h: Tensor) -> Tensor:
            return h + torch.zeros_like(h).index_add(0, edge_index[1], h[edge_index[0]])

        h = torch.tanh(self.first(spread(x)))
        return self.head(torch.tanh(self.second(spread(h))))


def test_nodes_are_rows(record: Record) -> None:
    torch.manual_seed(0)
    x, edges = torch.randn(30, 4), torch.randint(0, 30, (2, 90))
    labels = torch.arange(30) % 3
    labels[:4] = -100
    probe = {"x": x, "edge_index": edges, "y": labels}
    net = Graph()
    layers = ["first", "second", "head"]
    archive = record(net, probe, rows="node", fixed=("edge_index",), layers=layers)
    assert archive.n_rows == 26 and str(archive.row_info) == "rows are nodes, X is the graph"
    with torch.no_grad():
        assert np.array_equal(archive.z(0, "head"), net(x, edges)[4:].numpy())
    assert archive.chain is not None
    assert archive.chain.relation("second", "head") == "cut"
    assert archive.chain.relation("first", "second") == "partial"


def test_fixed_inputs_go_whole_into_every_batch(record: Record) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Tensor, scale: Tensor) -> Tensor:
            return self.fc(x * scale)

    x, scale = torch.randn(10, 3), torch.tensor([1.0, 2.0, 3.0])
    net = Scaled()
    archive = record(
        net, ((x, scale), torch.arange(10) % 2), fixed=(1,), batch_size=4, layers=["fc"]
    )
    assert np.allclose(archive.z(0, "fc"), net(x, scale).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("spec", ["token:cls", "token:last", "token:mean"])
def test_reductions_honour_the_mask(
    model: CausalModel, record: Record, spec: str, side: str
) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 12, side)
    labels = torch.arange(len(ids)) % 3
    archive = record(model, (probe, labels), reduce=spec, layers=["blocks.1"])
    alone = []
    for i, n in enumerate(lengths.tolist()):
        seen: list[Tensor] = []
        handle = model.blocks[1].register_forward_hook(
            lambda m, a, out, seen=seen: seen.append(out)
        )
        model.eval()(ids[i : i + 1, :n])
        handle.remove()
        rows = seen[0][0].detach()
        alone.append(
            {"token:cls": rows[0], "token:last": rows[-1], "token:mean": rows.mean(0)}[spec]
        )
    assert np.allclose(archive.z(0, "blocks.1"), torch.stack(alone).numpy(), atol=1e-5)


PADDED_LAYERS = {
    "whole": ("none", ["blocks.1"]),
    "flat": ("flatten", ["blocks.1"]),
    "one of two": ({"norm": "token:mean"}, ["blocks.1"]),
    "without padding": ("token:mean", []),
    "a function": ({"blocks.1": lambda rows: rows[:, 0], "norm": "token:cls"}, []),
}


@pytest.mark.parametrize(("spec", "named"), PADDED_LAYERS.values(), ids=PADDED_LAYERS)
def test_a_note_says_which_layers_are_stored_with_padding(
    model: CausalModel, record: Record, spec: Any, named: list[str]
) -> None:
    probe = padded(*sentences(), 9, "right")
    count = int((probe["attention_mask"] == 0).sum())
    archive = record(model, probe, reduce=spec, layers=["blocks.1", "norm"])
    notes = [note for note in archive.config["notes"] if "padding too" in note]
    assert bool(notes) == bool(named)
    for layer in named:
        assert layer in notes[0] and f"attention_mask marks {count} of 180" in notes[0]
        assert "reduce='token:mean'" in notes[0] and ("norm" in notes[0]) == isinstance(spec, str)


def test_samples_without_padding_have_no_note_on_it(model: CausalModel, record: Record) -> None:
    ids, _ = sentences()
    probe = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    assert "padding" not in str(record(model, probe, layers=["blocks.1"]).config["notes"])


def test_padding_that_no_mask_explains_is_warned_of(model: CausalModel, record: Record) -> None:
    ids, _ = sentences()
    with pytest.warns(RuntimeWarning, match="looks padded"):
        record(model, (ids, torch.arange(len(ids)) % 2), reduce="token:last", layers=["blocks.1"])
    with pytest.warns(RuntimeWarning, match="every position counts as real"):
        record(model, ids, "tokens", rows="token", y="token")


@pytest.mark.parametrize("real", [True, False])
def test_an_input_that_looks_like_a_mask_of_another_name_is_warned_of(
    model: CausalModel, record: Record, real: bool
) -> None:
    ids, lengths = sentences()
    mask = padded(ids, lengths, 9, "right")["attention_mask"].bool()
    probe = {"input_ids": torch.randint(1, VOCABULARY, mask.shape), "pad": mask == real}
    labels, layers = torch.arange(len(ids)) % 2, ["blocks.1"]
    options = {"layers": layers, "forward": lambda m, batch: m(batch["input_ids"])}
    with pytest.warns(RuntimeWarning, match="looks padded.*by the input 'pad'"):
        record(model, (probe, labels), reduce="token:mean", **options)


@pytest.mark.filterwarnings("error")
def test_two_texts_in_a_sample_are_no_padding(model: CausalModel, record: Record) -> None:
    ids, _ = sentences()
    ids = torch.randint(1, VOCABULARY, ids.shape)
    second = (torch.arange(ids.shape[1]) > torch.arange(len(ids))[:, None] % 4).long()
    probe = {"input_ids": ids, "token_type_ids": second}
    options = {"forward": lambda m, batch: m(batch["input_ids"]), "layers": ["blocks.1"]}
    record(model, (probe, torch.arange(len(ids)) % 2), reduce="token:mean", **options)


def test_vectors_that_end_in_zeros_are_warned_of(record: Record) -> None:
    lengths = torch.arange(40) % 5 + 3
    series = torch.randn(40, 8, 3) * (torch.arange(8) < lengths[:, None])[..., None]
    with pytest.warns(RuntimeWarning, match="looks padded.*40 samples end with 0"):
        record(
            nn.Sequential(nn.Linear(3, 4), nn.Tanh()),
            (series, torch.arange(40) % 2),
            reduce="token:last",
        )


def test_labels_with_more_axes_than_rows_are_refused(record: Record) -> None:
    net = nn.Sequential(nn.Embedding(VOCABULARY, 4), nn.Flatten(), nn.Linear(24, 2))
    ids = torch.randint(0, VOCABULARY, (30, 6))
    with pytest.raises(InputError, match="rows='token'.*one label per sample"):
        record(net, (ids, ids % 4))
    with pytest.raises(InputError, match="argmax"):
        record(net, (ids, torch.eye(3)[torch.arange(30) % 3]), y_kind="discrete")
    archive = record(net, ids, y={"even": (ids[:, 0] % 2), "third": (ids[:, 1] % 3)})
    assert ip.measure(archive, "exact", label="third").h_y_bits == pytest.approx(1.58, abs=0.1)


def test_a_packed_file_keeps_rows_and_labels(
    model: CausalModel, record: Record, tmp_path: Path
) -> None:
    ids, lengths = sentences()
    labels = {"next": "next-token", "pos": "position"}
    archive = record(model, padded(ids, lengths, 9, "right"), rows="token", y=labels)
    packed = ip.open_archive(pack(archive.path, tmp_path / "run.h5"))
    assert packed.row_info == archive.row_info
    assert packed.labels == archive.labels
    assert np.array_equal(packed.positions, archive.positions)
    assert np.array_equal(packed.with_label("pos").y, archive.with_label("pos").y)
    assert packed.digest == archive.digest


def test_labels_and_tables_say_what_rows_are(
    model: CausalModel, record: Record, tmp_path: Path
) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "right")
    archive = record(model, probe, rows="token", y="next-token")
    plane = ip.measure(archive, "bin:szt")
    n = int((lengths - 1).sum())
    ax = ip.plot_plane(plane)
    assert " ".join(ax.get_xlabel().split()) == "I(prefix;bin(Z)) [bits], bin:szt"
    caption = caption_of(plane)
    assert "30 bins on [-1,1]" in caption and f"{n} tokens" in caption
    assert "I(bin(Z);next-token)" in ax.get_ylabel().replace("\n", " ")
    header, first = plane.to_csv(tmp_path / "plane.csv").read_text("utf-8").splitlines()[:2]
    assert header.endswith("rows,x,y")
    assert first.endswith("token,prefix,next-token")
    assert ip.Plane.load(plane.save(tmp_path / "plane.h5")).row_info == plane.row_info


def test_information_about_labels_may_exceed_that_about_the_token(
    model: CausalModel, record: Record
) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "right")
    archive = record(model, probe, rows="token", y={"pair": "ngram:2"}, x="token")
    plane = ip.measure(archive, "exact")
    deep = {p.quantity: p.bits for p in plane.select(layer="blocks.1")}
    assert deep["i_zy"] > deep["i_xz"] + 0.5  # a pair is more than the token that ends it
    assert ip.check_dpi(plane).passed


class Recurrent(nn.Module):
    """A GRU on packed sequences, whose output is as long as the longest sample of its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, 6)
        self.gru = nn.GRU(6, 5, batch_first=True)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        lengths = attention_mask.sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.tokens(input_ids), lengths, batch_first=True, enforce_sorted=False
        )
        return self.gru(packed)[1]


def test_packed_outputs_give_the_tokens_of_every_sample(record: Record) -> None:
    net = Recurrent()
    ids, lengths = sentences()
    probe = padded(ids, lengths, 11, "right")
    archive = record(net, probe, rows="token", y="token", layers=["tokens", "gru"], batch_size=3)
    by_hand = [
        net.gru(net.tokens(ids[i : i + 1, :n]))[0][0] for i, n in enumerate(lengths.tolist())
    ]
    assert np.allclose(archive.z(0, "gru"), torch.cat(by_hand).detach().numpy(), atol=1e-6)


def test_positions_behind_the_end_of_a_packed_output_are_no_rows(record: Record) -> None:
    class ByLengths(Recurrent):
        def forward(self, input_ids: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
            places = torch.arange(input_ids.shape[1])
            return super().forward(input_ids, places < lengths[:, None])

    torch.manual_seed(0)
    ids, lengths = torch.randint(1, VOCABULARY, (20, 9)), torch.randint(2, 10, (20,))
    lengths[0] = 9
    probe = {"input_ids": ids, "lengths": lengths}
    options = {"rows": "token", "y": "token", "layers": ["gru"], "batch_size": 20}
    with pytest.raises(UnsupportedOutput, match=rf"before {180 - int(lengths.sum())} of 180 rows"):
        record(ByLengths(), probe, "unmasked", **options)
    real = np.arange(9) < lengths[:, None].numpy()
    assert record(ByLengths(), probe, mask=real, **options).n_rows == int(lengths.sum())


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_outputs_give_the_tokens_of_every_sample(record: Record) -> None:
    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, 6)
            layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2)

        def forward(self, ids: Tensor, src_key_padding_mask: Tensor) -> Tensor:
            return self.encoder(self.tokens(ids), src_key_padding_mask=src_key_padding_mask)

    net = Encoder().eval()
    ids, lengths = sentences()
    probe = {"ids": ids, "src_key_padding_mask": ids == 0}
    layers = ["tokens", "encoder.layers.0", "encoder.layers.1"]
    archive = record(net, probe, rows="token", y="token", layers=layers, batch_size=4)
    assert archive.n_rows == int(lengths.sum())
    rows = []
    for i, n in enumerate(lengths.tolist()):
        h = net.tokens(ids[i : i + 1, :n])
        for layer in net.encoder.layers:
            h = layer(h)
        rows.append(h[0])
    assert np.allclose(archive.z(0, layers[-1]), torch.cat(rows).detach().numpy(), atol=1e-5)


def test_auto_takes_more_layers_on_request(model: CausalModel, record: Record) -> None:
    ids = torch.randint(1, VOCABULARY, (10, 5))
    archive = record(model, ids, rows="token", y="token", layers=["auto", "**.attention", "**.mlp"])
    blocks = [f"blocks.{k}{part}" for k in range(2) for part in (".attention", ".mlp", "")]
    assert archive.layers == ("tokens", *blocks, "norm", "head")


def test_auto_looks_into_an_encoder_beside_a_decoder(record: Record) -> None:
    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.ModuleList(Block(6) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            seen = torch.ones(len(x), x.shape[1], x.shape[1]).bool()
            for block in self.block:
                x = block(x, seen)
            return x

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, 6)
            self.encoder, self.decoder = Stack(), Stack()

        def forward(self, ids: Tensor) -> Tensor:
            return self.decoder(self.encoder(self.tokens(ids)))

    archive = record(Both(), torch.randint(1, VOCABULARY, (10, 5)), rows="token", y="token")
    assert archive.layers == (
        "tokens",
        *(f"{side}.block.{k}" for side in ("encoder", "decoder") for k in range(2)),
    )


def test_a_mask_that_is_true_everywhere_does_not_explain_padding(
    model: CausalModel, record: Record
) -> None:
    ids, lengths = sentences(40)
    probe = padded(ids, lengths, 12, "right")
    probe["attention_mask"] = torch.ones_like(probe["attention_mask"])
    with pytest.warns(RuntimeWarning, match="attention_mask is true everywhere"):
        record(model, probe, rows="token", y="token")


def test_texts_as_labels_of_tokens_may_be_missing(model: CausalModel, record: Record) -> None:
    ids, lengths = sentences()
    probe = padded(ids, lengths, 9, "right")
    tags = np.where(probe["input_ids"].numpy() % 2 == 0, None, "odd")
    archive = record(model, probe, rows="token", y=tags)
    assert archive.n_rows == int((ids % 2 == 1).sum())


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        (["a b", "c"], "dict\\(tokenizer"),
        ({"input_ids": ["a b", "c"]}, "dict\\(tokenizer"),
        (nn.utils.rnn.pack_sequence([torch.arange(3), torch.arange(2)]), "pad_packed_sequence"),
    ],
)
def test_what_is_no_ids_says_how_to_make_them(
    probe: object, message: str, model: CausalModel, record: Record
) -> None:
    with pytest.raises(InputError, match=message):
        record(model, probe, rows="token")


def test_a_decoder_without_inputs_says_which_are_missing(record: Record) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.T5Config(
        vocab_size=VOCABULARY,
        d_model=8,
        d_kv=4,
        d_ff=8,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
    )
    net = transformers.T5ForConditionalGeneration(config).eval()
    ids, _ = sentences()
    with pytest.raises(ValueError, match="input_ids") as caught:
        record(net, {"input_ids": ids, "labels": ids}, rows="token:input_ids")
    assert any("decoder_input_ids" in note for note in caught.value.__notes__)
